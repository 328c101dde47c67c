// Package native makes the machine code of modules, keeps it from one start to the next, and has it loaded.
//
// Code is made in a child process that may be killed, or in this one, and comes to its place in a folder that this process
// alone has, where wazero finds it. A [Store] owns that folder, the child, and the cache of what was made. Who loads code
// is a [Loader]: it has the memory and the runtime. This package knows neither what a module may do nor what it is for.
package native

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/tetratelabs/wazero"

	"github.com/dodona-oracle/dodona/telemetry"
)

// Options are what a store may use.
type Options struct {
	Dir         string                                      // of the files that are kept; "": none are
	Key         []byte                                      // authenticates them, at least 32 bytes; required with Dir
	Worker      []string                                    // command line of the child that compiles, see [CompileWorker]; nil: compile in this process
	Interpreter bool                                        // do not use the compiler although the machine has one
	Config      func(interpreter bool) wazero.RuntimeConfig // how runtimes are set up, the child's as well
	Recorder    telemetry.Recorder                          // required
	Log         *slog.Logger                                // required
}

// A Store makes native code and keeps it. Its methods may be called at the same time.
type Store struct {
	o        Options
	config   wazero.RuntimeConfig
	shared   wazero.CompilationCache // of all runtimes; takes native code from dir
	private  *privateFolder
	dir      string // through the private folder: nobody else writes there
	program  string // what this program was built from
	example  string // the name of native code: what that depends on; empty if guests are interpreted
	child    child
	compiles chan struct{} // holds one token: one compilation at a time
}

// Open opens a store. The context is only for setting it up.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Dir != "" && len(o.Key) < 32 {
		return nil, fmt.Errorf("compilation cache %s needs a key of 32 bytes to authenticate its files, has one of %d",
			o.Dir, len(o.Key))
	}
	private, err := newPrivateFolder()
	if err != nil {
		return nil, err
	}
	s := &Store{
		o: o, private: private, dir: private.path, program: program(), config: o.Config(o.Interpreter), child: child{o.Worker, defaultChildLimits},
		compiles: make(chan struct{}, 1),
	}
	if err := s.open(ctx); err != nil {
		_ = private.remove()
		return nil, private.explain(err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	for range probes {
		if s.shared, err = wazero.NewCompilationCacheWithDir(s.dir); err != nil {
			return fmt.Errorf("open private folder for native code: %w", err)
		}
		s.config = s.config.WithCompilationCache(s.shared)
		if s.example, err = s.probe(ctx); err != nil {
			return errors.Join(err, s.shared.Close(ctx))
		}
		if s.example != "" || s.o.Interpreter {
			break
		}
		if err := s.shared.Close(ctx); err != nil {
			return err
		}
	}
	if s.example == "" && !s.o.Interpreter { // there is no compiler, and if there is all the same, then it must not be used in this process
		s.shared = wazero.NewCompilationCache()
		s.config = s.o.Config(true).WithCompilationCache(s.shared)
		s.o.Log.Info("modules are interpreted, not compiled, which takes several times as long: there is no compiler for this processor, or the system lets this process make no code (MemoryDenyWriteExecute)")
	}
	if s.o.Dir != "" {
		if err := os.MkdirAll(s.o.Dir, 0o700); err != nil {
			return errors.Join(fmt.Errorf("make compilation cache: %w", err), s.shared.Close(ctx))
		}
	}
	return nil
}

// Interprets reports whether guests are interpreted: there is no compiler, or it is not to be used.
func (s *Store) Interprets() bool { return s.example == "" }

// Config returns how runtimes are set up that share what wazero makes of guests.
func (s *Store) Config() wazero.RuntimeConfig { return s.config }

// Apart is [Store.Config] for one that shares nothing. Who has it closes the cache.
func (s *Store) Apart() (wazero.RuntimeConfig, wazero.CompilationCache, error) {
	own, err := wazero.NewCompilationCacheWithDir(s.dir)
	if err != nil {
		return nil, nil, s.private.explain(fmt.Errorf("open private folder for native code: %w", err))
	}
	return s.config.WithCompilationCache(own), own, nil
}

// Close gives everything back. No runtime may be left. It may be called again.
func (s *Store) Close(ctx context.Context) error {
	return errors.Join(s.shared.Close(ctx), s.private.remove())
}

// emptyModule is a module without anything.
var emptyModule = []byte("\x00asm\x01\x00\x00\x00")

// probes is how often a compiler is looked for: somebody may take its file away in the instant before it is seen.
const probes = 3

// probe compiles an empty module and returns the name that wazero gives its native code: the folder tells the version
// of wazero, the architecture and the system, the file the features of the processor too. Empty: there is no compiler.
func (s *Store) probe(ctx context.Context) (string, error) {
	rt := wazero.NewRuntimeWithConfig(ctx, s.config)
	defer rt.Close(ctx)
	code, err := rt.CompileModule(ctx, emptyModule)
	if err != nil {
		return "", fmt.Errorf("try compiler: %w", err)
	}
	defer code.Close(ctx)
	files, err := nativeFiles(s.dir)
	if err != nil || len(files) == 0 {
		return "", err
	}
	return files[0], os.Remove(filepath.Join(s.dir, files[0]))
}

// ours reports whether a name of native code is one that wazero could look for in this process.
func (s *Store) ours(name string) bool {
	dir, file := filepath.Split(name)
	wantDir, wantFile := filepath.Split(s.example)
	return dir == wantDir && len(file) == len(wantFile) && strings.Trim(file, "0123456789abcdef") == ""
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
