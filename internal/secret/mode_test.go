package secret

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRootMayHandASecretToAGroup as systemd does with credentials, and nobody else may.
func TestRootMayHandASecretToAGroup(t *testing.T) {
	const root, somebody = 0, 1000
	for _, c := range []struct {
		mode  fs.FileMode
		owner int
		told  bool
		want  bool
	}{
		{0o600, somebody, true, true},
		{0o400, somebody, true, true},
		{0o640, somebody, true, false},
		{0o640, root, true, true},
		{0o440, root, true, true},
		{0o640, root, false, false}, // a system that tells no owner
		{0o660, root, true, false},
		{0o650, root, true, false},
		{0o644, root, true, false},
		{0o644, somebody, true, false},
		{0o644 | fs.ModeNamedPipe, somebody, true, true},
	} {
		if got := isKept(c.mode, c.owner, c.told); got != c.want {
			t.Errorf("mode %v of user %d (told %t): %t, want %t", c.mode, c.owner, c.told, got, c.want)
		}
	}
}

// TestNobodyIsToldToLockOthersOutOfWhatIsNoSecret: a system whose accounts only root can read is broken.
func TestNobodyIsToldToLockOthersOutOfWhatIsNoSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(path, []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"), 0o644); err != nil { //nolint:gosec // others may read it
		t.Fatal(err)
	}
	if _, err := (String{File: path}).RevealKey(); !errors.Is(err, ErrMode) || strings.Contains(err.Error(), "chmod") || !strings.Contains(err.Error(), "is it the right file?") {
		t.Errorf("many lines: %v", err)
	}
	none := errors.New("no key")
	if _, err := ReadFile(path, 1000, "key", func([]byte) error { return none }); !errors.Is(err, none) || errors.Is(err, ErrMode) {
		t.Errorf("no key: %v", err)
	}
	if _, err := ReadFile(path, 1000, "key", func([]byte) error { return nil }); !errors.Is(err, ErrMode) || !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Errorf("a key that all may read: %v", err)
	}
}

// TestWhoseFileItIsMustMakeItSafe: whoever does not own a file cannot.
func TestWhoseFileItIsMustMakeItSafe(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("all files are root's to change")
	}
	_, err := (String{File: "/etc/hostname"}).RevealKey()
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the machine has no such file of root's")
	}
	if !errors.Is(err, ErrMode) || !strings.Contains(err.Error(), "as root, run: chown ") {
		t.Errorf("a file of root's: %v", err)
	}
}
