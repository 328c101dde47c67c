package explain_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// sealer is the plant's journal and key, as a series of anchors needs them.
type sealer struct {
	*fakeJournal
	key *secp.PrivateKey
	now time.Time
}

func (s sealer) Append(_ context.Context, recs ...dodona.Record) error {
	for _, r := range recs {
		r.Node, r.Appended = "gw-7", s.now
		s.recs = append(s.recs, r)
	}
	return nil
}

func (s sealer) Sign(_ context.Context, claims ...dodona.Claim) (signatures [][]byte, err error) {
	for _, c := range claims {
		signature := s.key.Sign(c.Digest)
		signatures = append(signatures, signature[:])
	}
	return signatures, nil
}

// seal anchors the window of a round.
func (p *plant) seal(t *testing.T, f dodona.Feed, r dodona.Round) {
	t.Helper()
	series, err := anchor.New(anchor.Config{Network: p.network, Quorum: p.quorum, Every: 10 * time.Minute, Scheme: dodona.ECDSA(secp.Recover)})
	if err != nil {
		t.Fatal(err)
	}
	grids := []anchor.Grid{{Feed: f, Every: 10 * time.Second}}
	s := sealer{&p.fakeJournal, p.key, anchor.Due(r, 10*time.Minute, grids)}
	if _, sealed, err := series.Advance(t.Context(), anchor.Means{Signer: s, Ledger: s}, s.now, grids); err != nil || !sealed {
		t.Fatalf("sealed %v: %v", sealed, err)
	}
}

func TestAnAnchoredRoundTellsItsLeaf(t *testing.T) {
	p, b := three(t)
	bodies := p.bodies
	p.bodies = nil
	silent := p.observe(t, 3)
	p.bodies = bodies
	p.seal(t, b.Feed, b.Round)
	s := explained(t, p, b.Round)
	if s.Anchoring == nil || !s.Anchoring.Proved.Valid || len(s.Broken) > 0 {
		t.Fatalf("anchoring %+v, broken %q", s.Anchoring, s.Broken)
	}
	if a := s.Anchoring; a.Leaf < 1 || a.Leaf > a.Of || a.From > b.Round || a.To <= b.Round || a.To-a.From != 600_000 {
		t.Errorf("round %s stands in %+v", b.Round, a)
	}
	golden(t, "anchored.txt", s.String())

	missed := explained(t, p, silent.Round)
	if missed.Anchoring == nil || missed.Anchoring.Gap == nil || !missed.Anchoring.Proved.Valid || !strings.HasSuffix(missed.Anchored, ", as a gap") ||
		!strings.Contains(missed.String(), "anchored     window 12:00–12:10") {
		t.Errorf("a missed round: %+v, %q", missed.Anchoring, missed.Anchored)
	}
}

func TestAnAlteredAnchorIsBroken(t *testing.T) {
	p, b := three(t)
	p.seal(t, b.Feed, b.Round)
	for i, r := range p.recs {
		if r.Topic != dodona.TopicAnchor {
			continue
		}
		var a dodona.Anchored
		if err := json.Unmarshal(r.Body, &a); err != nil {
			t.Fatal(err)
		}
		a.Signatures[0][5] ^= 1
		p.recs[i].Body, _ = json.Marshal(a)
	}
	if s := explained(t, p, b.Round); len(s.Broken) != 1 || !strings.Contains(s.Broken[0], "the anchor does not verify: signature") || s.State != explain.StateAttested {
		t.Errorf("broken %q", s.Broken)
	}
}
