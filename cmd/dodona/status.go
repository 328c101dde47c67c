package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/table"
)

type statusCommand struct {
	nodeFlags
	All   bool `help:"Show every feed and source of a large node, not only those in trouble."`
	Watch bool `help:"Look again until it is interrupted: every 2 s on a terminal, every 10 s elsewhere."`
}

// Help is what --help says beside the flags.
func (statusCommand) Help() string {
	return "Exit code: 0 all is well; 1 nobody answered; 4 degraded: the node answers, and something of it does not do what it should; " +
		"5 failing: the node is not ready, as /readyz says. With --watch it is 0."
}

// Run prints how a node fares, the cause of what is wrong first.
func (c statusCommand) Run(ctx context.Context, term terminal) error {
	asked, err := c.find(ctx, term)
	if err != nil {
		return err
	}
	asked.limit = lookTime
	if c.Watch {
		return c.watch(ctx, term, asked)
	}
	if asked.hung != nil { // it was waited for already
		return asked.hung
	}
	seen, err := c.look(ctx, asked)
	if starts := (*refusalError)(nil); errors.As(err, &starts) && strings.HasSuffix(starts.Type, "#problem-not-ready") {
		return failure{exitFailing, err} // it has nothing to show yet
	}
	if err != nil {
		return err
	}
	if c.JSON {
		err = printRaw(term.out, seen.raw)
	} else {
		err = print(term, seen.lines(term.width(), term.height(), c.All, term.color))
	}
	if err != nil {
		return err
	}
	switch seen.status.Level {
	case api.LevelOK:
		return nil
	case api.LevelDegraded:
		return failure{code: exitDegraded}
	}
	return failure{code: exitFailing}
}

// lookTime bounds how long a node is waited for that is looked at: one that takes longer is in trouble itself.
const lookTime = 5 * time.Second

// oneScreen is how many lines are as good as one look where there is no window, or one of a few lines.
const oneScreen = 60

// height returns how many lines a look may have, the line of the prompt aside.
func (t terminal) height() int {
	live := t.live()
	if live == nil {
		return oneScreen
	}
	_, rows := live.Size()
	return max(rows-1, 23)
}

func print(term terminal, lines []string) error {
	_, err := fmt.Fprintln(term.out, strings.Join(lines, "\n"))
	return err
}

// look asks a node for all that there is to show.
func (c statusCommand) look(ctx context.Context, asked client) (seen outlook, err error) {
	seen.from = asked.place()
	if seen.raw, err = asked.ask(ctx, http.MethodGet, "/v1/status", "application/json"); err != nil {
		return seen, err
	}
	if err := json.Unmarshal(seen.raw, &seen.status); err != nil {
		return seen, fmt.Errorf("read status: %w", err)
	}
	if seen.status.Node == "" {
		return seen, fmt.Errorf("read status: what %s answers names no node: it is no Dodona node (--api says where one is)", asked.url)
	}
	if c.JSON && seen.status.Level != "" {
		return seen, nil
	}
	if seen.feeds, err = pages(ctx, asked, "/v1/feeds", func(p api.FeedPage) ([]api.FeedStatus, string) { return p.Feeds, p.Next }); err != nil {
		return seen, err
	}
	if seen.sources, err = pages(ctx, asked, "/v1/sources", func(p api.SourcePage) ([]api.SourceStatus, string) { return p.Sources, p.Next }); err != nil {
		return seen, err
	}
	if seen.status.Level == "" { // of a node that does not judge itself yet
		v := api.Judge(seen.status, seen.feeds, seen.sources)
		seen.status.Level, seen.status.Headline, seen.status.Problems = v.Level, v.Headline, v.Problems
	}
	return seen, nil
}

// How often a node is looked at: where the picture is drawn again, and where each look adds to what is there.
const (
	lookAgain = 2 * time.Second
	lookLater = 10 * time.Second
)

// watch shows how a node fares until it is interrupted. A node that does not answer is told of, and asked again.
func (c statusCommand) watch(ctx context.Context, term terminal, asked client) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	live := term.live()
	if live == nil || c.JSON {
		return c.watchLines(ctx, term, asked)
	}
	defer live.Close()
	resized, still := table.Resized()
	defer still()
	var seen outlook
	var lost error
	show := func() error {
		columns, rows := live.Size()
		var lines []string
		if lost != nil {
			for _, line := range table.Wrap("no answer: "+lost.Error(), columns) {
				lines = append(lines, table.Paint(line, table.Red, term.color))
			}
			lines = append(lines, "")
		}
		if seen.status.Node != "" {
			lines = append(lines, seen.lines(columns, rows-len(lines), c.All, term.color)...)
		}
		return live.Draw(lines)
	}
	for next := time.NewTimer(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-resized:
		case <-next.C:
			now, err := c.look(ctx, asked)
			if lost = err; err == nil {
				seen = now
			}
			next.Reset(lookAgain)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := show(); err != nil {
			return err
		}
	}
}

// watchLines prints one look after another.
func (c statusCommand) watchLines(ctx context.Context, term terminal, asked client) error {
	for {
		seen, err := c.look(ctx, asked)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			term.complain(err)
		case c.JSON:
			_ = printRaw(term.out, seen.raw) // the output remembers what kept it from being written
		default:
			_ = print(term, append(seen.lines(term.width(), oneScreen, c.All, term.color), ""))
		}
		if out, ok := term.out.(*output); ok && out.err != nil {
			return out.err
		}
		if !backoff.Wait(ctx, lookLater) {
			return nil
		}
	}
}
