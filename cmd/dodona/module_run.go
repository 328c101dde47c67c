package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/module/manifest"
)

type moduleRunCommand struct {
	File     string            `arg:"" help:"The module (Wasm)."`
	Input    []string          `help:"A reading's body (repeat), - for standard input." placeholder:"FILE" sep:"none"`
	Source   []string          `help:"The source that a reading is of: one for all, or repeat in the order of --input." placeholder:"NAME" default:"input" sep:"none"`
	Param    map[string]string `help:"A parameter of the feed (repeat)." placeholder:"K=V" mapsep:"none"`
	From     []string          `help:"A point that the feed asks for (repeat): its id, and where its number is in the reading." placeholder:"ID[=POINTER]" sep:"none"`
	Grant    []string          `help:"What the module may reach (repeat): http_get=HOST, read_sensor=NAME:FILE, files=DIR, state, now_ms, random, verify." placeholder:"GRANT" sep:"none"`
	Round    int64             `help:"The round, Unix milliseconds; now if it is left out." placeholder:"MS"`
	Trust    string            `help:"Whose signatures count." placeholder:"FILE"`
	Unsigned bool              `help:"Run it whoever made it."`
	Trace    bool              `help:"Print how long each function took."`
	JSON     bool              `name:"json" help:"Print JSON."`
}

// Run exits with 1 if the guest failed, and with 2 if the module was refused.
func (c moduleRunCommand) Run(ctx context.Context, term terminal) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	t, readings, round, err := c.prepare(ctx, term.in)
	if t != nil {
		defer t.close(context.WithoutCancel(ctx))
	}
	if err != nil {
		return c.refuse(term, err)
	}
	from, err := c.from()
	if err != nil {
		return c.refuse(term, err)
	}
	ev, err := t.event(ctx, round, readings, from)
	if err != nil {
		return c.refuse(term, err)
	}
	result := t.run(ctx, ev)
	if c.JSON {
		err = printJSON(term.out, result)
	} else {
		err = c.print(term, t, result)
	}
	if err == nil && result.Error != nil {
		return failure{exitFailed, errors.New(*result.Error)}
	}
	return err
}

// refuse says why nothing was run: in JSON too, for a script that reads only that.
func (c moduleRunCommand) refuse(term terminal, err error) error {
	if c.JSON {
		text := err.Error()
		if err := printJSON(term.out, trialResult{Points: []dodona.Point{}, Calls: map[string]int{}, Error: &text}); err != nil {
			return err
		}
	}
	return failure{exitUsage, err}
}

// prepare reads what the command line names, and loads the module.
func (c moduleRunCommand) prepare(ctx context.Context, stdin io.Reader) (*trial, []dodona.Reading, dodona.Round, error) {
	now := time.Now()
	if c.Round != 0 {
		now = time.UnixMilli(c.Round)
	}
	round := dodona.RoundAt(now)
	readings, err := c.readings(round, stdin)
	if err != nil {
		return nil, nil, 0, err
	}
	var trust *manifest.Trust
	if c.Trust != "" {
		raw, err := readFile(c.Trust, 1<<20)
		if err != nil {
			return nil, nil, 0, fmt.Errorf("read trust file: %w", err)
		}
		read, err := manifest.ReadTrust(raw)
		if err != nil {
			return nil, nil, 0, fmt.Errorf("%s: %w", c.Trust, err)
		}
		trust = &read
	}
	g, err := parseGrants(c.Grant, func(file string) string { return file })
	if err != nil {
		return nil, nil, 0, err
	}
	t, err := readTrial(c.File, trust, c.Unsigned)
	if err != nil {
		return nil, nil, 0, err
	}
	t.spec.Params, t.trace = c.Param, c.Trace
	return t, readings, round, t.load(ctx, g)
}

func (c moduleRunCommand) readings(round dodona.Round, stdin io.Reader) (list []dodona.Reading, err error) {
	if len(c.Source) > 1 && len(c.Source) != len(c.Input) {
		return nil, fmt.Errorf("%s for %s: want one --source for all, or one for each", count(len(c.Source), "source"), count(len(c.Input), "input"))
	}
	for i, file := range c.Input {
		r := dodona.Reading{Source: c.Source[min(i, len(c.Source)-1)], Received: round.Time(), ContentType: contentType(file)}
		if err := dodona.CheckName(r.Source, 1); err != nil {
			return nil, fmt.Errorf("--source: %w", err)
		}
		if file == "-" {
			r.Body, err = io.ReadAll(io.LimitReader(stdin, 16<<20))
		} else {
			r.Body, err = readFile(file, 16<<20)
		}
		if err != nil {
			return nil, fmt.Errorf("read input: %w", err)
		}
		list = append(list, r)
	}
	return list, nil
}

func (c moduleRunCommand) from() (map[string]extract.Rule, error) {
	from := map[string]extract.Rule{}
	for _, text := range c.From {
		id, pointer, _ := strings.Cut(text, "=")
		if err := dodona.CheckName(id, 2); err != nil {
			return nil, fmt.Errorf("--from: %w", err)
		}
		from[id] = extract.Rule{Pointer: pointer}
	}
	return from, nil
}

// print writes a result for people: the points on standard output, everything else beside it.
func (c moduleRunCommand) print(term terminal, t *trial, r trialResult) error {
	for _, p := range r.Points {
		if _, err := fmt.Fprintln(term.out, pointText(p)); err != nil {
			return err
		}
	}
	for _, l := range r.Logs {
		fmt.Fprintf(term.err, "%-5s %s\n", l.Level, l.Text)
	}
	if len(r.Output) > 0 {
		fmt.Fprintf(term.err, "output %d bytes: %q\n", len(r.Output), r.Output)
	}
	for _, key := range slices.Sorted(maps.Keys(r.State)) {
		fmt.Fprintf(term.err, "state %s = %q\n", key, r.State[key])
	}
	for _, s := range r.Spans {
		fmt.Fprintf(term.err, "%12s  %s\n", time.Duration(s.NS), s.Function)
	}
	if r.Error == nil && len(r.Points) == 0 {
		fmt.Fprintln(term.err, "it answered without a point")
	}
	l := t.spec.Limits.WithDefaults()
	fmt.Fprintf(term.err, "%s: %s  (it may take fuel %s, memory %s)\n", filepath.Base(c.File), r.costs(), thousands(l.Fuel), unit.Size(int64(l.Pages)<<16))
	return nil
}
