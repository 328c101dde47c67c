package source_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/source"
)

type told struct{}

// saying is a source that does what a function says at each call.
type saying struct {
	say    func(ctx context.Context, call int) (dodona.Batch, error)
	calls  int
	closed chan struct{}
}

func (s *saying) Observe(ctx context.Context) (dodona.Batch, error) {
	s.calls++
	return s.say(ctx, s.calls)
}

func (s *saying) Close() error { close(s.closed); return nil }

// once asks such a source, which must be closed afterwards.
func once(t *testing.T, within time.Duration, hold int, pushed bool, say func(context.Context, int) (dodona.Batch, error)) ([]dodona.Reading, error) {
	t.Helper()
	s := &saying{say: say, closed: make(chan struct{})}
	open := func(context.Context, told, source.Env) (dodona.Source, error) { return s, nil }
	kind := source.NewPolled("told", open)
	if pushed {
		kind = source.NewPushed("told", open)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var want *source.Want
	if hold == 0 {
		want = &source.Want{Points: []string{"s"}, Has: func(dodona.Reading, string) bool { return true }, Within: time.Hour}
	}
	readings, err := source.Once(ctx, source.Config{
		Name: "s", Kind: kind, Settings: told{}, Hold: max(hold, 1),
	}, want)
	select {
	case <-s.closed:
	default:
		t.Error("the source is open still")
	}
	return readings, err
}

func TestASourceIsTriedOnceAndClosed(t *testing.T) {
	readings, err := once(t, time.Minute, 0, false, func(_ context.Context, call int) (dodona.Batch, error) {
		return dodona.Batch{Readings: []dodona.Reading{{Body: []byte(strconv.Itoa(call))}}}, nil
	})
	if err != nil || len(readings) != 1 || string(readings[0].Body) != "1" || readings[0].Source != "s" {
		t.Errorf("got %+v, %v", readings, err)
	}
}

// TestTheFirstFailureOfATrialIsItsAnswer, as it was said, and not tried again.
func TestTheFirstFailureOfATrialIsItsAnswer(t *testing.T) {
	calls := 0
	_, err := once(t, time.Minute, 0, false, func(context.Context, int) (dodona.Batch, error) {
		calls++
		return dodona.Batch{}, errors.New("GET gw 500")
	})
	if err == nil || err.Error() != "GET gw 500" || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

func TestATrialWithoutAnAnswerEndsInTime(t *testing.T) {
	_, err := once(t, 50*time.Millisecond, 0, true, func(ctx context.Context, _ int) (dodona.Batch, error) {
		<-ctx.Done()
		return dodona.Batch{}, ctx.Err()
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestATrialOfAPushedSourceReadsUntilItPauses: the newest of many lines is what counts.
func TestATrialOfAPushedSourceReadsUntilItPauses(t *testing.T) {
	for hold, want := range map[int]string{0: "50", 3: "48 49 50"} {
		readings, err := once(t, time.Minute, hold, true, func(ctx context.Context, call int) (dodona.Batch, error) {
			if call > 50 {
				<-ctx.Done()
				return dodona.Batch{}, ctx.Err()
			}
			return dodona.Batch{Readings: []dodona.Reading{{Body: []byte(strconv.Itoa(call))}}}, nil
		})
		var bodies []string
		for _, r := range readings {
			bodies = append(bodies, string(r.Body))
		}
		if got := strings.Join(bodies, " "); err != nil || got != want {
			t.Errorf("hold %d: got %q, %v, want %q", hold, got, err, want)
		}
	}
}

// TestTheFailureOfATrialKeepsItsCause, so that whoever tries can say what to do about it.
func TestTheFailureOfATrialKeepsItsCause(t *testing.T) {
	cause := errors.New("404")
	for name, pushed := range map[string]bool{"polled": false, "pushed": true} {
		_, err := once(t, time.Minute, 0, pushed, func(context.Context, int) (dodona.Batch, error) {
			return dodona.Batch{}, dodona.Permanent(fmt.Errorf("GET gw: %w", cause))
		})
		if !errors.Is(err, cause) || err.Error() != "GET gw: 404" {
			t.Errorf("%s: got %v, want what wraps its cause", name, err)
		}
	}
}

// lagging is a source on a machine that stalls between lines, and knows when there is no more.
type lagging struct {
	*saying
	lines   int
	drained atomic.Bool
}

func (l *lagging) Drained() bool { return l.drained.Load() }

// TestATrialWaitsForWhatIsThereAndForNoClock: as long as the source says that there is more, however long it takes.
func TestATrialWaitsForWhatIsThereAndForNoClock(t *testing.T) {
	l := &lagging{lines: 3}
	l.saying = &saying{closed: make(chan struct{}), say: func(ctx context.Context, call int) (dodona.Batch, error) {
		if call > l.lines {
			l.drained.Store(true)
			<-ctx.Done()
			return dodona.Batch{}, ctx.Err()
		}
		time.Sleep(300 * time.Millisecond)
		return dodona.Batch{Readings: []dodona.Reading{{Body: []byte(strconv.Itoa(call))}}}, nil
	}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	kind := source.NewPushed("told", func(context.Context, told, source.Env) (dodona.Source, error) { return l, nil })
	readings, err := source.Once(ctx, source.Config{Name: "s", Kind: kind, Settings: told{}, Hold: 10}, nil)
	if got := bodiesOf(readings); err != nil || got != "1 2 3" {
		t.Errorf("got %q, %v, want 1 2 3", got, err)
	}
}

// TestATrialWaitsForEveryItemThatIsNamed: a broker says at once what it kept, and what is measured now and then comes later.
func TestATrialWaitsForEveryItemThatIsNamed(t *testing.T) {
	later := func(ctx context.Context, call int) (dodona.Batch, error) {
		switch call {
		case 1:
			return dodona.Batch{Readings: []dodona.Reading{{Item: "kept", Body: []byte("1")}}}, nil
		case 2:
			if !backoff.Wait(ctx, time.Second) {
				return dodona.Batch{}, ctx.Err()
			}
			return dodona.Batch{Readings: []dodona.Reading{{Item: "now", Body: []byte("2")}}}, nil
		}
		<-ctx.Done()
		return dodona.Batch{}, ctx.Err()
	}
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		readings, err := source.Once(ctx, source.Config{
			Name: "s", Kind: source.NewPushed("told", func(context.Context, told, source.Env) (dodona.Source, error) {
				return &saying{say: later, closed: make(chan struct{})}, nil
			}), Settings: told{}, Hold: 10,
		}, &source.Want{
			Points: []string{"s.kept", "s.now"}, Within: time.Hour,
			Has:  func(r dodona.Reading, id string) bool { return "s."+r.Item == id },
			Item: func(id string) string { return strings.TrimPrefix(id, "s.") },
		})
		if err != nil || len(readings) != 2 || time.Since(started) > 10*time.Second {
			t.Errorf("got %d readings after %s, %v", len(readings), time.Since(started), err)
		}
	})
}

// TestATrialOfWhatNeverPausesEnds: and it has of all that came what there is room for, whether or not a feed would take it.
func TestATrialOfWhatNeverPausesEnds(t *testing.T) {
	const items = 300
	synctest.Test(t, func(t *testing.T) {
		for _, named := range []bool{false, true} {
			started := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			kind := source.NewPushed("told", func(context.Context, told, source.Env) (dodona.Source, error) {
				return &saying{closed: make(chan struct{}), say: func(ctx context.Context, call int) (dodona.Batch, error) {
					if call > items && !backoff.Wait(ctx, 50*time.Millisecond) {
						return dodona.Batch{}, ctx.Err()
					}
					return dodona.Batch{Readings: []dodona.Reading{{Item: strconv.Itoa(min(call, items)), Body: []byte("1")}}}, nil
				}}, nil
			})
			var w *source.Want
			if named {
				w = &source.Want{
					Points: []string{"s.1", "s.300"}, Within: time.Hour,
					Has:  func(r dodona.Reading, id string) bool { return "s."+r.Item == id },
					Item: func(id string) string { return strings.TrimPrefix(id, "s.") },
				}
			}
			readings, err := source.Once(ctx, source.Config{Name: "s", Kind: kind, Settings: told{}, Hold: 1024}, w)
			cancel()
			want := 2
			if !named {
				want = items
			}
			if err != nil || len(readings) < want || time.Since(started) > time.Minute {
				t.Errorf("points named %t: got %d readings after %s, %v; want at least %d soon", named, len(readings), time.Since(started), err, want)
			}
		}
	})
}
