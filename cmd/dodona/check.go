package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/sign"
)

type checkCommand struct {
	configFile
	Expand bool `help:"Print the long form with every default."`
	JSON   bool `name:"json" help:"Print mistakes and warnings as JSON."`
}

// Run checks a configuration without dialling or writing anything. Files of keys that are there it looks at, as run does, and opens keystores with
// their passwords.
func (c checkCommand) Run(ctx context.Context, term terminal) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	loaded, err := configOpening(path, term.in, func() (folder, by string) { return runsBy(ctx, path) }, opens)
	list := (*strict.MistakesError)(nil)
	if err != nil && !errors.As(err, &list) {
		return failure{exitUsage, err}
	}
	if c.JSON {
		return c.report(term, loaded, list)
	}
	if list != nil {
		return mistakes(term, err)
	}
	warn(term, loaded)
	if c.Expand {
		text, err := loaded.Expand(allKinds())
		if err != nil {
			return err
		}
		_, err = bytes.NewReader(text).WriteTo(term.out)
		return err
	}
	units := count(len(loaded.Sources), "source") + ", " + count(len(loaded.Feeds), "feed")
	if n := len(loaded.Sinks); n > 0 {
		units += ", " + count(n, "sink")
	}
	warned := ""
	if n := len(loaded.Warnings); n > 0 {
		warned = ", " + count(n, "warning")
	}
	fmt.Fprintf(term.out, "%s: %s, no mistakes%s\n", path, units, warned)
	return nil
}

// opens says why a keystore cannot be opened with its password, which takes no more memory and time than sign allows. Whether this user may read it
// says nothing of the node.
func opens(setting string, k keyfile.Key) error {
	if _, err := sign.Open(setting, k); !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

func (c checkCommand) report(term terminal, loaded *config.Config, list *strict.MistakesError) error {
	out := struct {
		Mistakes []strict.Mistake `json:"mistakes"`
		More     int              `json:"more,omitempty"` // mistakes that are not among them
		Warnings []strict.Mistake `json:"warnings"`
	}{Mistakes: []strict.Mistake{}, Warnings: []strict.Mistake{}}
	if list != nil {
		out.Mistakes, out.More = list.Mistakes, list.More
		out.Warnings = append(out.Warnings, list.Warnings...)
	} else {
		out.Warnings = append(out.Warnings, loaded.Warnings...)
	}
	if err := printJSON(term.out, out); err != nil || list == nil {
		return err
	}
	return failure{code: exitUsage}
}

type schemaCommand struct{}

// Run prints the JSON Schema of the configuration, for editors.
func (schemaCommand) Run(term terminal) error {
	schema, err := config.Schema(allKinds())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(term.out, "%s\n", bytes.TrimRight(schema, "\n"))
	return err
}
