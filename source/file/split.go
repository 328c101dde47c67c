package file

import (
	"bytes"
	"time"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// A line is one complete line without its end.
type line struct {
	offset int64 // of its first byte in the file
	text   []byte

	written time.Time // as far as is known; zero: it is not
	bound   bound     // what that says of it
	reason  string    // why it is bad; empty: it is not
}

// A bound says how a line's time is known.
type bound string

const (
	atThat   bound = "modified"      // the file was written when the line was
	byThat   bound = "written by"    // it is not newer
	fromThat bound = "written after" // it is not older
)

// isBlank reports whether a line has nothing to say: blanks, and the mark that a file may begin with.
func (l line) isBlank() bool {
	return len(bytes.TrimSpace(bytes.TrimPrefix(l.text, []byte(plain.Mark)))) == 0
}

// A splitter cuts a file into lines, which end in a line feed, a carriage return, or both. It holds back the last one until its
// end comes, and drops what is longer than max, and what stands before a hole on the same line.
type splitter struct {
	max     int
	start   int64  // offset of the first byte of the line that is not complete yet
	next    int64  // offset of the first byte that was not fed
	partial []byte // bytes from start to next, unless skipping
	skip    bool   // the line at start is too long; wait for its end
	hole    int64  // bytes of the hole that ends at next
}

// newSplitter returns a splitter for the bytes from offset on, which is the beginning of a line.
func newSplitter(offset int64, max int) splitter {
	return splitter{max: max, start: offset, next: offset}
}

// A cut is what one piece of a file came to.
type cut struct {
	took  int
	line  line
	found bool  // line is one; blank ones are
	long  bool  // one was dropped for its length
	hole  int64 // NUL bytes that end before this piece, with whatever stood before them on their line
}

const lineEnds = "\n\r\x00" // after the other half of a line end a line is empty, and empty lines count for nothing

// feed takes bytes at s.next, up to the end of the first line in them, if any, and says how many it took.
func (s *splitter) feed(chunk []byte) (c cut) {
	if s.hole > 0 && chunk[0] != 0 {
		c.hole, s.hole = s.hole, 0
	}
	end := bytes.IndexAny(chunk, lineEnds)
	if end < 0 {
		s.hold(chunk)
		c.took = len(chunk)
		return c
	}
	s.hold(chunk[:end])
	if chunk[end] != 0 {
		s.next++ // the line end
		c.took = end + 1
		c.line, c.found, c.long = s.finish()
		return c
	}
	zeros := len(chunk[end:]) - len(bytes.TrimLeft(chunk[end:], "\x00"))
	s.pass(int64(zeros))
	c.took = end + zeros
	return c
}

// pass goes over NULs that stand at s.next and are not fed.
func (s *splitter) pass(zeros int64) {
	s.next += zeros
	s.hole += zeros
	s.start, s.partial, s.skip = s.next, nil, false
}

// finish ends the line that is held back, as a line end does, or the end of a file that nobody writes any more.
func (s *splitter) finish() (l line, found, long bool) {
	long = s.skip
	l = line{offset: s.start, text: s.partial}
	s.start, s.partial, s.skip = s.next, nil, false
	return l, !long, long
}

func (s *splitter) hold(b []byte) {
	s.next += int64(len(b))
	if s.skip {
		return
	}
	if len(s.partial)+len(b) > s.max {
		s.partial, s.skip = nil, true
		return
	}
	s.partial = append(s.partial, b...)
}
