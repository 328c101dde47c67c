package native

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
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
	if err := os.WriteFile(filepath.Join(dead.name, "compile-1.native"), []byte("native"), 0o600); err != nil {
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
	others := []string{held.name, other} // somebody has given other folders of this user such names
	for name, file := range map[string]string{"17": "ledger", "18": "compile-notes", "19": "cached-ledger.db", "sdk": "compile-1.native"} {
		path := filepath.Join(os.TempDir(), privatePrefix+name, file)
		if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		others = append(others, path)
	}
	next, err := newPrivateFolder()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(others, next.name) {
		if _, err := os.Stat(p); err != nil {
			t.Errorf("a folder that somebody has is gone: %v", err)
		}
	}
	if _, err := os.Stat(dead.name); !os.IsNotExist(err) {
		t.Errorf("the folder of a dead process is still there: %v", err)
	}
	for _, p := range []*privateFolder{held, next} {
		if err := p.remove(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(p.name); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", p.name, err)
		}
	}
}

// TestOfAFolderThatWasPutThereNothingIsTouched: another user may change the temporary folder, and has put another folder of this one where the private one was made.
func TestOfAFolderThatWasPutThereNothingIsTouched(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	kept := filepath.Join(os.TempDir(), "mine", "ledger")
	if err := errors.Join(os.Mkdir(filepath.Dir(kept), 0o700), os.WriteFile(kept, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := (&privateFolder{}).take(filepath.Dir(kept)); err == nil || !strings.Contains(err.Error(), os.TempDir()) {
		t.Errorf("it is taken for one that was just made: %v", err)
	}
	lock, err := hold(filepath.Dir(kept))
	if err != nil {
		t.Fatal(err)
	}
	p := &privateFolder{name: filepath.Dir(kept), lock: lock}
	if err := p.remove(); err == nil {
		t.Error("it is removed")
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
}

// TestNothingElseIsTakenForThePrivateFolder: whatever is put in its place, by whoever may write the temporary folder, and whenever that is, native code goes into
// what this process holds, or into a new one.
func TestNothingElseIsTakenForThePrivateFolder(t *testing.T) {
	away := func(t *testing.T, name string) {
		if err := os.Rename(name, name+"-moved"); err != nil {
			t.Fatal(err)
		}
	}
	gone := func(t *testing.T, name string) {
		if err := os.RemoveAll(name); err != nil {
			t.Fatal(err)
		}
	}
	puts := map[string]func(name string) error{
		"nothing": func(string) error { return nil },
		"a link":  func(name string) error { return os.Symlink(filepath.Dir(name), name) },
		"a file":  func(name string) error { return os.WriteFile(name, nil, 0o600) },
		"a folder that others may write": func(name string) error {
			return errors.Join(os.Mkdir(name, 0o700), os.Chmod(name, 0o777))
		},
	}
	for name, put := range puts {
		for at, taken := range map[string]func(*testing.T, string){"removed": gone, "moved": away} {
			t.Run(name+", "+at, func(t *testing.T) {
				t.Setenv("TMPDIR", t.TempDir())
				p, err := newPrivateFolder()
				if err != nil {
					t.Fatal(err)
				}
				was, inner := p.name, "wazero-1-"+runtime.GOARCH+"-"+runtime.GOOS
				taken(t, was)
				if err := put(was); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(p.path, "compile-1.native"), []byte("native"), 0o600); (err == nil) != (at == "moved") {
					t.Errorf("between two loads native code is written: %v", err)
				}
				if err := p.mend(inner); err != nil {
					t.Fatal(err)
				}
				here, err := os.Stat(p.path)
				held, errHeld := p.lock.Stat()
				if err := errors.Join(err, errHeld); err != nil || !isAt(p.name, here) || !os.SameFile(here, held) || p.name == was || here.Mode().Perm() != 0o700 {
					t.Errorf("it is %s now: %v, %v", p.name, here, err)
				}
				if _, err := os.Stat(filepath.Join(p.name, inner)); err != nil {
					t.Error(err)
				}
				if at == "moved" {
					if left, err := os.ReadDir(was + "-moved"); err != nil || len(left) > 0 {
						t.Errorf("in the one that was moved are %v, %v", left, err)
					}
				}
				if _, err := hold(p.name); !errors.Is(err, errTaken) {
					t.Errorf("nobody holds it: %v", err)
				}
				if err := errors.Join(p.remove(), p.remove()); err != nil {
					t.Error(err)
				}
				if _, err := os.Lstat(p.name); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("it is still there: %v", err)
				}
				if list, err := filesBelow(was); name != "nothing" && (err != nil || len(list) > 1) {
					t.Errorf("in what was put there is %v, %v", list, err)
				}
			})
		}
	}
}

// TestNativeCodeIsNotTakenFromAnotherFolder that is put in the place of the private one while the compiler is at work: it loads what the compiler made.
func TestNativeCodeIsNotTakenFromAnotherFolder(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := newStore(t, inChild(t, Options{}))
	was := s.private.name
	s.child.command = append([]string{"/bin/sh", "-c", `mv "$0" "$0-moved" && mkdir -m 777 "$0" && exec "$@"`, was}, s.child.command...)
	runs(t, s, answering(1))
	if list, err := os.ReadDir(was); err != nil || len(list) > 0 {
		t.Errorf("in the other one are %v, %v", list, err)
	}
	if err := errors.Join(os.Remove(was), os.Rename(was+"-moved", was)); err != nil {
		t.Fatal(err)
	}
}

// TestAPrivateFolderThatIsNotOfThisUserAloneIsRefused, and one that cannot be held: nothing is left, and the error says why.
func TestAPrivateFolderThatIsNotOfThisUserAloneIsRefused(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	name := filepath.Join(os.TempDir(), privatePrefix+"1")
	if err := errors.Join(os.Mkdir(name, 0o700), os.Chmod(name, 0o770)); err != nil {
		t.Fatal(err)
	}
	if _, err := hold(name); err == nil || errors.Is(err, errTaken) || !strings.Contains(err.Error(), name) {
		t.Errorf("another one may write it: %v", err)
	}
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chmod(name, 0o700), os.Chown(name, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		if _, err := hold(name); err == nil || errors.Is(err, errTaken) {
			t.Errorf("it is another user's: %v", err)
		}
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	most := syscall.Rlimit{}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &most); err != nil {
		t.Fatal(err)
	}
	few := most
	few.Cur = 0 // what is open stays open
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	_, err := newPrivateFolder()
	if errSet := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &most); errSet != nil {
		t.Fatal(errSet)
	}
	if err == nil || !strings.Contains(err.Error(), syscall.EMFILE.Error()) || !strings.Contains(err.Error(), "ulimit") {
		t.Errorf("without file descriptors: %v", err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// TestAPrivateFolderThatIsGoneIsMadeAnew, when somebody has emptied the temporary folder: by the next load, and for this process alone, though
// something else is there.
func TestAPrivateFolderThatIsGoneIsMadeAnew(t *testing.T) {
	for name, o := range map[string]Options{"child": inChild(t, Options{}), "interpreted": inChild(t, Options{Interpreter: true})} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, o)
			runs(t, s, answering(1))
			gone := func() {
				t.Helper()
				if err := os.RemoveAll(s.private.name); err != nil {
					t.Fatal(err)
				}
			}
			gone()
			other := s.private.name
			if err := os.Symlink(t.TempDir(), other); err != nil {
				t.Fatal(err)
			}
			runs(t, s, answering(2))
			if err := os.Remove(other); err != nil {
				t.Fatal(err)
			}
			gone()
			runs(t, s, answering(3))
			runs(t, s, answering(1))
			info, err := os.Stat(s.dir)
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Fatalf("%v, %v", info, err)
			}
			removeAbandoned()
			if _, err := os.Stat(s.dir); err != nil {
				t.Errorf("it is not held: %v", err)
			}
			if s.example != "" { // a cleaner leaves the folder, and removes what is in it
				if err := os.RemoveAll(filepath.Join(s.dir, filepath.Dir(s.example))); err != nil {
					t.Fatal(err)
				}
			}
			runs(t, s, answering(4))
		})
	}
}

// TestAFolderThatIsNoPrivateOneStaysWhole, though it has the name of one and nobody holds it.
func TestAFolderThatIsNoPrivateOneStaysWhole(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	folder := filepath.Join(os.TempDir(), privatePrefix+"12")
	files := []string{filepath.Join(folder, "compile-34.native"), filepath.Join(folder, "ledger")}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	removeAbandoned()
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
}

// TestAPrivateFolderIsWhereItWasMade: TMPDIR may be relative, and the process go elsewhere.
func TestAPrivateFolderIsWhereItWasMade(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("tmp", 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", "tmp")
	p, err := newPrivateFolder()
	if err != nil {
		t.Fatal(err)
	}
	made := p.name
	t.Chdir(t.TempDir())
	if err := p.mend("wazero-dev-amd64-linux"); err != nil {
		t.Error(err)
	}
	if p.name != made {
		t.Errorf("it was at %s, and is made again at %s", made, p.name)
	}
	if err := p.remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(made); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", made, err)
	}
}

// TestAFolderOfTheCompilerThatStayedIsRemovedByTheNext: removing one takes a descriptor, and there may be none.
func TestAFolderOfTheCompilerThatStayedIsRemovedByTheNext(t *testing.T) {
	s := newStore(t, inChild(t, Options{}))
	left := filepath.Join(s.dir, "compile-7", "wazero-x")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, "native"), make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	runs(t, s, answering(1))
	if list, err := filepath.Glob(filepath.Join(s.dir, "compile-*")); err != nil || len(list) > 0 {
		t.Errorf("%v stays: %v", list, err)
	}
}

// TestNativeCodeThatCannotBeLookedForIsNotNone: none means that modules are interpreted.
func TestNativeCodeThatCannotBeLookedForIsNotNone(t *testing.T) {
	dir := t.TempDir()
	if files, err := nativeFiles(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without wazero's folder: %v, %v", files, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "wazero-x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if files, err := nativeFiles(dir); err != nil || len(files) > 0 {
		t.Errorf("in an empty one: %v, %v", files, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "wazero-x", "00"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if files, err := nativeFiles(dir); err != nil || !slices.Equal(files, []string{"wazero-x/00"}) {
		t.Errorf("in one with a file: %v, %v", files, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "wazero-y"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if files, err := nativeFiles(dir); err == nil {
		t.Errorf("where one cannot be read: %v", files)
	}
}
