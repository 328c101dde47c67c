package source

import (
	"context"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
)

// quiet is how long a pushed source whose kind does not tell must say nothing new before what it said counts as all that there is. A broker sends
// what it kept for a new listener message by message, and nothing marks the last: without a pause a trial would show the first alone, and call the
// rules wrong that want another. A kind that knows its end, as that of files does, has a method Drained and is waited for no longer.
const quiet = 100 * time.Millisecond

// Once returns what a feed would get of a source, for whoever tries one by hand: it runs a pump until the first exchange has
// brought something, or failed, and of a pushed source until it pauses. ctx must have a deadline: when it passes without an
// answer, the error wraps ctx's; before, it is the source's own, as it failed. The source is closed before Once returns; one that hangs is left behind.
//
// The readings are those that w wants, as [Pump.AskFor] returns them; without one, the last of a pushed source that cfg.Hold lets
// it keep, oldest first, as [Pump.Since] does.
func Once(ctx context.Context, cfg Config, w *Want) ([]dodona.Reading, error) {
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
	if p.pushed {
		p.settle(ctx)
	}
	r := dodona.RoundAt(p.cfg.Now())
	var readings []dodona.Reading
	var err error
	if w != nil {
		readings, err = p.AskFor(ctx, r, w)
	} else {
		readings, err = p.Since(ctx, r, new(Taker))
	}
	if err != nil && ctx.Err() == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.failure != nil {
			return nil, p.failure // without when it is tried again
		}
	}
	return readings, err
}

// settle waits until a pushed source has brought something and there is no more of it for now, has failed, or ctx is about to end.
func (p *Pump) settle(ctx context.Context) {
	deadline, _ := ctx.Deadline()
	var before uint64
	var since time.Time
	for time.Until(deadline) > 2*quiet {
		s, drained, tells := p.drained()
		now := time.Now()
		if s.Readings != before || since.IsZero() {
			before, since = s.Readings, now
		}
		if s.Attempt > 0 || s.Readings > 0 && (drained || !tells && now.Sub(since) >= quiet) {
			return
		}
		if !backoff.Wait(ctx, quiet/20) {
			return
		}
	}
}

// drained returns how the source is doing, and whether it has brought all that there was, if its kind tells.
func (p *Pump) drained() (s Status, drained, tells bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	teller, tells := p.observed.(interface{ Drained() bool })
	return p.status, tells && teller.Drained(), tells
}
