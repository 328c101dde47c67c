package source

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A limiter lets no more than a rate through, in any time of its length. The zero value lets all through. Its methods are safe for concurrent use.
type limiter struct {
	mu   sync.Mutex
	rate unit.Rate
	gone []time.Time // the last ones, oldest first; no more than rate.N
}

// set says which rate holds from now on, and of what went through before it counts what it can.
func (l *limiter) set(r unit.Rate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate = r
	l.gone = slices.Delete(l.gone, 0, max(len(l.gone)-r.N, 0))
}

// take lets one through that waits for most at most. If that is too short it returns the rate, and after what time one may go.
func (l *limiter) take(now time.Time, most time.Duration) (wait time.Duration, held unit.Rate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rate.IsZero() {
		return 0, held
	}
	if len(l.gone) >= l.rate.N {
		wait = min(max(l.gone[len(l.gone)-l.rate.N].Add(l.rate.Per).Sub(now), 0), l.rate.Per) // a clock that was set back holds up nobody
	}
	if wait > most {
		return wait, l.rate
	}
	if l.gone = append(l.gone, now.Add(wait)); len(l.gone) > l.rate.N {
		l.gone = slices.Delete(l.gone, 0, 1)
	}
	return wait, held
}

// Rate returns how many requests a source with these settings wants its peer to be asked at most, together with the others that ask it.
func (k Kind) Rate(settings any) unit.Rate {
	if r, ok := settings.(interface{ Rate() unit.Rate }); ok {
		return r.Rate()
	}
	return unit.Rate{}
}

// admitted waits until a request may go to the peer, as far as its rate says; patience is how long that may take.
func (p *Pump) admitted(ctx context.Context, patience time.Duration) error {
	p.mu.Lock()
	peer := p.turn.Peer
	p.mu.Unlock()
	if peer == nil {
		return nil
	}
	wait, held := peer.rate.take(p.cfg.Now(), patience)
	p.setLimited(wait > 0)
	if !held.IsZero() {
		return RetryAfter(fmt.Errorf("its peer has been asked %s in %s, which is as often as rate lets it be", unit.Count(held.N, "time"), unit.FormatDuration(held.Per)), wait)
	}
	if wait > 0 {
		backoff.Wait(ctx, wait)
		p.setLimited(false)
	}
	return ctx.Err()
}

func (p *Pump) setLimited(limited bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limited && !limited {
		p.freed = p.cfg.Now()
	}
	p.limited = limited
}

// patience is how long those who ask can wait for an exchange to begin; nobody has none.
func (p *Pump) patience(now time.Time) (most time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		return 0
	}
	most = maxHold
	for _, a := range p.waiting {
		if a.limited {
			most = min(most, max(a.deadline.Sub(now), 0))
		}
	}
	return most
}

// maxHold is how long an exchange waits for the rate of its peer where nobody is in a hurry.
const maxHold = time.Minute
