//go:build integration

package module

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestGuestsAreTheirTexts makes sure that the binary forms that the tests run are those of the texts beside them.
func TestGuestsAreTheirTexts(t *testing.T) {
	texts, err := filepath.Glob(filepath.Join("testdata", "*", "*.wat"))
	if err != nil || len(texts) < 80 {
		t.Fatalf("found %d texts: %v", len(texts), err)
	}
	for _, text := range texts {
		binaryOf(t, text, strings.TrimSuffix(text, ".wat")+".wasm", "--debug-names")
	}
	deep := filepath.Join("testdata", "engine", "deep")
	binaryOf(t, deep+".wat", deep+"-stripped.wasm")
}

// binaryOf fails the test unless kept is what wat2wasm makes of text.
func binaryOf(t *testing.T, text, kept string, options ...string) {
	t.Helper()
	made := filepath.Join(t.TempDir(), "made.wasm")
	if out, err := exec.Command("wat2wasm", append(options, text, "-o", made)...).CombinedOutput(); err != nil {
		t.Fatalf("wat2wasm %s: %v\n%s", text, err, out)
	}
	got, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.ReadFile(made); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: make its binary anew with wat2wasm %v (%v)", text, options, err)
	}
}
