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
