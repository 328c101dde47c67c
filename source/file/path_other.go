//go:build !linux

package file

import "os"

// pathOf returns nothing: the system does not tell where an open file is now.
func pathOf(*os.File) string { return "" }

// isMade returns false: the system does not tell which files are made as they are read.
func isMade(*os.File) bool { return false }

// nextData returns the first place from an offset on where something may be written.
func nextData(_ *os.File, from int64) int64 { return from }
