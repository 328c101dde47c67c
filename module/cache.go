package module

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/dodona-oracle/dodona/telemetry"
)

// compile makes code of a module: from the cache, or in a child, or in this process if there is no command for a child.
// One compilation runs at a time, so that several modules together take no more memory than one.
func (e *Engine) compile(ctx context.Context, m *Module, k kind) (wazero.CompiledModule, error) {
	select {
	case e.compiles <- struct{}{}:
		defer func() { <-e.compiles }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for another compilation: %w", ctx.Err())
	}
	entry := e.entry(m, k)
	if name, native, ok := entry.read(); ok {
		code, err := e.place(ctx, m, k, name, native)
		if err == nil {
			e.o.Recorder.Count(telemetry.ModuleCached, m.spec.Name, 1)
			return code, nil
		}
		entry.reject(err)
	}
	start := time.Now()
	defer func() { e.o.Recorder.Time(telemetry.ModuleCompile, m.spec.Name, time.Since(start)) }()
	e.o.Recorder.Count(telemetry.ModuleCompiled, m.spec.Name, 1)
	if len(e.o.Worker) == 0 {
		return e.compileHere(ctx, m, k, entry)
	}
	name, native, err := e.compileInChild(ctx, m.code, k)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return m.runtime.CompileModule(k.with(ctx), m.code)
	}
	entry.write(name, native)
	return e.place(ctx, m, k, name, native)
}

// compileHere compiles in this process, which can neither be stopped nor limited, and keeps the native code too.
func (e *Engine) compileHere(ctx context.Context, m *Module, k kind, entry cacheEntry) (wazero.CompiledModule, error) {
	defer e.sweep()
	code, err := m.runtime.CompileModule(k.with(ctx), m.code)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	if files, err := nativeFiles(e.dir); err == nil && len(files) == 1 {
		if native, err := readLimited(filepath.Join(e.dir, files[0]), largestCode); err == nil {
			entry.write(files[0], native)
		}
	}
	return code, nil
}

// place lets wazero load native code through the private folder. It fails rather than compile, which would be in this
// process.
func (e *Engine) place(ctx context.Context, m *Module, k kind, name string, native []byte) (wazero.CompiledModule, error) {
	defer e.sweep()
	if err := os.WriteFile(filepath.Join(e.dir, name), native, 0o600); err != nil {
		return nil, fmt.Errorf("write native code: %w", err)
	}
	code, err := m.runtime.CompileModule(k.with(ctx), m.code)
	if err != nil {
		return nil, fmt.Errorf("load native code: %w", err)
	}
	return code, nil
}

// sweep empties the private folder.
func (e *Engine) sweep() {
	files, _ := nativeFiles(e.dir)
	for _, file := range files {
		_ = os.Remove(filepath.Join(e.dir, file))
	}
}

// A cacheEntry is where native code of one module is kept between runs of the program. Native code is as good as the
// program itself, so a file counts only with the HMAC of this node's key over it and over all that it depends on. Whoever
// can write the folder can delete the files, and nothing more.
type cacheEntry struct {
	engine  *Engine
	module  string
	path    string // empty: none is kept
	context []byte
}

// cacheMagic begins every file of the cache.
const cacheMagic = "dodona native code 1\n"

// entry says where native code of a module is kept and what it is bound to: the Wasm as given and as rewritten, the
// version of the rewriting, wazero's version, the architecture, the features of the processor, and the kind.
func (e *Engine) entry(m *Module, k kind) cacheEntry {
	if e.o.Dir == "" || e.native == "" {
		return cacheEntry{}
	}
	rewritten := sha256.Sum256(m.code)
	var bound []byte
	for _, field := range []string{cacheMagic, string(m.digest[:]), string(rewritten[:]), rewriting, e.native, string(k)} {
		bound = binary.BigEndian.AppendUint32(bound, uint32(len(field)))
		bound = append(bound, field...)
	}
	id := sha256.Sum256(bound)
	return cacheEntry{
		engine: e, module: m.spec.Name, context: bound,
		path: filepath.Join(e.o.Dir, hex.EncodeToString(id[:16])+cacheSuffix),
	}
}

const cacheSuffix = ".native"

// read returns the native code, if there is some and it is this node's own. Anything else is as good as nothing: it is
// counted and logged, and compiled again.
func (c cacheEntry) read() (name string, native []byte, ok bool) {
	if c.path == "" {
		return "", nil, false
	}
	file, err := readLimited(c.path, largestCode+1<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, false
	}
	if err == nil {
		name, native, err = c.open(file)
	}
	if err != nil {
		c.reject(err)
		return "", nil, false
	}
	now := time.Now()
	_ = os.Chtimes(c.path, now, now) // the files used last are kept longest
	return name, native, true
}

// open takes a file apart: magic, HMAC, length of the name, name, native code.
func (c cacheEntry) open(file []byte) (name string, native []byte, err error) {
	const head = len(cacheMagic) + sha256.Size
	if len(file) < head+1 || string(file[:len(cacheMagic)]) != cacheMagic {
		return "", nil, errors.New("it is no file of this cache")
	}
	mac, body := file[len(cacheMagic):head], file[head:]
	if !hmac.Equal(mac, c.mac(body)) {
		return "", nil, errors.New("this node has not written it: its authentication code is wrong")
	}
	n := int(body[0])
	if len(body) < 1+n || !c.engine.ours(string(body[1:1+n])) {
		return "", nil, errors.New("it has the name of no native code")
	}
	return string(body[1 : 1+n]), body[1+n:], nil
}

func (c cacheEntry) mac(body []byte) []byte {
	h := hmac.New(sha256.New, c.engine.o.Key)
	h.Write(c.context) // its fields have lengths before them, so that it ends where it ends
	h.Write(body)
	return h.Sum(nil)
}

// reject tells about a file that is not used.
func (c cacheEntry) reject(err error) {
	c.engine.o.Recorder.Count(telemetry.ModuleRejected, c.module, 1)
	c.engine.o.Log.Warn("a file of the compilation cache is not used; the module is compiled again",
		"module", c.module, "file", c.path, "reason", err)
}

// write keeps native code. If it cannot, the next start compiles again.
func (c cacheEntry) write(name string, native []byte) {
	if c.path == "" {
		return
	}
	if err := c.store(name, native); err != nil {
		c.engine.o.Log.Warn("native code is not kept; the next start compiles the module again",
			"module", c.module, "file", c.path, "reason", err)
	}
	c.engine.prune()
}

func (c cacheEntry) store(name string, native []byte) error {
	body := append(append([]byte{byte(len(name))}, name...), native...)
	f, err := os.CreateTemp(c.engine.o.Dir, "*.tmp") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it has its name
	_, err = f.Write(slices.Concat([]byte(cacheMagic), c.mac(body), body))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), c.path)
}

// The cache keeps the files that were used last.
const (
	cacheFiles = 64
	cacheBytes = 128 << 20
)

// prune removes what is beyond the bounds of the cache, and what an interrupted write left.
func (e *Engine) prune() {
	paths, _ := filepath.Glob(filepath.Join(e.o.Dir, "*"))
	type file struct {
		path string
		size int64
		used time.Time
	}
	var files []file
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		switch filepath.Ext(path) {
		case cacheSuffix:
			files = append(files, file{path, info.Size(), info.ModTime()})
		case ".tmp":
			if time.Since(info.ModTime()) > time.Hour {
				_ = os.Remove(path)
			}
		}
	}
	slices.SortFunc(files, func(a, b file) int { return b.used.Compare(a.used) })
	var sum int64
	for i, f := range files {
		if sum += f.size; i >= cacheFiles || sum > cacheBytes {
			_ = os.Remove(f.path)
		}
	}
}
