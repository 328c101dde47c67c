package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
)

const (
	// mostEnded bounds how many receipts of a former process are remembered, the newest. What comes again after a kill are
	// the records that the reader had not acknowledged: some slices.
	mostEnded = 4096
	// clockSlack is how far the clock may have been set back between a record and its receipt.
	clockSlack = 10 * time.Minute
)

// ended are the records that have a receipt: delivered or dead, they are not given again.
type ended struct {
	set  map[string]bool
	ring []string // in the order of their receipts, once around
	next int
}

func (e *ended) add(name string) {
	if e.set[name] {
		return
	}
	if len(e.ring) < mostEnded {
		e.ring = append(e.ring, name)
	} else {
		delete(e.set, e.ring[e.next])
		e.ring[e.next] = name
		e.next = (e.next + 1) % mostEnded
	}
	e.set[name] = true
}

// without returns the records that have no receipt.
func (e *ended) without(recs []dodona.Record) []dodona.Record {
	if e == nil || len(e.set) == 0 {
		return recs
	}
	return slices.DeleteFunc(recs, func(rec dodona.Record) bool { return e.set[nameOf(rec.Topic, rec.Key, rec.ID)] })
}

func nameOf(topic dodona.Topic, key, id string) string {
	return string(topic) + "/" + key + "/" + id
}

// lookBack reads, once, the receipts since the first record that comes: a process that was killed may have written
// receipts of records that its reader had not acknowledged. False: ctx ended.
func (l *Loop) lookBack(ctx context.Context, recs []dodona.Record) bool {
	if l.done != nil || l.c.Kind.slot || len(recs) == 0 {
		return true
	}
	leave, ok := l.takeTurn(ctx)
	if !ok {
		return false
	}
	defer leave()
	since := recs[0].Appended.Add(-clockSlack)
	return l.again(ctx, "look for receipts", func() error {
		done := &ended{set: make(map[string]bool)}
		l.mu.Lock()
		dead := letters(l.status.DeadLetters)
		l.mu.Unlock()
		for rec, err := range l.c.Env.filled().Ledger.Scan(ctx, dodona.TopicReceipt, l.c.Name, func(rec dodona.Record) bool { return rec.Appended.Before(since) }) {
			if err != nil {
				return fmt.Errorf("look for what has a receipt: %w", err)
			}
			var r dodona.Receipt
			if json.Unmarshal(rec.Body, &r) != nil {
				continue
			}
			switch r.Status {
			case dodona.ReceiptDead:
				dead = dead.with(LetterOf(r))
			case dodona.ReceiptDelivered:
				dead = dead.without(LetterOf(r))
				l.overtake(r)
			default:
				continue
			}
			done.add(nameOf(r.Topic, r.Key, r.Record))
		}
		l.done = done
		l.set(func(s *Status) { s.DeadLetters = dead })
		return nil
	})
}

// overtake notes what was delivered last of a feed where only the newest answer is worth delivering: nothing older goes
// after it. Where a policy chooses by value, [Loop.recall] has noted more.
func (l *Loop) overtake(r dodona.Receipt) {
	if r.Topic != dodona.TopicData || l.c.Policy.chooses() {
		return
	}
	round, ok := (dodona.Record{ID: r.Record}).Round()
	if last := l.last[r.Key]; ok && (last == nil || last.Round < round) {
		l.last[r.Key] = &Said{Round: round}
	}
}

// lastMoment is how long a receipt may take after the loop was told to end.
const lastMoment = 5 * time.Second

// keep appends what has happened already, so that not even an ending loop forgets it; false: ctx ended.
func (l *Loop) keep(ctx context.Context, what string, recs ...dodona.Record) bool {
	if l.journal(ctx, what, recs...) {
		return true
	}
	moment, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastMoment)
	defer cancel()
	if err := l.c.Journal.Append(moment, recs...); err != nil {
		l.c.Log.Warn("the node ends before this is written; what it is about will be done again", "step", what, "error", err)
	}
	return false
}

// tell journals that a trouble of the peer has begun or is over; false: ctx ended.
func (l *Loop) tell(ctx context.Context, what, message string) bool {
	l.stalled = !l.stalled
	event, err := EventRecord(l.c.Name, what, message, l.c.Now())
	if err != nil {
		l.c.Log.Error("an event cannot be written", "error", err)
		return true
	}
	return l.keep(ctx, "write event", event)
}

// Stalled marks an error that speaks of the sink's peer and not of the record: whatever is delivered, it will hardly go
// before somebody does something. The sink is [Stuck] and tries again; the record never becomes a dead letter for it.
func Stalled(err error) error {
	if err == nil {
		return nil
	}
	return stalled{err}
}

// Never marks an error that speaks of the record alone, and that trying again cannot mend: it becomes a dead letter at once.
func Never(err error) error {
	if err == nil {
		return nil
	}
	return never{dodona.Permanent(err)}
}

type never struct{ error }

func (n never) Unwrap() error { return n.error }

func isNever(err error) bool {
	var n never
	return errors.As(err, &n)
}

type stalled struct{ error }

func (s stalled) Unwrap() error { return s.error }

func isStalled(err error) bool {
	var s stalled
	return errors.As(err, &s)
}
