package module

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPrivateFoldersOfTheDeadAreRemoved leaves a folder as a killed process does, beside one that is held.
func TestPrivateFoldersOfTheDeadAreRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	held, err := newPrivateFolder()
	if err != nil {
		t.Fatal(err)
	}
	dead, err := newPrivateFolder()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dead.path, "code"), []byte("native"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dead.lock.Close(); err != nil { // what the kernel does when a process is killed
		t.Fatal(err)
	}
	link := filepath.Join(os.TempDir(), privatePrefix+"link")
	other := t.TempDir()
	if err := os.Symlink(other, link); err != nil {
		t.Fatal(err)
	}
	next, err := newPrivateFolder()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{held.path, next.path, other} {
		if _, err := os.Stat(p); err != nil {
			t.Errorf("a folder that somebody has is gone: %v", err)
		}
	}
	if _, err := os.Stat(dead.path); !os.IsNotExist(err) {
		t.Errorf("the folder of a dead process is still there: %v", err)
	}
	for _, p := range []*privateFolder{held, next} {
		if err := p.remove(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(p.path); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", p.path, err)
		}
	}
}
