package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/all"
	manuals "github.com/dodona-oracle/dodona/docs/kinds"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/table"
)

type kindsCommand struct {
	Kind string `arg:"" optional:"" help:"A kind, to see its settings."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// coming are kinds that people look for and that no build has yet.
var coming = []string{"mqtt", "modbus", "opcua", "coap", "serial", "sql", "amqp", "kafka"}

// Run lists the kinds of sources and sinks in this build, or the manual of one.
func (c kindsCommand) Run(term terminal) error {
	if c.Kind != "" {
		return c.manual(term)
	}
	var names []string
	for _, k := range allKinds() {
		names = append(names, k.Name())
	}
	if c.JSON {
		return printJSON(term.out, names)
	}
	sources := len(all.Sources())
	for _, group := range []struct {
		title string
		names []string
	}{{"sources, which bring readings in:", names[:sources]}, {"sinks, which take answers out:", names[sources:]}} {
		fmt.Fprintln(term.out, group.title)
		list := table.Table{Margin: 2, Columns: []table.Column{{}, {}}}
		for _, name := range group.names {
			list.Rows = append(list.Rows, table.Cells(name, about(name)))
		}
		if err := term.table(list); err != nil {
			return err
		}
	}
	fmt.Fprintln(term.err, "the settings of one: dodona kinds NAME")
	return nil
}

func (c kindsCommand) manual(term terminal) error {
	text, err := manuals.Files.ReadFile(c.Kind + ".md")
	if err == nil {
		_, err = term.out.Write(text)
		return err
	}
	var names []string
	for _, k := range allKinds() {
		names = append(names, k.Name())
	}
	why := "there are " + strict.ListOf(names)
	if near := strict.Nearest(c.Kind, names); near != "" {
		why = "did you mean " + near + "? " + why
	} else if slices.Contains(coming, strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(c.Kind))) {
		why = "it is to come; until then what reads it can write a file of lines, or answer http; " + why
	}
	return failure{exitUsage, fmt.Errorf("no kind %s in this build; %s", plain.Quote(c.Kind, mostName), why)}
}

// about is what the manual of a kind says of it first.
func about(name string) string {
	text, err := manuals.Files.ReadFile(name + ".md")
	if err != nil {
		return ""
	}
	for _, paragraph := range strings.Split(string(text), "\n\n") {
		if paragraph != "" && !strings.HasPrefix(paragraph, "<!--") && !strings.HasPrefix(paragraph, "#") {
			return strings.Join(strings.Fields(paragraph), " ")
		}
	}
	return ""
}
