package module

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// TestAPrivateFolderThatNobodyHoldsIsReplaced: a compiler that was at work when the temporary folder was emptied made its path again. While another process
// looks whether it is abandoned, nothing is lost but that load.
func TestAPrivateFolderThatNobodyHoldsIsReplaced(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p, err := newPrivateFolder()
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(p.path, "compile-1")
	if err := errors.Join(os.RemoveAll(p.path), os.MkdirAll(left, 0o755)); err != nil {
		t.Fatal(err)
	}
	other := lockAbandoned(p.path)
	if other == nil {
		t.Fatal("it is not abandoned")
	}
	if err := p.mend("code"); err == nil || !strings.Contains(err.Error(), p.path) {
		t.Errorf("what another process holds is taken: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.mend("code"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what the compiler left is still there: %v", err)
	}
	if lock := lockAbandoned(p.path); lock != nil {
		t.Error("nobody holds the folder")
	}
	if err := p.remove(); err != nil {
		t.Error(err)
	}
}

// TestAPrivateFolderThatIsGoneIsMadeAnew, when somebody has emptied the temporary folder: by the next load, and for this process alone, unless
// something else is there.
func TestAPrivateFolderThatIsGoneIsMadeAnew(t *testing.T) {
	for name, o := range map[string]Options{"child": inChild(t, Options{}), "interpreted": inChild(t, Options{Interpreter: true})} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			e := newTestEngine(t, o)
			load(t, e, guest(t, "count"))
			gone := func() {
				t.Helper()
				if err := os.RemoveAll(e.dir); err != nil {
					t.Fatal(err)
				}
			}
			gone()
			if err := os.Symlink(t.TempDir(), e.dir); err != nil {
				t.Fatal(err)
			}
			if _, err := e.Load(t.Context(), guest(t, "point")); err == nil || !Local(err) {
				t.Errorf("something else is there: %v", err)
			}
			gone()
			for _, module := range []string{"point", "count"} {
				if m, err := e.Load(t.Context(), guest(t, module)); err != nil {
					t.Errorf("%s: %v", module, err)
				} else {
					defer m.Close(t.Context())
				}
			}
			info, err := os.Stat(e.dir)
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Fatalf("%v, %v", info, err)
			}
			removeAbandoned()
			if _, err := os.Stat(e.dir); err != nil {
				t.Errorf("it is not held: %v", err)
			}
			if e.native != "" { // a cleaner leaves the folder, and removes what is in it
				if err := os.RemoveAll(filepath.Join(e.dir, filepath.Dir(e.native))); err != nil {
					t.Fatal(err)
				}
			}
			load(t, e, guest(t, "warm"))
		})
	}
}
