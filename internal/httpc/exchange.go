package httpc

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/expiry"
	"github.com/dodona-oracle/dodona/internal/handshake"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// ErrTooLarge: a body is larger than the caller takes. Who wraps it says than what.
var ErrTooLarge = errors.New("the body is larger")

// A Response is an answer whose body is not read yet. Close it.
type Response struct {
	*http.Response
	identity bool
	asked    *asking
}

// Ask makes one exchange, with its redirects. Its error, and those of the response, are short, of one line, and show
// neither path nor query, user or password, proxy's or not, header Authorization, nor the secrets; their causes are for
// errors.Is and errors.As alone. Once the context has ended the error is the context's. A proxy's 407 is a [*ProxyError].
func (c *Client) Ask(req *http.Request, secrets ...string) (*Response, error) {
	if !c.identity && req.Header.Get("Accept-Encoding") == "" {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	asked := &asking{client: c, req: req, secrets: secrets}
	resp, err := c.Do(req.WithContext(context.WithValue(req.Context(), askingKey{}, asked)))
	if err != nil {
		if resp != nil { // it asks for a redirect that is not followed
			asked.wait, _ = RetryAfter(resp.Header, time.Now())
		}
		return nil, asked.failure(err)
	}
	if err := expiry.Over(resp.TLS, time.Now()); err != nil {
		_ = resp.Body.Close()    // nobody reads it
		c.CloseIdleConnections() // the next handshake says so
		return nil, asked.failure(err)
	}
	if resp.StatusCode == http.StatusProxyAuthRequired {
		if proxy := c.proxyOf(resp.Request); proxy != nil {
			_ = resp.Body.Close() // nobody reads it
			return nil, asked.failure(proxyError(proxy, resp))
		}
	}
	return &Response{resp, c.identity, asked}, nil
}

// Hops returns how many redirects were followed to come to the answer.
func (r *Response) Hops() (n int) {
	for before := r.Request.Response; before != nil && n < MaxRedirects; n++ {
		before = before.Request.Response
	}
	return n
}

// Scrub hides in a text of the peer what no error may show either.
func (r *Response) Scrub(text string) string { return r.asked.scrub(text) }

// Whole returns the body, of at most most bytes as it was before it was encoded; a larger one is [ErrTooLarge].
func (r *Response) Whole(most int) ([]byte, error) {
	if r.ContentLength > int64(most) && len(encodings(r.Header)) == 0 {
		return nil, fmt.Errorf("%w than %d bytes: %d", ErrTooLarge, most, r.ContentLength)
	}
	read, err := r.plain(most)
	if err != nil {
		return nil, r.asked.failure(err)
	}
	body, err := io.ReadAll(io.LimitReader(read, int64(most)+1))
	if len(body) > most || errors.Is(err, ErrTooLarge) {
		return nil, fmt.Errorf("%w than %d bytes", ErrTooLarge, most)
	}
	if err != nil {
		return nil, r.asked.failure(fmt.Errorf("read body: %w", err))
	}
	return body, nil
}

// Ends reports whether the peer said where the body ends: by a length, chunks, frames or an encoding. Otherwise it ends where the
// connection does, and nobody knows whether it is whole: under TLS neither, for a connection that was broken between two records of
// it looks like one that was closed.
func (r *Response) Ends() bool {
	return r.ContentLength >= 0 || len(r.TransferEncoding) > 0 || r.ProtoMajor >= 2 || len(encodings(r.Header)) > 0
}

// Beginning returns what came of the first bytes of the body.
func (r *Response) Beginning(most int) []byte {
	read, err := r.plain(most)
	if err != nil {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(read, int64(most)))
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

// An asking is an exchange that is under way.
type asking struct {
	client  *Client
	req     *http.Request
	secrets []string
	over    *connections    // that the last request went over
	by      *http.Transport // of these
	wait    time.Duration   // that the server asked for
}

type askingKey struct{}

// failure says how it failed. Who did not answer in time may be gone, whatever its connection says: the next request goes over a new one.
func (a *asking) failure(err error) error {
	var timed interface{ Timeout() bool }
	end, limited := a.req.Context().Deadline()
	late := limited && !time.Now().Before(end) // its timer may be late
	if a.over != nil && (late || errors.As(err, &timed) && timed.Timeout()) {
		a.over.leave(a.by)
	}
	if ended := a.req.Context().Err(); ended != nil {
		return ended
	}
	if late {
		return context.DeadlineExceeded
	}
	err = WithoutURL(err)
	said, hint := err, a.client.hint(err)
	if IsUntrusted(err) {
		said, hint = handshake.Explain(err, time.Now()), "" // whose certificate it is, and which setting helps
	}
	return &exchangeError{plain.Line(a.scrub(said.Error()), maxError) + hint, err, a.wait}
}

func (a *asking) scrub(text string) string {
	return Scrub(text, append(a.client.secretsOf(a.req), a.secrets...)...)
}

// An exchangeError shows a text without secrets and keeps the cause for errors.Is and errors.As.
type exchangeError struct {
	text  string
	cause error
	wait  time.Duration
}

func (e *exchangeError) Error() string { return e.text }
func (e *exchangeError) Unwrap() error { return e.cause }

// RetryAfter returns how long the server, or the proxy before it, wants not to be asked again.
func (e *exchangeError) RetryAfter() time.Duration {
	var proxy *ProxyError
	if errors.As(e.cause, &proxy) {
		return proxy.wait
	}
	return e.wait
}

// maxError is the longest text of an error; a hostile peer can make the library quote much of what it sent.
const maxError = 300

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
	authorization := req.Header.Get("Authorization")
	_, credentials, _ := strings.Cut(authorization, " ")
	secrets := []string{req.URL.RequestURI(), req.URL.RawQuery, authorization, credentials}
	for _, values := range req.URL.Query() {
		secrets = append(secrets, values...)
	}
	secrets = append(secrets, userOf(req.URL)...)
	if proxy := c.proxyOf(req); proxy != nil {
		secrets = append(secrets, userOf(proxy)...)
	}
	return secrets
}

// proxyOf returns through which proxy a request goes, nil if it goes to its host itself.
func (c *Client) proxyOf(req *http.Request) *url.URL {
	if c.way == nil {
		return nil
	}
	proxy, err := c.way(req)
	if err != nil {
		return nil
	}
	return proxy
}

func userOf(u *url.URL) []string {
	if u.User == nil {
		return nil
	}
	password, _ := u.User.Password()
	both := u.User.Username() + ":" + password
	return []string{u.User.String(), password, base64.StdEncoding.EncodeToString([]byte(both))}
}

func quoted(s string) string { return s[1 : len(s)-1] }

// minSecret is the shortest text worth hiding: shorter ones hide nothing and would blot out words.
const minSecret = 4

// Scrub hides secrets in text, in clear, as they stand in a URL, and in what is quoted, the longest first.
func Scrub(text string, secrets ...string) string {
	var forms []string
	for _, s := range secrets {
		forms = append(forms, s, url.QueryEscape(s), url.PathEscape(s), quoted(strconv.Quote(s)), quoted(strconv.QuoteToASCII(s)))
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	for _, s := range forms {
		if len(s) >= minSecret {
			text = strings.ReplaceAll(text, s, "•••")
		}
	}
	return text
}
