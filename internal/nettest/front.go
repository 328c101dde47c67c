package nettest

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"testing"
	"time"
)

// Front stands before an address of loopback and speaks TLS with who has a certificate of a, by one of its own that ends when life is over. If it
// has protocols (ALPN, RFC 7301), who offers none of them is answered as by a server of HTTP, and nothing of it passes.
func (a *Authority) Front(t testing.TB, life time.Duration, to string, protocols ...string) (address string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{a.Issue(t, "plant", life, x509.ExtKeyUsageServerAuth, "127.0.0.1")},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: a.Pool(), NextProtos: protocols,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = near.Close() }()
				t := near.(*tls.Conn)
				if len(protocols) > 0 && t.Handshake() == nil && t.ConnectionState().NegotiatedProtocol == "" {
					_, _ = io.WriteString(t, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
					return
				}
				far, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				go func() {
					_, _ = io.Copy(near, far)
					_ = near.Close()
				}()
				_, _ = io.Copy(far, near)
				_ = far.Close()
			}()
		}
	}()
	return l.Addr().String()
}
