package file

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// pathOf returns where an open file is now, as far as the system tells.
func pathOf(f *os.File) (path string) {
	raw, err := f.SyscallConn()
	if err != nil {
		return ""
	}
	_ = raw.Control(func(fd uintptr) { path, _ = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)) }) // nothing: it does not tell
	return path
}

// The file systems of the kernel whose files have no content until they are read, and whose times say nothing of it.
var madeBy = map[uint32]bool{
	0x9fa0:     true, // proc
	0x62656572: true, // sysfs
	0x64626720: true, // debugfs
	0x74726163: true, // tracefs
	0x62656570: true, // configfs
	0x27e0eb:   true, // cgroup
	0x63677270: true, // cgroup2
}

// isMade reports whether the kernel makes a file as it is read.
func isMade(f *os.File) (made bool) {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) { // false: it does not tell
		var at syscall.Statfs_t
		made = syscall.Fstatfs(int(fd), &at) == nil && madeBy[uint32(at.Type)] //nolint:unconvert // its width differs between systems
	})
	return made
}

// nextData returns the first place from an offset on where something may be written: a hole has no blocks, and need not be read.
func nextData(f *os.File, from int64) int64 {
	raw, err := f.SyscallConn()
	if err != nil {
		return from
	}
	next := from
	_ = raw.Control(func(fd uintptr) {
		const seekData = 3
		at, err := syscall.Seek(int(fd), from, seekData)
		if err == nil && at > from {
			next = at
		}
		var info syscall.Stat_t
		if errors.Is(err, syscall.ENXIO) && syscall.Fstat(int(fd), &info) == nil && info.Size > from {
			next = info.Size // nothing but a hole is left
		}
	}) // from: it does not tell
	return next
}
