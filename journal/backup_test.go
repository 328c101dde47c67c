package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/durable"
)

// archived returns a backup of a folder with a few records, and the folder.
func archived(t testing.TB) (archive []byte, dir string) {
	t.Helper()
	dir = t.TempDir()
	j, err := Open(t.Context(), Config{Dir: dir, Node: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		err := j.Append(t.Context(), dodona.Record{Topic: dodona.TopicEvent, Key: "told", ID: fmt.Sprint(i), Body: bytes.Repeat([]byte("x"), 300)})
		if err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if _, err := WriteBackup(t.Context(), dir, "v1", &out); err != nil { // while it is open
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), dir
}

// restored tries to restore an archive, and returns the folder.
func restored(t testing.TB, archive []byte) (dir string, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backup.tar")
	if err := os.WriteFile(path, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir = filepath.Join(filepath.Dir(path), "new")
	b, err := ReadBackup(t.Context(), f)
	if err == nil {
		err = Restore(t.Context(), f, b, dir)
	}
	if err != nil {
		if _, there := os.Stat(dir); !errors.Is(there, fs.ErrNotExist) {
			t.Errorf("a restore that failed left %s", dir)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".restoring-*")); len(left) > 0 {
			t.Errorf("a restore that failed left %q", left)
		}
	}
	return dir, err
}

// TestARestoredFolderHasAllAndDoubtsWhatCameSince the backup.
func TestARestoredFolderHasAllAndDoubtsWhatCameSince(t *testing.T) {
	archive, _ := archived(t)
	dir, err := restored(t, archive)
	if err != nil {
		t.Fatal(err)
	}
	j := open(t, Config{Dir: dir})
	if got := read(t, j, "all", 20, dodona.TopicEvent); len(got) != 20 {
		t.Errorf("%d records are restored, want 20", len(got))
	}
	if at, err := j.Forgot(t.Context()); err != nil || at.IsZero() {
		t.Errorf("a restored journal may have forgotten claims of before %s, %v, want now", at, err)
	}
	if s := j.Status(t.Context()); len(s.Losses) > 0 || len(s.Damage) > 0 {
		t.Errorf("it tells of losses %v and damage %v", s.Losses, s.Damage)
	}
}

// TestARestoredFolderSaysWhyRecordsAreMissing, also once that has been noted for long, and no longer where more is lost than came after the backup.
func TestARestoredFolderSaysWhyRecordsAreMissing(t *testing.T) {
	fresh := open(t, Config{Dir: t.TempDir()})
	if m, err := fresh.Missing(t.Context()); err != nil || m != (Missing{}) {
		t.Errorf("of a new folder may be missing %+v, %v, want nothing", m, err)
	}
	archive, _ := archived(t)
	dir, err := restored(t, archive)
	if err != nil {
		t.Fatal(err)
	}
	j := open(t, Config{Dir: dir})
	stream := j.net.stream(streamProof)
	why := func(when string, backup bool) {
		t.Helper()
		m, err := j.Missing(t.Context())
		if err != nil || m.Until.IsZero() || m.Backup.IsZero() == backup {
			t.Errorf("%s may be missing %+v, %v, want that a backup is why: %t", when, m, err, backup)
		}
	}
	why("restored", true)
	j.mu.Lock()
	kept := j.holes[stream]
	delete(j.holes, stream)
	j.mu.Unlock()
	why("noted for long", true)
	j.mu.Lock()
	j.holes[stream] = kept
	j.mu.Unlock()
	j.tellLost(stream, time.Now())
	why("damaged since", false)
}

// TestARestoredFolderDoubtsNetworksThatItDoesNotKnow: the original may have gone on to them after the backup, and signed in them. Each first start of one
// is such, and is told as what it is.
func TestARestoredFolderDoubtsNetworksThatItDoesNotKnow(t *testing.T) {
	archive, dir := archived(t)
	for _, fresh := range []string{t.TempDir(), dir} { // where nobody can have been elsewhere
		j := open(t, Config{Dir: fresh, Network: dodona.Digest{7}})
		if at, err := j.Forgot(t.Context()); err != nil || !at.IsZero() {
			t.Errorf("a folder that was never restored may have forgotten claims of before %s, %v", at, err)
		}
	}
	dir, err := restored(t, archive)
	if err != nil {
		t.Fatal(err)
	}
	for _, network := range []dodona.Digest{{7}, {8}} {
		for start := range 2 {
			before := time.Now()
			j, err := Open(t.Context(), Config{Dir: dir, Node: "gw-1", Network: network})
			if err != nil {
				t.Fatal(err)
			}
			if at, err := j.Forgot(t.Context()); err != nil || start == 0 && at.Before(before.Add(-time.Second)) || at.IsZero() {
				t.Errorf("start %d: it may have forgotten claims of before %s, %v, want %s", start, at, err, before)
			}
			if j.Restored().IsZero() {
				t.Errorf("start %d: it does not say that a backup is why", start)
			}
			if s := j.Status(t.Context()); len(s.Losses) > 0 || len(s.Damage) > 0 {
				t.Errorf("start %d: it tells of losses %v and damage %v", start, s.Losses, s.Damage)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestADamagedBackupRestoresNothing, wherever it was cut, changed, or made longer.
func TestADamagedBackupRestoresNothing(t *testing.T) {
	archive, _ := archived(t)
	for at := 0; at < len(archive); at += 1 + len(archive)/97 {
		flipped := bytes.Clone(archive)
		flipped[at] ^= 1 << (at % 8)
		for name, bad := range map[string][]byte{"flipped": flipped, "cut": archive[:at]} {
			if _, err := restored(t, bad); !errors.Is(err, ErrBackup) {
				t.Errorf("%s at %d of %d: %v, want %v", name, at, len(archive), err, ErrBackup)
			}
		}
	}
	for name, bad := range map[string][]byte{
		"longer": append(bytes.Clone(archive), 0), "twice": append(bytes.Clone(archive), archive...), "and half of it": append(bytes.Clone(archive), archive[:len(archive)/2]...),
		"without its middle": append(bytes.Clone(archive[:len(archive)/3]), archive[len(archive)/2:]...), "no more than its end": archive[len(archive)-2560:], "last byte gone": archive[:len(archive)-1], "last byte": append(bytes.Clone(archive[:len(archive)-1]), 1), "of zeros": make([]byte, 1<<16),
	} {
		if _, err := restored(t, bad); !errors.Is(err, ErrBackup) {
			t.Errorf("%s: %v, want %v", name, err, ErrBackup)
		}
	}
}

// TestNothingIsRestoredOverWhatIsThere, but into an empty folder.
func TestNothingIsRestoredOverWhatIsThere(t *testing.T) {
	archive, dir := archived(t)
	path := filepath.Join(t.TempDir(), "backup.tar")
	empty := t.TempDir()
	if err := os.WriteFile(path, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := ReadBackup(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), f, b, dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("over a folder in use: %v", err)
	}
	if err := Restore(t.Context(), f, b, path); err == nil {
		t.Error("over a file: no error")
	}
	if err := Restore(t.Context(), f, b, empty); err != nil {
		t.Errorf("into an empty folder: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Restore(ended, f, b, filepath.Join(t.TempDir(), "x")); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestAFullDiskLeavesNoHalfBackup, and no half folder.
func TestAFullDiskLeavesNoHalfBackup(t *testing.T) {
	archive, dir := archived(t)
	small := t.TempDir()
	if err := syscall.Mount("backup", small, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("mounting a small disk wants root: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(small, 0); err != nil {
			t.Error(err)
		}
	}()
	err := durable.CreateBy(filepath.Join(small, "backup.tar"), func(w io.Writer) error {
		_, err := WriteBackup(t.Context(), dir, "v1", w)
		return err
	}, 0o600)
	if !durable.Full(err) {
		t.Errorf("got %v, want that the disk is full", err)
	}
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(archive); err != nil {
		t.Fatal(err)
	}
	b, err := ReadBackup(t.Context(), f)
	if err == nil {
		err = Restore(t.Context(), f, b, filepath.Join(small, "data"))
	}
	if !durable.Full(err) {
		t.Errorf("got %v, want that the disk is full", err)
	}
	if left, err := os.ReadDir(small); err != nil || len(left) > 0 {
		t.Errorf("left on the disk: %v, %v", left, err)
	}
}

// TestWhatCannotBeReadIsNotSaidToChange: looking again would find the same.
func TestWhatCannotBeReadIsNotSaidToChange(t *testing.T) {
	_, dir := archived(t)
	if err := os.WriteFile(filepath.Join(dir, "strange"), make([]byte, maxSmall+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteBackup(t.Context(), dir, "v1", io.Discard); err == nil || err.Error() != "strange is larger than any file that a node keeps there" {
		t.Errorf("got %v, want the file that is too large, and no more", err)
	}
}

// TestWhatIsNoDataFolderIsNotBackedUp.
func TestWhatIsNoDataFolderIsNotBackedUp(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if _, err := WriteBackup(t.Context(), dir, "v1", io.Discard); err == nil || !strings.Contains(err.Error(), "no data folder") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
