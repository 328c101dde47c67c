package source_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// TestAPeerIsAskedNoMoreOftenThanItsRate: by all its sources together, in any time of that length.
func TestAPeerIsAskedNoMoreOftenThanItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var peers source.Peers
		var mu sync.Mutex
		var asked []time.Time
		names := []string{"a", "b", "c"}
		turns := peers.Turns(names, func(name string) source.Asks {
			rates := map[string]unit.Rate{"a": {N: 100, Per: time.Minute}, "b": {N: 6, Per: time.Minute}}
			return source.Asks{Peer: "there", Rate: rates[name]} // c names none
		})
		pumps := map[string]*source.Pump{}
		for _, name := range names {
			s := &script{observe: func(context.Context) (dodona.Batch, error) {
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, time.Now())
				return batch("1"), nil
			}}
			p, stop := start(t, s, false, func(cfg *source.Config) { cfg.Every, cfg.Turn = 0, turns[name] })
			defer stop()
			pumps[name] = p
		}
		var refused error
		for range 120 {
			for _, name := range names {
				if _, err := ask(t, pumps[name], 100*time.Millisecond); err != nil {
					refused = err
				}
			}
			time.Sleep(5 * time.Second)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(asked) < 50 || len(asked) > 66 {
			t.Errorf("asked %d times in 10 minutes, want about 6 a minute", len(asked))
		}
		for i := 6; i < len(asked); i++ {
			if gap := asked[i].Sub(asked[i-6]); gap < time.Minute {
				t.Fatalf("seven times within %v", gap)
			}
		}
		if refused == nil || !strings.Contains(refused.Error(), "its peer has been asked 6 times in 1m, which is as often as rate lets it be") {
			t.Errorf("who was refused heard %v", refused)
		}
		if got := pumps["c"].Status(); got.Restarts != 0 || got.Dropped != 0 {
			t.Errorf("a source that waits for its rate is closed for it: %+v", got)
		}
	})
}

// TestWhoCanWaitForTheRateDoes: an exchange begins later rather than not at all.
func TestWhoCanWaitForTheRateDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var peers source.Peers
		turn := peers.Turns([]string{"a"}, func(string) source.Asks {
			return source.Asks{Peer: "there", Rate: unit.Rate{N: 1, Per: 10 * time.Second}}
		})["a"]
		s := &script{observe: func(context.Context) (dodona.Batch, error) { return batch("1"), nil }}
		p, stop := start(t, s, false, func(cfg *source.Config) { cfg.Every, cfg.Turn = 0, turn })
		defer stop()
		mustAsk(t, p, time.Second, "1")
		time.Sleep(3 * time.Second)
		began := time.Now()
		mustAsk(t, p, 20*time.Second, "1")
		if took := time.Since(began); took != 7*time.Second {
			t.Errorf("it waited %v, want 7s", took)
		}
	})
}
