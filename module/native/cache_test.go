package native

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// keeping are the options of a store with a cache.
func keeping(t *testing.T, dir string, key byte, counts *telemetrytest.Tally) Options {
	return inChild(t, Options{Dir: dir, Key: bytes.Repeat([]byte{key}, 32), Recorder: counts})
}

// cacheFile is the only file of a cache.
func cacheFile(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the cache has %q (%v), want one file", files, err)
	}
	return files[0]
}

func TestCacheSparesTheSecondCompilation(t *testing.T) {
	for name, o := range map[string]Options{"child": inChild(t, Options{}), "process": {}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first, second := new(telemetrytest.Tally), new(telemetrytest.Tally)
			o.Dir, o.Key, o.Recorder = dir, bytes.Repeat([]byte{7}, 32), first
			runs(t, newStore(t, o), answering(1))
			first.Want(t, "empty cache", fates, 1, 0, 0)
			info, err := os.Stat(cacheFile(t, dir))
			if err != nil || info.Mode() != 0o600 {
				t.Errorf("the file's mode is %v (%v), want 0600", info.Mode(), err)
			}
			o.Recorder = second
			s := newStore(t, o)
			code, err := s.Find(guestOne(answering(1)))
			if err != nil {
				t.Fatal(err)
			}
			if kept, found := code.Kept(); !found || !bytes.Equal(kept.Wasm, answering(1)) || kept.Stack != 7 {
				t.Errorf("kept with the code is %+v, %t", kept, found)
			}
			code.Discard()
			runs(t, s, answering(1))
			second.Want(t, "warm cache", fates, 0, 1, 0)
		})
	}
}

// TestLoadsOfOneModuleAtOnceCompileItOnce: those that looked into the cache before there was anything, and waited, look again.
func TestLoadsOfOneModuleAtOnceCompileItOnce(t *testing.T) {
	for name, o := range map[string]Options{"child": inChild(t, Options{}), "process": {}} {
		t.Run(name, func(t *testing.T) {
			counts := new(telemetrytest.Tally)
			o.Dir, o.Key, o.Recorder = t.TempDir(), bytes.Repeat([]byte{7}, 32), counts
			s := newStore(t, o)
			var all []*Code // found before any is loaded
			for range 4 {
				code, err := s.Find(guestOne(answering(1)))
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, code)
			}
			var loading sync.WaitGroup
			for _, code := range all {
				by := newSeat(t, s, answering(1))
				loading.Go(func() {
					if err := code.Load(t.Context(), Rewritten{Wasm: by.wasm}, by); err != nil {
						t.Error(err)
					} else {
						by.answers(t)
					}
				})
			}
			loading.Wait()
			counts.Want(t, "loads at once", fates, 1, uint64(len(all)-1), 0)
		})
	}
}

func TestCacheFileThatIsNotAsWrittenIsCompiledAgain(t *testing.T) {
	dir := t.TempDir()
	runs(t, newStore(t, keeping(t, dir, 1, new(telemetrytest.Tally))), answering(1))
	path := cacheFile(t, dir)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := func(i int) []byte {
		b := bytes.Clone(good)
		b[i] ^= 0x40
		return b
	}
	short := good[:bytes.LastIndex(good, []byte("WAZEVO"))] // up to the native code
	none := append(bytes.Clone(short[:len(short)-4]), 0, 0, 0, 0)
	bad := map[string][]byte{
		"no native code":  none,
		"native code cut": short,
		"empty":           nil,
		"magic alone":     good[:len(cacheMagic)],
		"no body":         good[:len(cacheMagic)+32],
		"half":            good[:len(good)/2],
		"last byte lost":  good[:len(good)-1],
		"byte added":      append(bytes.Clone(good), 0),
		"other magic":     flipped(3),
		"other code":      flipped(len(cacheMagic) + 5),
		"other name":      flipped(len(cacheMagic) + 32 + 40),
		"last byte":       flipped(len(good) - 1),
		"native code":     flipped(len(good) - 200),
		"length of name":  flipped(len(cacheMagic) + 32),
		"wazero's own":    good[bytes.LastIndex(good, []byte("WAZEVO")):],
		"something else":  []byte("#!/bin/sh\nexit 0\n"),
		"another's bytes": bytes.Repeat([]byte{0xcc}, len(good)),
	}
	for name, b := range bad {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			c := new(telemetrytest.Tally)
			s := newStore(t, keeping(t, dir, 1, c))
			runs(t, s, answering(1))
			c.Want(t, "damaged file", fates, 1, 0, 1)
			if left, err := filesBelow(s.private.name); err != nil || len(left) > 0 {
				t.Errorf("the private folder has %v (%v)", left, err)
			}
			if mended, err := os.ReadFile(path); err != nil || !bytes.Equal(mended, good) {
				t.Errorf("the file was not written anew (%v)", err)
			}
		})
	}
}

func TestCacheFileOfAnotherNodeOrModuleIsNotUsed(t *testing.T) {
	dir := t.TempDir()
	runs(t, newStore(t, keeping(t, dir, 1, new(telemetrytest.Tally))), answering(1))
	mine := cacheFile(t, dir)

	t.Run("another key", func(t *testing.T) {
		c := new(telemetrytest.Tally)
		runs(t, newStore(t, keeping(t, dir, 2, c)), answering(1))
		c.Want(t, "another key", fates, 1, 0, 1)
	})
	t.Run("another module", func(t *testing.T) {
		other := t.TempDir()
		runs(t, newStore(t, keeping(t, other, 2, new(telemetrytest.Tally))), answering(2))
		foreign, err := os.ReadFile(cacheFile(t, other))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(mine, foreign, 0o600); err != nil {
			t.Fatal(err)
		}
		c := new(telemetrytest.Tally)
		runs(t, newStore(t, keeping(t, dir, 2, c)), answering(1))
		c.Want(t, "another module's file", fates, 1, 0, 1)
	})
}

// TestCacheFileUnderNoNameOfNativeCodeIsNotUsed, though this node has written it: a name says where the code is put.
func TestCacheFileUnderNoNameOfNativeCodeIsNotUsed(t *testing.T) {
	code := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(code, []byte("code"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, of := range map[string]func(example string) string{
		"none":           func(string) string { return "" },
		"outside":        func(example string) string { return "../" + example },
		"another folder": func(example string) string { return "wazero-other/" + filepath.Base(example) },
		"too short":      func(example string) string { return example[:len(example)-1] },
		"no hexadecimal": func(example string) string { return example[:len(example)-1] + "x" },
	} {
		t.Run(name, func(t *testing.T) {
			c := new(telemetrytest.Tally)
			s := newStore(t, keeping(t, t.TempDir(), 1, c))
			entry := s.entry(guestOne(answering(1)))
			kept := made{Rewritten: Rewritten{Wasm: answering(1)}, name: of(s.example), size: 4, file: code}
			if err := put(entry.path, kept, entry.sum()); err != nil {
				t.Fatal(err)
			}
			runs(t, s, answering(1))
			c.Want(t, name, fates, 1, 0, 1)
			if left, err := filesBelow(s.private.name); err != nil || len(left) > 0 {
				t.Errorf("the private folder has %v (%v)", left, err)
			}
		})
	}
}

// TestCodeOfAnotherRewritingIsNotLoaded: what is kept while a load waits is of a module that was rewritten otherwise.
func TestCodeOfAnotherRewritingIsNotLoaded(t *testing.T) {
	c := new(telemetrytest.Tally)
	s := newStore(t, keeping(t, t.TempDir(), 1, c))
	guest := guestOne(answering(1))
	var all []*Code // found before any is loaded
	for range 2 {
		code, err := s.Find(guest)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, code)
	}
	for i, code := range all {
		by := newSeat(t, s, answering(byte(i+1)))
		if err := code.Load(t.Context(), Rewritten{Wasm: by.wasm}, by); err != nil {
			t.Fatal(err)
		}
		by.answers(t)
		code.Discard()
	}
	c.Want(t, "two rewritings", fates, 2, 0, 0)
	if left, err := filesBelow(s.private.name); err != nil || len(left) > 0 {
		t.Errorf("the private folder has %v (%v)", left, err)
	}
}

func TestCachePathThatIsNoFileIsNotUsed(t *testing.T) {
	dir := t.TempDir()
	runs(t, newStore(t, keeping(t, dir, 1, new(telemetrytest.Tally))), answering(1))
	path := cacheFile(t, dir)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.WriteFile(elsewhere, good, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, put := range map[string]func() error{
		"link":   func() error { return os.Symlink(elsewhere, path) },
		"pipe":   func() error { return unix.Mkfifo(path, 0o600) },
		"folder": func() error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := errors.Join(os.RemoveAll(path), put()); err != nil {
				t.Fatal(err)
			}
			c := new(telemetrytest.Tally)
			runs(t, newStore(t, keeping(t, dir, 1, c)), answering(1))
			c.Want(t, name, fates, 1, 0, 1)
		})
	}
}

func TestCacheFolderThatCannotBeWrittenIsNoError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	s := newStore(t, keeping(t, dir, 1, new(telemetrytest.Tally)))
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	runs(t, s, answering(1))
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want no folder: the test shows nothing", err)
	}
}

func TestCacheKeepsWithinItsBounds(t *testing.T) {
	dir := t.TempDir()
	s := newStore(t, keeping(t, dir, 1, new(telemetrytest.Tally)))
	for i := range cacheFiles + 10 {
		if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i/26))+string(rune('a'+i%26))+cacheSuffix), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	runs(t, s, answering(1))
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != cacheFiles {
		t.Errorf("the cache has %d files (%v), want %d", len(files), err, cacheFiles)
	}
}

// filesBelow returns the files in a folder and in its folders.
func filesBelow(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path)
		}
		return err
	})
	return files, err
}

// TestCacheFileTakesNoMemoryBeforeItIsAuthenticated: the lengths in a file are what whoever wrote it says.
func TestCacheFileTakesNoMemoryBeforeItIsAuthenticated(t *testing.T) {
	dir := t.TempDir()
	c := new(telemetrytest.Tally)
	s := newStore(t, keeping(t, dir, 1, c))
	runs(t, s, answering(1))
	entry, path := s.entry(guestOne(answering(1))), cacheFile(t, dir)
	long := []byte{3, 0xe0, 0, 0} // 62 MiB
	name, stack := append([]byte{0, 0, 0, 1}, 'n'), []byte{0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0}
	files := map[string][]byte{
		"name": long, "stack": slices.Concat(name, long), "rewritten module": slices.Concat(name, stack, long),
	}
	for what, b := range files {
		if err := os.WriteFile(path, slices.Concat([]byte(cacheMagic), make([]byte, 32), b), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 64<<20); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		n := entry.read()
		runtime.ReadMemStats(&after)
		if n != nil {
			t.Errorf("%s: the file is used", what)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
			t.Errorf("a file that claims a long %s takes %s before it is refused", what, unit.About(int64(took)))
		}
	}
	c.Want(t, "files of another", fates, 1, 0, uint64(len(files)))
	if left, err := filesBelow(s.private.name); err != nil || len(left) > 0 {
		t.Errorf("the private folder has %v (%v)", left, err)
	}
}

// TestFileThatTheMachineCannotUseStays: a folder for temporary files that takes none for a while says nothing about native code that is kept.
func TestFileThatTheMachineCannotUseStays(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	for name, full := range map[string]func(s *Store){
		"no folder": func(s *Store) { s.dir = filepath.Join(s.dir, "gone") },
		"no file descriptor": func(*Store) {
			if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Max: limit.Max}); err != nil { // of new ones
				t.Fatal(err)
			}
		},
	} {
		dir, c := t.TempDir(), new(telemetrytest.Tally)
		runs(t, newStore(t, keeping(t, dir, 1, new(telemetrytest.Tally))), answering(1))
		path := cacheFile(t, dir)
		s := newStore(t, keeping(t, dir, 1, c))
		was := s.dir
		full(s)
		_, err := seated(t.Context(), t, s, answering(1))
		s.dir = was
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			t.Errorf("%s: it was loaded: the test shows nothing", name)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: what was kept is gone: %v", name, err)
		}
		runs(t, s, answering(1))
		c.Want(t, name, fates[1:], 1, 0)
	}
}
