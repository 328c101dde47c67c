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

// TestASourceThatIsDeadFromTheStartIsStale, where only the feeds that ask say how often: the first of them says nothing of that, so the
// watchdog has to be told when the second one does.
func TestASourceThatIsDeadFromTheStartIsStale(t *testing.T) {
	for name, c := range map[string]struct {
		observe func(context.Context) (dodona.Batch, error)
		want    string
	}{
		"it refuses at once": {func(context.Context) (dodona.Batch, error) {
			return dodona.Batch{}, errors.New("connection refused")
		}, "Last error: connection refused. "},
		"it takes longer than a round": {func(context.Context) (dodona.Batch, error) {
			time.Sleep(1500 * time.Millisecond)
			return dodona.Batch{}, errors.New("unit 3: no answer")
		}, "Last error: unit 3: no answer. "},
		"it hangs": {func(ctx context.Context) (dodona.Batch, error) {
			<-ctx.Done()
			return dodona.Batch{}, ctx.Err()
		}, "Waiting for an answer (attempt 1)"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logtest.Text
				p, stop := start(t, &script{observe: c.observe}, false, func(cfg *source.Config) {
					cfg.Every = 0
					cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
					cfg.Backoff = backoff.Backoff{Min: time.Second, Max: time.Second}
				})
				defer stop()
				begun := time.Now()
				rounds := func(end time.Duration) {
					for time.Since(begun) < end {
						next := time.Now().Add(time.Second)
						_, _ = ask(t, p, 500*time.Millisecond)
						time.Sleep(time.Until(next))
					}
					synctest.Wait()
				}
				rounds(4 * time.Second)
				want := "boiler: no data for 3 intervals (3 s). " + c.want
				if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, want) {
					t.Errorf("the log is\n%swant the one line\n%s", got, want)
				}
				if got := p.Status().State; got != source.Stale {
					t.Errorf("state is %s, want stale", got)
				}
				rounds(20 * time.Second)
				if got := p.Status().Restarts; got == 0 {
					t.Error("no restart in 20 s, want one")
				}
			})
		})
	}
}
