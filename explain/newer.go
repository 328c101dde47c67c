package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// Newer says what came after the newest answer of a feed: rounds that were missed.
type Newer struct {
	Missed int          `json:"missed"`         // how many, [MaxNewer] at most
	More   bool         `json:"more,omitempty"` // there are more, which were not counted
	Last   dodona.Round `json:"last"`           // the newest of them
	Reason string       `json:"reason"`         // why that one was missed
}

// MaxNewer bounds how many missed rounds are counted.
const MaxNewer = 1000

// newer looks for missed rounds after the round, if that has the feed's newest answer.
func (t *teller) newer(ctx context.Context) error {
	if t.answer == nil {
		return nil
	}
	if last, err := t.ledger.Last(ctx, dodona.TopicData, t.Feed); err != nil || last.ID != t.Round.ID() {
		return ignoreMissing(err)
	}
	last, err := t.ledger.Last(ctx, dodona.TopicRound, t.Feed)
	if round, known := last.Round(); err != nil || !known || round <= t.Round {
		return ignoreMissing(err)
	}
	var newest dodona.Bundle
	if json.Unmarshal(last.Body, &newest) != nil || newest.Value != nil {
		return nil // it has a value, and its answer is on its way
	}
	n := Newer{Last: newest.Round, Reason: newest.Missed}
	for rec, err := range t.ledger.Scan(ctx, dodona.TopicRound, t.Feed, (t.Round + 1).Before()) {
		if err != nil {
			return ignoreMissing(err)
		}
		if n.Missed == MaxNewer {
			n.More = true
			break
		}
		var b struct {
			Value *dodona.Int192 `json:"value"`
		}
		if json.Unmarshal(rec.Body, &b) == nil && b.Value == nil {
			n.Missed++
		}
	}
	if n.Missed > 0 {
		t.Newer = &n
	}
	return nil
}

func ignoreMissing(err error) error {
	if err == nil || errors.Is(err, dodona.ErrNotFound) {
		return nil
	}
	return fmt.Errorf("look for newer rounds: %w", err)
}

// String says it in a line, without the command that tells more.
func (n Newer) String() string {
	rounds := unit.Count(n.Missed, "newer round")
	if n.More {
		rounds = "more than " + rounds
	}
	if n.Missed == 1 && !n.More {
		return rounds + " was missed: " + readable(n.Reason)
	}
	return rounds + " were missed, the last because " + readable(n.Reason)
}
