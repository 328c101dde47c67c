package patience

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// hang returns a task that is over once it is let go.
func hang(name string) (task Task[int], release chan struct{}, late *[]int) {
	release, late = make(chan struct{}), new([]int)
	return Task[int]{Name: name, Do: func() (int, error) { <-release; return 1, nil }, Late: func(n int) { *late = append(*late, n) }}, release, late
}

func TestNobodyWaitsLongerThanTheyWant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns Turns
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		task, release, late := hang("share")
		told := 0
		task.Slow = func() { told++ }
		if _, err := Await(ctx, &turns, task); !errors.Is(err, context.DeadlineExceeded) || told != 1 {
			t.Errorf("%v, told %d times that it is slow; want an end, and once", err, told)
		}
		close(release)
		synctest.Wait()
		if !slices.Equal(*late, []int{1}) {
			t.Errorf("what came late is %v, want to be given it", *late)
		}
		if left := turns.Wait(t.Context()); left != nil {
			t.Errorf("%q are under way", left)
		}
	})
}

// TestWhatHangsIsAskedOnce: who asks for it again waits for its end, and begins nothing.
func TestWhatHangsIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns Turns
		task, release, _ := hang("share")
		var begun atomic.Int64
		do := task.Do
		task.Do = func() (int, error) { begun.Add(1); return do() }
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := Await(ctx, &turns, task); err == nil {
				t.Error("it did not hang")
			}
			cancel()
		}
		if begun.Load() != 1 {
			t.Errorf("it was begun %d times, want once", begun.Load())
		}
		other := Task[string]{Name: "disk", Do: func() (string, error) { return "", errors.New("no such file") }}
		if _, err := Await(t.Context(), &turns, other); err == nil || err.Error() != "no such file" {
			t.Errorf("another name: %v", err)
		}
		time.AfterFunc(time.Minute, func() { close(release) })
		if n, err := Await(t.Context(), &turns, task); n != 1 || err != nil || begun.Load() != 2 {
			t.Errorf("after its end: %d, %v, begun %d times", n, err, begun.Load())
		}
	})
}

// TestWhatHangsForGoodHoldsUpNobodyForGood: a share that is mounted anew answers, and who looked at the old one never hears of it.
func TestWhatHangsForGoodHoldsUpNobodyForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns Turns
		release := make(chan struct{})
		var mu sync.Mutex
		var begun []time.Duration
		start, well := time.Now(), atomic.Bool{}
		task := Task[int]{Name: "share", Beside: time.Minute, Do: func() (int, error) {
			mu.Lock()
			begun = append(begun, time.Since(start))
			mu.Unlock()
			if !well.Load() {
				<-release
			}
			return 1, nil
		}}
		times := func() []time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(begun)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
		_, err := Await(ctx, &turns, task)
		cancel()
		if want := []time.Duration{0, time.Minute, 3 * time.Minute}; err == nil || !slices.Equal(times(), want) {
			t.Errorf("%v; begun after %v, want %v", err, times(), want)
		}
		well.Store(true)
		if n, err := Await(t.Context(), &turns, task); n != 1 || err != nil || time.Since(start) != 7*time.Minute {
			t.Errorf("%d, %v after %v", n, err, time.Since(start))
		}
		well.Store(false)
		ctx, cancel = context.WithTimeout(t.Context(), 1000*time.Hour)
		_, _ = Await(ctx, &turns, task)
		cancel()
		if n := len(times()); n != 3+1+16 { // the last after 32,767 minutes
			t.Errorf("in a thousand hours begun %d times, want three that hang, one that did not, and 16 that hang", n)
		}
		close(release)
		if left := turns.Wait(t.Context()); left != nil {
			t.Errorf("%q are left", left)
		}
	})
}

// TestAnOutageWaitsNoLongerForTheOnesBefore: each leaves one that never ends, and what answered since has put it behind.
func TestAnOutageWaitsNoLongerForTheOnesBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns Turns
		release := make(chan struct{})
		for outage := range 12 {
			begun := time.Now()
			well := begun.Add(59 * time.Second)
			task := Task[int]{Name: "share", Beside: time.Minute, Do: func() (int, error) {
				if time.Now().Before(well) {
					<-release
				}
				return 1, nil
			}}
			if n, err := Await(t.Context(), &turns, task); n != 1 || err != nil || time.Since(begun) != time.Minute {
				t.Errorf("outage %d: %d, %v after %v, want 1 after a minute", outage, n, err, time.Since(begun))
			}
			begun = time.Now()
			if _, err := Await(t.Context(), &turns, task); err != nil || time.Since(begun) != 0 {
				t.Errorf("after outage %d: %v after %v, want an answer at once", outage, err, time.Since(begun))
			}
			time.Sleep(24 * time.Hour)
		}
		close(release)
		turns.Wait(t.Context())
	})
}

// TestAnEndOfAnyIsHeard, not only of the newest: what is asked after it answers.
func TestAnEndOfAnyIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns Turns
		old, never := make(chan struct{}), make(chan struct{})
		start, begun := time.Now(), atomic.Int64{}
		task := Task[int]{Name: "share", Beside: time.Minute, Do: func() (int, error) {
			switch n := begun.Add(1); {
			case n < 5:
				<-old
			case n == 5:
				<-never
			}
			return 1, nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 16*time.Minute)
		defer cancel()
		if _, err := Await(ctx, &turns, task); err == nil || begun.Load() != 5 {
			t.Fatalf("%v, %d begun, want five that hang", err, begun.Load())
		}
		time.AfterFunc(time.Minute, func() { close(old) })
		if _, err := Await(t.Context(), &turns, task); err != nil || time.Since(start) != 17*time.Minute {
			t.Errorf("%v after %v, want an answer after 17m, when four of five ended and the newest had hung for two", err, time.Since(start))
		}
		close(never)
		turns.Wait(t.Context())
	})
}

// TestAllThatHangsIsBounded: of many names a few may have more than one under way, and from there on there is one more now and then.
func TestAllThatHangsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns Turns
		release := make(chan struct{})
		const names = 100
		hang := func(within time.Duration) int {
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			var all sync.WaitGroup
			for i := range names {
				task := Task[int]{Name: fmt.Sprint("share ", i), Beside: time.Minute, Do: func() (int, error) { <-release; return 1, nil }}
				all.Go(func() { _, _ = Await(ctx, &turns, task) })
			}
			all.Wait()
			left, _ := turns.underWay()
			return len(left)
		}
		if n := hang(200 * time.Second); n != names+mostBeside {
			t.Errorf("after 200 s %d hang, want %d and %d beside them", n, names, mostBeside)
		}
		if n := hang(365 * 24 * time.Hour); n < names+mostBeside+200 || n > names+mostBeside+256 {
			t.Errorf("after a year %d hang, want some 240 more than %d", n, names+mostBeside)
		}
		begun := false
		if _, err := Await(t.Context(), &turns, Task[int]{Name: "another", Do: func() (int, error) { begun = true; return 1, nil }}); err != nil || !begun {
			t.Errorf("the first of a name waits for those of others: %v", err)
		}
		close(release)
		if left := turns.Wait(t.Context()); left != nil || len(turns.names)+len(turns.beside) > 0 {
			t.Errorf("%q are left, of %d names", left, len(turns.names))
		}
	})
}

// TestAllFeedsOfAShareComeBack, however many there are and however long it was away: not one of them waits for those that never end.
func TestAllFeedsOfAShareComeBack(t *testing.T) {
	for _, c := range []struct {
		feeds        int
		outage, most time.Duration
	}{{40, 10 * time.Minute, 17 * time.Minute}, {43, 10 * time.Minute, 17 * time.Minute}, {128, 2 * time.Minute, 4 * time.Minute}, {20, 3 * time.Hour, 6 * time.Hour}, {500, 90 * time.Second, 3 * time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			var turns Turns
			never := make(chan struct{})
			start := time.Now()
			var all sync.WaitGroup
			for i := range c.feeds {
				all.Go(func() {
					for range 2 { // and then it answers at once
						begun := time.Now()
						task := Task[int]{Name: fmt.Sprint("feed ", i), Beside: time.Minute, Do: func() (int, error) {
							if time.Since(start) < c.outage {
								<-never
							}
							return 1, nil
						}}
						_, err := Await(t.Context(), &turns, task)
						if took := time.Since(start); err != nil || took > c.most || !begun.Equal(start) && time.Since(begun) > 0 {
							t.Errorf("%d feeds, away for %v: %v, one is back after %v, want %v at most", c.feeds, c.outage, err, took, c.most)
						}
					}
				})
			}
			all.Wait()
			close(never)
			turns.Wait(t.Context())
		})
	}
}

// TestWhoAnsweredWaitsForNobodyElse: where as many hang as may, a name of which nothing is waited for begins at once.
func TestWhoAnsweredWaitsForNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns Turns
		never := make(chan struct{})
		hangsOnce := func(name string) time.Duration {
			var asked atomic.Int64
			begun := time.Now()
			late := func(int) { t.Error("a failure came late") }
			_, err := Await(t.Context(), &turns, Task[int]{Name: name, Beside: time.Minute, Late: late, Do: func() (int, error) {
				if asked.Add(1) == 1 {
					<-never
				}
				return 0, errors.New("no such file") // which is an answer too
			}})
			if err == nil || err.Error() != "no such file" {
				t.Errorf("%s: %v", name, err)
			}
			return time.Since(begun)
		}
		hangsOnce("b")
		for range mostBeside + 2 {
			hangsOnce("a")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 61*time.Second)
		defer cancel()
		_, _ = Await(ctx, &turns, Task[int]{Name: "c", Beside: time.Minute, Do: func() (int, error) { <-never; return 0, errors.New("gone") }})
		for _, name := range []string{"a", "b"} {
			begun := time.Now()
			if _, err := Await(t.Context(), &turns, Task[int]{Name: name, Beside: time.Minute, Do: func() (int, error) { return 1, nil }}); err != nil || time.Since(begun) > 0 {
				t.Errorf("%s is well: %v after %v", name, err, time.Since(begun))
			}
		}
		close(never)
		turns.Wait(t.Context())
	})
}

// TestAnAnswerPutsBehindOnlyWhatBeganBeforeIt, of its name.
func TestAnAnswerPutsBehindOnlyWhatBeganBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns Turns
		old, never := make(chan struct{}), make(chan struct{})
		var begun atomic.Int64
		task := Task[int]{Name: "share", Beside: time.Minute, Do: func() (int, error) {
			if begun.Add(1) == 1 {
				<-old
			} else {
				<-never
			}
			return 1, nil
		}}
		asked := func(within time.Duration, want int64) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			if _, err := Await(ctx, &turns, task); err == nil || begun.Load() != want {
				t.Errorf("%v, %d begun, want %d", err, begun.Load(), want)
			}
		}
		asked(61*time.Second, 2)
		close(old)
		asked(30*time.Second, 2)
		_, _ = Await(t.Context(), &turns, Task[string]{Name: "disk", Do: func() (string, error) { return "", nil }})
		asked(20*time.Second, 2)
		asked(8*time.Second, 2)
		asked(2*time.Second, 3)
		close(never)
		turns.Wait(t.Context())
	})
}

func TestAnEndSaysWhatItLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns Turns
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Await(ctx, &turns, Task[int]{Name: "never", Do: func() (int, error) { t.Error("it was begun after the end"); return 0, nil }}); err == nil {
			t.Error("it was done after the end")
		}
		b, releaseB, _ := hang("b")
		a, releaseA, _ := hang("a")
		for _, task := range []Task[int]{b, a} {
			go func() { _, _ = Await(t.Context(), &turns, task) }()
		}
		synctest.Wait()
		if left := turns.Wait(ctx); !slices.Equal(left, []string{"a", "b"}) {
			t.Errorf("%q are left, want a and b", left)
		}
		end, stop := context.WithTimeout(t.Context(), 2*time.Second)
		defer stop()
		time.AfterFunc(time.Second, func() { close(releaseA) })
		if left := turns.Wait(end); !slices.Equal(left, []string{"b"}) {
			t.Errorf("%q are left, want b", left)
		}
		close(releaseB)
		if left := turns.Wait(t.Context()); left != nil {
			t.Errorf("%q are left", left)
		}
	})
}
