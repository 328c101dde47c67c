package peertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// given are the ports that this process gave to peers, each with the name that holds it: what is free again an instant later must not go to two of them.
var given sync.Map

// Ports are chosen below those that the system gives to outgoing connections (32768 and up): one of these could take a port before its peer does, or while
// that is started again.
const (
	leastPort  = 20_000
	endOfPorts = 32_000
)

// Port returns a port of loopback on which nobody listens over TCP.
func Port(t testing.TB) int {
	t.Helper()
	return free(t, func(port int) (func(), error) {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return nil, err
		}
		return func() { _ = l.Close() }, nil
	})
}

// UDPPort returns a port of loopback that nobody has over UDP, and neither the one after it: CoAP servers speak DTLS there.
func UDPPort(t testing.TB) int {
	t.Helper()
	return free(t, func(port int) (func(), error) {
		if !hold(port + 1) {
			return nil, errors.New("the port behind it is given")
		}
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			return nil, err
		}
		beside, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port + 1})
		if err != nil {
			_ = c.Close()
			return nil, err
		}
		return func() { _, _ = c.Close(), beside.Close() }, nil
	})
}

func free(t testing.TB, listen func(port int) (stop func(), err error)) int {
	t.Helper()
	for range 10_000 {
		port := leastPort + rand.IntN(endOfPorts-leastPort)
		if !hold(port) {
			continue
		}
		stop, err := listen(port)
		if err != nil {
			continue
		}
		stop()
		return port
	}
	t.Fatalf("no port of %d to %d is free", leastPort, endOfPorts-1)
	return 0
}

// hold has a port for this process until it ends: whoever tests in another one asks for the same name, which the kernel has once.
func hold(port int) bool {
	if _, held := given.Load(port); held {
		return false
	}
	var name net.Listener
	if runtime.GOOS == "linux" {
		var err error
		if name, err = net.Listen("unix", fmt.Sprintf("@dodona-test-port-%d", port)); err != nil {
			return false
		}
	}
	_, held := given.LoadOrStore(port, name) // kept: one that nobody has is closed
	return !held
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

// TakenUDP returns what is ready once somebody has a port over UDP, on Linux. It looks: whoever binds the port to find out stands in the way of
// whom it waits for.
func TakenUDP(port int) func(context.Context) error {
	return func(context.Context) error {
		sockets, err := os.ReadFile("/proc/self/net/udp")
		if err == nil && !strings.Contains(string(sockets), fmt.Sprintf(":%04X 00000000:0000", port)) {
			err = fmt.Errorf("nobody has port %d over UDP", port)
		}
		return err
	}
}
