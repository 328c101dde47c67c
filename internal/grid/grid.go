// Package grid knows where the rounds of a feed lie, and while which of them is open.
package grid

import (
	"time"

	"github.com/dodona-oracle/dodona"
)

// At returns the last grid instant at or before r. The grid is the multiples of every, in whole milliseconds and at
// least one, since 1970.
func At(r dodona.Round, every time.Duration) dodona.Round {
	step := dodona.Round(every.Milliseconds())
	return r - r%step
}

// Next returns the first grid instant above after.
func Next(after dodona.Round, every time.Duration) dodona.Round {
	return At(after, every) + dodona.Round(every.Milliseconds())
}

// From returns the first grid instant at or above r.
func From(r dodona.Round, every time.Duration) dodona.Round {
	if at := At(r, every); at == r {
		return r
	}
	return Next(r, every)
}

// Early is how long before its instant a round may be observed: what two good clocks differ by.
const Early = 500 * time.Millisecond

// longest is how long after its instant a round is open at most.
const longest = time.Minute

// Open returns from when to when, both inclusive, r may be observed, appended and voted on:
// r − 500 ms to r + min(3·every, 60 s).
func Open(r dodona.Round, every time.Duration) (from, to time.Time) {
	late := 3 * min(every, longest/3) // in this order, so that a huge every does not overflow
	return r.Time().Add(-Early), r.Time().Add(late)
}
