package file

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// isWritten reports whether somebody has a file open to write to it, as far as the system tells: only who owns the file, or may take leases
// of every file, is told, and only of writers on this machine.
func isWritten(f *os.File) (written bool) {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) { // false: it does not tell
		_, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_RDLCK)
		if err == nil {
			_, _ = unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_UNLCK) // it ends with the file at the latest
		}
		written = errors.Is(err, unix.EAGAIN)
	})
	return written
}
