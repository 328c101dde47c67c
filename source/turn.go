package source

import "time"

// A Turn says which of the sources that ask one peer a source is. The rounds of all feeds lie on the same instants: many that asked at
// once would fill the queue of a small server, which drops the rest, and a connection that is dropped is tried again a second later.
type Turn struct{ Index, Of int }

const (
	together = 4                     // so many sources ask one peer at once
	apart    = 20 * time.Millisecond // more of them ask one after another, as far apart, or nearer
	share    = 4                     // a part in so many of what those who ask would wait is spent on that
)

// SetTurn says which one the source is from now on.
func (p *Pump) SetTurn(t Turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn = t
}

// untilTurn returns how long an exchange waits for its turn: the same in each round of a feed, so that every is kept. Where feeds of
// different patience ask, it waits for that. The caller holds mu.
func (p *Pump) untilTurn(now time.Time) time.Duration {
	if p.turn.Of <= together {
		return 0
	}
	most := time.Duration(p.turn.Of) * apart
	for _, a := range p.waiting {
		if a.limited {
			most = min(most, a.deadline.Sub(now)/share)
		}
	}
	if most <= 0 {
		return 0
	}
	wait := most / time.Duration(p.turn.Of) * time.Duration(p.turn.Index)
	if early := p.tillDue(now); early > wait && early <= most {
		wait = early
	}
	return wait
}

// Turns returns the turn of each of the named sources, in their order; those of one peer share it.
func Turns(names []string, peer func(name string) string) map[string]Turn {
	of, turns := make(map[string]int), make(map[string]Turn, len(names))
	for _, name := range names {
		turns[name] = Turn{Index: of[peer(name)]}
		of[peer(name)]++
	}
	for name, t := range turns {
		t.Of = of[peer(name)]
		turns[name] = t
	}
	return turns
}
