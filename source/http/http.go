package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	nethttp "net/http"
	"net/url"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/loopback"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/source"
)

// client is an open source.
type client struct {
	settings Settings
	env      source.Env
	url      *url.URL
	client   *httpc.Client
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
	c := &client{settings: s, env: env, url: u, client: asks}
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

// Observe makes one request and returns its body as the one reading.
func (c *client) Observe(ctx context.Context) (dodona.Batch, error) {
	start := c.env.Now()
	limited, cancel := context.WithTimeout(ctx, c.settings.Timeout)
	defer cancel()
	req, secrets, err := c.request(limited)
	if err != nil {
		return dodona.Batch{}, err
	}
	resp, err := c.client.Ask(req, secrets...)
	if err != nil {
		return dodona.Batch{}, c.failure(ctx, limited, err)
	}
	defer resp.Close()
	if err := c.judge(resp); err != nil {
		return dodona.Batch{}, err
	}
	body, err := resp.Whole(int(c.settings.MaxSize))
	switch {
	case errors.Is(err, httpc.ErrTooLarge):
		return dodona.Batch{}, c.refused(resp, fmt.Errorf("%w than max_size (%s)", httpc.ErrTooLarge, c.settings.MaxSize))
	case err != nil:
		return dodona.Batch{}, c.failure(ctx, limited, err)
	}
	if !resp.Ends() && mayGoOn(body) {
		return dodona.Batch{}, c.refused(resp, errors.New("it says no Content-Length, and ends in a digit where the connection ended, so more digits may have been lost: let the server send a Content-Length, or a line feed behind the number"))
	}
	received := c.env.Now()
	return dodona.Batch{Readings: []dodona.Reading{{
		Source:      c.env.Source,
		Body:        body,
		ContentType: contentType(resp.Header),
		Received:    received,
		Detail:      c.detail(resp, len(body), received.Sub(start)),
	}}}, nil
}

// mayGoOn reports whether a body would be as good a document with more digits behind it: it is nothing but a number.
func mayGoOn(body []byte) bool {
	text := bytes.TrimRight(body, "\x00") // of UTF-16
	return len(text) > 0 && text[len(text)-1] >= '0' && text[len(text)-1] <= '9'
}

// Close closes the idle connections; one in use ends with its request.
func (c *client) Close() error {
	c.client.Close()
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
			return ": check basic, bearer or headers, and the user and password of proxy"
		}
		return ": check basic, bearer or headers"
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
		return "there is no document with it; headers must not ask for one that changed"
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
