package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/patience"
	quantity "github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/quorum"
)

// An attester is the role that reads observations, checks them and appends attestations.
type attester struct {
	*events
	signer    dodona.Signer
	validator *quorum.Validator
	known     map[dodona.FeedID]quorum.Feed // every feed that this process has had; whoever reloads guards it
}

func (a *attester) readers(*config.Config) []string { return []string{readValidate} }

// validate attests until ctx ends.
func (a *attester) validate(ctx context.Context) error {
	for recs, err := range a.journal.From(ctx, readValidate, dodona.TopicObservation) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read observations: %w", err)
		}
		if err := a.attestAll(ctx, recs); err != nil {
			return nil // ctx ended
		}
	}
	return nil
}

// newAttester returns one that knows the feeds of the configuration.
func newAttester(e *events, v voice) (*attester, error) {
	a := &attester{events: e, signer: v.attestations, known: validated(e.config())}
	var err error
	a.validator, err = quorum.New(quorum.Config{
		Network: v.network, Quorum: v.quorum, Scheme: v.scheme, Feeds: a.known, Recover: v.recover, Recorder: e.recorder,
	})
	return a, err
}

// learn takes the feeds of a configuration that was read again. What the old ones have signed and nobody has read yet must
// still be believed; only a restart forgets them.
func (a *attester) learn(next *config.Config) error {
	feeds := validated(next)
	for id, f := range a.known {
		if _, found := feeds[id]; !found {
			feeds[id] = f
		}
	}
	if err := a.validator.SetFeeds(feeds); err != nil {
		return err
	}
	a.known = feeds
	return nil
}

// validated returns what the validator must know of the feeds.
func validated(c *config.Config) map[dodona.FeedID]quorum.Feed {
	feeds := make(map[dodona.FeedID]quorum.Feed, len(c.Feeds))
	for _, f := range c.Feeds {
		feeds[f.Feed.ID()] = quorum.Feed{Feed: f.Feed, Every: f.Settings.Every}
	}
	return feeds
}

// restore rebuilds what the validator remembers from the last answer of every feed.
func (a *attester) restore(ctx context.Context, b *beginning) {
	b.each(ctx, config.Validate, "the last answer", a.config().Feeds, func(f config.Feed) error {
		rec, err := a.journal.Last(ctx, dodona.TopicData, f.Feed.Name)
		switch {
		case errors.Is(err, dodona.ErrNotFound):
			return nil
		case err != nil:
			return fmt.Errorf("read last answer of %s: %w", f.Feed.Name, err)
		}
		if err := a.validator.Restore(rec); err != nil {
			a.log.Error("an answer in the journal is not what this node's quorum signed", "feed", f.Feed.Name, "error", err)
		}
		return nil
	})
}

// attestAll decides a slice, again until it is done: moving on would leave its rounds without an answer. What the journal can
// never take is one observation, which is found and given up.
func (a *attester) attestAll(ctx context.Context, recs []dodona.Record) error {
	return patience.Divide(recs, func(part []dodona.Record) error {
		return patience.RetryUnlessPermanent(ctx, pace, func() error { return a.attest(ctx, part) }, func(err error, _ int, wait time.Duration) {
			a.log.Error("attestations wait", "error", err, "records", len(part), "again in", quantity.Roughly(wait))
		})
	}, func(rec dodona.Record, never error) error {
		a.dropped(ctx, "answer", rec.Key, fmt.Errorf("observation %s: %w", rec.ID, never))
		return ctx.Err()
	})
}

// attest decides one slice of observations: claims first, then appends, then memory.
func (a *attester) attest(ctx context.Context, recs []dodona.Record) error {
	_, err := a.validator.Attest(ctx, quorum.Means{
		Signer:  a.signer,
		Ledger:  a.journal,
		Refused: refused,
		Doubted: doubted,
		Rejected: func(r quorum.Rejection) {
			a.log.Log(ctx, rejectionGravity(r, isRestored(a.journal)), "an observation was rejected", "feed", r.Key, "reason", r.Reason, "message", r.Message)
		},
		Unreadable: func(err error) {
			a.log.Error("an answer in the journal cannot be believed and is passed over; another program writes to it", "error", err)
		},
	}, a.now(), recs)
	return err
}
