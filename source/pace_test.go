package source_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// A troubled is a source whose first exchanges bring trouble, and the times at which it was asked.
type troubled struct {
	times []time.Time
	left  int
	what  string
}

func (q *troubled) observe(ctx context.Context) (dodona.Batch, error) {
	q.times = append(q.times, time.Now())
	b := batch("1")
	if q.left--; q.left < 0 {
		return b, nil
	}
	switch q.what {
	case "error":
		return dodona.Batch{}, errors.New("reset")
	case "retry after":
		return dodona.Batch{}, source.RetryAfter(errors.New("429"), 3*time.Second)
	case "permanent":
		return dodona.Batch{}, dodona.Permanent(errors.New("404"))
	case "panic":
		panic("a mistake of ours")
	case "hang":
		<-ctx.Done()
		return dodona.Batch{}, ctx.Err()
	case "too large":
		b.Readings[0].Body = []byte("too large")
	case "acknowledge":
		b.Ack = func(context.Context) error { return errors.New("gone") }
	}
	return b, nil
}

func (q *troubled) keep(_ context.Context, b dodona.Batch) error {
	if string(b.Readings[0].Body) == "too large" {
		return dodona.Permanent(errors.New("larger than the stream"))
	}
	return nil
}

func TestPumpNeverAsksTwiceWithinEveryWhateverTheFirstBrought(t *testing.T) {
	const every = 10 * time.Second
	for _, what := range []string{"error", "retry after", "permanent", "panic", "hang", "too large", "acknowledge"} {
		for _, feed := range []time.Duration{2 * time.Second, every, time.Minute} {
			t.Run(what+" "+feed.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					q := &troubled{left: 5, what: what}
					p, stop := start(t, &script{observe: q.observe}, false, func(c *source.Config) {
						c.Every, c.Append, c.Rand = every, q.keep, nil
					})
					ticker := time.NewTicker(feed)
					var brought int
					for end := time.Now().Add(20 * time.Minute); time.Now().Before(end); <-ticker.C {
						if _, err := ask(t, p, 500*time.Millisecond); err == nil {
							brought++
						}
					}
					stop()
					least := every - 100*time.Millisecond // a try again may count as one of the instant just before
					for i, at := range q.times[1:] {
						if gap := at.Sub(q.times[i]); gap < least {
							t.Errorf("exchange %d came %s after the one before, want at least %s", i+1, gap, least)
						}
					}
					if asks := int(20 * time.Minute / feed); brought < asks/2 {
						t.Errorf("%d of %d asks were answered after the trouble, want most", brought, asks)
					}
				})
			})
		}
	}
}

func TestATryAgainAnswersWhoWaitsForItHoweverLateItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &troubled{left: 3, what: "retry after"}
		p, stop := start(t, &script{observe: q.observe}, false, nil)
		defer stop()
		mustAsk(t, p, time.Minute, "1")
		if n := len(q.times); n != 4 {
			t.Errorf("%d exchanges were made, want three failures and one", n)
		}
	})
}

func TestASourceWhoseSettingsChangeKeepsToEvery(t *testing.T) {
	for what, answered := range map[string]bool{"": true, "error": false} {
		synctest.Test(t, func(t *testing.T) {
			const every = time.Hour
			q := &troubled{left: 0, what: what}
			if what != "" {
				q.left = 1
			}
			slow := func(c *source.Config) { c.Every, c.Rand = every, nil }
			first, stop := start(t, &script{observe: q.observe}, false, slow)
			_, _ = ask(t, first, time.Second)
			stop()
			time.Sleep(time.Minute)
			second, stop := start(t, &script{observe: q.observe}, false, func(c *source.Config) { slow(c); c.Before = first.Remains() })
			defer stop()
			synctest.Wait()
			if _, err := ask(t, second, time.Second); (err == nil) != answered {
				t.Errorf("after %q: asked a minute later: %v", what, err)
			} else if err != nil && !strings.Contains(err.Error(), "every is 60 min; trying again at "+time.Now().Add(every-time.Minute).UTC().Format(time.RFC3339)) {
				t.Errorf("after %q: got %v", what, err)
			}
			if len(q.times) != 1 {
				t.Errorf("after %q: the peer was asked %d times within every", what, len(q.times))
			}
			mustAsk(t, second, 2*every, "1")
			time.Sleep(every)
			mustAsk(t, second, time.Second, "1")
			for i, at := range q.times[1:] {
				if gap := at.Sub(q.times[i]); gap < every {
					t.Errorf("after %q: asked again after %s", what, gap)
				}
			}
		})
	}
}
