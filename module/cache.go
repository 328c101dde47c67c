package module

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/telemetry"
)

// compile makes code of a module: of what the cache had for it, or in a child, or in this process if there is no command
// for a child. One compilation runs at a time, so that several modules together take no more memory than one. Native code is promised memory
// before anything is taken for it, unless it was made in this process. The code must be closed after an error too, if there is any.
func (e *Engine) compile(ctx context.Context, p *pool, had *native) (wazero.CompiledModule, error) {
	select {
	case e.compiles <- struct{}{}:
		defer func() { <-e.compiles }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for another compilation: %w", ctx.Err())
	}
	m, entry := p.module, e.entry(p.module, p.kind)
	if had == nil { // it may have been compiled while this waited
		if had = entry.read(); had != nil && !bytes.Equal(had.rewritten, m.code) {
			had.discard()
			had = nil
		}
		defer had.discard()
	}
	if had != nil {
		if err := p.keep(ctx, had.size+m.entries); err != nil {
			return nil, err
		}
		code, err := e.place(ctx, p, had)
		if err == nil {
			e.o.Recorder.Count(telemetry.ModuleCached.Of(m.spec.Name), 1)
			return code, nil
		}
		p.forget()
		entry.reject(err)
	}
	start := time.Now()
	defer func() { e.o.Recorder.Time(telemetry.ModuleCompile.Of(m.spec.Name), time.Since(start)) }()
	e.o.Recorder.Count(telemetry.ModuleCompiled.Of(m.spec.Name), 1)
	if len(e.o.Worker) == 0 {
		return e.compileHere(ctx, p, entry)
	}
	made, err := e.compileInChild(ctx, m.code, p.kind)
	if err != nil {
		return nil, err
	}
	defer made.discard()
	if made.name == "" {
		return p.load(ctx)
	}
	made.stack = m.stack
	entry.write(made)
	if err := p.keep(ctx, made.size+m.entries); err != nil {
		return nil, err
	}
	return e.place(ctx, p, &made)
}

// load lets wazero decode the module, and find its native code or compile it.
func (p *pool) load(ctx context.Context) (wazero.CompiledModule, error) {
	return p.runtime.CompileModule(p.kind.with(ctx, p.module.code), p.module.code)
}

// A native is native code of a module as rewritten.
type native struct {
	rewritten []byte
	stack     int64  // that a call of it may take, see [wasm.Module.Stack]
	name      string // wazero's, as folder/file
	size      int64  // bytes of it
	file      string // in the private folder, that has it
}

// discard removes what was read or compiled and did not come to its place.
func (n *native) discard() {
	if n != nil && n.file != "" {
		_ = os.Remove(n.file)
	}
}

// compileHere compiles in this process, which can neither be stopped nor limited, and keeps the native code too.
func (e *Engine) compileHere(ctx context.Context, p *pool, entry cacheEntry) (wazero.CompiledModule, error) {
	defer e.sweep()
	code, err := p.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	if e.native == "" {
		return code, nil
	}
	var size int64
	if files, err := nativeFiles(e.dir); err == nil && len(files) == 1 { // none if another module that is loaded has the same code
		path := filepath.Join(e.dir, files[0])
		if size, err = sizeLimited(path, largestCode); err == nil {
			entry.write(native{rewritten: p.module.code, stack: p.module.stack, name: files[0], size: size, file: path})
		}
	}
	return code, p.keep(ctx, size+p.module.entries)
}

// place lets wazero load native code through the private folder. It fails rather than compile, which would be in this
// process, unless somebody takes the file out of the folder in the instant before it is opened.
func (e *Engine) place(ctx context.Context, p *pool, n *native) (wazero.CompiledModule, error) {
	path := filepath.Join(e.dir, n.name)
	defer os.Remove(path)
	if err := os.Rename(n.file, path); err != nil {
		return nil, fmt.Errorf("put native code into its place: %w", err)
	}
	n.file = ""
	code, err := p.load(ctx)
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

// A cacheEntry is where native code of one module is kept between runs of the program, with the rewritten module that it
// is of. Native code is as good as the program itself, so a file counts only with the HMAC of this node's key over it and
// over all that it depends on. Whoever can write the folder can delete the files, and nothing more.
type cacheEntry struct {
	engine *Engine
	module string
	path   string // empty: none is kept
	bound  []byte
}

// cacheMagic begins every file of the cache.
const cacheMagic = "dodona native code 2\n"

// entry says where native code of a module is kept and what it is bound to: the Wasm as given, what it was checked
// against and rewritten for, the program that did it, wazero's version, the architecture, the features of the processor,
// and the kind.
func (e *Engine) entry(m *Module, k kind) cacheEntry {
	if e.o.Dir == "" || e.native == "" {
		return cacheEntry{}
	}
	policy, err := json.Marshal(struct {
		Pages, Depth uint32
		Metering     int
		Capabilities manifest.Capabilities
	}{m.spec.Limits.Pages, m.spec.Limits.Depth, m.spec.Metering, m.spec.Capabilities})
	if err != nil {
		panic(err) // numbers, texts and lists of texts
	}
	var bound []byte
	for _, field := range []string{cacheMagic, string(m.digest[:]), string(policy), rewriting, e.program, e.native, string(k)} {
		bound = binary.BigEndian.AppendUint32(bound, uint32(len(field)))
		bound = append(bound, field...)
	}
	id := sha256.Sum256(bound)
	return cacheEntry{
		engine: e, module: m.spec.Name, bound: bound,
		path: filepath.Join(e.o.Dir, hex.EncodeToString(id[:16])+cacheSuffix),
	}
}

const cacheSuffix = ".native"

// read returns what is kept, if it is this node's own; else nil. A file that is not is counted and logged, and the module
// checked, rewritten and compiled again.
func (c cacheEntry) read() *native {
	if c.path == "" {
		return nil
	}
	f, size, err := openLimited(c.path, 2*largestCode)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if errors.Is(err, syscall.ELOOP) {
		err = wrongFile("it is a link")
	}
	var n native
	if err == nil {
		n, err = c.take(f, size)
		_ = f.Close() // it was only read
	}
	if err != nil {
		c.reject(err)
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(c.path, now, now) // the files used last are kept longest
	return &n
}

// take takes a file apart: magic, HMAC, and then, each with its length, name, stack, rewritten module and native code. The last two,
// nearly all of it, go to the private folder in pieces, where nothing looks for them before the HMAC of all is right: a file that this
// node has not written takes no more memory than one piece, whatever lengths it has.
func (c cacheEntry) take(f *os.File, size int64) (n native, err error) {
	head := make([]byte, len(cacheMagic)+sha256.Size)
	if err := fullOr(io.ReadFull(f, head)); err != nil {
		return native{}, err
	}
	if string(head[:len(cacheMagic)]) != cacheMagic {
		return native{}, wrongFile("it is no file of this cache")
	}
	b := body{from: f, left: size - int64(len(head)), sum: c.sum()}
	name, err := b.part(b.length(), longestNative)
	if err != nil {
		return native{}, err
	}
	n.name = string(name)
	stack, err := b.part(b.length(), 8)
	if err != nil {
		return native{}, err
	}
	if len(stack) != 8 {
		return native{}, errEnds
	}
	n.stack = int64(binary.BigEndian.Uint64(stack))
	rewritten, err := b.move(b.length(), c.engine.dir)
	defer os.Remove(rewritten)
	if err != nil {
		return native{}, err
	}
	if size := b.length(); b.err != nil {
		return native{}, b.err
	} else if size != b.left {
		return native{}, errEnds
	}
	defer func() {
		if err != nil {
			n.discard()
		}
	}()
	n.size = b.left
	if n.file, err = b.move(b.left, c.engine.dir); err != nil {
		return n, err
	}
	if !hmac.Equal(head[len(cacheMagic):], b.sum.Sum(nil)) {
		return n, wrongFile("this node has not written it: its authentication code is wrong")
	}
	if !c.engine.ours(n.name) {
		return n, wrongFile("it has the name of no native code")
	}
	n.rewritten, err = os.ReadFile(rewritten)
	return n, err
}

// longestNative is the length in bytes up to which a name of native code is read; wazero's have about a hundred.
const longestNative = 256

// A body is what follows the HMAC in a file: as much of it as has been read is in the sum.
type body struct {
	from io.Reader
	left int64
	sum  hash.Hash
	err  error // of reading a length
}

// errEnds is of files whose lengths do not fit; nobody has authenticated those yet.
const errEnds = wrongFile("its parts have not the lengths that they should have")

// fullOr says of a file that ends too early that it is wrong, and leaves other errors of reading.
func fullOr(_ int, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errEnds
	}
	return err
}

// length reads the length of a part; -1 if there is none, or it cannot be read.
func (b *body) length() int64 {
	p, err := b.part(4, 4)
	if err != nil {
		b.err = err
		return -1
	}
	return int64(binary.BigEndian.Uint32(p))
}

// part reads the next bytes, of which there must be so many, and not more than most.
func (b *body) part(size, most int64) ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	if size < 0 || size > min(b.left, most) {
		return nil, errEnds
	}
	p := make([]byte, size)
	if err := fullOr(io.ReadFull(b.from, p)); err != nil {
		return nil, err
	}
	b.left -= size
	b.sum.Write(p)
	return p, nil
}

// move moves the next bytes, of which there must be so many, into a new file of a folder. An error leaves none.
func (b *body) move(size int64, dir string) (string, error) {
	if b.err != nil {
		return "", b.err
	}
	if size < 0 || size > b.left {
		return "", errEnds
	}
	f, err := os.CreateTemp(dir, "cached-*") // 0600
	if err != nil {
		return "", err
	}
	moved, err := io.CopyBuffer(io.MultiWriter(b.sum, f), io.LimitReader(b.from, size), make([]byte, copied))
	if err = errors.Join(err, f.Close()); err == nil && moved != size {
		err = errEnds
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	b.left -= size
	return f.Name(), nil
}

// copied is how much is moved at once: what fits into a processor's cache.
const copied = 64 << 10

// sum returns the HMAC of nothing yet but what the entry is bound to.
func (c cacheEntry) sum() hash.Hash {
	h := hmac.New(sha256.New, c.engine.o.Key)
	h.Write(c.bound) // its fields have lengths before them, so that it ends where it ends
	return h
}

// reject removes a file that is wrong, so that nobody reads it again, and tells about it. One that this machine could not use, as it had no room
// or no file descriptor, may be as good as ever, and stays.
func (c cacheEntry) reject(err error) {
	if wrong := wrongFile(""); errors.As(err, &wrong) {
		_ = os.Remove(c.path)
		c.engine.o.Recorder.Count(telemetry.ModuleRejected.Of(c.module), 1)
		c.engine.o.Log.Warn("a file of the compilation cache is not used; the module is compiled again",
			"module", c.module, "file", c.path, "reason", err)
		return
	}
	c.engine.o.Log.Warn("a file of the compilation cache cannot be used now, and stays; the module is compiled again",
		"module", c.module, "file", c.path, "reason", c.engine.private.explain(err))
}

// A wrongFile is why a file is none that this node has written.
type wrongFile string

// Error returns the reason.
func (w wrongFile) Error() string { return string(w) }

// write keeps native code. If it cannot, the next start compiles again.
func (c cacheEntry) write(n native) {
	if c.path == "" {
		return
	}
	if err := c.store(n); err != nil {
		c.engine.o.Log.Warn("native code is not kept; the next start compiles the module again",
			"module", c.module, "file", c.path, "reason", err)
	}
	c.engine.prune()
}

// store writes the file in pieces: native code may be large, and is not in memory.
func (c cacheEntry) store(n native) error {
	sum := c.sum()
	if err := n.writeTo(sum); err != nil {
		return err
	}
	head := sum.Sum([]byte(cacheMagic))
	return durable.WriteBy(c.path, func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		return n.writeTo(w)
	}, 0o600)
}

// writeTo writes all that the HMAC is over, each part after its length.
func (n native) writeTo(w io.Writer) error {
	f, size, err := openLimited(n.file, largestCode)
	if err != nil {
		return err
	}
	defer f.Close()
	if size != n.size {
		return fmt.Errorf("%s has %d bytes and had %d", n.file, size, n.size)
	}
	for _, part := range [][]byte{[]byte(n.name), binary.BigEndian.AppendUint64(nil, uint64(n.stack)), n.rewritten} {
		length := binary.BigEndian.AppendUint32(nil, uint32(len(part)))
		if _, err := w.Write(length); err != nil {
			return err
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(size))); err != nil {
		return err
	}
	_, err = io.CopyN(w, f, size)
	return err
}

// The cache keeps the files that were used last.
const (
	cacheFiles = 64
	cacheBytes = 128 << 20
)

// prune removes what is beyond the bounds of the cache.
func (e *Engine) prune() {
	entries, _ := os.ReadDir(e.o.Dir)
	type file struct {
		path string
		size int64
		used time.Time
	}
	var files []file
	for _, entry := range entries {
		path := filepath.Join(e.o.Dir, entry.Name())
		info, err := os.Lstat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if filepath.Ext(path) == cacheSuffix {
			files = append(files, file{path, info.Size(), info.ModTime()})
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
