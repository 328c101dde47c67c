package source_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/telemetry/prom"
)

// TestWhatNobodyCanUseIsNoDataThatIsWell: data comes, so the pump is well, and what those who ask make of it counts.
func TestWhatNobodyCanUseIsNoDataThatIsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := false
		s := &script{observe: func(context.Context) (dodona.Batch, error) {
			if fails {
				return dodona.Batch{}, context.DeadlineExceeded
			}
			return batch("<html>"), nil
		}}
		recorder := prom.New()
		p, stop := start(t, s, false, func(c *source.Config) { c.Recorder = recorder })
		defer stop()
		check := func(what string, want source.State, up string, because string) {
			t.Helper()
			status := p.Status()
			text := httptest.NewRecorder()
			recorder.ServeHTTP(text, nil)
			if status.State != want || !strings.Contains(status.LastError, because) || !strings.Contains(text.Body.String(), "dodona_source_up{source=\"boiler\"} "+up+"\n") {
				t.Errorf("%s: %s, %q; want %s, up %s:\n%s", what, status.State, status.LastError, want, up, text.Body.String())
			}
		}
		mustAsk(t, p, time.Second, "<html>")
		check("data", source.OK, "1", "")
		p.Judge("the document is not JSON")
		p.Judge("the document is not JSON")
		check("of no use", source.Unusable, "0", "delivers, but nothing usable: the document is not JSON")
		time.Sleep(2 * time.Second)
		mustAsk(t, p, time.Second, "<html>")
		check("more of the same", source.Unusable, "0", "delivers")
		p.Judge("")
		check("of use again", source.OK, "1", "")
		p.Judge("the document is not JSON")
		fails = true
		time.Sleep(2 * time.Second)
		if _, err := ask(t, p, time.Second); err == nil {
			t.Fatal("a source that fails answers")
		}
		if got := p.Status(); got.State != source.Retrying || strings.Contains(got.LastError, "usable") {
			t.Errorf("a source that fails is %s: %s", got.State, got.LastError)
		}
	})
}
