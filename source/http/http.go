package http

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	nethttp "net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/loopback"
	"github.com/dodona-oracle/dodona/source"
)

const (
	maxHeaderBytes = 64 << 10         // of a response's header; more is an attack or a mistake
	idleTimeout    = 90 * time.Second // a connection unused for this long is closed
	maxDrain       = 16 << 10         // of an unwanted body, read so that its connection can be used again
	maxContentType = 128
)

// client is an open source.
type client struct {
	settings  Settings
	env       source.Env
	url       *url.URL
	client    *nethttp.Client
	transport *nethttp.Transport
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
	transport, err := newTransport(s)
	if err != nil {
		return nil, err
	}
	c := &client{settings: s, env: env, url: u, transport: transport}
	c.client = &nethttp.Client{Transport: transport, CheckRedirect: c.checkRedirect}
	if u.Scheme == "http" && c.hasCredentials() && !loopback.Is(u.Hostname()) {
		env.Log.Warn(env.Source+": credentials go over plain http, where anybody on the way reads them; use https", "source", env.Source)
	}
	return c, nil
}

func newTransport(s Settings) (*nethttp.Transport, error) {
	dialer := &net.Dialer{Timeout: s.ConnectTimeout, KeepAlive: 15 * time.Second}
	t := &nethttp.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    s.ConnectTimeout,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           2,
		MaxIdleConnsPerHost:    2,
		MaxConnsPerHost:        2,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		// A frozen HTTP/2 peer would otherwise be asked again and again over its dead connection.
		HTTP2: &nethttp.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
	}
	switch s.Proxy {
	case "":
	case "environment":
		t.Proxy = nethttp.ProxyFromEnvironment
	default:
		proxy, err := url.Parse(s.Proxy)
		if err != nil {
			return nil, dodona.Permanent(errors.New("proxy: not a URL"))
		}
		t.Proxy = nethttp.ProxyURL(proxy)
	}
	if s.CA == "" {
		return t, nil
	}
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, fmt.Errorf("read ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, dodona.Permanent(fmt.Errorf("read ca %s: no certificate in PEM form in it", s.CA))
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
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
	resp, err := c.client.Do(req)
	if err != nil {
		return dodona.Batch{}, c.failure(ctx, limited, secrets, err)
	}
	defer func() { _ = resp.Body.Close() }() // its content is read or refused by then
	if err := c.judge(resp, start); err != nil {
		if resp.ContentLength <= maxDrain { // unknown is −1, and then what is there may have no end
			_, _ = io.CopyN(io.Discard, resp.Body, max(resp.ContentLength, 0)) // only to reuse the connection
		}
		return dodona.Batch{}, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(c.settings.MaxSize)+1))
	if err != nil {
		return dodona.Batch{}, c.failure(ctx, limited, secrets, fmt.Errorf("read body: %w", err))
	}
	if len(body) > int(c.settings.MaxSize) {
		return dodona.Batch{}, fmt.Errorf("%s %s %d: the body is larger than max_size (%s)",
			req.Method, c.url.Host, resp.StatusCode, c.settings.MaxSize)
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

// Close closes the idle connections; one in use ends with its request.
func (c *client) Close() error {
	c.transport.CloseIdleConnections()
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
		if wait, found := parseRetryAfter(resp.Header.Get("Retry-After"), c.env.Now()); found {
			return source.RetryAfter(err, wait)
		}
		return err
	case code >= 400:
		return dodona.Permanent(fmt.Errorf("%w%s", err, hint(code)))
	case code >= 300:
		return dodona.Permanent(fmt.Errorf("%w: redirects are %s", err, c.settings.Redirects))
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
