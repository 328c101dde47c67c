//go:build unix

package table

import (
	"os"

	"golang.org/x/sys/unix"
)

// window asks a terminal for its size; 0 stands for what it does not know.
func window(f *os.File) (columns, rows int, found bool) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, 0, false
	}
	_ = raw.Control(func(fd uintptr) {
		if size, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ); err == nil {
			columns, rows, found = int(size.Col), int(size.Row), true
		}
	})
	return columns, rows, found
}
