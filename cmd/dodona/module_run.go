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
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/program/trial"
)

type moduleRunCommand struct {
	File     string            `arg:"" help:"The module (Wasm)."`
	Input    []string          `required:"" help:"A reading's body (repeat), - for standard input." placeholder:"FILE" sep:"none"`
	Source   []string          `help:"The source that a reading is of: one for all, or repeat in the order of --input; \"input\" if left out." placeholder:"NAME" default:"input" sep:"none"`
	Param    map[string]string `help:"A parameter of the feed (repeat)." placeholder:"K=V" mapsep:"none"`
	From     []string          `help:"A point that the feed asks for (repeat): its id, and where its number is in the reading; the only number of each source if left out." placeholder:"ID[=POINTER]" sep:"none"`
	Grant    []string          `help:"What the module may reach (repeat): ${grants}." placeholder:"GRANT" sep:"none"`
	Round    int64             `help:"The round, Unix milliseconds; now if left out." placeholder:"MS"`
	Trust    string            `help:"Whose signatures count; the manifest beside the module says what it asks for." placeholder:"FILE" xor:"who"`
	Unsigned bool              `help:"Run it whoever made it; manifests do not count." xor:"who"`
	unsignedLimits
	JSON bool `name:"json" help:"Print JSON."`
}

// unsignedLimits bound a module that no manifest speaks for.
type unsignedLimits struct {
	Pages uint32 `help:"Memory that it may take, in pages of 64 KiB; 16 if left out. For unsigned modules, as --fuel and --depth." placeholder:"N"`
	Fuel  uint64 `help:"Fuel that the event may take; 10,000,000 if left out." placeholder:"N"`
	Depth uint32 `help:"Depth of calls; 512 if left out." placeholder:"N"`
}

// Run exits with 1 if the module failed or ran out, and with 2 if it was refused or the command line is wrong.
func (c moduleRunCommand) Run(ctx context.Context, term terminal) error {
	result, limits, err := c.try(ctx, term)
	if err != nil {
		result = trial.Failed(err)
	}
	if c.JSON {
		if err := printJSON(term.out, result); err != nil {
			return err
		}
	} else if err == nil {
		if err := c.print(term, result, limits.WithDefaults()); err != nil {
			return err
		}
	}
	switch {
	case err != nil && result.Cause == "" && !errors.Is(err, context.Canceled):
		return failure{exitUsage, err}
	case result.Error != nil:
		return failure{exitFailed, errors.New(*result.Error)}
	}
	return nil
}

// try loads the module and gives it the event. An error means that there was no event: a [*module.Error] if the module
// itself failed before, in its initialisation.
func (c moduleRunCommand) try(ctx context.Context, term terminal) (r trial.Result, l manifest.Limits, err error) {
	ev, err := c.event(ctx, term.in)
	if err != nil {
		return r, l, err
	}
	for _, p := range ev.Points {
		if p.Quality == dodona.Bad { // a module need not say so
			fmt.Fprintln(term.err, printable(fmt.Sprintf("the module is given that %s (here: --from %s=POINTER)", trial.PointText(p), p.ID)))
		}
	}
	g, err := trial.ParseGrants(c.Grant, func(file string) string { return file })
	if err != nil {
		return r, l, err
	}
	t, err := c.module(g)
	if err != nil {
		return r, l, err
	}
	spec, err := t.Spec(g, c.Param)
	if err != nil {
		return r, l, err
	}
	ctx, stop := interruptible(ctx) // from here there are files and a process to clean up
	defer stop()
	engine, err := sandbox(ctx)
	if err != nil {
		return r, l, err
	}
	defer func() { _ = engine.Close(context.WithoutCancel(ctx)) }() // what it leaves in a temporary folder is nobody's loss
	m, err := engine.Load(ctx, spec)
	if err != nil {
		return r, l, err
	}
	return trial.Try(ctx, m, ev), spec.Limits, nil
}

func (c moduleRunCommand) module(g trial.Grants) (trial.Module, error) {
	if c.Unsigned {
		return trial.Unsigned(c.File, trial.Limits(c.unsignedLimits), g.Capabilities)
	}
	if c.unsignedLimits != (unsignedLimits{}) {
		return trial.Module{}, errors.New("--pages, --fuel and --depth are for unsigned modules: a signed one's are in its manifest")
	}
	if c.Trust == "" {
		return trial.Signed(c.File, nil)
	}
	trust, err := readTrust(c.Trust)
	if err != nil {
		return trial.Module{}, err
	}
	return trial.Signed(c.File, &trust)
}

// event is what the flags say.
func (c moduleRunCommand) event(ctx context.Context, stdin io.Reader) (ev module.Event, err error) {
	at := time.Now()
	if c.Round != 0 {
		at = time.UnixMilli(c.Round)
	}
	round := dodona.RoundAt(at)
	if len(c.Source) > 1 && len(c.Source) != len(c.Input) {
		return ev, fmt.Errorf("%s for %s: want one --source for all, or one for each", count(len(c.Source), "source"), count(len(c.Input), "input"))
	}
	var readings []dodona.Reading
	for i, file := range c.Input {
		r := dodona.Reading{Source: c.Source[min(i, len(c.Source)-1)], Received: round.Time(), ContentType: trial.ContentType(file)}
		if err := dodona.CheckName(r.Source, 1); err != nil {
			return ev, fmt.Errorf("--source: %w", err)
		}
		if r.Body, err = readInput(file, stdin); err != nil {
			return ev, fmt.Errorf("read input: %w", err)
		}
		readings = append(readings, r)
	}
	from := map[string]extract.Rule{}
	for _, text := range c.From {
		id, pointer, _ := strings.Cut(text, "=")
		if err := dodona.CheckName(id, 2); err != nil {
			return ev, fmt.Errorf("--from: %w", err)
		}
		if source, _ := dodona.SplitPointID(id); !slices.Contains(c.Source, source) {
			return ev, fmt.Errorf("--from %s: no input is of a source %q; there are %s (--source names them)", id, source, strings.Join(c.Source, ", "))
		}
		from[id] = extract.Rule{Pointer: pointer}
	}
	return trial.Event(ctx, round, readings, from, trial.Own{})
}

func readInput(file string, stdin io.Reader) ([]byte, error) {
	if file != "-" {
		return manifest.ReadFile(file, trial.MaxInput)
	}
	body, err := io.ReadAll(io.LimitReader(stdin, trial.MaxInput+1))
	if err == nil && len(body) > trial.MaxInput {
		err = fmt.Errorf("standard input is larger than %d MiB", trial.MaxInput>>20)
	}
	return body, err
}

// print writes a result for people: the points on standard output, everything else beside it.
func (c moduleRunCommand) print(term terminal, r trial.Result, l manifest.Limits) error {
	for _, p := range r.Points {
		if _, err := fmt.Fprintln(term.out, trial.PointText(p)); err != nil {
			return err
		}
	}
	for _, line := range r.Logs {
		fmt.Fprintf(term.err, "%-5s %s\n", line.Level, line.Text)
	}
	if n := len(r.Output); n > 0 {
		fmt.Fprintf(term.err, "output of %s: %.80q\n", count(n, "byte"), r.Output)
	}
	for _, key := range slices.Sorted(maps.Keys(r.State)) {
		fmt.Fprintf(term.err, "state %s = %.80q\n", printable(key), r.State[key])
	}
	if r.Error == nil && len(r.Points) == 0 {
		fmt.Fprintln(term.err, "it answered without a point")
	}
	_, err := fmt.Fprintf(term.err, "%s: %s\n", filepath.Base(c.File), costs(r, l))
	return err
}

// costs says what an event took: "fuel 1,204 of 10,000,000, memory 64 of 1,024 KiB, 0.03 ms; calls input_json 1, point 2".
func costs(r trial.Result, l manifest.Limits) string {
	text := fmt.Sprintf("fuel %s of %s, memory %s of %s KiB, %.2f ms", dodona.Thousands(r.Fuel), dodona.Thousands(l.Fuel),
		dodona.Thousands(uint64(r.PeakBytes)>>10), dodona.Thousands(uint64(l.Pages)<<6), r.MS)
	var calls []string
	for _, name := range slices.Sorted(maps.Keys(r.Calls)) {
		calls = append(calls, fmt.Sprintf("%s %d", name, r.Calls[name]))
	}
	if len(calls) > 0 {
		text += "; calls " + strings.Join(calls, ", ")
	}
	return text
}
