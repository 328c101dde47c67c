//go:build unix

package tty

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock takes a device for this port alone, as far as others look (flock): a terminal's own lock does not hold for root. Nothing is read over
// what it opens.
func lock(device string) (release func(), err error) {
	f, err := os.OpenFile(device, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return func() {}, nil // the library says why it cannot be opened
	}
	raw, err := f.SyscallConn()
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("open %s: %w", device, err)
	}
	var locked error
	if err := raw.Control(func(fd uintptr) { locked = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB) }); err != nil || errors.Is(locked, syscall.EWOULDBLOCK) {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("open %s: %w", device, errBusy)
	}
	return func() { _ = f.Close() }, nil // where a lock is not known, the terminal's own must do
}
