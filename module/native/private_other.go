//go:build !linux

package native

import (
	"errors"
	"os"
)

// openPlain are flags for opening a file of the cache.
const openPlain = 0

// through names a folder that is open. Others may put something else there.
func through(folder *os.File) string { return folder.Name() }

// workingFolder is what a process works in.
const workingFolder = "."

// replace cannot let a file that is open be another one on this system.
func replace(*os.File, *os.File) error { return errors.New("start Dodona again") }
