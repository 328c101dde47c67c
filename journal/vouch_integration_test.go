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
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A listener is a log that does something when a message comes by.
type listener struct {
	slog.Handler
	hear func(message string)
}

func (l listener) Enabled(context.Context, slog.Level) bool { return true }
func (l listener) Handle(_ context.Context, r slog.Record) error {
	l.hear(r.Message)
	return nil
}

// someoneAnswers reports whether a server speaks to who comes to an address.
func someoneAnswers(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	n, _ := conn.Read(make([]byte, 1))
	return n > 0
}

// TestNobodyIsAnsweredBeforeALossIsNoted, whatever was lost and of whomever: a hub finds it, and until that stands in the stream nobody who
// starts at the same time can reach the hub, and ask what may be forgotten.
func TestNobodyIsAnsweredBeforeALossIsNoted(t *testing.T) {
	ours, others := dodona.Digest{}, dodona.Digest{7}
	first := func(blocks string) string {
		list, _ := filepath.Glob(filepath.Join(blocks, "*.blk"))
		return list[0]
	}
	rot := func(t *testing.T, blocks, before string) error {
		flipBit(t, first(blocks), `"digest":"0x01`, 20)
		return os.RemoveAll(filepath.Join(blocks, "index.db"))
	}
	for name, c := range map[string]struct {
		hub     dodona.Digest // its network; the claim is of ours
		running bool          // it is found at a start of the store while the hub runs
		events  int           // of 1 MiB behind the claim
		spoil   func(t *testing.T, blocks, before string) error
	}{
		"the end": {hub: ours, spoil: func(_ *testing.T, blocks, before string) error {
			return errors.Join(os.RemoveAll(blocks), os.CopyFS(blocks, os.DirFS(before)))
		}},
		"a claim":                                   {hub: ours, spoil: rot},
		"a claim, while it runs":                    {hub: ours, running: true, spoil: rot},
		"a claim of another network":                {hub: others, spoil: rot},
		"a claim of another network, while it runs": {hub: others, running: true, spoil: rot},
		"the first block": {hub: ours, events: 18, spoil: func(_ *testing.T, blocks, _ string) error {
			return os.Remove(first(blocks))
		}},
		"the first block of another network": {hub: others, events: 18, spoil: func(_ *testing.T, blocks, _ string) error {
			return os.Remove(first(blocks))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{Dir: t.TempDir(), Network: c.hub}
			h := startHub(t, cfg)
			a := joinAs(t, h.Journal, "gw-1", ours)
			event := dodona.Record{Topic: dodona.TopicEvent, Key: "x", ID: "hub-1"} // so that it has something to go on from
			if c.hub == ours && c.events == 0 {                                     // the first block has only records of others
				if err := h.Append(t.Context(), event); err != nil {
					t.Fatal(err)
				}
			}
			blocks, before := filepath.Join(streamsDir(cfg.Dir), a.net.stream(streamProof), "msgs"), filepath.Join(t.TempDir(), "before")
			copyLive(t, before, blocks)
			event.ID = "hub-2"
			writer := a
			if c.hub == ours && c.events == 0 {
				writer = h.Journal // the end that its own marks tell of
			}
			time.Sleep(1100 * time.Millisecond) // the time at which the stream was made is noted in it too, and is not this
			round := now()
			claimed := claim("report.x.ab", 0)
			claimed.Body = []byte(`{"digest":"0x0123456789abcdef"}`)
			if err := errors.Join(a.Append(t.Context(), claimed), writer.Append(t.Context(), event)); err != nil {
				t.Fatal(err)
			}
			appendEvents(t, a, "after", 1+c.events, 1+min(c.events, 1)<<20)
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			heard, early := 0, ""
			h.cfg.Log = slog.New(listener{slog.DiscardHandler, func(message string) {
				if !strings.Contains(message, "lost") && !strings.Contains(message, "damaged") {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if heard++; someoneAnswers(h.cfg.Listen) {
					early = message
				}
			}})
			if c.running {
				h.again(t, func() error { return nil })
				if err := c.spoil(t, blocks, before); err != nil {
					t.Fatal(err)
				}
				h.local.GiveUp()
				if err := h.local.Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
			} else {
				h.again(t, func() error { return c.spoil(t, blocks, before) })
			}
			mu.Lock()
			if heard == 0 || early != "" {
				t.Errorf("heard of a loss %d times; the hub answers when it says %q", heard, early)
			}
			mu.Unlock()
			forgot, err := joinAs(t, h.Journal, "gw-2", ours).Forgot(t.Context())
			if err != nil || forgot.Before(round.Time()) {
				t.Errorf("who starts then hears %v, %v; what was claimed at %s is lost", forgot, err, round)
			}
		})
	}
}

// TestNothingIsWrittenBeforeALossIsNoted: the store is started again while the hub runs, and the end of a stream is gone. What the hub itself has to
// write meanwhile would fill its places, or, if the loss is another network's, let the hub's own stream go further than it was seen to.
func TestNothingIsWrittenBeforeALossIsNoted(t *testing.T) {
	ours, others := dodona.Digest{9}, dodona.Digest{7} // theirs is looked at first
	for name, c := range map[string]struct {
		writer dodona.Digest // its network; the hub is of ours
		own    bool          // the hub wrote what is lost
	}{"of others": {writer: ours}, "its own": {writer: ours, own: true}, "of another network": {writer: others}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var told int
			var write func()
			h := startHub(t, Config{Dir: t.TempDir(), Network: ours, Log: slog.New(listener{slog.DiscardHandler, func(message string) {
				if !strings.Contains(message, "may be lost") {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if told++; write != nil {
					write()
				}
			}})})
			a := joinAs(t, h.Journal, "gw-1", c.writer)
			appendEvents(t, h.Journal, "hub", 3, 10)
			appendEvents(t, a, "before", 3, 10)
			blocks, before := filepath.Join(streamsDir(h.cfg.Dir), a.net.stream(streamProof), "msgs"), filepath.Join(t.TempDir(), "before")
			copyLive(t, before, blocks)
			time.Sleep(1100 * time.Millisecond) // the time at which the stream was made is noted in it too, and is not this
			round := now()
			writer := a
			if c.own {
				writer = h.Journal
			}
			if err := writer.Append(t.Context(), claim("report.x.ab", 0)); err != nil {
				t.Fatal(err)
			}
			appendEvents(t, writer, "lost", 2, 10)
			h.noteEnds(t.Context(), 0)
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			h.local.Stop()
			if err := errors.Join(os.RemoveAll(blocks), os.CopyFS(blocks, os.DirFS(before))); err != nil {
				t.Fatal(err)
			}
			var writing sync.WaitGroup
			mu.Lock()
			told, write = 0, sync.OnceFunc(func() {
				written := make(chan struct{})
				writing.Go(func() { defer close(written); appendEvents(t, h.Journal, "meanwhile", 5, 10) })
				select {
				case <-written:
				case <-time.After(time.Second): // as it should be
				}
			})
			mu.Unlock()
			vouch := h.local.Store.Vouch
			h.local.Store.Vouch = func(bus nats.InProcessConnProvider) error {
				if c.writer == ours { // else while the loss is noted
					mu.Lock()
					write()
					mu.Unlock()
				}
				return vouch(bus)
			}
			if err := h.local.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			writing.Wait()
			mu.Lock()
			if told != 1 {
				t.Errorf("%d losses are told, one was", told)
			}
			mu.Unlock()
			forgot, err := joinAs(t, h.Journal, "gw-2", c.writer).Forgot(t.Context())
			if err != nil || forgot.Before(round.Time()) {
				t.Errorf("who comes then hears %v, %v; what was claimed at %s is lost", forgot, err, round)
			}
		})
	}
}

// TestWhatRetentionFreesIsNoLoss, and a beginning that goes otherwise is one, also for who comes later, whatever was written since.
func TestWhatRetentionFreesIsNoLoss(t *testing.T) {
	limits := Limits{Bytes: minStreamBytes}
	server := open(t, Config{Listen: "127.0.0.1:0", Node: "srv", Network: dodona.Digest{1}}) // another network: each process frees
	cfg := Config{URL: "nats://" + server.Addr().String(), Raw: limits, Proof: limits}
	var nodes []*Journal
	for n := range 3 {
		cfg.Node = "gw-" + strconv.Itoa(n)
		nodes = append(nodes, open(t, cfg))
	}
	made, err := nodes[0].Forgot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for _, j := range nodes {
		asking.Go(func() {
			for ctx.Err() == nil {
				if at, err := j.Forgot(ctx); ctx.Err() == nil && (err != nil || at.After(made.Add(time.Second))) {
					t.Errorf("retention is taken for a loss: %v, %v", at, err)
					return
				}
			}
		})
	}
	var writing sync.WaitGroup
	for _, j := range nodes {
		writing.Go(func() { appendEvents(t, j, j.cfg.Node, 100, int(16*unit.KiB)) })
	}
	writing.Wait()
	cancel()
	asking.Wait()
	info, err := nodes[0].lanes[streamProof].stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.State.FirstSeq <= info.Config.FirstSeq {
		t.Fatalf("nothing was freed: %d records from %d on", info.State.Msgs, info.State.FirstSeq)
	}
	time.Sleep(1100 * time.Millisecond)
	round := now()
	last := nodes[2].lanes[streamProof]
	if err := last.stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, nodes[1], "behind", 1, 1)
	cfg.Node, cfg.Dir = "gw-9", t.TempDir()
	for _, j := range append(nodes, open(t, cfg)) {
		if forgot, err := j.Forgot(t.Context()); err != nil || forgot.Before(round.Time()) {
			t.Errorf("%s hears %v, %v; what was claimed at %s was purged", j.cfg.Node, forgot, err, round)
		}
	}
}

// TestANoteThatAnotherProcessOverwritesIsMended: it read before the note was made, and wrote after it.
func TestANoteThatAnotherProcessOverwritesIsMended(t *testing.T) {
	_, _, first, second := twoSigners(t, Config{}, time.Now)
	appendEvents(t, first.journal, "before", 9, 1)
	a, b := first.journal.lanes[streamProof], second.journal.lanes[streamProof]
	lost := time.Now().Add(-time.Hour)
	asked := 0
	_, err := a.change(t.Context(), func(cfg *jetstream.StreamConfig, info *jetstream.StreamInfo) error {
		cfg.MaxBytes = int64(200 * unit.MiB)
		if asked++; asked > 1 {
			return nil
		}
		b.noteLoss(lost)
		b.keepMark(t.Context())
		s, err := b.measure(t.Context())
		if err == nil {
			err = b.purge(t.Context(), s, info.State.FirstSeq+5)
		}
		if err != nil {
			t.Fatal(err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	info, err := a.stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if lacks(info) || info.Config.MaxBytes != int64(200*unit.MiB) {
		t.Errorf("%d is noted as freed, and the stream begins at %d; its limit is %d", freed(info.Config.Metadata), info.State.FirstSeq, info.Config.MaxBytes)
	}
	if _, err := b.stream.Info(t.Context()); err != nil { // as each turn of the house does
		t.Fatal(err)
	}
	b.keepMark(t.Context())
	if info, err = a.stream.Info(t.Context()); err != nil || timeIn(info, lostKey).Before(lost) {
		t.Errorf("noted is a loss of before %v, %v; want %v", timeIn(info, lostKey), err, lost)
	}
}

// TestRetentionDoesNotHideALoss that came after it had measured: what it is about to free is gone, and it was not the one.
func TestRetentionDoesNotHideALoss(t *testing.T) {
	_, server, first, second := twoSigners(t, Config{}, time.Now)
	appendEvents(t, first.journal, "before", 9, 1)
	l := first.journal.lanes[streamProof]
	s, err := l.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	round := now()
	if err := l.stream.Purge(t.Context(), jetstream.WithPurgeSequence(s.first+5)); err != nil {
		t.Fatal(err)
	}
	if err := l.purge(t.Context(), s, s.first+7); err != nil {
		t.Fatal(err)
	}
	for _, j := range []*Journal{first.journal, second.journal, joinAs(t, server, "gw-9", dodona.Digest{})} {
		if forgot, err := j.Forgot(t.Context()); err != nil || forgot.Before(round.Time()) {
			t.Errorf("%s hears %v, %v; what was claimed at %s was purged", j.cfg.Node, forgot, err, round)
		}
	}
}

// TestRetentionWaitsForANoteThatIsOverwritten: what another process freed is a loss only if that one does not note it again.
func TestRetentionWaitsForANoteThatIsOverwritten(t *testing.T) {
	for name, mended := range map[string]bool{"it is noted again": true, "it is not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, first, second := twoSigners(t, Config{}, time.Now)
			appendEvents(t, first.journal, "before", 9, 1)
			a, b := first.journal.lanes[streamProof], second.journal.lanes[streamProof]
			s, err := b.measure(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			unaware := a.stream.CachedInfo().Config
			if err := a.purge(t.Context(), s, s.first+3); err != nil {
				t.Fatal(err)
			}
			if _, err := a.j.js.UpdateStream(t.Context(), unaware); err != nil {
				t.Fatal(err)
			}
			var noting sync.WaitGroup
			if mended {
				noting.Go(func() {
					time.Sleep(undone / 10) // the other one has looked by then
					if _, err := a.change(context.WithoutCancel(t.Context()), func(cfg *jetstream.StreamConfig, _ *jetstream.StreamInfo) error {
						setFreed(cfg.Metadata, s.first+3)
						return nil
					}); err != nil {
						t.Error(err)
					}
				})
			}
			if err := b.purge(t.Context(), s, s.first+5); err != nil {
				t.Fatal(err)
			}
			noting.Wait()
			b.mu.Lock()
			lost := !b.forgot.found.IsZero()
			b.mu.Unlock()
			info, err := b.stream.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if lost == mended || timeIn(info, lostKey).IsZero() != mended || lacks(info) || info.State.FirstSeq != s.first+5 {
				t.Errorf("found a loss: %t, noted %v; begins at %d, freed up to %d", lost, timeIn(info, lostKey), info.State.FirstSeq, freed(info.Config.Metadata))
			}
		})
	}
}

// TestRetentionTellsOfALossThatWasJustFound by who asked in this process, after it had measured: what it notes must not hide it from others.
func TestRetentionTellsOfALossThatWasJustFound(t *testing.T) {
	_, server, first, _ := twoSigners(t, Config{}, time.Now)
	appendEvents(t, first.journal, "before", 9, 1)
	time.Sleep(1100 * time.Millisecond) // the time at which the stream was made is noted in it too, and is not this
	l := first.journal.lanes[streamProof]
	s, err := l.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	round := now()
	if err := l.stream.Purge(t.Context(), jetstream.WithPurgeSequence(s.first+5)); err != nil {
		t.Fatal(err)
	}
	if forgot, err := first.journal.Forgot(t.Context()); err != nil || forgot.Before(round.Time()) {
		t.Fatalf("who asks hears %v, %v", forgot, err)
	}
	if _, err := l.noteFreed(t.Context(), s, s.first+7); err != nil { // before the next turn of the house
		t.Fatal(err)
	}
	if forgot, err := joinAs(t, server, "gw-9", dodona.Digest{}).Forgot(t.Context()); err != nil || forgot.Before(round.Time()) {
		t.Errorf("who comes then hears %v, %v; what was claimed at %s was purged", forgot, err, round)
	}
}
