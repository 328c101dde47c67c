package durable

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestWriteReplacesContentAndMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "one")
	for _, c := range []struct {
		text string
		perm fs.FileMode
	}{{"first", 0o600}, {"second", 0o644}, {"", 0o600}} {
		if err := Write(path, []byte(c.text), c.perm); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != c.perm || content(t, path) != c.text {
			t.Errorf("got %q with %v, %v, want %q with %v", content(t, path), info.Mode(), err, c.text, c.perm)
		}
	}
	if got := names(t, filepath.Dir(path)); !slices.Equal(got, []string{"one"}) {
		t.Errorf("the folder holds %q, want one file", got)
	}
}

func TestWriteReplacesALinkAndNotWhatItNames(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "one"), filepath.Join(dir, "other")
	if err := errors.Join(os.WriteFile(other, []byte("kept"), 0o600), os.Symlink(other, path)); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if content(t, other) != "kept" || content(t, path) != "new" {
		t.Errorf("got %q behind the link and %q, want kept and new", content(t, other), content(t, path))
	}
}

func TestCreateReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(Create(file, []byte("first"), 0o644), os.Symlink("nowhere", link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link} {
		if err := Create(path, []byte("second"), 0o600); !errors.Is(err, fs.ErrExist) {
			t.Errorf("create %s: got %v, want fs.ErrExist", path, err)
		}
	}
	if content(t, file) != "first" || len(names(t, dir)) != 2 {
		t.Errorf("got %q among %q, want the first and nothing else", content(t, file), names(t, dir))
	}
}

func TestOneOfManyCreates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "one")
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = Create(path, []byte{byte(i)}, 0o600) })
	}
	wg.Wait()
	made := 0
	for i, err := range errs {
		if err == nil {
			made++
			if content(t, path) != string([]byte{byte(i)}) {
				t.Errorf("%d made it, but it holds %q", i, content(t, path))
			}
		} else if !errors.Is(err, fs.ErrExist) {
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d of %d made it, want one", made, len(errs))
	}
}

// TestFailuresLeaveTheOldFile lets each step fail and looks at what is there.
func TestFailuresLeaveTheOldFile(t *testing.T) {
	broken := errors.New("broken")
	isFolder := func(f *os.File) bool { info, err := f.Stat(); return err == nil && info.IsDir() }
	for _, c := range []struct {
		name string
		disk disk
		want string
	}{
		{"sync of the file", disk{func(*os.File) error { return broken }, os.Rename}, "old"},
		{"name", disk{(*os.File).Sync, func(string, string) error { return broken }}, "old"},
		{"sync of the folder", disk{func(f *os.File) error {
			if isFolder(f) {
				return broken
			}
			return f.Sync()
		}, os.Rename}, "new"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "one")
			if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			err := c.disk.put(path, whole([]byte("new")), 0o600)
			if !errors.Is(err, broken) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error that names the file and its cause", err)
			}
			if got := names(t, filepath.Dir(path)); content(t, path) != c.want || !slices.Equal(got, []string{"one"}) {
				t.Errorf("got %q among %q, want %q alone", content(t, path), got, c.want)
			}
		})
	}
}

// TestContentIsOnTheDiskBeforeItsName would fail if the order were the other one.
func TestContentIsOnTheDiskBeforeItsName(t *testing.T) {
	var steps []string
	d := disk{
		func(f *os.File) error {
			info, err := f.Stat()
			if err != nil {
				return err
			}
			steps = append(steps, map[bool]string{true: "sync folder", false: "sync file"}[info.IsDir()])
			return f.Sync()
		},
		func(from, to string) error { steps = append(steps, "name"); return os.Rename(from, to) },
	}
	if err := d.put(filepath.Join(t.TempDir(), "one"), whole([]byte("x")), 0o600); err != nil {
		t.Fatal(err)
	}
	if want := []string{"sync file", "name", "sync folder"}; !slices.Equal(steps, want) {
		t.Errorf("got %q, want %q", steps, want)
	}
}

func TestASweptFileIsWrittenAgain(t *testing.T) {
	path, swept := filepath.Join(t.TempDir(), "one"), 0
	d := disk{(*os.File).Sync, func(from, to string) error {
		if swept++; swept < tries {
			_ = os.Remove(from)
		}
		return os.Rename(from, to)
	}}
	if err := d.put(path, whole([]byte("new")), 0o600); err != nil || content(t, path) != "new" {
		t.Errorf("got %v, want the file", err)
	}
	swept = -tries
	if err := d.put(path, whole([]byte("newer")), 0o600); !errors.Is(err, fs.ErrNotExist) || content(t, path) != "new" {
		t.Errorf("swept for ever: got %v and %q, want an error and the old content", err, content(t, path))
	}
}

func TestLeftoversOfTheDeadAreSwept(t *testing.T) {
	dir := t.TempDir()
	old, young, ours := filepath.Join(dir, abandoned+"1"), filepath.Join(dir, abandoned+"2"), filepath.Join(dir, ".hidden")
	future := filepath.Join(dir, abandoned+"3") // written before a clock was set back
	for path, age := range map[string]time.Duration{old: time.Hour, young: 0, future: -24 * time.Hour, ours: time.Hour} {
		at := time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(path, []byte("x"), 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Write(filepath.Join(dir, "one"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), []string{filepath.Base(young), ".hidden", "one"}; !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
}

func TestAFolderThatCannotBeWrittenIsTold(t *testing.T) {
	if os.Geteuid() == 0 {
		// Modes do not bind root; a folder of /proc takes no files from anybody.
		if err := Write("/proc/self/one", nil, 0o600); err == nil || !strings.Contains(err.Error(), "/proc/self/one") {
			t.Errorf("got %v, want an error that names the file", err)
		}
		return
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	for _, write := range []func(string, []byte, fs.FileMode) error{Write, Create} {
		if err := write(filepath.Join(dir, "one"), nil, 0o600); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("got %v, want fs.ErrPermission", err)
		}
	}
}

func TestAFullDiskLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("durable", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mounting a small disk wants root: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	path := filepath.Join(dir, "one")
	if err := Write(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := Write(path, make([]byte, 128<<10), 0o600); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("got %v, want ENOSPC", err)
		}
	}
	if got := names(t, dir); content(t, path) != "old" || !slices.Equal(got, []string{"one"}) {
		t.Errorf("got %q among %q, want the old file alone", content(t, path), got)
	}
	if err := Write(path, []byte("new"), 0o600); err != nil || content(t, path) != "new" {
		t.Errorf("with room again: %v, %q", err, content(t, path))
	}
}

func TestMakeFolderMakesAllAndBreaksNothing(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b", "c")
	for range 2 {
		if err := MakeFolder(deep, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(deep); err != nil || info.Mode() != 0o700|os.ModeDir {
		t.Errorf("got %v, %v, want a folder of its owner", info, err)
	}
	file := filepath.Join(dir, "file")
	if err := Write(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if err := MakeFolder(path, 0o700); err == nil || !strings.Contains(err.Error(), "file") {
			t.Errorf("make %s over a file: got %v", path, err)
		}
	}
}

// TestFoldersAreOnTheDiskWithTheirNames: what has a new folder's name is the folder above it, the highest first.
func TestFoldersAreOnTheDiskWithTheirNames(t *testing.T) {
	top := t.TempDir()
	a, b, c := filepath.Join(top, "a"), filepath.Join(top, "a", "b"), filepath.Join(top, "a", "b", "c")
	broken := errors.New("broken")
	var synced []string
	failing := ""
	d := disk{sync: func(f *os.File) error {
		synced = append(synced, f.Name())
		if f.Name() == failing {
			return broken
		}
		return f.Sync()
	}}
	failing = b
	if err := d.makeFolder(c, 0o700); !errors.Is(err, broken) || !slices.Equal(synced, []string{top, a, b}) {
		t.Fatalf("got %v after %q were synced, want the error of the last", err, synced)
	}
	// What was made without its name on the disk is made again, not found.
	synced, failing = nil, ""
	if err := d.makeFolder(c, 0o700); err != nil || !slices.Equal(synced, []string{b}) {
		t.Errorf("again: %v, %q were synced, want the one that was not", err, synced)
	}
	synced = nil
	if err := d.makeFolder(c, 0o700); err != nil || synced != nil {
		t.Errorf("what is there: %v, %q were synced, want nothing", err, synced)
	}
}

// TestAFolderThatSomebodyElseMakesMeanwhileIsKept: its name is brought to the disk too, as whoever made it may be gone.
func TestAFolderThatSomebodyElseMakesMeanwhileIsKept(t *testing.T) {
	top := t.TempDir()
	outer, inner := filepath.Join(top, "outer"), filepath.Join(top, "outer", "inner")
	broken := errors.New("broken")
	for _, want := range []error{nil, broken} {
		synced := 0
		d := disk{sync: func(f *os.File) error {
			if f.Name() == top { // the outer one is there; the inner one is looked for already
				return os.Mkdir(inner, 0o700)
			}
			synced++
			return want
		}}
		if err := d.makeFolder(inner, 0o700); !errors.Is(err, want) || synced != 1 {
			t.Errorf("got %v after %d syncs of the folder above, want %v after one", err, synced, want)
		}
		if info, err := os.Stat(inner); err != nil || !info.IsDir() {
			t.Errorf("with %v: %v, want the folder of the other", want, err)
		}
		if err := os.RemoveAll(outer); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMakeFolderPutsNothingIntoAFolderWhoseNameMayBeLost(t *testing.T) {
	top := t.TempDir()
	broken := errors.New("broken")
	d := disk{sync: func(*os.File) error { return broken }}
	if err := d.makeFolder(filepath.Join(top, "a", "b"), 0o700); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of the first sync", err)
	}
	if left := names(t, top); left != nil {
		t.Errorf("it left %q", left)
	}
}

func TestWhenRoomWaitsForRoomAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries, told := 0, 0
		tell := func(error) { told++ }
		err := WhenRoom(t.Context(), tell, func() error {
			if tries++; tries < 5 {
				return fmt.Errorf("write: %w", &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC})
			}
			return nil
		})
		if err != nil || tries != 5 || told != 1 {
			t.Errorf("got %v after %d tries, told %d times, want no error after 5, told once", err, tries, told)
		}
		for _, other := range []error{fs.ErrPermission, errors.New("broken")} {
			if err := WhenRoom(t.Context(), tell, func() error { return other }); err != other {
				t.Errorf("got %v, want %v at once", err, other)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err = WhenRoom(ctx, tell, func() error { return errors.New("server: meta.inf.tmp: " + syscall.EDQUOT.Error()) })
		if err == nil || !strings.Contains(err.Error(), "make room") || !strings.Contains(err.Error(), "meta.inf.tmp") {
			t.Errorf("got %v, want what is full and what to do", err)
		}
	})
}
