package journal

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona/internal/logtest"
)

// TestALostEndOfItsOwnIsToldAtTheStartOfTheStore, once, also by a node that is alone and notes no ends: its lane knows how far the stream went.
func TestALostEndOfItsOwnIsToldAtTheStartOfTheStore(t *testing.T) {
	var told logtest.Text
	j := open(t, Config{Log: slog.New(slog.NewTextHandler(&told, nil))})
	l := j.lanes[streamProof]
	appendEvents(t, j, "before", 3, 1)
	blocks, before := filepath.Join(streamsDir(j.cfg.Dir), l.streamName, "msgs"), filepath.Join(t.TempDir(), "before")
	copyLive(t, before, blocks)
	appendEvents(t, j, "after", 3, 1)
	for range 2 {
		j.local.Stop()
		if told.Times("may be lost") == 0 {
			if err := errors.Join(os.RemoveAll(blocks), os.CopyFS(blocks, os.DirFS(before))); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.local.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := told.Times("may be lost"); n != 1 || !j.hasHole(l.streamName) {
			t.Fatalf("it is told %d times, and known: %v; want once", n, j.hasHole(l.streamName))
		}
	}
	appendEvents(t, j, "since", 1, 1)
	if _, err := l.measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := told.Times("records are lost, of this node or of others"); n != 0 { // its lane may tell which, when an append finds it
		t.Errorf("the house finds it %d times more:\n%s", n, told.String())
	}
}

// TestALostEndIsNoPartOfABackup: a node that was restored not long ago tells of it as any other does.
func TestALostEndIsNoPartOfABackup(t *testing.T) {
	var told logtest.Text
	j := open(t, Config{Log: slog.New(slog.NewTextHandler(&told, nil))})
	l := j.lanes[streamProof]
	appendEvents(t, j, "before", 3, 1)
	blocks, before := filepath.Join(streamsDir(j.cfg.Dir), l.streamName, "msgs"), filepath.Join(t.TempDir(), "before")
	copyLive(t, before, blocks)
	appendEvents(t, j, "after", 3, 1)
	j.mu.Lock()
	j.holes[l.streamName] = &hole{found: time.Now(), backup: time.Now().Add(-time.Hour), noted: true}
	j.mu.Unlock()
	if j.Restored().IsZero() {
		t.Fatal("it was not restored")
	}
	j.local.Stop()
	if err := errors.Join(os.RemoveAll(blocks), os.CopyFS(blocks, os.DirFS(before))); err != nil {
		t.Fatal(err)
	}
	if err := j.local.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(j.cfg.Dir, holeFile+l.streamName)); err != nil || string(text) != "0" {
		t.Errorf("of it is noted %q, %v", text, err)
	}
	if !j.Restored().IsZero() || told.Times("may be lost") != 1 || told.Times("restored from a backup") != 0 {
		t.Errorf("what is lost is said to be what came after the backup:\n%s", told.String())
	}
}

// TestAnEndThatIsGoneIsToldOnce, however often the store is started after it: here that of another network, which no lane looks after.
func TestAnEndThatIsGoneIsToldOnce(t *testing.T) {
	var told logtest.Text
	j := open(t, Config{Log: slog.New(slog.NewTextHandler(&told, nil))})
	l := j.lanes[streamProof]
	<-l.house.turned // else its first turn may find it too
	info, err := infoOf(t.Context(), j.nc, l.streamName)
	if err != nil {
		t.Fatal(err)
	}
	other := info.Config
	other.Name, other.Subjects = streamProof+"-another", []string{"another.>"}
	if _, err := j.js.CreateStream(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	look := func() *jetstream.StreamInfo {
		if info, err = infoOf(t.Context(), j.nc, other.Name); err != nil {
			t.Fatal(err)
		}
		return info
	}
	info = look()
	j.setEnd(&jetstream.StreamInfo{Created: info.Created, Config: info.Config, State: jetstream.StreamState{LastSeq: info.State.LastSeq + 3}})
	for i := range 3 {
		if err := j.vouchFor(t.Context(), j.js, look()); err != nil {
			t.Fatal(err)
		}
		if n := told.Times("those who use the stream are told"); n != 1 {
			t.Fatalf("start %d after it: it was told %d times, want once", i, n)
		}
	}
}
