package httpc

import (
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT, which package syscall does not name.
const tcpUserTimeout = 0x12

// bury ends a connection whose peer acknowledges nothing of what was sent for so long, which else takes a quarter of an hour.
func bury(conn syscall.RawConn, after time.Duration) {
	_ = conn.Control(func(fd uintptr) { // a kernel that cannot leaves it to the deadline of who asks
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(after.Milliseconds()))
	})
}
