package source

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

const (
	openLimit = 30 * time.Second // how long an open may take
	maxStrays = 4                // calls that do not return; beyond them the source is not opened again
)

var (
	// Fault (restart): nothing comes for three times as long as it should.
	errSilent = errors.New("it was silent for too long")
	// Fault (restart): a call does not return when it is told to.
	errStray = errors.New("it did not return when told to")
)

// A panicError is a panic inside a source, which is a mistake of ours or of a library, not of the peer.
type panicError struct{ value any }

// Fault (exchange): the code of a kind panics.
func (e panicError) Error() string { return fmt.Sprintf("the source panicked: %v", e.value) }

// open opens the source where the last journaled batch ended.
func (p *Pump) open(ctx context.Context) error {
	if n := p.Status().Strays; n >= maxStrays {
		return fmt.Errorf("open: %d earlier calls never returned, waiting for one of them to end", n)
	}
	var cursor []byte
	if p.cfg.Cursor != nil {
		var err error
		if cursor, err = p.cfg.Cursor(ctx); err != nil && !errors.Is(err, dodona.ErrNotFound) {
			return fmt.Errorf("read the cursor: %w", err)
		}
	}
	if err := p.prime(ctx); err != nil {
		return err
	}
	env := Env{
		Source: p.cfg.Name, Node: p.cfg.Node, Mark: p.cfg.Mark, Own: p.cfg.Own, Trial: p.cfg.Trial, Cursor: cursor, Version: p.cfg.Version,
		Now: p.cfg.Now, Log: p.cfg.Log, Dropped: p.dropped,
		Again: func(ctx context.Context) error { return p.admitted(ctx, p.patience(p.cfg.Now())) },
	}
	if p.cfg.Data != "" {
		env.Folder = filepath.Join(p.cfg.Data, p.cfg.Kind.Name())
	}
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	opened, err := guard(ctx, p, func(ctx context.Context) (dodona.Source, error) {
		return p.cfg.Kind.Open(ctx, p.cfg.Settings, env)
	}, func(late dodona.Source) {
		if late != nil {
			_ = late.Close() // nobody is left to tell
		}
	})
	switch {
	case err != nil:
		return fmt.Errorf("open: %w", err)
	case opened == nil:
		return dodona.Permanent(fmt.Errorf("open: kind %s returned no source", p.cfg.Kind.Name()))
	}
	p.source = opened
	p.mu.Lock()
	defer p.mu.Unlock()
	p.observed = opened
	return nil
}

// prime takes in what a pushed source brought before this start, once.
func (p *Pump) prime(ctx context.Context) error {
	if p.primed || !p.pushed || p.cfg.Recent == nil {
		return nil
	}
	readings, err := p.cfg.Recent(ctx)
	if err != nil && !errors.Is(err, dodona.ErrNotFound) {
		return fmt.Errorf("read what came before: %w", err)
	}
	p.primed = true
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest.prime(readings)
	if n := len(readings); n > 0 {
		p.status.LastReading = readings[n-1].Received
		p.answerWaiting()
	}
	return nil
}

// observe makes one exchange; what it brings waits in p.pending to be kept.
func (p *Pump) observe(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := p.cfg.Now()
	p.mu.Lock()
	p.cancel, p.doing, p.asking, p.want = cancel, p.want, p.want, nil
	if p.doing != nil {
		of := p.instant(*p.doing, start)
		p.doing = &of
	}
	p.mu.Unlock()
	leave := p.takeTurn(ctx) // if ctx ends, the source says so
	start = p.cfg.Now()
	p.mu.Lock()
	p.begun = start
	p.mu.Unlock()

	inside, end := p.cfg.Recorder.Span(ctx, telemetry.Exchange(p.cfg.Name))
	var batch dodona.Batch
	held := p.admitted(inside, p.patience(start))
	err := held
	if held == nil {
		batch, err = guard(inside, p, p.source.Observe, func(late dodona.Batch) {
			if n := len(late.Readings); n > 0 {
				p.dropped(uint64(n), "they came after the source was given up as hung")
			}
		})
	}
	end(err)
	leave(err == nil)
	now := p.cfg.Now()
	p.mu.Lock()
	p.cancel = nil
	p.status.Exchanges++
	if err != nil && p.doing != nil && p.want == nil {
		p.want = p.asking // still wanted
	}
	if err != nil {
		p.doing = nil
	}
	p.mu.Unlock()
	p.cfg.Recorder.Count(telemetry.SourceExchanges.Of(p.cfg.Name), 1)
	p.cfg.Recorder.Time(telemetry.SourceExchange.Of(p.cfg.Name), now.Sub(start))

	switch {
	case held != nil && ctx.Err() == nil:
		return held
	case err != nil:
		return p.broken(err, context.Cause(ctx), now.Sub(start))
	}
	for i := range batch.Readings {
		batch.Readings[i].Source = p.cfg.Name
		batch.Readings[i].Item = recordable(batch.Readings[i].Item)
		batch.Readings[i].ContentType = recordable(batch.Readings[i].ContentType)
		if batch.Readings[i].Received.IsZero() {
			batch.Readings[i].Received = now
		}
	}
	p.pending = &batch
	return nil
}

// recordable returns a text of a peer as JSON holds it, with U+FFFD for each byte that is not UTF-8: what is signed must be what is journaled.
func recordable(text string) string { return string([]rune(text)) }

// broken closes a source that cannot be trusted any more after err, and says what happened.
func (p *Pump) broken(err, cause error, took time.Duration) error {
	var panicked panicError
	switch {
	case errors.Is(cause, errSilent):
		err = fmt.Errorf("closed and opened again: no data in %s", human(took))
		p.mu.Lock()
		p.status.Restarts++
		p.restart = false
		p.mu.Unlock()
		p.cfg.Recorder.Count(telemetry.SourceRestarts.Of(p.cfg.Name), 1)
	case errors.Is(err, errStray), errors.As(err, &panicked):
	default:
		return err
	}
	p.close()
	return err
}

// keep journals the pending batch, hands it out and acknowledges it, in this order.
func (p *Pump) keep(ctx context.Context) error {
	batch := *p.pending
	if p.cfg.Append != nil && (len(batch.Readings) > 0 || batch.Cursor != nil) {
		p.setAppending(true)
		if err := p.cfg.Append(ctx, batch); err != nil {
			p.setAppending(false)
			if dodona.IsPermanent(err) {
				return p.giveUp(batch, err)
			}
			return fmt.Errorf("append to the journal: %w", err)
		}
	}
	p.pending = nil
	p.hand(batch)
	p.setAppending(false) // not before it is handed out, which ends a silence
	if batch.Ack == nil {
		return nil
	}
	if _, err := guard(ctx, p, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, batch.Ack(ctx)
	}, func(struct{}) {}); err != nil {
		return p.broken(fmt.Errorf("acknowledge: %w", err), nil, 0)
	}
	return nil
}

func (p *Pump) setAppending(b bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.appending = b
}

// close closes the source, if there is one, and does not wait longer than the grace for it.
func (p *Pump) close() {
	if p.source == nil {
		return
	}
	closing := p.source
	p.source = nil
	ended, cancel := context.WithCancel(context.Background())
	cancel() // so that guard waits for the grace alone
	if _, err := guard(ended, p, func(context.Context) (struct{}, error) {
		return struct{}{}, closing.Close()
	}, func(struct{}) {}); err != nil {
		p.cfg.Log.Debug(p.cfg.Name+": close: "+err.Error(), "source", p.cfg.Name)
	}
}

// guard calls f in a goroutine of its own, turns its panic into an error, and returns when f does, or a grace
// after ctx ended. Then f is a stray: counted until it returns, when late gets its result.
func guard[T any](ctx context.Context, p *Pump, f func(context.Context) (T, error), late func(T)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	var abandoned bool // guarded by p.mu, as is the choice between done and late
	go func() {
		var r result
		r.value, r.err = safely(ctx, p, f)
		p.mu.Lock()
		if abandoned {
			p.strays(-1)
			p.mu.Unlock()
			if r.err == nil {
				late(r.value)
			}
			return
		}
		done <- r
		p.mu.Unlock()
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	grace := time.NewTimer(p.cfg.Grace)
	defer grace.Stop()
	select {
	case r := <-done:
		return r.value, r.err
	case <-grace.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case r := <-done:
		return r.value, r.err
	default:
	}
	abandoned = true
	p.strays(+1)
	var zero T
	return zero, errStray
}

// strays counts calls that did not return. The caller holds mu.
func (p *Pump) strays(n int) {
	p.status.Strays += n
	p.cfg.Recorder.Gauge(telemetry.SourceStrays.Of(p.cfg.Name), int64(p.status.Strays))
}

// safely calls f and turns a panic into an error.
func safely[T any](ctx context.Context, p *Pump, f func(context.Context) (T, error)) (value T, err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		err = panicError{v}
		p.mu.Lock()
		p.status.Panics++
		p.mu.Unlock()
		p.cfg.Recorder.Count(telemetry.SourcePanics.Of(p.cfg.Name), 1)
		p.cfg.Log.Error(fmt.Sprintf("%s: %v; this is a bug, please report it", p.cfg.Name, err),
			"source", p.cfg.Name, "stack", string(debug.Stack()))
	}()
	return f(ctx)
}

// hand makes a journaled batch available to those who ask.
func (p *Pump) hand(batch dodona.Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(batch.Readings)
	now := p.cfg.Now()
	if p.pushed && n == 0 {
		p.alive(now)
		return
	}
	p.idle = time.Time{}
	if p.status.Attempt >= loudAttempt || p.watched.alarms > 0 {
		p.recovered(now)
	}
	p.status.Attempt, p.permanent = 0, false
	p.watched = watched{gap: p.watched.gap, lastAsked: p.watched.lastAsked}
	p.status.State, p.status.LastReading = OK, now
	p.status.Readings += uint64(n)
	p.cfg.Recorder.Count(telemetry.SourceReadings.Of(p.cfg.Name), uint64(n))
	p.cfg.Recorder.Gauge(telemetry.SourceUp.Of(p.cfg.Name), p.up())
	if p.pushed {
		p.watched.since = now
		poke(p.look)
		if lost := p.latest.add(batch.Readings); lost > 0 {
			p.countDropped(uint64(lost), "more came than is held for the feeds")
		}
	} else {
		p.held, p.heldFor, p.doing = batch.Readings, p.doing, nil
	}
	p.wasted = p.status.Dropped
	p.answerWaiting()
}

// alive notes a sign of life that is no data. The caller holds mu.
func (p *Pump) alive(now time.Time) {
	p.status.Attempt, p.permanent = 0, false
	if p.idle.IsZero() {
		p.idle = now
	}
	p.refuse()
	switch {
	case p.status.State != Retrying:
	case p.status.LastReading.IsZero():
		p.status.State = Starting
	default:
		p.status.State = OK
	}
}

// answerWaiting answers everybody for whom there are readings now, and sees that the others get theirs.
// The caller holds mu.
func (p *Pump) answerWaiting() {
	var rest []*ask
	for _, a := range p.waiting {
		readings, found := p.have(a.round)
		if !found && p.asking != nil && a.round == *p.asking {
			readings, found = slices.Clone(p.held), true // late, but for this one
		}
		if found {
			a.reply <- answer{readings: readings}
			continue
		}
		rest = append(rest, a)
	}
	p.waiting = rest
	if p.pushed {
		return
	}
	if p.want != nil && p.heldFor != nil && p.near(*p.want, *p.heldFor) {
		p.want = nil
	}
	if p.want != nil {
		p.watched.since = p.cfg.Now()
		poke(p.look)
	}
}
