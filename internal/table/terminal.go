package table

import (
	"os"
	"strconv"
)

// IsTerminal reports whether f is a terminal. A device such as /dev/null is none.
func IsTerminal(f *os.File) bool {
	_, _, found := window(f)
	return found
}

// Width returns how many columns there are for lines to f: those of the terminal, and no more than COLUMNS says. 0
// stands for as many as need be: f is no terminal, or it does not know.
func Width(f *os.File) int {
	columns, _, _ := window(f)
	if said, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && said > 0 && (columns == 0 || said < columns) {
		return said
	}
	return columns
}
