package sink

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// errNotAgain is the error of a sink that nothing can be given to by hand.
var errNotAgain = errors.New("a contract keeps the newest answer alone, and the sink sends it by itself; nothing is given to it again")

// errNoPoints is the error of a sink of points.
var errNoPoints = errors.New("this sink delivers points, which nothing gives it again by hand")

var errStopped = errors.New("the sink has stopped")

// Resend gives a record to the sink once more, between those that it is given in order, and returns the receipt that it wrote. It tries once:
// an error says why the peer did not take it, and nothing has changed. Whoever takes a record twice knows it by the name of the record.
func (l *Loop) Resend(ctx context.Context, rec dodona.Record) (r dodona.Receipt, err error) {
	if l.c.Kind.slot {
		return r, errNotAgain
	}
	if l.c.Kind.OfPoints(l.c.Policy) {
		return r, errNoPoints
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel(nil)
	watch.Go(func() {
		select {
		case <-l.ending:
			cancel(errStopped)
		case <-ctx.Done():
		}
	})
	leave, ok := l.takeTurn(ctx)
	if !ok {
		return r, fmt.Errorf("wait for what the sink does now: %w", context.Cause(ctx))
	}
	defer leave()
	l.mu.Lock()
	open, state, why := l.sink != nil, l.status.State, l.status.LastError
	l.mu.Unlock()
	switch {
	case state == Stopped:
		return r, errStopped
	case !open && why != "":
		return r, fmt.Errorf("the sink is not open yet: %s", why)
	case !open:
		return r, errors.New("the sink is not open yet; try again in a moment")
	}
	receipts, err := l.try(ctx, []dodona.Record{rec})
	if err != nil {
		return r, err
	}
	if len(receipts) > 0 {
		r = receipts[0]
	}
	r = l.receipt(rec, r)
	written, err := ReceiptRecord(r)
	if err == nil {
		var event dodona.Record
		if event, err = letterEvent(l.c.Name, eventResent, LetterOf(r), r.At); err == nil {
			err = l.c.Journal.Append(ctx, written, event)
		}
	}
	if err != nil {
		return r, fmt.Errorf("the peer took it (%s), and its receipt could not be kept: %w", r.Detail, err)
	}
	l.c.Recorder.Count(telemetry.SinkDelivered.Of(l.c.Name), 1)
	l.set(func(s *Status) {
		s.Delivered++
		if s.State == Refused {
			s.State = OK
		}
		s.DeadLetters = letters(s.DeadLetters).without(LetterOf(r))
	})
	return r, nil
}
