package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/api"
)

// Proof returns the evidence of a round.
func (s state) Proof(ctx context.Context, name string, round dodona.Round) (dodona.Evidence, error) {
	// Asked first: an anchor that comes while its leaves are looked for must not make them look lost.
	last, err := s.journal.Last(ctx, dodona.TopicAnchor, anchor.KeySeries)
	if err != nil && !errors.Is(err, dodona.ErrNotFound) {
		return dodona.Evidence{}, err
	}
	answer, appended, err := s.answerOf(ctx, name, round)
	switch {
	case errors.Is(err, dodona.ErrNotFound):
		return s.proofOfGap(ctx, name, round, last)
	case err != nil:
		return dodona.Evidence{}, err
	}
	place, err := anchor.Find(ctx, s.journal, answer.Attestation, appended)
	if errors.Is(err, dodona.ErrNotFound) || err == nil && place.Anchored.Network.ID() != answer.Network.ID() {
		return dodona.Evidence{}, s.notAnchored(ctx, last, round, appended)
	}
	if err != nil {
		return dodona.Evidence{}, err
	}
	return dodona.Evidence{Answer: answer, Proof: place.Proof, Anchored: place.Anchored}, nil
}

// proofOfGap returns the evidence that a round was missed.
func (s state) proofOfGap(ctx context.Context, name string, round dodona.Round, last dodona.Record) (dodona.Evidence, error) {
	place, feed, err := anchor.FindGap(ctx, s.journal, name, round)
	if err == nil && place.Anchored.Network.ID() != s.id.network.ID() {
		return dodona.Evidence{}, s.notAnchored(ctx, last, round, time.Time{})
	}
	if err == nil {
		gap := dodona.Gap{Feed: feed, Cause: place.Gap.Cause}
		return dodona.Evidence{Gap: &gap, Proof: place.Proof, Anchored: place.Anchored}, nil
	}
	if !errors.Is(err, dodona.ErrNotFound) {
		return dodona.Evidence{}, err
	}
	_, err = find[dodona.Bundle](ctx, s.shown, dodona.TopicRound, name, round)
	if err != nil {
		return dodona.Evidence{}, s.orNotKnown(ctx, round, err)
	}
	return dodona.Evidence{}, s.notAnchored(ctx, last, round, time.Time{})
}

// notAnchored says why a round that is known has no proof, and when it will have one. last is the newest anchor before the
// proof was looked for, empty if there was none; appended is when the round's answer came, zero if there is none.
func (s state) notAnchored(ctx context.Context, last dodona.Record, round dodona.Round, appended time.Time) error {
	c := s.config()
	every, grids := c.Anchor.Every, grids(c)
	sealed, _ := last.Round() // up to where everything is anchored; 0 before the first anchor
	now := dodona.RoundAt(s.now().Add(-anchor.Grace(grids)))
	switch {
	case round >= sealed:
		return &api.NotAnchored{Due: anchor.Due(max(round, now), every, grids), Reason: "its window is open"}
	case appended.After(last.Appended):
		return &api.NotAnchored{Due: anchor.Due(max(sealed, now), every, grids), Reason: "its answer came after its window was sealed, and waits for the next"}
	}
	if a, err := anchor.Covering(ctx, s.journal, round); err == nil && a.Network.ID() != s.id.network.ID() {
		return &api.NotAnchored{Reason: fmt.Sprintf("its window, %s to %s, was sealed by network %q %s, %s, which is not this node's: it has no proof there", a.Anchor.From, a.Anchor.To,
			a.Network.Name, a.Network.ID(), signers(a.Quorum))}
	}
	return &api.NotAnchored{Reason: "the records of its anchor are no longer kept"}
}

// signers names who signs for a quorum.
func signers(q dodona.Quorum) string {
	if len(q.Members) == 1 {
		return "key " + q.Members[0].String()
	}
	return fmt.Sprintf("%d of %d members", q.K, len(q.Members))
}

// answerOf returns the answer of a round and when it was appended, or [dodona.ErrNotFound].
func (s state) answerOf(ctx context.Context, name string, round dodona.Round) (*dodona.Answer, time.Time, error) {
	rec, err := dodona.Find(ctx, s.shown, dodona.TopicData, name, round)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("answer: %w", err)
	}
	answer, err := decodeRecord[dodona.Answer](rec)
	return answer, rec.Appended, err
}
