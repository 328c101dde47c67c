package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/node"
)

type feedTryCommand struct {
	configFile
	Feed string `arg:"" optional:"" help:"The feed; not needed if the configuration has one."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run makes one round of a feed, shows each step, and exits with 1 if the round was missed. Nothing is signed, and nothing is
// written: neither key nor data folder is touched.
func (c feedTryCommand) Run(ctx context.Context, term terminal) error {
	if feed := c.other(); feed != "" {
		if c.Feed != "" {
			return failure{exitUsage, fmt.Errorf("%s and %s: one feed is tried at a time", plain.Quote(feed, mostName), plain.Quote(c.Feed, mostName))}
		}
		c.Feed = feed
	}
	loaded, path, err := c.open(term)
	if err != nil {
		return err
	}
	name, err := feedOf(loaded, path, c.Feed)
	if err != nil {
		return failure{exitUsage, err}
	}
	worker, err := compileWorker()
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx) // a module leaves a process and files to clean up
	defer stop()
	t, err := node.Try(ctx, node.Options{Config: loaded, Kinds: all.Sources(), Version: release, Compile: worker}, name)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(term.out, t)
	} else {
		err = printTrial(term, t)
	}
	if err == nil && t.Value == nil {
		err = failure{code: exitFailed}
	}
	return err
}

// feedOf returns the feed that is meant.
func feedOf(c *config.Config, path, name string) (string, error) {
	var known []string
	for _, f := range c.Feeds {
		known = append(known, f.Feed.Name)
	}
	switch {
	case name == "" && len(known) == 1:
		return known[0], nil
	case name == "":
		return "", fmt.Errorf("which feed? %s has %s", path, strict.ListOf(known))
	case slices.Contains(known, name):
		return name, nil
	}
	if _, found := c.Source(name); found {
		return "", fmt.Errorf("%s is a source; dodona source read %s %[1]s reads it (feeds: %[3]s)", name, path, strict.ListOf(known))
	}
	return "", unknown("feed", name, path, known)
}

// printTrial tells a round step by step.
func printTrial(term terminal, t node.Trial) error {
	s := t.Rules
	steps := []struct {
		title string
		table table.Table
	}{
		{fmt.Sprintf("%s: %s asked, at most %s", t.Feed.Name, count(len(t.Exchanges), "source"), unit.FormatDuration(time.Duration(s.DeadlineMS)*time.Millisecond)), exchangeTable(t)},
		{"what their rules take", pointTable(t.Points)},
		{moduleTitle(t.Module), moduleTable(t.Module)},
		{combining(t), inputTable(t)},
	}
	for _, step := range steps {
		if step.title == "" {
			continue
		}
		for _, text := range strings.Split(step.title, "\n") {
			if err := term.fold("%s", text); err != nil {
				return err
			}
		}
		if err := term.table(step.table); err != nil {
			return err
		}
	}
	if why := tied(t); why != "" {
		if err := term.fold("%s", why); err != nil {
			return err
		}
	}
	took := time.Duration(t.TookMS) * time.Millisecond
	if t.Value == nil {
		return term.fold("missed after %v: %s", took, briefly(t))
	}
	quality := ""
	if t.Quality != dodona.Good {
		quality = " (" + t.Quality.String() + ")"
	}
	return term.fold("%s = %s%s, after %v; nothing was signed or kept", t.Feed.Name, t.Feed.Format(*t.Value), quality, took)
}

// briefly says why a round was missed, without the reasons of its inputs, which stand above.
func briefly(t node.Trial) string {
	for _, in := range t.Inputs {
		for _, behind := range []string{": " + in.Point + " " + string(in.Status) + ": ", ": all " + string(in.Status) + ": "} {
			if short, _, found := strings.Cut(t.Missed, behind); found {
				return short + ", for the reasons above"
			}
		}
	}
	return unit.Readable(t.Missed)
}

func exchangeTable(t node.Trial) table.Table {
	out := table.Table{Margin: 2, Columns: []table.Column{{Name: "source"}, {Name: "kind", Rank: 1}, {Name: "exchange"}}}
	for _, e := range t.Exchanges {
		row := []table.Cell{{Text: e.Source}, {Text: e.Kind}}
		switch n := len(e.Readings); {
		case e.Error != "":
			row = append(row, table.Cell{Text: fmt.Sprintf("✗ failed after %d ms", e.TookMS), Style: table.Red})
		case n == 0:
			row = append(row, table.Cell{Text: "no reading", Style: table.Yellow})
		default:
			text := e.Readings[n-1].Detail
			if n > 1 {
				text += fmt.Sprintf(", the last of %d readings", n)
			}
			row = append(row, table.Cell{Text: text})
		}
		out.Add(row, table.Cell{Text: e.Error})
	}
	return out
}

func moduleTitle(m *node.TriedModule) string {
	if m == nil {
		return ""
	}
	signed := "signed"
	if !m.Signed {
		signed = "unsigned"
	}
	text := fmt.Sprintf("module %s %s, %s: fuel %s of %s, %s", m.Name, m.Version, signed, dodona.Thousands(m.Fuel), dodona.Thousands(m.Limit), count(len(m.Points), "point"))
	for _, l := range m.Logs {
		text += fmt.Sprintf("\n  %-5s %s", l.Level, printable(l.Text))
	}
	if m.Error != "" {
		text += "\n  ✗ " + printable(m.Error)
	}
	return text
}

func moduleTable(m *node.TriedModule) table.Table {
	if m == nil || len(m.Points) == 0 {
		return table.Table{}
	}
	return pointTable(m.Points)
}

// combining says by which rules values are judged and combined.
func combining(t node.Trial) string {
	r := t.Rules
	parts := []string{fmt.Sprintf("measured within %s of the round", unit.FormatDuration(time.Duration(r.StaleMS)*time.Millisecond))}
	if r.Outliers != "" {
		parts = append(parts, fmt.Sprintf("at most %s from the median", r.Outliers))
	}
	parts = append(parts, fmt.Sprintf("need %d of %d", r.Need, r.Of))
	return fmt.Sprintf("what counts: %s; then the %s", strings.Join(parts, ", "), r.Combine)
}

// tied says why two values that contradict each other are both left out, which surprises whoever thinks that one of them is right.
func tied(t node.Trial) string {
	outliers := 0
	for _, in := range t.Inputs {
		switch in.Status {
		case dodona.InputOutlier:
			outliers++
		case dodona.InputUsed, dodona.InputGiven:
			return ""
		}
	}
	if outliers != 2 {
		return ""
	}
	return "  two values are equally far from their median, which lies between them: nobody can tell which is wrong, so neither counts; a third source decides"
}

func inputTable(t node.Trial) table.Table {
	out := table.Table{Margin: 2, Columns: []table.Column{{Name: "point"}, {Name: "value", Right: true, Whole: true}, {Name: "counts"}}}
	for _, in := range t.Inputs {
		value, mark, style := "–", "✗ ", table.Red
		if in.Value != nil {
			value = t.Feed.FormatExact(*in.Value)
		}
		switch in.Status {
		case dodona.InputUsed:
			mark, style = "✓ ", table.Green
		case dodona.InputGiven:
			mark, style = "→ ", table.Normal
		}
		status, why := mark+string(in.Status), unit.Readable(in.Reason)
		if in.Status == dodona.InputGiven {
			status += " to the module"
		}
		if isToldAbove(t, in) {
			status, why = status+", as above", ""
		}
		out.Add([]table.Cell{{Text: in.Point}, {Text: value}, {Text: status, Style: style}}, table.Cell{Text: why})
	}
	return out
}

// isToldAbove reports whether an exchange or a point has given the reason of an input already.
func isToldAbove(t node.Trial, in dodona.Input) bool {
	if in.Reason == "" {
		return false
	}
	return slices.ContainsFunc(t.Exchanges, func(e node.Exchanged) bool { return e.Error != "" && strings.Contains(in.Reason, e.Error) }) ||
		slices.ContainsFunc(t.Points, func(p dodona.Point) bool { return p.ID == in.Point && p.Reason == in.Reason })
}
