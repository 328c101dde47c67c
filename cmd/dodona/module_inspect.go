package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/module/wasm"
)

// describe tells a manifest to people. It may be a stranger's, and unverified.
func describe(out io.Writer, m manifest.Manifest) error {
	until := "for ever"
	if !m.Expires.IsZero() {
		until = "until " + m.Expires.Format(time.RFC3339)
	}
	if !m.NotBefore.IsZero() {
		until = "from " + m.NotBefore.Format(time.RFC3339) + " " + until
	}
	sentences := m.Capabilities.Sentences()
	for i := range sentences {
		sentences[i] = printable(sentences[i])
	}
	l := m.Limits.WithDefaults()
	_, err := fmt.Fprintf(out, "%s %s, sequence %d, for %s, valid %s\nWasm with SHA-256 %s\n%s\nat most %s of memory, %d fuel an event, call depth %d, %s of log\n",
		printable(m.Name), printable(m.Version), m.Sequence, printable(m.ABI), until, m.Module, strings.Join(sentences, "\n"),
		unit.Size(int64(l.Pages)<<16), l.Fuel, l.Depth, unit.Size(int64(l.LogBytes)))
	return err
}

type moduleInspectCommand struct {
	File  string `arg:"" help:"A module (Wasm) or an envelope."`
	Trust string `help:"Also say whose signatures are right." placeholder:"FILE"`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// An inspection is what can be seen of a module.
type inspection struct {
	File     string             `json:"file"`
	Digest   *dodona.Digest     `json:"digest,omitempty"`  // of the Wasm; absent for an envelope alone
	Bytes    int                `json:"bytes,omitempty"`   // of the Wasm
	Imports  []inspectedImport  `json:"imports,omitempty"` // of the Wasm
	Manifest *manifest.Manifest `json:"manifest,omitempty"`
	Says     []string           `json:"says,omitempty"`     // the manifest's capabilities in sentences
	Signed   []string           `json:"signed,omitempty"`   // key ids that the envelope names
	Verified []string           `json:"verified,omitempty"` // keys of the trust file whose signatures are right
	Problems []string           `json:"problems,omitempty"`
}

type inspectedImport struct {
	Name  string `json:"name"`
	Needs string `json:"needs,omitempty"` // a capability
	Known bool   `json:"known"`
}

// Run shows what is there. It is no judgement: that is what verify is for.
func (c moduleInspectCommand) Run(term terminal) error {
	raw, err := manifest.ReadFile(c.File, manifest.MaxWasm)
	if err != nil {
		return fmt.Errorf("read module: %w", err)
	}
	in := inspection{File: c.File}
	envelope := raw
	if bytes.HasPrefix(raw, []byte("\x00asm")) {
		in.code(raw)
		if envelope, err = manifest.ReadFile(manifest.EnvelopeOf(c.File), manifest.MaxEnvelope); errors.Is(err, fs.ErrNotExist) {
			envelope = nil
			in.Problems = append(in.Problems, "unsigned: there is no "+manifest.EnvelopeOf(c.File))
		} else if err != nil {
			return fmt.Errorf("read envelope: %w", err)
		}
	}
	if envelope != nil {
		if err := in.envelope(envelope, c.Trust); err != nil {
			return err
		}
	}
	in.compare(raw)
	if c.JSON {
		return printJSON(term.out, in)
	}
	return in.print(term.out)
}

func (in *inspection) code(raw []byte) {
	digest := dodona.Digest(sha256.Sum256(raw))
	in.Digest, in.Bytes = &digest, len(raw)
	m, err := parseWasm(raw)
	if err != nil {
		in.Problems = append(in.Problems, err.Error())
		return
	}
	for _, i := range m.Imports {
		needs, known := module.Needs(i.Module, i.Name)
		in.Imports = append(in.Imports, inspectedImport{i.Module + "." + i.Name, needs, known})
	}
}

// parseWasm reads a module without a judgement.
func parseWasm(code []byte) (*wasm.Module, error) {
	core, err := wasm.Unwrap(code)
	if err != nil {
		return nil, err
	}
	return wasm.Parse(core)
}

func (in *inspection) envelope(raw []byte, trust string) error {
	m, err := manifest.Unverified(raw)
	if err != nil {
		in.Problems = append(in.Problems, err.Error())
		return nil
	}
	in.Manifest, in.Says = &m, m.Capabilities.Sentences()
	e, err := manifest.ParseEnvelope(raw)
	if err != nil {
		return err // Unverified has read it
	}
	for _, s := range e.Signatures {
		in.Signed = append(in.Signed, s.KeyID)
	}
	if err := m.Check(time.Now()); err != nil {
		in.Problems = append(in.Problems, err.Error())
	}
	if trust == "" {
		return nil
	}
	t, err := readTrust(trust)
	if err != nil {
		return err
	}
	in.Verified = t.Signers(e)
	if _, err := manifest.Open(raw, t, time.Now()); err != nil && !slices.Contains(in.Problems, err.Error()) {
		in.Problems = append(in.Problems, err.Error())
	}
	return nil
}

// compare adds what Wasm and manifest say differently.
func (in *inspection) compare(code []byte) {
	if in.Digest == nil {
		return
	}
	var limits manifest.Limits
	var asked manifest.Capabilities
	if in.Manifest != nil {
		limits, asked = in.Manifest.Limits, in.Manifest.Capabilities
		if in.Manifest.Module != *in.Digest {
			in.Problems = append(in.Problems, fmt.Sprintf("%s: the manifest is for other bytes, with the SHA-256 %s", manifest.Tampered, in.Manifest.Module))
		}
	} else {
		limits = manifest.Limits{Pages: manifest.MaxPages}
		asked = manifest.Everything()
	}
	if _, err := module.Check(code, limits, asked); err != nil && !slices.Contains(in.Problems, err.Error()) {
		in.Problems = append(in.Problems, err.Error())
	}
}

func (in *inspection) print(out io.Writer) error {
	var b strings.Builder
	if in.Digest != nil {
		fmt.Fprintf(&b, "%s: Wasm, %s, SHA-256 %s\n", in.File, count(in.Bytes, "byte"), in.Digest)
	}
	for _, i := range in.Imports {
		line := "imports " + i.Name
		if i.Needs != "" {
			line += ", which needs " + i.Needs
		}
		if !i.Known {
			line += ", which Dodona does not have"
		}
		fmt.Fprintln(&b, printable(line))
	}
	if in.Manifest != nil {
		if err := describe(&b, *in.Manifest); err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s, not verified: %s\n", count(len(in.Signed), "signature"), printable(strings.Join(in.Signed, ", ")))
	}
	for _, who := range in.Verified {
		fmt.Fprintf(&b, "verified: signed by %s\n", who)
	}
	for _, p := range in.Problems {
		fmt.Fprintf(&b, "problem: %s\n", printable(p))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

type moduleVerifyCommand struct {
	File      string `arg:"" help:"The module (Wasm); its envelope is beside it."`
	Trust     string `required:"" help:"Whose signatures count." placeholder:"FILE"`
	Envelope  string `help:"The envelope, if it is elsewhere." placeholder:"FILE"`
	Sequences string `help:"Also refuse roll-backs: the file that remembers the newest releases." placeholder:"FILE"`
	JSON      bool   `name:"json" help:"Print JSON."`
}

// Run exits with 3 if the module must not run.
func (c moduleVerifyCommand) Run(term terminal) error {
	t, err := readTrust(c.Trust)
	if err != nil {
		return err
	}
	m, err := c.verify(t)
	if refused := (*manifest.Refusal)(nil); errors.As(err, &refused) {
		if c.JSON {
			if err := printJSON(term.out, map[string]any{"valid": false, "reason": refused.Reason, "what": refused.What, "do": refused.Do}); err != nil {
				return err
			}
		}
		return failure{exitInvalid, fmt.Errorf("%s: %w", c.File, err)}
	}
	if refused := (*wasm.Refusal)(nil); errors.As(err, &refused) {
		return failure{exitInvalid, fmt.Errorf("%s is signed, but no node would run it: %w", c.File, err)}
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(term.out, map[string]any{"valid": true, "manifest": m})
	}
	fmt.Fprintf(term.err, "%s: valid\n", c.File)
	return describe(term.out, m)
}

func (c moduleVerifyCommand) verify(t manifest.Trust) (m manifest.Manifest, err error) {
	code, err := manifest.ReadFile(c.File, manifest.MaxWasm)
	if err != nil {
		return m, fmt.Errorf("read module: %w", err)
	}
	if c.Envelope == "" {
		c.Envelope = manifest.EnvelopeOf(c.File)
	}
	envelope, err := manifest.ReadFile(c.Envelope, manifest.MaxEnvelope)
	if errors.Is(err, fs.ErrNotExist) {
		return m, &manifest.Refusal{Reason: manifest.Unsigned, What: "there is no envelope " + c.Envelope, Do: "sign it with dodona module sign, or say where it is with --envelope"}
	}
	if err != nil {
		return m, fmt.Errorf("read envelope: %w", err)
	}
	if m, err = t.VerifyBytes(code, envelope, time.Now()); err != nil {
		return m, err
	}
	if _, err := module.Check(code, m.Limits, m.Capabilities); err != nil {
		return m, err
	}
	if c.Sequences != "" {
		err = manifest.Remember(c.Sequences, m)
	}
	return m, err
}
