package peertest

import (
	"os"
	"testing"
)

// ShortFolder returns a folder with a name short enough for the sockets of a peer, which the test's end removes: that of t.TempDir is not.
func ShortFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "peer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // whatever is left
	return dir
}

// Temporary says in the environment of a peer that its temporary files belong in a folder that the test's end removes: what is killed leaves them.
func Temporary(t testing.TB) string {
	t.Helper()
	return "TMPDIR=" + ShortFolder(t)
}
