package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/node"
)

// maxTimes is how often one source is read at most.
const maxTimes = 1_000_000

// follow reads one source several times and prints what comes as it comes. It exits with 1 if nothing that could be taken came.
func (c sourceReadCommand) follow(ctx context.Context, term terminal, of *config.Config, sources []config.Source) error {
	switch {
	case c.Times < 0 || c.Times > maxTimes:
		return failure{exitUsage, fmt.Errorf("-n %d: want 1 to %d", c.Times, maxTimes)}
	case len(sources) != 1:
		return failure{exitUsage, errors.New("-n reads one source: name it")}
	}
	s, took, n := sources[0], false, 0
	last := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(c.Wait, func() { cancel(errSilence) })
	defer silent.Stop()
	err := node.FollowSource(ctx, node.Options{Config: of, Kinds: all.Sources(), Version: release}, s, c.Times, func(t node.SourceTrial) error {
		n++
		if last = time.Now(); n < c.Times {
			silent.Reset(c.Wait)
		}
		took = took || t.Err == nil && len(t.Bad()) < len(t.Points)
		switch {
		case t.Err != nil:
			complainOf(term, t)
			return nil
		case c.JSON:
			return eachJSON(term, t)
		case c.Raw:
			return printBodies(term, t.Readings, true)
		}
		return printFollowed(term, t, last)
	})
	switch {
	case errors.Is(context.Cause(ctx), errSilence):
		term.complain(fmt.Errorf("read source %s: %s of %d came, and nothing for %s from %s", s.Name, unit.Count(n, "time"), c.Times, unit.FormatDuration(c.Wait), peerOf(s)))
		return failure{code: exitFailed}
	case ctx.Err() != nil:
		return nil // somebody has seen enough
	case err != nil:
		return err
	case !took:
		return failure{code: exitFailed}
	}
	return nil
}

// errSilence: a source that is followed said nothing for as long as it is waited for.
var errSilence = errors.New("nothing came")

// eachJSON prints the readings as JSON, one a line.
func eachJSON(term terminal, t node.SourceTrial) error {
	for _, r := range trialsJSON([]node.SourceTrial{t}) {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(term.out, "%s\n", line); err != nil {
			return err
		}
	}
	return nil
}

// printFollowed prints the points of one exchange, one a line.
func printFollowed(term terminal, t node.SourceTrial, at time.Time) error {
	stamp := at.UTC().Format("15:04:05.000")
	if len(t.Points) == 0 {
		r := t.Readings[len(t.Readings)-1]
		return term.line("%s  %s  %s  no point of it is asked for", stamp, r.Item, r.Detail)
	}
	wide := 0
	for _, p := range t.Points {
		wide = max(wide, len(p.ID))
	}
	for _, p := range t.Points {
		value, _ := shownNumber(p.Value)
		text, style := strings.TrimSpace(value+" "+p.Unit), table.Green
		switch p.Quality {
		case dodona.Bad:
			text, style = p.Reason, table.Red
		case dodona.Uncertain:
			text, style = text+"  "+p.Reason, table.Yellow
		}
		if err := term.line("%s  %-*s  %s  %s", stamp, wide, p.ID, table.Paint(fmt.Sprintf("%-9s", p.Quality), style, term.color), text); err != nil {
			return err
		}
	}
	return nil
}
