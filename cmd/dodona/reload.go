package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/node"
)

type reloadCommand struct{ nodeFlags }

// Help is what --help says beside the flags.
func (reloadCommand) Help() string {
	return "A mistake in the configuration changes nothing, and neither does what needs a restart; with --config mistakes are found here first."
}

// Run lets a node read its configuration again, and prints what changed.
func (c reloadCommand) Run(ctx context.Context, term terminal) error {
	if c.Config != "" {
		text, err := readWhole(c.Config, term.in)
		if err != nil {
			return failure{exitUsage, fmt.Errorf("read configuration: %w", err)}
		}
		term.in = bytes.NewReader(text)
		if err := checkWritten(text, c.Config); err != nil {
			return unchanged(term, err)
		}
	}
	asked, err := c.find(ctx, term)
	if err != nil {
		return err
	}
	body, err := asked.ask(ctx, http.MethodPost, "/v1/reload", "application/json")
	if refusal := (*refusalError)(nil); errors.As(err, &refusal) && refusal.status == http.StatusUnprocessableEntity {
		fmt.Fprintln(term.err, plain.Lines(refusal.Detail, maxLine)) // as check says it
		if refusal.Unchanged {
			return failure{code: exitUsage}
		}
		return failure{code: exitFailed}
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printRaw(term.out, body)
	}
	var done api.Reloaded
	if err := json.Unmarshal(body, &done); err != nil {
		return fmt.Errorf("read what was reloaded: %w", err)
	}
	for _, warning := range done.Warnings { // as check says them
		fmt.Fprintln(term.err, plain.Lines(warning, maxLine))
	}
	return printReloaded(term, done)
}

// checkWritten looks for mistakes in a configuration that is to run where the node is: files that it names are the node's to look at.
func checkWritten(text []byte, name string) error {
	loaded, err := config.Load(bytes.NewReader(text), name, allKinds())
	if err == nil {
		err = node.Check(loaded)
	}
	return err
}

// unchanged prints mistakes for whom nothing was changed.
func unchanged(term terminal, err error) error {
	if list := (*strict.MistakesError)(nil); errors.As(err, &list) {
		fmt.Fprintln(term.err, list.Fit(term.talkWidth()).Text("nothing was changed"))
		return failure{code: exitUsage}
	}
	return failure{exitUsage, err}
}

func printReloaded(term terminal, done api.Reloaded) error {
	changed := false
	for _, list := range []struct {
		verb  string
		names []string
	}{{"started", done.Started}, {"stopped", done.Stopped}, {"replaced", done.Replaced}, {"changed", done.Settings}} {
		if len(list.names) > 0 {
			changed = true
			if err := term.line("%-8s  %s", list.verb, strings.Join(list.names, ", ")); err != nil {
				return err
			}
		}
	}
	for _, r := range done.Renewed {
		if err := term.fold("%s is another feed now (%s): who has the old one gets nothing of it", printable(r.Name), printable(r.What)); err != nil {
			return err
		}
	}
	kept := "as before " + count(done.Kept, "source, feed or sink")
	if !changed {
		kept = "nothing changed; " + count(done.Kept, "source, feed or sink") + " as before"
	}
	return term.line("%s", kept)
}
