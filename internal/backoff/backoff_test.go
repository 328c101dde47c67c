package backoff

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestNextStaysBetweenZeroAndItsCeiling(t *testing.T) {
	for _, b := range []Backoff{{}, {Min: time.Second, Max: time.Minute}, {Min: time.Hour, Max: time.Second}, {Max: 1 << 62}} {
		for _, attempt := range []int{-1, 0, 1, 2, 10, 63, 64, 1 << 30} {
			ceiling := b.Ceiling(attempt)
			least := b.Next(attempt, func(int64) int64 { return 0 })
			most := b.Next(attempt, func(n int64) int64 { return n - 1 })
			if least != 0 || most != ceiling || ceiling <= 0 {
				t.Errorf("%+v attempt %d waits %s to %s, want 0s to its ceiling %s", b, attempt, least, most, ceiling)
			}
			if got := b.Next(attempt, nil); got < 0 || got > ceiling {
				t.Errorf("%+v attempt %d drew %s, want at most %s", b, attempt, got, ceiling)
			}
		}
	}
}

func TestCeilingDoublesUpToTheCap(t *testing.T) {
	b := Backoff{Min: time.Second, Max: 10 * time.Second}
	for attempt, want := range map[int]time.Duration{1: 1, 2: 2, 3: 4, 4: 8, 5: 10, 6: 10, 1000: 10} {
		if got := b.Ceiling(attempt); got != want*time.Second {
			t.Errorf("ceiling of attempt %d is %s, want %s", attempt, got, want*time.Second)
		}
	}
	if got := (Backoff{}).Ceiling(1); got != DefaultMin {
		t.Errorf("the zero value begins with %s, want %s", got, DefaultMin)
	}
}

func TestSlowWaitsAtLeastHalfOfTheCap(t *testing.T) {
	b := Backoff{Max: time.Minute}
	if got := b.Slow(func(int64) int64 { return 0 }); got != 30*time.Second {
		t.Errorf("shortest slow wait is %s, want 30s", got)
	}
	if got := b.Slow(func(n int64) int64 { return n - 1 }); got != time.Minute {
		t.Errorf("longest slow wait is %s, want 1m", got)
	}
}

func TestWaitEndsWithItsTimeOrItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		if !Wait(t.Context(), time.Minute) || time.Since(started) != time.Minute {
			t.Errorf("a wait of a minute took %s", time.Since(started))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if started = time.Now(); Wait(ctx, time.Minute) || time.Since(started) != time.Second {
			t.Errorf("the wait went on for %s, want until its context ended after 1s", time.Since(started))
		}
		if Wait(ctx, 0) {
			t.Error("waiting no time with an ended context returned true, want false")
		}
	})
}
