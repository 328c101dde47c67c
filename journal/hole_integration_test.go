//go:build integration

package journal

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// lostClaim lets a process of our network claim something in the store of a hub, stops both, and damages the claim. The index of the records is
// gone, as after a power cut. It returns the hub, stopped, and the round of the claim.
func lostClaim(t *testing.T, cfg Config) (*hub, dodona.Round) {
	t.Helper()
	h := startHub(t, cfg)
	a := joinAs(t, h.Journal, "gw-1", dodona.Digest{})
	time.Sleep(1100 * time.Millisecond) // the time at which the stream was made is noted in it too, and is not this
	round := now()
	claimed := claim("report.x.ab", 0)
	claimed.Body = []byte(`{"digest":"0x0123456789abcdef"}`)
	if err := a.Append(t.Context(), claimed); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, a, "after", 3, 10)
	if err := errors.Join(a.Close(), h.Close()); err != nil {
		t.Fatal(err)
	}
	blocks := filepath.Join(streamsDir(h.cfg.Dir), a.net.stream(streamProof), "msgs")
	list, err := filepath.Glob(filepath.Join(blocks, "*.blk"))
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	flipBit(t, list[0], `"digest":"0x01`, 20)
	if err := os.RemoveAll(filepath.Join(blocks, "index.db")); err != nil {
		t.Fatal(err)
	}
	return h, round
}

// knows fails if a process that starts now is not told that what was claimed at a round may be lost.
func (h *hub) knows(t *testing.T, node string, round dodona.Round) {
	t.Helper()
	forgot, err := joinAs(t, h.Journal, node, dodona.Digest{}).Forgot(t.Context())
	if err != nil || forgot.Before(round.Time()) {
		t.Errorf("who starts then hears %v, %v; what was claimed at %s is lost", forgot, err, round)
	}
}

// TestALossThatIsMendedIsNotForgotten: the start that mends it ends before it has told anybody, or lets nobody in.
func TestALossThatIsMendedIsNotForgotten(t *testing.T) {
	for name, network := range map[string]dodona.Digest{"its own": {}, "another network's": {7}} {
		for how, between := range map[string]func(t *testing.T, cfg Config){
			"killed behind the check": func(t *testing.T, cfg Config) {
				cfg, err := cfg.withDefaults()
				if err != nil {
					t.Fatal(err)
				}
				if err := newJournal(cfg).checkGround(); err != nil {
					t.Fatal(err)
				}
			},
			"once without others": func(t *testing.T, cfg Config) {
				cfg.Listen = ""
				if err := open(t, cfg).Close(); err != nil {
					t.Fatal(err)
				}
			},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				h, round := lostClaim(t, Config{Dir: t.TempDir(), Network: network})
				between(t, h.cfg)
				h.start(t)
				h.knows(t, "gw-2", round)
			})
		}
	}
}

// TestALossOfOthersIsJudgedByTheClockOfLater: the hub's clock is an hour behind when it finds it, and is set then.
func TestALossOfOthersIsJudgedByTheClockOfLater(t *testing.T) {
	var behind atomic.Int64
	cfg := Config{Dir: t.TempDir(), Network: dodona.Digest{7}, Now: func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }}
	h, round := lostClaim(t, cfg)
	behind.Store(int64(time.Hour))
	h.start(t)
	behind.Store(0)
	h.keepHoles(t.Context())
	h.knows(t, "gw-2", round)
	h.again(t, func() error { return nil }) // it may have ended before its clock was set
	h.knows(t, "gw-3", round)
}

// TestALossIsFoundThreeTimesAtMost, by as many processes that do not live long.
func TestALossIsFoundThreeTimesAtMost(t *testing.T) {
	h, _ := lostClaim(t, Config{Dir: t.TempDir(), Network: dodona.Digest{7}})
	h.start(t)
	for n := 1; n < startsToSettle; n++ {
		h.again(t, func() error { return nil })
	}
	noted := func() time.Time {
		stream, err := h.js.Stream(t.Context(), scopeOf(dodona.Digest{}).stream(streamProof))
		if err != nil {
			t.Fatal(err)
		}
		return timeIn(stream.CachedInfo(), lostKey)
	}
	before := noted()
	h.again(t, func() error { return nil })
	if after := noted(); !after.Equal(before) {
		t.Errorf("after %d starts it is told again: %v, and then %v", startsToSettle, before, after)
	}
	if left, _ := filepath.Glob(filepath.Join(h.cfg.Dir, holeFile+"*")); len(left) > 0 {
		t.Errorf("%v is still there", left)
	}
}

// countLost returns a log, and how often it was told that proofs may be lost.
func countLost() (*atomic.Int32, *slog.Logger) {
	var told atomic.Int32
	return &told, slog.New(listener{slog.DiscardHandler, func(message string) {
		if strings.Contains(message, "may be lost") {
			told.Add(1)
		}
	}})
}

// TestTheEndOfWhatOthersWroteIsMissed, once, by the hub, which wrote nothing there.
func TestTheEndOfWhatOthersWroteIsMissed(t *testing.T) {
	for name, network := range map[string]dodona.Digest{"its own network": {}, "another network": {7}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told, log := countLost()
			h := startHub(t, Config{Dir: t.TempDir(), Network: network, Log: log})
			a := joinAs(t, h.Journal, "gw-1", dodona.Digest{})
			appendEvents(t, a, "before", 3, 10)
			blocks, before := filepath.Join(streamsDir(h.cfg.Dir), a.net.stream(streamProof), "msgs"), filepath.Join(t.TempDir(), "before")
			copyLive(t, before, blocks)
			time.Sleep(1100 * time.Millisecond)
			round := now()
			if err := errors.Join(a.Append(t.Context(), claim("report.x.ab", 0)), a.Close()); err != nil {
				t.Fatal(err)
			}
			h.again(t, func() error { return errors.Join(os.RemoveAll(blocks), os.CopyFS(blocks, os.DirFS(before))) })
			h.knows(t, "gw-2", round)
			h.noteEnds(t.Context(), 0)
			if n := told.Load(); n != 1 {
				t.Errorf("it is told %d times", n)
			}
		})
	}
}

// TestTheEndOfWhatOthersWroteIsMissedByAHubThatIsAloneMeanwhile, whose own records fill the places of what is lost.
func TestTheEndOfWhatOthersWroteIsMissedByAHubThatIsAloneMeanwhile(t *testing.T) {
	h := startHub(t, Config{Dir: t.TempDir()})
	a := joinAs(t, h.Journal, "gw-1", dodona.Digest{})
	appendEvents(t, h.Journal, "hub", 1, 10)
	blocks, before := filepath.Join(streamsDir(h.cfg.Dir), a.net.stream(streamProof), "msgs"), filepath.Join(t.TempDir(), "before")
	copyLive(t, before, blocks)
	time.Sleep(1100 * time.Millisecond)
	round := now()
	if err := errors.Join(a.Append(t.Context(), claim("report.x.ab", 0)), a.Close()); err != nil {
		t.Fatal(err)
	}
	h.again(t, func() error {
		if err := errors.Join(os.RemoveAll(blocks), os.CopyFS(blocks, os.DirFS(before))); err != nil {
			return err
		}
		cfg := h.cfg
		cfg.Listen = ""
		j := open(t, cfg)
		appendEvents(t, j, "alone", 5, 10)
		forgot, err := j.Forgot(t.Context())
		if err != nil || forgot.Before(round.Time()) {
			t.Errorf("alone it hears %v, %v; what was claimed at %s is lost", forgot, err, round)
		}
		return j.Close()
	})
	h.knows(t, "gw-2", round)
}

// TestALossIsReadInAnyFolder, also in one whose name is a pattern.
func TestALossIsReadInAnyFolder(t *testing.T) {
	for _, name := range []string{"hub[1]", "hub[", "h*b", `h\ub`} {
		dir := filepath.Join(t.TempDir(), name)
		j := open(t, Config{Dir: dir})
		stream := j.net.stream(streamProof)
		if err := errors.Join(j.holed(stream), j.Close()); err != nil {
			t.Fatal(err)
		}
		if again := open(t, Config{Dir: dir}); !again.hasHole(stream) {
			t.Errorf("%s: a loss that was noted is not read", name)
		}
	}
}

// overstate makes larger what the hub saw of a stream, for a server that drops the end of one while it runs cannot be had on demand.
func (h *hub) overstate(stream string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	end := h.ends[stream]
	end.LastSeq += 7
	h.ends[stream] = end
}

// TestAnEndThatGoesWhileTheHubRunsIsMissed, once.
func TestAnEndThatGoesWhileTheHubRunsIsMissed(t *testing.T) {
	for name, network := range map[string]dodona.Digest{"its own network": {}, "another network": {7}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told, log := countLost()
			h := startHub(t, Config{Dir: t.TempDir(), Network: network, Log: log})
			a := joinAs(t, h.Journal, "gw-1", dodona.Digest{})
			appendEvents(t, a, "before", 3, 10)
			time.Sleep(1100 * time.Millisecond)
			round := now()
			h.noteEnds(t.Context(), 0)
			name := a.net.stream(streamProof)
			h.overstate(name)
			for range 3 {
				h.noteEnds(t.Context(), 0)
				h.keepHoles(t.Context())
				h.lanes[streamProof].keepMark(t.Context())
			}
			h.knows(t, "gw-2", round)
			if n := told.Load(); n != 1 {
				t.Errorf("it is told %d times", n)
			}
		})
	}
}

// TestANoteOfTheHubThatIsOverwrittenIsWrittenAgain: a process of another network read its stream's settings before the hub noted a lost end there, and
// writes them after that.
func TestANoteOfTheHubThatIsOverwrittenIsWrittenAgain(t *testing.T) {
	h := startHub(t, Config{Dir: t.TempDir(), Network: dodona.Digest{9}})
	a := joinAs(t, h.Journal, "gw-1", dodona.Digest{})
	appendEvents(t, a, "before", 3, 10)
	l := a.lanes[streamProof]
	time.Sleep(1100 * time.Millisecond)
	round := now()
	asked := 0
	_, err := l.change(t.Context(), func(cfg *jetstream.StreamConfig, _ *jetstream.StreamInfo) error {
		cfg.MaxBytes = int64(200 * unit.MiB)
		if asked++; asked > 1 {
			return nil
		}
		h.noteEnds(t.Context(), 0)
		h.overstate(l.streamName)
		h.noteEnds(t.Context(), 0)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := l.stream.Info(t.Context()); err != nil || !timeIn(info, lostKey).IsZero() {
		t.Fatalf("the note was not overwritten: %v, %v", timeIn(info, lostKey), err)
	}
	h.keepHoles(t.Context())
	h.knows(t, "gw-2", round)
	info, err := l.stream.Info(t.Context())
	if err != nil || info.Config.MaxBytes != int64(200*unit.MiB) {
		t.Errorf("the other one's limit is %d, %v", info.Config.MaxBytes, err)
	}
	noted := timeIn(info, lostKey)
	h.keepHoles(t.Context())
	if info, err = l.stream.Info(t.Context()); err != nil || !timeIn(info, lostKey).Equal(noted) {
		t.Errorf("noted is %v, and then %v, %v", noted, timeIn(info, lostKey), err)
	}
}

// TestSettingsOfAnotherNetworkAreKept: they are torn by a kill between their two files, or damaged; the records are all there.
func TestSettingsOfAnotherNetworkAreKept(t *testing.T) {
	for name, spoil := range map[string]func(folder string) error{
		"older sum, and no notes": func(folder string) error {
			if err := os.Remove(filepath.Join(folder, "..", "..", "..", "..", "ends.json")); err != nil {
				return err
			}
			meta := filepath.Join(folder, "meta.inf")
			text, err := os.ReadFile(meta)
			if err != nil {
				return err
			}
			return os.WriteFile(meta, append(text[:len(text)-1], ` ,"sealed":false}`...), 0o640)
		},
		"damaged": func(folder string) error { return os.WriteFile(filepath.Join(folder, "meta.inf"), []byte("{"), 0o640) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startHub(t, Config{Dir: t.TempDir(), Network: dodona.Digest{7}})
			a := joinAs(t, h.Journal, "gw-1", dodona.Digest{})
			appendEvents(t, a, "before", 30, 10)
			bus := a.lanes[streamProof].streamName
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			h.again(t, func() error { return spoil(filepath.Join(streamsDir(h.cfg.Dir), bus)) })
			info, err := joinAs(t, h.Journal, "gw-2", dodona.Digest{}).lanes[streamProof].stream.Info(t.Context())
			if err != nil || info.State.Msgs < 30 {
				t.Errorf("%d of 30 records are left, %v", info.State.Msgs, err)
			}
		})
	}
}

// TestPlacesWithoutARecord are noted once, freed without alarm, and no credit for others after that.
func TestPlacesWithoutARecord(t *testing.T) {
	_, server, first, second := twoSigners(t, Config{}, time.Now)
	appendEvents(t, first.journal, "before", 30, 1)
	l := first.journal.lanes[streamProof]
	until(t, "the audit has passed, which tells what it finds too", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return !l.stat.audit.At.IsZero()
	})
	s, err := l.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for place := s.first + 5; place < s.first+13; place++ {
		if err := l.stream.DeleteMsg(t.Context(), place); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []process{first, second, first} { // who hears last of what the other one noted too
		if _, err := p.journal.Forgot(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.journal.lanes[streamProof].keepMark(t.Context())
	}
	time.Sleep(1100 * time.Millisecond)
	quiet := now()
	if err := l.purge(t.Context(), s, s.first+8); err != nil {
		t.Fatal(err)
	}
	l.lowerMissing(t.Context())
	for _, p := range []process{first, second} {
		if forgot, err := p.journal.Forgot(t.Context()); err != nil || forgot.After(quiet.Time()) {
			t.Errorf("what retention freed is a loss to %s: %v, %v", p.journal.cfg.Node, forgot, err)
		}
	}
	info, err := l.stream.Info(t.Context())
	if err != nil || info.State.NumDeleted != 0 || missing(info.Config.Metadata) != 0 {
		t.Fatalf("%d missing, %d noted, %v; want none", info.State.NumDeleted, missing(info.Config.Metadata), err)
	}
	round := now()
	if err := l.stream.DeleteMsg(t.Context(), info.State.FirstSeq+3); err != nil {
		t.Fatal(err)
	}
	if forgot, err := joinAs(t, server, "gw-9", dodona.Digest{}).Forgot(t.Context()); err != nil || forgot.Before(round.Time()) {
		t.Errorf("who starts then hears %v, %v; a record of %s is lost", forgot, err, round)
	}
}

// TestAnOldAnswerIsNoLoss: the house asked before retention freed places without a record, and looks at the answer after a signer looked at a newer one.
func TestAnOldAnswerIsNoLoss(t *testing.T) {
	_, server, first, second := twoSigners(t, Config{}, time.Now)
	appendEvents(t, first.journal, "before", 30, 1)
	l, m := first.journal.lanes[streamProof], second.journal.lanes[streamProof]
	s, err := l.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for place := s.first + 5; place < s.first+8; place++ { // an old damage, known to all
		if err := l.stream.DeleteMsg(t.Context(), place); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []process{first, second} {
		if _, err := p.journal.Forgot(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.journal.lanes[streamProof].keepMark(t.Context())
	}
	time.Sleep(1100 * time.Millisecond)
	quiet := now()
	old, err := m.ground(t.Context()) // measure asks
	if err != nil {
		t.Fatal(err)
	}
	if err := l.purge(t.Context(), s, s.first+10); err != nil { // the other process frees
		t.Fatal(err)
	}
	if _, err := second.journal.Forgot(t.Context()); err != nil { // a signer asks
		t.Fatal(err)
	}
	m.mu.Lock()
	lost := m.miss(old) // and looks
	m.mu.Unlock()
	m.keepMark(t.Context())
	f, err := joinAs(t, server, "gw-9", dodona.Digest{}).Forgot(t.Context())
	if err != nil || lost || f.After(quiet.Time()) {
		t.Errorf("lost %t; who comes hears %v, %v, nothing was lost since %v", lost, f, err, quiet)
	}
}
