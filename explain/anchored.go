package explain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/verify"
)

// An Anchoring says where a round stands under a signed root.
type Anchoring struct {
	From   dodona.Round   `json:"from"`           // of the window, inclusive
	To     dodona.Round   `json:"to"`             // of the window, exclusive; the anchor's record has it as its id
	Leaf   uint64         `json:"leaf"`           // its number, from 1, in the order of the tree
	Of     uint64         `json:"of"`             // leaves
	Root   dodona.Digest  `json:"root"`           //
	Late   bool           `json:"late,omitempty"` // the answer came when its own window was sealed
	Gap    *anchor.Gap    `json:"gap,omitempty"`  // of a missed round: the gap that covers it
	Proved verify.Verdict `json:"proved"`         // of the evidence, as a stranger would judge it
}

// anchored looks for the anchor of the round.
func (t *teller) anchored(ctx context.Context, data []dodona.Record) error {
	var place anchor.Place
	var evidence dodona.Evidence
	var err error
	if t.answer != nil {
		place, err = anchor.Find(ctx, t.ledger, t.answer.Attestation, data[0].Appended)
		evidence.Answer = t.answer
	} else {
		var feed dodona.Feed
		place, feed, err = anchor.FindGap(ctx, t.ledger, t.Feed, t.Round)
		if place.Gap != nil {
			evidence.Gap = &dodona.Gap{Feed: feed, Cause: place.Gap.Cause}
		}
	}
	if errors.Is(err, dodona.ErrNotFound) {
		return nil
	}
	if err != nil {
		t.broken("its place among the anchors cannot be read: %v", err)
		return nil
	}
	evidence.Proof, evidence.Anchored = place.Proof, place.Anchored
	a := place.Anchored.Anchor
	t.Anchoring = &Anchoring{
		From: a.From, To: a.To, Leaf: place.Number, Of: a.Count, Root: a.Root,
		Late: place.Proof.Leaf.Kind == dodona.LeafLate, Gap: place.Gap, Proved: verify.Proved(evidence, verify.Expect{}),
	}
	if v := t.Anchoring.Proved; !v.Valid {
		t.broken("the anchor does not verify: %s: %s", v.Reason, v.Message)
	}
	t.Anchored = t.Anchoring.String()
	return nil
}

// unknown returns why it is not known whether the round has an answer; empty if that is known.
func (a *Anchoring) unknown() string {
	if a == nil || a.Gap == nil {
		return ""
	}
	why, unknown := strings.CutPrefix(a.Gap.Cause, dodona.NotKnown)
	if !unknown {
		return ""
	}
	return why
}

// String says it in a line: window 12:00–12:10, leaf 17 of 60, root 0xd1c3….
func (a Anchoring) String() string {
	layout := "15:04:05"
	if a.From%60_000 == 0 && a.To%60_000 == 0 {
		layout = "15:04"
	}
	from, to := a.From.Time(), a.To.Time()
	begin := from.Format(layout)
	if to.Sub(from) > 24*time.Hour {
		begin = from.Format("2006-01-02 ") + begin
		layout = "2006-01-02 " + layout
	}
	text := fmt.Sprintf("window %s–%s, leaf %d of %d, root %s", begin, to.Format(layout), a.Leaf, a.Of, a.Root.Short())
	switch {
	case a.Gap != nil && a.Gap.First != a.Gap.Last:
		text += fmt.Sprintf(", as a gap from %s to %s", a.Gap.First, a.Gap.Last)
	case a.Gap != nil:
		text += ", as a gap"
	case a.Late:
		text += ", late"
	}
	if why := a.unknown(); why != "" {
		text += ": " + why
	}
	return text
}
