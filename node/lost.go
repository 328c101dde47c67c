package node

import (
	"context"
	"errors"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/sign"
)

// A journal that may lack what was attested is no witness that nothing was. This file says of which rounds it is none.

// attestedWithin is how long after a round its answer is in the journal, if one is ever.
const attestedWithin = time.Minute

// A lacking is a journal that knows what it may lack.
type lacking interface {
	Missing(ctx context.Context) (journal.Missing, error)
}

// lostRounds returns the rounds whose answers may be missing in a journal, as its anchors tell of them.
func lostRounds(ctx context.Context, j lacking) (anchor.Loss, error) {
	m, err := j.Missing(ctx)
	return lossOf(m), err
}

func lossOf(m journal.Missing) anchor.Loss {
	if m.Until.IsZero() {
		return anchor.Loss{}
	}
	l := anchor.Loss{Until: sign.LastDoubted(m.Until), Cause: dodona.NotKnown + whyMissing(m)}
	if !m.Backup.IsZero() {
		l.After, l.Told = dodona.RoundAt(m.Backup.Add(-attestedWithin)), m.Backup
	}
	return l
}

// whyMissing says why answers may be missing in a journal.
func whyMissing(m journal.Missing) string {
	if m.Backup.IsZero() {
		return "the journal may have lost records, and answers among them"
	}
	return "this folder was restored from a backup of " + m.Backup.Format(time.RFC3339) + "; what was answered since is not in it"
}

// orNotKnown says of a round that is not found why nothing is known of it, if that is because the folder is older than it: else it returns err.
func (s state) orNotKnown(ctx context.Context, round dodona.Round, err error) error {
	if !errors.Is(err, dodona.ErrNotFound) {
		return err
	}
	m, lost := s.journal.Missing(ctx)
	if lost != nil || m.Backup.IsZero() || !lossOf(m).Covers(round) {
		return err
	}
	return &api.NotKnown{Reason: whyMissing(m)}
}

// goOnAfter returns after which round a feed goes on whose last one that is known is last: of rounds between, of which records may be missing,
// nobody says that they were missed. began is when the feed began to run.
func (o *observer) goOnAfter(ctx context.Context, feed string, last, began dodona.Round) (dodona.Round, error) {
	m, err := o.rounds.journal.Missing(ctx)
	if err != nil || last == 0 || m.Until.IsZero() {
		return last, err
	}
	after := min(dodona.RoundAt(m.Until), began)
	if after <= last {
		return last, nil
	}
	o.log.Info("rounds are left out: what became of them is not known", "feed", feed, "after", last, "until", after, "why", whyMissing(m))
	return after, nil
}
