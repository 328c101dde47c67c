package anchor

import (
	"encoding/json"
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// Effects is what a step wants done, in this order: sign the claims, append the record, commit.
type Effects struct {
	Claims []dodona.Claim

	s    *Series
	plan *Plan
}

// Step decides what to do about a plan that is durable, and changes nothing: the same plan gives the same claim. It
// refuses one that does not follow the last anchor.
func (s *Series) Step(p *Plan) (*Effects, error) {
	want := dodona.Digest{}
	if !s.last.Root.IsZero() {
		want = s.last.Digest(s.networkID)
	}
	if p.Anchor.Previous != want || p.Anchor.To <= p.Anchor.From || (s.last.To != 0 && p.Anchor.From != s.last.To) {
		return nil, fmt.Errorf("anchor %s: its plan does not follow the anchor before, which ends at %s", p.Anchor.To, s.last.To)
	}
	return &Effects{s: s, plan: p, Claims: []dodona.Claim{{
		Network: s.networkID, Type: dodona.ClaimAnchor, Subject: KeySeries,
		Round: p.Anchor.To, Digest: p.Anchor.Digest(s.networkID), Observed: p.Anchor.Root,
	}}}, nil
}

// Record returns the anchored record. Signatures are those of the one claim: as many as the quorum wants. It fails if they
// are not members': a bug or a wrong key, to be told to the operator, with nothing appended.
func (e *Effects) Record(signatures []dodona.Signature) (dodona.Record, error) {
	a := dodona.Anchored{Network: e.s.Network, Quorum: e.s.Quorum, Anchor: e.plan.Anchor, Signatures: signatures}
	if err := e.s.Scheme.Verify(a.Quorum, e.Claims[0].Digest, signatures); err != nil {
		return dodona.Record{}, fmt.Errorf("assemble anchor: %w", err)
	}
	body, err := json.Marshal(a)
	if err != nil {
		return dodona.Record{}, fmt.Errorf("write anchor: %w", err)
	}
	rec := dodona.Record{Topic: dodona.TopicAnchor, Key: KeySeries, ID: a.Anchor.To.ID(), Body: body}
	if before := e.s.last.To; before != 0 {
		rec.After = before.ID()
	}
	return rec, nil
}

// Commit remembers the anchor, once its record is durable.
func (s *Series) Commit(e *Effects) {
	s.last, s.feeds = e.plan.Anchor, e.plan.feeds
	r := s.Recorder
	r.Count(telemetry.AnchorSealed, 1)
	r.Count(telemetry.AnchorLeaves.Of("gap"), e.plan.Gaps)
	r.Count(telemetry.AnchorLeaves.Of("late"), e.plan.Late)
	r.Count(telemetry.AnchorLeaves.Of("attestation"), e.plan.Anchor.Count-e.plan.Gaps-e.plan.Late)
}

// readAnchored reads an anchored record.
func readAnchored(rec dodona.Record) (a dodona.Anchored, err error) {
	if err := json.Unmarshal(rec.Body, &a); err != nil {
		return a, fmt.Errorf("read anchor %s: %w", rec.ID, err)
	}
	if rec.ID != a.Anchor.To.ID() || a.Anchor.To == 0 {
		return a, fmt.Errorf("read anchor %.40q: its window ends at %d", rec.ID, uint64(a.Anchor.To))
	}
	return a, nil
}
