package module

import (
	"encoding/binary"
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

func fdStat(in *instance, s []uint64) {
	to := in.view(s[1], 24)
	in.pay(0, 0)
	fd := uint32(s[0])
	kind, rights, inherited := byte(fileCharacterDevice), uint64(rightWrite|rightPoll), uint64(0)
	switch f := in.file(fd); {
	case fd == stdin:
		rights = rightRead | rightPoll
	case fd <= stderr:
	case f == nil:
		s[0] = wasiBadf
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
	s[0] = wasiSuccess
}

func fdFilestat(in *instance, s []uint64) {
	to := in.view(s[1], 64)
	in.pay(0, 0)
	fd := uint32(s[0])
	f := in.file(fd)
	switch {
	case fd <= stderr:
		putFilestat(to, fileCharacterDevice, 0)
	case f == nil:
		s[0] = wasiBadf
		return
	default:
		putFilestat(to, f.kind, uint64(len(f.content)))
	}
	s[0] = wasiSuccess
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

func fdPrestat(in *instance, s []uint64) {
	to := in.view(s[1], 8)
	in.pay(0, 0)
	if fd := uint32(s[0]); fd != directoryFD || in.file(fd) == nil {
		s[0] = wasiBadf
		return
	}
	clear(to) // the kind 0: a directory
	binary.LittleEndian.PutUint32(to[4:], uint32(len(directoryName)))
	s[0] = wasiSuccess
}

func fdPrestatName(in *instance, s []uint64) {
	to := in.view(s[1], s[2])
	in.pay(0, len(to))
	switch fd := uint32(s[0]); {
	case fd != directoryFD || in.file(fd) == nil:
		s[0] = wasiBadf
	case len(to) < len(directoryName):
		s[0] = wasiInval
	default:
		copy(to, directoryName)
		s[0] = wasiSuccess
	}
}
