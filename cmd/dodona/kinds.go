package main

import (
	"fmt"

	manuals "github.com/dodona-oracle/dodona/docs/kinds"
)

type kindsCommand struct {
	Kind string `arg:"" optional:"" help:"A kind, to see its settings."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run lists the kinds of sources and sinks in this build, or the manual of one.
func (c kindsCommand) Run(term terminal) error {
	if c.Kind != "" {
		text, err := manuals.Files.ReadFile(c.Kind + ".md")
		if err != nil {
			return failure{exitUsage, fmt.Errorf("no kind %q; dodona kinds lists them", c.Kind)}
		}
		_, err = term.out.Write(text)
		return err
	}
	if c.JSON {
		names := make([]string, 0)
		for _, k := range allKinds() {
			names = append(names, k.Name())
		}
		return printJSON(term.out, names)
	}
	for _, k := range allKinds() {
		fmt.Fprintf(term.out, "%s\n", k.Name())
	}
	fmt.Fprintln(term.err, "the settings of one: dodona kinds NAME")
	return nil
}
