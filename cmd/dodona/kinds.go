package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/config"
	manuals "github.com/dodona-oracle/dodona/docs/kinds"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/table"
)

type kindsCommand struct {
	Kind string `arg:"" optional:"" help:"A kind, to see its settings."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run lists the kinds of sources and sinks in this build, or the manual of one.
func (c kindsCommand) Run(term terminal) error {
	known, err := inThisBuild()
	if err != nil {
		return err
	}
	if c.Kind != "" {
		return c.manual(term, known)
	}
	if c.JSON {
		var names []string
		for _, k := range allKinds() {
			names = append(names, k.Name())
		}
		return printJSON(term.out, names)
	}
	for _, group := range [][2]string{{"source", "sources, which bring readings in:"}, {"sink", "sinks, which take answers out:"}} {
		fmt.Fprintln(term.out, group[1])
		for _, k := range known {
			if k.Of != group[0] {
				continue
			}
			about, _, _ := strings.Cut(k.Doc, "\n")
			for _, line := range table.Hang(fmt.Sprintf("  %-9s ", k.Kind), about, textWidth(term.width())) {
				fmt.Fprintln(term.out, line)
			}
		}
	}
	fmt.Fprintln(term.err, "the settings of one: dodona kinds NAME")
	return nil
}

// inThisBuild returns what the manual says of the kinds that this build has.
func inThisBuild() ([]manuals.Kind, error) {
	list, err := manuals.All()
	built := allKinds()
	return slices.DeleteFunc(list, func(k manuals.Kind) bool {
		return !slices.ContainsFunc(built, func(b config.Kind) bool { return b.Name() == k.Kind })
	}), err
}

// manual prints what the manual says of the kinds of one name, as wide as the terminal.
func (c kindsCommand) manual(term terminal, list []manuals.Kind) error {
	named := slices.DeleteFunc(slices.Clone(list), func(k manuals.Kind) bool { return k.Kind != c.Kind })
	switch {
	case len(named) == 0:
		return c.none(list)
	case c.JSON && len(named) == 1:
		return printJSON(term.out, named[0])
	case c.JSON:
		return printJSON(term.out, named)
	}
	for i, k := range named { // a source, and a sink of the same name
		if i > 0 {
			fmt.Fprintln(term.out)
		}
		printKind(term, k)
	}
	fmt.Fprintf(term.err, "\nwhat stands beside a kind, and how values are written: docs/guide/configuration.md\n")
	return nil
}

// printKind prints what the manual says of one kind.
func printKind(term terminal, k manuals.Kind) {
	width := textWidth(term.width())
	fmt.Fprintf(term.out, "%s  %s\n\n", table.Paint(k.Kind, table.Bold, term.color), "a kind of "+k.Of)
	for paragraph := range strings.SplitSeq(k.Doc, "\n\n") {
		for _, line := range table.Wrap(paragraph, width) {
			fmt.Fprintln(term.out, line)
		}
		fmt.Fprintln(term.out)
	}
	fmt.Fprintln(term.out, table.Paint("SETTINGS", table.Bold, term.color))
	for _, s := range k.Settings {
		standard := "default: " + s.Default
		switch {
		case s.Required:
			standard = "required"
		case s.Default == "":
			standard = ""
		}
		fmt.Fprintf(term.out, "  %s  %s\n", table.Paint(s.Name, table.Bold, term.color), table.Paint(s.Type, table.Dim, term.color))
		for _, part := range []string{s.Doc, standard} {
			for _, line := range table.Hang("      ", part, width) {
				fmt.Fprintln(term.out, line)
			}
		}
	}
	fmt.Fprintf(term.out, "\n%s\n", table.Paint("EXAMPLE", table.Bold, term.color))
	for line := range strings.Lines(k.Example) {
		fmt.Fprint(term.out, "  "+line)
	}
}

// textWidth is how wide text is set: as the terminal, where there is one, and never wider than is read with ease.
func textWidth(terminal int) int {
	const most, least = 100, 20
	if terminal == 0 {
		return most
	}
	return max(least, min(terminal, most))
}

// none says that no kind has that name, and which one was meant.
func (c kindsCommand) none(list []manuals.Kind) error {
	var names []string
	for _, k := range list { // sorted; a source and a sink may have one name
		names = append(names, k.Kind)
	}
	names = slices.Compact(names)
	why := "there are " + strict.ListOf(names)
	if meant := config.KindCalled(c.Kind, allKinds()); meant != "" {
		why = "did you mean " + meant + "? " + why
	} else if near := strict.Nearest(c.Kind, names); near != "" {
		why = "did you mean " + near + "? " + why
	} else if slices.Contains(config.Coming, strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(c.Kind))) {
		why = "it is to come; until then what reads it can write a file of lines, or answer http; " + why
	}
	return failure{exitUsage, fmt.Errorf("no kind %s in this build; %s", plain.Quote(c.Kind, mostName), why)}
}
