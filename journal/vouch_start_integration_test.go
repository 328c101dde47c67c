//go:build integration

package journal

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
)

// TestWhatAStartDroppedIsToldOnce: a block in the middle is gone, which the server counts as dropped. That is noted before anybody is answered, and
// nobody finds it again, nor does who joins; the store is not started once more for it.
func TestWhatAStartDroppedIsToldOnce(t *testing.T) {
	for name, network := range map[string]dodona.Digest{"its own network": {}, "another network": {7}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told logtest.Text
			h := startHub(t, Config{Dir: t.TempDir(), Network: network, Log: slog.New(slog.NewTextHandler(&told, nil))})
			a := joinAs(t, h.Journal, "gw-1", dodona.Digest{})
			bus := a.net.stream(streamProof)
			appendEvents(t, a, "before", 28, 1<<20)
			time.Sleep(1100 * time.Millisecond) // the time at which the stream was made is noted in it too, and is not this
			round := now()
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			h.again(t, func() error {
				list, err := filepath.Glob(filepath.Join(streamsDir(h.cfg.Dir), bus, "msgs", "*.blk"))
				if err != nil || len(list) < 3 {
					t.Fatal(list, err)
				}
				return os.Remove(list[1])
			})
			if h.dropsOf(bus) == 0 {
				t.Fatal("the server does not count what it dropped")
			}
			server := h.nc.ConnectedServerId()
			time.Sleep(1100 * time.Millisecond)
			quiet := now()
			second := joinAs(t, h.Journal, "gw-2", dodona.Digest{})
			before, err := second.Forgot(t.Context())
			if err != nil || before.Before(round.Time()) || before.After(quiet.Time()) {
				t.Errorf("who joins hears %v, %v; lost is what was written before %s, and that was noted before %s", before, err, round, quiet)
			}
			for range 3 {
				if err := h.seekDropped(t.Context(), func(string) {}); err != nil {
					t.Fatal(err)
				}
				for _, l := range []*lane{h.lanes[streamProof], second.lanes[streamProof]} {
					if _, err := l.measure(t.Context()); err != nil {
						t.Fatal(err)
					}
					l.keepMark(t.Context())
					l.lowerMissing(t.Context())
				}
			}
			if after, err := second.Forgot(t.Context()); err != nil || !after.Equal(before) {
				t.Errorf("who joins finds it again: %v, and then %v, %v", before, after, err)
			}
			if n := told.Times("records are lost"); n > 0 {
				t.Errorf("the hub finds it %d times more", n)
			}
			if h.local.Broken() || h.nc.ConnectedServerId() != server {
				t.Error("the store is started once more for what its start had noted")
			}
			if !h.dropsMore(h.counting(), bus, h.dropsOf(bus)+1) {
				t.Error("what is dropped later is no news")
			}
		})
	}
}
