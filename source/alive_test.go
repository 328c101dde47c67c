package source_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/telemetry"
)

func TestASignOfLifeEndsRetryingWithoutData(t *testing.T) {
	for _, c := range []struct {
		before string // what came before it failed
		want   source.State
	}{{"", source.Starting}, {"1", source.OK}} {
		synctest.Test(t, func(t *testing.T) {
			var answers []func() (dodona.Batch, error)
			if c.before != "" {
				answers = append(answers, func() (dodona.Batch, error) { return batch(c.before), nil })
			}
			for range 4 {
				answers = append(answers, func() (dodona.Batch, error) { return dodona.Batch{}, errors.New("no such file") })
			}
			answers = append(answers, func() (dodona.Batch, error) { return dodona.Batch{}, nil })
			s := &script{}
			s.observe = func(ctx context.Context) (dodona.Batch, error) {
				_, n, _ := s.counts()
				if n <= len(answers) {
					return answers[n-1]()
				}
				<-ctx.Done()
				return dodona.Batch{}, ctx.Err()
			}
			p, stop := start(t, s, true, nil)
			defer stop()
			time.Sleep(100 * time.Millisecond)
			if got := p.Status().State; got != source.Retrying {
				t.Errorf("state is %s after a failure, want retrying", got)
			}
			time.Sleep(time.Minute)
			if got := p.Status(); got.State != c.want || got.Attempt != 0 || got.NextTry != (time.Time{}) {
				t.Errorf("after data %q, failures and a sign of life the state is %s, attempt %d, next try %s, want %s", c.before, got.State, got.Attempt, got.NextTry, c.want)
			}
		})
	}
}

// TestASourceThatNeverCameIsDown: an alert on what is not measured would never come.
func TestASourceThatNeverCameIsDown(t *testing.T) {
	for name, c := range map[string]struct {
		observe func(context.Context) (dodona.Batch, error)
		want    []int64
	}{
		"never": {func(context.Context) (dodona.Batch, error) { return dodona.Batch{}, errors.New("no such file") }, []int64{0}},
		"at once": {func(ctx context.Context) (dodona.Batch, error) {
			backoff.Wait(ctx, time.Second)
			return batch("1"), ctx.Err()
		}, []int64{0, 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var measured telemetrytest.Tally
			s := &script{observe: c.observe}
			_, stop := start(t, s, true, func(c *source.Config) { c.Recorder = &measured })
			defer stop()
			time.Sleep(3 * time.Second)
			if got := slices.Compact(measured.Levels(telemetry.SourceUp.Of("boiler"))); !slices.Equal(got, c.want) {
				t.Errorf("%s: up was %v, want %v", name, got, c.want)
			}
		})
	}
}
