package source

import (
	"context"
	"time"

	"github.com/dodona-oracle/dodona"
)

// mostLate is how long after its instant an exchange may begin and still count as one of that instant: what a busy
// machine takes, not what a back-off does.
const mostLate = 100 * time.Millisecond

// tillDue returns how long the peer may not be asked yet, because the exchange before is nearer than every. A batch
// that only waits for the journal asks nobody.
func (p *Pump) tillDue(now time.Time) time.Duration {
	if p.pushed || p.pending != nil || p.begun.IsZero() {
		return 0
	}
	return min(p.begun.Add(p.pace.Every).Sub(now), p.pace.Every) // the clock may have been set back
}

// instant returns of which instant an exchange is that begins now because r was asked for. One that is a try again is
// of its own time, so that an ask soon after it does not make another one.
func (p *Pump) instant(r dodona.Round, now time.Time) dodona.Round {
	late := now.Sub(r.Time())
	if p.status.Attempt == 0 || p.pace.Every <= 0 || late <= 0 {
		return r
	}
	whole := late.Truncate(p.pace.Every)
	if late-whole > min(mostLate, p.pace.Every/10) {
		return dodona.RoundAt(now)
	}
	return dodona.RoundAt(r.Time().Add(whole))
}

// Remains are what a polled source leaves to one that asks the same peer: when it was asked, and what it said.
type Remains struct {
	asked   time.Time
	held    []dodona.Reading
	heldFor *dodona.Round
}

// Remains returns what p leaves. Call it once Run has ended.
func (p *Pump) Remains() Remains {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pushed {
		return Remains{}
	}
	return Remains{p.begun, p.held, p.heldFor}
}

// rest waits until the peer may be asked again that the pump before this one asked.
func (p *Pump) rest(ctx context.Context) {
	now := p.cfg.Now()
	left := p.tillDue(now)
	if left <= 0 {
		return
	}
	p.mu.Lock()
	p.status.LastError = "it was asked shortly before its settings changed, and every is " + human(p.pace.Every)
	p.status.NextTry = now.Add(left)
	p.refuse()
	p.mu.Unlock()
	p.pause(ctx, left)
	p.mu.Lock()
	p.status.LastError = ""
	p.mu.Unlock()
}
