package peertest

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
)

// given are the ports that this process gave to peers: what is free again an instant later must not go to two of them.
var given sync.Map

// Port returns a port of loopback on which nobody listens over TCP.
func Port(t testing.TB) int {
	t.Helper()
	return free(t, func() (net.Addr, func() error, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		return l.Addr(), l.Close, nil
	})
}

// UDPPort returns a port of loopback that nobody has over UDP, and neither the one after it: CoAP servers speak DTLS there.
func UDPPort(t testing.TB) int {
	t.Helper()
	return free(t, func() (net.Addr, func() error, error) {
		for {
			c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				return nil, nil, err
			}
			next := *c.LocalAddr().(*net.UDPAddr) //nolint:errcheck // what ListenUDP returned
			next.Port++
			beside, err := net.ListenUDP("udp", &next)
			if err != nil {
				c.Close()
				continue
			}
			beside.Close()
			return c.LocalAddr(), c.Close, nil
		}
	})
}

func free(t testing.TB, listen func() (net.Addr, func() error, error)) int {
	t.Helper()
	for {
		addr, stop, err := listen()
		if err != nil {
			t.Fatal(err)
		}
		_, text, err := net.SplitHostPort(addr.String())
		if err != nil {
			t.Fatal(err)
		}
		stop()
		port, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, taken := given.LoadOrStore(port, true); !taken {
			return port
		}
	}
}

// Dial returns what is ready once somebody takes TCP connections at a port of loopback.
func Dial(port int) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return err
		}
		return c.Close()
	}
}
