package feed

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/telemetry"
	"pgregory.net/rapid"
)

// A clock is the bubble's time plus an offset that a test steps.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// step sets the clock forward, or with a negative duration back.
func (c *clock) step(d time.Duration) { c.offset.Add(int64(d)) }

// A run is a Run under test, in a bubble.
type run struct {
	t     *testing.T
	clock *clock
	feed  *Feed
	slow  atomic.Int64 // how long emit takes
	fail  atomic.Bool  // whether emit fails
	stop  context.CancelFunc
	ended chan error

	mu      sync.Mutex
	bundles []dodona.Bundle
}

var errDisk = errors.New("disk full")

func (r *run) emit(_ context.Context, bundles []dodona.Bundle) error {
	time.Sleep(time.Duration(r.slow.Load()))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bundles = append(r.bundles, bundles...)
	if r.fail.Load() {
		return errDisk
	}
	return nil
}

// made returns the bundles made since the last call, once everything is at rest.
func (r *run) made() []dodona.Bundle {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	made := r.bundles
	r.bundles = nil
	return made
}

// start runs a feed from its last round, with the clock at the given instant.
func start(t *testing.T, at string, last dodona.Round, change func(*Options, *Settings)) *run {
	t.Helper()
	instant, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		t.Fatal(err)
	}
	r := &run{t: t, clock: &clock{}, ended: make(chan error, 1)}
	r.clock.step(time.Until(instant))
	o := Options{Now: r.clock.now}
	o.Ask = func(_ context.Context, source string, _ dodona.Round) ([]dodona.Reading, error) {
		return []dodona.Reading{{Source: source, Body: []byte("5"), Received: r.clock.now()}}, nil
	}
	var s Settings
	if change != nil {
		change(&o, &s)
	}
	r.feed = newFeed(t, o, func(to *Settings) {
		if s.Every != 0 {
			to.Every, to.Deadline = s.Every, 0
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	r.feed.Known(last) // as a node tells it
	if got := r.feed.Status().Last; got != last {
		t.Errorf("its status says that the last round is %s, want %s", got, last)
	}
	go func() { r.ended <- r.feed.Run(ctx, last, r.emit) }()
	return r
}

// after lets time pass, and returns the rounds made meanwhile: "12:04:30 12:04:40 (missed)".
func (r *run) after(d time.Duration) string {
	time.Sleep(d)
	return rounds(r.made())
}

func rounds(bundles []dodona.Bundle) string {
	var rounds []string
	for _, b := range bundles {
		s := b.Round.Time().Format("15:04:05.999")
		if b.Value == nil {
			s += " (missed)"
		}
		rounds = append(rounds, s)
	}
	return strings.Join(rounds, " ")
}

func (r *run) want(got, want string) {
	r.t.Helper()
	if got != want {
		r.t.Errorf("made %q, want %q", got, want)
	}
}

// end stops the run and checks that it returns.
func (r *run) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		r.t.Errorf("Run: %v", err)
	}
	if s := r.feed.Status(); s.State != Stopped || s.Next != 0 {
		r.t.Errorf("status %+v after the end", s)
	}
}

func round(t testing.TB, at string) dodona.Round {
	t.Helper()
	instant, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		t.Fatal(err)
	}
	return dodona.RoundAt(instant)
}

func TestRoundsLieOnTheGrid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "2026-11-22T12:04:31.5Z", 0, nil)
		r.want(r.after(8*time.Second), "")
		if s := r.feed.Status(); s.State != Waiting || s.Next != round(t, "2026-11-22T12:04:40Z") || s.Last >= s.Next {
			t.Errorf("status %+v", s)
		}
		r.want(r.after(500*time.Millisecond), "12:04:40")
		r.want(r.after(30*time.Second), "12:04:50 12:05:00 12:05:10")
		if s := r.feed.Status(); s.Answered != 4 || s.Missed != 0 || s.Last != round(t, "2026-11-22T12:05:10Z") {
			t.Errorf("status %+v", s)
		}
		r.end()
	})
}

func TestStartOnTheGridMakesThatRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "2026-11-22T12:04:30Z", 0, nil)
		r.want(r.after(0), "12:04:30")
		if s := r.feed.Status(); s.State != Waiting {
			t.Errorf("%s at the very instant of the last round, want it to wait for the next", s.State)
		}
		r.end()
	})
}

// TestRoundsBeginWithTheTime: a clock that was never set may be before 1970, where no round is.
func TestRoundsBeginWithTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "1969-12-31T23:59:55Z", 0, nil)
		r.want(r.after(14*time.Second), "")
		r.want(r.after(12*time.Second), "00:00:10 00:00:20")
		r.end()
	})
}

// TestARunKnowsItsLastRoundByItself, whether or not anybody told the feed of it before.
func TestARunKnowsItsLastRoundByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(t, Options{Ask: says(map[string]string{"a": "1", "b": "2", "c": "3"})}, nil)
		last := dodona.RoundAt(time.Now()) + 3_600_000
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- f.Run(ctx, last, func(context.Context, []dodona.Bundle) error { return nil })
		}()
		synctest.Wait()
		if s := f.Status(); s.Last != last || s.State != Behind {
			t.Errorf("status %+v, want it behind round %s", s, last)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestFirstRoundCanBeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := func(o *Options, _ *Settings) { o.FirstNow = true }
		r := start(t, "2026-11-22T12:04:31.234Z", 0, now)
		r.want(r.after(time.Millisecond), "12:04:31.234")
		r.want(r.after(19*time.Second), "12:04:40 12:04:50")
		r.end()
		r = start(t, "2026-11-22T12:04:31.234Z", round(t, "2026-11-22T12:04:05Z"), now)
		r.want(r.after(time.Millisecond), "12:04:10 (missed) 12:04:20 (missed) 12:04:30 (missed) 12:04:31.234")
		r.end()
		r = start(t, "2026-11-22T12:04:31.234Z", round(t, "2026-11-22T12:04:31.234Z"), now)
		r.want(r.after(time.Millisecond), "12:04:31.235")
		r.want(r.after(10*time.Second), "12:04:40")
		r.end()
		r = start(t, "2026-11-22T12:04:31.234Z", round(t, "2026-11-22T12:04:35Z"), now)
		r.want(r.after(time.Second), "")
		r.want(r.after(10*time.Second), "12:04:35.234 12:04:40")
		r.end()
	})
}

func TestRoundsWhileTheNodeWasDownAreMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "2026-11-22T12:04:31Z", round(t, "2026-11-22T12:04:00Z"), nil)
		time.Sleep(time.Millisecond)
		made := r.made()
		// 12:04:30 is still open, so it is asked.
		r.want(rounds(made), "12:04:10 (missed) 12:04:20 (missed) 12:04:30")
		if !strings.Contains(made[0].Missed, "was not asked: the node was not running") {
			t.Errorf("missed because %s", made[0].Missed)
		}
		r.end()
	})
}

func TestClosedRoundIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hourly := func(_ *Options, s *Settings) { s.Every = time.Hour }
		r := start(t, "2026-11-22T12:01:00.001Z", round(t, "2026-11-22T11:00:00Z"), hourly)
		r.want(r.after(time.Second), "12:00:00 (missed)")
		r.want(r.after(time.Hour), "13:00:00")
		r.end()
		r = start(t, "2026-11-22T12:01:00Z", round(t, "2026-11-22T11:00:00Z"), hourly)
		r.want(r.after(time.Second), "12:00:00")
		r.end()
	})
}

func TestLongGapIsOneBundle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(telemetrytest.Tally)
		r := start(t, "2026-11-22T12:04:31Z", round(t, "2026-11-15T12:04:30Z"), func(o *Options, _ *Settings) { o.Recorder = c })
		time.Sleep(time.Millisecond)
		made := r.made()
		r.want(rounds(made), "12:04:20 (missed) 12:04:30")
		if !strings.Contains(made[0].Missed, "the node was not running; 60479 rounds from 2026-11-15T12:04:40Z on passed") {
			t.Errorf("missed because %s", made[0].Missed)
		}
		if s, n := r.feed.Status(), c.Counts(); s.Missed != 60479 || n[telemetry.FeedMissed.Of("x")] != 60479 || n[telemetry.FeedPassed.Of("x")] != 60479 || s.Answered != 1 {
			t.Errorf("status %+v, counted %v", s, n)
		}
		r.end()
	})
}

func TestAHundredRoundsThatPassedAreNamedOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := round(t, "2026-11-22T12:04:30Z") // is asked
		for passed, want := range map[dodona.Round]int{99: 99, 100: 100, 101: 1} {
			r := start(t, "2026-11-22T12:04:31Z", at-(passed+1)*10_000, nil)
			time.Sleep(time.Millisecond)
			made := r.made()
			if len(made) != want+1 || made[len(made)-1].Value == nil {
				t.Errorf("%d rounds passed: %d bundles, want %d and an answer", passed, len(made), want)
			}
			if s := r.feed.Status(); s.Missed != uint64(passed) {
				t.Errorf("%d rounds passed: %d count as missed", passed, s.Missed)
			}
			r.end()
		}
	})
}

func TestBackwardStepNeverLowersARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "2026-11-22T12:04:29Z", 0, nil)
		r.want(r.after(2*time.Second), "12:04:30")
		r.clock.step(-time.Hour)
		r.want(r.after(30*time.Minute), "")
		s := r.feed.Status()
		if s.State != Behind || !s.Until.Equal(round(t, "2026-11-22T12:04:40Z").Time()) || s.Last != round(t, "2026-11-22T12:04:30Z") {
			t.Errorf("status %+v", s)
		}
		r.want(r.after(30*time.Minute), "")
		r.want(r.after(20*time.Second), "12:04:40 12:04:50")
		// A small one only makes the wait longer.
		r.clock.step(-5 * time.Second)
		r.want(r.after(9*time.Second), "")
		r.want(r.after(10*time.Second), "12:05:00")
		if s := r.feed.Status(); s.State != Waiting || !s.Until.IsZero() {
			t.Errorf("status %+v", s)
		}
		r.end()
	})
}

func TestClockBehindTheLastRoundAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(telemetrytest.Tally)
		r := start(t, "1970-01-01T00:00:05Z", round(t, "2026-11-22T12:04:30Z"), func(o *Options, _ *Settings) { o.Recorder = c })
		r.want(r.after(time.Hour), "")
		last, due, counted := c.Levels(telemetry.FeedRound.Of("x")), c.Levels(telemetry.FeedDue.Of("x")), c.Counts()
		if _, answered := counted[telemetry.FeedAnswered.Of("x")]; !answered || len(last) != 1 || len(due) != 1 || due[0] != last[0]+10_000 {
			t.Errorf("no alert hears of it: last round %d, due %d, counted %v", last, due, counted)
		}
		if s := r.feed.Status(); s.State != Behind || !s.Until.Equal(round(t, "2026-11-22T12:04:40Z").Time()) {
			t.Errorf("status %+v", s)
		}
		// The clock is set: rounds go on within a second of its next look.
		r.clock.step(round(t, "2026-11-22T12:04:39.5Z").Time().Sub(r.clock.now()))
		r.want(r.after(2*time.Second), "12:04:40")
		r.end()
	})
}

func TestForwardStepMissesRoundsAndSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "2026-11-22T12:04:29Z", 0, nil)
		r.want(r.after(3*time.Second), "12:04:30")
		r.clock.step(30 * time.Second) // 12:05:02
		time.Sleep(time.Second)
		made := r.made()
		r.want(rounds(made), "12:04:40 (missed) 12:04:50 (missed) 12:05:00")
		if !strings.Contains(made[0].Missed, "the clock was set forward by 30s, or the machine slept") {
			t.Errorf("missed because %s", made[0].Missed)
		}
		r.end()
	})
}

func TestSlowKeepingMissesRoundsAndSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "2026-11-22T12:04:29Z", 0, nil)
		r.slow.Store(int64(25 * time.Second)) // until 12:04:55
		time.Sleep(20 * time.Second)
		r.slow.Store(0)
		time.Sleep(7 * time.Second)
		made := r.made()
		r.want(rounds(made), "12:04:30 12:04:40 (missed) 12:04:50")
		if !strings.Contains(made[1].Missed, "the rounds before took too long") {
			t.Errorf("missed because %s", made[1].Missed)
		}
		r.want(r.after(10*time.Second), "12:05:00")
		r.end()
	})
}

// TestKeepingThatIsAlwaysSlowLeavesAnswers: a disk that takes longer than a round lasts costs rounds, not all of them.
func TestKeepingThatIsAlwaysSlowLeavesAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "2026-11-22T12:04:29Z", 0, nil)
		r.slow.Store(int64(15 * time.Second))
		r.want(r.after(time.Minute+20*time.Second),
			"12:04:30 12:04:40 12:04:50 (missed) 12:05:00 12:05:10 12:05:20 (missed) 12:05:30")
		r.slow.Store(int64(70 * time.Second))
		r.made()
		time.Sleep(10 * time.Minute)
		if made := rounds(r.made()); strings.Count(made, ":") < 2*50 || strings.Count(made, "(missed)") > 55 {
			t.Errorf("made %q, want all rounds, and an answer in each emission", made)
		}
		r.slow.Store(0)
		time.Sleep(2 * time.Minute)
		r.end()
	})
}

func TestFailingKeepEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "2026-11-22T12:04:29Z", 0, nil)
		r.fail.Store(true)
		err := <-r.ended
		if !errors.Is(err, errDisk) || !strings.Contains(err.Error(), `keep round 2026-11-22T12:04:30Z of feed "x"`) {
			t.Errorf("got %v", err)
		}
		r.stop()
	})
}

func TestRunEndsAmidARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "2026-11-22T12:04:29Z", 0, func(o *Options, _ *Settings) {
			o.Ask = func(ctx context.Context, _ string, _ dodona.Round) ([]dodona.Reading, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		})
		r.want(r.after(2*time.Second), "") // asking
		if s := r.feed.Status(); s.State != Asking || s.Out != nil {
			t.Errorf("status %+v", s)
		}
		r.end()
		r.want(r.after(0), "") // a round cut short is not told as missed
	})
}

func TestRunSaysWhichSourceDoesNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		r := start(t, "2026-11-22T12:04:29Z", 0, func(o *Options, _ *Settings) {
			ask := o.Ask
			o.Ask = func(ctx context.Context, source string, r dodona.Round) ([]dodona.Reading, error) {
				if source == "b" {
					<-release
				}
				return ask(ctx, source, r)
			}
		})
		// A hang costs the first round its deadline, and no round its instant.
		r.want(r.after(15*time.Second), "12:04:30 12:04:40")
		r.stop()
		if err := <-r.ended; err == nil || !strings.Contains(err.Error(), "[b]") {
			t.Errorf("Run: %v", err)
		}
		close(release)
		synctest.Wait()
	})
}

func TestASecondRunGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "2026-11-22T12:04:29Z", 0, func(o *Options, s *Settings) { o.FirstNow = true })
		r.want(r.after(2*time.Second), "12:04:29 12:04:30")
		r.end()
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			r.ended <- r.feed.Run(ctx, r.feed.Status().Last, r.emit)
		}()
		r.stop = stop
		r.want(r.after(10*time.Second), "12:04:40") // without another first round
		r.end()
	})
}

// TestEveryGridRoundIsMadeOnceWhateverTheClockDoes steps the clock at random, blocks and restarts, and checks that
// rounds only ascend and that no grid round above the first is left out.
func TestEveryGridRoundIsMadeOnceWhateverTheClockDoes(t *testing.T) {
	for seed := range 20 {
		synctest.Test(t, func(t *testing.T) {
			random := rapid.Custom(func(t *rapid.T) []int { return rapid.SliceOfN(rapid.IntRange(-40, 60), 12, 12).Draw(t, "steps") })
			steps := random.Example(seed)
			r := start(t, "2026-11-22T12:00:05Z", round(t, "2026-11-22T12:00:00Z"), nil)
			var made []dodona.Round
			for _, step := range steps {
				time.Sleep(7 * time.Second)
				for _, b := range r.made() {
					made = append(made, b.Round)
				}
				r.clock.step(time.Duration(step) * time.Second)
				r.slow.Store(int64(max(0, step)) * int64(time.Second) / 2)
			}
			r.end()
			last := round(t, "2026-11-22T12:00:00Z")
			for _, m := range made {
				if m != last+10_000 {
					t.Fatalf("steps %v (seed %d): made %v", steps, seed, made)
				}
				last = m
			}
		})
	}
}

// TestAStepIsWhatIsMoreThanTheLimit: half an interval, or a second where that is less.
func TestAStepIsWhatIsMoreThanTheLimit(t *testing.T) {
	for _, c := range []struct{ every, limit time.Duration }{
		{10 * time.Second, time.Second}, {2 * time.Second, time.Second}, {time.Second, 500 * time.Millisecond}, {100 * time.Millisecond, 50 * time.Millisecond},
	} {
		for step, want := range map[time.Duration]bool{0: false, -time.Hour: false, c.limit: false, c.limit + 1: true} {
			synctest.Test(t, func(t *testing.T) {
				now := time.Now().Round(0)
				l := &loop{every: c.every, cause: "none"}
				l.watch(now)
				time.Sleep(time.Minute) // as long by both clocks
				l.watch(now.Add(time.Minute + step))
				if got := l.cause != "none"; got != want {
					t.Errorf("every %v, a step of %v: noticed %t, want %t", c.every, step, got, want)
				}
			})
		}
	}
}
