package module

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/dodona-oracle/dodona"
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
	config   wazero.RuntimeConfig
	shared   wazero.CompilationCache // of all runtimes; takes native code from dir
	private  *privateFolder
	dir      string // through the private folder: nobody else writes there
	program  string // what this program was built from
	native   string // what native code depends on; empty if guests are interpreted
	admitted *admission
	worker   workerLimits
	compiles chan struct{} // holds one token: one compilation at a time
	rewrites chan struct{} // holds one token: one module at a time is checked and rewritten

	mu      sync.Mutex
	modules map[*Module]struct{}
	loads   map[*context.CancelFunc]struct{} // those under way
	loading sync.WaitGroup                   // for the same
	closed  bool
}

// New makes an engine. The context is only for setting it up.
func New(ctx context.Context, o Options) (*Engine, error) {
	if o.Dir != "" && len(o.Key) < 32 {
		return nil, fmt.Errorf("compilation cache %s needs a key of 32 bytes to authenticate its files, has one of %d",
			o.Dir, len(o.Key))
	}
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
	private, err := newPrivateFolder()
	if err != nil {
		return nil, err
	}
	e := &Engine{
		o: o, private: private, dir: private.path, program: program(), config: runtimeConfig(o.Interpreter), worker: defaultWorkerLimits,
		admitted: &admission{most: o.Memory, recorder: o.Recorder, shared: map[[sha256.Size]byte]*kept{}},
		compiles: make(chan struct{}, 1), rewrites: make(chan struct{}, 1), modules: map[*Module]struct{}{}, loads: map[*context.CancelFunc]struct{}{},
	}
	if err := e.open(ctx); err != nil {
		_ = private.remove()
		return nil, private.explain(err)
	}
	return e, nil
}

func (e *Engine) open(ctx context.Context) (err error) {
	for range probes {
		if e.shared, err = wazero.NewCompilationCacheWithDir(e.dir); err != nil {
			return fmt.Errorf("open private folder for native code: %w", err)
		}
		e.config = e.config.WithCompilationCache(e.shared)
		if e.native, err = e.probe(ctx); err != nil {
			return errors.Join(err, e.shared.Close(ctx))
		}
		if e.native != "" || e.o.Interpreter {
			break
		}
		if err := e.shared.Close(ctx); err != nil {
			return err
		}
	}
	if e.native == "" && !e.o.Interpreter { // there is no compiler, and if there is all the same, then it must not be used in this process
		e.shared = wazero.NewCompilationCache()
		e.config = runtimeConfig(true).WithCompilationCache(e.shared)
		e.o.Log.Info("modules are interpreted, not compiled, which takes several times as long: there is no compiler for this processor, or the system lets this process make no code (MemoryDenyWriteExecute)")
	}
	if e.o.Dir != "" {
		if err := os.MkdirAll(e.o.Dir, 0o700); err != nil {
			return errors.Join(fmt.Errorf("make compilation cache: %w", err), e.shared.Close(ctx))
		}
	}
	return nil
}

// runtimeConfig allows what module/wasm lets pass, and nothing else.
func runtimeConfig(interpreter bool) wazero.RuntimeConfig {
	c := wazero.NewRuntimeConfig()
	if interpreter {
		c = wazero.NewRuntimeConfigInterpreter()
	}
	return c.WithCoreFeatures(api.CoreFeaturesV2.SetEnabled(api.CoreFeatureSIMD, false)).WithDebugInfoEnabled(false)
}

// emptyModule is a module without anything.
var emptyModule = []byte("\x00asm\x01\x00\x00\x00")

// probes is how often a compiler is looked for: somebody may take its file away in the instant before it is seen.
const probes = 3

// probe compiles an empty module and returns the name that wazero gives its native code: the folder tells the version
// of wazero, the architecture and the system, the file the features of the processor too. Empty: there is no compiler.
func (e *Engine) probe(ctx context.Context) (string, error) {
	rt := wazero.NewRuntimeWithConfig(ctx, e.config)
	defer rt.Close(ctx)
	code, err := rt.CompileModule(ctx, emptyModule)
	if err != nil {
		return "", fmt.Errorf("try compiler: %w", err)
	}
	defer code.Close(ctx)
	files, err := nativeFiles(e.dir)
	if err != nil || len(files) == 0 {
		return "", err
	}
	return files[0], os.Remove(filepath.Join(e.dir, files[0]))
}

// program tells this program from others: what it was built from, the versions of itself, its modules and Go, and the settings, and which file it is.
// Two programs of different source may have the first in common, when they are built outside of version control.
func program() string {
	built := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		built = info.String()
	}
	file, err := os.Stat("/proc/self/exe") // what runs, also when another version has taken its place
	if err != nil {
		path, _ := os.Executable() // empty if unknown
		if file, err = os.Stat(path); err != nil {
			return built
		}
	}
	return programOf(built, file)
}

func programOf(built string, file os.FileInfo) string {
	return fmt.Sprintf("%s\n%d bytes of %d", built, file.Size(), file.ModTime().UnixNano())
}

// nativeFiles returns the files that wazero has written below a folder, as folder/file. The error says too that it has none there.
func nativeFiles(dir string) (files []string, err error) {
	folders, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	err = &fs.PathError{Op: "find wazero's folder in", Path: dir + "/", Err: fs.ErrNotExist}
	for _, folder := range folders {
		if !strings.HasPrefix(folder.Name(), "wazero-") {
			continue
		}
		var list []fs.DirEntry
		if list, err = os.ReadDir(filepath.Join(dir, folder.Name())); err != nil {
			return nil, err
		}
		for _, file := range list {
			if !strings.HasSuffix(file.Name(), ".tmp") {
				files = append(files, filepath.Join(folder.Name(), file.Name()))
			}
		}
	}
	return files, err
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
	return errors.Join(e.shared.Close(ctx), e.private.remove())
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
