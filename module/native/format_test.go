package native

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// FuzzFileOfTheCache makes sure that nothing counts but what put has written, and that what does not count leaves no file.
func FuzzFileOfTheCache(f *testing.F) {
	folder := f.TempDir()
	made := made{Rewritten: Rewritten{Wasm: emptyModule, Stack: 7}, name: "folder/file", size: 6, file: filepath.Join(folder, "native")}
	path := filepath.Join(folder, "cached")
	if err := os.WriteFile(made.file, []byte("native"), 0o600); err != nil {
		f.Fatal(err)
	}
	if err := put(path, made, sha256.New()); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte(cacheMagic))
	f.Add([]byte{})
	fuzztest.Run(f, func(t *testing.T, b []byte) {
		dir := t.TempDir()
		n, err := take(bytes.NewReader(b), int64(len(b)), sha256.New(), dir)
		if (err == nil) != bytes.Equal(b, good) {
			t.Errorf("%q is taken: %v", b, err)
		}
		if err == nil {
			native, err := os.ReadFile(n.file)
			if err != nil || string(native) != "native" || !bytes.Equal(n.Wasm, emptyModule) || n.Stack != 7 || n.name != made.name || n.size != 6 {
				t.Errorf("taken is %+v with %q (%v)", n, native, err)
			}
			n.discard()
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left are %v (%v)", left, err)
		}
	})
}
