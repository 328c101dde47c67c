package http

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/secret"
)

func (c *client) method() string {
	switch {
	case c.settings.Method != "":
		return c.settings.Method
	case c.settings.Body != "":
		return nethttp.MethodPost
	}
	return nethttp.MethodGet
}

func (c *client) hasCredentials() bool {
	s := c.settings
	return s.Basic != nil || !s.Bearer.IsZero() || len(s.Headers)+len(s.Query) > 0
}

// A revealer reads secrets and remembers them, so that no error shows them.
type revealer struct{ seen []string }

func (r *revealer) reveal(key string, s secret.String) (string, error) {
	text, err := s.Reveal()
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	r.seen = append(r.seen, text)
	return text, nil
}

// request builds the request and returns, beside it, the texts that no error may show.
// Secrets are read anew each time, so that a rotated one needs no restart.
func (c *client) request(ctx context.Context) (*nethttp.Request, []string, error) {
	var secrets revealer
	target, err := c.target(&secrets)
	if err != nil {
		return nil, nil, err
	}
	var body io.Reader
	if c.settings.Body != "" {
		body = strings.NewReader(c.settings.Body)
	}
	req, err := nethttp.NewRequestWithContext(ctx, c.method(), target, body)
	if err != nil {
		return nil, nil, dodona.Permanent(errors.New("url: cannot be requested"))
	}
	req.Header.Set("User-Agent", "dodona/"+c.env.Version)
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if err := c.setHeaders(req, &secrets); err != nil {
		return nil, nil, err
	}
	if err := c.authorize(req, &secrets); err != nil {
		return nil, nil, err
	}
	return req, secrets.seen, nil
}

const accept = "application/json, */*;q=0.5"

// target returns the URL with the secret query parameters in it.
func (c *client) target(secrets *revealer) (string, error) {
	u := *c.url
	query := u.Query()
	for _, values := range query {
		secrets.seen = append(secrets.seen, values...)
	}
	for name, s := range c.settings.Query {
		text, err := secrets.reveal("query "+name, s)
		if err != nil {
			return "", err
		}
		query.Set(name, text)
	}
	secrets.seen = append(secrets.seen, u.RawQuery)
	if len(c.settings.Query) > 0 {
		u.RawQuery = query.Encode()
		secrets.seen = append(secrets.seen, u.RawQuery)
	}
	return u.String(), nil
}

func (c *client) setHeaders(req *nethttp.Request, secrets *revealer) error {
	for name, s := range c.settings.Headers {
		text, err := secrets.reveal("headers "+name, s)
		if err != nil {
			return err
		}
		if strings.ContainsAny(text, "\r\n\x00") {
			return dodona.Permanent(fmt.Errorf("headers %s: a value has no line breaks", name))
		}
		if strings.EqualFold(name, "host") {
			req.Host = text
			continue
		}
		req.Header.Set(name, text)
	}
	return nil
}

func (c *client) authorize(req *nethttp.Request, secrets *revealer) error {
	if c.settings.Basic != nil {
		password, err := secrets.reveal("basic password", c.settings.Basic.Password)
		if err != nil {
			return err
		}
		req.SetBasicAuth(c.settings.Basic.User, password)
	}
	if !c.settings.Bearer.IsZero() {
		token, err := secrets.reveal("bearer", c.settings.Bearer)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	secrets.seen = append(secrets.seen, req.Header.Get("Authorization"))
	return nil
}

var errRedirect = errors.New("redirect refused")

// checkRedirect says whether to follow, and takes from the request what another host must not see.
func (c *client) checkRedirect(req *nethttp.Request, via []*nethttp.Request) error {
	req.Header.Del("Referer") // it would carry the query to whoever comes next
	req.URL.User = nil
	last := via[len(via)-1].URL
	switch {
	case c.settings.Redirects == "none":
		return nethttp.ErrUseLastResponse
	case len(via) > maxRedirects:
		return fmt.Errorf("%w: more than %d", errRedirect, maxRedirects)
	case req.URL.Scheme != "https" && (req.URL.Scheme != "http" || last.Scheme == "https"):
		return fmt.Errorf("%w: from %s to %.10s", errRedirect, last.Scheme, req.URL.Scheme)
	case sameHost(c.url, req.URL):
		return nil
	case c.settings.Redirects != "any":
		return fmt.Errorf("%w: to another host, %.100q; redirects: any would follow, without credentials", errRedirect, req.URL.Host)
	case req.Body != nil && req.Body != nethttp.NoBody:
		return fmt.Errorf("%w: the body would go to another host, %.100q", errRedirect, req.URL.Host)
	}
	req.Header = nethttp.Header{
		"User-Agent": req.Header.Values("User-Agent"),
		"Accept":     {accept},
	}
	req.Host = ""
	return nil
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

// failure turns what the client returned into an error that names no path, query or secret.
// ctx is the caller's, limited the one with the time-out in it.
func (c *client) failure(ctx, limited context.Context, secrets []string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	where := c.method() + " " + c.url.Host
	if limited.Err() != nil {
		return fmt.Errorf("%s: no complete answer in %s (timeout)", where, c.settings.Timeout)
	}
	var wrapped *url.Error
	for errors.As(err, &wrapped) { // its text is the whole URL
		err = wrapped.Err
	}
	safe := fmt.Errorf("%s: %s", where, plain.Line(scrub(err.Error(), append(secrets, c.url.RequestURI())), maxError))
	if isHopeless(err) {
		return dodona.Permanent(safe)
	}
	return safe
}

// isHopeless reports whether trying again will hardly help: a certificate that is not trusted, a refused redirect.
func isHopeless(err error) bool {
	var (
		untrusted *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		notTLS    tls.RecordHeaderError
		address   *net.AddrError
	)
	return errors.As(err, &untrusted) || errors.As(err, &authority) || errors.As(err, &hostname) ||
		errors.As(err, &notTLS) || errors.As(err, &address) || errors.Is(err, errRedirect) ||
		errors.Is(err, nethttp.ErrSchemeMismatch)
}

// maxError is the longest text of an error; a hostile peer can make the library quote much of what it sent.
const maxError = 300

// minSecret is the shortest text worth hiding: shorter ones hide nothing and would blot out words.
const minSecret = 4

// scrub hides the secrets in text, in clear and as they stand in a URL, the longest first.
func scrub(text string, secrets []string) string {
	var forms []string
	for _, s := range secrets {
		forms = append(forms, s, url.QueryEscape(s), url.PathEscape(s))
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	for _, s := range forms {
		if len(s) >= minSecret {
			text = strings.ReplaceAll(text, s, "•••")
		}
	}
	return text
}
