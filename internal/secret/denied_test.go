//go:build unix

package secret

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhoMayNotReadAFileHearsWhatLetsThem, whoever owns it; every other error stays as it is.
func TestWhoMayNotReadAFileHearsWhatLetsThem(t *testing.T) {
	none := errors.New("another error")
	if got := Denied(none, "/etc/passwd"); got != none { //nolint:errorlint // it is the same one
		t.Errorf("got %v", got)
	}
	own := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(own, []byte("swordfish"), 0o200); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{own: "it has mode 0200; run: chmod 600 " + own, "/var/log/no/such": "a folder above it"} {
		if got := Denied(fs.ErrPermission, path); !errors.Is(got, fs.ErrPermission) || !strings.Contains(got.Error(), want) {
			t.Errorf("%s: got %v, want %s", path, got, want)
		}
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(own, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if got := Denied(fs.ErrPermission, own); !strings.Contains(got.Error(), "chgrp dodona "+own+" && chmod 640 "+own) {
			t.Errorf("another user's: %v", got)
		}
		return
	}
	if _, err := os.Stat("/etc/shadow"); err == nil {
		if _, err := (String{File: "/etc/shadow"}).Reveal(); !strings.Contains(err.Error(), "as root, run: chgrp dodona /etc/shadow && chmod 640 /etc/shadow") {
			t.Errorf("root's: %v", err)
		}
	}
}
