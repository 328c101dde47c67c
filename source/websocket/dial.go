package websocket

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/coder/websocket"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/source"
)

// dial makes the handshakes, and returns what TLS believed (nil without it) and what no error may show.
func (s *stream) dial(ctx context.Context) (*websocket.Conn, *tls.ConnectionState, []string, error) {
	limited, cancel := context.WithTimeout(ctx, s.settings.Timeout)
	defer cancel()
	target, header, secrets, err := s.handshake()
	if err != nil {
		return nil, nil, nil, err
	}
	mode := websocket.CompressionDisabled
	if s.settings.Compression {
		mode = websocket.CompressionNoContextTakeover
	}
	conn, resp, err := websocket.Dial(limited, target, &websocket.DialOptions{
		HTTPClient: s.client.Asking(secrets...), HTTPHeader: header, Host: header.Get("Host"),
		Subprotocols: s.settings.Subprotocols, CompressionMode: mode,
	})
	switch {
	case err == nil && len(s.settings.Subprotocols) > 0 && conn.Subprotocol() == "":
		_ = conn.CloseNow() // it is of no use
		return nil, nil, nil, dodona.Permanent(fmt.Errorf("connect %s: the server speaks none of subprotocols (%s)", s.url.Host, strings.Join(s.settings.Subprotocols, ", ")))
	case err == nil:
		conn.SetReadLimit(-1) // each message has a limit of ours
		return conn, resp.TLS, secrets, nil
	case ctx.Err() != nil:
		return nil, nil, nil, context.Cause(ctx)
	case limited.Err() != nil:
		return nil, nil, nil, fmt.Errorf("connect %s: no handshake in %s (timeout)", s.url.Host, s.settings.Timeout)
	case resp != nil:
		return nil, nil, nil, s.unwelcome(resp, httpc.Scrub(err.Error(), secrets...))
	}
	failed := fmt.Errorf("connect %s: %w", s.url.Host, httpc.WithoutURL(err))
	if httpc.IsHopeless(err) {
		failed = dodona.Permanent(failed)
	}
	return nil, nil, nil, failed
}

// handshake returns the URL and the header of a handshake, and what of them no error may show. Secrets are read anew each time, so that a
// rotated one needs no restart.
func (s *stream) handshake() (target string, header http.Header, secrets []string, err error) {
	reveal := func(setting string, text secret.String) string {
		said, failed := text.Reveal()
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", setting, failed))
		}
		secrets = append(secrets, said)
		return said
	}
	header = http.Header{"User-Agent": {"dodona/" + s.env.Version}}
	for name, text := range s.settings.Headers {
		header.Set(name, reveal("headers "+name, text))
	}
	u := *s.url
	query := u.Query()
	for name, text := range s.settings.Query {
		query.Set(name, reveal("query "+name, text))
	}
	if len(s.settings.Query) > 0 {
		u.RawQuery = query.Encode()
	}
	if basic := s.settings.Basic; basic != nil {
		r := http.Request{Header: header}
		r.SetBasicAuth(basic.User, reveal("basic password", basic.Password))
	}
	if !s.settings.Bearer.IsZero() {
		header.Set("Authorization", "Bearer "+reveal("bearer", s.settings.Bearer))
	}
	return u.String(), header, append(secrets, header.Get("Authorization"), u.RawQuery), err
}

// unwelcome says how a handshake was answered that did not succeed.
func (s *stream) unwelcome(resp *http.Response, why string) error {
	code := resp.StatusCode
	if code == http.StatusSwitchingProtocols {
		_, why, _ = strings.Cut(why, ": ")
		return fmt.Errorf("connect %s: %s", s.url.Host, plain.Line(why, 200))
	}
	err := fmt.Errorf("connect %s: %w", s.url.Host, &httpc.StatusError{Code: code})
	switch {
	case code == 401 || code == 403:
		err = dodona.Permanent(fmt.Errorf("%w: check basic, bearer, headers or query", err))
	case code >= 300 && code < 400:
		err = dodona.Permanent(fmt.Errorf("%w: redirects are not followed; check url", err))
	case code == 200, code == 404, code == 426:
		err = dodona.Permanent(fmt.Errorf("%w: no WebSocket there; check url", err))
	case code >= 400 && code < 500 && code != 408 && code != 425 && code != 429:
		err = dodona.Permanent(err)
	}
	if wait, found := httpc.RetryAfter(resp.Header, s.env.Now()); found {
		return source.RetryAfter(err, wait)
	}
	return err
}

// urlOf returns the URL of the handshake.
func urlOf(text string) (*url.URL, error) {
	target, _ := overHTTP(text)
	u, err := url.Parse(target)
	if err != nil {
		return nil, errors.New("url: not a URL")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}
