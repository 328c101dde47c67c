//go:build !linux

package knx

import (
	"net"
	"net/netip"
)

// join returns a socket that hears a multicast group.
func join(group netip.AddrPort, by *net.Interface) (*net.UDPConn, error) {
	return net.ListenMulticastUDP("udp4", by, net.UDPAddrFromAddrPort(group))
}
