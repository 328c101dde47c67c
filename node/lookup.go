package node

import (
	"context"
	"errors"
	"fmt"
	"iter"

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

// lastShown returns the newest record of a feed that this process shows, or [dodona.ErrNotFound].
func (n *Node) lastShown(ctx context.Context, topic dodona.Topic, feed string) (dodona.Record, error) {
	if n.ownRounds() {
		return n.journal.LastOwn(ctx, topic, feed)
	}
	return n.journal.Last(ctx, topic, feed)
}

// scanShown yields the records of a feed that this process shows, beginning with the first for which before is false.
func (n *Node) scanShown(ctx context.Context, topic dodona.Topic, feed string, before func(dodona.Record) bool) iter.Seq2[dodona.Record, error] {
	if n.ownRounds() {
		return n.journal.ScanOwn(ctx, topic, feed, before)
	}
	return n.journal.Scan(ctx, topic, feed, before)
}

// lastRound returns the round of this node's newest record of a feed, 0 if there is none.
func (n *Node) lastRound(ctx context.Context, topic dodona.Topic, feed string) (dodona.Round, error) {
	rec, err := n.journal.LastOwn(ctx, topic, feed)
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
