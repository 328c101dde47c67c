package httpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// ErrTooLarge: a body is larger than the caller takes.
var ErrTooLarge = errors.New("the body is too large")

// A Response is an answer whose body is not read yet. Close it.
type Response struct {
	*http.Response
	failure func(error) error
}

// Ask makes one exchange, with its redirects. Its error, and those of the response, are short, of one line, and show
// neither path nor query, user or password, proxy's or not, header Authorization, nor the secrets; their causes are for
// errors.Is and errors.As alone. Once the context has ended the error is the context's.
func (c *Client) Ask(req *http.Request, secrets ...string) (*Response, error) {
	failure := func(err error) error { return c.failure(req, err, secrets) }
	resp, err := c.Client.Do(req)
	if err != nil {
		return nil, failure(err)
	}
	return &Response{resp, failure}, nil
}

// Whole returns the body, of at most most bytes; a larger one is [ErrTooLarge].
func (r *Response) Whole(most int) ([]byte, error) {
	if r.ContentLength > int64(most) {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are taken", ErrTooLarge, r.ContentLength, most)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(most)+1))
	if err != nil {
		return nil, r.failure(fmt.Errorf("read body: %w", err))
	}
	if len(body) > most {
		return nil, fmt.Errorf("%w: at most %d bytes are taken", ErrTooLarge, most)
	}
	return body, nil
}

// Beginning returns what came of the first bytes of the body.
func (r *Response) Beginning(most int) []byte {
	body, _ := io.ReadAll(io.LimitReader(r.Body, int64(most)))
	return body
}

// maxDrain is how much of an unwanted body is read so that its connection can be used again.
const maxDrain = 16 << 10

// Close ends the exchange.
func (r *Response) Close() {
	if r.ContentLength > 0 && r.ContentLength <= maxDrain { // unknown is −1, and then what is there may have no end
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength)
	}
	_ = r.Body.Close() // its content is read or unwanted by then
}

// An exchangeError shows a text without secrets and keeps the cause for errors.Is and errors.As.
type exchangeError struct {
	text  string
	cause error
}

func (e *exchangeError) Error() string { return e.text }
func (e *exchangeError) Unwrap() error { return e.cause }

// maxError is the longest text of an error; a hostile peer can make the library quote much of what it sent.
const maxError = 300

func (c *Client) failure(req *http.Request, err error, secrets []string) error {
	if ended := req.Context().Err(); ended != nil {
		return ended
	}
	if end, bounded := req.Context().Deadline(); bounded && !time.Now().Before(end) { // its timer is late
		return context.DeadlineExceeded
	}
	err = WithoutURL(err)
	return &exchangeError{plain.Line(Scrub(err.Error(), append(c.secretsOf(req), secrets...)...), maxError), err}
}

// WithoutURL returns what went wrong, without the whole URL that the library writes before it.
func WithoutURL(err error) error {
	var wrapped *url.Error
	for errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return err
}

// secretsOf returns what the request itself holds that no error may show.
func (c *Client) secretsOf(req *http.Request) []string {
	secrets := []string{req.URL.RequestURI(), req.URL.RawQuery, req.Header.Get("Authorization")}
	for _, values := range req.URL.Query() {
		secrets = append(secrets, values...)
	}
	secrets = append(secrets, userOf(req.URL)...)
	if proxy := c.connections.young().Proxy; proxy != nil {
		if u, err := proxy(req); err == nil && u != nil {
			secrets = append(secrets, userOf(u)...)
		}
	}
	return secrets
}

func userOf(u *url.URL) []string {
	if u.User == nil {
		return nil
	}
	password, _ := u.User.Password()
	return []string{u.User.String(), password}
}

// minSecret is the shortest text worth hiding: shorter ones hide nothing and would blot out words.
const minSecret = 4

// Scrub hides secrets in text, in clear and as they stand in a URL, the longest first.
func Scrub(text string, secrets ...string) string {
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

// IsHopeless reports whether asking again will hardly help before somebody changes something: a certificate that is not
// trusted, a refused redirect, no TLS where TLS is asked for.
func IsHopeless(err error) bool {
	var (
		untrusted *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		notTLS    tls.RecordHeaderError
		address   *net.AddrError
	)
	return errors.As(err, &untrusted) || errors.As(err, &authority) || errors.As(err, &hostname) ||
		errors.As(err, &notTLS) || errors.As(err, &address) || errors.Is(err, ErrRedirect) || errors.Is(err, ErrAddress) ||
		errors.Is(err, http.ErrSchemeMismatch)
}

// MaxWait is the longest wait that is read out of a header; callers have their own, shorter, bounds.
const MaxWait = 24 * time.Hour

// RetryAfter reads the header Retry-After (RFC 9110 §10.2.3): seconds, or an HTTP date seen from now. A wait in the past
// is 0; one above [MaxWait] is MaxWait; anything else is not found.
func RetryAfter(h http.Header, now time.Time) (wait time.Duration, found bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" || len(text) > 64 {
		return 0, false
	}
	if strings.Trim(text, "0123456789") == "" {
		var seconds time.Duration
		for _, digit := range text {
			if seconds = seconds*10 + time.Duration(digit-'0'); seconds > MaxWait/time.Second {
				return MaxWait, true
			}
		}
		return seconds * time.Second, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), MaxWait), true
}
