package module

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/dodona-oracle/dodona/module/wasm"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A tracing is a second compilation of a module that calls the host before and after every function, for the few events
// that are traced. It is made when the first event is due; until then, events run without.
type tracing struct {
	mu     sync.Mutex
	events uint64
	pool   *pool
	begun  bool
	ended  chan struct{} // closed when the compilation has ended; nil before it begins
	cancel context.CancelFunc

	closing chan struct{} // holds one token: one close at a time
}

// instance takes the instance for an event: the traced one if the event's turn has come and it is free, else another.
func (m *Module) instance(ctx context.Context) (in *instance, traced bool, failed *Error) {
	if pool := m.due(); pool != nil {
		select {
		case <-pool.tokens:
			if in := pool.pop(); in != nil {
				return in, true, nil
			}
			if in, err := pool.fresh(ctx); err == nil {
				return in, true, nil
			}
			pool.free()
		default:
		}
	}
	in, failed = m.plain.take(ctx)
	return in, false, failed
}

// due counts an event, and returns the traced pool if the event is to be traced and there is one. Which events these are
// depends on how many there were before, and on nothing else.
func (m *Module) due() *pool {
	share := m.engine.o.Sample
	if share <= 0 {
		return nil
	}
	t := &m.traced
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events++
	if math.Floor(float64(t.events)*share) == math.Floor(float64(t.events-1)*share) {
		return nil
	}
	if !t.begun {
		t.begun = true
		var ctx context.Context
		ctx, t.cancel = context.WithCancel(context.Background())
		t.ended = make(chan struct{})
		go m.trace(ctx)
	}
	return t.pool
}

// trace compiles the module for tracing. Module.Close ends it and waits for it.
func (m *Module) trace(ctx context.Context) {
	t := &m.traced
	defer close(t.ended)
	pool, err := m.tracedPool(ctx)
	if err != nil && Local(err) && ctx.Err() == nil {
		pool, err = m.tracedPool(ctx) // the temporary folder may have been emptied meanwhile
	}
	if err != nil {
		if ctx.Err() == nil {
			m.engine.o.Log.Warn("events of a module are not traced until it is loaded anew", "module", m.label, "reason", err)
		}
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pool = pool
}

func (m *Module) tracedPool(ctx context.Context) (*pool, error) {
	need := m.tracingNeed()
	if err := m.engine.admitted.admit(need); err != nil {
		return nil, err
	}
	pool, err := m.newTracedPool(ctx)
	if err != nil {
		m.engine.admitted.release(need)
		return nil, err
	}
	return pool, nil
}

func (m *Module) newTracedPool(ctx context.Context) (*pool, error) {
	code, err := m.engine.native.Find(m.nativeOf(traced))
	if err != nil {
		return nil, err
	}
	defer code.Discard()
	return m.newPool(ctx, traced, 1, code)
}

// tracingNeed is what the instance for traced events may take.
func (m *Module) tracingNeed() need {
	n := m.need(1)
	n.tracing = true
	return n
}

// room lets admit promise a module the memory that it wants. Tracing yields to it, as far as it must and if that helps.
func (e *Engine) room(ctx context.Context, admit func() (want int64, err error)) error {
	for {
		want, err := admit()
		if !errors.Is(err, ErrMemory) || !e.admitted.couldHave(want) || ctx.Err() != nil {
			return err
		}
		m := e.tracing()
		if m == nil {
			_, err := admit() // what tracing had has just been given back
			return err
		}
		if m.traced.close(ctx, m) != nil {
			if !m.traced.remains() {
				e.o.Log.Warn("events of a module are no longer traced, until it is loaded anew: another module needed the memory, whose load was ended then",
					"module", m.label)
			}
			return err
		}
		e.o.Log.Warn("events of a module are no longer traced, until it is loaded anew: another module needs the memory", "module", m.label)
	}
}

// tracing returns a module that has memory for tracing, if there is any: rather one of which no event is traced now.
func (e *Engine) tracing() (found *Module) {
	for _, m := range e.loaded() {
		switch has, busy := m.traced.has(); {
		case has && !busy:
			return m
		case has:
			found = m
		}
	}
	return found
}

// has reports whether tracing has memory, and whether it would take time to give it back.
func (t *tracing) has() (has, busy bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pool != nil {
		return true, len(t.pool.tokens) < cap(t.pool.tokens)
	}
	if t.ended == nil {
		return false, false
	}
	select {
	case <-t.ended:
		return false, false
	default:
		return true, true // it is being compiled
	}
}

// remains reports whether events are traced although close did not come to its end.
func (t *tracing) remains() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pool != nil
}

// close ends the compilation, waits for events that are traced, and gives everything back. None is traced after that.
func (t *tracing) close(ctx context.Context, m *Module) error {
	select {
	case t.closing <- struct{}{}:
		defer func() { <-t.closing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	t.mu.Lock()
	t.begun = true // none begins any more
	ended := t.ended
	if t.cancel != nil {
		t.cancel()
	}
	t.mu.Unlock()
	if ended != nil {
		select {
		case <-ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	t.mu.Lock()
	pool := t.pool
	t.mu.Unlock()
	if pool == nil {
		return nil
	}
	if err := pool.close(ctx); err != nil {
		return err
	}
	t.mu.Lock()
	t.pool = nil
	t.mu.Unlock()
	m.engine.admitted.release(m.tracingNeed())
	return nil
}

// maxSpans is how many spans of one event are kept, beside that of the function that the host has called: nobody reads
// a million.
const maxSpans = 1000

// spans collects the spans of one event.
type spans struct {
	on      bool
	open    []openSpan // of the functions that the guest is in
	kept    []Span
	dropped uint64
}

type openSpan struct {
	function string
	start    time.Duration // since epoch
}

// epoch is what spans are measured from: to ask for the time since then is quicker than to ask for the time.
var epoch = time.Now()

func (s *spans) begin(on bool) {
	s.on, s.open, s.kept, s.dropped = on, s.open[:0], s.kept[:0], 0
}

// end keeps the span of the function that was called last.
func (s *spans) end(m *Module) {
	last := len(s.open) - 1
	if last < 0 {
		return
	}
	span := s.open[last]
	s.open = s.open[:last]
	if len(s.kept) >= maxSpans && last > 0 {
		s.dropped++
		return
	}
	s.kept = append(s.kept, Span{Module: m.label, Function: span.function, NS: int64(time.Since(epoch) - span.start)})
}

// of hands out the spans of a traced event. After a failure it ends those that wazero has not: of many nested calls it
// tells only some.
func (s *spans) of(m *Module) []Span {
	for len(s.open) > 0 {
		s.end(m)
	}
	kept := slices.Clone(s.kept)
	if s.dropped > 0 {
		m.engine.o.Recorder.Count(telemetry.ModuleSpans.Of(m.spec.Name), s.dropped)
	}
	if m.engine.o.Spans != nil && len(kept) > 0 {
		m.engine.o.Spans(kept)
	}
	return kept
}

// tracedCode is the length in bytes that the code of a function must have, as rewritten, for its calls to be traced.
// Listening takes 140 ns a call, and most calls are of small functions, such as native compilers inline; their time is in
// the spans of their callers. With it, tracing one event in a hundred costs at most a twentieth.
const tracedCode = 256

// listeners gives the functions of a guest listeners. They know no module: wazero lets modules of the same bytes share
// code and, with it, listeners.
type listeners struct {
	first uint32 // index of the first function that the guest defines
	code  []wasm.Body
}

// listenersOf returns the listeners for a rewritten module.
func listenersOf(rewritten []byte) listeners {
	m, err := wasm.Parse(rewritten)
	if err != nil {
		return listeners{} // wazero will say what is wrong
	}
	return listeners{first: m.Imported(wasm.KindFunction), code: m.Code}
}

// NewFunctionListener returns the listener of a function; nil for one that is small and not called by the host.
func (l listeners) NewFunctionListener(def api.FunctionDefinition) experimental.FunctionListener {
	if i := int(def.Index()) - int(l.first); i >= 0 && i < len(l.code) && len(def.ExportNames()) == 0 {
		if code := l.code[i].Code; code.End-code.Start < tracedCode {
			return nil
		}
	}
	return &listener{function: functionName(def)}
}

// A listener times the calls of one function.
type listener struct{ function string }

// Before notes when the call begins.
func (l *listener) Before(ctx context.Context, _ api.Module, _ api.FunctionDefinition, _ []uint64, _ experimental.StackIterator) {
	if in := instanceOf(ctx); in != nil && in.spans.on {
		in.spans.open = append(in.spans.open, openSpan{l.function, time.Since(epoch)})
	}
}

// After keeps the span of the call.
func (l *listener) After(ctx context.Context, _ api.Module, _ api.FunctionDefinition, _ []uint64) {
	if in := instanceOf(ctx); in != nil && in.spans.on {
		in.spans.end(in.module)
	}
}

// Abort keeps the span of a call that the guest did not return from.
func (l *listener) Abort(ctx context.Context, m api.Module, def api.FunctionDefinition, _ error) {
	l.After(ctx, m, def, nil)
}
