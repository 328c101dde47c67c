package native

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// openPlain are the flags with which opening a file neither follows a link nor waits for a pipe.
const openPlain = unix.O_NOFOLLOW | unix.O_NONBLOCK

// through names a folder that is open by what holds it: whatever is at its name by now, it is that folder.
func through(folder *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(folder.Fd())) }

// workingFolder is through what a process works in, whatever is at its name by now.
const workingFolder = "/proc/self/cwd"

// replace lets a file that is open be another one, all at once; what locks that locks it then.
func replace(f, by *os.File) error { return unix.Dup3(int(by.Fd()), int(f.Fd()), unix.O_CLOEXEC) }
