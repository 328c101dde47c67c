//go:build integration

package journal

import (
	"context"
	"errors"
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
func appendMeanwhile(t *testing.T, j *Journal, topic dodona.Topic) (done chan error) {
	done = make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < 24 && err == nil; i++ {
			err = j.Append(context.WithoutCancel(t.Context()), dodona.Record{Topic: topic, Key: "x", ID: "full-" + strconv.Itoa(i), Body: make([]byte, 100<<10)})
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
			var told spoken
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
			done := appendMeanwhile(t, j, dodona.TopicEvent)
			until(t, "that was tried three times", func() bool { return told.times("note what is freed: ") >= 3 })
			leaveInodes(t, dir, 1000)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if told.times("freed the oldest records") == 0 {
				t.Error("nothing was freed")
			}
			h.again(t, func() error { return nil })
			s, err := h.js.Stream(t.Context(), stream)
			if err != nil {
				t.Fatal(err)
			}
			if info := s.CachedInfo(); !timeIn(info, lostKey).IsZero() || told.times("are lost")+told.times("be lost") > 0 {
				t.Errorf("a loss is told that is none: noted %v: %s", timeIn(info, lostKey), told.text.String())
			}
		})
	}
}

// TestRoomBeyondTheLimitIsAskedForUntilItIsGiven: the stream is full of what a reader has not finished, who has to append to it.
func TestRoomBeyondTheLimitIsAskedForUntilItIsGiven(t *testing.T) {
	dir := smallDisk(t)
	j := open(t, Config{Dir: filepath.Join(dir, "d"), Node: "srv", Raw: fullSoon, Proof: fullSoon})
	appendEvents(t, j, "before", 3, 100<<10)
	for _, err := range j.From(t.Context(), "me", dodona.TopicEvent) {
		if err != nil {
			t.Fatal(err)
		}
		break // and it finishes nothing
	}
	leaveInodes(t, dir, 0)
	done := appendMeanwhile(t, j, dodona.TopicReceipt)
	l := j.lanes[streamProof]
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

// TestALossThatTheAuditFoundIsToldToOthers, at once, or by the next start.
func TestALossThatTheAuditFoundIsToldToOthers(t *testing.T) {
	for name, stopped := range map[string]bool{"at once": false, "by the next start": true} {
		t.Run(name, func(t *testing.T) {
			h := startHub(t, Config{Dir: t.TempDir()})
			cfg := Config{Node: "gw-1", Dir: t.TempDir(), URL: "nats://" + h.Addr().String()}
			j, err := Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			appendEvents(t, j, "before", 9, 1)
			found, loss := now(), Loss{From: 3, To: 3, Before: time.Now(), Reason: "what the audit says"}
			if stopped {
				j.lanes[streamProof].lost(loss)
			} else {
				j.lanes[streamProof].missed(loss)
				until(t, "it is noted", func() bool {
					info, err := j.lanes[streamProof].stream.Info(t.Context())
					return err == nil && !timeIn(info, lostKey).Before(found.Time())
				})
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			var noted [2]time.Time
			for i := range noted { // the second start tells nothing new
				j, err := Open(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				info, err := j.lanes[streamProof].stream.Info(t.Context())
				if err := errors.Join(err, j.Close()); err != nil {
					t.Fatal(err)
				}
				noted[i] = timeIn(info, lostKey)
			}
			if noted[0].Before(found.Time()) || noted[1] != noted[0] {
				t.Errorf("noted is %v, what was lost was found at %s", noted, found)
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
