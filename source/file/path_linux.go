package file

import (
	"fmt"
	"os"
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
