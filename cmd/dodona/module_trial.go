package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// maxWasm bounds a module's file. Package module refuses far smaller ones, but says why.
const maxWasm = 64 << 20

// compileWorkerCommand is how Dodona starts itself to compile a module: in a process that may be killed.
type compileWorkerCommand struct {
	Args []string `arg:"" optional:"" passthrough:""`
}

// Run never returns.
func (c compileWorkerCommand) Run(term terminal) error {
	os.Exit(module.CompileWorker(term.in, c.Args))
	return nil
}

// A trial is a module that is tried here, without a node.
type trial struct {
	file     string // of the Wasm
	spec     module.Spec
	manifest *manifest.Manifest // beside the file; nil if there is none
	grants   grants
	trace    bool

	engine *module.Engine
	module *module.Module
}

// readTrial reads a module, and the manifest beside it.
func readTrial(file string, trust *manifest.Trust, unsigned bool) (*trial, error) {
	wasm, err := readFile(file, maxWasm)
	if err != nil {
		return nil, fmt.Errorf("read module: %w", err)
	}
	base := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	t := &trial{file: file, spec: module.Spec{Name: base, Wasm: wasm}}
	if err := t.readManifest(trust, unsigned); err != nil {
		return nil, err
	}
	if t.manifest == nil {
		return t, nil
	}
	t.spec.Name, t.spec.Version, t.spec.Limits = t.manifest.Name, t.manifest.Version, t.manifest.Limits
	return t, nil
}

// readManifest reads FILE's sibling with the ending .json, if there is one.
func (t *trial) readManifest(trust *manifest.Trust, unsigned bool) error {
	file := strings.TrimSuffix(t.file, filepath.Ext(t.file)) + ".json"
	envelope, err := readFile(file, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		if unsigned {
			return nil
		}
		return fmt.Errorf("%s is not signed: there is no manifest %s; to run it all the same say --unsigned", t.file, file)
	}
	if err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	var m manifest.Manifest
	switch {
	case trust != nil:
		m, err = manifest.Open(envelope, *trust, time.Now())
	case unsigned:
		m, err = manifest.Unverified(envelope)
	default:
		return fmt.Errorf("whose signature counts is not said: name a trust file with --trust, or say --unsigned")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if m.Module != sha256.Sum256(t.spec.Wasm) && !unsigned {
		return fmt.Errorf("%s is not the module that %s is about: its digest is another one", t.file, file)
	}
	t.manifest = &m
	return nil
}

// load checks, compiles and warms up the module with what is granted.
func (t *trial) load(ctx context.Context, g grants) (err error) {
	t.grants = g
	t.spec.Capabilities = g.Capabilities
	if t.manifest != nil {
		if missing := t.manifest.Capabilities.Missing(g.Capabilities); len(missing) > 0 {
			return fmt.Errorf("%s asks for what is not granted: %s", t.spec.Name, strings.Join(missing, "; "))
		}
		t.spec.Capabilities = t.manifest.Capabilities.Intersect(g.Capabilities)
	}
	t.spec.Host, t.spec.Dir = g.host(), g.dir
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, which compiles modules: %w", err)
	}
	o := module.Options{Worker: []string{program, "compile-worker"}}
	if t.trace {
		o.Sample = 1
	}
	if t.engine, err = module.New(ctx, o); err != nil {
		return err
	}
	t.module, err = t.engine.Load(ctx, t.spec)
	return err
}

func (t *trial) close(ctx context.Context) {
	if t.engine != nil {
		_ = t.engine.Close(ctx) // what it leaves in a temporary folder is nobody's loss
	}
}

// event makes an event of readings: the points that the feed asks for are taken from them by rules.
func (t *trial) event(ctx context.Context, round dodona.Round, readings []dodona.Reading, from map[string]extract.Rule) (module.Event, error) {
	if len(from) == 0 { // the only number of every source's reading
		from = map[string]extract.Rule{}
		for _, r := range readings {
			from[r.Source] = extract.Rule{}
		}
	}
	rules := extract.Rules{}
	for id, rule := range from {
		source, point := extract.SplitPointID(id)
		if rules[source] == nil {
			rules[source] = map[string]extract.Rule{}
		}
		rules[source][point] = rule
	}
	x, err := extract.New(rules)
	if err != nil {
		return module.Event{}, err
	}
	slices.SortStableFunc(readings, compareReadings)
	extracted, err := x.Apply(ctx, dodona.Call{Round: round, Readings: readings})
	if err != nil {
		return module.Event{}, err
	}
	return module.Event{
		Round: round, Readings: readings, From: slices.Sorted(maps.Keys(from)), Points: extracted.Points,
	}, nil
}

func compareReadings(a, b dodona.Reading) int {
	return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.Item, b.Item), a.Received.Compare(b.Received))
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
	Spans     []module.Span     `json:"spans,omitempty"`
}

type trialLine struct {
	Level string `json:"level"`
	Text  string `json:"text"`
}

// run gives the module one event.
func (t *trial) run(ctx context.Context, ev module.Event) trialResult {
	o, err := t.module.Run(ctx, ev)
	r := trialResult{
		Points: append([]dodona.Point{}, o.Points...), Fuel: o.Fuel, PeakBytes: o.PeakBytes,
		MS: float64(o.Took.Microseconds()) / 1000, Calls: o.Calls, Output: o.Output, State: o.State, Spans: o.Spans,
	}
	if r.Calls == nil {
		r.Calls = map[string]int{}
	}
	for _, l := range o.Logs {
		r.Logs = append(r.Logs, trialLine{strings.ToLower(l.Level.String()), l.Text})
	}
	if err == nil {
		return r
	}
	text := err.Error()
	r.Error = &text
	if failed := (*module.Error)(nil); errors.As(err, &failed) {
		r.Cause, r.Code = failed.Cause, failed.Code
	}
	return r
}

// costs says what an event took: "fuel 1,204  memory 64 KiB  0.03 ms  calls: input_json 1, point 2".
func (r trialResult) costs() string {
	var calls []string
	for _, name := range slices.Sorted(maps.Keys(r.Calls)) {
		calls = append(calls, fmt.Sprintf("%s %d", name, r.Calls[name]))
	}
	text := fmt.Sprintf("fuel %s  memory %d KiB  %.2f ms", thousands(r.Fuel), r.PeakBytes>>10, r.MS)
	if len(calls) > 0 {
		text += "  calls: " + strings.Join(calls, ", ")
	}
	return text
}

// pointText is a point on one line: "boiler = 21.5 Cel", with what is not good about it.
func pointText(p dodona.Point) string {
	text := p.ID + " = " + p.Value.String()
	if p.Unit != "" {
		text += " " + p.Unit
	}
	switch {
	case p.Quality == dodona.Bad:
		text = p.ID + " is bad" + because(p.Reason)
	case p.Quality != dodona.Good:
		text += ", " + p.Quality.String() + because(p.Reason)
	}
	return text
}

// thousands sets them apart.
func thousands(n uint64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// readFile reads a file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s is larger than %d MiB", path, limit>>20)
	}
	return text, err
}
