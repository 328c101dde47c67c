//go:build !unix

package table

import "os"

// window knows of no terminal on this system.
func window(*os.File) (columns, rows int, found bool) { return 0, 0, false }
