package source_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/source"
)

func TestWatchdogSpeaksPlainly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logtest.Text
		s := &script{observe: func(context.Context) (dodona.Batch, error) {
			return dodona.Batch{}, errors.New("read tcp 10.0.0.5:502: i/o timeout")
		}}
		p, stop := start(t, s, false, func(c *source.Config) {
			c.Log = slog.New(slog.NewTextHandler(&log, nil))
			c.Backoff = backoff.Backoff{Min: 1200 * time.Millisecond, Max: 2400 * time.Millisecond}
		})
		defer stop()
		_, _ = ask(t, p, 10*time.Millisecond)
		// Failures at 0 and 1.2 s; the second wait is 2.4 s, of which 0.6 are left at 3 s.
		time.Sleep(3 * time.Second)
		synctest.Wait()
		want := "boiler: no data for 3 intervals (3 s). Last error: read tcp 10.0.0.5:502: i/o timeout. Trying again in 600 ms (attempt 2); other sources go on."
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, want) {
			t.Errorf("the log is\n%swant the one line\n%s", got, want)
		}
		if got := p.Status().State; got != source.Stale {
			t.Errorf("state is %s, want stale", got)
		}
		time.Sleep(time.Hour)
		if n := strings.Count(log.String(), "\n"); n > 15 {
			t.Errorf("%d lines in an hour of silence, want few:\n%s", n, &log)
		}
	})
}

func TestWatchdogStaysQuietWhileNobodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logtest.Text
		s := &script{observe: func(context.Context) (dodona.Batch, error) { return batch("1"), nil }}
		p, stop := start(t, s, false, func(c *source.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		defer stop()
		mustAsk(t, p, time.Second, "1")
		time.Sleep(time.Hour)
		if got := p.Status(); got.State != source.OK || got.Restarts != 0 || log.String() != "" {
			t.Errorf("status %+v, log %q, want ok and silence", got, &log)
		}
	})
}

func TestWatchdogRestartsASourceThatHangsWhateverItSaysOfItself(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			s := &script{}
			s.observe = func(ctx context.Context) (dodona.Batch, error) {
				if opens, _, _ := s.counts(); opens > 1 {
					return batch("1"), nil
				}
				if deaf {
					<-release
				}
				<-ctx.Done()
				return dodona.Batch{}, ctx.Err()
			}
			p, stop := start(t, s, false, nil)
			_, _ = ask(t, p, time.Second)
			time.Sleep(30 * time.Second)
			mustAsk(t, p, time.Second, "1")
			got := p.Status()
			if got.Restarts != 1 || got.State != source.OK {
				t.Errorf("deaf %v: status %+v, want one restart and ok", deaf, got)
			}
			if want := "closed and opened again: no data in"; !strings.HasPrefix(got.LastError, want) {
				t.Errorf("deaf %v: last error %q, want %q …", deaf, got.LastError, want)
			}
			close(release)
			stop()
		})
	}
}

// TestAnOpenThatDoesNotReturnIsTold, and its late source is closed.
func TestAnOpenThatDoesNotReturnIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &script{open: func(context.Context, source.Env) error {
			<-release
			return nil
		}}
		p, stop := start(t, s, false, nil)
		_, _ = ask(t, p, time.Second)
		time.Sleep(time.Minute)
		if got := p.Status(); got.Strays == 0 || !strings.Contains(got.LastError, "it did not return when told to") {
			t.Errorf("strays %d, last error %q", got.Strays, got.LastError)
		}
		stop()
		close(release)
		synctest.Wait()
		if got := p.Status().Strays; got != 0 {
			t.Errorf("strays: %d after their release, want 0", got)
		}
	})
}

func TestStraysAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &script{observe: func(context.Context) (dodona.Batch, error) {
			<-release
			return dodona.Batch{}, errors.New("released")
		}}
		p, stop := start(t, s, false, nil)
		_, _ = ask(t, p, time.Second)
		time.Sleep(24 * time.Hour)
		got := p.Status()
		if opens, _, _ := s.counts(); got.Strays != 4 || opens != 4 {
			t.Errorf("after a day: strays %d, opens %d, want 4 each", got.Strays, opens)
		}
		if !strings.Contains(got.LastError, "never returned") {
			t.Errorf("last error %q does not say why it is not opened again", got.LastError)
		}
		close(release)
		time.Sleep(time.Minute)
		if got := p.Status().Strays; got != 0 {
			t.Errorf("strays: %d after their release, want 0", got)
		}
		stop()
	})
}

func TestWatchdogRestartsASilentPushedSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.observe = func(ctx context.Context) (dodona.Batch, error) {
			switch opens, n, _ := s.counts(); {
			case opens == 1 && n > 3: // the library says it is connected, and nothing comes
				<-ctx.Done()
				return dodona.Batch{}, ctx.Err()
			default:
				time.Sleep(time.Second)
				return batch("1"), nil
			}
		}
		p, stop := start(t, s, true, func(c *source.Config) { c.Kind, c.Settings = expecting(s), &pacedSettings{} })
		defer stop()
		mustAsk(t, p, 2*time.Second, "1")
		time.Sleep(3*time.Second + 6*time.Second) // 3 intervals after the third reading
		synctest.Wait()
		if _, err := ask(t, p, time.Second); err == nil || !strings.Contains(err.Error(), "no data for 7 s, expected every 2 s") {
			t.Errorf("Ask of a stale source returned %v, want the watchdog's words", err)
		}
		got := p.Status()
		if want := "no data since " + got.LastReading.UTC().Format(time.RFC3339) + ", expected every 2 s"; got.State != source.Stale || got.LastError != want {
			t.Errorf("state %s, because %q, want stale, %q", got.State, got.LastError, want)
		}
		time.Sleep(7 * time.Second)
		mustAsk(t, p, time.Second, "1")
		if got := p.Status(); got.Restarts != 1 || got.State != source.OK {
			t.Errorf("status %+v, want one restart and ok", got)
		}
	})
}

// expecting is the kind of a pushed script that should say something every two seconds.
func expecting(s *script) source.Kind {
	inner := s.kind(true)
	return source.NewPushed("script", func(ctx context.Context, _ pacedSettings, env source.Env) (dodona.Source, error) {
		return inner.Open(ctx, &noSettings{}, env)
	})
}

type pacedSettings struct{}

func (*pacedSettings) Pace() source.Pace { return source.Pace{Expect: 2 * time.Second} }

func TestPushedSourceHoldsABoundedNumberOfReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.observe = func(ctx context.Context) (dodona.Batch, error) {
			if _, n, _ := s.counts(); n > 10 {
				<-ctx.Done()
				return dodona.Batch{}, ctx.Err()
			}
			time.Sleep(time.Second)
			return batch(time.Now().Format("05")), nil
		}
		taker := new(source.Taker)
		p, stop := start(t, s, true, func(c *source.Config) { c.Hold, c.Takers = 4, []*source.Taker{taker} })
		defer stop()
		time.Sleep(3500 * time.Millisecond)
		first, err := p.Since(t.Context(), dodona.RoundAt(time.Now()), taker)
		if err != nil || len(first) != 3 {
			t.Fatalf("Since returned %d readings, %v, want 3", len(first), err)
		}
		var digests []dodona.Digest
		for _, r := range first {
			digests = append(digests, r.Digest())
		}
		p.Took(taker, dodona.RoundAt(time.Now()), digests)
		time.Sleep(7 * time.Second)
		rest, err := p.Since(t.Context(), dodona.RoundAt(time.Now()), taker)
		if err != nil || len(rest) != 4 {
			t.Fatalf("Since returned %d readings, %v, want the 4 that are held", len(rest), err)
		}
		if got := p.Status().Dropped; got != 3 {
			t.Errorf("dropped %d, want 3: ten came, three of them were taken, four are held", got)
		}
		if latest, err := ask(t, p, time.Second); err != nil || len(latest) != 1 || string(latest[0].Body) != string(rest[3].Body) {
			t.Errorf("Ask returned %v, %v, want the latest reading alone", latest, err)
		}
	})
}

func TestPushedSourceKeepsTheLatestOfABoundedNumberOfItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.observe = func(ctx context.Context) (dodona.Batch, error) {
			_, n, _ := s.counts()
			if n > 10_100 {
				<-ctx.Done()
				return dodona.Batch{}, ctx.Err()
			}
			time.Sleep(time.Millisecond)
			b := batch("x")
			b.Readings[0].Item = time.Now().Format(time.RFC3339Nano)
			return b, nil
		}
		p, stop := start(t, s, true, nil)
		defer stop()
		time.Sleep(20 * time.Second)
		readings, err := ask(t, p, time.Second)
		if err != nil || len(readings) != 10_000 || p.Status().Dropped != 100 {
			t.Errorf("Ask returned %d readings, %v, dropped %d; want 10000 and 100", len(readings), err, p.Status().Dropped)
		}
	})
}
