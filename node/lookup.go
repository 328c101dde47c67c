package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/journal"
)

// shownBy returns where a process looks for the rounds and answers that it shows: those that it makes, or, if it does not
// observe, those of the nodes of its network that do.
func shownBy(c *config.Config, j *journal.Journal) dodona.Ledger {
	if c.Has(config.Observe) {
		return j.Own()
	}
	return j
}

// lastRound returns the round of the newest record of a feed, 0 if there is none.
func lastRound(ctx context.Context, l dodona.Ledger, topic dodona.Topic, feed string) (dodona.Round, error) {
	rec, err := l.Last(ctx, topic, feed)
	if errors.Is(err, dodona.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read last %s of %s: %w", topic, feed, err)
	}
	round, found := rec.Round()
	if !found {
		return 0, fmt.Errorf("read last %s of %s: its id %q is no round", topic, feed, rec.ID)
	}
	return round, nil
}
