package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/sign"
)

// moduleCommand is what there is to do with modules.
type moduleCommand struct {
	New     moduleNewCommand     `cmd:"" help:"Make a folder with a module that builds as it is, and its tests."`
	Run     moduleRunCommand     `cmd:"" help:"Run a module on one event, without a node."`
	Test    moduleTestCommand    `cmd:"" help:"Run modules on recorded readings and compare what they answer (*_test.yaml)."`
	Key     moduleKeyCommand     `cmd:"" help:"Make a key that signs modules, and print its public line."`
	Trust   moduleTrustCommand   `cmd:"" help:"Say whose signatures count."`
	Sign    moduleSignCommand    `cmd:"" help:"Sign a module: what it is, and what it may do."`
	Inspect moduleInspectCommand `cmd:"" help:"Show what a module is, imports and asks for; needs no trust file."`
	Verify  moduleVerifyCommand  `cmd:"" help:"Verify a signed module; exits with 3 if it must not run."`
}

// readTrust reads a trust file. One that cannot be used is a mistake of the command line, not of the evidence.
func readTrust(path string) (manifest.Trust, error) {
	t, err := manifest.OpenTrust(path)
	if refusal := (*manifest.Refusal)(nil); errors.As(err, &refusal) {
		return t, failure{exitUsage, fmt.Errorf("read trust file %s: %w", path, err)}
	}
	if err != nil {
		return t, fmt.Errorf("read trust file: %w", err)
	}
	return t, nil
}

// readKeys reads key files.
func readKeys(paths []string) (keys []manifest.Key, err error) {
	for _, path := range paths {
		key, err := manifest.ReadKey(path)
		if _, _, other := sign.AddressIn(path); err != nil && (other == nil || errors.Is(other, sign.ErrNoAddress)) {
			err = failure{exitUsage, fmt.Errorf("%s is the key of a node or a sink (secp256k1), and modules are signed with keys of their own (Ed25519): `dodona module key FILE` makes one", path)}
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// instant reads a time: RFC 3339, a day, or how long from now. Empty is never.
func instant(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	d, err := unit.ParseDuration(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q: want a time (2027-01-31T12:00:00Z), a day (2027-01-31) or how long (365d)", text)
	}
	return now.Add(d).UTC().Truncate(time.Second), nil
}

type moduleKeyCommand struct {
	File string `arg:"" help:"The key file: PKCS #8 in PEM, for you alone."`
	Name string `help:"A name for people; otherwise that of the file." placeholder:"NAME"`
	Show bool   `help:"Only print the public line of a key that is there."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run makes a key. It never overwrites a file.
func (c moduleKeyCommand) Run(term terminal) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	name := c.Name
	if name == "" {
		name = strings.TrimSuffix(filepath.Base(c.File), filepath.Ext(c.File))
	}
	public := key.Public(name)
	if _, err := manifest.ParsePublicKey(public.String()); err != nil {
		return failure{exitUsage, fmt.Errorf("--name: %w", err)}
	}
	if !c.Show {
		if err := key.Write(c.File); err != nil {
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%w: move it away first, or print its public line with --show", err)
			}
			return err
		}
		fmt.Fprintf(term.err, "wrote %s, the key %s; its public line goes into trust files\n", c.File, key.ID())
	}
	if c.JSON {
		return printJSON(term.out, map[string]any{"id": public.ID(), "ed25519": public.Ed25519, "name": public.Name, "file": c.File})
	}
	_, err = fmt.Fprintln(term.out, public)
	return err
}

func (c moduleKeyCommand) key() (manifest.Key, error) {
	if c.Show {
		return manifest.ReadKey(c.File)
	}
	return manifest.NewKey()
}
