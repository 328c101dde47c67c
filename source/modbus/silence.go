package modbus

import (
	"fmt"
	"time"
)

// A silence is how long something has not answered, and when it is asked again. The zero value: it answers.
type silence struct {
	exchanges int // in a row
	since     time.Time
	next      time.Time
	why       error
}

// The pauses of what does not answer.
const (
	firstRest = time.Second
	mostRest  = 30 * time.Second
)

// goesOn notes one more exchange without an answer. From the second on there is a rest.
func (s *silence) goesOn(now time.Time, why error) {
	if s.exchanges == 0 {
		s.since = now
	}
	s.exchanges++
	s.why = why
	if s.exchanges >= 2 {
		s.next = now.Add(min(firstRest<<min(s.exchanges-2, 10), mostRest))
	}
}

// rests reports whether it is not to be asked now. A clock that was set back makes no rest longer.
func (s *silence) rests(now time.Time) bool { return now.Before(s.next) && s.next.Sub(now) <= mostRest }

// told says of what is not asked why.
func (s *silence) told(what string) error {
	// Fault (point): a unit stays silent: it is skipped, and tried now and then.
	return fmt.Errorf("%s does not answer since %s: %w", what, s.since.UTC().Format(time.RFC3339), s.why)
}

// A unit is what is known of one that is asked.
type unit struct {
	id byte
	silence
	owed  owed
	spoke bool // it answered once
}
