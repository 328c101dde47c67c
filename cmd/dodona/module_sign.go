package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
)

type moduleSignCommand struct {
	File         string   `arg:"" help:"The module (Wasm)."`
	Key          []string `required:"" help:"A key that signs (repeat)." placeholder:"FILE" sep:"none"`
	Name         string   `help:"Its name in feeds." placeholder:"NAME"`
	Release      string   `help:"Its version, such as 1.0.0 (semver.org)." placeholder:"VERSION"`
	Sequence     uint64   `help:"Grows with every release of the name: nodes refuse lower ones than they have seen." placeholder:"N"`
	Ask          []string `help:"What it may do (repeat): ${asks}." placeholder:"CAPABILITY" sep:"none"`
	Capabilities string   `help:"The same from a file, as JSON." placeholder:"FILE"`
	Pages        uint32   `help:"Memory that it needs, in pages of 64 KiB; 16 if left out." placeholder:"N"`
	Fuel         uint64   `help:"Fuel that an event needs at most; 10,000,000 if left out." placeholder:"N"`
	Depth        uint32   `help:"Depth of calls that it needs; 512 if left out." placeholder:"N"`
	LogBytes     uint32   `help:"Bytes that it logs in an event; 4,096 if left out." placeholder:"N"`
	NotBefore    string   `help:"From when it is valid: a time, a day, or how long from now." placeholder:"WHEN"`
	Expires      string   `help:"Until when it is valid; otherwise for ever." placeholder:"WHEN"`
	Out          string   `help:"The folder for NAME-VERSION.wasm and NAME-VERSION.json; otherwise that of the module." placeholder:"DIR"`
	Add          bool     `help:"Only add a signature to the envelope beside the module."`
}

// Run writes the envelope, and the module under the name by which nodes find it. It never replaces an envelope: what
// was released stays what it is.
func (c moduleSignCommand) Run(term terminal) error {
	keys, err := readKeys(c.Key)
	if err != nil {
		return err
	}
	if c.Add {
		return c.add(term, keys)
	}
	code, err := manifest.ReadFile(c.File, manifest.MaxWasm)
	if err != nil {
		return fmt.Errorf("read module: %w", err)
	}
	m, err := c.manifest(time.Now())
	if err != nil {
		return failure{exitUsage, err}
	}
	if _, err := module.Check(code, m.Limits, m.Capabilities); err != nil {
		return fmt.Errorf("nothing was signed, because no node would run %s: %w", c.File, err)
	}
	m.Module = sha256.Sum256(code)
	envelope, err := manifest.Sign(m, keys...)
	if err != nil {
		return failure{exitUsage, err}
	}
	return c.write(term, m, code, envelope)
}

// manifest is what the flags say.
func (c moduleSignCommand) manifest(now time.Time) (m manifest.Manifest, err error) {
	if c.Name == "" || c.Release == "" || c.Sequence == 0 {
		return m, errors.New("a release needs --name NAME, --release VERSION and --sequence N, the first 1")
	}
	m = manifest.Manifest{
		Format: manifest.Format, Name: c.Name, Version: c.Release, Sequence: c.Sequence, ABI: manifest.ABI,
		Limits: manifest.Limits{Pages: c.Pages, Fuel: c.Fuel, Depth: c.Depth, LogBytes: c.LogBytes},
	}
	if c.Capabilities != "" {
		raw, err := manifest.ReadFile(c.Capabilities, manifest.MaxEnvelope)
		if err != nil {
			return m, fmt.Errorf("read capabilities: %w", err)
		}
		if m.Capabilities, err = manifest.ParseCapabilities(raw); err != nil {
			return m, fmt.Errorf("read capabilities %s: %w", c.Capabilities, err)
		}
	}
	for _, text := range c.Ask {
		if err := m.Capabilities.Add(text); err != nil {
			return m, fmt.Errorf("--ask: %w", err)
		}
	}
	if m.NotBefore, err = instant(c.NotBefore, now); err != nil {
		return m, fmt.Errorf("--not-before: %w", err)
	}
	if m.Expires, err = instant(c.Expires, now); err != nil {
		return m, fmt.Errorf("--expires: %w", err)
	}
	return m, nil
}

func (c moduleSignCommand) write(term terminal, m manifest.Manifest, code, envelope []byte) error {
	dir := c.Out
	if dir == "" {
		dir = filepath.Dir(c.File)
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	base := filepath.Join(dir, m.Name+"-"+m.Version)
	switch there, err := manifest.ReadFile(base+".wasm", manifest.MaxWasm); {
	case errors.Is(err, fs.ErrNotExist):
		if err := durable.Create(base+".wasm", code, 0o644); err != nil {
			return fmt.Errorf("write module: %w", err)
		}
		fmt.Fprintf(term.err, "wrote %s\n", base+".wasm")
	case err != nil:
		return fmt.Errorf("read module: %w", err)
	case !bytes.Equal(there, code):
		return fmt.Errorf("%s.wasm is there with other bytes: a release stays what it is, so sign a new one, or remove it", base)
	}
	if err := durable.Create(base+".json", envelope, 0o644); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("write envelope: %w: a release stays what it is; sign a new one, add a signature with --add, or remove it", err)
		}
		return fmt.Errorf("write envelope: %w", err)
	}
	fmt.Fprintf(term.err, "wrote %s.json\n", base)
	return describe(term.out, m)
}

// add signs an envelope once more, for modules that several people must sign.
func (c moduleSignCommand) add(term terminal, keys []manifest.Key) error {
	file := manifest.EnvelopeOf(c.File)
	raw, err := manifest.ReadFile(file, manifest.MaxEnvelope)
	if err != nil {
		return fmt.Errorf("read envelope: %w", err)
	}
	m, err := manifest.Unverified(raw)
	if err != nil {
		return failure{exitInvalid, fmt.Errorf("%s: %w", file, err)}
	}
	code, err := manifest.ReadFile(c.File, manifest.MaxWasm)
	if err != nil {
		return fmt.Errorf("read module: %w", err)
	}
	if m.Module != sha256.Sum256(code) {
		return failure{exitInvalid, fmt.Errorf("%s is not for the bytes of %s: nothing was signed", file, c.File)}
	}
	e, err := manifest.ParseEnvelope(raw)
	if err != nil {
		return failure{exitInvalid, fmt.Errorf("%s: %w", file, err)}
	}
	for _, key := range keys {
		if err := e.Add(key); err != nil {
			return fmt.Errorf("sign %s: %w", file, err)
		}
	}
	if err := durable.Write(file, e.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write envelope: %w", err)
	}
	fmt.Fprintf(term.err, "%s has %s now\n", file, count(len(e.Signatures), "signature"))
	return describe(term.out, m)
}
