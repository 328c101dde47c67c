package file

import "bytes"

// A line is one complete line without its end.
type line struct {
	offset int64 // of its first byte in the file
	text   []byte
}

// A splitter cuts a file into lines. It holds back the last one until its end comes, and drops what is
// longer than max.
type splitter struct {
	max     int
	start   int64  // offset of the first byte of the line that is not complete yet
	next    int64  // offset of the first byte that was not fed
	partial []byte // bytes from start to next, unless skipping
	skip    bool   // the line at start is too long; wait for its end
}

// newSplitter returns a splitter for the bytes from offset on, which is the beginning of a line.
func newSplitter(offset int64, max int) splitter {
	return splitter{max: max, start: offset, next: offset}
}

// feed takes the bytes at s.next and returns the first complete line in them, if any, and how many bytes it took:
// all of them if there was no line end. long says that the line was dropped. Blank lines come with an empty text.
func (s *splitter) feed(chunk []byte) (l line, took int, found, long bool) {
	end := bytes.IndexByte(chunk, '\n')
	if end < 0 {
		s.hold(chunk)
		return line{}, len(chunk), false, false
	}
	s.hold(chunk[:end])
	s.next++ // the line end
	l, found, long = s.finish()
	return l, end + 1, found, long
}

// finish ends the line that is held back, as a line end does, or the end of a file that nobody writes any more.
func (s *splitter) finish() (l line, found, long bool) {
	long = s.skip
	l = line{offset: s.start, text: bytes.TrimSuffix(s.partial, []byte("\r"))}
	s.start, s.partial, s.skip = s.next, nil, false
	if long {
		return line{}, false, true
	}
	return l, true, false
}

func (s *splitter) hold(b []byte) {
	s.next += int64(len(b))
	if s.skip {
		return
	}
	if len(s.partial)+len(b) > s.max+1 {
		s.partial, s.skip = nil, true
		return
	}
	s.partial = append(s.partial, b...)
	// One byte more than max may be the carriage return of the line end.
	if len(s.partial) > s.max && !bytes.HasSuffix(s.partial, []byte("\r")) {
		s.partial, s.skip = nil, true
	}
}
