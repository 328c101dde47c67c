//go:build integration

package journal

import (
	"log/slog"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
)

// TestAStreamMadeAnewIsNoNewLossOfEach: its birth says what was lost; a process that meets it later tells nothing new.
func TestAStreamMadeAnewIsNoNewLossOfEach(t *testing.T) {
	t.Parallel()
	_, server, first, second := twoSigners(t, Config{}, time.Now)
	appendEvents(t, first.journal, "before", 3, 1)
	appendEvents(t, second.journal, "before-too-", 3, 1)
	time.Sleep(2 * time.Second)
	js := server.js
	if err := js.DeleteStream(t.Context(), first.journal.lanes[streamProof].streamName); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, first.journal, "after", 1, 1) // makes it anew
	for range 2 {
		if _, err := first.journal.Forgot(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(2 * time.Second)
	before, err := first.journal.Forgot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	appendEvents(t, second.journal, "after-too-", 1, 1) // meets it
	if _, err := second.journal.Forgot(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	after, err := first.journal.Forgot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after.Sub(before) > time.Second {
		t.Errorf("the first one refuses rounds up to %v, and then up to %v", before, after)
	}
}

// TestWhatAnotherProcessFreesWhileThisOneStartsIsNoLoss: it asked where the stream begins, and then looks for its last record, which was freed since.
func TestWhatAnotherProcessFreesWhileThisOneStartsIsNoLoss(t *testing.T) {
	h := startHub(t, Config{Dir: t.TempDir()})
	var told logtest.Text
	cfg := Config{Node: "gw-2", Dir: t.TempDir(), Network: dodona.Digest{9}, URL: "nats://" + h.Addr().String(), Log: slog.New(slog.NewTextHandler(&told, nil))}
	b := open(t, cfg)
	appendEvents(t, b, "b", 3, 10)
	a := open(t, Config{Node: "gw-1", Network: cfg.Network, URL: cfg.URL})
	appendEvents(t, a, "a", 30, 10)
	l, lb := a.lanes[streamProof], b.lanes[streamProof]
	s, err := l.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := lb.visit(t.Context(), func() {
		if _, err := lb.stream.Info(t.Context()); err != nil { // as a start, or meet, does
			t.Error(err)
		}
		if err := l.purge(t.Context(), s, s.first+20); err != nil {
			t.Error(err)
		}
		if _, err := lb.recover(t.Context()); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if told.Times("are lost") > 0 {
		t.Errorf("a loss is told of what was freed: %s", told.String())
	}
}
