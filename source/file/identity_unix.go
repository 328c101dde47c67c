//go:build unix

package file

import (
	"os"
	"syscall"
)

// openFlags let an open of a pipe, which took the place of a file just now, return at once.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK

// identity returns what tells one file from another while both exist.
func identity(info os.FileInfo) (device, inode uint64) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Dev), uint64(s.Ino) //nolint:unconvert // their widths differ between systems
	}
	return 0, 0
}

// linked reports whether some folder still has the file.
func linked(info os.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && s.Nlink > 0
}
