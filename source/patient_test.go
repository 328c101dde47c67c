package source_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// TestASourceThatIsWellAgainAnswersWithinTwoRounds, however long it was away: the wait between tries does not grow past a couple
// of rounds of the feed that asks it, once its first two rounds have shown how often that does.
func TestASourceThatIsWellAgainAnswersWithinTwoRounds(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		most time.Duration
	}{
		"a failure that mends":          {errors.New("connection refused"), 10 * time.Second},
		"one that hardly will":          {dodona.Permanent(errors.New("404 Not Found")), 10 * time.Second},
		"one that names a longer time":  {source.RetryAfter(errors.New("429"), time.Minute), time.Minute},
		"one that names a shorter time": {source.RetryAfter(errors.New("429"), time.Second), 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var away atomic.Bool
				away.Store(true)
				s := &script{observe: func(context.Context) (dodona.Batch, error) {
					if away.Load() {
						return dodona.Batch{}, c.err
					}
					return batch("1"), nil
				}}
				p, stop := start(t, s, false, func(c *source.Config) { c.Every = 0 })
				defer stop()
				for round := range 60 {
					_, err := ask(t, p, 4*time.Second)
					if wait := time.Until(p.Status().NextTry); round > 8 && wait > c.most {
						t.Fatalf("round %d: the next try is in %v, want at most %v: %v", round, wait, c.most, err)
					}
					time.Sleep(time.Until(time.Now().Truncate(5 * time.Second).Add(5 * time.Second)))
				}
				away.Store(false)
				well := time.Now()
				for {
					if _, err := ask(t, p, 4*time.Second); err == nil {
						break
					}
					time.Sleep(time.Until(time.Now().Truncate(5 * time.Second).Add(5 * time.Second)))
				}
				if took := time.Since(well); took > c.most+5*time.Second {
					t.Errorf("it answered %v after it was well, want two rounds at most", took)
				}
			})
		})
	}
}
