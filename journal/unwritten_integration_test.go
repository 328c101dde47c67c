//go:build integration

package journal

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// Without inodes a server appends to the files that it has, and cannot write the settings of a stream; but it says that it has them.

var fullSoon = Limits{Bytes: 2 * unit.MiB}

// leaveInodes leaves a small disk so many inodes.
func leaveInodes(t *testing.T, dir string, free int) {
	t.Helper()
	var st syscall.Statfs_t
	until(t, "as many inodes are free", func() bool { // others may take some meanwhile
		if err := syscall.Statfs(dir, &st); err != nil {
			t.Fatal(err)
		}
		options := fmt.Sprintf("size=64m,nr_inodes=%d", st.Files-st.Ffree+uint64(free))
		return syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, options) == nil
	})
}

// appendMeanwhile appends as much as a stream with small limits holds, while something else is done.
func appendMeanwhile(t *testing.T, j *Journal, topic dodona.Topic, bytes int) (done chan error) {
	done = make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < (2400<<10)/bytes && err == nil; i++ {
			err = j.Append(context.WithoutCancel(t.Context()), dodona.Record{Topic: topic, Key: "x", ID: "full-" + strconv.Itoa(i), Body: make([]byte, bytes)})
		}
		done <- err
	}()
	return done
}

// TestWhatIsFreedWithoutInodesIsNoLoss: nothing is freed before the disk says so, though the server already does.
func TestWhatIsFreedWithoutInodesIsNoLoss(t *testing.T) {
	for name, elsewhere := range map[string]bool{"in the own store": false, "in the store of another one": true} {
		t.Run(name, func(t *testing.T) {
			dir := smallDisk(t)
			var told logtest.Text
			h := startHub(t, Config{Dir: filepath.Join(dir, "d"), Raw: fullSoon, Proof: fullSoon, Log: slog.New(slog.NewTextHandler(&told, nil))})
			j, stream := h.Journal, h.net.stream(streamProof)
			if elsewhere {
				j = open(t, Config{
					Node: "gw-2", Network: dodona.Digest{9}, URL: "nats://" + h.Addr().String(), Raw: fullSoon, Proof: fullSoon,
					Log: slog.New(slog.NewTextHandler(&told, nil)),
				})
				stream = j.net.stream(streamProof)
			}
			appendEvents(t, j, "before", 15, 100<<10)
			leaveInodes(t, dir, 0)
			done := appendMeanwhile(t, j, dodona.TopicEvent, 100<<10)
			until(t, "that was tried three times", func() bool { return told.Times("note what is freed: ") >= 3 })
			leaveInodes(t, dir, 1000)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if told.Times("freed the oldest records") == 0 {
				t.Error("nothing was freed")
			}
			h.again(t, func() error { return nil })
			s, err := h.js.Stream(t.Context(), stream)
			if err != nil {
				t.Fatal(err)
			}
			if info := s.CachedInfo(); !timeIn(info, lostKey).IsZero() || told.Times("are lost")+told.Times("be lost") > 0 {
				t.Errorf("a loss is told that is none: noted %v: %s", timeIn(info, lostKey), told.String())
			}
		})
	}
}

// readNothing makes a reader that finishes nothing of what is in the stream.
func readNothing(t *testing.T, j *Journal) {
	t.Helper()
	appendEvents(t, j, "before", 3, 100<<10)
	for _, err := range j.From(t.Context(), "me", dodona.TopicEvent) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
}

// fillWithoutInodes fills the stream until the server says that it has more room, gives inodes, and waits for what is appended.
func fillWithoutInodes(t *testing.T, dir string, j *Journal, bytes int) {
	t.Helper()
	leaveInodes(t, dir, 0)
	done, l := appendMeanwhile(t, j, dodona.TopicReceipt, bytes), j.lanes[streamProof]
	until(t, "the server says that there is room", func() bool {
		info, err := l.stream.Info(t.Context())
		return err == nil && info.Config.MaxBytes > int64(fullSoon.Bytes)
	})
	leaveInodes(t, dir, 1000)
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(2 * time.Minute):
		t.Fatalf("it waits: %q", j.Status(t.Context()).Streams[1].Blocked)
	}
}

// TestRoomBeyondTheLimitIsAskedForUntilItIsGiven: the stream is full of what a reader has not finished, who has to append to it.
func TestRoomBeyondTheLimitIsAskedForUntilItIsGiven(t *testing.T) {
	dir := smallDisk(t)
	j := open(t, Config{Dir: filepath.Join(dir, "d"), Node: "srv", Raw: fullSoon, Proof: fullSoon})
	readNothing(t, j)
	fillWithoutInodes(t, dir, j, 100<<10)
}

// TestRoomThatAnotherProcessTookBackIsAskedForAgain: what a process wrote once is not what the stream has, if another one wrote since.
func TestRoomThatAnotherProcessTookBackIsAskedForAgain(t *testing.T) {
	for name, c := range map[string]struct {
		alive bool
		size  int
	}{"and ended": {false, 100 << 10}, "and lives": {true, 300 << 10}} {
		t.Run(name, func(t *testing.T) {
			dir := smallDisk(t)
			h := startHub(t, Config{Dir: filepath.Join(dir, "d")})
			one := func(node string) *Journal {
				j, err := Open(t.Context(), Config{Node: node, Dir: t.TempDir(), Network: dodona.Digest{9}, URL: "nats://" + h.Addr().String(), Raw: fullSoon, Proof: fullSoon})
				if err != nil {
					t.Fatal(err)
				}
				return j
			}
			a, b := one("gw-1"), one("gw-2")
			defer func() { _ = a.Close() }()
			readNothing(t, a)
			if err := a.lanes[streamProof].setLimit(t.Context(), uint64(4*unit.MiB)); err != nil { // as widen does
				t.Fatal(err)
			}
			lb := b.lanes[streamProof]
			s, err := lb.measure(t.Context())
			if err == nil {
				lb.mu.Lock()
				lb.wide = width{limit: s.said} // for long
				lb.mu.Unlock()
				err = lb.narrow(t.Context(), s)
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.alive {
				defer func() { _ = b.Close() }()
			} else if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			fillWithoutInodes(t, dir, a, c.size)
		})
	}
}

// TestRoomThatWasTakenBackByTheWayIsAskedForAgain: narrow was refused without inodes, and a later change of other settings wrote it.
func TestRoomThatWasTakenBackByTheWayIsAskedForAgain(t *testing.T) {
	dir := smallDisk(t)
	j := open(t, Config{Dir: filepath.Join(dir, "d"), Node: "srv", Raw: fullSoon, Proof: fullSoon})
	readNothing(t, j)
	l := j.lanes[streamProof]
	if err := l.setLimit(t.Context(), uint64(4*unit.MiB)); err != nil { // as widen does
		t.Fatal(err)
	}
	leaveInodes(t, dir, 0)
	s, err := l.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.wide = width{limit: s.said}
	l.mu.Unlock()
	if err := l.narrow(t.Context(), s); err == nil {
		t.Fatal("it is written without inodes")
	}
	leaveInodes(t, dir, 1000)
	if _, err := l.noteFreed(t.Context(), s, s.first); err != nil { // as retention does before it frees
		t.Fatal(err)
	}
	fillWithoutInodes(t, dir, j, 100<<10)
}

// TestANoteOfOneLossHidesNotTheNext: a note says what the stream lacks by then, and until when that may have been written, which is not when the
// loss was found that it is for.
func TestANoteOfOneLossHidesNotTheNext(t *testing.T) {
	h := startHub(t, Config{Dir: t.TempDir()})
	var off atomic.Int64
	j := open(t, Config{Node: "gw-1", URL: "nats://" + h.Addr().String(), Now: func() time.Time { return time.Now().Add(time.Duration(off.Load())) }})
	l := j.lanes[streamProof]
	appendEvents(t, j, "before", 9, 1)
	l.missed(Loss{From: 3, To: 3, Before: time.Now(), Reason: "what the audit says"})
	until(t, "it is noted", func() bool {
		info, err := l.stream.Info(t.Context())
		return err == nil && !timeIn(info, lostKey).IsZero()
	})
	time.Sleep(2500 * time.Millisecond)
	round := now()
	info, err := l.stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.stream.Purge(t.Context(), jetstream.WithPurgeSequence(info.State.LastSeq+1)); err != nil {
		t.Fatal(err)
	}
	off.Store(int64(1100 * time.Millisecond)) // the first loss is noted anew
	l.keepMark(t.Context())
	if info, err = l.stream.Info(t.Context()); err != nil || timeIn(info, lostKey).Before(round.Time()) {
		t.Errorf("noted is %v, %v; what was claimed at %s is lost", timeIn(info, lostKey), err, round)
	}
}

// TestALossThatTheAuditFoundIsToldToOthers at once.
func TestALossThatTheAuditFoundIsToldToOthers(t *testing.T) {
	h := startHub(t, Config{Dir: t.TempDir()})
	l := joinAs(t, h.Journal, "gw-1", dodona.Digest{}).lanes[streamProof]
	appendEvents(t, l.j, "before", 9, 1)
	found := now()
	l.missed(Loss{From: 3, To: 3, Before: time.Now(), Reason: "what the audit says"})
	until(t, "it is noted", func() bool {
		info, err := l.stream.Info(t.Context())
		return err == nil && !timeIn(info, lostKey).Before(found.Time())
	})
}

// TestALossThatWasNotToldIsToldByTheNextStart, whatever the clocks said.
func TestALossThatWasNotToldIsToldByTheNextStart(t *testing.T) {
	for name, c := range map[string]struct {
		found, opened time.Duration // what the clock was off by
		noted         time.Duration // a note of before, by a clock ahead
	}{
		"clocks well":                        {},
		"found by a clock ahead":             {found: 2 * time.Hour},
		"opened by a clock that was not set": {opened: -20 * 365 * 24 * time.Hour},
		"an older note by a clock ahead":     {noted: 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startHub(t, Config{Dir: t.TempDir()})
			var off atomic.Int64
			cfg := Config{Node: "gw-1", Dir: t.TempDir(), URL: "nats://" + h.Addr().String(), Now: func() time.Time { return time.Now().Add(time.Duration(off.Load())) }}
			j, err := Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			appendEvents(t, j, "before", 9, 1)
			l := j.lanes[streamProof]
			if c.noted != 0 {
				noted := time.Now().Add(c.noted).UTC().Format(time.RFC3339Nano)
				if _, err := l.change(t.Context(), func(cfg *jetstream.StreamConfig, _ *jetstream.StreamInfo) error {
					cfg.Metadata[lostKey] = noted
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			found := now()
			off.Store(int64(c.found))
			l.lost(Loss{From: 3, To: 3, Before: time.Now(), Reason: "what the audit says"}) // and it is killed
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			off.Store(int64(c.opened))
			if j, err = Open(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = j.Close() }()
			off.Store(0)
			l = j.lanes[streamProof]
			if _, err := j.Forgot(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.keepHouse(t.Context())
			info, err := l.stream.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			noted := timeIn(info, lostKey)
			if noted.Before(found.Time()) || noted.After(time.Now().Add(time.Minute)) {
				t.Errorf("noted is %v, the loss was found at %v", noted, found)
			}
		})
	}
}

// TestALossBehindAClockThatSteppedBackIsNotOlder than what the clock said before: only a longer step says that it was wrong.
func TestALossBehindAClockThatSteppedBackIsNotOlder(t *testing.T) {
	h := startHub(t, Config{Dir: t.TempDir()})
	var off atomic.Int64
	j := open(t, Config{Node: "gw-1", URL: "nats://" + h.Addr().String(), Now: func() time.Time { return time.Now().Add(time.Duration(off.Load())) }})
	l := j.lanes[streamProof]
	appendEvents(t, j, "before", 9, 1)
	if _, err := j.Forgot(t.Context()); err != nil {
		t.Fatal(err)
	}
	round := now()
	if _, err := j.Forgot(t.Context()); err != nil {
		t.Fatal(err)
	}
	off.Store(int64(-30 * time.Second))
	info, err := l.stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.stream.Purge(t.Context(), jetstream.WithPurgeSequence(info.State.FirstSeq+5)); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Forgot(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.keepMark(t.Context())
	if info, err = l.stream.Info(t.Context()); err != nil || timeIn(info, lostKey).Before(round.Time()) {
		t.Errorf("noted is %v, %v; what was claimed at %s is lost", timeIn(info, lostKey), err, round)
	}
}
