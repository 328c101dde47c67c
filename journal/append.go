package journal

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

var errMissing = errors.New("missing or malformed")

// Append returns once recs are on the disk. It is atomic for the records of one stream; if a call brings both kinds,
// reading and round records are written first, then the others. A record that is there already, by topic, key and ID,
// is left alone: among the last 16,384 that this node wrote to its stream (with a server elsewhere, and after a restart, the
// last 1,024) for certain, and for claims, data and anchors if it is the newest one.
//
// Append blocks while the stream is full or the store cannot write. If ctx ends meanwhile, nothing was written,
// unless the error wraps [ErrUnknown]. A claim, data or anchor record meets [dodona.ErrConflict], and nothing of the call is
// appended, unless the newest record of its key is the one that its After names: look again with Last before deciding. A
// record that can never be written gives an error for which [dodona.IsPermanent] holds.
func (j *Journal) Append(ctx context.Context, recs ...dodona.Record) error {
	parts := make(map[string][]dodona.Record, 1)
	for i := range recs {
		r := recs[i]
		if err := check(r, j.cfg.Node); err != nil {
			return dodona.Permanent(fmt.Errorf("append: %w", err))
		}
		r.Node = j.cfg.Node
		stream, _ := streamOf(r.Topic)
		parts[stream] = append(parts[stream], r)
	}
	for _, s := range streams { // RAW first: what is signed rests on it
		recs := parts[s.name]
		if len(recs) == 0 {
			continue
		}
		topic, key := recs[0].Topic, recs[0].Key // the lane keeps recs, also after a caller that left
		inside, end := j.cfg.Recorder.Span(ctx, telemetry.Append(s.name))
		err := j.lanes[s.name].append(inside, recs)
		end(err)
		if err != nil {
			return fmt.Errorf("append %s of %s: %w", topic, key, err)
		}
	}
	return nil
}

// A pending is one Append on its way through a lane.
type pending struct {
	recs  []dodona.Record
	bytes int
	claim bool // flushed without delay
	again bool // its records are in the stream already and are written again at its end
	state atomic.Int32
	done  chan error // one value, never blocks the lane
}

// What a pending is doing. Its caller may withdraw it while it waits, and abandon it while it flies: then the store
// decides, and nobody hears of it.
const (
	waiting int32 = iota
	flying
	withdrawn
	abandoned
	answered
)

func (l *lane) append(ctx context.Context, recs []dodona.Record) error {
	p := &pending{recs: recs, done: make(chan error, 1)}
	for _, r := range recs {
		size := len(r.Body) + headersOnBusAllowance
		if limit := l.maxRecord(); size > limit {
			return dodona.Permanent(fmt.Errorf("record of %d bytes: the bus takes at most %d", len(r.Body), limit-headersOnBusAllowance))
		}
		p.bytes += size
		p.claim = p.claim || r.Topic == dodona.TopicClaim
	}
	if len(recs) > maxAppend || p.bytes > l.maxBytes()/2 {
		return dodona.Permanent(fmt.Errorf("%d records of %d bytes in one append: at most %d records and half a stream",
			len(recs), p.bytes, maxAppend))
	}
	if ctx.Err() != nil { // of several things that may happen, select takes any
		return l.gaveUp(ctx)
	}
	started := time.Now()
	if l.spec.reserves() && observes(recs) {
		if err := l.awaitRoom(ctx); err != nil {
			return err
		}
	}
	select {
	case l.queue <- p:
	case <-ctx.Done():
		return l.gaveUp(ctx)
	case <-l.j.ctx.Done():
		return ErrClosed
	}
	select {
	case err := <-p.done:
		l.j.cfg.Recorder.Time(telemetry.JournalAppend.Of(l.spec.name), time.Since(started))
		return err
	case <-l.dead: // whatever is still in the queue stays there
		if p.state.CompareAndSwap(waiting, withdrawn) {
			return ErrClosed
		}
		return <-p.done
	case <-ctx.Done():
	}
	for {
		switch {
		case p.state.CompareAndSwap(waiting, withdrawn):
			return l.gaveUp(ctx)
		case p.state.CompareAndSwap(flying, abandoned):
			return fmt.Errorf("%w: %w", ErrUnknown, context.Cause(ctx))
		}
		select {
		case err := <-p.done: // the answer came at the same moment
			return err
		default: // it goes from flying to waiting or the other way
		}
	}
}

// gaveUp says why an append was still waiting when its context ended.
func (l *lane) gaveUp(ctx context.Context) error {
	if why := l.blocked(); why != "" {
		return fmt.Errorf("%s: %w", why, context.Cause(ctx))
	}
	return context.Cause(ctx)
}

// finish answers the caller unless it left. It reports whether the caller was still there.
func (p *pending) finish(err error) bool {
	if !p.state.CompareAndSwap(flying, answered) && !p.state.CompareAndSwap(waiting, answered) {
		return false
	}
	p.done <- err
	return true
}

// ground takes a pending out of a flight that certainly did not land. It reports whether its caller still waits.
func (p *pending) ground() bool { return p.state.CompareAndSwap(flying, waiting) }
