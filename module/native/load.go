package native

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/dodona-oracle/dodona/telemetry"
)

// A Guest is what code is made of.
type Guest struct {
	Name  string   // of the module, in the log and in metrics
	Kind  string   // what the code is made for; the child is told
	Bound []string // what the code depends on beside the kind, this program, and the machine
}

// A Loader has memory for code, and a runtime that it is loaded into. Its methods are called one after the other.
type Loader interface {
	// Keep asks for memory for so many bytes of native code: before anything is taken for it, unless it was made in this process. Nobody asks
	// where guests are interpreted.
	Keep(ctx context.Context, native int64) error
	// Forget gives back what Keep has asked for: that code could not be loaded, and other code will be.
	Forget()
	// Load lets wazero decode the module, and find its native code or compile it.
	Load(ctx context.Context) error
}

// Code is native code of a guest: what is kept of it, or else what Load makes. One goroutine has it.
type Code struct {
	store *Store
	guest Guest
	entry cacheEntry
	had   *made // nil: nothing is kept
}

// Find looks for native code that is kept. Whoever gets the Code discards it, also when it was loaded.
func (s *Store) Find(g Guest) (*Code, error) {
	if err := s.private.mend(filepath.Dir(s.example)); err != nil {
		return nil, s.private.explain(err)
	}
	entry := s.entry(g)
	return &Code{store: s, guest: g, entry: entry, had: entry.read()}, nil
}

// Kept returns the module of which code is kept, as it was rewritten for that, and whether there is any.
func (c *Code) Kept() (Rewritten, bool) {
	if c.had == nil {
		return Rewritten{}, false
	}
	return c.had.Rewritten, true
}

// Discard removes what did not come to its place.
func (c *Code) Discard() { c.had.discard() }

// Load has code of a module loaded: what is kept of it, or made in a child, or in this process if there is no command for a child. One compilation
// runs at a time, so that several modules together take no more memory than one. What by has loaded must be closed after an error too.
func (c *Code) Load(ctx context.Context, m Rewritten, by Loader) error {
	return c.store.private.explain(c.load(ctx, m, by))
}

func (c *Code) load(ctx context.Context, m Rewritten, by Loader) error {
	select {
	case c.store.compiles <- struct{}{}:
		defer func() { <-c.store.compiles }()
	case <-ctx.Done():
		return fmt.Errorf("wait for another compilation: %w", ctx.Err())
	}
	if c.had == nil { // it may have been compiled while this waited
		if had := c.entry.read(); had != nil && bytes.Equal(had.Wasm, m.Wasm) {
			c.had = had
		} else {
			had.discard()
		}
	}
	if c.had == nil {
		return c.compile(ctx, m, by)
	}
	if err := by.Keep(ctx, c.had.size); err != nil {
		return err
	}
	if err := c.store.place(ctx, c.had, by); err != nil {
		by.Forget()
		c.entry.reject(err)
		return c.compile(ctx, m, by)
	}
	c.store.o.Recorder.Count(telemetry.ModuleCached.Of(c.guest.Name), 1)
	return nil
}

// compile makes native code, and has it loaded.
func (c *Code) compile(ctx context.Context, m Rewritten, by Loader) error {
	s, start := c.store, time.Now()
	defer func() { s.o.Recorder.Time(telemetry.ModuleCompile.Of(c.guest.Name), time.Since(start)) }()
	s.o.Recorder.Count(telemetry.ModuleCompiled.Of(c.guest.Name), 1)
	if len(s.child.command) == 0 {
		return c.compileHere(ctx, m, by)
	}
	code, err := s.compileInChild(ctx, m, c.guest.Kind)
	if err != nil {
		return err
	}
	defer code.discard()
	if code.name == "" {
		return by.Load(ctx)
	}
	c.entry.write(code)
	if err := by.Keep(ctx, code.size); err != nil {
		return err
	}
	return s.place(ctx, &code, by)
}

// compileInChild lets a child process compile a rewritten module. The native code is in a file, which the caller must discard; it has no name
// if guests are interpreted here, and the child has only found that decoding stays within the limits.
func (s *Store) compileInChild(ctx context.Context, m Rewritten, kind string) (made, error) {
	s.removeLeft()
	dir, err := os.MkdirTemp(s.dir, compilePrefix)
	if err != nil {
		return made{}, fmt.Errorf("make folder for the compiler: %w", err)
	}
	defer os.RemoveAll(dir) // which takes a descriptor
	mode := kind
	if s.Interprets() {
		mode = interpreted
	}
	if err := s.child.compile(ctx, m.Wasm, mode, dir); err != nil {
		return made{}, err
	}
	if s.Interprets() {
		return made{}, nil
	}
	files, err := nativeFiles(dir)
	if err != nil {
		return made{}, fmt.Errorf("find native code: %w", err)
	}
	if len(files) != 1 || !s.ours(files[0]) {
		return made{}, fmt.Errorf("the compiler's child left %q: want one file beside %s; it must be the same program as this one", files, s.example)
	}
	code := made{Rewritten: m, name: files[0], file: filepath.Join(s.dir, filepath.Base(dir)+".native")}
	path := filepath.Join(dir, files[0])
	if code.size, err = sizeLimited(path, LargestCode); err == nil {
		err = os.Rename(path, code.file)
	}
	if err != nil {
		return made{}, fmt.Errorf("take native code: %w", err)
	}
	return code, nil
}

// removeLeft removes folders for the compiler that could not be removed before. One compilation runs at a time, so none of them is in use.
func (s *Store) removeLeft() {
	list, _ := os.ReadDir(s.dir)
	for _, entry := range list {
		if entry.IsDir() && numbered(entry.Name(), compilePrefix) {
			_ = os.RemoveAll(filepath.Join(s.dir, entry.Name()))
		}
	}
}

// compileHere compiles in this process, which can neither be stopped nor limited, and keeps the native code too.
func (c *Code) compileHere(ctx context.Context, m Rewritten, by Loader) error {
	s := c.store
	defer s.sweep()
	if err := by.Load(ctx); err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	if s.Interprets() {
		return nil
	}
	var size int64
	if files, err := nativeFiles(s.dir); err == nil && len(files) == 1 { // none if another module that is loaded has the same code
		path := filepath.Join(s.dir, files[0])
		if size, err = sizeLimited(path, LargestCode); err == nil {
			c.entry.write(made{Rewritten: m, name: files[0], size: size, file: path})
		}
	}
	return by.Keep(ctx, size)
}

// place lets native code be loaded through the private folder. It fails rather than compile, which would be in this
// process, unless somebody takes the file out of the folder in the instant before it is opened.
func (s *Store) place(ctx context.Context, n *made, by Loader) error {
	path := filepath.Join(s.dir, n.name)
	defer os.Remove(path)
	if err := os.Rename(n.file, path); err != nil {
		return fmt.Errorf("put native code into its place: %w", err)
	}
	n.file = ""
	if err := by.Load(ctx); err != nil {
		return fmt.Errorf("load native code: %w", err)
	}
	return nil
}

// sweep empties the private folder.
func (s *Store) sweep() {
	files, _ := nativeFiles(s.dir)
	for _, file := range files {
		_ = os.Remove(filepath.Join(s.dir, file))
	}
}
