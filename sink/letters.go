package sink

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
)

// MostDeadLetters bounds how many are named, the newest.
const MostDeadLetters = 16

// longestDead is how far back a sink looks for its dead letters.
const longestDead = 30 * 24 * time.Hour

// A DeadLetter is a record that was passed over, because its peer refused it for good.
type DeadLetter struct {
	Topic  dodona.Topic `json:"topic"`
	Key    string       `json:"key"` // of an answer: the feed
	Record string       `json:"record"`
	At     time.Time    `json:"at"`
	Detail string       `json:"detail"` // why
}

// LetterOf returns what the status of a sink says of a receipt that says dead.
func LetterOf(r dodona.Receipt) DeadLetter {
	return DeadLetter{Topic: r.Topic, Key: r.Key, Record: r.Record, At: r.At, Detail: r.Detail}
}

// letters are the newest dead letters that were not sent again, the oldest first. They are never changed in place: whoever was given them reads on.
type letters []DeadLetter

// with returns the letters and one more, if it is none of them.
func (l letters) with(d DeadLetter) letters {
	if l.index(d) >= 0 {
		return l
	}
	return append(slices.Clone(l[max(0, len(l)+1-MostDeadLetters):]), d)
}

// without returns the letters but for one that was sent again.
func (l letters) without(d DeadLetter) letters {
	i := l.index(d)
	if i < 0 {
		return l
	}
	return slices.Delete(slices.Clone(l), i, i+1)
}

func (l letters) index(d DeadLetter) int {
	return slices.IndexFunc(l, func(other DeadLetter) bool {
		return other.Topic == d.Topic && other.Key == d.Key && other.Record == d.Record
	})
}

// recallLetters reads which letters are dead of former processes, by the events that told of it: they are few, where receipts are many. False: ctx
// ended.
func (l *Loop) recallLetters(ctx context.Context) bool {
	if l.c.Kind.slot {
		return true // it tells by itself
	}
	leave, ok := l.takeTurn(ctx) // what is sent again meanwhile would be a dead letter still
	if !ok {
		return false
	}
	defer leave()
	since := l.c.Now().Add(-longestDead)
	return l.again(ctx, "recall dead letters", func() error {
		var dead letters
		before := func(rec dodona.Record) bool { return rec.Appended.Before(since) }
		for rec, err := range l.c.Env.filled().Ledger.Scan(ctx, dodona.TopicEvent, dodona.EventDelivery, before) {
			if err != nil {
				return fmt.Errorf("look for dead letters: %w", err)
			}
			var e Event
			if json.Unmarshal(rec.Body, &e) != nil || e.Sink != l.c.Name || e.Letter == nil {
				continue
			}
			switch e.What {
			case eventDead:
				dead = dead.with(*e.Letter)
			case eventResent:
				dead = dead.without(*e.Letter)
			}
		}
		l.set(func(s *Status) { s.DeadLetters = dead })
		return nil
	})
}

// The events that tell of a letter.
const (
	eventDead   = "dead"
	eventResent = "resent"
)

// letterEvent returns the record of an event that tells of a letter.
func letterEvent(name, what string, d DeadLetter, at time.Time) (dodona.Record, error) {
	record := d.Key + " " + d.Record
	if d.Topic != dodona.TopicData {
		record = string(d.Topic) + " " + record
	}
	return eventRecord(Event{Sink: name, What: what, Message: record + ": " + d.Detail, At: at, Letter: &d})
}
