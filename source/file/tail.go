package file

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

const (
	maxLines      = 256       // in one batch
	maxBatchBytes = 512 << 10 // after which a batch is closed
	chunkSize     = 64 << 10
	maxScan       = 4 << 20         // read in search of a line before looking around again
	minLinger     = 2 * time.Second // a rotated file is followed for that long, because its writer may not know yet
	maxLinger     = time.Minute     // and for that long at most while it grows as the newer one does
)

// tail follows the lines of a file.
type tail struct {
	settings Settings
	env      source.Env
	every    time.Duration

	last   *position // where the last batch ended; nil before the first
	fresh  bool      // the file was absent when we first looked, so all of it is new
	unsaid bool      // that it is there: at first, and after it could not be opened

	closing  chan struct{} // closed by Close, so that Observe ends
	once     sync.Once
	mu       sync.Mutex // held by Observe except while it waits, and by Close
	file     *os.File   // nil until it is found
	name     string     // of the file that is read, for people
	split    splitter
	verified position     // what was last known to be true of file
	known    []generation // that were there when file was opened
	rotated  time.Time    // when file was first seen not to be the one at Path, and a newer one to be written; zero if it is
	size     int64        // of file when it was last seen to grow since then
	grown    time.Time    // when that was
	left     left         // the file before, whose writer may still write to it
	chunk    []byte
}

func openTail(s Settings, env source.Env) *tail {
	t := &tail{settings: s, env: env, every: cmp.Or(s.Every, defaultLook), unsaid: true, closing: make(chan struct{})}
	if env.Cursor != nil {
		p, err := parsePosition(env.Cursor)
		if err != nil || p.Path != s.Path { // the source was another one before
			env.Log.Warn(fmt.Sprintf("%s: what was read last is not from this file; beginning at its %s", env.Source, s.From), "source", env.Source)
			return t
		}
		t.last = &p
	}
	return t
}

// errClosed: Observe was called, or was waiting, when the source was closed. Open it again.
var errClosed = errors.New("the source is closed")

// Observe waits for lines and returns them, each a reading. The batch's cursor is the position after them.
func (t *tail) Observe(ctx context.Context) (dodona.Batch, error) {
	for {
		batch, wait, err := t.look(ctx)
		if err != nil || !wait {
			return batch, err
		}
		timer := time.NewTimer(t.every)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return dodona.Batch{}, ctx.Err()
		case <-t.closing:
			timer.Stop()
			return dodona.Batch{}, errClosed
		}
	}
}

// Close closes the file and ends Observe.
func (t *tail) Close() error {
	t.once.Do(func() { close(t.closing) })
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left.forget()
	return t.leave()
}

// look returns what is there now; wait says that there is nothing.
func (t *tail) look(ctx context.Context) (batch dodona.Batch, wait bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for moved := true; moved; {
		select {
		case <-ctx.Done():
			return dodona.Batch{}, false, ctx.Err()
		case <-t.closing:
			return dodona.Batch{}, false, errClosed
		default:
		}
		if t.file == nil {
			if batch, err = t.begin(); err != nil || batch.Cursor != nil {
				t.unsaid = err != nil
				return batch, false, err
			}
			if t.unsaid { // say that it is there now, lines or not
				t.unsaid = false
				return dodona.Batch{}, false, nil
			}
		}
		if moved, err = t.beforeFirstLine(); err != nil {
			return batch, false, err
		}
		if moved {
			continue
		}
		if batch, err = t.read(); err != nil || batch.Cursor != nil {
			return batch, false, err
		}
		t.left.look(t)
		if batch, moved, err = t.move(); err != nil || batch.Cursor != nil {
			return batch, false, err
		}
	}
	return dodona.Batch{}, true, nil
}

// leave closes the file.
func (t *tail) leave() error {
	if t.file == nil {
		return nil
	}
	err := t.file.Close()
	t.file = nil
	return err
}

// begin finds where to go on. If that is the end of a file nobody has read, it returns a batch with nothing but
// the cursor, so that the next start begins there too.
func (t *tail) begin() (dodona.Batch, error) {
	if t.last == nil {
		info, err := os.Stat(t.settings.Path)
		if err != nil {
			t.fresh = t.fresh || errors.Is(err, os.ErrNotExist)
			return dodona.Batch{}, cannotOpen(t.settings.Path)
		}
		return t.enterFirst(newGeneration(t.settings.Path, info))
	}
	all, err := generations(t.settings.Path)
	if err != nil {
		return dodona.Batch{}, err
	}
	if g, found := find(all, t.settings.Path, *t.last); found {
		return dodona.Batch{}, t.enter(g.path, t.last.Offset)
	}
	g, found := newerThan(all, *t.last)
	if !found {
		return dodona.Batch{}, cannotOpen(t.settings.Path)
	}
	t.env.Log.Warn(fmt.Sprintf("%s: the file that was read up to byte %d is gone; going on with %s from its start, lines between may be lost",
		t.env.Source, t.last.Offset, filepath.Base(g.path)), "source", t.env.Source)
	t.env.Dropped(1, "a file was rotated away before it was read to its end")
	return dodona.Batch{}, t.enter(g.path, 0)
}

// cannotOpen returns why the file at path could not be opened a moment ago.
func cannotOpen(path string) error {
	f, _, err := openRegular(path)
	if err != nil {
		return err
	}
	_ = f.Close()
	return fmt.Errorf("open file %s: it appeared just now", path)
}

// enterFirst opens a file of which nothing was ever read.
func (t *tail) enterFirst(g generation) (dodona.Batch, error) {
	if t.fresh || t.settings.From == fromStart {
		return dodona.Batch{}, t.enter(g.path, 0)
	}
	if err := t.enter(g.path, 0); err != nil {
		return dodona.Batch{}, err
	}
	info, err := t.file.Stat()
	if err != nil {
		return dodona.Batch{}, fmt.Errorf("look at file: %w", err)
	}
	// A line that is half written belongs to what comes, so back to where it begins.
	end := info.Size()
	back := min(end, int64(t.settings.MaxLine)+1)
	b := make([]byte, back)
	if _, err := t.file.ReadAt(b, end-back); err != nil && !errors.Is(err, io.EOF) {
		return dodona.Batch{}, fmt.Errorf("read file: %w", err)
	}
	for len(b) > 0 && b[len(b)-1] != '\n' {
		b = b[:len(b)-1]
	}
	switch {
	case len(b) > 0:
		t.split = newSplitter(end-back+int64(len(b)), int(t.settings.MaxLine))
	case back < end: // the line is too long anyway
		t.split = newSplitter(end-back, int(t.settings.MaxLine))
	}
	return t.closeBatch(nil)
}

// enter opens the file at path and reads on from offset.
func (t *tail) enter(path string, offset int64) error {
	f, info, err := openRegular(path)
	if err != nil {
		return err
	}
	if err := t.leave(); err != nil {
		_ = f.Close()
		return fmt.Errorf("close the file before: %w", err)
	}
	return t.enterOpened(f, info, offset)
}

func (t *tail) enterOpened(f *os.File, info os.FileInfo, offset int64) (err error) {
	t.file, t.name = f, filepath.Base(f.Name())
	t.split = newSplitter(offset, int(t.settings.MaxLine))
	t.rotated = time.Time{}
	if t.verified, err = t.position(info); err != nil {
		_ = t.leave()
		return err
	}
	t.known, err = generations(t.settings.Path)
	return err
}

// position returns where the next batch begins.
func (t *tail) position(info os.FileInfo) (position, error) {
	p := position{Path: t.settings.Path, Offset: t.split.start, Modified: info.ModTime().UTC()}
	p.Device, p.Inode = identity(info)
	var err error
	p.Head, p.Tail, err = fingerprints(t.file, p.Offset)
	return p, err
}

// read returns the complete lines that are there, as many as fit in a batch; a batch without cursor if there are none.
func (t *tail) read() (dodona.Batch, error) {
	if intact, err := t.intact(); err != nil || !intact {
		return dodona.Batch{}, err
	}
	if t.chunk == nil {
		t.chunk = make([]byte, chunkSize)
	}
	before := t.split
	before.partial = append([]byte(nil), before.partial...)
	var lines []line
	size, limit := 0, t.split.next+maxScan
	for len(lines) < maxLines && size < maxBatchBytes && t.split.next < limit {
		n, err := t.file.ReadAt(t.chunk, t.split.next)
		if err != nil && !errors.Is(err, io.EOF) {
			return dodona.Batch{}, fmt.Errorf("read file at %d: %w", t.split.next, err)
		}
		if n == 0 {
			break
		}
		for rest := t.chunk[:n]; len(rest) > 0 && len(lines) < maxLines && size < maxBatchBytes; {
			l, took, found, long := t.split.feed(rest)
			rest = rest[took:]
			if long {
				t.dropLong()
			}
			if found && len(l.text) > 0 {
				lines = append(lines, l)
				size += len(l.text)
			}
		}
	}
	if len(lines) == 0 {
		return dodona.Batch{}, nil
	}
	// A file that was truncated while it was read gave us a mixture of old and new.
	if intact, err := t.intact(); err != nil || !intact {
		t.split = before
		return dodona.Batch{}, err
	}
	return t.closeBatch(lines)
}

func (t *tail) dropLong() {
	t.env.Dropped(1, fmt.Sprintf("a line of %s is longer than max_line (%s)", t.name, t.settings.MaxLine))
}

// intact reports whether the file still holds what was read of it.
func (t *tail) intact() (bool, error) {
	info, err := t.file.Stat()
	if err != nil {
		return false, fmt.Errorf("look at file: %w", err)
	}
	if info.Size() < t.split.next || !t.verified.matches(t.file, info.Size()) {
		return false, nil
	}
	again := make([]byte, len(t.split.partial))
	if _, err := t.file.ReadAt(again, t.split.start); err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read file at %d: %w", t.split.start, err)
	}
	return bytes.Equal(again, t.split.partial), nil
}

// closeBatch makes a batch of lines, with the position after them.
func (t *tail) closeBatch(lines []line) (dodona.Batch, error) {
	info, err := t.file.Stat()
	if err != nil {
		return dodona.Batch{}, fmt.Errorf("look at file: %w", err)
	}
	p, err := t.position(info)
	if err != nil {
		return dodona.Batch{}, err
	}
	t.verified, t.last = p, &p
	now := t.env.Now()
	batch := dodona.Batch{Cursor: p.cursor()}
	for _, l := range lines {
		batch.Readings = append(batch.Readings, dodona.Reading{
			Source:      t.env.Source,
			Body:        l.text,
			ContentType: "application/json",
			Received:    now,
			Detail:      fmt.Sprintf("%s at byte %d, %d B", t.name, l.offset, len(l.text)),
		})
	}
	return batch, nil
}
