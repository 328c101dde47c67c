//go:build integration

package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

// rollBack puts the records of a stream back to a copy of before.
func rollBack(_ *testing.T, blocks, before string) error {
	return errors.Join(os.RemoveAll(blocks), os.CopyFS(blocks, os.DirFS(before)))
}

// rotEnd flips one bit of the last record, whose index is gone, as after a power cut.
func rotEnd(t *testing.T, blocks, _ string) error {
	list, err := filepath.Glob(filepath.Join(blocks, "*.blk"))
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	flipBit(t, list[len(list)-1], `"digest":"0x01`, 20)
	return os.RemoveAll(filepath.Join(blocks, "index.db"))
}

// forgets fails if the hub itself, with the key that claimed at a round in the network without a number, would sign it.
func (h *hub) forgets(t *testing.T, round dodona.Round) {
	t.Helper()
	if !h.cfg.Network.IsZero() {
		return
	}
	until(t, "that the hub's own connection is there again", func() bool {
		forgot, err := h.Forgot(t.Context())
		if err == nil && forgot.Before(round.Time()) {
			t.Errorf("the hub hears %v; what was claimed at %s is lost", forgot, round)
		}
		return err == nil
	})
}

// TestALostEndIsNotedByTheClockOfThen: the hub comes up an hour behind, as one without a battery does, and finds the end of what others wrote
// lost. Who joins before its clock is set is told of a time that is not before the last claim that is lost.
func TestALostEndIsNotedByTheClockOfThen(t *testing.T) {
	networks := map[string]dodona.Digest{"its own network": {}, "another network": {7}}
	spoils := map[string]func(t *testing.T, blocks, before string) error{"rolled back": rollBack, "one bit of the last record": rotEnd}
	starts := map[string]func(t *testing.T, h *hub, spoil func() error){
		"started": func(t *testing.T, h *hub, spoil func() error) { h.again(t, spoil) },
		"started twice": func(t *testing.T, h *hub, spoil func() error) {
			h.again(t, spoil)
			h.again(t, func() error { return nil })
		},
		"once without others": func(t *testing.T, h *hub, spoil func() error) {
			h.again(t, func() error {
				cfg := h.cfg
				cfg.Listen = ""
				return errors.Join(spoil(), open(t, cfg).Close())
			})
		},
		"while it runs": func(t *testing.T, h *hub, spoil func() error) {
			h.noteEnds(t.Context(), 0)
			h.local.GiveUp()
			h.local.Stop()
			if err := errors.Join(spoil(), h.local.Restart(t.Context())); err != nil {
				t.Fatal(err)
			}
		},
	}
	for network, digest := range networks {
		for what, spoil := range spoils {
			for how, start := range starts {
				t.Run(network+", "+what+", "+how, func(t *testing.T) {
					t.Parallel()
					var behind atomic.Int64
					h := startHub(t, Config{Dir: t.TempDir(), Network: digest, Now: func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }})
					a := joinAs(t, h.Journal, "gw-1", dodona.Digest{})
					appendEvents(t, a, "before", 3, 10)
					blocks, before := filepath.Join(streamsDir(h.cfg.Dir), a.net.stream(streamProof), "msgs"), filepath.Join(t.TempDir(), "before")
					copyLive(t, before, blocks)
					time.Sleep(1100 * time.Millisecond) // the time at which the stream was made is noted in it too, and is not this
					round := now()
					claimed := claim("report.x.ab", 0)
					claimed.Body = []byte(`{"digest":"0x0123456789abcdef"}`)
					if err := errors.Join(a.Append(t.Context(), claimed), a.Close()); err != nil {
						t.Fatal(err)
					}
					start(t, h, func() error {
						behind.Store(int64(time.Hour))
						return spoil(t, blocks, before)
					})
					h.forgets(t, round)
					h.knows(t, "gw-2", round)
					h.keepHoles(t.Context())
					h.lanes[streamProof].keepMark(t.Context())
					h.noteEnds(t.Context(), 0)
					h.forgets(t, round)
					h.knows(t, "gw-3", round)
				})
			}
		}
	}
}

// TestALostEndIsNotedByTheClockOfThenAfterAKill: the last note is of before the last claim.
func TestALostEndIsNotedByTheClockOfThenAfterAKill(t *testing.T) {
	for network, digest := range map[string]dodona.Digest{"its own network": {}, "another network": {7}} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			var behind atomic.Int64
			h := startHub(t, Config{Dir: t.TempDir(), Network: digest, Now: func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }})
			a := joinAs(t, h.Journal, "gw-1", dodona.Digest{})
			appendEvents(t, a, "before", 3, 10)
			blocks, before := filepath.Join(streamsDir(h.cfg.Dir), a.net.stream(streamProof), "msgs"), filepath.Join(t.TempDir(), "before")
			copyLive(t, before, blocks)
			appendEvents(t, a, "after", 3, 10)
			h.mu.Lock()
			h.endsAt = time.Time{}
			h.mu.Unlock()
			h.noteEnds(t.Context(), noteEndsEvery)
			noted, err := os.ReadFile(h.endsPath())
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(1100 * time.Millisecond)
			round := now()
			if err := errors.Join(a.Append(t.Context(), claim("report.x.ab", 0)), a.Close()); err != nil {
				t.Fatal(err)
			}
			h.again(t, func() error {
				behind.Store(int64(time.Hour))
				return errors.Join(rollBack(t, blocks, before), os.WriteFile(h.endsPath(), noted, 0o600)) // of the stop there is no note
			})
			h.forgets(t, round)
			h.knows(t, "gw-2", round)
		})
	}
}

// TestAnEndThatGoesWhileTheClockIsSetBack: the hub notices at its next note.
func TestAnEndThatGoesWhileTheClockIsSetBack(t *testing.T) {
	for network, digest := range map[string]dodona.Digest{"its own network": {}, "another network": {7}} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			var behind atomic.Int64
			h := startHub(t, Config{Dir: t.TempDir(), Network: digest, Now: func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }})
			a := joinAs(t, h.Journal, "gw-1", dodona.Digest{})
			appendEvents(t, a, "before", 3, 10)
			time.Sleep(1100 * time.Millisecond)
			round := now()
			h.noteEnds(t.Context(), 0)
			h.overstate(a.net.stream(streamProof))
			behind.Store(int64(time.Hour))
			for range 2 {
				h.noteEnds(t.Context(), 0)
				h.lanes[streamProof].keepMark(t.Context())
			}
			h.forgets(t, round)
			h.knows(t, "gw-2", round)
		})
	}
}

// TestNotesOfEndsOfAnOlderVersionAreRead: they do not say when the end was written.
func TestNotesOfEndsOfAnOlderVersionAreRead(t *testing.T) {
	told, log := countLost()
	h := startHub(t, Config{Dir: t.TempDir(), Log: log})
	a := joinAs(t, h.Journal, "gw-1", dodona.Digest{7})
	appendEvents(t, a, "before", 3, 10)
	blocks, before := filepath.Join(streamsDir(h.cfg.Dir), a.net.stream(streamProof), "msgs"), filepath.Join(t.TempDir(), "before")
	copyLive(t, before, blocks)
	appendEvents(t, a, "after", 3, 10)
	info, err := a.lanes[streamProof].stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	h.again(t, func() error {
		text := `{"` + info.Config.Name + `":{"created":"` + info.Created.Format(time.RFC3339Nano) + `","last":` + strconv.FormatUint(info.State.LastSeq, 10) + `,"settings":{"name":"` + info.Config.Name + `"}}}`
		return errors.Join(rollBack(t, blocks, before), os.WriteFile(h.endsPath(), []byte(text), 0o600))
	})
	if n := told.Load(); n != 1 {
		t.Errorf("a lost end is told %d times, want once", n)
	}
}

// TestADamagedNoteOfEndsTellsOfNoLoss: it is set aside, the start says so, and the next note is sound.
func TestADamagedNoteOfEndsTellsOfNoLoss(t *testing.T) {
	told, log := countLost()
	h := startHub(t, Config{Dir: t.TempDir(), Log: log})
	a := joinAs(t, h.Journal, "gw-1", dodona.Digest{7})
	appendEvents(t, a, "before", 3, 10)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	h.again(t, func() error {
		text, err := os.ReadFile(h.endsPath())
		if err != nil {
			return err
		}
		at := bytes.Index(text, []byte(`"last":`)) + len(`"last":`)
		for text[at]&1 == 1 { // a bit upwards: the stream seems to have gone further
			at++
		}
		text[at] ^= 1
		return os.WriteFile(h.endsPath(), text, 0o600)
	})
	if n := told.Load(); n != 0 {
		t.Errorf("%d losses are told, and there was none", n)
	}
	if damage := h.Status(t.Context()).Damage; len(damage) != 1 || damage[0].File != "ends.json" {
		t.Errorf("told as damaged are %+v, want ends.json", damage)
	}
	h.noteEnds(t.Context(), 0)
	text, err := os.ReadFile(h.endsPath())
	if err != nil {
		t.Fatal(err)
	}
	if ends, err := endsIn(text); err != nil || len(ends) != 2 {
		t.Errorf("the next note is %s, %v", text, err)
	}
}
