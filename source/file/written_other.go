//go:build !linux

package file

import "os"

func isWritten(*os.File) bool { return false } // nobody tells
