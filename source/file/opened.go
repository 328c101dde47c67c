package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/dodona-oracle/dodona"
)

// An opened is one file of a log, open, and how far it was read.
type opened struct {
	file     *os.File
	name     string // for people
	at       string // where it was when it was opened, if not at the log's path
	split    splitter
	verified position  // what was last known to be true of it
	end      int64     // up to where it was looked at: past split.next only over NULs that nothing follows yet
	zeros    stretch   // of NULs, as it was last found
	text     bool      // its first bytes are not those of UTF-16
	copied   bool      // it may be a copy, which was written when it was made
	seen     glance    // up to where it is read
	since    time.Time // what that has and was not read is not older; zero: nobody knows
	gone     time.Time // since when no folder has it any more; zero if one has
	grown    time.Time // when it was left, or had lines after that
	table    *table    // of CSV, else nil
}

// A stretch is where NULs end that begin at a place of a file, in the file as it was then.
type stretch struct {
	from, to int64
	size     int64
	modified time.Time
	sure     bool // what was written in the instant of the look leaves another time
	whole    bool // something follows, or the file ends there; else to is how far was looked
}

// reading is what a log wants of its files.
type reading struct {
	max     int // of a line
	dropped func(n uint64, cause string)
	chunk   []byte
	now     func() time.Time
	table   func(name string) *table // nil: lines are not rows
}

// openFile opens a file of a log, to be read on from offset.
func openFile(f *os.File, info os.FileInfo, path string, offset int64, max int) (*opened, error) {
	if isMade(f) {
		_ = f.Close()
		return nil, dodona.Permanent(fmt.Errorf("open file %s: the kernel makes it as it is read, so no lines are added to it: want format: document, which reads it whole each time", f.Name()))
	}
	o := &opened{file: f, name: filepath.Base(f.Name()), split: newSplitter(offset, max), end: offset}
	if f.Name() != path {
		o.at = f.Name()
	}
	if real := realOf(f.Name()); real != "" {
		if there, err := os.Stat(real); err == nil && os.SameFile(there, info) {
			o.at = real
		}
	}
	var err error
	if o.verified, err = o.position(path, info); err != nil {
		_ = f.Close()
		return nil, err
	}
	return o, nil
}

// follow learns where the file was moved to, where the system tells.
func (o *opened) follow() {
	now, err := o.file.Stat()
	if err != nil {
		return
	}
	path := pathOf(o.file)
	if there, err := os.Stat(path); path != "" && err == nil && os.SameFile(there, now) && path != o.verified.Path {
		o.at = path
	}
}

// position returns where the next batch begins.
func (o *opened) position(path string, info os.FileInfo) (position, error) {
	p := position{Path: path, Offset: o.split.start, Modified: info.ModTime().UTC(), Since: never}
	if since := o.notBefore(); !since.IsZero() {
		p.Since = since.UTC()
	}
	p.Device, p.Inode = identity(info)
	p.Born = bornOf(o.file, p.Inode)
	p.At, p.Header = o.at, o.table.newHeader()
	var err error
	p.Head, p.Tail, err = fingerprints(o.file, p.Offset)
	return p, err
}

// settle takes what was read as delivered.
func (o *opened) settle(path string) error {
	info, err := o.file.Stat()
	if err != nil {
		return fmt.Errorf("look at file: %w", err)
	}
	p, err := o.position(path, info)
	if err == nil {
		o.verified = p
	}
	return err
}

// read returns the complete lines that are there, as many as fit in a batch, without blank ones.
func (o *opened) read(want *reading) ([]line, error) {
	if intact, err := o.intact(); err != nil || !intact {
		return nil, err
	}
	if err := o.refuseWide(); err != nil {
		return nil, err
	}
	if err := o.glance(want.now()); err != nil {
		return nil, err
	}
	before, end := o.split, o.end
	before.partial = bytes.Clone(before.partial)
	table := o.table.clone()
	lines, err := o.scan(want)
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	// A file that was truncated while it was read gave us a mixture of old and new.
	if intact, err := o.intact(); err != nil || !intact {
		o.split, o.end, o.table = before, end, table
		return nil, err
	}
	return lines, nil
}

func (o *opened) scan(want *reading) (lines []line, err error) {
	size, limit, last := 0, o.split.next+maxScan, false
	full := func() bool { return len(lines) >= maxLines || size >= maxBatchBytes }
	for !full() && o.split.next < limit {
		rest, err := o.piece(want.chunk)
		if err != nil {
			return nil, err
		}
		if len(rest) == 0 {
			break
		}
		for len(rest) > 0 && !full() {
			at := o.split.next
			c := o.split.feed(rest)
			rest = rest[c.took:]
			last = last && c.hole == 0 && !c.long
			if c.hole > 0 {
				want.dropped(1, fmt.Sprintf("%s has a hole of %d NUL bytes before byte %d, as a power cut leaves it, or a writer whose file was truncated", o.name, c.hole, at))
			}
			if c.long {
				want.tooLong(o.name)
			}
			if !c.found {
				continue
			}
			if l, counts := o.admit(c.line, want.max); counts {
				last = true
				lines = append(lines, l)
				size += len(l.text)
			}
		}
		o.end = max(o.end, o.split.next)
	}
	o.date(lines, last && o.done() && o.split.start == o.split.next)
	return lines, nil
}

// admit returns a line as it counts, if it does: a row of CSV with its header.
func (o *opened) admit(l line, max int) (line, bool) {
	if o.table == nil {
		return l, !l.isBlank()
	}
	if l.offset > 0 && o.table.skipped == 0 && o.table.header == nil && o.table.wrong == "" {
		o.table.learn(o.file, l.offset, max)
	}
	row, found := o.table.take(l.text)
	l.text, l.reason = row.body, row.reason
	return l, found
}

func (want *reading) tooLong(name string) {
	want.dropped(1, fmt.Sprintf("a line of %s is longer than max_line (%d bytes)", name, want.max))
}

// piece returns the bytes that stand at the end of what was fed. NULs that nothing follows are not among them: somebody may
// have made room for what is still to be written.
func (o *opened) piece(chunk []byte) ([]byte, error) {
	for {
		room := max(0, min(int64(len(chunk)), o.seen.size-o.split.next))
		n, err := o.file.ReadAt(chunk[:room], o.split.next)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read file at %d: %w", o.split.next, err)
		}
		b := chunk[:n]
		text := bytes.TrimRight(b, "\x00")
		if len(text) == len(b) {
			return b, nil
		}
		from := o.split.next + int64(len(text))
		to, size, err := o.zerosFrom(from)
		switch {
		case err != nil:
			return nil, err
		case to == size:
			o.end = size
			return text, nil
		case to > from && len(text) == 0: // a hole may be longer than anybody wants to read
			o.split.pass(to - from)
		case to > from: // which are NULs still, after others follow them
			return b[:min(int64(n), to-o.split.next)], nil
		}
		// They were written over since they were read.
	}
}

// zerosFrom returns where the NULs end that begin at a place, and how long the file is.
func (o *opened) zerosFrom(from int64) (to, size int64, err error) {
	info, err := o.file.Stat()
	if err != nil {
		return 0, 0, fmt.Errorf("look at file: %w", err)
	}
	z := o.zeros
	if z.from == from && z.size == info.Size() && z.modified.Equal(info.ModTime()) && z.sure && z.whole {
		return z.to, z.size, nil
	}
	start, sure := from, time.Since(info.ModTime()) > sureAfter
	if !z.whole && z.from <= from && from < z.to { // a gigabyte that a writer made room in takes many looks
		start, sure = z.to, sure && z.modified.Equal(info.ModTime())
	}
	to, whole, err := o.scanZeros(start)
	if err != nil {
		return 0, 0, err
	}
	o.zeros = stretch{from, to, info.Size(), info.ModTime(), sure, whole}
	if !whole {
		return info.Size(), info.Size(), nil // as far as is known
	}
	return to, max(to, info.Size()), nil
}

// scanZeros returns where NULs end, and whether that is known: it reads no more than is bearable in one look.
func (o *opened) scanZeros(from int64) (to int64, whole bool, err error) {
	b := make([]byte, chunkSize)
	for read := 0; read < maxScan; read += len(b) {
		from = nextData(o.file, from)
		n, err := o.file.ReadAt(b, from)
		if zeros := n - len(bytes.TrimLeft(b[:n], "\x00")); zeros < n || errors.Is(err, io.EOF) {
			return from + int64(zeros), true, nil
		}
		if err != nil {
			return 0, false, fmt.Errorf("read file at %d: %w", from, err)
		}
		from += int64(n)
	}
	return from, false, nil
}

// refuseWide says so of a file whose line ends are no single bytes.
func (o *opened) refuseWide() error {
	if o.text {
		return nil
	}
	b := make([]byte, 4)
	n, err := o.file.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read file: %w", err)
	}
	marked := n >= 2 && (b[0] == 0xff && b[1] == 0xfe || b[0] == 0xfe && b[1] == 0xff)
	if even, odd := b[0] == 0 && b[2] == 0, b[1] == 0 && b[3] == 0; marked || n == 4 && even != odd && b[0]|b[1] != 0 && b[2]|b[3] != 0 {
		return dodona.Permanent(fmt.Errorf("%s is written in UTF-16: lines are read in UTF-8 alone; let its writer write that", o.name))
	}
	o.text = n == len(b)
	return nil
}

// intact reports whether the file still holds what was read of it.
func (o *opened) intact() (bool, error) {
	info, err := o.file.Stat()
	if err != nil {
		return false, fmt.Errorf("look at file: %w", err)
	}
	if info.Size() < o.split.next || !o.verified.matches(o.file, info.Size()) {
		return false, nil
	}
	again := make([]byte, len(o.split.partial))
	if _, err := o.file.ReadAt(again, o.split.start); err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read file at %d: %w", o.split.start, err)
	}
	return bytes.Equal(again, o.split.partial), nil
}

func (o *opened) close() {
	_ = o.file.Close() // it was only read
}
