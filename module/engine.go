package module

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module/native"
	"github.com/dodona-oracle/dodona/telemetry"
)

// Options are what an engine may use.
type Options struct {
	Dir         string             // of the compilation cache; "": none is kept
	Key         []byte             // authenticates the cache's files, at least 32 bytes; required with Dir
	Worker      []string           // command line of the child that compiles, see [CompileWorker]; nil: compile in this process
	Memory      int64              // bytes: bound on the sum of memory maxima and stacks of all instances, and of the code of their modules; 0: 64 MiB
	Interpreter bool               // do not use the compiler although the machine has one
	Sample      float64            // share of events that are traced, 0 to 1; tracing takes memory that no module needs
	Spans       func([]Span)       // gets the spans of each traced event; must not block
	Recorder    telemetry.Recorder // nil: forgets
	Log         *slog.Logger       // nil: discards
}

// DefaultMemory is that bound if none is given: what the memory of one instance may be at most, and as much again.
const DefaultMemory = 64 << 20

// An Engine loads modules. Its methods may be called at the same time.
type Engine struct {
	o        Options
	native   *native.Store
	admitted *admission
	rewrites chan struct{} // holds one token: one module at a time is checked and rewritten

	mu      sync.Mutex
	modules map[*Module]struct{}
	loads   map[*context.CancelFunc]struct{} // those under way
	loading sync.WaitGroup                   // for the same
	closed  bool
}

// New makes an engine. The context is only for setting it up.
func New(ctx context.Context, o Options) (*Engine, error) {
	if o.Sample < 0 || o.Sample > 1 {
		return nil, fmt.Errorf("share of traced events is %v: want 0 to 1", o.Sample)
	}
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	if o.Recorder == nil {
		o.Recorder = telemetry.Nop
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	store, err := native.Open(ctx, native.Options{
		Dir: o.Dir, Key: o.Key, Worker: o.Worker, Interpreter: o.Interpreter, Config: runtimeConfig, Recorder: o.Recorder, Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	return &Engine{
		o: o, native: store,
		admitted: &admission{most: o.Memory, recorder: o.Recorder, shared: map[[sha256.Size]byte]*kept{}},
		rewrites: make(chan struct{}, 1), modules: map[*Module]struct{}{}, loads: map[*context.CancelFunc]struct{}{},
	}, nil
}

// Close ends what is being loaded, closes all modules, waiting for their events, and gives everything back. If ctx ends
// first, the error is ctx's, and Close may be called again.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	for cancel := range e.loads {
		(*cancel)()
	}
	e.mu.Unlock()
	e.loading.Wait() // soon over: all that takes long ends with its context
	var errs []error
	for _, m := range e.loaded() {
		errs = append(errs, m.Close(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return e.native.Close(ctx)
}

func (e *Engine) loaded() []*Module {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Keys(e.modules))
}

// errClosed is the error of a Load after Close.
var errClosed = errors.New("the engine is closed")

// begin makes a Load one that Close ends and waits for. The function that it returns says that the Load is over.
func (e *Engine) begin(ctx context.Context) (context.Context, func(), error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, nil, errClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	e.loads[&cancel] = struct{}{}
	e.loading.Add(1)
	return ctx, func() {
		cancel()
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.loads, &cancel)
		e.loading.Done()
	}, nil
}

// add makes a loaded module one that Close closes.
func (e *Engine) add(m *Module) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.modules[m] = struct{}{}
}

func (e *Engine) remove(m *Module) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.modules, m)
}

// A Status is how a module has fared since it was loaded.
type Status struct {
	Name      string           `json:"name"`
	Version   string           `json:"version"`
	Digest    dodona.Digest    `json:"digest"`
	Events    uint64           `json:"events"`
	Failed    map[Cause]uint64 `json:"failed,omitempty"` // events by cause
	Instances int              `json:"instances"`        // that exist now
	Mean      time.Duration    `json:"meanNs"`           // of the guest's calls
	LastError string           `json:"lastError,omitempty"`
}
