package loopback

import (
	"fmt"
	"net"
	"strconv"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// Host returns the host of the address to listen at, "host:port"; it is empty for all addresses of the machine.
func Host(listen string) (string, error) {
	const most = 60 // bytes of a wrong one that are shown
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("%s: want ADDRESS:PORT, such as 127.0.0.1:8080", plain.Quote(listen, most))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return "", fmt.Errorf("port %s: want 0 to 65535", plain.Quote(port, most))
	}
	return host, nil
}
