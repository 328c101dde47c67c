package module

import (
	"encoding/binary"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// fd_read(fd, list, count, read)
func fdRead(in *instance, s []uint64) {
	f := in.file(uint32(s[0]))
	at := uint64(0)
	if f != nil {
		at = f.at
	}
	n, ok := in.readAt(s, f, at, s[3])
	if ok && f != nil {
		f.at += uint64(n)
	}
}

// fd_pread(fd, list, count, offset, read)
func fdPread(in *instance, s []uint64) {
	in.readAt(s, in.file(uint32(s[0])), s[3], s[4])
}

// readAt fills a list of buffers from an offset on, and tells the guest how much it was.
func (in *instance) readAt(s []uint64, f *openFile, offset, read uint64) (int, bool) {
	count, fd := in.view(read, 4), uint32(s[0])
	var rest []byte
	if f != nil && f.kind == fileRegular && offset < uint64(len(f.content)) {
		rest = f.content[offset:]
	}
	n := 0
	_, errno := in.vectors(s[1], s[2], func(b []byte) bool {
		k := copy(b, rest)
		rest = rest[k:]
		n += k
		return len(rest) > 0
	})
	switch {
	case errno != wasiSuccess:
		s[0] = errno
		return 0, false
	case fd != stdin && f == nil:
		s[0] = wasiBadf
		return 0, false
	case f != nil && f.kind == fileDirectory:
		s[0] = wasiIsdir
		return 0, false
	}
	binary.LittleEndian.PutUint32(count, uint32(n))
	s[0] = wasiSuccess
	return n, true
}

// The origins of fd_seek.
const (
	seekStart = iota
	seekCurrent
	seekEnd
)

// fd_seek(fd, offset, whence, position)
func fdSeek(in *instance, s []uint64) {
	to := in.view(s[3], 8)
	in.pay(0, 0)
	f := in.file(uint32(s[0]))
	if f == nil {
		s[0] = wasiBadf
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
		s[0] = wasiInval
		return
	}
	offset := int64(s[1])
	switch {
	case f.kind == fileDirectory:
		s[0] = wasiBadf
		return
	case offset > math.MaxInt64-from, from+offset < 0: // from is at least 0
		s[0] = wasiInval
		return
	}
	f.at = uint64(from + offset)
	binary.LittleEndian.PutUint64(to, f.at)
	s[0] = wasiSuccess
}

func fdTell(in *instance, s []uint64) {
	to := in.view(s[1], 8)
	in.pay(0, 0)
	f := in.file(uint32(s[0]))
	if f == nil {
		s[0] = wasiBadf
		return
	}
	binary.LittleEndian.PutUint64(to, f.at)
	s[0] = wasiSuccess
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
	raw, err := canonical(names)
	if err != nil {
		panic("names have no JSON: " + err.Error()) // cannot happen
	}
	return raw
}

// direntSize is the size of an entry before its name.
const direntSize = 24

// fd_readdir(fd, buf, bufLen, cookie, used) writes entries from the cookie on, the last one cut where the buffer ends.
func fdReaddir(in *instance, s []uint64) {
	to, used := in.view(s[1], s[2]), in.view(s[4], 4)
	in.pay(0, len(to))
	f := in.file(uint32(s[0]))
	switch {
	case f == nil:
		s[0] = wasiBadf
		return
	case f.kind != fileDirectory:
		s[0] = wasiNotdir
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
	s[0] = wasiSuccess
}
