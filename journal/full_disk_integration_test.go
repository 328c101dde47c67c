//go:build integration

package journal

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// leaveRoom takes all of a disk but so many bytes.
func leaveRoom(t *testing.T, dir string, bytes int64) {
	t.Helper()
	free, err := freeBytes(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, free-bytes), 0o600); err != nil {
		t.Fatal(err)
	}
}

func enlarge(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
}

// parts returns records that are written as one batch.
func parts(n, bytes int) (recs []dodona.Record) {
	for i := range n {
		recs = append(recs, dodona.Record{Topic: dodona.TopicReading, Key: "large", ID: strconv.Itoa(i), Body: make([]byte, bytes)})
	}
	return recs
}

var smallStreams = Limits{Bytes: 32 * unit.MiB}

// TestAStoreThatOthersUseIsStoppedWhileItsDiskIsFull, though it was not yet asked to write: of each batch that it could not stage it would keep a file
// open. What it waits for is told, others come back by themselves, nothing is taken for lost, and it can be closed meanwhile.
func TestAStoreThatOthersUseIsStoppedWhileItsDiskIsFull(t *testing.T) {
	dir := smallDisk(t)
	var told logtest.Text
	h := startHub(t, Config{Dir: filepath.Join(dir, "d"), Raw: smallStreams, Proof: smallStreams, Log: slog.New(slog.NewTextHandler(&told, nil))})
	other := open(t, Config{Node: "gw-2", Network: dodona.Digest{9}, URL: "nats://" + h.Addr().String(), Raw: smallStreams, Proof: smallStreams})
	appendEvents(t, h.Journal, "before", 3, 10)
	appendEvents(t, other, "before", 3, 10)
	leaveRoom(t, dir, probeBytes/2)
	until(t, "the store is stopped", func() bool { return !h.local.Runs() })
	done := make(chan error, 1)
	go func() { done <- other.Append(t.Context(), parts(2, 100)...) }()
	until(t, "it is told", func() bool {
		return strings.Contains(h.Status(t.Context()).Streams[1].Blocked, "the disk is full: 0 MiB are free, 4 MiB are needed")
	})
	until(t, "others are told", func() bool { return !other.Status(t.Context()).Connected })
	if n := told.Times("the disk is full: 0 MiB are free"); n == 0 {
		t.Errorf("the log does not tell:\n%s", told.String())
	}
	enlarge(t, dir)
	if err := <-done; err != nil {
		t.Error(err)
	}
	appendEvents(t, h.Journal, "after", 3, 10)
	for _, bus := range []string{h.net.stream(streamProof), other.net.stream(streamProof)} {
		if h.hasHole(bus) {
			t.Errorf("stream %s is said to have lost something", bus)
		}
	}
	if damage := h.Status(t.Context()).Damage; len(damage) > 0 {
		t.Errorf("damage is told: %+v", damage)
	}
	if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	leaveRoom(t, dir, probeBytes/2)
	until(t, "the store is stopped again", func() bool { return !h.local.Runs() }) // and so closed by the end of the test
}

// TestAStoreDoesNotWaitForRoomThatItHolds: a batch of another process, which does not know the disk, is staged, and its second copy does not fit.
func TestAStoreDoesNotWaitForRoomThatItHolds(t *testing.T) {
	dir := smallDisk(t)
	h := startHub(t, Config{Dir: filepath.Join(dir, "d"), Raw: smallStreams, Proof: smallStreams})
	other := open(t, Config{Node: "gw-2", Network: dodona.Digest{9}, URL: "nats://" + h.Addr().String(), Raw: smallStreams, Proof: smallStreams})
	appendEvents(t, other, "before", 3, 10)
	leaveRoom(t, dir, 9<<20)
	starts := h.counting()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- other.Append(ctx, parts(6, 900<<10)...) }()
	until(t, "the store is started again", func() bool { return h.counting() > starts && !h.local.Broken() })
	appendEvents(t, h.Journal, "small", 3, 10)
	enlarge(t, dir)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := all(t, other, dodona.TopicReading, "large"); len(got) != 6 {
		t.Errorf("%d records are there, want 6", len(got))
	}
}

// TestABatchWaitsForRoomForTwice its size, for it is staged before it is written.
func TestABatchWaitsForRoomForTwice(t *testing.T) {
	dir := smallDisk(t)
	h := startHub(t, Config{Dir: filepath.Join(dir, "d"), Raw: smallStreams, Proof: smallStreams})
	leaveRoom(t, dir, minFreeBytes+4<<20)
	starts := h.counting()
	done := make(chan error, 1)
	go func() { done <- h.Append(t.Context(), parts(3, 1<<20)...) }()
	until(t, "it is told", func() bool { return strings.Contains(h.Status(t.Context()).Streams[0].Blocked, "the disk is full") })
	enlarge(t, dir)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if again := h.counting() - starts; again > 0 {
		t.Errorf("the store was started again %d times", again)
	}
}

// TestWhatWasGatheredIsWrittenInParts where it does not fit at once.
func TestWhatWasGatheredIsWrittenInParts(t *testing.T) {
	dir := smallDisk(t)
	j := open(t, Config{Dir: filepath.Join(dir, "d"), Raw: smallStreams, Proof: smallStreams})
	leaveRoom(t, dir, minFreeBytes+5<<20)
	var group []*pending
	for _, r := range parts(4, 1<<20) {
		r.Node = j.cfg.Node
		group = append(group, &pending{recs: []dodona.Record{r}, bytes: len(r.Body), done: make(chan error, 1)})
	}
	l := j.lanes[streamRaw]
	if err := l.visit(t.Context(), func() { l.flush(group) }); err != nil {
		t.Fatal(err)
	}
	for i, r := range all(t, j, dodona.TopicReading, "large") {
		if r.ID != strconv.Itoa(i) {
			t.Errorf("%s is at place %d", r.ID, i)
		}
	}
	if l.head.Sequence != 4 {
		t.Errorf("%d are written, want 4", l.head.Sequence)
	}
}

// TestLargeFlightsDoNotShareRoom: of two lanes that each write what is large, one waits.
func TestLargeFlightsDoNotShareRoom(t *testing.T) {
	dir := smallDisk(t)
	h := startHub(t, Config{Dir: filepath.Join(dir, "d"), Raw: smallStreams, Proof: smallStreams})
	leaveRoom(t, dir, minFreeBytes+5<<20)
	release, err := h.holdRoom(3 << 20)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.lanes[streamRaw].roomOnDisk(3 << 20); !errors.Is(err, errNoRoom) {
		t.Errorf("there is room for 5 MiB, and for 3 MiB beside 3 MiB: %v", err)
	}
	release()
	if err := h.lanes[streamRaw].roomOnDisk(3 << 20); err != nil {
		t.Error(err)
	}
}

// TestAFlightAsksForRoomEachTime it is sent: the disk may have become full since it was gathered.
func TestAFlightAsksForRoomEachTime(t *testing.T) {
	dir := smallDisk(t)
	h := startHub(t, Config{Dir: filepath.Join(dir, "d"), Raw: smallStreams, Proof: smallStreams})
	leaveRoom(t, dir, minFreeBytes+1<<20)
	l := h.lanes[streamRaw]
	p := &pending{recs: parts(1, 3<<20), done: make(chan error, 1)}
	p.state.Store(flying)
	var left []*pending
	var err error
	if visited := l.visit(t.Context(), func() { left, err = l.fly(l.chain([]*pending{p})) }); visited != nil {
		t.Fatal(visited)
	}
	if !errors.Is(err, errNoRoom) || len(left) != 1 || p.state.Load() != waiting {
		t.Errorf("%d wait: %v; want 1, %v", len(left), err, errNoRoom)
	}
}

// TestACloseBehindAStartLosesNothing: the client is not connected yet when the store is asked what it dropped.
func TestACloseBehindAStartLosesNothing(t *testing.T) {
	h := &hub{cfg: Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", Node: "srv"}}
	h.start(t)
	appendEvents(t, h.Journal, "before", 3, 10)
	starts := h.counting()
	h.local.BreakDown("Critical write error: " + syscall.ENOSPC.Error())
	until(t, "the store is started again", func() bool { return h.counting() > starts && !h.local.Broken() })
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(h.cfg.Dir, holeFile+h.net.stream(streamProof))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is said to be lost: %v", err)
	}
}

// TestAFullStoreIsNoticedWhereTheSystemTellsOfRoom: it counts no quota, no inodes, and another disk below the data folder only if it is asked there.
func TestAFullStoreIsNoticedWhereTheSystemTellsOfRoom(t *testing.T) {
	inodes := func(t *testing.T, small string) {
		if err := syscall.Mount("tmpfs", small, "tmpfs", syscall.MS_REMOUNT, "size=64m,nr_inodes=400"); err != nil {
			t.Fatal(err)
		}
		for n := 0; ; n++ {
			if err := os.WriteFile(filepath.Join(small, strconv.Itoa(n)), nil, 0o600); err != nil {
				return
			}
		}
	}
	for name, c := range map[string]struct {
		fill   func(t *testing.T, small string)
		notice func(h *hub)
		why    string
	}{
		"inodes, by what it wants to write": {inodes, func(h *hub) { go func() { _ = h.Append(h.ctx, parts(3, 1000)...) }() }, "the inodes of the disk are used up"},
		"inodes, by a trial":                {inodes, func(h *hub) { h.lookForRoom(true) }, "the inodes of the disk are used up"},
		"a disk of its own":                 {func(t *testing.T, small string) { leaveRoom(t, small, 0) }, func(*hub) {}, "the disk is full: 0 MiB are free"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, small := t.TempDir(), smallDisk(t)
			if err := os.Symlink(small, filepath.Join(dir, "jetstream")); err != nil {
				t.Fatal(err)
			}
			h := startHub(t, Config{Dir: dir, Raw: smallStreams, Proof: smallStreams})
			other := open(t, Config{Node: "gw-2", Network: dodona.Digest{9}, URL: "nats://" + h.Addr().String(), Raw: smallStreams, Proof: smallStreams})
			appendEvents(t, other, "before", 3, 10)
			c.fill(t, small)
			c.notice(h)
			until(t, "the store is stopped", func() bool { return !h.local.Runs() })
			done := make(chan error, 1)
			go func() { done <- other.Append(t.Context(), parts(3, 1000)...) }()
			until(t, "it is told", func() bool { return strings.Contains(h.Status(t.Context()).Streams[1].Blocked, c.why) })
			list, err := os.ReadDir(small)
			for _, e := range list {
				if !e.IsDir() {
					err = errors.Join(err, os.Remove(filepath.Join(small, e.Name())))
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
			if damage := h.Status(t.Context()).Damage; len(damage) > 0 {
				t.Errorf("damage is told: %+v", damage)
			}
		})
	}
}

// TestAStartOnAFullDiskTellsOfNoDamage: each try leaves behind what it had no room to write.
func TestAStartOnAFullDiskTellsOfNoDamage(t *testing.T) {
	dir := smallDisk(t)
	var told logtest.Text
	cfg := Config{Dir: filepath.Join(dir, "d"), Node: "srv", Raw: smallStreams, Proof: smallStreams, Log: slog.New(slog.NewTextHandler(&told, nil))}
	j := open(t, cfg)
	appendEvents(t, j, "before", 5, 1000)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := filepath.Glob(filepath.Join(streamsDir(cfg.Dir), "*", "msgs", "index.db"))
	if err != nil || len(list) == 0 {
		t.Fatalf("%d indexes: %v", len(list), err)
	}
	for _, index := range list { // as after a kill
		if err := os.Remove(index); err != nil {
			t.Fatal(err)
		}
	}
	leaveRoom(t, dir, 0)
	done := make(chan *Journal, 1)
	go func() { done <- open(t, cfg) }()
	until(t, "it has tried", func() bool { return told.Times("the disk is full; the start waits until there is room") > 0 })
	enlarge(t, dir)
	if damage := (<-done).Status(t.Context()).Damage; len(damage) > 0 {
		t.Errorf("damage is told: %+v\n%s", damage, told.String())
	}
}

// TestAPartOfAnIndexIsNoDamage: a store that is stopped on a full disk writes what fits of it.
func TestAPartOfAnIndexIsNoDamage(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	h := startHub(t, Config{Dir: filepath.Join(dir, "d"), Raw: smallStreams, Proof: smallStreams})
	for n := range 6 {
		var recs []dodona.Record
		for i := range 500 {
			recs = append(recs, dodona.Record{Topic: dodona.TopicEvent, Key: "of-feed-number-" + strconv.Itoa(500*n+i), ID: "first", Body: []byte("{}")})
		}
		if err := h.Append(t.Context(), recs...); err != nil {
			t.Fatal(err)
		}
	}
	leaveRoom(t, dir, 16<<10)
	until(t, "the store is stopped", func() bool { return !h.local.Runs() })
	enlarge(t, dir)
	until(t, "it runs", func() bool { return h.local.Runs() && !h.local.Broken() })
	if damage := h.Status(t.Context()).Damage; len(damage) > 0 {
		t.Errorf("damage is told: %+v", damage)
	}
}

// TestADiskThatCanOnlyBeReadIsTold, here and elsewhere, and writing goes on when it can be written again.
func TestADiskThatCanOnlyBeReadIsTold(t *testing.T) {
	dir := filepath.Join(smallDisk(t), "d")
	h := startHub(t, Config{Dir: dir, Raw: smallStreams, Proof: smallStreams})
	other := open(t, Config{Node: "gw-2", Network: dodona.Digest{9}, URL: "nats://" + h.Addr().String(), Raw: smallStreams, Proof: smallStreams})
	appendEvents(t, other, "before", 3, 10)
	err := errors.Join(syscall.Mount(dir, dir, "", syscall.MS_BIND, ""), syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""))
	if err != nil {
		t.Fatal(err)
	}
	h.lookForRoom(true) // as every half minute
	done := make(chan error, 1)
	go func() { done <- other.Append(t.Context(), parts(3, 1000)...) }()
	until(t, "it is told", func() bool {
		return strings.Contains(h.Status(t.Context()).Streams[1].Blocked, "jetstream is not writable: read-only file system")
	})
	until(t, "it is told elsewhere", func() bool {
		return strings.Contains(other.Status(t.Context()).Streams[0].Blocked, "the server could not stage it")
	})
	if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestAPortThatIsTakenMeanwhileIsNoDroppedRecord.
func TestAPortThatIsTakenMeanwhileIsNoDroppedRecord(t *testing.T) {
	dir := smallDisk(t)
	h := startHub(t, Config{Dir: filepath.Join(dir, "d"), Raw: smallStreams, Proof: smallStreams})
	at := h.Addr().String()
	leaveRoom(t, dir, probeBytes/2)
	until(t, "the store is stopped", func() bool { return !h.local.Runs() })
	var other net.Listener
	until(t, "its port is free", func() (free bool) {
		var err error
		other, err = net.Listen("tcp", at)
		return err == nil
	})
	enlarge(t, dir)
	until(t, "it is told", func() bool {
		return strings.HasPrefix(h.Status(t.Context()).Streams[1].Blocked, "the store does not run: listen for other processes: ")
	})
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, h.Journal, "after", 3, 10)
}

// TestAStoreDoesNotWaitForInodesThatItHolds: batches that others have staged have the last ones, and a start gives them back.
func TestAStoreDoesNotWaitForInodesThatItHolds(t *testing.T) {
	dir := smallDisk(t)
	h := startHub(t, Config{Dir: filepath.Join(dir, "d"), Raw: smallStreams, Proof: smallStreams})
	staged := filepath.Join(streamsDir(h.cfg.Dir), h.net.stream(streamRaw), "batches", "1", "msgs")
	if err := errors.Join(os.MkdirAll(staged, 0o700), os.WriteFile(filepath.Join(staged, "1.blk"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m,nr_inodes=400"); err != nil {
		t.Fatal(err)
	}
	for n := 0; os.WriteFile(filepath.Join(dir, strconv.Itoa(n)), nil, 0o600) == nil; n++ {
	}
	if why := h.mustWait(); why != "" {
		t.Errorf("it waits: %s", why)
	}
	if err := h.dropStaged(); err != nil {
		t.Fatal(err)
	}
	for n := 0; os.WriteFile(filepath.Join(dir, "more-"+strconv.Itoa(n)), nil, 0o600) == nil; n++ {
	}
	if why := h.mustWait(); !strings.Contains(why, "the inodes of the disk are used up") {
		t.Errorf("it does not wait for others: %s", why)
	}
}
