// Package loopback knows which addresses stay on this machine.
package loopback

import "net"

// Is reports whether host, without a port, is localhost or an IP address of the loopback network. It resolves nothing:
// any other name may lead anywhere.
func Is(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
