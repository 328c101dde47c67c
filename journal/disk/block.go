package disk

import (
	"cmp"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/dodona-oracle/dodona/internal/durable"
)

// maxBlock is more than a block has: it is rolled over at 8 MiB, and one record may be as large again.
const maxBlock = 24 << 20

// blocks checks the records of the stream in a folder, and returns the place of its last one.
func (c *check) blocks(path string) (last uint64, err error) {
	stream := filepath.Base(path)
	for _, dir := range []string{"msgs", "__new_msgs__"} { // the second is where a purge that was not finished left off
		msgs := filepath.Join(path, dir)
		list, err := blocksOf(msgs)
		if err != nil {
			return 0, err
		}
		if err := c.otherFiles(msgs); err != nil {
			return 0, err
		}
		known, err := c.index(msgs, list, newSum(stream))
		if err != nil {
			return 0, err
		}
		last = max(last, known.last)
		whole := !known.current || c.Whole != nil && c.Whole(stream)
		inside := false // something was mended that the server's index still describes
		for i, b := range list {
			if b.size == 0 && i < len(list)-1 { // the server would look for its records there for ever
				if err := c.lose(stream, b.path, "a block of records is empty that has others behind it; what was in it is lost"); err != nil {
					return 0, err
				}
				if err := remove(b.path); err != nil {
					return 0, err
				}
				inside = true
				continue
			}
			mended, end, err := c.block(stream, b, whole)
			if err != nil {
				return 0, fmt.Errorf("block %d: %w", b.index, err)
			}
			last = max(last, end)
			// A tail of the last block that is missing is what the server itself finds out.
			inside = inside || mended == mendedInside || mended == mendedTail && i < len(list)-1
		}
		if inside {
			// The server would believe the index and never miss what is gone; without it, it reads all blocks.
			if err := remove(filepath.Join(msgs, indexFile)); err != nil {
				return 0, err
			}
		}
	}
	return last, nil
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// What was mended in a block.
type mending int

const (
	mendedNothing mending = iota
	mendedTail            // only the end is gone
	mendedInside
)

// block checks one block, all sums if whole, and mends it. It returns the highest place in it.
func (c *check) block(stream string, b block, whole bool) (m mending, end uint64, err error) {
	why, sum := "", newSum(stream+"-"+strconv.FormatUint(b.index, 10))
	if b.size > maxBlock {
		why, whole = fmt.Sprintf("it has %d bytes, more than %d", b.size, maxBlock), true
	}
	if !whole {
		if why, end, err = c.walk(b, sum); err != nil || why == "" {
			return mendedNothing, end, err
		}
	}
	buf, broken, err := c.load(b)
	if err != nil {
		return 0, 0, err
	}
	r := repair(buf, sum)
	if r.kept == b.size {
		return mendedNothing, r.end, nil
	}
	why = cmp.Or(broken, why, "a sum that does not fit")
	what := fmt.Sprintf("records damaged (%s): %s; %d records of the block are kept", why, r.lostText(), r.records)
	if err := c.lose(stream, b.path, what); err != nil {
		return 0, 0, err
	}
	if r.kept == 0 {
		err = remove(b.path)
	} else {
		err = durable.Write(b.path, buf[:r.kept], 0o640)
	}
	if err == nil && !r.tailOnly {
		return mendedInside, r.end, nil
	}
	return mendedTail, r.end, err
}

// load reads a block, at most maxBlock of it, and as far as the medium gives it.
func (c *check) load(b block) (buf []byte, broken string, err error) {
	f, err := os.Open(b.path)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	size := min(b.size, maxBlock)
	if int64(cap(c.buf)) < size {
		c.buf = make([]byte, size)
	}
	n, err := io.ReadFull(f, c.buf[:size])
	switch {
	case unreadable(err):
		broken = "it cannot be read: " + err.Error()
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF):
		return nil, "", err
	}
	return c.buf[:n], broken, nil
}

// windowSize is how much of a block is read at once to see its heads. Bodies beyond it are not read.
const windowSize = 256 << 10

// A window is the part of a block that is in memory.
type window struct {
	file *os.File
	size int64 // of the block
	buf  []byte
	at   int64 // of buf in the block
}

// bytes returns n bytes from a place that is inside the block.
func (w *window) bytes(at, n int64) ([]byte, error) {
	if at < w.at || at+n > w.at+int64(len(w.buf)) {
		if int64(cap(w.buf)) < max(n, windowSize) {
			w.buf = make([]byte, max(n, windowSize))
		}
		w.buf, w.at = w.buf[:min(max(n, windowSize), w.size-at)], at
		if _, err := w.file.ReadAt(w.buf, at); err != nil {
			w.buf = w.buf[:0]
			return nil, err
		}
	}
	return w.buf[at-w.at:][:n], nil
}

// walk follows the chain of heads, and checks the sums of records that are the first or the last or are not simply the
// next one. It returns the highest place, or what is odd, and then the block wants to be read whole.
func (c *check) walk(b block, sum hash.Hash64) (odd string, end uint64, err error) {
	f, err := os.Open(b.path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	w := &window{file: f, size: b.size, buf: c.buf[:0]}
	odd, end, err = w.walk(sum)
	c.buf = w.buf[:0]
	if unreadable(err) || errors.Is(err, io.EOF) {
		return "it cannot be read: " + err.Error(), end, nil
	}
	return odd, end, err
}

func (w *window) walk(sum hash.Hash64) (odd string, end uint64, err error) {
	var last uint64
	before := int64(-1) // where the record before begins
	for at := int64(0); at < w.size; {
		h, sane, err := w.head(at)
		if err != nil {
			return "", 0, err
		}
		if !sane {
			return fmt.Sprintf("impossible lengths at byte %d", at), 0, nil
		}
		usual := last > 0 && h.flags == 0 && h.seq == last+1
		if !usual || at+h.length == w.size {
			ok, err := w.fits(at, sum)
			if ok && !usual && before >= 0 {
				ok, err = w.fits(before, sum) // it may be the one that is wrong
			}
			if err != nil {
				return "", 0, err
			}
			if !ok {
				return fmt.Sprintf("a sum that does not fit at byte %d", at), 0, nil
			}
			if !follows(h, last) {
				return fmt.Sprintf("place %d after %d at byte %d", h.seq, last, at), 0, nil
			}
		}
		end = max(end, h.seq)
		if h.flags&tomb == 0 {
			last = max(last, h.seq)
		}
		before, at = at, at+h.length
	}
	return "", end, nil
}

// head reads the head of the record at a place. It reports whether its lengths are possible.
func (w *window) head(at int64) (h head, sane bool, err error) {
	if w.size-at < headSize {
		return head{}, false, nil
	}
	bytes, err := w.bytes(at, headSize)
	if err != nil {
		return head{}, false, err
	}
	h, sane = readHead(bytes, w.size-at)
	return h, sane, nil
}

// fits reports whether the record at a place has the right sum.
func (w *window) fits(at int64, sum hash.Hash64) (bool, error) {
	h, sane, err := w.head(at)
	if err != nil || !sane {
		return false, err
	}
	bytes, err := w.bytes(at, h.length)
	if err != nil {
		return false, err
	}
	return sumFits(bytes, h, sum), nil
}
