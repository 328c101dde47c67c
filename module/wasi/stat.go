package wasi

import (
	"encoding/binary"

	"github.com/dodona-oracle/dodona/module/abi"
)

// The rights of descriptors, by WASI's bits.
const (
	rightRead      = 1 << 1
	rightSeek      = 1 << 2
	rightTell      = 1 << 5
	rightWrite     = 1 << 6
	rightOpen      = 1 << 13
	rightReaddir   = 1 << 14
	rightPathStat  = 1 << 18
	rightStat      = 1 << 21
	rightPoll      = 1 << 27
	fileRights     = rightRead | rightSeek | rightTell | rightStat | rightPoll
	directoryRight = rightOpen | rightReaddir | rightPathStat | rightStat
)

func (w *kept) fdStat(g abi.Guest, s []uint64) {
	to := g.View(s[1], 24)
	g.Pay(0, 0)
	fd := uint32(s[0])
	kind, rights, inherited := byte(fileCharacterDevice), uint64(rightWrite|rightPoll), uint64(0)
	switch f := w.file(fd); {
	case fd == stdin:
		rights = rightRead | rightPoll
	case fd <= stderr:
	case f == nil:
		s[0] = Badf
		return
	case f.kind == fileDirectory:
		kind, rights, inherited = f.kind, directoryRight, directoryRight|fileRights
	default:
		kind, rights = f.kind, fileRights
	}
	clear(to)
	to[0] = kind
	binary.LittleEndian.PutUint64(to[8:], rights)
	binary.LittleEndian.PutUint64(to[16:], inherited)
	s[0] = Success
}

func (w *kept) fdFilestat(g abi.Guest, s []uint64) {
	to := g.View(s[1], 64)
	g.Pay(0, 0)
	fd := uint32(s[0])
	f := w.file(fd)
	switch {
	case fd <= stderr:
		putFilestat(to, fileCharacterDevice, 0)
	case f == nil:
		s[0] = Badf
		return
	default:
		putFilestat(to, f.kind, uint64(len(f.content)))
	}
	s[0] = Success
}

// putFilestat writes what is known of a file; device, inode and times are 0.
func putFilestat(to []byte, kind byte, size uint64) {
	clear(to)
	to[16] = kind
	binary.LittleEndian.PutUint64(to[24:], 1) // links
	binary.LittleEndian.PutUint64(to[32:], size)
}

// directoryName is the name under which guests know the directory.
const directoryName = "/"

func (w *kept) fdPrestat(g abi.Guest, s []uint64) {
	to := g.View(s[1], 8)
	g.Pay(0, 0)
	if fd := uint32(s[0]); fd != directoryFD || w.file(fd) == nil {
		s[0] = Badf
		return
	}
	clear(to) // the kind 0: a directory
	binary.LittleEndian.PutUint32(to[4:], uint32(len(directoryName)))
	s[0] = Success
}

func (w *kept) fdPrestatName(g abi.Guest, s []uint64) {
	to := g.View(s[1], s[2])
	g.Pay(0, len(to))
	switch fd := uint32(s[0]); {
	case fd != directoryFD || w.file(fd) == nil:
		s[0] = Badf
	case len(to) < len(directoryName):
		s[0] = Inval
	default:
		copy(to, directoryName)
		s[0] = Success
	}
}
