package file

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// bornAt returns when the file at path was made, if it is the one with that inode still; zero if nobody knows.
func bornAt(path string, inode uint64) time.Time { return born(unix.AT_FDCWD, path, 0, inode) }

// bornOf returns when an open file was made; zero if nobody knows.
func bornOf(f *os.File, inode uint64) (at time.Time) {
	raw, err := f.SyscallConn()
	if err != nil {
		return at
	}
	_ = raw.Control(func(fd uintptr) { at = born(int(fd), "", unix.AT_EMPTY_PATH, inode) }) // zero: it does not tell
	return at
}

func born(folder int, path string, flags int, inode uint64) time.Time {
	var info unix.Statx_t
	if err := unix.Statx(folder, path, flags, unix.STATX_BTIME|unix.STATX_INO, &info); err != nil {
		return time.Time{}
	}
	at := time.Unix(info.Btime.Sec, int64(info.Btime.Nsec)).UTC()
	if info.Mask&unix.STATX_BTIME == 0 || info.Ino != inode || !at.After(never) || at.After(latest) {
		return time.Time{}
	}
	return at
}
