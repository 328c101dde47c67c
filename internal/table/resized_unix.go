//go:build unix

package table

import (
	"os"
	"os/signal"
	"syscall"
)

// Resized returns what tells that the window has another size. Stop ends that.
func Resized() (told <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	return c, func() { signal.Stop(c) }
}
