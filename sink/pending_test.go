package sink_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// Waits is what the rig says while it delivers.
func (r *rig) Waits() string { return "the reader sleeps: wake it" }

// TestASinkWhosePeerNeverAnswersIsStuck, whatever comes of it in the end.
func TestASinkWhosePeerNeverAnswersIsStuck(t *testing.T) {
	for _, end := range []error{nil, errors.New("gone")} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.backoff.Min, r.backoff.Max = time.Minute, time.Minute
			wakes := make(chan struct{})
			take := r.deliver
			r.deliver = func(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
				<-wakes
				if err := end; err != nil {
					end = nil
					return nil, err
				}
				return take(ctx, recs)
			}
			r.begin()
			recs := answers(3)
			r.say(recs...)
			r.rest(29 * time.Second)
			if s := r.loop.Status(); s.State != sink.Starting || s.LastError != "" {
				t.Errorf("after 29 s: %+v", s)
			}
			for range 3 { // it is told once
				r.rest(time.Hour)
				if s := r.loop.Status(); s.State != sink.Stuck || s.LastError != "the reader sleeps: wake it" || s.Queue != 3 || s.Failures != 0 {
					t.Errorf("after an hour: %+v", s)
				}
			}
			if got, want := r.events(), []string{"stalled: the reader sleeps: wake it"}; !slices.Equal(got, want) {
				t.Errorf("events %q, want %q", got, want)
			}
			if levels := r.recorder.Levels(telemetry.SinkUp.Of("s")); levels[len(levels)-1] != 0 {
				t.Errorf("up is %v", levels)
			}
			failed := end != nil
			close(wakes)
			r.rest(2 * time.Minute)
			if s := r.loop.Status(); s.State != sink.OK || s.Queue != 0 || s.Delivered != 3 {
				t.Errorf("afterwards: %+v", s)
			}
			want := idsOf(recs)
			if failed {
				want = append(idsOf(recs[:1]), want...)
			}
			if !slices.Equal(r.given, want) {
				t.Errorf("given %v, want %v", r.given, want)
			}
			if got := r.events(); len(got) != 2 || got[1] != "mended: its peer takes records again" {
				t.Errorf("events %q", got)
			}
			r.end()
		})
	}
}

// TestASinkThatIsNotOpenedIsStuck: it has no delivery that could be told of.
func TestASinkThatIsNotOpenedIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		opens := make(chan struct{})
		r.kind = sink.NewStream("peer", func(context.Context, struct{}, sink.Env) (dodona.Sink, error) { <-opens; return r, nil })
		r.begin()
		r.rest(time.Minute)
		if s := r.loop.Status(); s.State != sink.Stuck || s.LastError != "open: not done after 30s; it is waited for" {
			t.Errorf("after a minute: %+v", s)
		}
		close(opens)
		synctest.Wait()
		if s := r.loop.Status(); s.State != sink.Starting {
			t.Errorf("afterwards: %+v", s)
		}
		r.end()
	})
}
