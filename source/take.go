package source

import (
	"context"
	"slices"
	"sync"

	"github.com/dodona-oracle/dodona"
)

// A Taker takes each reading of a source once: a feed, round by round. It is known by its address, and stands behind what it took
// last, also in the pump that follows this one, which begins with what the journal has. Its methods are safe for concurrent use.
type Taker struct {
	Name string // of the feed, for people

	mu    sync.Mutex
	taken map[dodona.Digest]struct{} // what it took last
	round dodona.Round               // in which it did
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
// readings that are kept. It may be asked again for what it was given, until [Pump.Took] or [Pump.GiveUp]. What is pushed out before every taker has
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
	return p.latest.since(t, r)
}

// Took notes what t took in a round: nothing of it, nor of what came before, is for it again.
func (p *Pump) Took(t *Taker, r dodona.Round, taken []dodona.Digest) {
	t.Stand(r, taken)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest.pass(t)
}

// GiveUp is as [Pump.Took] for what t was given in a round and did not take: it is counted as dropped, and why.
func (p *Pump) GiveUp(t *Taker, r dodona.Round, given []dodona.Digest, cause string) {
	t.Stand(r, given)
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.latest.pass(t); n > 0 {
		p.countDropped(n, cause)
	}
}

// Serve says who takes every reading from now on.
func (p *Pump) Serve(takers []*Taker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest.serve(takers)
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

// stand returns where a taker stands: the position of the first reading that it did not take, of all that were ever in the queue.
func (l *latest) stand(t *Taker) uint64 {
	if l.stands == nil {
		l.stands = map[*Taker]uint64{}
	}
	if _, known := l.stands[t]; !known {
		l.stands[t] = l.behind(t)
	}
	return max(l.stands[t], l.gone)
}

// pass moves a taker on behind what it took last, and returns how many readings of the queue that are.
func (l *latest) pass(t *Taker) (passed uint64) {
	if _, known := l.stands[t]; !known {
		return 0
	}
	from := l.stand(t)
	l.stands[t] = max(from, l.behind(t))
	return l.stands[t] - from
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

// since returns what a taker did not take yet of what was received up to an instant, oldest first. A position, and no instant, is how far it
// came: what was received before an instant may come into the queue after somebody asked for it, for it is journaled first.
func (l *latest) since(t *Taker, upTo dodona.Round) []dodona.Reading {
	n := 0
	for n < len(l.queue) && l.at[n] <= upTo {
		n++
	}
	return slices.Clone(l.queue[min(int(l.stand(t)-l.gone), n):n])
}

// wanting reports whether a taker did not take the reading at the head of the queue.
func (l *latest) wanting() bool {
	for _, taken := range l.stands {
		if taken <= l.gone {
			return true
		}
	}
	return false
}
