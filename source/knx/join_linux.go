package knx

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// join returns a socket that hears a multicast group and nothing else. The standard library's has every address of the machine, and takes from a knxd
// beside it what is sent to that.
func join(group netip.AddrPort, by *net.Interface) (*net.UDPConn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	file := os.NewFile(uintptr(fd), "knx")
	defer file.Close() // the connection has another one
	membership := &unix.IPMreqn{Multiaddr: group.Addr().As4()}
	if by != nil {
		membership.Ifindex = int32(by.Index)
	}
	for _, set := range []func() error{
		func() error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) },
		func() error { return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0) },
		func() error { return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, membership) },
		func() error {
			return unix.Bind(fd, &unix.SockaddrInet4{Port: int(group.Port()), Addr: group.Addr().As4()})
		},
	} {
		if err := set(); err != nil {
			return nil, err
		}
	}
	c, err := net.FilePacketConn(file)
	if err != nil {
		return nil, err
	}
	socket, is := c.(*net.UDPConn)
	if !is {
		return nil, fmt.Errorf("a socket of UDP is a %T", c)
	}
	return socket, nil
}
