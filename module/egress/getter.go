// Package egress is the one way out of the sandbox: a getter that asks granted hosts of the public internet over HTTPS,
// bounded in time, rate and size.
package egress

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// The bounds of the http_get capability.
const (
	getTimeout     = 500 * time.Millisecond
	maxGetHeader   = 16 << 10 // bytes of an answer's header
	maxGetInFlight = 4        // requests of one getter at once
)

// The reasons why a getter has no answer that the guest is told apart. The guest decides what to do; the host never retries.
var (
	ErrNotGranted = errors.New("not granted")            // the host of the URL, or the address that it leads to
	ErrRate       = errors.New("too many requests")      // in a second, or at once
	ErrTooLarge   = errors.New("larger than it may be")  // the body
	ErrURL        = errors.New("not a URL for http_get") // it never could be fetched
	errEncoding   = errors.New("answered with an encoding that was not asked for")
)

// Options say what a getter may fetch.
type Options struct {
	Hosts     []string       // "api.kraken.com" or "api.kraken.com:8443"; without a port it is 443
	PerSecond int            // 0: [manifest.DefaultGetPerSecond]
	Bytes     int            // of one body; 0: [manifest.DefaultGetBytes]
	RootCAs   *x509.CertPool // who vouches for servers; nil: the system's
	Resolver  *net.Resolver  // nil: the system's
	Route     httpc.Route    // to servers; a proxy on it decides where names lead

	timeout time.Duration // from the call to the last byte; 0: half a second, but for tests
}

// New returns a function for a module: it fetches over HTTPS from the granted hosts alone, follows no redirect, and dials no
// address that is not public, whatever DNS says of a host; but a proxy on the route, and its alone, which then says where names lead. It neither sends nor keeps cookies.
// Of an answer other than 2xx it returns the status without the body. It returns half a second after the call at the
// latest, and may be called by many goroutines.
func New(o Options) func(ctx context.Context, url string, limit int) (status int, body []byte, err error) {
	return newGetter(o, isPublic).get
}

func newGetter(o Options, may func(netip.Addr) bool) *getter {
	if o.PerSecond <= 0 {
		o.PerSecond = manifest.DefaultGetPerSecond
	}
	if o.Bytes <= 0 {
		o.Bytes = manifest.DefaultGetBytes
	}
	if o.timeout <= 0 {
		o.timeout = getTimeout
	}
	g := &getter{
		hosts:   o.Hosts,
		bytes:   o.Bytes,
		timeout: o.timeout,
		rate:    rate.NewLimiter(rate.Limit(o.PerSecond), o.PerSecond),
		free:    make(chan struct{}, maxGetInFlight),
	}
	if !o.Route.Proxy.Direct() {
		g.may, may = may, nil
	}
	late := 2 * o.timeout // a connection that nobody waits for any longer: the request ends first, and says so
	asks, err := httpc.New(httpc.Options{
		Dial: late, MaxHeader: maxGetHeader, Connections: maxGetInFlight, Identity: true, Roots: o.RootCAs, Resolver: o.Resolver, Route: o.Route,
		Once: true, // the address is checked where it is dialled
		May:  may,
	})
	g.client, g.broken = asks, err
	return g
}

type getter struct {
	hosts   []string
	bytes   int
	timeout time.Duration
	rate    *rate.Limiter
	free    chan struct{}
	client  *httpc.Client
	broken  error                 // why there is no client: a file of its route that cannot be read
	may     func(netip.Addr) bool // asked of an address that stands in a URL, where a proxy dials; nil: who dials asks
}

func (g *getter) get(ctx context.Context, text string, limit int) (int, []byte, error) {
	u, err := Granted(text, g.hosts)
	if err != nil {
		return 0, nil, err
	}
	if g.broken != nil {
		return 0, nil, fmt.Errorf("get from %s: %w", u.Host, g.broken)
	}
	if at, err := netip.ParseAddr(u.Hostname()); err == nil && g.may != nil && !g.may(at) {
		return 0, nil, fmt.Errorf("get from %s: %w: %w", u.Host, ErrNotGranted, httpc.ErrAddress)
	}
	if !g.rate.Allow() {
		return 0, nil, fmt.Errorf("get from %s: %w in a second", u.Host, ErrRate)
	}
	select {
	case g.free <- struct{}{}:
		defer func() { <-g.free }()
	default:
		return 0, nil, fmt.Errorf("get from %s: %w at once", u.Host, ErrRate)
	}
	if limit <= 0 || limit > g.bytes {
		limit = g.bytes
	}
	limited, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	status, body, err := g.fetch(limited, u, limit)
	switch {
	case err == nil:
		return status, body, nil
	case ctx.Err() != nil:
		return 0, nil, fmt.Errorf("get from %s: %w", u.Host, ctx.Err())
	case limited.Err() != nil:
		return 0, nil, fmt.Errorf("get from %s: no answer in %v: %w", u.Host, g.timeout, context.DeadlineExceeded)
	}
	if errors.Is(err, httpc.ErrAddress) {
		err = fmt.Errorf("%w: %w", ErrNotGranted, err)
	}
	return 0, nil, fmt.Errorf("get from %s: %w", u.Host, err)
}

func (g *getter) fetch(ctx context.Context, u *url.URL, limit int) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, nil, ErrURL
	}
	req.Host = strings.TrimSuffix(u.Host, ":443")
	req.Header.Set("User-Agent", "dodona")
	resp, err := g.client.Ask(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return resp.StatusCode, nil, nil
	}
	if e := resp.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return 0, nil, errEncoding
	}
	if resp.ContentLength > int64(limit) {
		return 0, nil, fmt.Errorf("body of %d bytes is %w, %d", resp.ContentLength, ErrTooLarge, limit)
	}
	body, err := resp.Whole(limit)
	if errors.Is(err, httpc.ErrTooLarge) {
		return 0, nil, fmt.Errorf("body is %w, %d bytes", ErrTooLarge, limit)
	}
	if err != nil {
		return 0, nil, err
	}
	return resp.StatusCode, body, nil
}
