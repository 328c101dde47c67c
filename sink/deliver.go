package sink

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/telemetry"
)

// deliver gives records to the sink until it is done with all; false: ctx ended. A sink that gives receipts has one
// record at a time, so that each receipt is written before the next record goes: whenever the process is killed, one
// record at most is without the receipt that it should have.
func (l *Loop) deliver(ctx context.Context, recs []dodona.Record) bool {
	refused := 0 // for good, of the first record
	for attempt := 1; len(recs) > 0; attempt++ {
		l.set(func(s *Status) { s.Queue, s.Oldest = len(recs), recs[0].Appended })
		if ctx.Err() != nil {
			return false
		}
		given := recs
		if !l.c.Kind.slot {
			given = recs[:1]
		}
		err, alive := l.give(ctx, given)
		if !alive {
			return false
		}
		if err == nil { // even if ctx has ended: what is done must not be given again
			recs = recs[len(given):]
			attempt, refused = 0, 0
			l.worked()
			if l.stalled && !l.tell(ctx, "mended", "its peer takes records again") {
				return false
			}
			continue
		}
		if ctx.Err() != nil {
			return false
		}
		if dodona.IsPermanent(err) {
			if refused++; refused >= l.c.Policy.GiveUp || isNever(err) {
				if !l.bury(ctx, recs[0], refused, err) {
					return false
				}
				recs, refused, attempt = recs[1:], 0, 0
				continue
			}
		}
		wait := l.wait(err, attempt)
		l.failed("deliver "+recs[0].Key+" "+recs[0].ID, err, attempt, wait)
		if isStalled(err) && !l.stalled && !l.tell(ctx, "stalled", err.Error()) {
			return false
		}
		if !backoff.Wait(ctx, wait) {
			return false
		}
	}
	l.set(func(s *Status) { s.Queue, s.Oldest = 0, time.Time{} })
	return true
}

// give gives records to the sink once, and writes the receipt, if it gives one; false: ctx ended.
func (l *Loop) give(ctx context.Context, recs []dodona.Record) (err error, alive bool) {
	returned := l.watch(ctx, "deliver "+recs[0].Key+" "+recs[0].ID, l.pending)
	defer returned()
	if !l.c.Kind.slot {
		leave, ok := l.takeTurn(ctx)
		if !ok {
			return nil, false
		}
		defer leave()
	}
	receipts, err := l.try(ctx, recs)
	if l.c.Kind.slot || len(receipts) == 0 {
		return err, true
	}
	return nil, l.write(ctx, recs[0], receipts[0]) // it is done with what it was given
}

// takeTurn waits until nobody gives the sink a record, nor decides by what was given; false: ctx ended.
func (l *Loop) takeTurn(ctx context.Context) (leave func(), ok bool) {
	select {
	case l.turn <- struct{}{}:
		return func() { <-l.turn }, true
	case <-ctx.Done():
		return nil, false
	}
}

// wait returns how long to wait after an error: what the peer asked for, or else by back-off.
func (l *Loop) wait(err error, attempt int) time.Duration {
	var asked interface{ RetryAfter() time.Duration }
	if errors.As(err, &asked) {
		if d := asked.RetryAfter(); d > 0 {
			return min(d, mostRetryAfter)
		}
	}
	return l.c.Backoff.Next(attempt, nil)
}

// mostRetryAfter bounds what a peer can ask for.
const mostRetryAfter = time.Hour

// try gives records to the sink once. A panic is an error: one bad record must not take the node down.
func (l *Loop) try(ctx context.Context, recs []dodona.Record) (receipts []dodona.Receipt, err error) {
	defer func() {
		if p := recover(); p != nil {
			l.c.Log.Error("a sink panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	begun := time.Now()
	defer func() {
		if len(receipts) > 0 || err != nil { // else it delivers in its own time
			l.c.Recorder.Time(telemetry.SinkExchange.Of(l.c.Name), time.Since(begun))
		}
	}()
	ctx, end := l.c.Recorder.Span(ctx, telemetry.Deliver(l.c.Name))
	defer func() { end(err) }()
	return l.sink.Deliver(ctx, recs)
}

func (l *Loop) worked() {
	l.set(func(s *Status) { s.State, s.Attempt, s.NextTry = OK, 0, time.Time{} })
}

// write journals the receipt of a record that was delivered.
func (l *Loop) write(ctx context.Context, rec dodona.Record, r dodona.Receipt) bool {
	r = l.receipt(rec, r)
	r.Passed = l.passed[rec.Key]
	written, err := ReceiptRecord(r)
	if err != nil {
		l.c.Log.Error("a receipt cannot be written", "error", err)
		return true
	}
	if !l.keep(ctx, "write receipts", written) {
		return false
	}
	delete(l.passed, rec.Key)
	l.c.Recorder.Count(telemetry.SinkDelivered.Of(l.c.Name), 1)
	if !rec.Appended.IsZero() {
		l.c.Recorder.Time(telemetry.SinkDelivery.Of(l.c.Name), r.At.Sub(rec.Appended))
	}
	if said, err := SaidIn(rec); err == nil && rec.Topic == dodona.TopicData {
		l.last[rec.Key] = &said
	}
	l.set(func(s *Status) {
		s.Delivered++
		s.Last = &Delivered{Topic: rec.Topic, Feed: rec.Key, Record: rec.ID, At: r.At, Late: r.Late}
	})
	return true
}

// receipt returns what a sink says of a record, with whose it is.
func (l *Loop) receipt(rec dodona.Record, r dodona.Receipt) dodona.Receipt {
	r.Sink, r.Topic, r.Key, r.Record = l.c.Name, rec.Topic, rec.Key, rec.ID
	if r.At.IsZero() {
		r.At = l.c.Now()
	}
	r.Late = Late(rec, r.At)
	return r
}

// lateAfter is the age at which a record that could not go earlier is marked.
const lateAfter = time.Minute

// Late reports whether a record goes so much later than it was attested that its reader should know.
func Late(rec dodona.Record, now time.Time) bool {
	return !rec.Appended.IsZero() && now.Sub(rec.Appended) > lateAfter
}

// bury writes the receipt of a record that is refused for good and goes on with the next.
func (l *Loop) bury(ctx context.Context, rec dodona.Record, times int, cause error) bool {
	now := l.c.Now()
	r := l.receipt(rec, dodona.Receipt{
		Status: dodona.ReceiptDead, Detail: told(fmt.Sprintf("refused %s: %s", unit.Count(times, "time"), cause)), At: now,
	})
	written, err := ReceiptRecord(r)
	if err != nil {
		l.c.Log.Error("a receipt cannot be written", "error", err)
		return true
	}
	event, err := letterEvent(l.c.Name, eventDead, LetterOf(r), now)
	if err != nil {
		l.c.Log.Error("an event cannot be written", "error", err)
		return true
	}
	if !l.keep(ctx, "write dead letter", written, event) {
		return false
	}
	l.c.Recorder.Count(telemetry.SinkDead.Of(l.c.Name), 1)
	l.c.Log.Error("a record is a dead letter", "feed", rec.Key, "record", rec.ID, "error", cause)
	l.set(func(s *Status) {
		s.Dead++
		s.State, s.NextTry = Refused, time.Time{}
		s.LastError, s.ErrorTime = r.Detail, now
		s.DeadLetters = letters(s.DeadLetters).with(LetterOf(r))
	})
	return true
}
