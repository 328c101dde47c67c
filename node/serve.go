package node

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/dodona-oracle/dodona"
)

// serve is the role that follows the journal and answers over HTTP.
func (n *Node) serve(ctx context.Context) error {
	if err := n.board.fill(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var loops sync.WaitGroup
	run := func(loop func(context.Context) error) {
		loops.Go(func() {
			if err := loop(ctx); err != nil {
				cancel(err)
			}
		})
	}
	name := n.config().Node.Name
	run(func(ctx context.Context) error {
		return n.follow(ctx, readRounds, dodona.TopicRound, func(rec dodona.Record) {
			if rec.Node == name || !n.ownRounds() {
				n.board.round(rec)
			}
		})
	})
	run(func(ctx context.Context) error {
		return n.follow(ctx, readData, dodona.TopicData, n.board.answer)
	})
	run(n.server.Run)
	loops.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// follow gives every record of a topic to f until ctx ends.
func (n *Node) follow(ctx context.Context, reader string, topic dodona.Topic, f func(dodona.Record)) error {
	for recs, err := range n.journal.From(ctx, reader, topic) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("follow %s: %w", topic, err)
		}
		for _, rec := range recs {
			f(rec)
		}
	}
	return nil
}
