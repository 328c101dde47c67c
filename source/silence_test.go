package source_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// TestAJournalThatTakesLongIsNoSilenceOfTheSource: closing the source would lose what it waits to have acknowledged.
func TestAJournalThatTakesLongIsNoSilenceOfTheSource(t *testing.T) {
	for _, pushed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{}
			s.observe = func(ctx context.Context) (dodona.Batch, error) {
				if _, n, _ := s.counts(); n > 1 && pushed {
					<-ctx.Done()
					return dodona.Batch{}, ctx.Err()
				}
				return batch("1"), nil
			}
			p, stop := start(t, s, pushed, func(c *source.Config) {
				c.Append = func(context.Context, dodona.Batch) error {
					time.Sleep(5 * time.Minute)
					return nil
				}
			})
			mustAsk(t, p, 6*time.Minute, "1")
			opens, _, closes := s.counts()
			if got := p.Status(); got.Restarts != 0 || opens != 1 || closes != 0 {
				t.Errorf("pushed %t: %d restarts, opened %d times, closed %d times; want the one open source", pushed, got.Restarts, opens, closes)
			}
			stop()
		})
	}
}

// TestAnExchangeIsGivenItsOwnTimeBeforeTheSourceIsClosed: its own time-out says better what is wrong.
func TestAnExchangeIsGivenItsOwnTimeBeforeTheSourceIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := errors.New("no answer in 20s")
		s := &script{}
		s.observe = func(ctx context.Context) (dodona.Batch, error) {
			select {
			case <-time.After(limit):
				return dodona.Batch{}, slow
			case <-ctx.Done():
				return dodona.Batch{}, ctx.Err()
			}
		}
		p, stop := start(t, s, false, func(c *source.Config) {
			c.Kind = source.NewPolled("slow", func(context.Context, slowSettings, source.Env) (dodona.Source, error) { return s, nil })
			c.Settings = &slowSettings{}
		})
		_, _ = ask(t, p, time.Second)
		time.Sleep(limit)
		synctest.Wait()
		if got := p.Status(); got.Restarts != 0 || got.LastError != slow.Error() {
			t.Errorf("%d restarts, last error %q; want the source's own", got.Restarts, got.LastError)
		}
		stop()
	})
}

const limit = 20 * time.Second // of one exchange

type slowSettings struct{}

func (*slowSettings) Pace() source.Pace { return source.Pace{Every: time.Second, Limit: limit} }

func TestASourceWhoseCursorCannotBeReadIsNotOpened(t *testing.T) {
	for _, c := range []struct {
		err  error
		open bool
	}{{nil, true}, {dodona.ErrNotFound, true}, {errors.New("the journal is away"), false}} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{observe: func(context.Context) (dodona.Batch, error) { return batch("1"), nil }}
			p, stop := start(t, s, false, func(cfg *source.Config) {
				cfg.Cursor = func(context.Context) ([]byte, error) { return nil, c.err }
			})
			_, err := ask(t, p, 100*time.Millisecond)
			if opens, _, _ := s.counts(); (opens > 0) != c.open || (err == nil) != c.open {
				t.Errorf("cursor %v: opened %d times, %v; it would begin anew and read everything twice", c.err, opens, err)
			}
			stop()
		})
	}
}
