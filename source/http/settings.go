// Package http observes a document behind an HTTP URL: one request for each instant that a feed asks for.
package http

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "http".
var Kind = source.NewPolled("http", open)

// Settings say what to request, how, and how patiently.
type Settings struct {
	// URL of the document, http or https. A password does not belong here: see basic, bearer, headers and query. Required.
	URL string `yaml:"url"`
	// Method is GET or POST. Default: GET, or POST if there is a body.
	Method string `yaml:"method,omitempty"`
	// Headers to send, such as X-API-Key: {file: keys/api}. Their values are secrets and never printed.
	// They go to the host of url only. Default: none.
	Headers map[string]secret.String `yaml:"headers,omitempty"`
	// Query parameters to add to those in url; their values are secrets and never printed. Default: none.
	Query map[string]secret.String `yaml:"query,omitempty"`
	// Body to send with POST, as application/json unless headers say otherwise. Default: none.
	Body string `yaml:"body,omitempty"`
	// Basic authentication: user and password. Default: none.
	Basic *Basic `yaml:"basic,omitempty"`
	// Bearer token, sent as Authorization: Bearer. Default: none.
	Bearer secret.String `yaml:"bearer,omitempty"`
	// Every is the least time between two requests, also after one that failed, such as 10s. From 1s on each request has a
	// connection of its own, for what a kept connection loses would be sent again. Default: 0s, one request for each instant
	// a feed asks for.
	Every time.Duration `yaml:"every,omitempty"`
	// Timeout of a whole request with its redirects and its body. Default: 5s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// ConnectTimeout of the connection alone, and again of its TLS handshake. Default: 3s.
	ConnectTimeout time.Duration `yaml:"connect_timeout,omitempty"`
	// MaxSize of a body after decompression (gzip and deflate); a larger one is an error. At most 4MiB. Default: 1MiB.
	MaxSize unit.Size `yaml:"max_size,omitempty"`
	// Redirects to follow, five at most: none, same-host, or any. Credentials never go to another host,
	// https never falls back to http, and a POST is never made a GET (301, 302 and 303 do so). Default: same-host.
	Redirects   string `yaml:"redirects,omitempty"`
	httpc.Route `yaml:",inline"`
}

// Basic is a user and a password, as in RFC 7617.
type Basic struct {
	// User name. Required.
	User string `yaml:"user"`
	// Password, best as {file: PATH} or {env: NAME}. Default: empty.
	Password secret.String `yaml:"password,omitempty"`
}

const (
	sizeLimit = 4 * unit.MiB // of a body; a reading is journaled whole
)

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Timeout = 5 * time.Second
	s.ConnectTimeout = 3 * time.Second
	s.MaxSize = unit.MiB
	s.Redirects = "same-host"
}

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace {
	return source.Pace{Every: s.Every, Limit: s.Timeout}
}

// Asks says what the source asks, to tell one from another.
func (s *Settings) Asks() string { return s.URL }

// Largest returns how many bytes one exchange may bring.
func (s *Settings) Largest() unit.Size { return s.MaxSize }

// Peer names whom the source asks, without what may be a secret.
func (s *Settings) Peer() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return "its url"
	}
	return u.Host
}

// Check says what is wrong with the settings. It neither dials nor reads files.
func (s *Settings) Check() error {
	return errors.Join(
		checkURL("url", s.URL),
		s.checkMethod(),
		s.checkHeaders(),
		s.checkNumbers(),
		s.Route.Check(),
	)
}

// checkURL never repeats the URL, because it may hold a key.
func checkURL(key, text string) error {
	if text == "" {
		return fmt.Errorf("%s: missing, want one such as https://example.org/price.json", key)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("%s: not a URL (%w)", key, errors.Unwrap(err))
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%s: scheme %q: want http or https", key, u.Scheme)
	case u.Hostname() == "":
		return fmt.Errorf("%s: names no host", key)
	case u.User != nil:
		return fmt.Errorf("%s: user and password belong under basic:, where the password can come from a file", key)
	}
	return nil
}

func (s *Settings) checkMethod() error {
	switch {
	case s.Method != "" && s.Method != "GET" && s.Method != "POST":
		return fmt.Errorf("method: %q: want GET or POST", s.Method)
	case s.Method == "GET" && s.Body != "":
		return errors.New("body: GET has none; use method: POST")
	case s.Redirects != "" && s.Redirects != "none" && s.Redirects != "same-host" && s.Redirects != "any":
		return fmt.Errorf("redirects: %q: want none, same-host or any", s.Redirects)
	}
	return nil
}

// reserved are the headers that the transport must have for itself.
var reserved = map[string]string{
	"accept-encoding":   "gzip is asked for and undone already",
	"connection":        "connections are kept and reused already",
	"content-length":    "it follows from body",
	"transfer-encoding": "it follows from body",
	"upgrade":           "this source speaks HTTP alone",
	"proxy-connection":  "connections are kept and reused already",
	"trailer":           "it follows from body",
	"te":                "it is for the transport",
}

func (s *Settings) checkHeaders() error {
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		if why, found := reserved[strings.ToLower(name)]; found {
			return fmt.Errorf("headers: %s cannot be set: %s", name, why)
		}
		if strings.EqualFold(name, "proxy-authorization") {
			return errors.New("headers: Proxy-Authorization would go to the server; the proxy has its own in proxy: {url, user, password}")
		}
		if !isHeaderName(name) {
			return fmt.Errorf("headers: %q is not a header name", name)
		}
		if strings.EqualFold(name, "authorization") && (s.Basic != nil || !s.Bearer.IsZero()) {
			return errors.New("headers: Authorization is given by basic or bearer already")
		}
	}
	switch {
	case s.Basic != nil && !s.Bearer.IsZero():
		return errors.New("bearer: basic is given too; a request has one of them")
	case s.Basic != nil && (s.Basic.User == "" || strings.Contains(s.Basic.User, ":")):
		return errors.New("basic: user is required and has no colon (RFC 7617)")
	}
	return nil
}

// isHeaderName reports whether name is a token of RFC 9110 §5.6.2.
func isHeaderName(name string) bool {
	const marks = "!#$%&'*+-.^_`|~"
	for i := range len(name) {
		c := name[i]
		letter := (c|0x20 >= 'a' && c|0x20 <= 'z') || (c >= '0' && c <= '9')
		if !letter && strings.IndexByte(marks, c) < 0 {
			return false
		}
	}
	return name != ""
}

func (s *Settings) checkNumbers() error {
	switch {
	case s.Every < 0:
		return fmt.Errorf("every: %s: want 0s or more", unit.FormatDuration(s.Every))
	case s.Every > 0 && s.Every < 10*time.Millisecond:
		return fmt.Errorf("every: %s: want at least 10ms", unit.FormatDuration(s.Every))
	case s.Timeout <= 0 || s.Timeout > 10*time.Minute:
		return fmt.Errorf("timeout: %s: want more than 0s and at most 10m", s.Timeout)
	case s.ConnectTimeout <= 0:
		return fmt.Errorf("connect_timeout: %s: want more than 0s", s.ConnectTimeout)
	case s.MaxSize <= 0 || s.MaxSize > sizeLimit:
		return fmt.Errorf("max_size: %s: want more than 0B and at most %s", s.MaxSize, sizeLimit)
	}
	return nil
}
