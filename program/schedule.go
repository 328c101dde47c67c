package program

import "github.com/dodona-oracle/dodona"

// A Due is a program and the first round that it answers.
type Due struct {
	From      dodona.Round
	Program   *Program
	Transform dodona.Transform // runs it
}

// A Schedule is which program answers a feed in which round: one at least, ascending by their first rounds.
type Schedule []Due

// For returns what is due in a round: the last one that begins with it or before, and the first for all before the second.
//
// It depends on nothing but the schedule and the round. So the members of a network who have agreed on a schedule change
// programs in the same round, whenever each of them comes to it, and a validator knows what was due in a round of the past.
func (s Schedule) For(r dodona.Round) Due {
	i := len(s) - 1
	for i > 0 && r < s[i].From {
		i--
	}
	return s[i]
}
