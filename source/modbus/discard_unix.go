//go:build unix

package modbus

import (
	"bytes"
	"syscall"
)

// discarded moves what came on a socket into came, and reports whether l is one.
func discarded(l line, came *bytes.Buffer) bool {
	socket, ok := l.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Read(func(fd uintptr) bool { // a line that is broken shows it when it is written to
		var chunk [512]byte
		for total := 0; total < mostCame; {
			n, err := syscall.Read(int(fd), chunk[:])
			if total += n; n <= 0 || err != nil {
				break
			}
			came.Write(chunk[:n])
		}
		return true
	})
	return true
}
