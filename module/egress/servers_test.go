package egress

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/nettest"
)

// An authority vouches for the servers of a test.
type authority struct{ *nettest.Authority }

func newAuthority(t testing.TB) authority {
	t.Helper()
	return authority{nettest.NewAuthority(t, t.TempDir(), "Test CA")}
}

// certificate returns one of a server for names, which ends in life from now.
func (a authority) certificate(t testing.TB, life time.Duration, names ...string) tls.Certificate {
	t.Helper()
	return a.Issue(t, "server", life, x509.ExtKeyUsageServerAuth, names...)
}

// resolver answers every question for an address with one of these, in turn.
func resolver(addresses ...string) *net.Resolver { return nettest.NewNames(addresses...).Resolver() }

// A hostile server does with every connection what the test says. It ends with the test.
func hostile(t *testing.T, config *tls.Config, serve func(net.Conn)) (port string, connections *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connections = new(atomic.Int32)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			all.Go(func() {
				defer func() { _ = c.Close() }()
				if config == nil {
					serve(c)
					return
				}
				secure := tls.Server(c, config)
				if secure.Handshake() == nil {
					serve(secure)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), connections
}

// answering reads the head of a request, and then lets the test say what it wants.
func answering(say func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			say(c)
		}
	}
}

func saying(text string) func(net.Conn) {
	return answering(func(c net.Conn) { _, _ = io.WriteString(c, text) })
}

// until repeats say until the peer is gone.
func until(say func() error) {
	for say() == nil {
	}
}
