package file

import (
	"os"
	"path/filepath"
	"testing"
)

// TestALogWaitsForTheEndOfItsLastLine alone: a document has none, and what is not there or empty waits for something else.
func TestALogWaitsForTheEndOfItsLastLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.log")
	lines, document := Settings{Path: path, Format: formatLines}, Settings{Path: path, Format: formatDocument}
	if got := lines.Waits(); got != "" {
		t.Errorf("without a file: %s", got)
	}
	for text, waits := range map[string]bool{"": false, "{}": true, "{}\n": false, "{}\r": false, "{}\n{}": true, "{}\r\n": false} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := lines.Waits(); (got != "") != waits {
			t.Errorf("%q: %q", text, got)
		}
		if got := document.Waits(); got != "" {
			t.Errorf("a document of %q: %s", text, got)
		}
	}
}
