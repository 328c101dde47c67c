package anchor_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
)

// doubting signs nothing of rounds up to one: it may have claimed something of them and forgotten.
type doubting struct {
	dodona.Signer
	least dodona.Round
}

var errForgotten = errors.New("claims of before may be lost")

func (d doubting) Sign(ctx context.Context, claims ...dodona.Claim) ([][]byte, error) {
	for _, c := range claims {
		if c.Round <= d.least {
			return nil, fmt.Errorf("round %s: %w", c.Round, errForgotten)
		}
	}
	return d.Signer.Sign(ctx, claims...)
}

// TestAWindowWhoseEndMayHaveBeenClaimedGrows until it has one that nobody can have claimed; nothing that was attested is left out.
func TestAWindowWhoseEndMayHaveBeenClaimedGrows(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", 10*time.Second))
	for i := range 60 {
		w.attest(noon.Add(time.Duration(i)*10*time.Second), "a", at(time.Duration(i)*10*time.Second))
	}
	w.mustAdvance(t, noon.Add(2*time.Minute+40*time.Second)) // the first two minutes have anchors
	before := w.ledger.of(dodona.TopicAnchor, anchor.KeySeries)
	refusing := func(err error) bool { return refused(err) || errors.Is(err, errForgotten) }
	means := anchor.Means{
		Signer: doubting{w.signer, at(5*time.Minute + 4*time.Second)}, Ledger: w.ledger, Refused: refusing,
		Doubted: func(err error) bool { return errors.Is(err, errForgotten) },
	}
	w.restart(t)
	for _, late := range []time.Duration{4 * time.Minute, 5 * time.Minute, 5*time.Minute + 40*time.Second} {
		if a, sealed, err := w.series.Advance(t.Context(), means, noon.Add(late), w.grids); sealed || !errors.Is(err, errForgotten) {
			t.Errorf("%s after noon: %+v, %v, want that it waits", late, a, err)
		}
	}
	a, sealed, err := w.series.Advance(t.Context(), means, noon.Add(8*time.Minute+50*time.Second), w.grids)
	if err != nil || !sealed || a.From != at(2*time.Minute) || a.To != at(8*time.Minute) || a.Count != 36 {
		t.Fatalf("got %+v, %t, %v, want one anchor over the 36 rounds since the last", a, sealed, err)
	}
	if list := w.ledger.of(dodona.TopicAnchor, anchor.KeySeries); len(list) != len(before)+1 {
		t.Errorf("%d anchors after %d, want one more", len(list), len(before))
	}
	early := answerOf(feed("a"), at(150*time.Second), int64(at(150*time.Second)%100000)-50000)
	if _, err := anchor.Find(t.Context(), w.ledger, early.Attestation, noon.Add(150*time.Second)); err != nil {
		t.Errorf("a round in its beginning has no proof: %v", err)
	}
	next, sealed, err := w.series.Advance(t.Context(), means, noon.Add(9*time.Minute+50*time.Second), w.grids)
	if err != nil || !sealed || next.From != a.To || next.To != at(9*time.Minute) {
		t.Errorf("after it: %+v, %t, %v, want a window as usual", next, sealed, err)
	}
}
