package loopback

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona/internal/advice"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// Host returns the host of the address to listen at, "host:port"; it is empty for all addresses of the machine.
func Host(listen string) (string, error) {
	const most = 60 // bytes of a wrong one that are shown
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		err := fmt.Errorf("%s: want ADDRESS:PORT, such as 127.0.0.1:8080", plain.Quote(listen, most))
		switch port := strings.TrimSpace(listen); {
		case isPort(port):
			return "", advice.Instead(err, "127.0.0.1:"+port)
		case net.ParseIP(port) != nil || port == "localhost":
			return "", advice.Hint(err, "a port follows: "+net.JoinHostPort(port, "8080"))
		}
		return "", err
	}
	if !isPort(port) {
		return "", fmt.Errorf("port %s: want 0 to 65535", plain.Quote(port, most))
	}
	return host, nil
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == text
}
