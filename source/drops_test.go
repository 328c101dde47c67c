package source_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/source"
)

// The reason quotes what a stranger sent, and is shown to whoever looks at the page, the log and the events.
func TestWhyReadingsWereDroppedShowsNoSecretAndWhenItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secret = "hunter2-of-the-plant"
		s := &script{}
		var env source.Env
		s.open = func(_ context.Context, e source.Env) error {
			env = e
			return nil
		}
		var at time.Time
		s.observe = func(ctx context.Context) (dodona.Batch, error) {
			if _, n, _ := s.counts(); n == 1 {
				at = time.Now()
				env.Dropped(1, "the device said: login failed, password="+secret)
				return dodona.Batch{}, nil
			}
			<-ctx.Done()
			return dodona.Batch{}, ctx.Err()
		}
		var log logtest.Text
		var told string
		p, stop := start(t, s, true, func(c *source.Config) {
			c.Log = slog.New(slog.NewTextHandler(&log, nil))
			c.Lost = func(_ context.Context, _ uint64, cause string) { told = cause }
		})
		synctest.Wait()
		_, err := p.Ask(t.Context(), dodona.RoundAt(time.Now()))
		time.Sleep(time.Minute)
		got := p.Status()
		stop()
		for where, text := range map[string]string{"the status": got.LastDrop, "its state": got.LastError, "the event": told, "the log": log.String(), "the round": err.Error()} {
			if strings.Contains(text, secret) || !strings.Contains(text, "login failed, password=•••") {
				t.Errorf("%s says %q, want the reason without the password", where, text)
			}
		}
		if !got.DropTime.Equal(at) {
			t.Errorf("it was dropped at %v, want %v", got.DropTime, at)
		}
	})
}
