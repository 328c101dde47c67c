// Package trial runs modules without a node: on one event, or on the cases of a file of tests beside a module. It says what
// a module that is tried may reach and finds there, and where what it answered is not what was expected.
package trial

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

// Limits bound a module that no manifest speaks for.
type Limits struct {
	Pages uint32
	Fuel  uint64
	Depth uint32
}

// A Module is a module that is to be tried here, without a node.
type Module struct {
	wasm     []byte
	manifest manifest.Manifest
	signed   bool
}

// Signed reads a module that the keys of a trust file must have signed; nil if nobody named one.
func Signed(file string, trust *manifest.Trust) (t Module, err error) {
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
	if trust == nil {
		return t, errors.New("whose signature counts is not said: name a trust file with --trust, or say --unsigned")
	}
	if t.manifest, err = trust.VerifyBytes(t.wasm, envelope, time.Now()); err != nil {
		return t, fmt.Errorf("%s: %w", file, err)
	}
	t.signed = true
	return t, nil
}

// Unsigned reads a module whoever made it, and asks for it what is granted. Manifests beside it do not count.
func Unsigned(file string, l Limits, granted manifest.Capabilities) (t Module, err error) {
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

// Spec returns how to load the module where g is granted. What it needs beyond that is an error that names it.
func (t Module) Spec(g Grants, params map[string]string) (module.Spec, error) {
	if lacking := g.lacking(t.needs()); len(lacking) > 0 {
		return module.Spec{}, fmt.Errorf("%s needs what is not granted; grant it: %s", t.manifest.Name, strings.Join(lacking, ", "))
	}
	given := t.manifest.Capabilities.Intersect(g.Capabilities)
	return module.Spec{
		Name: t.manifest.Name, Version: t.manifest.Version, Wasm: t.wasm, Limits: t.manifest.Limits, Params: params,
		Capabilities: given, Host: g.host(), Dir: g.dir,
	}, nil
}

// needs are the capabilities without which no node would run the module.
func (t Module) needs() []string {
	if t.signed {
		return grantTexts(t.manifest.Capabilities)
	}
	return importedGrants(t.wasm)
}

// A Result is what became of one event, as --json prints it.
type Result struct {
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
	Logs      []Line            `json:"logs,omitempty"`
}

// A Line is one of a module's log lines.
type Line struct {
	Level string `json:"level"`
	Text  string `json:"text"`
}

// Try gives a module one event. A failed event has no points, as in a node.
func Try(ctx context.Context, m *module.Module, ev module.Event) Result {
	o, err := m.Run(ctx, ev)
	r := Result{
		Points: []dodona.Point{}, Fuel: o.Fuel, PeakBytes: o.PeakBytes, MS: float64(o.Took.Microseconds()) / 1000,
		Calls: map[string]int{}, Output: o.Output, State: o.State,
	}
	if o.Calls != nil {
		r.Calls = o.Calls
	}
	for _, l := range o.Logs {
		r.Logs = append(r.Logs, Line{strings.ToLower(l.Level.String()), l.Text})
	}
	if err != nil {
		r.fail(err)
		return r
	}
	r.Points = append(r.Points, o.Points...)
	return r
}

// Failed returns the result of an event that never was.
func Failed(err error) Result {
	r := Result{Points: []dodona.Point{}, Calls: map[string]int{}}
	r.fail(err)
	return r
}

// fail notes why there is no answer.
func (r *Result) fail(err error) {
	text := err.Error()
	r.Error = &text
	if failed := (*module.Error)(nil); errors.As(err, &failed) {
		r.Cause, r.Code = failed.Cause, failed.Code
	}
}
