package wasm_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// The scripts of the core specification's test suite, as wazero's module carries them, are run twice on both engines:
// untouched and with every module rewritten. Command by command the results must be the same.

//go:embed testdata/spectest.wasm
var spectestWasm []byte

// A script is what wast2json makes of one .wast file.
type script struct {
	Commands []command `json:"commands"`
}

type command struct {
	Type       string  `json:"type"`
	Line       int     `json:"line"`
	Name       string  `json:"name"`        // of module
	Filename   string  `json:"filename"`    // of module and of those that must be refused
	As         string  `json:"as"`          // of register
	ModuleType string  `json:"module_type"` // text or binary
	Text       string  `json:"text"`        // of the trap
	Expected   []value `json:"expected"`
	Action     struct {
		Type   string  `json:"type"`
		Module string  `json:"module"`
		Field  string  `json:"field"`
		Args   []value `json:"args"`
	} `json:"action"`
}

type value struct {
	Type  string  `json:"type"`
	Value *string `json:"value"`
}

// bits returns v as wazero passes it. A NaN of any payload is the canonical one.
func (v value) bits(t *testing.T) uint64 {
	t.Helper()
	switch {
	case v.Value == nil || *v.Value == "null":
		return 0
	case strings.HasPrefix(*v.Value, "nan:") && v.Type == "f32":
		return 0x7fc00000
	case strings.HasPrefix(*v.Value, "nan:"):
		return 0x7ff8000000000000
	}
	n, err := strconv.ParseUint(*v.Value, 10, 64)
	if err != nil {
		t.Fatalf("value %q: %v", *v.Value, err)
	}
	if v.Type == "externref" {
		return n + 1 // 0 is the null reference
	}
	return n
}

// matches says whether got is what v asks for.
func (v value) matches(t *testing.T, got uint64) bool {
	t.Helper()
	switch {
	case v.Value == nil: // any reference
		return got != 0
	case v.Type == "funcref" && *v.Value != "null":
		return got != 0
	case !strings.HasPrefix(*v.Value, "nan:") && (v.Type == "i32" || v.Type == "f32"):
		return uint32(got) == uint32(v.bits(t))
	case !strings.HasPrefix(*v.Value, "nan:"):
		return got == v.bits(t)
	case v.Type == "f32":
		quiet, any := uint32(got)&0x7fc00000 == 0x7fc00000, *v.Value == "nan:arithmetic"
		return quiet && (any || uint32(got)&0x003fffff == 0)
	}
	quiet, any := got&0x7ff8000000000000 == 0x7ff8000000000000, *v.Value == "nan:arithmetic"
	return quiet && (any || got&0x0007ffffffffffff == 0)
}

// An outcome is what came of one command.
type outcome struct {
	bits    []uint64
	failure string // first line of the error, or the class of a refusal; empty if there was none
}

func (o outcome) String() string {
	if o.failure != "" {
		return o.failure
	}
	return fmt.Sprintf("%x", o.bits)
}

// A specRun runs one script.
type specRun struct {
	rt      wazero.Runtime
	dir     string
	rewrite *wasm.Rewriting // nil: modules are run as they are
	named   map[string]api.Module
	last    api.Module
	depths  []api.MutableGlobal
}

// specRewriting is the product's, but for what would keep modules from doing what the scripts want of them.
var specRewriting = wasm.Rewriting{Fuel: true, Depth: true, NaN: true, Globals: true, MaxDepth: 1500, Budget: math.MaxInt64}

var (
	errFuel  = errors.New("out of fuel")
	errDepth = errors.New("calls nested too deeply")
)

// linkRuntime makes the host module that rewritten modules call.
func linkRuntime(t testing.TB, rt wazero.Runtime, refuel func(api.Module)) {
	t.Helper()
	b := rt.NewHostModuleBuilder("dodona:rt")
	b = b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, m api.Module, _ []uint64) {
		refuel(m)
	}), nil, nil).Export("refuel")
	b = b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(context.Context, api.Module, []uint64) {
		panic(errDepth)
	}), nil, nil).Export("toodeep")
	if _, err := b.Instantiate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func noFuel(api.Module) { panic(errFuel) }

// instantiate returns the module of a file, or why there is none.
func (r *specRun) instantiate(ctx context.Context, t *testing.T, file, as string) (api.Module, error) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, file))
	if err != nil {
		t.Fatal(err)
	}
	if r.rewrite != nil {
		m, err := wasm.Parse(b)
		if err != nil {
			return nil, fmt.Errorf("parse: %w", err)
		}
		if err := m.Segments(); err != nil {
			return nil, err
		}
		if b, err = m.Rewrite(*r.rewrite); err != nil {
			return nil, fmt.Errorf("rewrite: %w", err)
		}
	}
	mod, err := r.rt.InstantiateWithConfig(ctx, b, wazero.NewModuleConfig().WithName(as))
	if err == nil && r.rewrite != nil {
		r.depths = append(r.depths, mod.ExportedGlobal(wasm.DepthGlobal).(api.MutableGlobal))
	}
	return mod, err
}

// refusedImport returns what Check has against the imports of a module, or "". Only an instance knows whether a segment
// fits into an imported table, so that Check lets no module have one.
func (r *specRun) refusedImport(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, file))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wasm.Check(b, generous); err != nil && strings.Contains(err.Error(), "must define its") {
		return "refused for its imports"
	}
	return ""
}

// act does the action of a command.
func (r *specRun) act(ctx context.Context, t *testing.T, c *command) outcome {
	t.Helper()
	m := r.last
	if c.Action.Module != "" {
		m = r.named[c.Action.Module]
	}
	if m == nil {
		t.Fatalf("line %d: no module", c.Line)
	}
	for _, depth := range r.depths {
		depth.Set(0) // a trap does not unwind it; the product drops the instance
	}
	if c.Action.Type == "get" {
		return outcome{bits: []uint64{m.ExportedGlobal(c.Action.Field).Get()}}
	}
	var args []uint64
	for _, a := range c.Action.Args {
		args = append(args, a.bits(t))
	}
	bits, err := m.ExportedFunction(c.Action.Field).Call(ctx, args...)
	if err != nil {
		return outcome{failure: reason(err)}
	}
	return outcome{bits: bits}
}

// reason returns the first line of an error of wazero, without the index of the function that failed.
func reason(err error) string {
	if errors.Is(err, errDepth) {
		return errDepth.Error()
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	if _, after, ok := strings.Cut(line, "failed: "); ok && strings.HasPrefix(line, "start function") {
		line = after
	}
	return strings.TrimPrefix(line, "wasm error: ")
}

// run returns the outcome of every command; that of one that does not apply is empty.
func (r *specRun) run(ctx context.Context, t *testing.T, s script) []outcome {
	t.Helper()
	out := make([]outcome, len(s.Commands))
	for i := range s.Commands {
		c := &s.Commands[i]
		switch c.Type {
		case "module":
			as := ""
			if i+1 < len(s.Commands) && s.Commands[i+1].Type == "register" {
				as = s.Commands[i+1].As
			}
			m, err := r.instantiate(ctx, t, c.Filename, as)
			if err != nil {
				t.Fatalf("line %d: %s: %v", c.Line, c.Filename, err)
			}
			if r.last = m; c.Name != "" {
				r.named[c.Name] = m
			}
		case "register": // done with the module before it
			if i == 0 || s.Commands[i-1].Type != "module" {
				t.Fatalf("line %d: register does not follow a module", c.Line)
			}
		case "assert_return", "action", "assert_trap", "assert_exhaustion":
			out[i] = r.act(ctx, t, c)
		case "assert_invalid", "assert_malformed", "assert_unlinkable", "assert_uninstantiable":
			if c.ModuleType == "text" {
				continue // nothing to do with the binary format
			}
			_, err := r.instantiate(ctx, t, c.Filename, "")
			refusal := (*wasm.Refusal)(nil)
			switch {
			case err == nil && r.rewrite != nil && c.Type == "assert_uninstantiable":
				out[i].failure = r.refusedImport(t, c.Filename)
			case err != nil && c.Type == "assert_uninstantiable" && !errors.As(err, &refusal):
				out[i].failure = reason(err)
			case err != nil:
				out[i].failure = "refused"
			}
		default:
			t.Fatalf("line %d: unknown command %q", c.Line, c.Type)
		}
	}
	return out
}

// expect returns what is wrong with an outcome by the script's own words, or "".
func (c *command) expect(t *testing.T, got outcome, untouched bool) string {
	t.Helper()
	if c.ModuleType == "text" {
		return ""
	}
	switch c.Type {
	case "assert_return":
		if got.failure != "" || len(got.bits) != len(c.Expected) {
			return fmt.Sprintf("got %v, want %d results", got, len(c.Expected))
		}
		for i, want := range c.Expected {
			if !want.matches(t, got.bits[i]) {
				return fmt.Sprintf("got %v, result %d should be %s %s", got, i, want.Type, *want.Value)
			}
		}
	case "action":
		if got.failure != "" {
			return "got " + got.failure
		}
	case "assert_trap":
		if want := trapText(c.Text); got.failure != want {
			return fmt.Sprintf("got %v, want trap %q", got, want)
		}
	case "assert_exhaustion":
		if got.failure != "stack overflow" && got.failure != errDepth.Error() {
			return fmt.Sprintf("got %v, want exhaustion", got)
		}
	case "assert_invalid", "assert_malformed", "assert_unlinkable":
		if got.failure == "" {
			return "accepted: " + c.Text
		}
	case "assert_uninstantiable":
		// wazero keeps the instance of a module whose active element segments do not fit, on purpose.
		if got.failure == "" && !(untouched && c.Text == "out of bounds table access") {
			return "instantiated: " + c.Text
		}
	}
	return ""
}

// trapText returns wazero's words for a trap of the specification.
func trapText(text string) string {
	switch {
	case strings.HasPrefix(text, "undefined"), strings.HasPrefix(text, "uninitialized"), text == "out of bounds table access":
		return "invalid table access"
	case strings.HasPrefix(text, "indirect call"):
		return "indirect call type mismatch"
	case text == "invalid conversion to integer", text == "integer overflow", text == "integer divide by zero",
		text == "unreachable", text == "out of bounds memory access":
		return text
	}
	return "a trap that the runner does not know: " + text
}

// allowed says why a rewritten module may answer differently from the untouched one, or "".
func (c *command) allowed(untouched, rewritten outcome) string {
	if c.Type == "assert_exhaustion" && untouched.failure == "stack overflow" && rewritten.failure == errDepth.Error() {
		return "the depth counter ends recursion before the engine's stack does"
	}
	if c.Type == "assert_uninstantiable" && untouched.failure == "" && strings.HasPrefix(rewritten.failure, "refused") {
		return "an element segment out of bounds is " + rewritten.failure
	}
	if c.Type == "assert_uninstantiable" && untouched.failure != "" && rewritten.failure == "refused" {
		return "a data segment out of bounds is refused before it is instantiated"
	}
	if c.Type != "assert_return" || untouched.failure != "" || rewritten.failure != "" {
		return ""
	}
	for i, want := range c.Expected {
		nan := want.Value != nil && strings.HasPrefix(*want.Value, "nan:")
		canonical := want.Type == "f32" && uint32(rewritten.bits[i]) == 0x7fc00000 || rewritten.bits[i] == 0x7ff8000000000000
		if untouched.bits[i] != rewritten.bits[i] && (!nan || !canonical) {
			return ""
		}
	}
	return "the specification leaves the payload open, and the rewritten module has the canonical one"
}

// specScripts returns the scripts of one version of the specification, without SIMD, and where they lie.
func specScripts(t *testing.T, version string) (dir string, scripts map[string]script) {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatalf("find wazero's module: %v", err)
	}
	dir = filepath.Join(strings.TrimSpace(string(out)), "internal/integration_test/spectest", version, "testdata")
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	scripts = map[string]script{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if strings.HasPrefix(name, "simd_") {
			continue // Parse refuses SIMD
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s script
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		scripts[name] = s
	}
	return dir, scripts
}

func runScript(t *testing.T, config wazero.RuntimeConfig, dir string, s script, rewrite *wasm.Rewriting) []outcome {
	t.Helper()
	rt := wazero.NewRuntimeWithConfig(t.Context(), config)
	defer rt.Close(t.Context())
	linkRuntime(t, rt, noFuel)
	if _, err := rt.InstantiateWithConfig(t.Context(), spectestWasm, wazero.NewModuleConfig().WithName("spectest")); err != nil {
		t.Fatal(err)
	}
	r := specRun{rt: rt, dir: dir, rewrite: rewrite, named: map[string]api.Module{}}
	return r.run(t.Context(), t, s)
}

func TestRewrittenModulesPassTheSpecificationsTests(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	versions := []struct {
		name     string
		features api.CoreFeatures
	}{
		{"v1", api.CoreFeaturesV1},
		{"v2", api.CoreFeaturesV2.SetEnabled(api.CoreFeatureSIMD, false)},
	}
	for engine, config := range engines {
		for _, version := range versions {
			t.Run(engine+"/"+version.name, func(t *testing.T) {
				dir, scripts := specScripts(t, version.name)
				asserted, reasons := map[string]int{}, map[string]int{}
				for name, s := range scripts {
					t.Run(name, func(t *testing.T) {
						config := config().WithCoreFeatures(version.features)
						untouched := runScript(t, config, dir, s, nil)
						rewritten := runScript(t, config, dir, s, &specRewriting)
						compareOutcomes(t, s, untouched, rewritten, asserted, reasons)
					})
				}
				counted(t, "assertions that ran and are right", asserted, specAsserted[version.name])
				counted(t, "outcomes that differ on purpose", reasons, specDifferent[version.name])
			})
		}
	}
}

// compareOutcomes demands that both runs of a script are right and the same, and counts the commands that assert, and the
// reasons for differences.
func compareOutcomes(t *testing.T, s script, untouched, rewritten []outcome, asserted, reasons map[string]int) {
	t.Helper()
	for i := range s.Commands {
		c := &s.Commands[i]
		if strings.HasPrefix(c.Type, "assert_") && c.ModuleType != "text" {
			asserted[c.Type]++
		}
		if wrong := c.expect(t, untouched[i], true); wrong != "" {
			t.Errorf("line %d: %s untouched: %s", c.Line, c.Type, wrong)
		}
		if wrong := c.expect(t, rewritten[i], false); wrong != "" {
			t.Errorf("line %d: %s rewritten: %s", c.Line, c.Type, wrong)
		}
		if untouched[i].String() == rewritten[i].String() {
			continue
		}
		why := c.allowed(untouched[i], rewritten[i])
		if why == "" {
			t.Errorf("line %d: %s: got %v, want %v as untouched", c.Line, c.Type, rewritten[i], untouched[i])
		}
		reasons[why]++
	}
}
