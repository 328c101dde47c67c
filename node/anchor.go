package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/grid"
)

// commit is the role that seals windows of answers and gaps under signed roots.
func (n *Node) commit(ctx context.Context) error {
	series, err := anchor.New(anchor.Config{
		Network: n.id.network, Quorum: n.id.quorum, Every: n.config().Anchor.Every,
		Recover: n.recovery.Recover, Recorder: n.recorder,
	})
	if err != nil {
		return err
	}
	for {
		err := retry(ctx, func() error { return n.seal(ctx, series) }, func(err error, wait time.Duration) {
			n.log.Error("anchors wait", "error", err, "again in", wait)
		})
		if err != nil || !backoff.Wait(ctx, n.untilSeal(series)) {
			return nil // ctx ended
		}
	}
}

// seal seals every window that is due.
func (n *Node) seal(ctx context.Context, series *anchor.Series) error {
	for {
		a, sealed, err := series.Advance(ctx, anchor.Means{Signer: n.signer, Ledger: n.journal, Refused: refused}, n.now(), n.grids())
		if err != nil || !sealed {
			return err
		}
		n.log.Info("a window is anchored", "from", a.From, "to", a.To, "leaves", a.Count, "root", a.Root)
	}
}

// longestNap bounds how long the role sleeps: clocks are set, and feeds change.
const longestNap = time.Minute

// untilSeal returns how long nothing can be due.
func (n *Node) untilSeal(series *anchor.Series) time.Duration {
	now, grace := n.now(), anchor.Grace(n.grids())
	due := grid.Next(dodona.RoundAt(now.Add(-grace)), series.Every).Time().Add(grace)
	return min(max(due.Sub(now), 100*time.Millisecond), longestNap)
}

// grids returns where the rounds of the configured feeds lie.
func (n *Node) grids() []anchor.Grid {
	c := n.config()
	grids := make([]anchor.Grid, len(c.Feeds))
	for i, f := range c.Feeds {
		grids[i] = anchor.Grid{Feed: f.Feed, Every: f.Settings.Every}
	}
	return grids
}

// Proof returns the evidence of a round.
func (s state) Proof(ctx context.Context, name string, round dodona.Round) (dodona.Evidence, error) {
	// Asked first: an anchor that comes while its leaves are looked for must not make them look lost.
	last, err := s.n.journal.Last(ctx, dodona.TopicAnchor, anchor.KeySeries)
	if err != nil && !errors.Is(err, dodona.ErrNotFound) {
		return dodona.Evidence{}, err
	}
	answer, appended, err := s.n.answerOf(ctx, name, round)
	switch {
	case errors.Is(err, dodona.ErrNotFound):
		return s.proofOfGap(ctx, name, round, last)
	case err != nil:
		return dodona.Evidence{}, err
	}
	place, err := anchor.Find(ctx, s.n.journal, answer.Attestation, appended)
	if errors.Is(err, dodona.ErrNotFound) {
		return dodona.Evidence{}, s.notAnchored(last, round, appended)
	}
	if err != nil {
		return dodona.Evidence{}, err
	}
	return dodona.Evidence{Answer: answer, Proof: place.Proof, Anchored: place.Anchored}, nil
}

// proofOfGap returns the evidence that a round was missed.
func (s state) proofOfGap(ctx context.Context, name string, round dodona.Round, last dodona.Record) (dodona.Evidence, error) {
	place, feed, err := anchor.FindGap(ctx, s.n.journal, name, round)
	if err == nil {
		gap := dodona.Gap{Feed: feed, Cause: place.Gap.Cause}
		return dodona.Evidence{Gap: &gap, Proof: place.Proof, Anchored: place.Anchored}, nil
	}
	if !errors.Is(err, dodona.ErrNotFound) {
		return dodona.Evidence{}, err
	}
	_, err = find[dodona.Bundle](ctx, s.n, dodona.TopicRound, name, round)
	if err != nil {
		return dodona.Evidence{}, err
	}
	return dodona.Evidence{}, s.notAnchored(last, round, time.Time{})
}

// notAnchored says why a round that is known has no proof, and when it will have one. last is the newest anchor before the
// proof was looked for, empty if there was none; appended is when the round's answer came, zero if there is none.
func (s state) notAnchored(last dodona.Record, round dodona.Round, appended time.Time) error {
	every, grids := s.n.config().Anchor.Every, s.n.grids()
	sealed, _ := last.Round() // up to where everything is anchored; 0 before the first anchor
	now := dodona.RoundAt(s.n.now().Add(-anchor.Grace(grids)))
	switch {
	case round >= sealed:
		return &api.NotAnchored{Due: anchor.Due(max(round, now), every, grids), Reason: "its window is open"}
	case appended.After(last.Appended):
		return &api.NotAnchored{Due: anchor.Due(max(sealed, now), every, grids), Reason: "its answer came after its window was sealed, and waits for the next"}
	}
	return &api.NotAnchored{Reason: "the records of its anchor are no longer kept"}
}

// answerOf returns the answer of a round and when it was appended, or [dodona.ErrNotFound].
func (n *Node) answerOf(ctx context.Context, name string, round dodona.Round) (*dodona.Answer, time.Time, error) {
	rec, err := dodona.Find(ctx, n.shown(), dodona.TopicData, name, round)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("answer: %w", err)
	}
	answer, err := decodeRecord[dodona.Answer](rec)
	return answer, rec.Appended, err
}
