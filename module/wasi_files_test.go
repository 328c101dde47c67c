package module

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/module/wasi"
)

// fileGuest may read a directory with what a guest may meet in one, beside a file that it must not read.
func fileGuest(t *testing.T) (s Spec, dir string) {
	t.Helper()
	outside := t.TempDir()
	dir = filepath.Join(outside, "granted")
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "sub", "deep"), 0o755))
	must(os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o644))
	must(os.WriteFile(filepath.Join(dir, "table.csv"), []byte("a,1\nb,2\n"), 0o644))
	must(os.WriteFile(filepath.Join(dir, "sub", "deep", "x"), []byte("x"), 0o644))
	must(os.WriteFile(filepath.Join(dir, "large"), make([]byte, transcriptRoom), 0o644))
	must(os.Symlink("../../secret", filepath.Join(dir, "sub", "up")))
	must(os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "absolute")))
	must(os.Symlink("..", filepath.Join(dir, "parent")))
	must(os.Symlink("table.csv", filepath.Join(dir, "inside")))
	must(os.Symlink("loop", filepath.Join(dir, "loop")))
	must(syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	s = abiGuest(t, "wasi")
	s.Capabilities = manifest.Capabilities{Files: true}
	s.Dir = dir
	return s, dir
}

// open adds a call of path_open below descriptor fd.
func (s *script) open(fd int64, path string, flags, rights, to int64) int {
	p, n := s.text(path)
	return s.call("path_open", fd, lookupFollow, p, n, flags, rights, 0, 0, to)
}

func TestFilesOfTheDirectoryAreRead(t *testing.T) {
	spec, dir := fileGuest(t)
	m := abiModule(t, spec)
	s := newScript(t, "wasi")
	list, count := s.iovecs(outAt+100, 2, outAt+102, 3)
	rest, restCount := s.iovecs(outAt+110, 100)
	path, pathLen := s.text("table.csv")
	s.call("fd_prestat_get", 3, outAt)
	s.call("fd_prestat_dir_name", 3, outAt+8, 1)
	s.open(3, "table.csv", 0, 0, outAt+12)
	s.call("fd_read", 4, list, count, outAt+16)
	s.call("fd_tell", 4, outAt+24)
	s.call("fd_read", 4, rest, restCount, outAt+32)
	s.call("fd_read", 4, rest, restCount, outAt+36)
	s.call("fd_seek", 4, -1, seekEnd, outAt+40)
	s.call("fd_pread", 4, rest, restCount, 6, outAt+48)
	s.call("fd_filestat_get", 4, outAt+300)
	s.call("path_filestat_get", 3, 1, path, pathLen, outAt+400)
	s.call("fd_fdstat_get", 4, outAt+500)
	s.call("fd_close", 4)
	s.call("fd_read", 4, rest, restCount, outAt+36)
	ev := s.event()
	got, out := s.run(m, ev)
	want := make([]int64, len(got))
	want[len(want)-1] = wasi.Badf
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if n, at, left, end, seek, pread := seenInt32(out, 16), seenInt(out, 24), seenInt32(out, 32), seenInt32(out, 36), seenInt(out, 40), seenInt32(out, 48); n != 5 || at != 5 || left != 3 || end != 0 || seek != 7 || pread != 2 {
		t.Errorf("read %d bytes, then at %d; %d and %d more; sought %d; read %d at 6", n, at, left, end, seek, pread)
	}
	if a, b := string(seen(out, 100, 5)), string(seen(out, 110, 4)); a != "a,1\nb" || b != "2\n\n\x00" {
		t.Errorf("read %q and %q", a, b)
	}
	if name, fd := seen(out, 8, 1)[0], seenInt32(out, 12); name != '/' || fd != 4 {
		t.Errorf("the directory is called %q, and the file %d", name, fd)
	}
	for _, at := range []int{300, 400} {
		stat := make([]byte, 64)
		stat[16], stat[24] = fileRegular, 1
		stat[32] = 8
		if got := seen(out, at, 64); !bytes.Equal(got, stat) {
			t.Errorf("file stat %x, want %x", got, stat)
		}
	}
	if rights := seenInt(out, 508); rights&rightWrite != 0 {
		t.Errorf("the file has rights %#x", rights)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	replays(t, spec, ev, out)
}

func TestFilesOutsideOfTheDirectoryCannotBeReached(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	spec, _ := fileGuest(t)
	m := abiModule(t, spec)
	for path, want := range map[string]int64{
		"../secret":               wasi.Notcapable,
		"sub/../../secret":        wasi.Notcapable,
		"..":                      wasi.Notcapable,
		"/etc/passwd":             wasi.Notcapable,
		"/table.csv":              wasi.Notcapable,
		"sub/up":                  wasi.Notcapable,
		"absolute":                wasi.Notcapable,
		"parent/secret":           wasi.Notcapable,
		"parent":                  wasi.Notcapable,
		"loop":                    wasi.Loop,
		"none":                    wasi.Noent,
		"table.csv/x":             wasi.Notdir,
		"":                        wasi.Noent,
		"a\x00b":                  wasi.Inval,
		"a\nb":                    wasi.Inval,
		"\xff":                    wasi.Inval,
		"pipe":                    wasi.Acces,
		strings.Repeat("x", 2000): wasi.Inval,
		// These stay inside.
		"inside":                  0,
		"sub/../table.csv":        0,
		"./sub//deep/./x":         0,
		".":                       0,
		"sub/deep/../../sub/deep": 0,
	} {
		s := newScript(t, "wasi")
		s.open(3, path, 0, 0, outAt)
		p, n := s.text(path)
		s.call("path_filestat_get", 3, 1, p, n, outAt)
		ev := s.event()
		got, out := s.run(m, ev)
		if got[0] != want {
			t.Errorf("open %.40q: got %d, want %d", path, got[0], want)
		}
		if got[1] != want {
			t.Errorf("stat %.40q: got %d, want %d", path, got[1], want)
		}
		if bytes.Contains(out.Transcript, []byte("c2VjcmV0")) { // secret in base64
			t.Errorf("open %.40q: the secret is in the transcript", path)
		}
		replays(t, spec, ev, out)
	}
}

func TestFilesCannotBeWritten(t *testing.T) {
	spec, dir := fileGuest(t)
	m := abiModule(t, spec)
	s := newScript(t, "wasi")
	list, count := s.iovecs(outAt, 2)
	for _, flags := range []int64{openCreate, openExclusive, openTruncate} {
		s.open(3, "table.csv", flags, 0, outAt)
		s.open(3, "new", flags, 0, outAt)
	}
	s.open(3, "table.csv", 0, rightWrite|rightRead, outAt)
	s.open(3, "table.csv", 0, 0, outAt)
	s.call("fd_write", 4, list, count, outAt)
	s.call("fd_write", 3, list, count, outAt)
	p, n := s.text("table.csv")
	s.call("path_unlink_file", 3, p, n)
	s.call("path_create_directory", 3, p, n)
	s.call("path_rename", 3, p, n, 3, p, n-1)
	s.call("fd_filestat_set_size", 4, 0)
	s.call("fd_pwrite", 4, list, count, 0, outAt)
	got, _ := s.run(m, s.event())
	r := int64(wasi.Rofs)
	if diff := cmp.Diff([]int64{r, r, r, r, r, r, r, 0, r, r, wasi.Nosys, wasi.Nosys, wasi.Nosys, wasi.Nosys, wasi.Nosys}, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "table.csv")); string(b) != "a,1\nb,2\n" || err != nil {
		t.Errorf("the file is now %q (%v)", b, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "new")); !os.IsNotExist(err) {
		t.Errorf("a new file: %v", err)
	}
}

func TestDirectoriesAreListedSorted(t *testing.T) {
	spec, _ := fileGuest(t)
	m := abiModule(t, spec)
	s := newScript(t, "wasi")
	s.open(3, ".", openDirectory, 0, outAt)
	s.call("fd_readdir", 4, outAt+100, 1000, 0, outAt+8)
	s.call("fd_readdir", 4, outAt+1200, 30, 6, outAt+12) // has room for less than two
	s.call("fd_readdir", 4, outAt+1300, 30, 99, outAt+16)
	s.open(4, "sub/deep", 0, 0, outAt)
	s.open(5, "x", 0, 0, outAt)
	s.open(5, "../deep/x", openDirectory, 0, outAt)
	s.call("fd_readdir", 6, outAt+100, 100, 0, outAt+8)
	list, count := s.iovecs(outAt, 2)
	s.call("fd_read", 5, list, count, outAt+20)
	s.call("fd_seek", 5, 0, 0, outAt+20)
	ev := s.event()
	got, out := s.run(m, ev)
	if diff := cmp.Diff([]int64{0, 0, 0, 0, 0, 0, wasi.Notdir, wasi.Notdir, wasi.Isdir, wasi.Badf}, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	var names []string
	listing := seen(out, 100, int(seenInt32(out, 8)))
	for len(listing) > 0 {
		size := binary.LittleEndian.Uint32(listing[16:])
		names = append(names, string(listing[direntSize:][:size])+map[byte]string{fileDirectory: "/", fileRegular: "", fileLink: "@"}[listing[20]])
		if next := binary.LittleEndian.Uint64(listing); int(next) != len(names) {
			t.Errorf("entry %d says that the next is %d", len(names)-1, next)
		}
		listing = listing[direntSize+size:]
	}
	if diff := cmp.Diff([]string{"absolute@", "inside@", "large", "loop@", "parent@", "sub/", "table.csv"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if a, b := seenInt32(out, 12), seenInt32(out, 16); a != 30 || b != 0 {
		t.Errorf("cut listings have %d and %d bytes, want 30 and 0", a, b)
	}
	replays(t, spec, ev, out)
}

// TestLinksAreWhatTheLookupSays holds stat and open against lstat and O_NOFOLLOW.
func TestLinksAreWhatTheLookupSays(t *testing.T) {
	spec, dir := fileGuest(t)
	if err := os.Symlink("sub", filepath.Join(dir, "link-dir")); err != nil {
		t.Fatal(err)
	}
	m := abiModule(t, spec)
	for _, c := range []struct {
		path               string
		follow             int64
		stat, kind, opened int64
		size               int64
	}{
		{"inside", lookupFollow, 0, fileRegular, 0, 8},
		{"inside", 0, 0, fileLink, wasi.Loop, 9}, // "table.csv"
		{"link-dir", lookupFollow, 0, fileDirectory, 0, 0},
		{"link-dir", 0, 0, fileLink, wasi.Loop, 3},
		{"link-dir/", 0, 0, fileDirectory, 0, 0},
		{"link-dir/deep/x", 0, 0, fileRegular, 0, 1}, // only the end counts
		{"table.csv", 0, 0, fileRegular, 0, 8},
		{"sub", 0, 0, fileDirectory, 0, 0},
		{"loop", 0, 0, fileLink, wasi.Loop, 4},
		{"loop", lookupFollow, wasi.Loop, 0, wasi.Loop, 0},
		{"sub/up", lookupFollow, wasi.Notcapable, 0, wasi.Notcapable, 0},
		{"sub/up", 0, 0, fileLink, wasi.Loop, 12},
		{"parent/secret", 0, wasi.Notcapable, 0, wasi.Notcapable, 0},
	} {
		s := newScript(t, "wasi")
		p, n := s.text(c.path)
		s.call("path_filestat_get", 3, c.follow, p, n, outAt+100)
		s.call("path_open", 3, c.follow, p, n, 0, 0, 0, 0, outAt)
		ev := s.event()
		got, out := s.run(m, ev)
		kind, size := int64(seen(out, 116, 1)[0]), seenInt(out, 132)
		if got[0] != c.stat || kind != c.kind || size != c.size || got[1] != c.opened {
			t.Errorf("%s with flags %d: stat %d, kind %d, size %d; open %d, want %+v", c.path, c.follow, got[0], kind, size, got[1], c)
		}
		replays(t, spec, ev, out)
	}
}

func TestFilesAreBounded(t *testing.T) {
	spec, _ := fileGuest(t)
	m := abiModule(t, spec)
	s := newScript(t, "wasi")
	s.open(3, "large", 0, 0, outAt)
	for range maxFiles + 1 {
		s.open(3, "table.csv", 0, 0, outAt)
	}
	s.call("fd_close", 4)
	for range maxOpens {
		s.open(3, "none", 0, 0, outAt)
	}
	p, n := s.text("none")
	for range maxLooks + 1 {
		s.call("path_filestat_get", 3, 0, p, n, outAt)
	}
	ev := s.event()
	got, out := s.run(m, ev)
	var want []int64
	times := func(n int, v int64) {
		for range n {
			want = append(want, v)
		}
	}
	times(1, wasi.Fbig)
	times(maxFiles, 0)
	times(1, wasi.Mfile)
	times(1, 0)
	times(maxOpens-maxFiles-2, wasi.Noent)
	times(maxFiles+2, wasi.Nobufs)
	times(maxLooks, wasi.Noent)
	times(1, wasi.Nobufs)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	replays(t, spec, ev, out)
	// What one event opened, the next one does not have.
	s = newScript(t, "wasi")
	s.call("fd_tell", 4, outAt)
	if got, _ := s.run(m, s.event()); got[0] != wasi.Badf {
		t.Errorf("a descriptor of the event before: got %d", got[0])
	}
	spec.Dir = ""
	if _, err := newTestEngine(t, Options{}).Load(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "no directory") {
		t.Errorf("files without a directory: %v", err)
	}
}
