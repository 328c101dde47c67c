package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// trialLimits bound a module that no manifest speaks for.
type trialLimits struct {
	Pages uint32 `help:"Memory that it may take, in pages of 64 KiB; 16 if left out. For unsigned modules, as --fuel and --depth." placeholder:"N"`
	Fuel  uint64 `help:"Fuel that the event may take; 10,000,000 if left out." placeholder:"N"`
	Depth uint32 `help:"Depth of calls; 512 if left out." placeholder:"N"`
}

// A trial is a module that is to be tried here, without a node.
type trial struct {
	wasm     []byte
	manifest manifest.Manifest
	signed   bool
}

// signedTrial reads a module that the keys of a trust file must have signed.
func signedTrial(file, trustFile string) (t trial, err error) {
	if t.wasm, err = manifest.ReadFile(file, manifest.MaxWasm); err != nil {
		return t, fmt.Errorf("read module: %w", err)
	}
	envelope, err := manifest.ReadFile(manifest.EnvelopeOf(file), manifest.MaxEnvelope)
	if errors.Is(err, fs.ErrNotExist) {
		return t, fmt.Errorf("%s is not signed: there is no %s beside it; sign it (dodona module sign), or say --unsigned", file, filepath.Base(manifest.EnvelopeOf(file)))
	}
	if err != nil {
		return t, fmt.Errorf("read envelope: %w", err)
	}
	if trustFile == "" {
		return t, errors.New("whose signature counts is not said: name a trust file with --trust, or say --unsigned")
	}
	trust, err := readTrust(trustFile)
	if err != nil {
		return t, err
	}
	if t.manifest, err = trust.VerifyBytes(t.wasm, envelope, time.Now()); err != nil {
		return t, fmt.Errorf("%s: %w", file, err)
	}
	t.signed = true
	return t, nil
}

// unsignedTrial reads a module whoever made it, and asks for it what is granted. Manifests beside it do not count.
func unsignedTrial(file string, l trialLimits, granted manifest.Capabilities) (t trial, err error) {
	if t.wasm, err = manifest.ReadFile(file, manifest.MaxWasm); err != nil {
		return t, fmt.Errorf("read module: %w", err)
	}
	t.manifest = manifest.Manifest{
		Format: manifest.Format, Name: "unsigned", Version: "0.0.0", Sequence: 1, ABI: manifest.ABI,
		Module: sha256.Sum256(t.wasm), Capabilities: granted,
		Limits: manifest.Limits{Pages: l.Pages, Fuel: l.Fuel, Depth: l.Depth},
	}
	if err := t.manifest.Check(time.Now()); err != nil {
		return t, err
	}
	t.manifest.Name, t.manifest.Version = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), ""
	return t, nil
}

// spec returns how to load the module where g is granted. What it needs beyond that is an error that names it.
func (t trial) spec(g grants, params map[string]string) (module.Spec, error) {
	if lacking := g.lacking(t.needs()); len(lacking) > 0 {
		return module.Spec{}, fmt.Errorf("%s needs what is not granted; grant it: %s", t.manifest.Name, strings.Join(lacking, ", "))
	}
	given := t.manifest.Capabilities.Intersect(g.Capabilities)
	return module.Spec{
		Name: t.manifest.Name, Version: t.manifest.Version, Wasm: t.wasm, Limits: t.manifest.Limits, Params: params,
		Capabilities: given, Host: g.host(given), Dir: g.dir,
	}, nil
}

// needs are the capabilities without which no node would run the module.
func (t trial) needs() []string {
	if t.signed {
		return grantTexts(t.manifest.Capabilities)
	}
	return importedGrants(t.wasm)
}

// A trialResult is what became of one event, as --json prints it.
type trialResult struct {
	Points    []dodona.Point    `json:"points"`
	Fuel      uint64            `json:"fuel"`
	PeakBytes int64             `json:"peak_bytes"`
	MS        float64           `json:"ms"`
	Calls     map[string]int    `json:"calls"`
	Error     *string           `json:"error"` // null: it answered
	Cause     module.Cause      `json:"cause,omitempty"`
	Code      int32             `json:"code,omitempty"`
	Output    []byte            `json:"output,omitempty"`
	State     map[string][]byte `json:"state,omitempty"`
	Logs      []trialLine       `json:"logs,omitempty"`
}

type trialLine struct {
	Level string `json:"level"`
	Text  string `json:"text"`
}

// tryEvent gives a module one event. A failed event has no points, as in a node.
func tryEvent(ctx context.Context, m *module.Module, ev module.Event) trialResult {
	o, err := m.Run(ctx, ev)
	r := trialResult{
		Points: []dodona.Point{}, Fuel: o.Fuel, PeakBytes: o.PeakBytes, MS: float64(o.Took.Microseconds()) / 1000,
		Calls: map[string]int{}, Output: o.Output, State: o.State,
	}
	if o.Calls != nil {
		r.Calls = o.Calls
	}
	for _, l := range o.Logs {
		r.Logs = append(r.Logs, trialLine{strings.ToLower(l.Level.String()), l.Text})
	}
	if err != nil {
		r.fail(err)
		return r
	}
	r.Points = append(r.Points, o.Points...)
	return r
}

// fail notes why there is no answer.
func (r *trialResult) fail(err error) {
	text := err.Error()
	r.Error = &text
	if failed := (*module.Error)(nil); errors.As(err, &failed) {
		r.Cause, r.Code = failed.Cause, failed.Code
	}
}
