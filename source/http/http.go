package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	nethttp "net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/loopback"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// client is an open source.
type client struct {
	settings Settings
	env      source.Env
	url      *url.URL
	client   *httpc.Client
	tokens   *httpc.Client // to the authorization server

	token token   // of oauth2
	last  version // of the document, where answers are revalidated
}

// open prepares a client; it reads the CA file and does not dial.
func open(_ context.Context, s Settings, env source.Env) (dodona.Source, error) {
	if err := s.Check(); err != nil {
		return nil, dodona.Permanent(err)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, dodona.Permanent(errors.New("url: not a URL"))
	}
	u.Fragment, u.RawFragment = "", ""
	asks, err := newClient(s)
	if err != nil {
		return nil, err
	}
	c := &client{settings: s, env: env, url: u, client: asks, tokens: asks}
	if s.OAuth2 != nil && s.TLS.ServerName != "" && !s.OAuth2.isAt(u) {
		s.TLS.ServerName = "" // it is of the host of url alone
		if c.tokens, err = newClient(s); err != nil {
			return nil, err
		}
	}
	if u.Scheme == "http" && c.hasCredentials() && !loopback.Is(u.Hostname()) {
		env.Log.Warn(env.Source+": credentials go over plain http, where anybody on the way reads them; use https", "source", env.Source)
	}
	return c, nil
}

func newClient(s Settings) (*httpc.Client, error) {
	asks, err := httpc.New(httpc.Options{
		Dial: s.ConnectTimeout, Redirects: redirects[string(s.Redirects)], Route: s.Route, Once: s.Every >= sentOnce,
	})
	if err != nil && httpc.IsHopeless(err) {
		return nil, dodona.Permanent(err)
	}
	return asks, err
}

// sentOnce is the least time between two requests from which none is sent twice. Below it a connection for each costs too
// much, and nobody counts so closely.
const sentOnce = time.Second

// Observe makes one request, and returns its body as the one reading; of a document in pages one for each of them.
func (c *client) Observe(ctx context.Context) (b dodona.Batch, err error) {
	limited, cancel := context.WithTimeout(ctx, c.settings.Timeout)
	defer cancel()
	pages, left := c.settings.Pages, int(c.settings.MaxSize)
	next := pages.begin(c.url)
	for n := 1; next != nil; n++ {
		if n > pages.most() {
			// Fault (exchange): there are more pages than pages.most.
			return dodona.Batch{}, fmt.Errorf("%s %s: more than %s (pages.most)", c.method(), c.url.Host, unit.Count(pages.most(), "page"))
		}
		if n > 1 {
			if err := c.env.Again(limited); err != nil {
				return dodona.Batch{}, c.failure(ctx, limited, err)
			}
		}
		var r dodona.Reading
		if r, next, err = c.page(ctx, limited, n, next, left); err != nil {
			return dodona.Batch{}, err
		}
		left -= len(r.Body)
		b.Readings = append(b.Readings, r)
	}
	return b, nil
}

// page asks for the n-th page and returns it, and where the next one is.
func (c *client) page(ctx, limited context.Context, n int, from *url.URL, most int) (r dodona.Reading, next *url.URL, err error) {
	start := c.env.Now()
	resp, err := c.ask(ctx, limited, from)
	if err != nil {
		return r, nil, err
	}
	defer resp.Close()
	r = dodona.Reading{Source: c.env.Source}
	if c.settings.Pages != nil {
		r.Item = strconv.Itoa(n)
	}
	unchanged, err := c.stands(resp)
	if err != nil {
		return r, nil, err
	}
	if unchanged {
		r.Body, r.ContentType, r.Received = bytes.Clone(c.last.body), c.last.contentType, c.env.Now()
		r.Detail = fmt.Sprintf("%s %d, as it was at %s, %d ms", c.asked(resp), resp.StatusCode, c.last.at.UTC().Format(time.RFC3339), r.Received.Sub(start).Milliseconds())
		return r, nil, nil
	}
	if r.Body, err = c.body(ctx, limited, resp, most); err != nil {
		return r, nil, err
	}
	if next, err = c.settings.Pages.after(n, from, resp, r.Body); err != nil {
		return r, nil, fmt.Errorf("%s: %w", c.asked(resp), err)
	}
	r.ContentType, r.Received = contentType(resp.Header), c.env.Now()
	r.Detail = c.detail(resp, len(r.Body), r.Received.Sub(start))
	c.keep(resp, r.Body, r.Received)
	return r, next, nil
}

// ask makes one request. One whose token is refused is made again with a new one, once.
func (c *client) ask(ctx, limited context.Context, from *url.URL) (*httpc.Response, error) {
	for again := c.settings.OAuth2 != nil && c.token.text != ""; ; again = false {
		req, secrets, err := c.request(limited, from)
		if err != nil {
			return nil, c.unasked(ctx, limited, err)
		}
		resp, err := c.client.Ask(req, secrets...)
		if err != nil {
			return nil, c.failure(ctx, limited, err)
		}
		if resp.StatusCode == nethttp.StatusUnauthorized && c.settings.OAuth2 != nil {
			c.token = token{}
			if again {
				resp.Close()
				continue
			}
		}
		return resp, nil
	}
}

// unasked says why a request could not be made: a secret, or a token, is not to be had.
func (c *client) unasked(ctx, limited context.Context, err error) error {
	if ctx.Err() != nil || limited.Err() != nil {
		return c.failure(ctx, limited, err)
	}
	return err
}

// body returns the document, of at most most bytes.
func (c *client) body(ctx, limited context.Context, resp *httpc.Response, most int) ([]byte, error) {
	if err := c.judge(resp); err != nil {
		return nil, err
	}
	body, err := resp.Whole(most)
	switch {
	case errors.Is(err, httpc.ErrTooLarge):
		// Fault (exchange): an answer is larger than max_size.
		return nil, c.refused(resp, fmt.Errorf("%w than max_size (%s)", httpc.ErrTooLarge, c.settings.MaxSize))
	case err != nil:
		return nil, c.failure(ctx, limited, err)
	}
	if !resp.Ends() && mayGoOn(body) {
		// Fault (exchange): an answer may have been cut off.
		return nil, c.refused(resp, errors.New("it says no Content-Length, and ends in a digit where the connection ended, so more digits may have been lost: let the server send a Content-Length, or a line feed behind the number"))
	}
	return body, nil
}

// mayGoOn reports whether a body would be as good a document with more digits behind it: it is nothing but a number.
func mayGoOn(body []byte) bool {
	text := bytes.TrimRight(body, "\x00") // of UTF-16
	return len(text) > 0 && text[len(text)-1] >= '0' && text[len(text)-1] <= '9'
}

// Close closes the idle connections; one in use ends with its request.
func (c *client) Close() error {
	c.client.Close()
	c.tokens.Close()
	return nil
}

// judge returns an error unless the status is 2xx, and the answer all of a document.
func (c *client) judge(resp *httpc.Response) error {
	code := resp.StatusCode
	part := code == nethttp.StatusPartialContent || code == nethttp.StatusIMUsed
	if code >= 200 && code < 300 && !part {
		return nil
	}
	err := c.refused(resp, nil)
	switch {
	case part:
		// Fault (exchange): a server sends a part of the document.
		err = fmt.Errorf("%w: a part of the document, which nobody asked for; of a number that is half of its digits", err)
	case code >= 500, code == 429, code == 408, code == 425:
	case code >= 400:
		err = dodona.Permanent(fmt.Errorf("%w%s", err, c.hint(code)))
	case code >= 300:
		err = dodona.Permanent(fmt.Errorf("%w: %s", err, c.unfollowed(code)))
	}
	// Whoever says when to come back means it, whatever the status: some ban those that come sooner with 403 or 418.
	if wait, found := httpc.RetryAfter(resp.Header, c.env.Now()); found {
		return source.RetryAfter(err, wait)
	}
	return err
}

// refused says that an answer is not taken, and why, if its status does not say it.
func (c *client) refused(resp *httpc.Response, why error) error {
	return fmt.Errorf("%s %w", c.asked(resp), &httpc.StatusError{Code: resp.StatusCode, Why: why})
}

func (c *client) hint(code int) string {
	if c.client.Refuses(code) {
		return ": " + httpc.AsksForCertificate
	}
	switch code {
	case 401:
		if c.settings.Proxy.User != "" { // some proxies say so to a wrong password
			return ": check basic, bearer, oauth2 or headers, and the user and password of proxy"
		}
		return ": check basic, bearer, oauth2 or headers"
	case 403:
		return ": the peer refuses these credentials or this address"
	case 404, 410:
		return ": check url"
	case 405:
		return ": check method"
	case 407:
		return ": a proxy on the way wants a user and a password; set proxy: {url, user, password}"
	}
	return ""
}

// unfollowed says why an answer that leads elsewhere is not followed.
func (c *client) unfollowed(code int) string {
	switch code {
	case 301, 302, 303, 307, 308:
		if c.settings.Redirects == "none" {
			return "redirects are none"
		}
		return "it does not say where to"
	case 304:
		return "there is no document with it; headers must not ask for one that changed: set revalidate"
	}
	return "it is no redirect that can be followed; check url"
}

// detail describes the exchange.
func (c *client) detail(resp *httpc.Response, size int, took time.Duration) string {
	return fmt.Sprintf("%s %d, %d B, %d ms", c.asked(resp), resp.StatusCode, size, took.Milliseconds())
}

// asked says what the answer is to, and where redirects led, without path or query, which may hold keys.
func (c *client) asked(resp *httpc.Response) string {
	said := c.method() + " " + c.url.Host
	hops := resp.Hops()
	if hops == 0 {
		return said
	}
	last := resp.Request
	said += " → " // by the same method: no other redirect is followed
	if last.URL.Scheme != c.url.Scheme {
		said += last.URL.Scheme + "://"
	}
	said += plain.Line(resp.Scrub(last.URL.Host), maxHost)
	if hops > 1 {
		said += fmt.Sprintf(" (%d redirects)", hops)
	}
	return said
}

// maxHost is how much is shown of where a redirect led, in bytes.
const maxHost = 100
