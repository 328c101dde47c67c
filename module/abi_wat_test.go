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

// TestGuestsOfTheABIAreTheirTexts makes sure that the binary forms that the tests run are those of the texts beside them.
func TestGuestsOfTheABIAreTheirTexts(t *testing.T) {
	texts, err := filepath.Glob(filepath.Join("testdata", "abi", "*.wat"))
	if err != nil || len(texts) < 3 {
		t.Fatalf("found %d texts: %v", len(texts), err)
	}
	for _, text := range texts {
		made := filepath.Join(t.TempDir(), "made.wasm")
		if out, err := exec.Command("wat2wasm", text, "-o", made).CombinedOutput(); err != nil {
			t.Fatalf("wat2wasm %s: %v\n%s", text, err, out)
		}
		got, err := os.ReadFile(strings.TrimSuffix(text, ".wat") + ".wasm")
		if err != nil {
			t.Fatal(err)
		}
		if want, err := os.ReadFile(made); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: make its binary anew with wat2wasm (%v)", text, err)
		}
	}
}
