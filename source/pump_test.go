package source_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPumpMakesOneExchangeHoweverManyFeedsAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.observe = func(context.Context) (dodona.Batch, error) {
			time.Sleep(100 * time.Millisecond) // fake time: all feeds have asked by then
			return batch("1"), nil
		}
		p, stop := start(t, s, false, nil)
		defer stop()
		var feeds sync.WaitGroup
		for range 20 {
			feeds.Go(func() { mustAsk(t, p, time.Second, "1") })
		}
		feeds.Wait()
		mustAsk(t, p, time.Second, "1") // 100 ms later, within every
		if _, n, _ := s.counts(); n != 1 {
			t.Errorf("21 asks made %d exchanges, want 1", n)
		}
		time.Sleep(900 * time.Millisecond)
		mustAsk(t, p, time.Second, "1")
		if _, n, _ := s.counts(); n != 2 {
			t.Errorf("an ask one interval later brought the number of exchanges to %d, want 2", n)
		}
	})
}

func TestPumpMakesAnExchangeForEachInstantWithoutEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{observe: func(context.Context) (dodona.Batch, error) { return batch("1"), nil }}
		p, stop := start(t, s, false, func(c *source.Config) { c.Every = 0 })
		defer stop()
		for range 10 {
			mustAsk(t, p, time.Second, "1")
			mustAsk(t, p, time.Second, "1")
			time.Sleep(time.Millisecond)
		}
		if _, n, _ := s.counts(); n != 10 {
			t.Errorf("10 instants made %d exchanges, want 10", n)
		}
		if got := p.Status().Expected; got != time.Millisecond {
			t.Errorf("expected interval is %s, want 1ms as the feeds ask", got)
		}
	})
}

func TestPumpServesAnInstantBeforeTheLastAfterTheClockStepsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{observe: func(context.Context) (dodona.Batch, error) { return batch("1"), nil }}
		p, stop := start(t, s, false, nil)
		defer stop()
		mustAsk(t, p, time.Second, "1")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Ask(ctx, dodona.RoundAt(time.Now().Add(-time.Hour))); err != nil {
			t.Fatal(err)
		}
		if _, n, _ := s.counts(); n != 2 {
			t.Errorf("an ask for an hour earlier brought the number of exchanges to %d, want 2", n)
		}
	})
}

func TestPumpJournalsThenHandsOutThenAcknowledges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, what)
		}
		s := &script{observe: func(context.Context) (dodona.Batch, error) {
			note("observe")
			b := batch("1")
			b.Ack = func(context.Context) error { note("ack"); return nil }
			return b, nil
		}}
		p, stop := start(t, s, false, func(c *source.Config) {
			c.Append = func(_ context.Context, b dodona.Batch) error {
				if got := b.Readings[0].Source; got != "boiler" {
					t.Errorf("journaled reading is of source %q, want boiler", got)
				}
				note("append")
				return nil
			}
		})
		mustAsk(t, p, time.Second, "1")
		stop()
		if got := strings.Join(order, " "); got != "observe append ack" {
			t.Errorf("order was %q, want observe append ack", got)
		}
	})
}

func TestPumpKeepsABatchUntilTheJournalTakesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.observe = func(ctx context.Context) (dodona.Batch, error) {
			if _, n, _ := s.counts(); n > 1 {
				<-ctx.Done()
				return dodona.Batch{}, ctx.Err()
			}
			b := batch("precious")
			b.Cursor = []byte("7")
			return b, nil
		}
		full, acked := 5, 0
		var taken []string
		p, stop := start(t, s, true, func(c *source.Config) {
			inner := s.observe
			s.observe = func(ctx context.Context) (dodona.Batch, error) {
				b, err := inner(ctx)
				b.Ack = func(context.Context) error { acked++; return nil }
				return b, err
			}
			c.Append = func(_ context.Context, b dodona.Batch) error {
				if _, n, _ := s.counts(); n != 1 {
					t.Errorf("observed %d times while a batch waited for the journal", n)
				}
				if full--; full >= 0 {
					return errors.New("journal is full")
				}
				taken = append(taken, string(b.Readings[0].Body))
				return nil
			}
		})
		mustAsk(t, p, time.Minute, "precious")
		stop()
		if len(taken) != 1 || acked != 1 {
			t.Errorf("the journal took %q and %d acknowledgements went out, want one each", taken, acked)
		}
	})
}

// A batch that the journal can never take does not stop its source: it is dropped, counted and not acknowledged, and the
// next exchange is made.
func TestPumpGivesUpWhatTheJournalCanNeverTake(t *testing.T) {
	for _, pushed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const poison = 3 // batches, one after the other
			s := &script{}
			var acked []string
			s.observe = func(ctx context.Context) (dodona.Batch, error) {
				_, n, _ := s.counts()
				if n > poison+1 {
					<-ctx.Done()
					return dodona.Batch{}, ctx.Err()
				}
				body := "good"
				if n <= poison {
					body = "poison"
				}
				b := batch(body, body)
				b.Readings[1].Item = "second"
				b.Ack = func(context.Context) error { acked = append(acked, body); return nil }
				return b, nil
			}
			var log logtest.Text
			p, stop := start(t, s, pushed, func(c *source.Config) {
				c.Log = slog.New(slog.NewTextHandler(&log, nil))
				c.Append = func(_ context.Context, b dodona.Batch) error {
					if string(b.Readings[0].Body) == "poison" {
						return fmt.Errorf("append: %w", dodona.Permanent(errors.New("1 record of 9 MiB: at most 8")))
					}
					return nil
				}
			})
			readings, err := ask(t, p, time.Minute)
			if err != nil || len(readings) != 2 || string(readings[0].Body) != "good" {
				t.Errorf("pushed %v: Ask returned %v, %v, want what came after the poison", pushed, readings, err)
			}
			status := p.Status()
			stop()
			if status.Dropped != 2*poison || !strings.Contains(status.LastDrop, "at most 8") || status.Failures != poison || status.State != source.OK {
				t.Errorf("pushed %v: %+v, want %d readings dropped in %d failures, and the source to be well", pushed, status, 2*poison, poison)
			}
			if !slices.Equal(acked, []string{"good"}) {
				t.Errorf("pushed %v: acknowledged %q, want the good one alone", pushed, acked)
			}
			if !strings.Contains(log.String(), "the journal can never take them") {
				t.Errorf("pushed %v: the log does not say what was dropped: %s", pushed, log.String())
			}
		})
	}
}

func TestPumpStartsWithThePeerAbsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		appears := time.Now().Add(10 * time.Minute)
		s := &script{observe: func(context.Context) (dodona.Batch, error) { return batch("1"), nil }}
		s.open = func(context.Context, source.Env) error {
			if time.Now().Before(appears) {
				return errors.New("connection refused")
			}
			return nil
		}
		p, stop := start(t, s, false, nil)
		defer stop()
		if _, err := ask(t, p, 3*time.Second); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("Ask of an absent peer returned %v, want its refusal", err)
		}
		if got := p.Status().State; got != source.Retrying && got != source.Stale {
			t.Errorf("state is %s, want retrying or stale", got)
		}
		time.Sleep(time.Until(appears) + backoff.DefaultMax)
		mustAsk(t, p, time.Second, "1")
		if got := p.Status(); got.State != source.OK || got.Attempt != 0 || !got.NextTry.IsZero() {
			t.Errorf("status after recovery is %+v, want ok, no attempt and no next try", got)
		}
	})
}

func TestPumpNeverGivesUpAndWaitsNoLongerThanTheCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last time.Time
		s := &script{}
		s.observe = func(context.Context) (dodona.Batch, error) {
			if !last.IsZero() && time.Since(last) > backoff.DefaultMax {
				t.Errorf("%s between two tries, want at most %s", time.Since(last), backoff.DefaultMax)
			}
			last = time.Now()
			return dodona.Batch{}, errors.New("no")
		}
		p, stop := start(t, s, false, func(c *source.Config) { c.Rand = nil })
		defer stop()
		_, _ = ask(t, p, time.Second) // one question is enough to keep it trying
		time.Sleep(24 * time.Hour)
		if n := p.Status().Failures; n < 24*60*2 {
			t.Errorf("%d tries in a day, want one in 30 s at least", n)
		}
	})
}

func TestPumpTriesPermanentErrorsSlowlyAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logtest.Text
		s := &script{observe: func(context.Context) (dodona.Batch, error) {
			return dodona.Batch{}, dodona.Permanent(errors.New("401 Unauthorized"))
		}}
		p, stop := start(t, s, false, func(c *source.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		defer stop()
		_, err := ask(t, p, 3*time.Second)
		again := time.Now().Add(30 * time.Second).UTC().Format(time.RFC3339)
		if want := "401 Unauthorized; this will hardly mend by itself, trying again at " + again + " (attempt 1)"; err == nil || err.Error() != want {
			t.Errorf("Ask returned %v, want %s", err, want)
		}
		time.Sleep(5 * time.Minute)
		if n := p.Status().Failures; n > 11 {
			t.Errorf("%d tries in 5 min, want at most 11", n)
		}
		if got := log.String(); !strings.Contains(got, "boiler: 401 Unauthorized. This will hardly mend by itself, trying again in 30 s (attempt 1); other sources go on.") {
			t.Errorf("the log does not say at once what is wrong:\n%s", got)
		}
	})
}

func TestPumpKeepsToRetryAfter(t *testing.T) {
	for _, c := range []struct{ asked, want time.Duration }{
		{-time.Second, 250 * time.Millisecond},
		{7 * time.Minute, 7 * time.Minute},
		{1000 * time.Hour, time.Hour},
	} {
		t.Run(c.asked.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{}
				s.observe = func(context.Context) (dodona.Batch, error) {
					if _, n, _ := s.counts(); n == 1 {
						return dodona.Batch{}, fmt.Errorf("wrapped: %w", source.RetryAfter(errors.New("429"), c.asked))
					}
					return batch("1"), nil
				}
				p, stop := start(t, s, false, func(c *source.Config) { c.Every = 0 })
				defer stop()
				begun := time.Now()
				mustAsk(t, p, 2*time.Hour, "1")
				if got := time.Since(begun); got != c.want {
					t.Errorf("waited %s, want %s", got, c.want)
				}
			})
		})
	}
}

func TestAskWaitsForTheNextTryIfItComesInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.observe = func(context.Context) (dodona.Batch, error) {
			if _, n, _ := s.counts(); n <= 3 {
				return dodona.Batch{}, errors.New("reset")
			}
			return batch("1"), nil
		}
		p, stop := start(t, s, false, func(c *source.Config) { c.Every = 0 }) // waits 250 ms, 500 ms, 1 s
		defer stop()
		again := time.Now().Add(time.Second).UTC().Format(time.RFC3339) // after 750 ms
		if _, err := ask(t, p, 600*time.Millisecond); err == nil || err.Error() != "reset; trying again at "+again+" (attempt 2)" {
			t.Errorf("Ask that cannot wait returned %v", err)
		}
		mustAsk(t, p, 3*time.Second, "1")
	})
}

func TestAskReturnsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &script{observe: func(context.Context) (dodona.Batch, error) {
			<-release // deaf to its context
			return batch("late", "later"), nil
		}}
		p, stop := start(t, s, false, nil)
		begun := time.Now()
		_, err := ask(t, p, 3*time.Second)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 3*time.Second {
			t.Errorf("Ask returned %v after %s, want a passed deadline after 3s", err, time.Since(begun))
		}
		begun = time.Now()
		stop()
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("a hung source held the shutdown up for %s", took)
		}
		if got := p.Status().Strays; got != 1 {
			t.Errorf("strays: %d, want 1", got)
		}
		close(release)
		synctest.Wait()
		if got := p.Status(); got.Strays != 0 || got.Dropped != 2 {
			t.Errorf("after the hung call returned: strays %d, dropped %d, want 0 and 2", got.Strays, got.Dropped)
		}
		if _, err := ask(t, p, time.Second); !errors.Is(err, source.ErrStopped) {
			t.Errorf("Ask after the end returned %v, want ErrStopped", err)
		}
	})
}

func TestAskBeforeRunWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{observe: func(context.Context) (dodona.Batch, error) { return batch("1"), nil }}
		p := source.NewPump(source.Config{Name: "boiler", Kind: s.kind(false), Settings: &noSettings{}})
		var feeds sync.WaitGroup
		feeds.Go(func() { mustAsk(t, p, time.Second, "1") })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		feeds.Go(func() { _ = p.Run(ctx) })
		synctest.Wait()
		cancel()
		feeds.Wait()
	})
}

func TestPumpSurvivesPanics(t *testing.T) {
	for _, where := range []string{"open", "observe", "ack", "close"} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logtest.Text
				s := &script{}
				once := true
				explode := func(here string) {
					if here == where && once {
						once = false
						var list []int
						_ = list[len(here)]
					}
				}
				s.open = func(context.Context, source.Env) error { explode("open"); return nil }
				s.observe = func(context.Context) (dodona.Batch, error) {
					explode("observe")
					b := batch("1")
					b.Ack = func(context.Context) error { explode("ack"); return nil }
					return b, nil
				}
				s.close = func() error { explode("close"); return nil }
				p, stop := start(t, s, false, func(c *source.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
				mustAsk(t, p, 3*time.Second, "1")
				time.Sleep(2 * time.Second)
				mustAsk(t, p, 3*time.Second, "1")
				stop()
				if got := p.Status().Panics; got != 1 {
					t.Errorf("panics: %d, want 1", got)
				}
				if !strings.Contains(log.String(), "the source panicked: ") || !strings.Contains(log.String(), "this is a bug") {
					t.Errorf("the log does not tell of the panic:\n%s", &log)
				}
			})
		})
	}
}

func TestPumpGivesTheCursorToEveryOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var given []string
		s := &script{}
		s.open = func(_ context.Context, env source.Env) error {
			given = append(given, string(env.Cursor))
			return nil
		}
		s.observe = func(context.Context) (dodona.Batch, error) {
			_, n, _ := s.counts()
			if n == 2 {
				panic("reopen me")
			}
			b := batch("1")
			b.Cursor = fmt.Appendf(nil, "after %d", n)
			return b, nil
		}
		var kept []byte
		p, stop := start(t, s, false, func(c *source.Config) {
			c.Append = func(_ context.Context, b dodona.Batch) error { kept = b.Cursor; return nil }
			c.Cursor = func(context.Context) ([]byte, error) {
				if kept == nil {
					return nil, dodona.ErrNotFound
				}
				return kept, nil
			}
		})
		mustAsk(t, p, time.Second, "1")
		time.Sleep(time.Second)
		mustAsk(t, p, 2*time.Second, "1")
		stop()
		if got := strings.Join(given, "|"); got != "|after 1" {
			t.Errorf("cursors given to open: %q, want none and then the kept one", got)
		}
	})
}

// TestWhatIsSignedOfAReadingIsWhatIsJournaled: JSON holds UTF-8 alone, and a round whose readings changed on their way to the disk
// cannot be replayed.
func TestWhatIsSignedOfAReadingIsWhatIsJournaled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept []byte
		s := &script{observe: func(context.Context) (dodona.Batch, error) {
			return dodona.Batch{Readings: []dodona.Reading{{Item: "m\xff", ContentType: "text/plain; x=\"\xff\"", Body: []byte("\xff7")}}}, nil
		}}
		p, stop := start(t, s, false, func(c *source.Config) {
			c.Append = func(_ context.Context, b dodona.Batch) (err error) {
				kept, err = json.Marshal(b.Readings[0])
				return err
			}
		})
		defer stop()
		got, err := ask(t, p, time.Second)
		var again dodona.Reading
		if err != nil || json.Unmarshal(kept, &again) != nil || again.Digest() != got[0].Digest() {
			t.Errorf("%v, %v: another digest than what was journaled: %s", got, err, kept)
		}
	})
}
