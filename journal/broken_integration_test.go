//go:build integration

package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// TestAStoreThatBrokeIsStartedAgain, though the process that keeps it writes nothing, and what hinders that is told.
func TestAStoreThatBrokeIsStartedAgain(t *testing.T) {
	h := startHub(t, Config{Dir: t.TempDir()})
	other := joinAs(t, h.Journal, "gw-2", dodona.Digest{})
	var full atomic.Bool
	full.Store(true)
	check := h.local.Store.Check
	h.local.Store.Check = func() (int64, error) {
		if full.Load() {
			return 0, errors.New("a file is in the way")
		}
		return check()
	}
	h.local.BreakDown("JetStream failed to store a msg: " + syscall.ENOSPC.Error())
	until(t, "it is told", func() bool {
		return strings.Contains(h.Status(t.Context()).Streams[1].Blocked, "a file is in the way")
	})
	full.Store(false)
	until(t, "the store runs", func() bool { return !h.local.Broken() })
	appendEvents(t, other, "after", 1, 10)
	until(t, "nothing is told any more", func() bool { return h.Status(t.Context()).Streams[1].Blocked == "" })
}

// TestAStoreThatCannotBeWrittenIsKept for those who read, until its folder can be written to again; and that is told.
func TestAStoreThatCannotBeWrittenIsKept(t *testing.T) {
	h := startHub(t, Config{Dir: t.TempDir()})
	store := filepath.Join(h.cfg.Dir, "jetstream")
	if err := errors.Join(os.Rename(store, store+"-away"), os.WriteFile(store, nil, 0o600)); err != nil { // nothing can be made there
		t.Fatal(err)
	}
	h.local.BreakDown("Critical write error: " + syscall.EROFS.Error())
	until(t, "it is told", func() bool {
		return strings.Contains(h.Status(t.Context()).Streams[1].Blocked, "not writable")
	})
	if !h.local.Runs() {
		t.Error("the store is stopped, and cannot be started again")
	}
	if err := errors.Join(os.Remove(store), os.Rename(store+"-away", store)); err != nil {
		t.Fatal(err)
	}
	until(t, "the store runs", func() bool { return !h.local.Broken() })
	appendEvents(t, h.Journal, "after", 1, 10)
}

// TestWhatIsLargeWaitsForRoom on a disk that has room for a start of the store and not for a large record beside it: the record breaks nothing, why it
// waits is told, and it is written once there is room.
func TestWhatIsLargeWaitsForRoom(t *testing.T) {
	dir := smallDisk(t)
	limits := Limits{Bytes: 32 * unit.MiB}
	h := startHub(t, Config{Dir: filepath.Join(dir, "d"), Raw: limits, Proof: limits})
	free, err := freeBytes(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, free-minFreeBytes-1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	starts := h.counting()
	done := make(chan error, 1)
	go func() {
		done <- h.Append(t.Context(), dodona.Record{Topic: dodona.TopicReading, Key: "large", ID: "1", Body: make([]byte, 6<<20)})
	}()
	until(t, "it is told", func() bool { return strings.Contains(h.Status(t.Context()).Streams[0].Blocked, "the disk is full") })
	appendEvents(t, h.Journal, "small", 3, 10)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if again := h.counting() - starts; again > 0 {
		t.Errorf("the store was started again %d times", again)
	}
}
