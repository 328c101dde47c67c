package journal

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// TestALostEndOfItsOwnIsToldAtTheStartOfTheStore, once, also by a node that is alone and notes no ends: its lane knows how far the stream went.
func TestALostEndOfItsOwnIsToldAtTheStartOfTheStore(t *testing.T) {
	var told spoken
	j := open(t, Config{Log: slog.New(slog.NewTextHandler(&told, nil))})
	l := j.lanes[streamProof]
	appendEvents(t, j, "before", 3, 1)
	blocks, before := filepath.Join(streamsDir(j.cfg.Dir), l.streamName, "msgs"), filepath.Join(t.TempDir(), "before")
	copyLive(t, before, blocks)
	appendEvents(t, j, "after", 3, 1)
	for range 2 {
		j.local.Stop()
		if told.times("may be lost") == 0 {
			if err := errors.Join(os.RemoveAll(blocks), os.CopyFS(blocks, os.DirFS(before))); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.local.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := told.times("may be lost"); n != 1 || !j.hasHole(l.streamName) {
			t.Fatalf("it is told %d times, and known: %v; want once", n, j.hasHole(l.streamName))
		}
	}
	appendEvents(t, j, "since", 1, 1)
	if _, err := l.measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := told.times("records are lost"); n != 0 {
		t.Errorf("the house finds it %d times more", n)
	}
}
