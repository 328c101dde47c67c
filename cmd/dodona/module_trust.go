package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/module/manifest"
)

type moduleTrustCommand struct {
	New    moduleTrustNewCommand    `cmd:"" help:"Make a trust file from public lines."`
	Add    moduleTrustAddCommand    `cmd:"" help:"Put keys into a copy of a trust file, one version higher."`
	Show   moduleTrustShowCommand   `cmd:"" help:"Say who may sign what."`
	Sign   moduleTrustSignCommand   `cmd:"" help:"Sign a trust file that follows the one in use, as its role root."`
	Update moduleTrustUpdateCommand `cmd:"" help:"Replace a trust file by one that its role root signed."`
}

// trustKeys name keys and thresholds.
type trustKeys struct {
	Root            []string `help:"Who may sign the next trust file (repeat): a file of public lines, or one such line." placeholder:"FILE" sep:"none"`
	Module          []string `help:"Who may sign modules (repeat)." placeholder:"FILE" sep:"none"`
	RootThreshold   int      `help:"How many of role root must sign together." placeholder:"K"`
	ModuleThreshold int      `help:"How many of role module must sign together." placeholder:"K"`
	Expires         string   `help:"Until when it is valid: a time, a day, or how long (365d); otherwise for ever." placeholder:"WHEN"`
}

// addTo puts the keys into t.
func (k trustKeys) addTo(t *manifest.Trust) error {
	for _, r := range []struct {
		role      *manifest.Role
		from      []string
		threshold int
	}{{&t.Roles.Root, k.Root, k.RootThreshold}, {&t.Roles.Module, k.Module, k.ModuleThreshold}} {
		keys, err := publicKeys(r.from)
		if err != nil {
			return err
		}
		for _, key := range keys {
			t.Keys[key.ID()] = key
			if !slices.Contains(r.role.Keys, key.ID()) {
				r.role.Keys = append(r.role.Keys, key.ID())
			}
		}
		if r.threshold != 0 {
			r.role.Threshold = r.threshold
		}
	}
	if k.Expires != "" {
		var err error
		if t.Expires, err = instant(k.Expires, time.Now()); err != nil {
			return failure{exitUsage, fmt.Errorf("--expires: %w", err)}
		}
	}
	if err := t.Check(); err != nil {
		return failure{exitUsage, err}
	}
	return nil
}

// publicKeys reads public lines. Empty lines and those that begin with # are comments.
func publicKeys(from []string) (keys []manifest.PublicKey, err error) {
	for _, text := range from {
		if !strings.HasPrefix(text, "ed25519 ") {
			raw, err := manifest.ReadFile(text, manifest.MaxTrust)
			if err != nil {
				return nil, fmt.Errorf("read public lines: %w", err)
			}
			text = string(raw)
		}
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' {
				continue
			}
			key, err := manifest.ParsePublicKey(line)
			if err != nil {
				return nil, failure{exitUsage, err}
			}
			keys = append(keys, key)
		}
	}
	return keys, nil
}

type moduleTrustNewCommand struct {
	File string `arg:"" help:"The trust file to make."`
	trustKeys
}

// Run makes a trust file. Without --root the keys of role module are those of root too.
func (c moduleTrustNewCommand) Run(term terminal) error {
	t := manifest.Trust{
		Format: manifest.Format, Version: 1, Keys: map[string]manifest.PublicKey{},
		Roles: manifest.Roles{Root: manifest.Role{Threshold: 1}, Module: manifest.Role{Threshold: 1}},
	}
	if len(c.Module) == 0 {
		return failure{exitUsage, errors.New("name at least one key that may sign modules: --module FILE")}
	}
	if len(c.Root) == 0 {
		c.Root = c.Module
		fmt.Fprintln(term.err, "no --root: the keys that sign modules may sign the next trust file too")
	}
	if err := c.addTo(&t); err != nil {
		return err
	}
	return saveTrust(term, c.File, t)
}

func saveTrust(term terminal, file string, t manifest.Trust) error {
	text, err := t.Bytes()
	if err != nil {
		return err
	}
	if err := durable.Create(file, text, 0o644); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("write trust file: %w: give it another name", err)
		}
		return fmt.Errorf("write trust file: %w", err)
	}
	fmt.Fprintf(term.err, "wrote %s\n", file)
	return printTrust(term, t)
}

func printTrust(term terminal, t manifest.Trust) error {
	until := "for ever"
	if !t.Expires.IsZero() {
		until = "until " + t.Expires.Format(time.RFC3339)
	}
	_, err := fmt.Fprintf(term.out, "version %d, valid %s\n", t.Version, until)
	for _, r := range []struct {
		name string
		manifest.Role
	}{{"root", t.Roles.Root}, {"module", t.Roles.Module}} {
		if err == nil {
			_, err = fmt.Fprintf(term.out, "%s: %d of\n", r.name, r.Threshold)
		}
		for _, id := range r.Keys {
			if err == nil {
				_, err = fmt.Fprintf(term.out, "  %s %s\n", id, t.Keys[id].Name)
			}
		}
	}
	return err
}

type moduleTrustAddCommand struct {
	File string `arg:"" help:"The trust file in use."`
	Out  string `arg:"" help:"The trust file to make."`
	trustKeys
	Drop []string `help:"The id of a key to take out of every role (repeat)." placeholder:"ID"`
}

// Run makes the trust file that is to follow another one. It takes effect where [moduleTrustUpdateCommand] puts it.
func (c moduleTrustAddCommand) Run(term terminal) error {
	t, err := readTrust(c.File)
	if err != nil {
		return err
	}
	t.Version++
	for _, id := range c.Drop {
		if _, found := t.Keys[id]; !found {
			return failure{exitUsage, fmt.Errorf("--drop %q: the trust file has the keys %s", id, strings.Join(slices.Sorted(maps.Keys(t.Keys)), ", "))}
		}
		delete(t.Keys, id)
		is := func(other string) bool { return other == id }
		t.Roles.Root.Keys = slices.DeleteFunc(t.Roles.Root.Keys, is)
		t.Roles.Module.Keys = slices.DeleteFunc(t.Roles.Module.Keys, is)
	}
	if err := c.addTo(&t); err != nil {
		return err
	}
	return saveTrust(term, c.Out, t)
}

type moduleTrustShowCommand struct {
	File string `arg:"" help:"The trust file."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run prints the roles.
func (c moduleTrustShowCommand) Run(term terminal) error {
	t, err := readTrust(c.File)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(term.out, t)
	}
	return printTrust(term, t)
}

type moduleTrustSignCommand struct {
	File string   `arg:"" help:"The trust file that is to follow, or its envelope to which a signature is added."`
	Key  []string `required:"" help:"A key of role root of the trust file in use (repeat)." placeholder:"FILE" sep:"none"`
	Out  string   `arg:"" help:"The envelope to make."`
}

// Run signs a trust file.
func (c moduleTrustSignCommand) Run(term terminal) error {
	keys, err := readKeys(c.Key)
	if err != nil {
		return err
	}
	raw, err := manifest.ReadFile(c.File, manifest.MaxEnvelope)
	if err != nil {
		return fmt.Errorf("read trust file: %w", err)
	}
	var signed []byte
	if e, parseErr := manifest.ParseEnvelope(raw); parseErr == nil && e.PayloadType == manifest.TrustType {
		for _, key := range keys {
			if err := e.Add(key); err != nil {
				return fmt.Errorf("sign %s: %w", c.File, err)
			}
		}
		signed = e.Bytes()
	} else {
		t, err := manifest.ReadTrust(raw)
		if err != nil {
			return failure{exitUsage, fmt.Errorf("read %s: %w", c.File, err)}
		}
		if signed, err = t.Sign(keys...); err != nil {
			return err
		}
	}
	if err := durable.Create(c.Out, signed, 0o644); err != nil {
		return fmt.Errorf("write envelope: %w", err)
	}
	fmt.Fprintf(term.err, "wrote %s; where the old trust file is in use run: dodona module trust update TRUST %s\n", c.Out, filepath.Base(c.Out))
	return nil
}

type moduleTrustUpdateCommand struct {
	File     string `arg:"" help:"The trust file in use."`
	Envelope string `arg:"" help:"The signed one that follows."`
}

// Run exits with 3 if the role root of the trust file in use did not sign the new one.
func (c moduleTrustUpdateCommand) Run(term terminal) error {
	t, err := readTrust(c.File)
	if err != nil {
		return err
	}
	raw, err := manifest.ReadFile(c.Envelope, manifest.MaxEnvelope)
	if err != nil {
		return fmt.Errorf("read envelope: %w", err)
	}
	next, err := t.Succeed(raw, time.Now())
	if err != nil {
		return failure{exitInvalid, fmt.Errorf("%s: %w", c.Envelope, err)}
	}
	text, err := next.Bytes()
	if err != nil {
		return err
	}
	if err := durable.Write(c.File, text, 0o644); err != nil {
		return fmt.Errorf("write trust file: %w", err)
	}
	fmt.Fprintf(term.err, "replaced %s\n", c.File)
	return printTrust(term, next)
}
