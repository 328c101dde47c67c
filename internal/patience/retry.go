// Package patience goes on beside what does not: it tries again, finds the one that can never be done among those that can, and waits for
// what may hang no longer than somebody wants it.
package patience

import (
	"context"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
)

// A Failed is told of a failure, the how many-th it is in a row, and how long is waited before the next try.
type Failed func(err error, attempt int, wait time.Duration)

// Retry calls f until it succeeds, and returns nil then, or ctx ends, whose error it returns. What will hardly mend by itself is tried again
// slowly: somebody may give the server more room, or the program a new version.
func Retry(ctx context.Context, pace backoff.Backoff, f func() error, failed Failed) error {
	for attempt := 1; ; attempt++ {
		err := f()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wait := pace.Next(attempt, nil)
		if dodona.IsPermanent(err) {
			wait = pace.Slow(nil)
		}
		failed(err, attempt, wait)
		if !backoff.Wait(ctx, wait) {
			return ctx.Err()
		}
	}
}

// RetryUnlessPermanent is [Retry] for who has something better to do about a permanent error than to wait: it is returned at once.
func RetryUnlessPermanent(ctx context.Context, pace backoff.Backoff, f func() error, failed Failed) error {
	var never error
	err := Retry(ctx, pace, func() error {
		err := f()
		if dodona.IsPermanent(err) {
			never, err = err, nil
		}
		return err
	}, failed)
	if err != nil {
		return err
	}
	return never
}
