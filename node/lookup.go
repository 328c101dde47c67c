package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/sink"
)

// The durable readers of the roles; sinks have one each, see [sink.Reader]. They are this node's own.
const (
	readValidate = "validate"
	readRounds   = "serve-rounds"
	readData     = "serve-data"
)

// readers returns what this process reads as by its configuration.
func readers(c *config.Config) (names []string) {
	if c.Has(config.Validate) {
		names = append(names, readValidate)
	}
	if c.Has(config.Serve) {
		names = append(names, readRounds, readData)
	}
	if c.Has(config.Deliver) {
		for _, s := range c.Sinks {
			names = append(names, sink.Reader(s.Name))
		}
	}
	return names
}

// ownRounds reports whether the rounds that this process shows are those that it makes; one that does not observe shows
// those of the nodes of its network that do.
func (n *Node) ownRounds() bool { return n.config().Has(config.Observe) }

// shown is where this process looks for the rounds and answers that it shows.
func (n *Node) shown() dodona.Ledger {
	if n.ownRounds() {
		return n.journal.Own()
	}
	return n.journal
}

// lastRound returns the round of this node's newest record of a feed, 0 if there is none.
func (n *Node) lastRound(ctx context.Context, topic dodona.Topic, feed string) (dodona.Round, error) {
	rec, err := n.journal.Own().Last(ctx, topic, feed)
	return roundOf(rec, err, topic, feed)
}

// roundOf returns the round of a record that was asked for, 0 if there is none.
func roundOf(rec dodona.Record, err error, topic dodona.Topic, feed string) (dodona.Round, error) {
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
