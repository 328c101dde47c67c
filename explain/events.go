package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/grid"
)

// An Event says why a round that was computed was not signed, or why one that was signed has no answer, in the words of the node that it happened to.
type Event struct {
	What string    `json:"what"` // conflict, unsigned, late or dropped: see [dodona.TopicEvent]
	Why  string    `json:"why"`
	Do   string    `json:"do,omitempty"` // what a person may do about it
	Node string    `json:"node"`
	At   time.Time `json:"at"` // when it was journaled
}

// A happening is the body of an event record, as far as a story needs it: see package node.
type happening struct {
	Error string `json:"error"`
	Do    string `json:"do"`
	What  string `json:"what"` // that was dropped
	Of    string `json:"of"`
}

// heldUp is what may be done about a round that closed too early.
const heldUp = "see what held the node up then: a journal that was full or away, or an end of the process"

// events tells what happened to a round that has no answer. An event of a round is journaled after what it is about, which was
// kept at a time; a node that was down in between tells when it is back, so only the number of events looked through is bounded.
func (t *teller) events(ctx context.Context, rounds, observations []dodona.Record) error {
	switch {
	case t.answer != nil:
		return nil
	case len(observations) > 0:
		since := observations[0].Appended
		if err := t.event(ctx, dodona.EventLate, since.Add(-clockSlack), t.ofRound); err != nil {
			return err
		}
		// Of an hour's drops the first alone is told, and it may have been before.
		return t.event(ctx, dodona.EventDropped, since.Truncate(time.Hour), func(rec dodona.Record, h happening) bool {
			return h.What == "answer" && h.Of == t.Feed && !rec.Appended.After(since.Add(eventWindow))
		})
	case len(rounds) > 0 && t.Value != nil:
		since := rounds[0].Appended.Add(-clockSlack)
		for _, key := range []string{dodona.EventConflict, dodona.EventUnsigned} {
			if err := t.event(ctx, key, since, t.ofRound); err != nil || len(t.Events) > 0 {
				return err // a start that finds it kept tells too that it has closed since
			}
		}
		return t.passed(ctx, rounds[0].Node)
	}
	return nil
}

// leftBehind is why no event tells of a round that is not signed, unless the journal lacks it.
const leftBehind = "no event says why: a change of the feed, or an end of the node, before the signature leaves a round like this"

// passed says of a round that was computed, and of which no event tells, that its node does not sign it any more: it has signed a later one,
// or the round has closed.
func (t *teller) passed(ctx context.Context, node string) error {
	later, err := t.ledger.Last(ctx, dodona.TopicObservation, t.Feed)
	if err != nil && !errors.Is(err, dodona.ErrNotFound) {
		return fmt.Errorf("look for the last observation of %s: %w", t.Feed, err)
	}
	_, closed := grid.Open(t.Round, math.MaxInt64)
	switch round, known := later.Round(); {
	case err == nil && known && round > t.Round && later.Node == node:
		t.Unsigned = fmt.Sprintf("a later round, %d, is signed, and none is behind a later one; %s", uint64(round), leftBehind)
	case time.Now().After(closed.Add(clockSlack)):
		t.Unsigned = "it has closed, and none is after that; " + leftBehind
	}
	return nil
}

// ofRound tells the events that are filed by the round.
func (t *teller) ofRound(rec dodona.Record, _ happening) bool {
	return rec.ID == t.Feed+"-"+t.Round.ID()
}

// event tells the first event of a key that was journaled since a time and is meant.
func (t *teller) event(ctx context.Context, key string, since time.Time, meant func(dodona.Record, happening) bool) error {
	scanned := 0
	for rec, err := range t.ledger.Scan(ctx, dodona.TopicEvent, key, func(r dodona.Record) bool { return r.Appended.Before(since) }) {
		if errors.Is(err, dodona.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for events %s: %w", key, err)
		}
		if scanned++; scanned > maxEvents {
			return nil
		}
		var h happening
		if json.Unmarshal(rec.Body, &h) == nil && meant(rec, h) {
			t.Events = append(t.Events, told(key, rec, h))
			return nil
		}
	}
	return nil
}

// why is for a line that says already that the round is not signed, or not attested.
func (e Event) why() string {
	if e.What == dodona.EventUnsigned {
		return printable(e.Why)
	}
	return printable(joined(e.What, e.Why))
}

// told says what an event means. Whatever writes to the journal may have written it.
func told(key string, rec dodona.Record, h happening) Event {
	e := Event{What: key, Why: printable(h.Error), Do: printable(h.Do), Node: printable(rec.Node), At: rec.Appended}
	switch {
	case key == dodona.EventDropped:
		e.Why = joined("the journal can never take an answer of that hour, and it was given up", e.Why)
		e.Do = "raise `journal.proof.bytes`, or report it: an answer is small"
	case key == dodona.EventLate:
		e.Why, e.Do = "the observation was signed in time and kept after the round had closed", heldUp
	case key == dodona.EventUnsigned && e.Why == "":
		e.Why, e.Do = "the round closed before it could be signed", heldUp
	}
	return e
}
