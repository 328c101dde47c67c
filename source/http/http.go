package http

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	nethttp "net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/loopback"
	"github.com/dodona-oracle/dodona/source"
)

const maxContentType = 128 // bytes

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
	roots, err := rootsIn(s.CA)
	if err != nil {
		return nil, err
	}
	return httpc.New(httpc.Options{Dial: s.ConnectTimeout, Redirects: redirects[s.Redirects], Proxy: s.Proxy, Roots: roots})
}

// rootsIn returns the certificates in a PEM file, or nil for none.
func rootsIn(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, dodona.Permanent(fmt.Errorf("read ca %s: no certificate in PEM form in it", file))
	}
	return pool, nil
}

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
	if err := c.judge(resp.Response, start); err != nil {
		return dodona.Batch{}, err
	}
	body, err := resp.Whole(int(c.settings.MaxSize))
	switch {
	case errors.Is(err, httpc.ErrTooLarge):
		return dodona.Batch{}, fmt.Errorf("%s %s %d: the body is larger than max_size (%s)",
			req.Method, c.url.Host, resp.StatusCode, c.settings.MaxSize)
	case err != nil:
		return dodona.Batch{}, c.failure(ctx, limited, err)
	}
	received := c.env.Now()
	return dodona.Batch{Readings: []dodona.Reading{{
		Source:      c.env.Source,
		Body:        body,
		ContentType: contentType(resp.Header),
		Received:    received,
		Detail:      c.detail(resp.Response, len(body), received.Sub(start)),
	}}}, nil
}

// Close closes the idle connections; one in use ends with its request.
func (c *client) Close() error {
	c.client.Close()
	return nil
}

// judge returns an error unless the status is 2xx.
func (c *client) judge(resp *nethttp.Response, start time.Time) error {
	code := resp.StatusCode
	if code >= 200 && code < 300 {
		if enc := resp.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
			return fmt.Errorf("%s %s %d: content encoding %.20q was not asked for", c.method(), c.url.Host, code, enc)
		}
		return nil
	}
	err := fmt.Errorf("%s %s %d %s", c.method(), c.url.Host, code, nethttp.StatusText(code))
	switch {
	case code >= 500, code == 429, code == 408, code == 425:
	case code >= 400:
		err = dodona.Permanent(fmt.Errorf("%w%s", err, hint(code)))
	case code >= 300:
		err = dodona.Permanent(fmt.Errorf("%w: redirects are %s", err, c.settings.Redirects))
	}
	// Whoever says when to come back means it, whatever the status: some ban those that come sooner with 403 or 418.
	if wait, found := httpc.RetryAfter(resp.Header, c.env.Now()); found {
		return source.RetryAfter(err, wait)
	}
	return err
}

func hint(code int) string {
	switch code {
	case 401:
		return ": check basic, bearer or headers"
	case 403:
		return ": the peer refuses these credentials or this address"
	case 404, 410:
		return ": check url"
	case 405:
		return ": check method"
	case 407:
		return ": the proxy wants a user and a password; see proxy"
	}
	return ""
}

// detail describes the exchange without path or query, which may hold keys.
func (c *client) detail(resp *nethttp.Response, size int, took time.Duration) string {
	host := c.url.Host
	if final := resp.Request.URL.Host; final != host {
		host += " → " + final
	}
	return fmt.Sprintf("%s %s %d, %d B, %d ms", c.method(), host, resp.StatusCode, size, took.Milliseconds())
}

func contentType(h nethttp.Header) string {
	text := h.Get("Content-Type")
	if _, _, err := mime.ParseMediaType(text); err != nil || len(text) > maxContentType {
		return ""
	}
	return text
}
