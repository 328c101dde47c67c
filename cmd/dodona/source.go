package main

import (
	"context"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/source"
)

type sourceReadCommand struct {
	configFile
	Source string        `help:"The source's name; not needed if the configuration has one." placeholder:"NAME"`
	Wait   time.Duration `help:"How long to wait." default:"30s"`
	JSON   bool          `name:"json" help:"Print JSON."`
}

// Run makes one exchange and prints the readings. Nothing is journaled or acknowledged.
func (c sourceReadCommand) Run(ctx context.Context, term terminal) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	loaded, err := loadConfig(path, term.in)
	if err != nil {
		return mistakes(term, err)
	}
	if c.Source == "" && len(loaded.Sources) == 1 {
		c.Source = loaded.Sources[0].Name
	}
	s, found := loaded.Source(c.Source)
	if !found {
		return failure{exitUsage, fmt.Errorf("no source %q in %s; name one with --source", c.Source, path)}
	}
	ctx, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	batch, err := readOnce(ctx, s.Kind, s.Name, s.Settings)
	if err != nil {
		return fmt.Errorf("read source %s: %w", s.Name, err)
	}
	if c.JSON {
		return printJSON(term.out, batch.Readings)
	}
	for _, r := range batch.Readings {
		fmt.Fprintln(term.err, printable(fmt.Sprintf("%s %s %s", r.Received.Format(time.RFC3339), r.Detail, r.Item)))
		if err := term.text(r.Body); err != nil {
			return err
		}
	}
	return nil
}

func readOnce(ctx context.Context, kind, name string, settings any) (batch dodona.Batch, err error) {
	for _, k := range all.Sources() {
		if k.Name() != kind {
			continue
		}
		opened, err := k.Open(ctx, settings, source.Env{Source: name, Version: release})
		if err != nil {
			return batch, err
		}
		defer opened.Close()
		return opened.Observe(ctx)
	}
	return batch, fmt.Errorf("this build has no kind %q", kind)
}
