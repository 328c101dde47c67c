package wasi

import (
	"encoding/binary"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/internal/plain"

	"github.com/dodona-oracle/dodona/module/abi"
)

// fd_read(fd, list, count, read)
func (w *kept) fdRead(g abi.Guest, s []uint64) {
	f := w.file(uint32(s[0]))
	at := uint64(0)
	if f != nil {
		at = f.at
	}
	n, ok := w.readAt(g, s, f, at, s[3])
	if ok && f != nil {
		f.at += uint64(n)
	}
}

// fd_pread(fd, list, count, offset, read)
func (w *kept) fdPread(g abi.Guest, s []uint64) {
	w.readAt(g, s, w.file(uint32(s[0])), s[3], s[4])
}

// readAt fills a list of buffers from an offset on, and tells the guest how much it was.
func (w *kept) readAt(g abi.Guest, s []uint64, f *openFile, offset, read uint64) (int, bool) {
	count, fd := g.View(read, 4), uint32(s[0])
	var rest []byte
	if f != nil && f.kind == fileRegular && offset < uint64(len(f.content)) {
		rest = f.content[offset:]
	}
	n := 0
	_, errno := vectors(g, s[1], s[2], func(b []byte) bool {
		k := copy(b, rest)
		rest = rest[k:]
		n += k
		return len(rest) > 0
	})
	switch {
	case errno != Success:
		s[0] = errno
		return 0, false
	case fd != stdin && f == nil:
		s[0] = Badf
		return 0, false
	case f != nil && f.kind == fileDirectory:
		s[0] = Isdir
		return 0, false
	}
	binary.LittleEndian.PutUint32(count, uint32(n))
	s[0] = Success
	return n, true
}

// The origins of fd_seek.
const (
	seekStart = iota
	seekCurrent
	seekEnd
)

// fd_seek(fd, offset, whence, position)
func (w *kept) fdSeek(g abi.Guest, s []uint64) {
	to := g.View(s[3], 8)
	g.Pay(0, 0)
	f := w.file(uint32(s[0]))
	if f == nil {
		s[0] = Badf
		return
	}
	from := int64(0)
	switch uint32(s[2]) {
	case seekStart:
	case seekCurrent:
		from = int64(f.at)
	case seekEnd:
		from = int64(len(f.content))
	default:
		s[0] = Inval
		return
	}
	offset := int64(s[1])
	switch {
	case f.kind == fileDirectory:
		s[0] = Badf
		return
	case offset > math.MaxInt64-from, from+offset < 0: // from is at least 0
		s[0] = Inval
		return
	}
	f.at = uint64(from + offset)
	binary.LittleEndian.PutUint64(to, f.at)
	s[0] = Success
}

func (w *kept) fdTell(g abi.Guest, s []uint64) {
	to := g.View(s[1], 8)
	g.Pay(0, 0)
	f := w.file(uint32(s[0]))
	if f == nil {
		s[0] = Badf
		return
	}
	binary.LittleEndian.PutUint64(to, f.at)
	s[0] = Success
}

// The ends of names in a listing, which no name has.
const (
	directoryMark = "/"
	linkMark      = "/@"
)

// listing writes the entries of a directory as the transcript has them: sorted names, directories and links with their
// marks. What is neither a file, a directory nor a link is left out.
func listing(entries []fs.DirEntry) []byte {
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	names := []string{}
	for _, e := range entries {
		name, kind := e.Name(), e.Type()
		switch {
		case !plain.Is(name):
		case kind.IsDir():
			names = append(names, name+directoryMark)
		case kind&fs.ModeSymlink != 0:
			names = append(names, name+linkMark)
		case kind.IsRegular():
			names = append(names, name)
		}
	}
	raw, err := abi.Canonical(names)
	if err != nil {
		panic("names have no JSON: " + err.Error()) // cannot happen
	}
	return raw
}

// direntSize is the size of an entry before its name.
const direntSize = 24

// fd_readdir(fd, buf, bufLen, cookie, used) writes entries from the cookie on, the last one cut where the buffer ends.
func (w *kept) fdReaddir(g abi.Guest, s []uint64) {
	to, used := g.View(s[1], s[2]), g.View(s[4], 4)
	g.Pay(0, len(to))
	f := w.file(uint32(s[0]))
	switch {
	case f == nil:
		s[0] = Badf
		return
	case f.kind != fileDirectory:
		s[0] = Notdir
		return
	}
	n := 0
	for next := s[3]; next < uint64(len(f.entries)) && n < len(to); next++ {
		name, isDirectory := strings.CutSuffix(f.entries[next], directoryMark)
		name, isLink := strings.CutSuffix(name, linkMark)
		var head [direntSize]byte
		binary.LittleEndian.PutUint64(head[:], next+1)
		binary.LittleEndian.PutUint32(head[16:], uint32(len(name)))
		head[20] = fileRegular
		switch {
		case isDirectory:
			head[20] = fileDirectory
		case isLink:
			head[20] = fileLink
		}
		n += copy(to[n:], head[:])
		n += copy(to[n:], name)
	}
	binary.LittleEndian.PutUint32(used, uint32(n))
	s[0] = Success
}
