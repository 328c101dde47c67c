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
	"sync/atomic"
	"syscall"
	"time"
)

const (
	idleTimeout   = 90 * time.Second // a connection unused for this long is closed
	deadAfter     = 20 * time.Second // a peer that acknowledges nothing for this long is gone
	defaultHeader = 64 << 10         // bytes of an answer's header; more is an attack or a mistake
	defaultAge    = 5 * time.Minute
	defaultDial   = 5 * time.Second
	mostSessions  = 8 // of TLS that can be taken up again
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
	// Once closes each connection after its request. No request is then sent twice: one that a kept connection loses
	// would be, if its method lets it.
	Once bool
	// Identity asks for bodies as they are, not compressed, and takes no other.
	Identity bool

	// Redirects says which are followed.
	Redirects Redirects
	// Route to the server.
	Route Route
	// Roots vouch for servers, if the route names no file of them. Default: the system's.
	Roots *x509.CertPool
	// May is asked about each address before it is dialled, after DNS. Default: all may.
	May func(netip.Addr) bool
	// Resolver of names. Default: the system's.
	Resolver *net.Resolver

	// Through carries requests instead of connections, in tests. Default: connections.
	Through http.RoundTripper

	ping, pong time.Duration // of silence before an HTTP/2 peer is asked, and for its answer; 0: 15 s and 5 s, but for tests
}

// ErrAddress: [Options.May] refuses the address that a name leads to.
var ErrAddress = errors.New("address refused")

// A Client asks. It may be used by many goroutines.
type Client struct {
	*http.Client
	route    Route
	identity bool
	way      func(*http.Request) (*url.URL, error) // which proxy; nil: none
	asked    atomic.Bool                           // a server has asked for a client certificate
	proxies  securedProxies

	own    *connections // to the host of a URL
	others *connections // to those that redirects lead to, with nothing to show
}

// New returns a client. It reads the files of its route, and does not dial.
func New(o Options) (*Client, error) {
	o.fill()
	way, err := o.Route.Proxy.way()
	if err != nil {
		return nil, err
	}
	c := &Client{route: o.Route, identity: o.Identity, way: way}
	c.own = c.connections(o)
	if c.others = c.own; o.Route.TLS != (Certificate{}) {
		o.Route.TLS = Certificate{}
		c.others = c.connections(o)
	}
	if c.Client = (&http.Client{Transport: hosts{c}, CheckRedirect: o.Redirects.check}); o.Through != nil {
		c.Transport = o.Through
	}
	if _, err := c.own.make(); err != nil {
		return nil, err
	}
	return c, nil
}

func (o *Options) fill() {
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
		o.ping, o.pong = deadAfter*3/4, deadAfter/4
	}
}

func (c *Client) connections(o Options) *connections {
	return &connections{
		make:  func() (*http.Transport, error) { return c.transport(o) },
		files: o.Route.files(), age: o.MaxAge, now: time.Now,
	}
}

// Close lets go of idle connections; one in use ends with its request.
func (c *Client) Close() { c.CloseIdleConnections() }

// hosts sends requests over the connections that are for their host.
type hosts struct{ *Client }

func (h hosts) RoundTrip(req *http.Request) (*http.Response, error) {
	if away(req) {
		return h.others.RoundTrip(req)
	}
	return h.own.RoundTrip(req)
}

func (h hosts) CloseIdleConnections() {
	h.own.CloseIdleConnections()
	h.others.CloseIdleConnections()
}

func (c *Client) transport(o Options) (*http.Transport, error) {
	trusts, err := c.trusts(o)
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy:                  c.proxies.way(c.way),
		OnProxyConnectResponse: connected,
		DialContext:            c.proxies.dial(o.dialer(), trusts),
		TLSHandshakeTimeout:    o.Dial,
		TLSClientConfig:        trusts,
		ResponseHeaderTimeout:  o.Header,
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      o.Once,
		DisableCompression:     true, // Ask asks for it, and Whole undoes it
		MaxIdleConns:           o.Connections,
		MaxIdleConnsPerHost:    o.Connections,
		MaxConnsPerHost:        o.Connections,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: o.MaxHeader,
		// A frozen HTTP/2 peer would otherwise be asked again and again over its dead connection.
		HTTP2: &http.HTTP2Config{SendPingTimeout: o.ping, PingTimeout: o.pong},
	}, nil
}

// trusts says who is believed, and what is shown to whom.
func (c *Client) trusts(o Options) (*tls.Config, error) {
	roots, err := o.Route.roots()
	if err != nil {
		return nil, err
	}
	if roots == nil {
		roots = o.Roots
	}
	shown, err := o.Route.TLS.load()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: o.Route.TLS.ServerName, ClientSessionCache: tls.NewLRUClientSessionCache(mostSessions),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c.asked.Store(true)
			if shown == nil {
				return new(tls.Certificate), nil
			}
			return shown, nil
		},
	}, nil
}

func (o *Options) dialer() *net.Dialer {
	may := o.May
	return &net.Dialer{
		Timeout: o.Dial, Resolver: o.Resolver,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: deadAfter / 2, Interval: deadAfter / 4, Count: 2},
		// The control is asked with the address itself, after DNS: a name cannot lead anywhere else between check and dial.
		Control: func(_, address string, conn syscall.RawConn) error {
			if may != nil {
				if at, err := netip.ParseAddrPort(address); err != nil || !may(at.Addr()) {
					return fmt.Errorf("%w: %s", ErrAddress, address)
				}
			}
			bury(conn, deadAfter)
			return nil
		},
	}
}
