package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// serviceConfig is the configuration of the service that a package installs.
const serviceConfig = "/etc/dodona/dodona.yaml"

type supportCommand struct {
	nodeFlags
	Output string `short:"o" help:"The archive to write; - is standard output. A new file here if left out." placeholder:"FILE"`
	Unit   string `help:"The node's unit of systemd." default:"dodona" placeholder:"NAME"`
}

// Help is what --help says beside the flags.
func (supportCommand) Help() string {
	return "It changes nothing and sends nothing. It works while the node is down, its configuration is wrong or its folder cannot be read: what is " +
		"missing is named with the reason. Without --config it is of the configuration that the node itself names, if a process of yours, of root or of the service is seen to run by it. Secrets are ••• in it; look through it all the same before you give it away."
}

// Run writes an archive with what is known of a node, its secrets taken out, and lists it.
func (c supportCommand) Run(ctx context.Context, term terminal) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	now := time.Now().UTC()
	name := "dodona-support-" + now.Format("20060102T150405Z")
	path, err := filepath.Abs(cmp.Or(c.Output, name+".tar.gz"))
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil && c.Output != "-" {
		return overwriting(path, " with --output")
	}
	scene, err := c.look(ctx, term.in)
	if err != nil {
		return err
	}
	parts := gather(ctx, scene)
	if ctx.Err() != nil {
		return errors.New("interrupted; nothing was written")
	}
	content, list, err := pack(name, now, parts)
	if err != nil {
		return fmt.Errorf("pack the archive: %w", err)
	}
	if c.Output == "-" {
		if _, err := term.out.Write(content); err != nil {
			return err
		}
		term.out = term.err
	} else if err := durable.Create(path, content, 0o600); errors.Is(err, fs.ErrExist) {
		return overwriting(path, " with --output")
	} else if err != nil {
		return fmt.Errorf("%w; nothing was written (--output FILE writes elsewhere, --output - to standard output)", err)
	}
	if c.JSON {
		return printJSON(term.out, list)
	}
	return c.tell(term, path, len(content), list)
}

// overwriting is the failure of what would overwrite a file. How says by which flag another one is named.
func overwriting(path, how string) error {
	return failure{exitUsage, fmt.Errorf("%s is there already, and nothing is overwritten; name another file%s", path, how)}
}

// tell lists what is in the archive, and says what to look at before it is given away.
func (c supportCommand) tell(term terminal, path string, size int, list contents) error {
	t := table.Table{Columns: []table.Column{{Name: "part", Whole: true}, {Name: "size", Right: true}, {Name: "taken out", Right: true}, {Name: "is", Least: 20}}}
	told := map[string]string{}
	for _, m := range list.Members {
		row := table.Cells(m.Name, unit.About(int64(m.Bytes)), "", m.Is)
		if n := m.taken(); n > 0 {
			row[2].Text = fmt.Sprint(n)
		}
		why := m.Missing
		if why != "" {
			row[1].Text = "missing"
			if first := told[why]; first != "" {
				why = "for the same reason as " + first
			} else {
				told[why] = m.Name
			}
		}
		t.Add(row, table.Cell{Text: why, Style: table.Yellow})
	}
	if err := term.table(t); err != nil {
		return err
	}
	lines := []string{""}
	if c.Output != "-" {
		lines = append(lines, fmt.Sprintf("wrote %s, %s, which only you can read (mode 0600)", path, unit.About(int64(size))),
			"look through it before you give it away: tar -xzOf "+plain.ShellWord(printable(path))+" | less")
	}
	for _, line := range lines {
		if err := term.line("%s", line); err != nil {
			return err
		}
	}
	for _, line := range list.Caution {
		if err := term.fold("%s", line); err != nil {
			return err
		}
	}
	return nil
}
