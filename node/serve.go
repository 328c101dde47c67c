package node

import (
	"context"
	"fmt"
	"sync"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/journal"
)

// A server is the role that follows the journal and shows on the board what it reads.
type server struct {
	board   *board
	journal *journal.Journal
	others  bool   // shows the rounds of other nodes too
	name    string // of this one
}

func (s *server) readers(*config.Config) []string { return []string{readRounds, readData} }

// serve follows until ctx ends.
func (s *server) serve(ctx context.Context) error {
	outer := ctx
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
	run(func(ctx context.Context) error {
		return s.follow(ctx, readRounds, dodona.TopicRound, func(rec dodona.Record) {
			if rec.Node == s.name || s.others {
				s.board.round(rec)
			}
		})
	})
	run(func(ctx context.Context) error {
		return s.follow(ctx, readData, dodona.TopicData, s.board.answer)
	})
	loops.Wait()
	if err := context.Cause(ctx); err != context.Cause(outer) { // a loop broke, whatever its error wraps
		return err
	}
	return nil
}

// follow gives every record of a topic to f until ctx ends.
func (s *server) follow(ctx context.Context, reader string, topic dodona.Topic, f func(dodona.Record)) error {
	for recs, err := range s.journal.From(ctx, reader, topic) {
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
