package module

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module/native"
	"github.com/dodona-oracle/dodona/module/wasm"
	"github.com/dodona-oracle/dodona/telemetry"
)

// initFuel is what the start function and _initialize may use together. Go's runtime needs twelve million to start, and
// packages with large tables a few more.
const initFuel = 50_000_000

// Load makes a module ready to run: it is checked, rewritten, compiled, linked, initialised and warmed up. An error is a
// [wasm.Refusal], an [Error] of its initialisation, [ErrMemory], or says what else is wrong and what to do.
func (e *Engine) Load(ctx context.Context, s Spec) (*Module, error) {
	start := time.Now()
	m, err := e.load(ctx, s)
	if failed := (*Error)(nil); errors.As(err, &failed) {
		return nil, err // says which module
	}
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", label(s.Name, s.Version), err)
	}
	e.o.Recorder.Time(telemetry.ModuleLoad.Of(s.Name), time.Since(start))
	return m, nil
}

// label is how a module is called in messages.
func label(name, version string) string {
	if version == "" {
		return name
	}
	return name + " " + version
}

func (e *Engine) load(ctx context.Context, s Spec) (*Module, error) {
	ctx, end, err := e.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	s.Limits = s.Limits.WithDefaults()
	s.Instances = max(s.Instances, 1)
	m := &Module{engine: e, spec: s, label: label(s.Name, s.Version), digest: sha256.Sum256(s.Wasm), done: make(chan struct{})}
	m.traced.closing = make(chan struct{}, 1)
	m.spec.Wasm = nil // the caller's; not needed any longer
	code, err := e.native.Find(m.nativeOf(untraced))
	if err != nil {
		return nil, err
	}
	defer code.Discard()
	if kept, found := code.Kept(); found {
		m.code, m.stack = kept.Wasm, kept.Stack
	} else if err := e.rewrite(ctx, m, s); err != nil {
		return nil, err
	}
	parsed, err := wasm.Parse(m.code)
	if err != nil {
		return nil, fmt.Errorf("bug in the rewriter: %w", err)
	}
	m.imports, m.reaches, m.text, m.entries = parsed.Imports, m.spec.reaches(), textOf(parsed, e.native.Interprets()), entriesOf(parsed)
	if m.pages, err = pagesOf(parsed); err != nil {
		return nil, err
	}
	need := m.need(s.Instances)
	if err := e.room(ctx, func() (int64, error) {
		return need.memory() + need.stacks() + m.text.of(s.Instances), e.admitted.admit(need)
	}); err != nil {
		return nil, err
	}
	if err := m.open(ctx, code); err != nil {
		e.admitted.release(need)
		return nil, err
	}
	e.add(m)
	return m, nil
}

// rewrite checks and rewrites one module after the other: what that takes for a while is many times the module.
func (e *Engine) rewrite(ctx context.Context, m *Module, s Spec) error {
	select {
	case e.rewrites <- struct{}{}:
		defer func() { <-e.rewrites }()
	case <-ctx.Done():
		return fmt.Errorf("wait for another module to be checked: %w", ctx.Err())
	}
	return m.rewrite(s)
}

// rewrite takes the core module out of what was given, makes sure that it may be run, and makes it safe to run. It notes too how much
// native stack a call of it may take, and what an interpreter keeps of it.
func (m *Module) rewrite(s Spec) error {
	core, err := checked(s.Wasm, s.Limits, allowed(&s))
	if err != nil {
		return err
	}
	m.interpreted = int64(core.Interpreted())
	r := wasm.Rewriting{
		Fuel: true, Metering: s.Metering, Depth: true, NaN: true, Globals: true, Start: true,
		MaxDepth: s.Limits.Depth, MaxPages: s.Limits.Pages,
	}
	if m.stack, err = core.Stack(r); err != nil {
		return err
	}
	if m.engine.native.Interprets() {
		interpreted, err := core.GoStack(r)
		if err != nil {
			return err
		}
		m.stack += interpreted
	}
	m.code, err = core.Rewrite(r)
	return err
}

// pagesOf returns how far an instance's memory may grow.
func pagesOf(rewritten *wasm.Module) (uint32, error) {
	if len(rewritten.Memories) != 1 || !rewritten.Memories[0].HasMax {
		return 0, errors.New("bug in the rewriter: no memory with a maximum")
	}
	return rewritten.Memories[0].Max, nil
}

// What wazero makes of types beside the text, in the process that loads them: the code that enters functions of each.
const (
	entryBytes      = 1 << 10
	entryValueBytes = 100 // of each parameter and result
)

// entriesOf returns how many bytes that is.
func entriesOf(rewritten *wasm.Module) (bytes int64) {
	for _, t := range rewritten.Types {
		bytes += entryBytes + entryValueBytes*int64(len(t.Params)+len(t.Results))
	}
	return bytes
}

// What a guest exports.
const (
	runExport        = "dodona_run"
	initializeExport = "_initialize"
	memoryExport     = "memory"
)

// open compiles and links the module, and makes its first instance and the snapshot for all others.
func (m *Module) open(ctx context.Context, code *native.Code) (err error) {
	defer func() {
		if err != nil {
			_ = m.discard(context.WithoutCancel(ctx))
		}
	}()
	if m.plain, err = m.newPool(ctx, untraced, m.spec.Instances, code); err != nil {
		return err
	}
	if m.engine.o.Sample == 0 {
		m.code = nil // only a traced compilation would need it
	} else {
		m.code = bytes.Clone(m.code) // without the room that the rewriter had
	}
	m.exported = map[string]api.FunctionDefinition{}
	for _, f := range m.plain.code.ExportedFunctions() {
		m.exported[f.DebugName()] = f
	}
	if err := shape(m.plain.code); err != nil {
		return err
	}
	first, err := m.warmUp(ctx)
	if err != nil {
		return err
	}
	m.plain.put(first)
	return nil
}

// shape makes sure of the export that a module may have.
func shape(c wazero.CompiledModule) error {
	if f := c.ExportedFunctions()[initializeExport]; f != nil && len(f.ParamTypes())+len(f.ResultTypes()) > 0 {
		return &wasm.Refusal{
			What:  "its export _initialize has parameters or results; want none",
			Where: wasm.Where{Section: wasm.SectionExport, Function: -1, Offset: -1},
		}
	}
	return nil
}

// linkRuntime provides what the rewriter's code calls.
func linkRuntime(ctx context.Context, rt wazero.Runtime) error {
	refuel := api.GoModuleFunc(func(ctx context.Context, _ api.Module, _ []uint64) { instanceOf(ctx).refuel() })
	tooDeep := api.GoModuleFunc(func(ctx context.Context, _ api.Module, _ []uint64) {
		panic(stop{cause: CauseDepth, detail: "its calls are nested too deeply; raise limits.depth if it must recurse"})
	})
	_, err := rt.NewHostModuleBuilder(wasm.HostModule).
		NewFunctionBuilder().WithGoModuleFunction(refuel, nil, nil).Export(wasm.Refuel).
		NewFunctionBuilder().WithGoModuleFunction(tooDeep, nil, nil).Export(wasm.TooDeep).
		Instantiate(ctx)
	return err
}

// warmUps is how often the fixed event is run before the snapshot is taken: lazy initialisation is then done for
// every event at once. Two would do for all guests measured; a third shows a guest that fails after a while.
const warmUps = 3

// warmUp returns an instance that is in the state in which all events begin, and takes the snapshot of it.
func (m *Module) warmUp(ctx context.Context) (*instance, error) {
	in, err := m.initialised(ctx)
	if err != nil {
		return nil, err
	}
	if failed := in.warm(ctx); failed != nil {
		in.close(ctx)
		if failed.Cause.Local() { // nothing is known about the guest, and other machines have warmed it up
			failed.Detail = "it could not be warmed up: " + failed.Detail
			return nil, failed
		}
		// What it left is not to be trusted; it begins cold.
		if in, err = m.initialised(ctx); err != nil {
			return nil, err
		}
	}
	if m.snapshot, err = in.take(ctx); err == nil {
		err = in.adopt(m.snapshot)
	}
	if err != nil {
		in.close(ctx)
		return nil, err
	}
	return in, nil
}

// initialised returns an instance whose start function and _initialize have run.
func (m *Module) initialised(ctx context.Context) (*instance, error) {
	in, err := m.plain.instantiate(ctx)
	if err != nil {
		return nil, err
	}
	in.ctx.Context, in.warming = ctx, true
	in.event.begin(m, warmUpEvent())
	in.fill(initFuel)
	defer in.event.outcome(false)
	for _, name := range []string{wasm.StartExport, initializeExport} {
		f := in.mod.ExportedFunction(name)
		if f == nil {
			continue
		}
		if failed := in.invoke(f, nil); failed != nil {
			failed.Detail = "it could not be initialised: " + failed.Detail
			in.close(ctx)
			return nil, failed
		}
	}
	return in, nil
}

// warm runs the fixed event. It returns why the guest was stopped: it trapped, or did something else that ends an
// instance, or this machine could not go on.
func (in *instance) warm(ctx context.Context) *Error {
	for range warmUps {
		in.ctx.Context, in.warming = ctx, true
		in.event.begin(in.module, warmUpEvent())
		in.fill(in.module.spec.Limits.Fuel)
		failed := in.call()
		in.event.outcome(false)
		if failed != nil {
			return failed
		}
	}
	return nil
}

// warmUpEvent returns the fixed event. It is the same on every machine, as what it leaves in memory, and the fuel of all
// later events with it, must be.
func warmUpEvent() Event {
	at := time.Unix(1_700_000_000, 0).UTC()
	return Event{Replay: true, Readings: []dodona.Reading{{ // so that no capability reaches the host
		Source: "warm-up", ContentType: "application/json", Body: []byte(`{"value":1.5}`), Received: at, SourceTime: at,
	}}}
}
