package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

// TestWhatIsNotedOfAHoleNeverFalls.
func TestWhatIsNotedOfAHoleNeverFalls(t *testing.T) {
	j := open(t, Config{Listen: "127.0.0.1:0", Node: "srv"})
	bus := joinAs(t, j, "gw-1", dodona.Digest{7}).net.stream(streamProof)
	now := time.Now()
	for _, at := range []time.Time{now.Add(-time.Hour), now, now.Add(-time.Minute)} {
		if err := j.noteHole(t.Context(), j.js, bus, at); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := j.js.Stream(t.Context(), bus)
	if err != nil {
		t.Fatal(err)
	}
	if got := timeIn(stream.CachedInfo(), lostKey); !got.Equal(now) {
		t.Errorf("noted is %v, want the latest, %v", got, now)
	}
}

// TestANoteOfAHoleHidesNotWhatIsLostLater: it says what the stream lacks by then.
func TestANoteOfAHoleHidesNotWhatIsLostLater(t *testing.T) {
	j := open(t, Config{Listen: "127.0.0.1:0", Node: "srv"})
	other := joinAs(t, j, "gw-1", dodona.Digest{7})
	l := other.lanes[streamProof]
	appendEvents(t, other, "before", 3, 1)
	if err := j.noteHole(t.Context(), j.js, l.streamName, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	lost := time.Now()
	if err := l.stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.noteHole(t.Context(), j.js, l.streamName, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	info, err := l.stream.Info(t.Context())
	if err != nil || timeIn(info, lostKey).Before(lost) || lacks(info) {
		t.Errorf("noted is %v, %v, want %v or later; it lacks more: %v", timeIn(info, lostKey), err, lost, lacks(info))
	}
}

// TestHolesAreKeptUntilTheirTimeIsBelieved: another network's is noted anew when the clock was set, and forgotten when that was long ago; one that
// does not stand in its stream yet stays.
func TestHolesAreKeptUntilTheirTimeIsBelieved(t *testing.T) {
	j := open(t, Config{Listen: "127.0.0.1:0", Node: "srv"})
	other := joinAs(t, j, "gw-1", dodona.Digest{7}).net.stream(streamProof)
	ours, unknown := j.net.stream(streamProof), "PROOF-0800000000000000"
	for _, stream := range []string{ours, other, unknown} {
		if err := j.holed(stream); err != nil {
			t.Fatal(err)
		}
	}
	found, behind := time.Now(), time.Now().Add(-time.Hour)
	j.holeNoted(ours, found)
	if err := j.noteHole(t.Context(), j.js, other, behind); err != nil {
		t.Fatal(err)
	}
	j.keepHoles(t.Context())
	stream, err := j.js.Stream(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	if at := timeIn(stream.CachedInfo(), lostKey); at.Before(found.Add(-time.Second)) {
		t.Errorf("noted is %v, and the clock is set; it was found at %v", at, found)
	}
	kept := func(stream string) bool {
		_, err := os.Stat(filepath.Join(j.cfg.Dir, holeFile+stream))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if there := j.hasHole(stream); there != (err == nil) {
			t.Errorf("%s: known: %v; on the disk: %v", stream, there, err)
		}
		return err == nil
	}
	for _, stream := range []string{ours, other, unknown} {
		if !kept(stream) {
			t.Errorf("%s is forgotten at once", stream)
		}
	}
	j.mu.Lock()
	for _, h := range j.holes {
		h.found = h.found.Add(-settleAfter - time.Second)
	}
	j.mu.Unlock()
	j.keepHoles(t.Context())
	if kept(ours) || kept(other) || !kept(unknown) {
		t.Errorf("kept are ours %v, another network's %v, want neither; one that is not noted yet %v", kept(ours), kept(other), kept(unknown))
	}
}
