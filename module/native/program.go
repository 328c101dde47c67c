package native

import (
	"fmt"
	"os"
	"runtime/debug"
)

// program tells this program from others: what it was built from, the versions of itself, its modules and Go, and the settings, and which file it is.
// Two programs of different source may have the first in common, when they are built outside of version control.
func program() string {
	built := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		built = info.String()
	}
	file, err := os.Stat("/proc/self/exe") // what runs, also when another version has taken its place
	if err != nil {
		path, _ := os.Executable() // empty if unknown
		if file, err = os.Stat(path); err != nil {
			return built
		}
	}
	return programOf(built, file)
}

func programOf(built string, file os.FileInfo) string {
	return fmt.Sprintf("%s\n%d bytes of %d", built, file.Size(), file.ModTime().UnixNano())
}
