package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/quorum"
	"github.com/dodona-oracle/dodona/sign"
)

// validate is the role that reads observations, checks them and appends attestations.
func (n *Node) validate(ctx context.Context) error {
	v := n.validator
	if err := n.restore(ctx, v); err != nil {
		return err
	}
	for recs, err := range n.journal.From(ctx, readValidate, dodona.TopicObservation) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read observations: %w", err)
		}
		if err := n.attestAll(ctx, v, recs); err != nil {
			return nil // ctx ended
		}
	}
	return nil
}

func (n *Node) newValidator() (*quorum.Validator, error) {
	n.known = validated(n.config())
	return quorum.New(quorum.Config{
		Network: n.id.network, Quorum: n.id.quorum, Scheme: n.scheme, Feeds: n.known,
		Recover: n.recovery.Recover, Recorder: n.recorder,
	})
}

// restore rebuilds what the validator remembers from the last answer of every feed.
func (n *Node) restore(ctx context.Context, v *quorum.Validator) error {
	for _, f := range n.config().Feeds {
		rec, err := n.journal.Last(ctx, dodona.TopicData, f.Feed.Name)
		switch {
		case errors.Is(err, dodona.ErrNotFound):
			continue
		case err != nil:
			return fmt.Errorf("read last answer of %s: %w", f.Feed.Name, err)
		}
		if err := v.Restore(rec); err != nil {
			n.log.Error("an answer in the journal is not what this node's quorum signed", "feed", f.Feed.Name, "error", err)
		}
	}
	return nil
}

// attestAll decides a slice, again until it is done: moving on would leave its rounds without an answer. What the journal can
// never take is tried in halves, until the one observation is found and given up.
func (n *Node) attestAll(ctx context.Context, v *quorum.Validator, recs []dodona.Record) error {
	var never error
	err := retry(ctx, func() error {
		err := n.attest(ctx, v, recs)
		if dodona.IsPermanent(err) {
			never, err = err, nil
		}
		return err
	}, func(err error, wait time.Duration) {
		n.log.Error("attestations wait", "error", err, "records", len(recs), "again in", wait)
	})
	if err != nil || never == nil {
		return err
	}
	if len(recs) == 1 {
		n.dropped(ctx, "answer", recs[0].Key, fmt.Errorf("observation %s: %w", recs[0].ID, never))
		return ctx.Err()
	}
	for _, half := range [][]dodona.Record{recs[:len(recs)/2], recs[len(recs)/2:]} {
		if err := n.attestAll(ctx, v, half); err != nil {
			return err
		}
	}
	return nil
}

// attest decides one slice of observations: claims first, then appends, then memory.
func (n *Node) attest(ctx context.Context, v *quorum.Validator, recs []dodona.Record) error {
	_, err := v.Attest(ctx, quorum.Means{
		Signer:  n.attester,
		Ledger:  n.journal,
		Refused: refused,
		Doubted: func(err error) bool { return errors.Is(err, sign.ErrBefore) },
		Rejected: func(r quorum.Rejection) {
			n.log.Warn("an observation was rejected", "feed", r.Key, "reason", r.Reason, "message", r.Message)
		},
		Unreadable: func(err error) {
			n.log.Error("an answer in the journal cannot be believed and is passed over; another program writes to it", "error", err)
		},
	}, n.now(), recs)
	return err
}
