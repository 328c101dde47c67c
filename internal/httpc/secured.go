package httpc

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
)

// securedProxies are the proxies that are reached over TLS. The library would show them the certificate that is meant for the
// server, so it is told that they are plain ones, and their connections come with TLS already.
type securedProxies struct {
	known sync.Map    // by host and port: the name in their certificate
	asked atomic.Bool // one has asked for a client certificate
}

// way returns what the library is told of the way of a request.
func (s *securedProxies) way(way func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	if way == nil {
		return nil
	}
	return func(req *http.Request) (*url.URL, error) {
		proxy, err := way(req)
		if err != nil || proxy == nil || proxy.Scheme != "https" {
			return proxy, err
		}
		plain := *proxy
		plain.Scheme, plain.Host = "http", net.JoinHostPort(proxy.Hostname(), port(proxy))
		s.known.Store(plain.Host, proxy.Hostname())
		return &plain, nil
	}
}

// dial returns what dials servers, and proxies with TLS, which trusts whom the server's trusts and shows nothing.
func (s *securedProxies) dial(d *net.Dialer, trusts *tls.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		name, secured := s.known.Load(address)
		if err != nil || !secured {
			return conn, err
		}
		secure := tls.Client(conn, &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: trusts.RootCAs, ServerName: name.(string), NextProtos: []string{"http/1.1"},
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				s.asked.Store(true)
				return new(tls.Certificate), nil
			},
		})
		ctx, cancel := context.WithTimeout(ctx, d.Timeout)
		defer cancel()
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close() // the error is the handshake's
			return nil, err
		}
		return secure, nil
	}
}
