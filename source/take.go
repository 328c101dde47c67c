package source

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A Taker takes each reading of a source once: a feed, round by round. It is known by its address, and stands behind what it took
// last, also in the pump that follows this one, which begins with what the journal has. Its methods are safe for concurrent use.
type Taker struct {
	Name   string        // of the feed, for people
	Within time.Duration // longer than that before a round, nothing counts any more that a round before was given and did not take; 0: no limit

	mu    sync.Mutex
	taken map[dodona.Digest]struct{} // what it took last
	round dodona.Round               // in which it did
}

// Until returns the taker of a feed of which nothing counts longer than within: t, or one that stands where t stands, which may be nil.
func (t *Taker) Until(feed string, within time.Duration) *Taker {
	if t == nil {
		return &Taker{Name: feed, Within: within}
	}
	if t.Name == feed && t.Within == within {
		return t
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return &Taker{Name: feed, Within: within, taken: t.taken, round: t.round}
}

// Stand says what the taker took last, and in which round; of an earlier round than that is known of, it says nothing new.
func (t *Taker) Stand(r dodona.Round, taken []dodona.Digest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(taken) == 0 || r < t.round {
		return
	}
	t.round, t.taken = r, make(map[dodona.Digest]struct{}, len(taken))
	for _, d := range taken {
		t.taken[d] = struct{}{}
	}
}

// Round returns the last round in which the taker took something; 0 if none is known.
func (t *Taker) Round() dodona.Round {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.round
}

// took reports whether r is of what the taker took last.
func (t *Taker) took(r dodona.Reading) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.taken) == 0 {
		return false
	}
	_, found := t.taken[r.Digest()]
	return found
}

// Since returns what a pushed source brought behind what t took last, and received up to a round, oldest first, of the Config.Hold
// readings that are kept. It may be asked again for what it was given, until [Pump.Took]. What is pushed out before every taker has
// taken it is counted as dropped.
//
// Of a polled source the readings are what t did not take yet of those that [Pump.Ask] returns; or the last of each item, where
// it took all of them.
func (p *Pump) Since(ctx context.Context, r dodona.Round, t *Taker) ([]dodona.Reading, error) {
	if there := p.left(r, t); len(there) > 0 {
		return there, nil // whatever became of the source since
	}
	readings, err := p.Ask(ctx, r)
	if err != nil || p.pushed {
		return p.left(r, t), err
	}
	if fresh := slices.DeleteFunc(slices.Clone(readings), t.took); len(fresh) > 0 {
		return fresh, nil
	}
	return lastOfItems(readings), nil
}

// left returns what a pushed source has for t.
func (p *Pump) left(r dodona.Round, t *Taker) []dodona.Reading {
	if !p.pushed {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	readings, over := p.latest.since(t, r)
	if over > 0 {
		p.countDropped(uint64(over), "in "+unit.FormatDuration(t.Within)+" no round of "+t.Name+" had an answer that counts them")
	}
	return readings
}

// Took notes what t took in a round: nothing of it, nor of what came before, is for it again.
func (p *Pump) Took(t *Taker, r dodona.Round, taken []dodona.Digest) {
	t.Stand(r, taken)
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.latest.stands[t]; s != nil {
		s.taken = max(s.taken, p.latest.behind(t))
	}
}

// Serve says who takes every reading from now on.
func (p *Pump) Serve(takers []*Taker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest.serve(takers)
}

// A stand is how far one taker has come, in positions of all that was ever in the queue.
type stand struct {
	taken uint64 // the first that it did not take
	given uint64 // the first that it was never given
}

func (l *latest) serve(takers []*Taker) {
	for t := range l.stands {
		if !slices.Contains(takers, t) {
			delete(l.stands, t)
		}
	}
	for _, t := range takers {
		l.stand(t)
	}
}

// stand returns where a taker stands.
func (l *latest) stand(t *Taker) *stand {
	if l.stands == nil {
		l.stands = map[*Taker]*stand{}
	}
	if l.stands[t] == nil {
		l.stands[t] = &stand{taken: l.behind(t)}
	}
	return l.stands[t]
}

// behind returns the position behind what a taker took last; that of the oldest reading if nothing of it is here.
func (l *latest) behind(t *Taker) uint64 {
	for i := len(l.queue) - 1; i >= 0; i-- {
		if t.took(l.queue[i]) {
			return l.gone + uint64(i) + 1
		}
	}
	return l.gone
}

// since returns what a taker did not take yet of what was received up to an instant, oldest first, and how many readings are given up: such as it was given
// longer before. A position, and no instant, is how far it came: what was received before an instant may come into the queue after somebody asked for it, for it
// is journaled first.
func (l *latest) since(t *Taker, upTo dodona.Round) (found []dodona.Reading, over int) {
	s := l.stand(t)
	s.taken = max(s.taken, l.gone)
	for t.Within > 0 && s.taken < s.given && s.taken < l.gone+uint64(len(l.queue)) &&
		upTo.Time().Sub(l.queue[s.taken-l.gone].Received) > t.Within {
		s.taken++
		over++
	}
	n := 0
	for n < len(l.queue) && l.at[n] <= upTo {
		n++
	}
	s.given = max(s.given, l.gone+uint64(n))
	return slices.Clone(l.queue[min(int(s.taken-l.gone), n):n]), over
}

// wanting reports whether a taker did not take the reading at the head of the queue.
func (l *latest) wanting() bool {
	for _, s := range l.stands {
		if s.taken <= l.gone {
			return true
		}
	}
	return false
}
