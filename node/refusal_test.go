package node

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/grid"
	"github.com/dodona-oracle/dodona/sign"
)

// refuser is a signer that refuses every claim.
type refuser struct{ why error }

func (r refuser) Sign(_ context.Context, claims ...dodona.Claim) ([][]byte, error) {
	return nil, &sign.ClaimError{Claim: claims[0], Err: r.why}
}

// TestADoubtIsNoConflict: whoever alarms on conflicts hears of no round that is not signed because a claim may have been lost, as
// all are in the first seconds on a server elsewhere.
func TestADoubtIsNoConflict(t *testing.T) {
	n := openNode(t, walks(t.TempDir(), "roles: [observe]\nfeeds: {f: {decimals: 2, every: 1h, from: [s]}}\n"), Options{})
	f := n.config().Feeds[0]
	value := dodona.NewInt192(7)
	at := grid.At(dodona.RoundAt(time.Now()), f.Settings.Every)
	for i, c := range []struct {
		why  error
		want string
	}{
		{sign.ErrBefore, dodona.EventUnsigned},
		{fmt.Errorf("%w: %w", sign.ErrBefore, sign.ErrClock), dodona.EventUnsigned},
		{sign.ErrMalformed, dodona.EventUnsigned},
		{fmt.Errorf("digest %w", dodona.ErrConflict), dodona.EventConflict},
		{sign.ErrPassed, dodona.EventConflict},
	} {
		round := at - dodona.Round(i*3600_000)
		n.observer.rounds.now, n.observer.rounds.signer = round.Time, refuser{c.why}
		if err := n.observer.rounds.sign(t.Context(), f.Settings.Every, dodona.Bundle{Feed: f.Feed, Round: round, Value: &value}); err != nil {
			t.Fatalf("%v: %v", c.why, err)
		}
		for _, key := range []string{dodona.EventUnsigned, dodona.EventConflict} {
			rec, err := n.journal.Last(t.Context(), dodona.TopicEvent, key)
			if told := err == nil && rec.ID == "f-"+round.ID(); told != (key == c.want) {
				t.Errorf("refused because %v: event %q: %t, want %q", c.why, key, told, c.want)
			}
		}
	}
}
