package node

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/journal"
)

// A server is the role that follows the journal and answers over HTTP.
type server struct {
	board   *board
	journal *journal.Journal
	api     *api.Server
	others  bool   // shows the rounds of other nodes too
	name    string // of this one
}

func (s *server) readers(*config.Config) []string { return []string{readRounds, readData} }

// serve answers until ctx ends.
func (s *server) serve(ctx context.Context) error {
	if err := s.board.fill(ctx); err != nil {
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
	run(s.api.Run)
	loops.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
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
