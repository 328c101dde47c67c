package feed

import (
	"time"

	"github.com/dodona-oracle/dodona"
)

// gridAt returns the last grid instant at or before r.
func gridAt(r dodona.Round, every time.Duration) dodona.Round {
	step := dodona.Round(every.Milliseconds())
	return r - r%step
}

// NextRound returns the first grid instant above after: the multiples of every, in whole milliseconds, since 1970.
func NextRound(after dodona.Round, every time.Duration) dodona.Round {
	return gridAt(after, every) + dodona.Round(every.Milliseconds())
}

// closes returns the last instant at which r may be observed (PROTOCOL §2): three times every later, at most a minute.
func closes(r dodona.Round, every time.Duration) time.Time {
	return r.Time().Add(min(3*every, time.Minute))
}
