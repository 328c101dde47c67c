package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
)

// maxWaiting is how many asks wait at once; far more than there are feeds.
const maxWaiting = 1024

// Ask returns the source's readings for round r.
//
// A polled source makes one exchange however many feeds ask for the same instant, and at most one in its `every`:
// asks nearer than that to the last exchange get its readings. A try after a failure keeps to `every` too. After a failure
// Ask waits for the next try if that comes before ctx's deadline, otherwise it returns the failure at once. A pushed source answers with the latest
// reading of each item. Readings are in the journal before Ask returns them; the caller owns the
// slice and must not change the bodies.
//
// Ask returns when ctx ends, whatever the source does, with an error that wraps ctx's.
func (p *Pump) Ask(ctx context.Context, r dodona.Round) ([]dodona.Reading, error) {
	a := &ask{round: r, reply: make(chan answer, 1)}
	a.deadline, a.limited = ctx.Deadline()
	p.join(a)
	select {
	case got := <-a.reply:
		return got.readings, got.err
	case <-ctx.Done():
		return nil, p.leave(a, ctx.Err())
	}
}

// An ask is one feed's question, waiting for its answer.
type ask struct {
	round    dodona.Round
	deadline time.Time
	limited  bool
	reply    chan answer // of capacity 1, so that answering never blocks
}

type answer struct {
	readings []dodona.Reading
	err      error
}

// join answers a if that is possible now, else lets it wait and tells Run.
func (p *Pump) join(a *ask) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		a.reply <- answer{err: ErrStopped}
		return
	}
	if readings, found := p.have(a.round); found {
		a.reply <- answer{readings: readings}
		return
	}
	if !p.pushed {
		p.asked(a.round)
	}
	if err := p.hopeless(a); err != nil {
		a.reply <- answer{err: err}
		return
	}
	p.waiting = append(p.waiting, a)
}

// hopeless returns why a cannot be answered in time, nil if it can. The caller holds mu.
func (p *Pump) hopeless(a *ask) error {
	switch {
	case len(p.waiting) >= maxWaiting:
		return fmt.Errorf("%d questions wait for this source already", maxWaiting)
	case p.pushed && p.status.State == Stale:
		return errors.New(p.complaint(at))
	case !p.idle.IsZero() && len(p.latest.items) == 0:
		if waste := p.waste(); waste != "" {
			return fmt.Errorf("nothing usable has come; %s", waste)
		}
		return fmt.Errorf("nothing has come from it yet; it is open and waits since %s", p.idle.UTC().Format(time.RFC3339))
	case p.status.NextTry.IsZero(), a.limited && p.status.NextTry.Before(a.deadline), !a.limited:
		return nil
	}
	return fmt.Errorf("%s; %s", p.status.LastError, p.nextTry(at))
}

// have returns the readings that answer an ask for r without another exchange. The caller holds mu.
func (p *Pump) have(r dodona.Round) ([]dodona.Reading, bool) {
	if p.pushed {
		return p.latest.readings(), len(p.latest.items) > 0 && p.status.State != Stale
	}
	if p.heldFor == nil || !p.near(r, *p.heldFor) {
		return nil, false
	}
	return slices.Clone(p.held), true // feeds sort what they get
}

// near reports whether one exchange answers for both instants.
func (p *Pump) near(r, q dodona.Round) bool {
	return r == q || r.Time().Sub(q.Time()).Abs() < p.pace.Every
}

// asked notes that readings for r are wanted. The caller holds mu.
func (p *Pump) asked(r dodona.Round) {
	p.learnPace(r)
	if p.watched.since.IsZero() {
		p.watched.since = p.cfg.Now()
		poke(p.look)
	}
	if p.doing != nil && p.near(r, *p.doing) {
		return
	}
	p.want = &r
	poke(p.wake)
}

// leave takes a out of the waiting ones, because its context ended with err.
func (p *Pump) leave(a *ask, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, w := range p.waiting {
		if w == a {
			p.waiting = slices.Delete(p.waiting, i, i+1)
			break
		}
	}
	switch {
	case p.appending:
		return fmt.Errorf("wait for the journal: %w", err)
	case p.status.Attempt > 0:
		return fmt.Errorf("no answer yet, last error %s: %w", p.status.LastError, err)
	}
	if waste := p.waste(); waste != "" {
		return fmt.Errorf("no answer yet; %s: %w", waste, err)
	}
	return fmt.Errorf("no answer yet: %w", err)
}
