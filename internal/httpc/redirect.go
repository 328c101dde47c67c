package httpc

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Redirects say which redirects are followed. None is followed that would change the method, drop the body, leave https,
// or show another host a body, a header or a query that were not meant for it.
type Redirects int

// How far redirects are followed, [MaxRedirects] in a row.
const (
	NoRedirects Redirects = iota // the answer that asks for one is the answer
	SameHost                     // to the host of the request, and from http on port 80 to https on port 443
	AnyHost                      // to any other too, without a body and with no header of the caller's
)

// MaxRedirects is how many are followed in a row.
const MaxRedirects = 5

// ErrRedirect: a redirect is not followed. Change the URL; trying again will hardly help.
var ErrRedirect = errors.New("redirect refused")

// check says whether to follow, and takes from the request what another host must not see.
func (r Redirects) check(req *http.Request, via []*http.Request) error {
	req.Header.Del("Referer") // it would carry the query to whoever comes next
	req.URL.User = nil
	first, last := via[0], via[len(via)-1].URL
	switch {
	case r == NoRedirects:
		return http.ErrUseLastResponse
	case len(via) > MaxRedirects:
		return fmt.Errorf("%w: more than %d", ErrRedirect, MaxRedirects)
	case req.URL.Scheme != "https" && (req.URL.Scheme != "http" || last.Scheme == "https"):
		return fmt.Errorf("%w: from %s to %.10s", ErrRedirect, last.Scheme, req.URL.Scheme)
	case req.Method != first.Method:
		return fmt.Errorf("%w: status %d would make a %s without its body of the %s; set url to where it leads",
			ErrRedirect, statusOf(req), req.Method, first.Method)
	case !away(req):
		return nil
	case r != AnyHost:
		return fmt.Errorf("%w: to another host, %.100q; redirects: any would follow, without credentials", ErrRedirect, req.URL.Host)
	case req.Body != nil && req.Body != http.NoBody:
		return fmt.Errorf("%w: the body would go to another host, %.100q", ErrRedirect, req.URL.Host)
	}
	header := http.Header{}
	for _, name := range []string{"User-Agent", "Accept", "Accept-Encoding"} {
		if values := req.Header.Values(name); len(values) > 0 {
			header[name] = values
		}
	}
	req.Header, req.Host = header, ""
	return nil
}

// away reports whether a request, or one before it, goes to another host than the first one. What comes back from there
// is what a stranger asks for, so it stays without what belongs to the first host.
func away(req *http.Request) bool {
	first := req
	for n := 0; first.Response != nil && n <= MaxRedirects; n++ {
		first = first.Response.Request
	}
	for at := req; at != first; at = at.Response.Request {
		if !sameHost(first.URL, at.URL) {
			return true
		}
	}
	return false
}

// statusOf returns the status of the answer that asked for a redirect.
func statusOf(req *http.Request) int {
	if req.Response == nil {
		return 0
	}
	return req.Response.StatusCode
}

// sameHost reports whether b is a's host and port, or its encrypted door: http on 80 and https on 443.
func sameHost(a, b *url.URL) bool {
	if !strings.EqualFold(a.Hostname(), b.Hostname()) {
		return false
	}
	return port(a) == port(b) || (port(a) == "80" && port(b) == "443" && b.Scheme == "https")
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}
