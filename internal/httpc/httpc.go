// Package httpc is the one HTTP client that asks strangers: bounded in time, size and redirects, with connections that
// end, and with errors that tell no secret.
package httpc

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"
)

// Environment is the proxy setting that takes the proxy from HTTPS_PROXY and its kin.
const Environment = "environment"

const (
	idleTimeout   = 90 * time.Second // a connection unused for this long is closed
	defaultHeader = 64 << 10         // bytes of an answer's header; more is an attack or a mistake
	defaultAge    = 5 * time.Minute
	defaultDial   = 5 * time.Second
)

// Options say how a client connects. The zero Options follow no redirect and use no proxy, whatever the environment says.
type Options struct {
	// Dial bounds connecting, and again the TLS handshake. Default: 5 s.
	Dial time.Duration
	// Header bounds the wait for an answer's header once the request is written. Default: the request's context alone.
	Header time.Duration
	// MaxHeader bounds an answer's header, in bytes. Default: 64 KiB.
	MaxHeader int64
	// MaxAge is the greatest age of a connection that takes a new request, so that what DNS says now is met. Default: 5 min.
	MaxAge time.Duration
	// Connections to one host at once. Default: 2.
	Connections int
	// Once closes each connection after its request.
	Once bool
	// Identity asks for bodies as they are, not compressed.
	Identity bool

	// Redirects says which are followed.
	Redirects Redirects
	// Proxy is the URL of a proxy, [Environment], or none.
	Proxy string
	// Roots vouch for servers. Default: the system's.
	Roots *x509.CertPool
	// May is asked about each address before it is dialled, after DNS. Default: all may.
	May func(netip.Addr) bool
	// Resolver of names. Default: the system's.
	Resolver *net.Resolver

	ping, pong time.Duration // of silence before an HTTP/2 peer is asked, and for its answer; 0: 15 s and 5 s, but for tests
}

// ErrAddress: [Options.May] refuses the address that a name leads to.
var ErrAddress = errors.New("address refused")

// A Client asks. It may be used by many goroutines.
type Client struct {
	*http.Client
	connections *connections
}

// New returns a client. It does not dial. The error is one of the proxy's URL.
func New(o Options) (*Client, error) {
	if o.Dial <= 0 {
		o.Dial = defaultDial
	}
	if o.MaxHeader <= 0 {
		o.MaxHeader = defaultHeader
	}
	if o.MaxAge <= 0 {
		o.MaxAge = defaultAge
	}
	if o.Connections <= 0 {
		o.Connections = 2
	}
	if o.ping <= 0 {
		o.ping, o.pong = 15*time.Second, 5*time.Second
	}
	proxy, err := proxyOf(o.Proxy)
	if err != nil {
		return nil, err
	}
	c := &connections{make: func() *http.Transport { return transport(o, proxy) }, age: o.MaxAge, now: time.Now}
	return &Client{&http.Client{Transport: c, CheckRedirect: o.Redirects.check}, c}, nil
}

// Close lets go of idle connections; one in use ends with its request.
func (c *Client) Close() { c.CloseIdleConnections() }

func proxyOf(setting string) (func(*http.Request) (*url.URL, error), error) {
	switch setting {
	case "":
		return nil, nil
	case Environment:
		return http.ProxyFromEnvironment, nil
	}
	u, err := url.Parse(setting)
	if err != nil || u.Host == "" {
		return nil, errors.New("proxy: not a URL")
	}
	return http.ProxyURL(u), nil
}

func transport(o Options, proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	dialer := &net.Dialer{Timeout: o.Dial, KeepAlive: 15 * time.Second, Resolver: o.Resolver}
	if o.May != nil {
		// The control is asked with the address itself, after DNS: a name cannot lead anywhere else between check and dial.
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			if at, err := netip.ParseAddrPort(address); err != nil || !o.May(at.Addr()) {
				return fmt.Errorf("%w: %s", ErrAddress, address)
			}
			return nil
		}
	}
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    o.Dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
		ResponseHeaderTimeout:  o.Header,
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      o.Once,
		DisableCompression:     o.Identity,
		MaxIdleConns:           o.Connections,
		MaxIdleConnsPerHost:    o.Connections,
		MaxConnsPerHost:        o.Connections,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: o.MaxHeader,
		// A frozen HTTP/2 peer would otherwise be asked again and again over its dead connection.
		HTTP2: &http.HTTP2Config{SendPingTimeout: o.ping, PingTimeout: o.pong},
	}
}

// connections are those of one transport after another, so that none lives for ever.
type connections struct {
	make func() *http.Transport
	age  time.Duration
	now  func() time.Time

	mu      sync.Mutex
	current *http.Transport // nil before the first request
	born    time.Time
}

// RoundTrip makes one exchange on a connection that is young enough.
func (c *connections) RoundTrip(req *http.Request) (*http.Response, error) {
	return c.young().RoundTrip(req)
}

func (c *connections) young() *http.Transport {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.current != nil && now.Sub(c.born) < c.age {
		return c.current
	}
	if c.current != nil {
		c.current.CloseIdleConnections() // and those in use when their request ends
	}
	c.current, c.born = c.make(), now
	return c.current
}

// CloseIdleConnections is for [http.Client].
func (c *connections) CloseIdleConnections() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil {
		c.current.CloseIdleConnections()
	}
}
