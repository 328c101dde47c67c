package journal

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

// TestADamagedReaderReadsOn: a reader is a position. Whatever is damaged of it, the node starts, and the reader gets
// everything that it had not finished, at least once.
func TestADamagedReaderReadsOn(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	made := t.TempDir()
	j, err := Open(t.Context(), Config{Dir: made, Node: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := j.Append(t.Context(), reading(2*i), reading(2*i+1)); err != nil {
			t.Fatal(err)
		}
	}
	read(t, j, "other", 10, dodona.TopicReading)
	if err := j.Append(t.Context(), reading(10)); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	stream := filepath.Join("jetstream", "$G", "streams", j.net.stream(streamRaw))
	obs := filepath.Join(stream, "obs", reader("gw-1", "other"))
	junk := []byte{22, 2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	for _, c := range []struct {
		file    string
		content []byte // nil removes it
		all     bool   // it begins again
	}{
		{filepath.Join(obs, "meta.inf"), []byte(`{"name":"oth`), false},
		{filepath.Join(obs, "meta.inf"), []byte(`{"name":"other","no_such_setting":true}`), false},
		{filepath.Join(obs, "meta.inf"), []byte{}, false},
		{filepath.Join(obs, "meta.sum"), nil, false},
		{filepath.Join(obs, "o.dat"), junk, true},
		{filepath.Join(obs, "o.dat"), []byte{0}, true},
		{filepath.Join(stream, "meta.inf"), []byte("{}"), false},
		{filepath.Join(stream, "meta.inf"), nil, false},
		{filepath.Join(stream, "meta.sum"), nil, false},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, c.file)
		if c.content == nil {
			err = os.Remove(path)
		} else {
			err = os.WriteFile(path, c.content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		j := open(t, Config{Dir: dir})
		want := 1
		if c.all {
			want = 11
		}
		if got := read(t, j, "other", want, dodona.TopicReading); len(got) != want || got[want-1].ID != "10" {
			t.Errorf("%s with %.20q: read %d records, want %d up to the last", c.file, c.content, len(got), want)
		}
		if losses, err := j.Audit(t.Context()); err != nil || len(losses) != 0 {
			t.Errorf("%s with %.20q: found %+v, %v, but nothing is lost", c.file, c.content, losses, err)
		}
	}
}

// TestAStartOnAFullDiskWaits: as a running node does, whatever it was about to write.
func TestAStartOnAFullDiskWaits(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for _, used := range []bool{false, true} {
		dir := t.TempDir()
		if err := syscall.Mount("journal", dir, "tmpfs", 0, "size=16m"); err != nil {
			t.Skipf("mounting a small disk wants root: %v", err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		})
		data, filler := filepath.Join(dir, "data"), filepath.Join(dir, "filler")
		if used {
			j, err := Open(t.Context(), Config{Dir: data, Node: "gw-1"})
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Append(t.Context(), reading(1)); err != nil {
				t.Fatal(err)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
		}
		takeAllRoom(t, filler)
		log := &awaited{text: "the disk is full; the start waits", seen: make(chan struct{})}
		opened := make(chan error, 1)
		var j *Journal
		go func() {
			var err error
			j, err = Open(t.Context(), Config{Dir: data, Node: "gw-1", Log: slog.New(slog.NewTextHandler(log, nil))})
			opened <- err
		}()
		select {
		case err := <-opened:
			t.Fatalf("used %v: opened on a full disk: %v", used, err)
		case <-log.seen:
		case <-time.After(time.Minute):
			t.Fatalf("used %v: it neither waits nor says why", used)
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		if err := <-opened; err != nil {
			t.Fatalf("used %v: with room again: %v", used, err)
		}
		if err := j.Append(t.Context(), reading(2)); err != nil {
			t.Error(err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
}

// awaited is a log that says when a text came.
type awaited struct {
	text string
	seen chan struct{}
	once sync.Once
}

func (a *awaited) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(a.text)) {
		a.once.Do(func() { close(a.seen) })
	}
	return len(line), nil
}

// takeAllRoom takes all room of a small disk.
func takeAllRoom(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
