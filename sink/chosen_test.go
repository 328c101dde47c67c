package sink

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

type asksFor struct {
	error
	d time.Duration
}

func (a asksFor) RetryAfter() time.Duration { return a.d }

func bareLoop() *Loop {
	kind := NewStream("bare", func(context.Context, struct{}, Env) (dodona.Sink, error) { return nil, errors.New("never opened") })
	return New(Config{Name: "s", Kind: kind, Settings: struct{}{}})
}

func TestWhatIsAttestedFromTheBeginningOnIsMeantForASink(t *testing.T) {
	l := bareLoop()
	begin := time.Unix(1795349070, 0)
	recs := []dodona.Record{
		{Topic: dodona.TopicData, Key: "f", ID: "1", Appended: begin.Add(-1)},
		{Topic: dodona.TopicData, Key: "f", ID: "2", Appended: begin},
		{Topic: dodona.TopicData, Key: "f", ID: "3", Appended: begin.Add(1)},
	}
	if got := l.chosen(recs, begin); len(got) != 2 || got[0].ID != "2" || got[1].ID != "3" {
		t.Errorf("chosen %+v", got)
	}
	if s := l.Status(); s.Skipped != 1 {
		t.Errorf("%d skipped, want 1", s.Skipped)
	}
}

func TestAPeerIsWaitedForAnHourAtMost(t *testing.T) {
	l := bareLoop()
	for asked, want := range map[time.Duration]time.Duration{time.Second: time.Second, 59 * time.Minute: 59 * time.Minute, 24 * time.Hour: time.Hour} {
		if got := l.wait(asksFor{errors.New("busy"), asked}, 1); got != want {
			t.Errorf("asked for %s: waits %s, want %s", asked, got, want)
		}
	}
	for _, asked := range []time.Duration{0, -time.Hour} {
		if got := l.wait(asksFor{errors.New("busy"), asked}, 1); got <= 0 || got > time.Minute {
			t.Errorf("asked for %s: waits %s, want the back-off's", asked, got)
		}
	}
}
