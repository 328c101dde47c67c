package module

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/wasm"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A Module is a loaded module: a pool of instances that are all in the same state when a call begins.
// Its methods may be called at the same time.
type Module struct {
	engine      *Engine
	spec        Spec
	label       string // name and version
	digest      dodona.Digest
	code        []byte // rewritten; for the traced compilation
	pages       uint32 // that an instance may grow to
	stack       int64  // bytes of native stack that a call may take
	interpreted int64  // bytes that an interpreter keeps of it; 0 if it came from the cache of native code
	entries     int64  // bytes that are made of its types where it is compiled
	text        text   // what is made of it for each pool
	imports     []wasm.Import
	reaches     bool                              // it may ask the host
	exported    map[string]api.FunctionDefinition // the exported functions, by wazero's names in stack traces
	snapshot    *snapshot
	plain       *pool
	traced      tracing
	opening     sync.Once
	sets        []func() abi.Kept // by their places: what makes what each keeps of an instance, if it keeps anything
	live        atomic.Int64      // instances that exist
	done        chan struct{}     // closed when Close begins

	closeOnce sync.Once
	closing   sync.Mutex // one Close at a time
	closed    bool

	mu     sync.Mutex
	status Status
	took   time.Duration // of all calls
}

// Run answers one event. It waits for an instance until ctx ends, and stops the guest soon after ctx has ended.
// The error is an [*Error] unless it is nil; the outcome is what there is of one even then.
// A host function must not call Run of any module: it is refused as [CauseBusy].
func (m *Module) Run(ctx context.Context, ev Event) (Outcome, error) {
	out, err := m.run(ctx, ev)
	if err != nil {
		return out, err
	}
	return out, nil
}

func (m *Module) run(ctx context.Context, ev Event) (Outcome, *Error) {
	if ctx.Value(instanceKey{}) != nil {
		return m.refused(m.failed(CauseBusy, "it was called from within a call of a module"))
	}
	select {
	case <-m.done:
		return m.refused(m.failed(CauseBusy, "it is closed"))
	default:
	}
	in, traced, failed := m.instance(ctx)
	if failed != nil {
		return m.refused(failed)
	}
	defer in.pool.free()
	if !in.busy.CompareAndSwap(false, true) {
		return m.refused(m.failed(CauseBusy, "its instance has another owner; this is a bug in Dodona, please report it"))
	}
	in.spans.begin(traced)
	out, failed := in.answer(ctx, ev)
	in.ctx.Context = nil
	m.record(out, failed)
	if traced {
		out.Spans = in.spans.of(m)
	}
	in.busy.Store(false)
	m.giveBack(ctx, in, failed)
	return out, failed
}

// answer runs the event on the instance and returns what came of it.
func (in *instance) answer(ctx context.Context, ev Event) (Outcome, *Error) {
	in.begin(ctx, ev)
	start := time.Since(epoch)
	failed := in.call()
	took := time.Since(epoch) - start
	if failed == nil {
		failed = in.ended(int32(in.stack[0]))
	}
	out := in.event.outcome(failed == nil)
	out.Fuel, out.PeakBytes, out.Took = in.used(), int64(in.memory.Size()), took
	return out, failed
}

// begin prepares the instance for an event.
func (in *instance) begin(ctx context.Context, ev Event) {
	in.ctx.Context, in.stack[0], in.warming = in.marked(ctx), 0, false
	in.event.begin(in.module, ev)
	in.fill(in.module.spec.Limits.Fuel)
}

// marked returns ctx as host functions may hand it on to the [Host]: a Run with it is within a call. It is a context of its
// own, since the Host may keep it for longer than the call, and an allocation, so that modules that cannot reach the
// Host do without.
func (in *instance) marked(ctx context.Context) context.Context {
	if !in.module.reaches {
		return ctx
	}
	return context.WithValue(ctx, instanceKey{}, in)
}

// giveBack sets the instance back for the next call, or drops it. A guest that said itself that it failed has returned
// as any other; one that was stopped has not, and what it was in the middle of is not undone.
func (m *Module) giveBack(ctx context.Context, in *instance, failed *Error) {
	if (failed == nil || failed.Cause == CauseGuest) && in.reset() {
		in.wear(in.used())
		in.pool.put(in)
		return
	}
	m.engine.o.Recorder.Count(telemetry.ModuleDropped.Of(m.spec.Name), 1)
	in.close(context.WithoutCancel(ctx)) // the next call makes another one
}

// failed makes an error of the module.
func (m *Module) failed(cause Cause, detail string) *Error {
	return &Error{Module: m.label, Cause: cause, Detail: detail}
}

// refused counts an event that never began.
func (m *Module) refused(failed *Error) (Outcome, *Error) {
	m.record(Outcome{}, failed)
	return Outcome{}, failed
}

// record counts an event.
func (m *Module) record(out Outcome, failed *Error) {
	r, name := m.engine.o.Recorder, m.spec.Name
	r.Count(telemetry.ModuleEvents.Of(name), 1)
	r.Count(telemetry.ModuleFuel.Of(name), out.Fuel)
	r.Time(telemetry.ModuleEvent.Of(name), out.Took)
	if failed != nil {
		r.Count(telemetry.ModuleFailures.Of(string(failed.Cause)), 1)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status.Events++
	m.took += out.Took
	if failed == nil {
		return
	}
	if m.status.Failed == nil {
		m.status.Failed = map[Cause]uint64{}
	}
	m.status.Failed[failed.Cause]++
	m.status.LastError = failed.Error()
}

// count notes that an instance has come or gone.
func (m *Module) count(change int64) {
	m.engine.o.Recorder.Gauge(telemetry.ModuleLive.Of(m.spec.Name), m.live.Add(change))
}

// Digest is the SHA-256 of the Wasm as it was given.
func (m *Module) Digest() dodona.Digest { return m.digest }

// Status tells how the module has fared.
func (m *Module) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.status
	s.Name, s.Version, s.Digest, s.Instances = m.spec.Name, m.spec.Version, m.digest, int(m.live.Load())
	s.Failed = maps.Clone(s.Failed)
	if s.Events > 0 {
		s.Mean = m.took / time.Duration(s.Events)
	}
	return s
}

// Close waits for running events and gives everything back. Further events are refused. If ctx ends first, the error
// is ctx's, and Close may be called again.
func (m *Module) Close(ctx context.Context) error {
	m.closeOnce.Do(func() { close(m.done) })
	m.closing.Lock()
	defer m.closing.Unlock()
	if m.closed {
		return nil
	}
	if err := m.discard(ctx); err != nil {
		return fmt.Errorf("close module %s: %w", m.label, err)
	}
	m.closed = true
	m.engine.admitted.release(m.need(m.spec.Instances))
	m.engine.remove(m)
	return nil
}

// need is what so many instances may take.
func (m *Module) need(instances int) need {
	return need{instances: instances, pages: m.pages, stack: m.stack, depth: m.spec.Limits.Depth}
}

// discard waits for events and closes what the module consists of, as far as it exists.
func (m *Module) discard(ctx context.Context) error {
	if err := m.traced.close(ctx, m); err != nil {
		return fmt.Errorf("wait for tracing: %w", err)
	}
	if m.plain != nil {
		if err := m.plain.close(ctx); err != nil {
			return fmt.Errorf("wait for events: %w", err)
		}
	}
	if m.snapshot != nil {
		m.snapshot.close()
	}
	return nil
}
