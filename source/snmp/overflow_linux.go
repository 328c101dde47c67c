package snmp

import (
	"encoding/binary"
	"net"

	"golang.org/x/sys/unix"
)

// countOverflow has the system tell with each datagram how many it had no room for.
func countOverflow(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1) }); err != nil {
		return err
	}
	return failed
}

// overflowOf returns how many datagrams of a socket the system had no room for so far, as it says beside one that it had.
func overflowOf(beside []byte) (total uint32, told bool) {
	messages, err := unix.ParseSocketControlMessage(beside)
	if err != nil {
		return 0, false
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_RXQ_OVFL && len(m.Data) >= 4 {
			return binary.NativeEndian.Uint32(m.Data), true
		}
	}
	return 0, false
}
