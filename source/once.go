package source

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
)

// quiet is how long a pushed source must say nothing new before what it said counts as all that there is.
const quiet = 100 * time.Millisecond

// Once returns what a feed would get of a source, for whoever tries one by hand: it runs a pump until the first exchange has
// brought something, or failed, and of a pushed source until it pauses. ctx must have a deadline: when it passes without an
// answer, the error wraps ctx's. The source is closed before Once returns; one that hangs is left behind.
//
// Where cfg.Hold is set, the readings are the last so many of a pushed source, oldest first, as [Pump.Since] returns them.
func Once(ctx context.Context, cfg Config) ([]dodona.Reading, error) {
	cfg.Backoff = backoff.Backoff{Min: time.Hour, Max: time.Hour} // the first failure is the answer
	p := NewPump(cfg)
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.Run(running) // returns nil when ctx ends
	}()
	defer func() {
		stop()
		<-ended
	}()
	r := dodona.RoundAt(p.cfg.Now())
	readings, err := p.Ask(ctx, r)
	switch s := p.Status(); {
	case err != nil && ctx.Err() == nil && s.LastError != "":
		return nil, errors.New(s.LastError) // without when it is tried again
	case err != nil || !p.pushed:
		return readings, err
	}
	p.settle(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.latest.hold > 0 {
		return p.latest.since(0, math.MaxUint64), nil
	}
	return p.latest.readings(), nil
}

// settle waits until the source pauses, or ctx is about to end.
func (p *Pump) settle(ctx context.Context) {
	deadline, _ := ctx.Deadline()
	for before := uint64(0); ; {
		now := p.Status().Readings
		if now == before || time.Until(deadline) < 2*quiet {
			return
		}
		before = now
		if !backoff.Wait(ctx, quiet) {
			return
		}
	}
}
