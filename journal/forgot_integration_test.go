//go:build integration

package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
)

// A hub keeps the store that others reach, and can be started again with the same address and whatever is in its folder then.
type hub struct {
	*Journal
	cfg Config
}

func startHub(t *testing.T, cfg Config) *hub {
	t.Helper()
	h := &hub{cfg: cfg}
	h.cfg.Listen, h.cfg.Node = "127.0.0.1:0", "srv"
	h.start(t)
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *hub) start(t *testing.T) {
	t.Helper()
	for n := 1; ; n++ {
		j, err := Open(t.Context(), h.cfg)
		if err == nil {
			h.Journal, h.cfg.Listen = j, j.Addr().String()
			return
		}
		if n == 100 || !backoff.Wait(t.Context(), 300*time.Millisecond) { // the port may still be taken
			t.Fatal(err)
		}
	}
}

// again stops it, does something to its folder, and starts it.
func (h *hub) again(t *testing.T, do func() error) {
	t.Helper()
	if err := errors.Join(h.Close(), do()); err != nil {
		t.Fatal(err)
	}
	h.start(t)
}

// until waits for a condition that comes by itself.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for begun := time.Now(); !holds(); {
		if time.Since(begun) > 5*time.Minute || !backoff.Wait(t.Context(), 100*time.Millisecond) {
			t.Fatal("not yet: ", what)
		}
	}
}

// forgets waits until a process says that what was signed at a round may be lost.
func (p process) forgets(t *testing.T, round dodona.Round) {
	t.Helper()
	until(t, "that the process knows of the loss", func() bool {
		forgot, err := p.journal.Forgot(t.Context())
		return err == nil && forgot.After(round.Time())
	})
}

func now() dodona.Round { return dodona.RoundAt(time.Now()) }

// TestAServerThatIsStartedAnewMayKnowLess, although the stream is the same: it lost the end of it, or was away while another one was used.
func TestAServerThatIsStartedAnewMayKnowLess(t *testing.T) {
	one := func(h *hub, node string) process {
		return process{journal: open(t, Config{Node: node, URL: "nats://" + h.Addr().String()})}
	}
	t.Run("the end lost", func(t *testing.T) {
		t.Parallel()
		h := startHub(t, Config{Dir: t.TempDir()})
		other := one(h, "gw-2")
		event := dodona.Record{Topic: dodona.TopicEvent, Key: "x", ID: "1"}
		if err := h.Append(t.Context(), event); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1100 * time.Millisecond) // the time at which the stream was made is noted in it too, and is not this
		round := now()
		h.again(t, func() error { return os.RemoveAll(proofOf(h.cfg)) })
		other.forgets(t, round)
		one(h, "gw-3").forgets(t, round) // it comes later, and is told
	})
	t.Run("another stream between", func(t *testing.T) {
		t.Parallel()
		own, empty := t.TempDir(), t.TempDir()
		h := startHub(t, Config{Dir: own, Network: dodona.Digest{1}})
		idle, busy := one(h, "gw-1"), one(h, "gw-2")
		h.again(t, func() error { h.cfg.Dir = empty; return nil })
		until(t, "that a process makes the stream anew", func() bool {
			return busy.journal.Append(t.Context(), dodona.Record{Topic: dodona.TopicEvent, Key: "x", ID: "1"}) == nil
		})
		round := now() // signed there
		h.again(t, func() error { h.cfg.Dir = own; return nil })
		for _, p := range []process{idle, busy} {
			p.forgets(t, round)
		}
	})
}

// TestAStreamThatSomebodyEmptied, which stays: nats stream purge.
func TestAStreamThatSomebodyEmptied(t *testing.T) {
	_, _, first, second := twoSigners(t, Config{}, time.Now)
	event := dodona.Record{Topic: dodona.TopicEvent, Key: "x", ID: "1"}
	if err := first.journal.Append(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	round := now()
	if err := first.journal.lanes[streamProof].stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	second.forgets(t, round)
}

// TestAReaderOfAnotherProcessSeesWhatFollowsALostEnd: the places of what was lost are given anew.
func TestAReaderOfAnotherProcessSeesWhatFollowsALostEnd(t *testing.T) {
	for name, restarted := range map[string]bool{"it runs on": false, "it starts later": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startHub(t, Config{Dir: t.TempDir()})
			cfg := Config{Dir: t.TempDir(), Node: "gw-2", URL: "nats://" + h.Addr().String()}
			other := open(t, cfg)
			for i := range 40 {
				if err := h.Append(t.Context(), reading(i)); err != nil {
					t.Fatal(err)
				}
			}
			seen := make(chan string)
			follow := func(j *Journal) {
				for recs, err := range j.From(t.Context(), "me", dodona.TopicReading) {
					if err != nil {
						return
					}
					for _, r := range recs {
						select {
						case seen <- r.ID:
						case <-t.Context().Done():
							return
						}
					}
				}
			}
			if restarted {
				read(t, other, "me", 40, dodona.TopicReading)
				if err := other.Close(); err != nil {
					t.Fatal(err)
				}
			} else {
				go follow(other)
				for range 40 {
					<-seen
				}
			}
			raw := filepath.Join(streamsDir(h.cfg.Dir), h.net.stream(streamRaw), "msgs")
			h.again(t, func() error { return os.RemoveAll(raw) })
			want := make(map[string]bool)
			for i := range 10 {
				r := reading(1000 + i)
				want[r.ID] = true
				if err := h.Append(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
			if restarted {
				go follow(open(t, cfg))
			}
			for len(want) > 0 {
				delete(want, <-seen)
			}
		})
	}
}

// TestACopyOfADataFolderIsRefused, under another name too: both would write one chain.
func TestACopyOfADataFolderIsRefused(t *testing.T) {
	h := startHub(t, Config{Dir: t.TempDir()})
	cfg := Config{Dir: t.TempDir(), Node: "gw-1", URL: "nats://" + h.Addr().String()}
	j := open(t, cfg)
	if err := errors.Join(j.Append(t.Context(), reading(1)), j.Close()); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), strconv.Itoa(1))
	if err := os.CopyFS(copied, os.DirFS(cfg.Dir)); err != nil {
		t.Fatal(err)
	}
	open(t, cfg)
	cfg.Dir, cfg.Node = copied, "gw-2"
	second, err := Open(t.Context(), cfg)
	if err == nil {
		_ = second.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "is the node gw-1") || !strings.Contains(err.Error(), "a data folder of its own") {
		t.Errorf("the copy starts: %v", err)
	}
}

// TestFindingsComeToRest: two processes that found something each note it, and do not take each other's notes for findings of their own.
func TestFindingsComeToRest(t *testing.T) {
	_, _, first, second := twoSigners(t, Config{}, time.Now)
	lanes := []*lane{first.journal.lanes[streamProof], second.journal.lanes[streamProof]}
	round := func() {
		for _, l := range lanes {
			if _, err := l.j.Forgot(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.keepMark(t.Context())
		}
	}
	for _, l := range lanes {
		l.noteLoss(l.now())
		time.Sleep(1100 * time.Millisecond) // notes that are less apart are one
	}
	var noted time.Time
	for range 5 {
		round()
		info, err := lanes[0].stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if at := timeIn(info, lostKey); at.Before(noted) {
			t.Errorf("what is noted falls from %v to %v", noted, at)
		} else {
			noted = at
		}
		time.Sleep(1100 * time.Millisecond)
	}
	if now := time.Now(); noted.After(now.Add(-3 * time.Second)) {
		t.Errorf("after five looks, the last finding is noted as of %v; it is %v, and was six seconds ago", noted, now)
	}
}

// TestALossStandsWhenTheClockStepsBack, by less than a clock must be wrong to be called so.
func TestALossStandsWhenTheClockStepsBack(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, h *hub, l *lane){
		"the stream goes less far": func(_ *testing.T, _ *hub, l *lane) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.reach.place += 7
		},
		"the server is started again": func(t *testing.T, h *hub, l *lane) {
			server := l.j.nc.ConnectedServerId()
			h.local.GiveUp()
			if err := h.local.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			until(t, "connected", func() bool { return l.j.nc.IsConnected() && l.j.nc.ConnectedServerId() != server })
		},
	} {
		t.Run(name, func(t *testing.T) {
			var back atomic.Int64
			h := startHub(t, Config{Dir: t.TempDir()})
			j := open(t, Config{Node: "gw-1", URL: "nats://" + h.Addr().String(), Now: func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }})
			appendEvents(t, j, "before", 3, 10)
			lost := time.Now()
			lose(t, h, j.lanes[streamProof])
			for _, step := range []time.Duration{0, clocksApart / 2} {
				back.Store(int64(step))
				if forgot, err := j.Forgot(t.Context()); err != nil || forgot.Before(lost) {
					t.Errorf("%s back: forgotten until %v, %v; what was claimed before %v may be lost", step, forgot, err, lost)
				}
				j.lanes[streamProof].keepMark(t.Context()) // its own note is no news to it
			}
		})
	}
}

// TestAClockBehindLowersNoNote: a process whose clock is not set finds a loss after another one has noted one.
func TestAClockBehindLowersNoNote(t *testing.T) {
	h := startHub(t, Config{Dir: t.TempDir()})
	right := joinAs(t, h.Journal, "gw-1", dodona.Digest{}).lanes[streamProof]
	behind := open(t, Config{Node: "gw-2", URL: "nats://" + h.Addr().String(), Now: func() time.Time { return time.Now().Add(-time.Hour) }}).lanes[streamProof]
	behind.mu.Lock()
	behind.lastAtOpen = time.Time{}
	behind.mu.Unlock()
	found := right.now()
	for _, l := range []*lane{right, behind} {
		l.noteLoss(l.now())
		l.keepMark(t.Context())
	}
	info, err := right.stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if noted := timeIn(info, lostKey); noted.Before(found) {
		t.Errorf("noted is %v; another process found a loss at %v", noted, found)
	}
}

// TestALossIsNotHiddenByAnEarlierOne, which a clock that was ahead found, when the clock steps back a little; nor by its own note, made later.
func TestALossIsNotHiddenByAnEarlierOne(t *testing.T) {
	var off atomic.Int64
	h := startHub(t, Config{Dir: t.TempDir()})
	j := open(t, Config{Node: "gw-1", URL: "nats://" + h.Addr().String(), Now: func() time.Time { return time.Now().Add(time.Duration(off.Load())) }})
	l := j.lanes[streamProof]
	appendEvents(t, j, "before", 3, 10)
	var claimed time.Time
	for _, ahead := range []time.Duration{2 * time.Minute, 0} {
		off.Store(int64(ahead))
		claimed = time.Now()
		l.mu.Lock()
		l.reach.place += 7
		l.mu.Unlock()
		if _, err := j.Forgot(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range []time.Duration{50 * time.Second, 0, -30 * time.Second} {
		off.Store(int64(o))
		if forgot, err := j.Forgot(t.Context()); err != nil || forgot.Before(claimed) {
			t.Errorf("by a clock that is off by %s: forgotten until %s before what was claimed, %v", o, claimed.Sub(forgot), err)
		}
		l.keepMark(t.Context())
	}
}
