//go:build linux

package keyfile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/dodona-oracle/dodona/internal/secret"
)

// TestALookTakesNothingOutOfAPipe: what a start is to read there would be gone, and a pipe that nobody writes to holds up for ever.
func TestALookTakesNothingOutOfAPipe(t *testing.T) {
	named := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(named, 0o600); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	inherited := fmt.Sprintf("/proc/self/fd/%d", r.Fd())
	digits := strings.Repeat("46", 32)
	if _, err := w.WriteString(digits); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	keystore := filepath.Join(t.TempDir(), "keystore")
	if err := os.WriteFile(keystore, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]Key{
		"a key in a named pipe":      {File: named},
		"a key in a pipe":            {File: inherited},
		"a password in a named pipe": {File: keystore, Password: secret.String{File: named}},
		"a password in a pipe":       {File: keystore, Password: secret.String{File: inherited}},
	} {
		if err := key.Look("node.key"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left, err := io.ReadAll(r); err != nil || string(left) != digits {
		t.Errorf("left in the pipe: %q, %v", left, err)
	}
}
