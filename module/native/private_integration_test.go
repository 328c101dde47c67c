//go:build integration && linux

package native

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAFullTemporaryFolderIsTold, where, and what to do; when there is room again, code is made.
func TestAFullTemporaryFolderIsTold(t *testing.T) {
	tmp := t.TempDir()
	if err := syscall.Mount("tmpfs", tmp, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("NOT TESTED HERE: a disk of 64 KiB: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(tmp, 0); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("TMPDIR", tmp)
	s := newStoreHere(t, inChild(t, Options{}))
	ballast := filepath.Join(tmp, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 128<<10), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	_, err := seated(t.Context(), t, s, answering(1))
	if err == nil || !strings.Contains(err.Error(), "no space left on device") || !strings.Contains(err.Error(), tmp) || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("told is %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	runs(t, s, answering(1))
}
