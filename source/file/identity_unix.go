//go:build unix

package file

import (
	"os"
	"syscall"
)

// identity returns what tells one file from another while both exist.
func identity(info os.FileInfo) (device, inode uint64) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Dev), uint64(s.Ino) //nolint:unconvert // their widths differ between systems
	}
	return 0, 0
}
