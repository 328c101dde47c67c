//go:build !linux

package native

import (
	"errors"
	"os"
	"os/exec"
)

// openPlain are flags for opening a file of the cache.
const openPlain = 0

// through names a folder that is open. Others may put something else there.
func through(folder *os.File) string { return folder.Name() }

// workingFolder is what a process works in.
const workingFolder = "."

// replace cannot let a file that is open be another one on this system.
func replace(*os.File, *os.File) error { return errors.New("start Dodona again") }

// confine leaves the child as it is: exec kills it when its context ends.
func confine(*exec.Cmd) {}

// memoryLimit is not known on this system.
func memoryLimit() uint64 { return 0 }

// restrict can limit nothing on this system but the time, which the parent does.
func restrict(uint64, uint64) error { return nil }
