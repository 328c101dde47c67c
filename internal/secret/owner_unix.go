//go:build unix

package secret

import (
	"io/fs"
	"syscall"
)

// ownerOf returns the user whose file it is, if the system tells.
func ownerOf(info fs.FileInfo) (user int, told bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}
