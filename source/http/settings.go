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
	Method Method `yaml:"method,omitempty"`
	// Headers to send, such as X-API-Key: {file: keys/api}. Their values are secrets and never printed.
	// They go to the host of url only. Default: none.
	Headers map[string]secret.String `yaml:"headers,omitempty"`
	// Query parameters to add to those in url; their values are secrets and never printed. Default: none.
	Query map[string]secret.String `yaml:"query,omitempty"`
	// Body to send with POST, as application/json unless headers say otherwise. Default: none.
	Body string `yaml:"body,omitempty"`
	// Basic authentication: user and password. Default: none.
	Basic *httpc.Basic `yaml:"basic,omitempty"`
	// Bearer token, sent as Authorization: Bearer. Default: none.
	Bearer secret.String `yaml:"bearer,omitempty"`
	// OAuth2 fetches the bearer token itself, by client credentials (RFC 6749 §4.4), before it expires and when it is refused. Default: none.
	OAuth2 *OAuth2 `yaml:"oauth2,omitempty"`
	// Revalidate asks for the document only if it has changed since the last answer (If-None-Match or If-Modified-Since, RFC 9110 §13), where
	// the server gives it an ETag or a date: 304 then means that it stands as it was. It saves what a metered line costs, and trusts
	// the server to know. Default: false.
	Revalidate bool `yaml:"revalidate,omitempty"`
	// Pages of a document that comes in several, each an item of the source, called by its number: 1, 2, … Default: none, one answer is
	// the whole document.
	Pages *Pages `yaml:"pages,omitempty"`
	// Rate of requests to the host of url at most, such as 10/1m, by all sources of this node that ask it together: the lowest that one of them
	// names. Pages count, redirects and tokens do not. Default: no bound but every.
	MostOften unit.Rate `yaml:"rate,omitempty"`
	// Every is the least time between two requests, also after one that failed, such as 10s. From 1s on each request has a
	// connection of its own, for what a kept connection loses would be sent again. Default: 0s, one request for each instant
	// a feed asks for.
	Every time.Duration `yaml:"every,omitempty"`
	// Timeout of a whole request with its redirects and its body. Default: 5s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// ConnectTimeout is how long the connection alone may take, and again its TLS handshake. Default: 3s.
	ConnectTimeout time.Duration `yaml:"connect_timeout,omitempty"`
	// MaxSize is how large a body may be after decompression (gzip and deflate), and all pages together; a larger one is an error. At most 4MiB. Default: 1MiB.
	MaxSize unit.Size `yaml:"max_size,omitempty"`
	// Redirects to follow, five at most: none, same-host, or any. Credentials never go to another host,
	// https never falls back to http, and a POST is never made a GET (301, 302 and 303 do so). Default: same-host.
	Redirects   Redirects `yaml:"redirects,omitempty"`
	httpc.Route `yaml:",inline"`
}

// A Method is how a document is asked for.
type Method string

// Words returns the methods.
func (Method) Words() []string { return []string{"GET", "POST"} }

// Redirects are which of them are followed.
type Redirects string

// Words returns the choices.
func (Redirects) Words() []string { return []string{"none", "same-host", "any"} }

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

// Complete fills in the defaults that follow from other settings.
func (s *Settings) Complete() {
	if s.Method == "" {
		s.Method = "GET"
		if s.Body != "" {
			s.Method = "POST"
		}
	}
}

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace {
	return source.Pace{Every: s.Every, Limit: s.Timeout}
}

// Rate says how often its host may be asked.
func (s *Settings) Rate() unit.Rate { return s.MostOften }

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
		httpc.CheckURL("url", s.URL, "https://example.org/price.json", "user and password belong under basic:, where the password can come from a file"),
		s.checkMethod(),
		s.checkHeaders(),
		s.checkOneLogin(),
		s.checkNumbers(),
		s.OAuth2.check(),
		s.Pages.check(),
		s.checkConditions(),
		s.Route.Check(),
	)
}

// CheckSecret says what is wrong with the text of a secret.
func (s *Settings) CheckSecret(setting, text string) error {
	if setting == "bearer" && len(text) > len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		return errors.New("the word Bearer is sent in front of it; leave that out")
	}
	return nil
}

const scheme = "Bearer "

func (s *Settings) checkMethod() error {
	var errs []error
	if s.Method != "" && s.Method != "GET" && s.Method != "POST" {
		errs = append(errs, fmt.Errorf("method: %q: want GET or POST", s.Method))
	}
	if s.Method == "GET" && s.Body != "" {
		errs = append(errs, errors.New("body: GET has none; use method: POST"))
	}
	if s.Redirects != "" && !slices.Contains(Redirects("").Words(), string(s.Redirects)) {
		errs = append(errs, fmt.Errorf("redirects: %q: want none, same-host or any", s.Redirects))
	}
	return errors.Join(errs...)
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
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		why, found := reserved[strings.ToLower(name)]
		switch {
		case found:
			errs = append(errs, fmt.Errorf("headers: %s cannot be set: %s", name, why))
		case strings.EqualFold(name, "proxy-authorization"):
			errs = append(errs, errors.New("headers: Proxy-Authorization would go to the server; the proxy has its own in proxy: {url, user, password}"))
		case !httpc.IsHeaderName(name):
			errs = append(errs, httpc.CheckHeaderName("headers", name))
		case strings.EqualFold(name, "authorization") && (s.Basic != nil || !s.Bearer.IsZero() || s.OAuth2 != nil):
			errs = append(errs, errors.New("headers: Authorization is given by basic, bearer or oauth2 already"))
		}
	}
	return errors.Join(errs...)
}

// checkConditions says what cannot stand beside revalidate.
func (s *Settings) checkConditions() error {
	if !s.Revalidate {
		return nil
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		if slices.Contains(conditions, strings.ToLower(name)) {
			errs = append(errs, fmt.Errorf("headers: %s is sent by revalidate already", name))
		}
	}
	if s.Method == "POST" || s.Body != "" {
		errs = append(errs, errors.New("revalidate: only an answer to GET is asked for again so"))
	}
	if s.Pages != nil {
		errs = append(errs, errors.New("revalidate: pages that change by themselves would be of two documents"))
	}
	return errors.Join(errs...)
}

// conditions are the headers that make a request conditional.
var conditions = []string{"if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range"}

func (s *Settings) checkOneLogin() error {
	var errs []error
	if s.Basic != nil && !s.Bearer.IsZero() {
		errs = append(errs, errors.New("bearer: basic is given too; a request has one of them"))
	}
	if s.OAuth2 != nil && (s.Basic != nil || !s.Bearer.IsZero()) {
		errs = append(errs, errors.New("oauth2: basic or bearer is given too; a request has one of them"))
	}
	return errors.Join(append(errs, s.Basic.Check())...)
}

func (s *Settings) checkNumbers() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(s.Every >= 0, "every: %s: want 0s or more", unit.FormatDuration(s.Every))
	want(s.Every <= 0 || s.Every >= 10*time.Millisecond, "every: %s: want at least 10ms", unit.FormatDuration(s.Every))
	want(s.Timeout > 0 && s.Timeout <= 10*time.Minute, "timeout: %s: want more than 0s and at most 10m", unit.FormatDuration(s.Timeout))
	want(s.ConnectTimeout > 0, "connect_timeout: %s: want more than 0s", unit.FormatDuration(s.ConnectTimeout))
	want(s.MaxSize > 0 && s.MaxSize <= sizeLimit, "max_size: %s: want more than 0B and at most %s", s.MaxSize, sizeLimit)
	return errors.Join(errs...)
}
