package tty

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// From linux/serial.h.
const (
	setRS485     = 0x542f // TIOCSRS485
	enabled      = 1 << 0
	rtsOnSend    = 1 << 1
	rtsAfterSend = 1 << 2
)

// serialRS485 is struct serial_rs485.
type serialRS485 struct {
	flags, before, after uint32
	_                    [5]uint32
}

// direction tells the driver when to switch the line, and returns what to call once the port is open: until then the driver must
// not forget it.
func direction(s Settings) (opened func(), err error) {
	if s.RS485.RTS == "" {
		return func() {}, nil
	}
	f, err := os.OpenFile(s.Device, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", s.Device, errors.Unwrap(err))
	}
	how := serialRS485{flags: enabled | rtsAfterSend, before: uint32(s.RS485.Before.Milliseconds()), after: uint32(s.RS485.After.Milliseconds())}
	if s.RS485.RTS == "high" {
		how.flags = enabled | rtsOnSend
	}
	raw, err := f.SyscallConn()
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	var errno syscall.Errno
	if err := raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, setRS485, uintptr(unsafe.Pointer(&how)))
	}); err != nil || errno != 0 {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("rs485: the driver of %s does not switch the line (%w): most adapters do so themselves, then leave rs485 out", s.Device, errors.Join(err, errno))
	}
	return func() { _ = f.Close() }, nil
}
