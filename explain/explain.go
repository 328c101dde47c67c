// Package explain answers where a value came from, and whether that can be believed.
//
// [Round] walks back through the records of a journal, from the attestation of a round to the bytes that its sources
// sent. [Export] packs them into one bundle that needs no journal. [Replay] computes the bundle again, on any machine,
// and says at which step it differs. All three are pure over what they are given.
package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
)

// An Archive also has the modules that computed rounds.
type Archive interface {
	dodona.Ledger
	// Module returns the Wasm with a SHA-256, or [dodona.ErrNotFound].
	Module(ctx context.Context, digest dodona.Digest) ([]byte, error)
}

// Bounds of what one question may read.
const (
	maxTwins    = 16   // records of one topic, feed and round
	maxScanned  = 4096 // reading records of one source, looked through for those of a round
	maxEvents   = 512  // events of one key looked through for those of a round
	clockSlack  = 2 * time.Second
	eventWindow = 10 * time.Minute // after an observation, in which its rejection is looked for
)

// records returns the records of a round, oldest first; none is not an error.
func records(ctx context.Context, l dodona.Ledger, topic dodona.Topic, feed string, round dodona.Round) ([]dodona.Record, error) {
	id := round.ID()
	var list []dodona.Record
	for rec, err := range l.Scan(ctx, topic, feed, round.Before()) {
		if errors.Is(err, dodona.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("look for %s of round %s: %w", topic, id, err)
		}
		if rec.ID != id || len(list) == maxTwins {
			break
		}
		list = append(list, rec)
	}
	return list, nil
}

// notFound says what is kept instead of a round of which nothing is.
func notFound(ctx context.Context, l dodona.Ledger, feed string, round dodona.Round) error {
	what := fmt.Sprintf("round %d of feed %s (%s)", uint64(round), feed, round)
	if place, _, err := anchor.FindGap(ctx, l, feed, round); err == nil && strings.HasPrefix(place.Gap.Cause, dodona.NotKnown) {
		return fmt.Errorf("%s: %s: %w", what, readable(place.Gap.Cause), dodona.ErrNotFound)
	}
	last, err := l.Last(ctx, dodona.TopicRound, feed)
	switch {
	case errors.Is(err, dodona.ErrNotFound):
		return fmt.Errorf("%s: no round of this feed is kept: %w", what, dodona.ErrNotFound)
	case err != nil:
		return fmt.Errorf("%s: look for the last round: %w", what, err)
	}
	for rec, err := range l.Scan(ctx, dodona.TopicRound, feed, round.Before()) {
		if err != nil {
			break
		}
		next := rec.ID
		var b dodona.Bundle
		// A long gap is one bundle, whose reason names the rounds it speaks for.
		if json.Unmarshal(rec.Body, &b) == nil && b.Missed != "" {
			next += " (missed: " + readable(b.Missed) + ")"
		}
		return fmt.Errorf("%s: nothing is kept of it; the next round kept is %s, the last %s: %w", what, next, last.ID, dodona.ErrNotFound)
	}
	return fmt.Errorf("%s: nothing is kept of it; the last round kept is %s: %w", what, last.ID, dodona.ErrNotFound)
}

// A kept reading is one that the journal still has.
type kept struct {
	reading dodona.Reading
	record  dodona.Record // that has it
}

// readings returns those readings of a round that the journal still has, by digest.
func readings(ctx context.Context, l dodona.Ledger, inputs []dodona.Input) (map[dodona.Digest]kept, error) {
	found := map[dodona.Digest]kept{}
	wanted := map[string][]dodona.ReadingRef{} // by source
	for _, in := range inputs {
		wanted[in.Source] = append(wanted[in.Source], in.Readings...)
	}
	for source, refs := range wanted {
		if err := readingsOf(ctx, l, source, refs, found); err != nil {
			return nil, fmt.Errorf("look for readings of %s: %w", source, err)
		}
	}
	return found, nil
}

func readingsOf(ctx context.Context, l dodona.Ledger, source string, refs []dodona.ReadingRef, found map[dodona.Digest]kept) error {
	if len(refs) == 0 {
		return nil
	}
	missing := map[dodona.Digest]bool{}
	first, last := refs[0].Received, refs[0].Received
	for _, ref := range refs {
		missing[ref.Digest] = true
		if ref.Received.Before(first) {
			first = ref.Received
		}
		if ref.Received.After(last) {
			last = ref.Received
		}
	}
	first, last = first.Add(-clockSlack), last.Add(clockSlack)
	scanned := 0
	for rec, err := range l.Scan(ctx, dodona.TopicReading, source, receivedBefore(first)) {
		if errors.Is(err, dodona.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if scanned++; scanned > maxScanned {
			return nil
		}
		exchange, err := exchangeOf(rec)
		if err != nil {
			continue // named as no longer kept: what cannot be read is not there
		}
		for _, r := range exchange.Readings {
			if d := r.Digest(); missing[d] {
				found[d] = kept{r, rec}
				delete(missing, d)
			}
		}
		if len(missing) == 0 || (len(exchange.Readings) > 0 && exchange.Readings[0].Received.After(last)) {
			return nil
		}
	}
	return nil
}

// receivedBefore tells the exchanges that ended before t.
func receivedBefore(t time.Time) func(dodona.Record) bool {
	return func(rec dodona.Record) bool {
		exchange, err := exchangeOf(rec)
		if err != nil || len(exchange.Readings) == 0 {
			return rec.Appended.Before(t)
		}
		return exchange.Readings[len(exchange.Readings)-1].Received.Before(t)
	}
}

func exchangeOf(rec dodona.Record) (e dodona.Exchange, err error) {
	if err := json.Unmarshal(rec.Body, &e); err != nil {
		return e, fmt.Errorf("read exchange %s: %w", rec.ID, err)
	}
	return e, nil
}
