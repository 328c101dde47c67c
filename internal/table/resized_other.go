//go:build !unix

package table

import "os"

// Resized tells nothing on this system.
func Resized() (told <-chan os.Signal, stop func()) { return nil, func() {} }
