// Package backoff says how long to wait before trying again, and waits.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// A Backoff grows from Min to Max, doubling with every attempt, and spreads the peers that failed together
// by full jitter: each wait is drawn evenly between zero and the current ceiling.
// The zero value waits up to 250 ms at first and up to 30 s at most.
type Backoff struct {
	Min time.Duration // the ceiling after the first failure; 0 means 250 ms
	Max time.Duration // the ceiling that is never passed; 0 means 30 s
}

// Default ceilings, for a zero [Backoff].
const (
	DefaultMin = 250 * time.Millisecond
	DefaultMax = 30 * time.Second
)

// A Rand returns an even random number in [0, n), as math/rand/v2's Int64N does. nil means that one.
type Rand func(n int64) int64

// Next returns how long to wait after the given number of failures in a row, counted from 1: between zero and
// the ceiling, both included.
func (b Backoff) Next(attempt int, rnd Rand) time.Duration {
	return draw(0, b.Ceiling(attempt), rnd)
}

// Slow returns how long to wait before trying again what trying again will hardly mend:
// between half of Max and Max.
func (b Backoff) Slow(rnd Rand) time.Duration {
	_, most := b.bounds()
	return draw(most/2, most, rnd)
}

// Ceiling returns the longest that Next may return for attempt.
func (b Backoff) Ceiling(attempt int) time.Duration {
	least, most := b.bounds()
	ceiling := least
	for i := 1; i < attempt && ceiling < most; i++ {
		if ceiling > most/2 {
			return most
		}
		ceiling *= 2
	}
	return ceiling
}

// Wait returns true after d, at once if d is not positive, or false as soon as ctx ends.
func Wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (b Backoff) bounds() (least, most time.Duration) {
	least, most = b.Min, b.Max
	if least <= 0 {
		least = DefaultMin
	}
	if most <= 0 {
		most = DefaultMax
	}
	return min(least, most), most
}

func draw(from, to time.Duration, rnd Rand) time.Duration {
	if rnd == nil {
		rnd = rand.Int64N
	}
	return from + time.Duration(rnd(int64(to-from)+1))
}
