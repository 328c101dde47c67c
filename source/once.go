package source

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
)

// quiet is how long a pushed source whose kind does not tell must say nothing new before what it said counts as all that there is. A broker sends
// what it kept for a new listener message by message, and nothing marks the last: without a pause a trial would show the first alone, and call the
// rules wrong that want another. A kind that knows its end, as that of files does, has a method Drained and is waited for no longer.
const quiet = 100 * time.Millisecond

// enough is how long a source is heard that never pauses, as a plant that speaks twenty times a second.
const enough = 20 * quiet

// Once returns what a feed would get of a source, for whoever tries one by hand: it runs a pump until the first exchange has
// brought something, or failed, and of a pushed source until it pauses, or two seconds where it never does. ctx must have a deadline: when it passes without an
// answer, the error wraps ctx's; before, it is the source's own, as it failed. The source is closed before Once returns; one that hangs is left behind.
//
// The readings are those that w wants, as [Pump.AskFor] returns them; without one, the last of a pushed source that cfg.Hold lets
// it keep, oldest first, as [Pump.Since] does.
func Once(ctx context.Context, cfg Config, w *Want) ([]dodona.Reading, error) {
	cfg = giveUpAtOnce(cfg)
	all := new(Taker)
	cfg.Takers = []*Taker{all}
	p, stop := started(ctx, cfg)
	defer stop()
	if p.pushed {
		p.settle(ctx, w, all)
	}
	r := dodona.RoundAt(p.cfg.Now())
	var readings []dodona.Reading
	var err error
	if w != nil {
		readings, err = p.AskFor(ctx, r, w)
	} else {
		readings, err = p.Since(ctx, r, all)
	}
	if err != nil && ctx.Err() == nil {
		return nil, p.cause(err)
	}
	return readings, err
}

// Each tells what a source brings, exchange by exchange or, of a pushed one, reading by reading, as [Once] does of one: n times, or until
// ctx ends or tell returns an error, which Each returns. What fails is told too, and tried again as a node would. Pause is the time between two
// exchanges of a polled source that has no pace of its own.
func Each(ctx context.Context, cfg Config, w *Want, n int, pause time.Duration, tell func([]dodona.Reading, error) error) error {
	if NewPump(cfg).pushed {
		all := new(Taker)
		cfg.Takers = []*Taker{all}
		p, stop := started(ctx, cfg)
		defer stop()
		return p.eachPushed(ctx, all, n, tell)
	}
	cfg = giveUpAtOnce(cfg) // a failure is told, and then a new pump tries again
	for done := 0; done < n; {
		told, err := eachPolled(ctx, cfg, w, n-done, pause, tell)
		if err != nil {
			return err
		}
		if done += told; done < n && !backoff.Wait(ctx, pause) {
			return ctx.Err()
		}
	}
	return nil
}

// never is longer than anybody waits for a source that is tried by hand.
const never = time.Hour

// giveUpAtOnce makes the first failure the answer.
func giveUpAtOnce(cfg Config) Config {
	cfg.Backoff = backoff.Backoff{Min: never, Max: never}
	cfg.Rand = func(n int64) int64 { return n - 1 } // all of it
	return cfg
}

// started runs a pump; stop ends it and waits.
func started(ctx context.Context, cfg Config) (p *Pump, stop func()) {
	p = NewPump(cfg)
	running, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.Run(running) // returns nil when ctx ends
	}()
	return p, func() {
		cancel()
		<-ended
	}
}

// eachPolled tells n exchanges of one pump, or as many until one fails.
func eachPolled(ctx context.Context, cfg Config, w *Want, n int, pause time.Duration, tell func([]dodona.Reading, error) error) (told int, err error) {
	p, stop := started(ctx, cfg)
	defer stop()
	for told = 0; told < n; {
		if told > 0 && !backoff.Wait(ctx, cmp.Or(p.pace.Every, pause)) {
			return told, ctx.Err()
		}
		limited, cancel := context.WithTimeout(ctx, never/2) // so that a failure is not waited out
		readings, err := p.AskFor(limited, dodona.RoundAt(p.cfg.Now()), w)
		cancel()
		if ctx.Err() != nil {
			return told, ctx.Err()
		}
		failed := err != nil
		if failed {
			err = p.cause(err)
		}
		if err := tell(readings, err); err != nil {
			return told, err
		}
		if told++; failed {
			break
		}
	}
	return told, nil
}

// cause returns why an ask failed, without when it is tried again.
func (p *Pump) cause(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return cmp.Or(p.failure, err)
}

// eachPushed tells each reading of a pushed source once, and each failure when it is another than the one before.
func (p *Pump) eachPushed(ctx context.Context, taker *Taker, n int, tell func([]dodona.Reading, error) error) error {
	failed := ""
	for told := 0; told < n; {
		readings := p.left(dodona.RoundAt(p.cfg.Now()), taker)
		for _, r := range readings[:min(len(readings), n-told)] {
			p.Took(taker, dodona.RoundAt(p.cfg.Now()), []dodona.Digest{r.Digest()})
			if err := tell([]dodona.Reading{r}, nil); err != nil {
				return err
			}
			told++
		}
		if s := p.Status(); s.Attempt > 0 && s.LastError != failed {
			failed = s.LastError
			if err := tell(nil, errors.New(failed)); err != nil {
				return err
			}
			told++
		}
		if len(readings) == 0 && !backoff.Wait(ctx, quiet/5) {
			return ctx.Err()
		}
	}
	return nil
}

// settle waits until a pushed source has brought something and there is no more of it for now, has failed, or ctx is about to end. Where
// its kind does not tell that there is no more, something of every item that w names is waited for: what a broker kept comes at once,
// and what is measured once a minute does not. One that never pauses is heard for a while. All is who takes every reading.
func (p *Pump) settle(ctx context.Context, w *Want, all *Taker) {
	deadline, _ := ctx.Deadline()
	var before uint64
	var first, since time.Time
	for time.Until(deadline) > 2*quiet {
		s, drained, tells := p.drained()
		now := time.Now()
		if s.Readings != before || since.IsZero() {
			before, since = s.Readings, now
		}
		if s.Readings > 0 && first.IsZero() {
			first = now
		}
		paused := now.Sub(since) >= quiet || !first.IsZero() && now.Sub(first) >= enough
		if s.Attempt > 0 || s.Readings > 0 && (drained || !tells && paused && p.broughtAll(w, all)) {
			return
		}
		if !backoff.Wait(ctx, quiet/20) {
			return
		}
	}
}

// broughtAll reports whether there is a reading of every item that w names.
func (p *Pump) broughtAll(w *Want, all *Taker) bool {
	if w == nil {
		return true
	}
	came := map[string]bool{"": true}
	for _, r := range p.left(dodona.RoundAt(p.cfg.Now()), all) {
		came[r.Item] = true
	}
	return !slices.ContainsFunc(w.Points, func(id string) bool { return !came[w.itemOf(id)] })
}

// drained returns how the source is doing, and whether it has brought all that there was, if its kind tells.
func (p *Pump) drained() (s Status, drained, tells bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	teller, tells := p.observed.(interface{ Drained() bool })
	return p.status, tells && teller.Drained(), tells
}
