package patience

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
)

var pace = backoff.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second}

// TestWhatWillHardlyMendIsTriedSlowly: an error that is permanent is not asked about ten times a second, and not given up either.
func TestWhatWillHardlyMendIsTriedSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		var attempts []int
		err := Retry(t.Context(), pace, func() error {
			if tries++; tries < 4 {
				return dodona.Permanent(errors.New("the bus takes at most 1 byte"))
			}
			return nil
		}, func(_ error, attempt int, wait time.Duration) {
			if attempts = append(attempts, attempt); wait < 5*time.Second {
				t.Errorf("it is tried again in %v", wait)
			}
		})
		if err != nil || !slices.Equal(attempts, []int{1, 2, 3}) {
			t.Errorf("failed attempts %v, %v; want three", attempts, err)
		}
	})
}

func TestWhatIsDoneIsDoneWhenItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	nobody := func(err error, _ int, _ time.Duration) { t.Errorf("it is told of %v", err) }
	if err := Retry(ctx, pace, func() error { cancel(); return nil }, nobody); err != nil {
		t.Errorf("a success while the context ended: %v", err)
	}
	if err := Retry(ctx, pace, func() error { return errors.New("no") }, nobody); !errors.Is(err, context.Canceled) {
		t.Errorf("a failure after it: %v, want that it ended", err)
	}
}

func TestAPermanentErrorIsReturnedWhereItIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never, tries := dodona.Permanent(errors.New("too large")), 0
		err := RetryUnlessPermanent(t.Context(), pace, func() error {
			if tries++; tries < 3 {
				return errors.New("not now")
			}
			return never
		}, func(error, int, time.Duration) {})
		if !errors.Is(err, never) || tries != 3 {
			t.Errorf("%v after %d tries, want the permanent one after 3", err, tries)
		}
	})
}

func TestDivideFindsWhatCanNeverBeDone(t *testing.T) {
	var done, given []int
	calls := 0
	do := func(part []int) error {
		if calls++; slices.Contains(part, 7) || slices.Contains(part, 0) || len(part) > 6 {
			return dodona.Permanent(errors.New("no"))
		}
		done = append(done, part...)
		return nil
	}
	err := Divide([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, do, func(item int, why error) error {
		given = append(given, item)
		if !dodona.IsPermanent(why) {
			t.Errorf("%d is given up for %v", item, why)
		}
		return nil
	})
	if want := []int{1, 2, 3, 4, 5, 6, 8, 9}; err != nil || !slices.Equal(done, want) || !slices.Equal(given, []int{0, 7}) {
		t.Errorf("%v: done %v, given up %v; want %v, and 0 and 7", err, done, given, want)
	}
	calls, done = 0, nil
	if err := Divide(nil, do, nil); err != nil || calls != 0 {
		t.Errorf("of nothing: %v after %d calls", err, calls)
	}
	full := errors.New("full")
	err = Divide([]int{1, 2, 3, 4}, func(part []int) error {
		if calls++; len(part) == 4 {
			return dodona.Permanent(errors.New("no"))
		}
		return full
	}, nil)
	if !errors.Is(err, full) || calls != 2 {
		t.Errorf("%v after %d calls, want the first other error at once", err, calls)
	}
}
