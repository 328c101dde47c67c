package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
)

// TestNotesOfEndsWithADamagedBitAreNotBelieved, whichever bit it is.
func TestNotesOfEndsWithADamagedBitAreNotBelieved(t *testing.T) {
	at := time.Date(2026, 11, 28, 9, 30, 0, 0, time.UTC)
	ends := map[string]streamEnd{
		"PROOF-0000000000000000": {at, 4711, at.Add(time.Hour), jetstream.StreamConfig{Name: "PROOF-0000000000000000", Description: "<&>"}},
		"PROOF-0700000000000000": {at, 17, time.Time{}, jetstream.StreamConfig{Name: "PROOF-0700000000000000"}},
	}
	text, err := textOf(ends)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := endsIn(text); err != nil || !reflect.DeepEqual(got, ends) {
		t.Fatalf("%s is read as %+v, %v", text, got, err)
	}
	for bit := range 8 * len(text) {
		damaged := append([]byte(nil), text...)
		damaged[bit/8] ^= 1 << (bit % 8)
		if got, err := endsIn(damaged); err == nil && !reflect.DeepEqual(got, ends) {
			t.Errorf("%s is read as %+v", damaged, got)
		}
	}
	for size := range text {
		if got, err := endsIn(text[:size]); err == nil {
			t.Errorf("%s is read as %+v", text[:size], got)
		}
	}
}

// TestAnEndIsThatOfOneStream: another one of the name goes less far, and has lost nothing.
func TestAnEndIsThatOfOneStream(t *testing.T) {
	made := time.Date(2026, 11, 28, 9, 30, 0, 0, time.UTC)
	j := &Journal{ends: map[string]streamEnd{"PROOF-07": {Created: made, LastSeq: 17}}}
	for _, c := range []struct {
		created time.Time
		last    uint64
		want    bool
	}{{made, 16, true}, {made, 17, false}, {made, 18, false}, {made.Add(1), 16, false}, {made.Add(-1), 0, false}} {
		info := &jetstream.StreamInfo{Created: c.created, State: jetstream.StreamState{LastSeq: c.last}, Config: jetstream.StreamConfig{Name: "PROOF-07"}}
		if got := j.endGone(info); got != c.want {
			t.Errorf("made at %v, it ends at %d: its end is gone: %v, want %v", c.created, c.last, got, c.want)
		}
	}
}

// TestEndsOfStreamsThatAreNotLoadedAreKept, as long as their folders are there.
func TestEndsOfStreamsThatAreNotLoadedAreKept(t *testing.T) {
	j := open(t, Config{Listen: "127.0.0.1:0"})
	there, gone := "PROOF-0700000000000000", "PROOF-0800000000000000"
	if err := os.MkdirAll(filepath.Join(streamsDir(j.cfg.Dir), there), 0o700); err != nil {
		t.Fatal(err)
	}
	j.noting <- struct{}{} // the journal's own first note is over, or has not begun
	j.mu.Lock()
	j.ends = map[string]streamEnd{there: {LastSeq: 17}, gone: {LastSeq: 18}}
	j.mu.Unlock()
	<-j.noting
	j.noteEnds(t.Context(), 0)
	text, err := os.ReadFile(j.endsPath())
	if err != nil {
		t.Fatal(err)
	}
	ends, err := endsIn(text)
	if err != nil || ends[there].LastSeq != 17 || ends[j.net.stream(streamProof)].Created.IsZero() || len(ends) != 2 {
		t.Errorf("noted are %+v, %v; want %s and this network's", ends, err, there)
	}
}

// TestWhoIsAloneNotesNoEnds: its marks say how far it wrote, and each note wears the flash.
func TestWhoIsAloneNotesNoEnds(t *testing.T) {
	j := open(t, Config{})
	appendEvents(t, j, "before", 3, 1)
	j.noteEnds(t.Context(), 0)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(j.endsPath()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a note: %v", err)
	}
}

// TestAnEndIsSeenUntilItsLossIsNoted, in another network's stream, which may fail; this network's lane knows at once.
func TestAnEndIsSeenUntilItsLossIsNoted(t *testing.T) {
	j := open(t, Config{Listen: "127.0.0.1:0", Node: "srv"})
	other := joinAs(t, j, "gw-1", dodona.Digest{7})
	appendEvents(t, j, "before", 3, 1)
	appendEvents(t, other, "before", 3, 1)
	j.noteEnds(t.Context(), 0)
	away, cancel := context.WithCancel(t.Context())
	cancel()
	for _, of := range []*Journal{other, j} {
		bus := of.net.stream(streamProof)
		stream, err := j.js.Stream(t.Context(), bus)
		if err != nil {
			t.Fatal(err)
		}
		info := stream.CachedInfo()
		j.mu.Lock()
		end := j.ends[bus]
		end.LastSeq += 5
		j.ends[bus] = end
		j.mu.Unlock()
		if got := j.nextEnd(away, info, 0); of == other && got.LastSeq != end.LastSeq {
			t.Errorf("%s: seen is %d, and nothing is noted in it; want %d", bus, got.LastSeq, end.LastSeq)
		}
		if got := j.nextEnd(t.Context(), info, 0); got.LastSeq != info.State.LastSeq {
			t.Errorf("%s: seen is %d, and what is lost is noted; want %d", bus, got.LastSeq, info.State.LastSeq)
		}
		if !j.hasHole(bus) {
			t.Errorf("%s: the loss is not on the disk", bus)
		}
	}
	stream, err := j.js.Stream(t.Context(), other.net.stream(streamProof))
	if err != nil || timeIn(stream.CachedInfo(), lostKey).IsZero() {
		t.Errorf("in the other network's stream no loss is noted, %v", err)
	}
	l := j.lanes[streamProof]
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.forgot.found.IsZero() {
		t.Error("this network's lane knows of no loss")
	}
}

// TestAnEndThatWasNotNotedIsNotedSoon: a note that fails is no note.
func TestAnEndThatWasNotNotedIsNotedSoon(t *testing.T) {
	j := open(t, Config{Listen: "127.0.0.1:0", Node: "srv"})
	j.mu.Lock()
	j.endsAt = time.Time{}
	j.mu.Unlock()
	away, cancel := context.WithCancel(t.Context())
	cancel()
	j.noteEnds(away, noteEndsEvery)
	j.mu.Lock()
	clear(j.ends)
	j.mu.Unlock()
	j.noteEnds(t.Context(), noteEndsEvery)
	if end := j.endOf(j.net.stream(streamProof)); end.Created.IsZero() {
		t.Error("after a note that failed the next one waits")
	}
}
