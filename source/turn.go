package source

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/unit"
)

const (
	together = 4                      // so many sources ask one peer at once
	apart    = 20 * time.Millisecond  // as far apart are asks that nothing limits
	share    = 4                      // a part in so many of what those who ask would wait is spent on turns at least
	hanging  = 100 * time.Millisecond // an exchange that takes longer, and longer than twice the usual, keeps nobody from his turn
	steady   = 8                      // each exchange moves what is usual by a part in so many
)

// A Turn says which of the sources that ask one peer a source is. The zero value has its peer for itself.
type Turn struct {
	Peer      *Peer
	Index, Of int
}

// A Peer is whom several sources ask. The rounds of all feeds lie on the same instants: many that asked at once would fill the queue of a
// small server, which drops the rest, and a connection that is dropped is tried again a second later. So few ask at once, and the next
// when one is done; or, of a peer that answers slowly to each but to many at once, soon enough for its round.
// The zero value is ready. Its methods are safe for concurrent use.
type Peer struct {
	rate limiter

	mu      sync.Mutex
	asking  []*exchange   // under way, as they began
	waiting []*exchange   // for their turns, by their index
	usual   time.Duration // what an exchange takes beside fewer than together others; 0 if none is known
	pace    time.Duration // between two answers while it was asked by together or more; 0 if none is known
	ended   time.Time     // the last answer, if so many asked then; else zero
}

// An exchange is one with a Peer.
type exchange struct {
	index   int
	began   time.Time
	crowded bool          // beside together others or more
	turn    chan struct{} // closed when it begins
}

// begin returns when the turn of an exchange has come that was wanted at an instant: latest after that at the latest, which is told what an
// exchange takes usually, or when ctx ends.
func (p *Peer) begin(ctx context.Context, index int, wanted time.Time, now func() time.Time, latest func(usual time.Duration) time.Duration) *exchange {
	x := &exchange{index: index, turn: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	at, _ := slices.BinarySearchFunc(p.waiting, index, func(w *exchange, index int) int { return cmp.Compare(w.index, index) })
	p.waiting = slices.Insert(p.waiting, at, x)
	for {
		p.admit(now()) // one that hangs may have left its place since
		left := latest(p.usual) - now().Sub(wanted)
		if left <= 0 || ctx.Err() != nil {
			p.enter(x, now())
		}
		if !x.began.IsZero() {
			return x
		}
		again := min(left, p.patience())
		p.mu.Unlock()
		awaitTurn(ctx, x, again)
		p.mu.Lock()
	}
}

// awaitTurn waits for the turn of x, for some time.
func awaitTurn(ctx context.Context, x *exchange, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-x.turn:
	case <-ctx.Done():
	case <-timer.C:
	}
}

// end notes that x is over, and how long it took if that says anything of the peer.
func (p *Peer) end(x *exchange, now time.Time, answered bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if took := now.Sub(x.began); answered && !x.crowded {
		p.usual = steadily(p.usual, took)
	}
	p.asking = slices.DeleteFunc(p.asking, func(other *exchange) bool { return other == x })
	p.admit(now)
	if !answered {
		return
	}
	if gap := now.Sub(p.ended); !p.ended.IsZero() && gap < p.patience() {
		p.pace = steadily(p.pace, gap)
	}
	if p.ended = now; p.busy(now) < together {
		p.ended = time.Time{}
	}
}

// steadily returns what is usual once it took so long again.
func steadily(usual, took time.Duration) time.Duration {
	if took = max(took, 1); usual == 0 {
		return took
	}
	return max(usual+(took-usual)/steady, 1)
}

// admit lets those begin whose turn it is. The caller holds mu.
func (p *Peer) admit(now time.Time) {
	for busy := p.busy(now); busy < together && len(p.waiting) > 0; busy++ {
		p.enter(p.waiting[0], now)
	}
}

// busy returns how many exchanges are under way, but for those that hang. The caller holds mu.
func (p *Peer) busy(now time.Time) (n int) {
	for _, x := range p.asking {
		if now.Sub(x.began) < p.patience() {
			n++
		}
	}
	return n
}

// enter lets x begin, unless it has. The caller holds mu.
func (p *Peer) enter(x *exchange, now time.Time) {
	at := slices.Index(p.waiting, x)
	if at < 0 {
		return
	}
	p.waiting = slices.Delete(p.waiting, at, at+1)
	x.began, x.crowded = now, len(p.asking) >= together
	p.asking = append(p.asking, x)
	close(x.turn)
}

// takes returns what an exchange takes usually, and how far apart answers are where many ask; 0 if that is not known.
func (p *Peer) takes() (usual, pace time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.usual, p.pace
}

// patience is how long an exchange keeps others from their turns. The caller holds mu.
func (p *Peer) patience() time.Duration { return max(hanging, 2*p.usual) }

// SetTurn says which one the source is from now on.
func (p *Pump) SetTurn(t Turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn = t
}

// takeTurn waits until an exchange may begin, and returns what to call at its end. Its every is kept where it can be.
func (p *Pump) takeTurn(ctx context.Context) (end func(answered bool)) {
	wanted := p.cfg.Now()
	p.mu.Lock()
	t, spread := p.turn, p.spread(wanted)
	p.mu.Unlock()
	if t.Of <= together {
		return func(bool) {}
	}
	usual, _ := t.Peer.takes()
	if early := p.tillDue(wanted); early <= spread(usual) {
		backoff.Wait(ctx, early)
	}
	x := t.Peer.begin(ctx, t.Index, wanted, p.cfg.Now, func(usual time.Duration) time.Duration {
		return spread(usual) / time.Duration(t.Of) * time.Duration(t.Index)
	})
	return func(answered bool) { t.Peer.end(x, p.cfg.Now(), answered) }
}

// spread returns over how long the turns of a peer are spread at most: all the time that is left when twice what an exchange takes usually is
// kept for the last answer. Where feeds of different patience ask, the least patient counts. The caller holds mu.
func (p *Pump) spread(now time.Time) func(usual time.Duration) time.Duration {
	left, limited := time.Duration(0), false
	for _, a := range p.waiting {
		if until := a.deadline.Sub(now); a.limited && (!limited || until < left) {
			left, limited = until, true
		}
	}
	whole := time.Duration(p.turn.Of) * apart
	return func(usual time.Duration) time.Duration {
		switch {
		case !limited:
			return whole
		case usual == 0:
			return max(left/share, 0)
		}
		return max(left/share, left-2*usual, 0)
	}
}

// Crowd says that others ask the same peer, if that may be why there was no answer in some time; else it is empty. It says the same to all of them.
func (p *Pump) Crowd(waited time.Duration) string {
	p.mu.Lock()
	t := p.turn
	p.mu.Unlock()
	if t.Of <= together {
		return ""
	}
	if _, pace := t.Peer.takes(); pace*time.Duration(t.Of) < waited*3/4 {
		return ""
	}
	return fmt.Sprintf("%d sources ask its peer, more than it may answer in that time; raise deadline (and every), or read several points with one source", t.Of)
}

// Peers are those that sources ask, by name. They outlive a reload, for who asks them then may run on. The zero value is ready.
type Peers struct{ known map[string]*Peer }

// Asks says whom a source asks, and how often all that do so may at most.
type Asks struct {
	Peer string
	Rate unit.Rate
}

// Turns returns the turn of each of the named sources, in their order; those of one peer share it, and the lowest of their rates.
func (p *Peers) Turns(names []string, asks func(name string) Asks) map[string]Turn {
	rates := make(map[string]unit.Rate)
	known, of, turns := make(map[string]*Peer), make(map[string]int), make(map[string]Turn, len(names))
	for _, name := range names {
		whom := asks(name).Peer
		if known[whom] == nil {
			known[whom] = cmp.Or(p.known[whom], new(Peer))
		}
		turns[name] = Turn{Peer: known[whom], Index: of[whom]}
		of[whom]++
		if r := asks(name).Rate; r.Below(rates[whom]) {
			rates[whom] = r
		}
	}
	for name, t := range turns {
		t.Of = of[asks(name).Peer]
		turns[name] = t
	}
	for whom, peer := range known {
		peer.rate.set(rates[whom])
	}
	p.known = known
	return turns
}
