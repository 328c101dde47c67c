package native

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona/telemetry"
)

// A cacheEntry is where native code of one module is kept between runs of the program, with the rewritten module that it
// is of. Native code is as good as the program itself, so a file counts only with the HMAC of this node's key over it and
// over all that it depends on. Whoever can write the folder can delete the files, and nothing more.
type cacheEntry struct {
	store  *Store
	module string
	path   string // empty: none is kept
	bound  []byte
}

// entry says where native code of a module is kept and what it is bound to: what the guest says, the program that did it,
// wazero's version, the architecture, the features of the processor, and the kind.
func (s *Store) entry(g Guest) cacheEntry {
	c := cacheEntry{store: s, module: g.Name}
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
		n, err = take(f, size, c.sum(), c.store.dir)
		_ = f.Close() // it was only read
	}
	if err == nil && !c.store.ours(n.name) {
		n.discard()
		err = wrongFile("it has the name of no native code")
	}
	if err != nil {
		c.reject(err)
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(c.path, now, now) // the files used last are kept longest
	return &n
}

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
		c.store.o.Recorder.Count(telemetry.ModuleRejected.Of(c.module), 1)
		c.store.o.Log.Warn("a file of the compilation cache is not used; the module is compiled again",
			"module", c.module, "file", c.path, "reason", err)
		return
	}
	c.store.o.Log.Warn("a file of the compilation cache cannot be used now, and stays; the module is compiled again",
		"module", c.module, "file", c.path, "reason", c.store.private.explain(err))
}

// write keeps native code. If it cannot, the next start compiles again.
func (c cacheEntry) write(n made) {
	if c.path == "" {
		return
	}
	if err := put(c.path, n, c.sum()); err != nil {
		c.store.o.Log.Warn("native code is not kept; the next start compiles the module again",
			"module", c.module, "file", c.path, "reason", err)
	}
	c.store.prune()
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
