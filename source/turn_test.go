package source_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// TestManyThatAskOnePeerDoSoOneAfterAnother: the same way in each round, so that none asks sooner than its every, and within a quarter of what
// their feeds wait.
func TestManyThatAskOnePeerDoSoOneAfterAnother(t *testing.T) {
	for _, c := range []struct {
		turn     source.Turn
		deadline []time.Duration // of one round after another
		want     []time.Duration // after each, when the peer is asked
	}{
		{source.Turn{Index: 3, Of: 4}, []time.Duration{time.Second, time.Second}, []time.Duration{0, 0}},
		{source.Turn{Index: 0, Of: 40}, []time.Duration{time.Second, time.Second}, []time.Duration{0, 0}},
		{source.Turn{Index: 30, Of: 40}, []time.Duration{5 * time.Second, 5 * time.Second}, []time.Duration{600 * time.Millisecond, 600 * time.Millisecond}},
		{source.Turn{Index: 30, Of: 40}, []time.Duration{time.Second, time.Second}, []time.Duration{187500 * time.Microsecond, 187500 * time.Microsecond}},
		{
			source.Turn{Index: 30, Of: 40},
			[]time.Duration{800 * time.Millisecond, time.Second, 800 * time.Millisecond},
			[]time.Duration{150 * time.Millisecond, 187500 * time.Microsecond, 187500 * time.Microsecond},
		}, // every is kept
		{source.Turn{Index: 30, Of: 40}, []time.Duration{5 * time.Second, time.Second}, []time.Duration{600 * time.Millisecond, 187500 * time.Microsecond}},
	} {
		t.Run(fmt.Sprint(c.turn, c.deadline), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := new(troubled)
				p, stop := start(t, &script{observe: q.observe}, false, func(cfg *source.Config) { cfg.Every, cfg.Turn = 10*time.Second, c.turn })
				defer stop()
				for i, deadline := range c.deadline {
					began := time.Now()
					mustAsk(t, p, deadline, "1")
					if got := q.times[i].Sub(began); got != c.want[i] {
						t.Errorf("round %d: the peer is asked after %v, want %v", i, got, c.want[i])
					}
					time.Sleep(time.Until(began.Add(10 * time.Second)))
				}
			})
		})
	}
}

func TestATurnEndsWithItsPump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{observe: func(ctx context.Context) (dodona.Batch, error) { return batch("1"), ctx.Err() }}
		p, stop := start(t, s, false, func(cfg *source.Config) { cfg.Turn = source.Turn{Index: 4000, Of: 4001} })
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _, _ = p.Ask(ctx, dodona.RoundAt(time.Now())) }() // without a deadline
		synctest.Wait()
		began := time.Now()
		if stop(); time.Since(began) > 5*time.Second {
			t.Errorf("it stopped after %v", time.Since(began))
		}
	})
}

func TestThoseOfOnePeerShareItsTurns(t *testing.T) {
	got := source.Turns([]string{"a1", "b", "a2", "a3"}, func(name string) string { return name[:1] })
	want := map[string]source.Turn{"a1": {Index: 0, Of: 3}, "a2": {Index: 1, Of: 3}, "a3": {Index: 2, Of: 3}, "b": {Index: 0, Of: 1}}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestAPolledReadingIsTakenOnceUnlessItIsAllThereIs: a round within every has what the exchange before brought, and the newest still stands.
func TestAPolledReadingIsTakenOnceUnlessItIsAllThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		brought := 0
		p, stop := start(t, &script{observe: func(context.Context) (dodona.Batch, error) {
			brought++
			return batch(fmt.Sprint(brought, " of three"), fmt.Sprint(brought, " again"), fmt.Sprint(brought)), nil
		}}, false, func(cfg *source.Config) { cfg.Every = 10 * time.Second })
		defer stop()
		taker := new(source.Taker)
		since := func() []dodona.Reading {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			got, err := p.Since(ctx, dodona.RoundAt(time.Now()), taker)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		for range 2 {
			if got := since(); len(got) != 3 {
				t.Errorf("%s, want all three: none was taken", bodiesOf(got))
			}
		}
		var digests []dodona.Digest
		for _, r := range since() {
			digests = append(digests, r.Digest())
		}
		p.Took(taker, 1, digests)
		if got := since(); len(got) != 1 {
			t.Errorf("%s, want one that stands though all are taken", bodiesOf(got))
		}
		time.Sleep(10 * time.Second)
		if got := since(); len(got) != 3 {
			t.Errorf("%s, want the three of another exchange", bodiesOf(got))
		}
	})
}
