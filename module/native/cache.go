package native

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
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

	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A Guest is what code is made of.
type Guest struct {
	Name  string   // of the module, in the log and in metrics
	Kind  string   // what the code is made for; the child is told
	Bound []string // what the code depends on beside the kind, this program, and the machine
}

// A Rewritten is a module as it is compiled.
type Rewritten struct {
	Wasm  []byte
	Stack int64 // bytes of native stack that a call of it may take
}

// A Loader runs code. Its methods are called one after the other.
type Loader interface {
	// Keep asks for memory for so many bytes of native code. It is called before anything is taken for it, unless it was made in this process, and
	// not where guests are interpreted.
	Keep(ctx context.Context, native int64) error
	// Forget gives back what Keep has asked for: the code cannot be loaded.
	Forget()
	// Load lets wazero decode the module, and find its native code or compile it.
	Load(ctx context.Context) error
}

// Code is native code of a guest, to be loaded: what is kept of it, or what is made then.
type Code struct {
	entry cacheEntry
	had   *made // nil: nothing is kept
}

// Find looks for native code that is kept. Who has it discards it when it was loaded, or is not to be.
func (s *Store) Find(g Guest) (*Code, error) {
	if err := s.private.mend(filepath.Dir(s.example)); err != nil {
		return nil, s.private.explain(err)
	}
	entry := s.entry(g)
	return &Code{entry, entry.read()}, nil
}

// Kept returns the module as it was rewritten for the code that is kept.
func (c *Code) Kept() (Rewritten, bool) {
	if c.had == nil {
		return Rewritten{}, false
	}
	return c.had.Rewritten, true
}

// Discard removes what did not come to its place.
func (c *Code) Discard() { c.had.discard() }

// Load lets by load code of a module: what was kept of it, or made in a child, or in this process if there is no command for a child. One compilation
// runs at a time, so that several modules together take no more memory than one.
func (c *Code) Load(ctx context.Context, m Rewritten, by Loader) error {
	return c.entry.store.private.explain(c.entry.load(ctx, m, c.had, by))
}

func (c cacheEntry) load(ctx context.Context, m Rewritten, had *made, by Loader) error {
	s := c.store
	select {
	case s.compiles <- struct{}{}:
		defer func() { <-s.compiles }()
	case <-ctx.Done():
		return fmt.Errorf("wait for another compilation: %w", ctx.Err())
	}
	if had == nil { // it may have been compiled while this waited
		if had = c.read(); had != nil && !bytes.Equal(had.Wasm, m.Wasm) {
			had.discard()
			had = nil
		}
		defer had.discard()
	}
	if had == nil {
		return c.compile(ctx, m, by)
	}
	if err := by.Keep(ctx, had.size); err != nil {
		return err
	}
	if err := s.place(ctx, had, by); err != nil {
		by.Forget()
		c.reject(err)
		return c.compile(ctx, m, by)
	}
	s.o.Recorder.Count(telemetry.ModuleCached.Of(c.guest.Name), 1)
	return nil
}

// compile makes native code, and lets by load it.
func (c cacheEntry) compile(ctx context.Context, m Rewritten, by Loader) error {
	s, start := c.store, time.Now()
	defer func() { s.o.Recorder.Time(telemetry.ModuleCompile.Of(c.guest.Name), time.Since(start)) }()
	s.o.Recorder.Count(telemetry.ModuleCompiled.Of(c.guest.Name), 1)
	if len(s.o.Worker) == 0 {
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
	c.write(code)
	if err := by.Keep(ctx, code.size); err != nil {
		return err
	}
	return s.place(ctx, &code, by)
}

// A made is native code in a file.
type made struct {
	Rewritten
	name string // wazero's, as folder/file
	size int64  // bytes of it
	file string // in the private folder, that has it
}

// discard removes what was read or compiled and did not come to its place.
func (n *made) discard() {
	if n != nil && n.file != "" {
		_ = os.Remove(n.file)
	}
}

// compileHere compiles in this process, which can neither be stopped nor limited, and keeps the native code too.
func (c cacheEntry) compileHere(ctx context.Context, m Rewritten, by Loader) error {
	s := c.store
	defer s.sweep()
	if err := by.Load(ctx); err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	if s.example == "" {
		return nil
	}
	var size int64
	if files, err := nativeFiles(s.dir); err == nil && len(files) == 1 { // none if another module that is loaded has the same code
		path := filepath.Join(s.dir, files[0])
		if size, err = sizeLimited(path, LargestCode); err == nil {
			c.write(made{Rewritten: m, name: files[0], size: size, file: path})
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

// A cacheEntry is where native code of one module is kept between runs of the program, with the rewritten module that it
// is of. Native code is as good as the program itself, so a file counts only with the HMAC of this node's key over it and
// over all that it depends on. Whoever can write the folder can delete the files, and nothing more.
type cacheEntry struct {
	store *Store
	guest Guest
	path  string // empty: none is kept
	bound []byte
}

// cacheMagic begins every file of the cache.
const cacheMagic = "dodona native code 2\n"

// entry says where native code of a module is kept and what it is bound to: what the guest says, the program that did it,
// wazero's version, the architecture, the features of the processor, and the kind.
func (s *Store) entry(g Guest) cacheEntry {
	c := cacheEntry{store: s, guest: g}
	if s.o.Dir == "" || s.example == "" {
		return c
	}
	for _, field := range slices.Concat([]string{cacheMagic}, g.Bound, []string{s.program, s.example, g.Kind}) {
		c.bound = binary.BigEndian.AppendUint32(c.bound, uint32(len(field)))
		c.bound = append(c.bound, field...)
	}
	id := sha256.Sum256(c.bound)
	c.path = filepath.Join(s.o.Dir, hex.EncodeToString(id[:16])+cacheSuffix)
	return c
}

const cacheSuffix = ".native"

// read returns what is kept, if it is this node's own; else nil. A file that is not is counted and logged, and the module
// checked, rewritten and compiled again.
func (c cacheEntry) read() *made {
	if c.path == "" {
		return nil
	}
	f, size, err := openLimited(c.path, 2*LargestCode)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if errors.Is(err, syscall.ELOOP) {
		err = wrongFile("it is a link")
	}
	var n made
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
func (c cacheEntry) take(f *os.File, size int64) (n made, err error) {
	head := make([]byte, len(cacheMagic)+sha256.Size)
	if err := fullOr(io.ReadFull(f, head)); err != nil {
		return made{}, err
	}
	if string(head[:len(cacheMagic)]) != cacheMagic {
		return made{}, wrongFile("it is no file of this cache")
	}
	b := body{from: f, left: size - int64(len(head)), sum: c.sum()}
	name, err := b.part(b.length(), longestNative)
	if err != nil {
		return made{}, err
	}
	n.name = string(name)
	stack, err := b.part(b.length(), 8)
	if err != nil {
		return made{}, err
	}
	if len(stack) != 8 {
		return made{}, errEnds
	}
	n.Stack = int64(binary.BigEndian.Uint64(stack))
	moved, err := b.move(b.length(), c.store.dir)
	defer os.Remove(moved)
	if err != nil {
		return made{}, err
	}
	if size := b.length(); b.err != nil {
		return made{}, b.err
	} else if size != b.left {
		return made{}, errEnds
	}
	defer func() {
		if err != nil {
			n.discard()
		}
	}()
	n.size = b.left
	if n.file, err = b.move(b.left, c.store.dir); err != nil {
		return n, err
	}
	if !hmac.Equal(head[len(cacheMagic):], b.sum.Sum(nil)) {
		return n, wrongFile("this node has not written it: its authentication code is wrong")
	}
	if !c.store.ours(n.name) {
		return n, wrongFile("it has the name of no native code")
	}
	n.Wasm, err = os.ReadFile(moved)
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
	h := hmac.New(sha256.New, c.store.o.Key)
	h.Write(c.bound) // its fields have lengths before them, so that it ends where it ends
	return h
}

// reject removes a file that is wrong, so that nobody reads it again, and tells about it. One that this machine could not use, as it had no room
// or no file descriptor, may be as good as ever, and stays.
func (c cacheEntry) reject(err error) {
	if wrong := wrongFile(""); errors.As(err, &wrong) {
		_ = os.Remove(c.path)
		c.store.o.Recorder.Count(telemetry.ModuleRejected.Of(c.guest.Name), 1)
		c.store.o.Log.Warn("a file of the compilation cache is not used; the module is compiled again",
			"module", c.guest.Name, "file", c.path, "reason", err)
		return
	}
	c.store.o.Log.Warn("a file of the compilation cache cannot be used now, and stays; the module is compiled again",
		"module", c.guest.Name, "file", c.path, "reason", c.store.private.explain(err))
}

// A wrongFile is why a file is none that this node has written.
type wrongFile string

// Error returns the reason.
func (w wrongFile) Error() string { return string(w) }

// write keeps native code. If it cannot, the next start compiles again.
func (c cacheEntry) write(n made) {
	if c.path == "" {
		return
	}
	if err := c.keep(n); err != nil {
		c.store.o.Log.Warn("native code is not kept; the next start compiles the module again",
			"module", c.guest.Name, "file", c.path, "reason", err)
	}
	c.store.prune()
}

// keep writes the file in pieces: native code may be large, and is not in memory.
func (c cacheEntry) keep(n made) error {
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
func (n made) writeTo(w io.Writer) error {
	f, size, err := openLimited(n.file, LargestCode)
	if err != nil {
		return err
	}
	defer f.Close()
	if size != n.size {
		return fmt.Errorf("%s has %d bytes and had %d", n.file, size, n.size)
	}
	for _, part := range [][]byte{[]byte(n.name), binary.BigEndian.AppendUint64(nil, uint64(n.Stack)), n.Wasm} {
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
func (s *Store) prune() {
	entries, _ := os.ReadDir(s.o.Dir)
	type file struct {
		path string
		size int64
		used time.Time
	}
	var files []file
	for _, entry := range entries {
		path := filepath.Join(s.o.Dir, entry.Name())
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
