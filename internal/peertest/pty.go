package peertest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// Pty returns the paths of two serial ports that a cable connects: what is written to one is read from the other.
func Pty(t testing.TB) (near, far string) {
	t.Helper()
	dir := t.TempDir()
	near, far = filepath.Join(dir, "near"), filepath.Join(dir, "far")
	Start(t, Command{
		Name: Debian(t, "socat"),
		Args: []string{"pty,raw,echo=0,link=" + near, "pty,raw,echo=0,link=" + far},
		Ready: func(context.Context) error {
			if _, err := os.Stat(near); err != nil {
				return err
			}
			_, err := os.Stat(far)
			return err
		},
	})
	return near, far
}
