// Package webhook sends every answer to an HTTP endpoint, in order, signed with a shared secret.
//
// Each answer is one request whose body is the answer as the API serves it. Any status from 200 to 299 says that it
// was taken. 408, 425, 429 and those from 500 are tried again, as are broken connections. 400, 409, 413, 422 and statuses that HTTP
// does not name refuse the answer, which becomes a dead letter after give_up times. Redirects and every other status below 500, such
// as 401, 404 and 415, speak of the endpoint and not of the answer: the sink is stuck, says so, and tries again until somebody has
// mended it. What waited is marked late. An answer comes again, under the same webhook-id, whenever its status does not arrive.
//
// Requests are named and signed as Standard Webhooks 1.0.0 says (standardwebhooks.com), so that its libraries verify them: webhook-id
// names the answer, the same at every try; webhook-timestamp is when it was sent, in seconds; webhook-signature, which is there if there
// is a secret, is v1,BASE64, where BASE64 is HMAC-SHA256 with the secret over webhook-id, a point, webhook-timestamp, a point and the
// body. Idempotency-Key names the answer in clear: topic, feed and round.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/sink"
)

// Kind is the kind "webhook".
var Kind = sink.NewStream("webhook", open)

// Settings say where to send to, and with which secret.
type Settings struct {
	// URL that answers are sent to with POST, http or https. No redirect is followed. Required.
	URL string `yaml:"url"`
	// Secret that signs every request: whsec_ and 24 to 64 bytes in Base64, or any other text of 16 characters or more, whose bytes are the
	// secret. It is read anew each time, so it can be changed while the node runs. Default: none, requests are not signed.
	Secret secret.String `yaml:"secret,omitempty"`
	// Basic authentication: user and password. The password is read anew each time too. Default: none.
	Basic *httpc.Basic `yaml:"basic,omitempty"`
	// Headers to send, such as Authorization: {file: keys/token}. Their values are secrets and never printed.
	// Default: none.
	Headers map[string]secret.String `yaml:"headers,omitempty"`
	// Timeout of a whole request. Default: 10s.
	Timeout time.Duration `yaml:"timeout,omitempty"`

	httpc.Route `yaml:",inline"`
}

const leastSecret = 16

// secretPrefix marks a secret in Base64.
const secretPrefix = "whsec_"

// secretBytes returns what signs with a secret.
func secretBytes(text string) ([]byte, error) {
	encoded, found := strings.CutPrefix(text, secretPrefix)
	switch i := strings.Index(strings.ToLower(text), secretPrefix); {
	case strings.TrimSpace(text) != text:
		return nil, errors.New("a blank stands before or behind it; take that out")
	case isQuoted(text):
		return nil, errors.New("quotes stand before and behind it; take them out, for all that stands there is the secret")
	case i > 0 || i == 0 && !found:
		return nil, errors.New("it begins otherwise than with " + secretPrefix + "; write from there on, in lower case, and nothing before (v1, stands before signatures)")
	case strings.HasPrefix(text, "whsk_"), strings.HasPrefix(text, "whpk_"):
		return nil, errors.New("that is a key of Ed25519; requests are signed with HMAC-SHA256, whose secrets begin with " + secretPrefix)
	}
	if !found {
		if len(text) < leastSecret {
			return nil, fmt.Errorf("%d characters, want at least %d", len(text), leastSecret)
		}
		return []byte(text), nil
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		return nil, errors.New("after " + secretPrefix + " it is no Base64; `openssl rand -base64 32` makes some")
	case len(key) < 24 || len(key) > 64:
		return nil, fmt.Errorf("%d bytes in Base64, want 24 to 64; `openssl rand -base64 32` makes some", len(key))
	}
	return key, nil
}

// isQuoted reports whether a text stands between a pair of quotes. One alone may be part of a random secret.
func isQuoted(text string) bool {
	for _, pair := range [][2]string{{`"`, `"`}, {"'", "'"}, {"`", "`"}, {"\u2018", "\u2019"}, {"\u201c", "\u201d"}} {
		if rest, found := strings.CutPrefix(text, pair[0]); found && strings.HasSuffix(rest, pair[1]) {
			return true
		}
	}
	return false
}

// Default fills in the defaults.
func (s *Settings) Default() { s.Timeout = 10 * time.Second }

// Check says what is wrong with the settings. It neither dials nor reads files.
func (s *Settings) Check() error {
	errs := []error{httpc.CheckURL("url", s.URL, "https://example.org/answers", "user and password belong under basic:, where the password can come from a file"), s.Basic.Check()}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		if err := httpc.CheckHeaderName("headers", name); err != nil {
			errs = append(errs, err)
		} else if reserved[strings.ToLower(name)] {
			errs = append(errs, fmt.Errorf("headers: %q cannot be set", name))
		} else if s.Basic != nil && strings.EqualFold(name, "authorization") {
			errs = append(errs, errors.New("headers: Authorization is given by basic already"))
		}
	}
	if s.Timeout <= 0 {
		errs = append(errs, errors.New("timeout: want a duration above zero, such as 10s"))
	}
	return errors.Join(append(errs, s.Route.Check())...)
}

// CheckSecret says what is wrong with the text of a secret.
func (s *Settings) CheckSecret(setting, text string) error {
	if setting != "secret" {
		return nil
	}
	_, err := secretBytes(text)
	return err
}

// reserved are the headers that the sink sets itself.
var reserved = map[string]bool{
	"idempotency-key": true, "webhook-id": true, "webhook-timestamp": true, "webhook-signature": true, "dodona-late": true, "dodona-topic": true, "dodona-key": true,
	"content-length": true, "content-type": true, "transfer-encoding": true, "connection": true, "host": true,
	"upgrade": true, "trailer": true, "te": true, "expect": true, "proxy-authorization": true, "proxy-connection": true, "accept-encoding": true,
}

type webhook struct {
	settings Settings
	env      sink.Env
	host     string
	client   *httpc.Client
}

func open(_ context.Context, s Settings, env sink.Env) (dodona.Sink, error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, dodona.Permanent(errors.New("url: not a URL"))
	}
	asks, err := httpc.New(httpc.Options{Dial: min(s.Timeout, 5*time.Second), Header: s.Timeout, Route: s.Route})
	if err != nil && httpc.IsHopeless(err) {
		return nil, dodona.Permanent(err)
	}
	if err != nil {
		return nil, err
	}
	return &webhook{settings: s, env: env, host: u.Host, client: asks}, nil
}

// Close lets go of idle connections.
func (w *webhook) Close() error {
	w.client.Close()
	return nil
}

// Deliver sends records one after the other, each when the one before was taken.
func (w *webhook) Deliver(ctx context.Context, recs []dodona.Record) (receipts []dodona.Receipt, err error) {
	for _, rec := range recs {
		status, err := w.post(ctx, rec)
		if err != nil {
			return receipts, err
		}
		receipts = append(receipts, dodona.Receipt{
			Status: dodona.ReceiptDelivered, At: w.env.Now(), Detail: fmt.Sprintf("POST %s %d", w.host, status),
		})
	}
	return receipts, nil
}

// Waits says what a request waits for that takes long, and until when.
func (w *webhook) Waits() string {
	return fmt.Sprintf("POST %s: no complete answer yet; it is waited for up to timeout, %s", w.host, unit.FormatDuration(w.settings.Timeout))
}

// Key returns the Idempotency-Key of a record.
func Key(rec dodona.Record) string { return string(rec.Topic) + "/" + rec.Key + "/" + rec.ID }

// ID returns the webhook-id of a record: one of its Idempotency-Key, because an id has no point.
func ID(rec dodona.Record) string {
	digest := sha256.Sum256([]byte(Key(rec)))
	return "msg_" + hex.EncodeToString(digest[:16])
}

// name sets the headers that say which record goes, and when.
func name(h http.Header, rec dodona.Record, at time.Time) {
	h.Set("Webhook-Id", ID(rec))
	h.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
}

// sign sets the header that says whose a request is; name has set the others.
func sign(h http.Header, secret []byte, rec dodona.Record) {
	mac := hmac.New(sha256.New, secret)
	_, _ = io.WriteString(mac, h.Get("Webhook-Id")+"."+h.Get("Webhook-Timestamp")+".") // a hash takes everything
	_, _ = mac.Write(rec.Body)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func (w *webhook) post(ctx context.Context, rec dodona.Record) (status int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, w.settings.Timeout, errTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.settings.URL, bytes.NewReader(rec.Body))
	if err != nil {
		return 0, dodona.Permanent(errors.New("url: cannot be requested"))
	}
	var secrets []string
	for header, s := range w.settings.Headers {
		text, err := s.Reveal()
		if err != nil {
			return 0, fmt.Errorf("headers %s: %w", header, err)
		}
		secrets = append(secrets, text)
		req.Header.Set(header, text)
	}
	if basic := w.settings.Basic; basic != nil {
		password, err := basic.Password.Reveal()
		if err != nil {
			return 0, fmt.Errorf("basic password: %w", err)
		}
		req.SetBasicAuth(basic.User, password)
		secrets = append(secrets, password, req.Header.Get("Authorization"))
	}
	now := w.env.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "dodona/"+w.env.Version)
	name(req.Header, rec, now)
	req.Header.Set("Idempotency-Key", Key(rec))
	req.Header.Set("Dodona-Topic", string(rec.Topic))
	req.Header.Set("Dodona-Key", rec.Key)
	if sink.Late(rec, now) {
		req.Header.Set("Dodona-Late", strconv.FormatInt(int64(now.Sub(rec.Appended)/time.Second), 10))
	}
	if !w.settings.Secret.IsZero() {
		text, err := w.settings.Secret.Reveal()
		if err != nil {
			return 0, fmt.Errorf("secret: %w", err)
		}
		key, err := secretBytes(text)
		if err != nil {
			return 0, fmt.Errorf("secret: %w", err)
		}
		sign(req.Header, key, rec)
	}
	resp, err := w.client.Ask(req, secrets...)
	if err != nil {
		return 0, w.failure(ctx, err)
	}
	defer resp.Close()
	// A little of the answer is read, so that the connection can be used again; more is not worth having. The status
	// counts, however the body ends.
	said := resp.Beginning(mostAnswer)
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp.StatusCode, nil
	}
	return 0, w.refusal(resp.Response, said, now)
}

var errTimeout = errors.New("timeout")

// mostAnswer is how much of an answer is read.
const mostAnswer = 4 << 10

// A waiting is an error that says when to try again.
type waiting struct {
	error
	wait time.Duration
}

func (w waiting) RetryAfter() time.Duration { return w.wait }
func (w waiting) Unwrap() error             { return w.error }

// refusal says what a status means.
func (w *webhook) refusal(resp *http.Response, said []byte, now time.Time) error {
	err := fmt.Errorf("POST %s: HTTP status %d%s", w.host, resp.StatusCode, excerpt(said))
	wait, asked := httpc.RetryAfter(resp.Header, now)
	switch code := resp.StatusCode; {
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return waiting{err, wait}
	case code >= 300 && code < 400 && resp.Header.Get("Location") != "":
		err = fmt.Errorf("%w: redirects are not followed; set url to where it leads", err)
	case w.client.Refuses(code):
		err = fmt.Errorf("%w: %s", err, httpc.AsksForCertificate)
	case code == http.StatusUnauthorized:
		err = fmt.Errorf("%w: the endpoint does not know this sender; %s", err, w.settings.shown(""))
	case code == http.StatusForbidden:
		err = fmt.Errorf("%w: the endpoint refuses this sender; %s", err, w.settings.shown("what the endpoint allows"))
	case ofEndpoint[code] != "":
		err = fmt.Errorf("%w: %s", err, ofEndpoint[code])
	case code < 400:
		err = fmt.Errorf("%w: it does not say whether the answer was taken; check url", err)
	case asked: // whoever says when to come back has not refused the record
		return waiting{err, wait}
	default:
		return dodona.Permanent(err)
	}
	return sink.Stalled(waiting{err, wait})
}

// shown says which of the settings that show the endpoint who sends are to be checked, and what else.
func (s *Settings) shown(also string) string {
	var set []string
	for _, of := range []struct {
		name string
		is   bool
	}{{"secret", !s.Secret.IsZero()}, {"basic", s.Basic != nil}, {"headers", len(s.Headers) > 0}, {"tls", s.TLS.Cert != ""}, {also, also != ""}} {
		if of.is {
			set = append(set, of.name)
		}
	}
	if len(set) == 0 {
		return "it is shown nothing: set secret, basic or headers"
	}
	last := len(set) - 1
	if last == 0 {
		return "check " + set[0]
	}
	return "check " + strings.Join(set[:last], ", ") + " and " + set[last]
}

// ofEndpoint are the statuses below 500 that speak of the endpoint and not of the record, by what RFC 9110 and those after it mean by
// them, and what to look at: what one record is told, all would be. Nothing is passed over for them, and an operator moves things back
// as likely as forward. What is not here may be of the record: 400, 409, 413, 422, and what nobody has defined, which is to be taken for 400.
var ofEndpoint = map[int]string{
	http.StatusSwitchingProtocols:           "the endpoint speaks another protocol; check url",
	http.StatusNotModified:                  "a POST is answered from a cache; check url and headers",
	http.StatusPaymentRequired:              "the endpoint wants to be paid; look at the account there",
	http.StatusNotFound:                     "nothing answers there; check url",
	http.StatusMethodNotAllowed:             "the endpoint takes no POST; check url",
	http.StatusNotAcceptable:                "the endpoint has no answer of the sort that headers ask for; check headers and url",
	http.StatusProxyAuthRequired:            "a proxy on the way wants a user and a password; set proxy: {url, user, password}",
	http.StatusGone:                         "the endpoint is no longer there; check url",
	http.StatusLengthRequired:               "the length that was sent did not arrive; look at the proxies on the way",
	http.StatusPreconditionFailed:           "a condition among headers does not hold; check headers",
	http.StatusRequestURITooLong:            "url is too long for the endpoint; check url",
	http.StatusUnsupportedMediaType:         "the endpoint takes no application/json; check url and what the endpoint allows",
	http.StatusRequestedRangeNotSatisfiable: "the endpoint finds a range among headers; check headers",
	http.StatusExpectationFailed:            "the endpoint or a proxy on the way expects what was not sent; check url",
	http.StatusMisdirectedRequest:           "the endpoint is not on this host; check url",
	http.StatusLocked:                       "the endpoint is locked; look there",
	http.StatusFailedDependency:             "the endpoint depends on what failed; look there",
	http.StatusUpgradeRequired:              "the endpoint wants another protocol, such as https; check url",
	http.StatusPreconditionRequired:         "the endpoint wants a condition with each request; set it under headers, or check url",
	http.StatusRequestHeaderFieldsTooLarge:  "the headers are too large for the endpoint; check headers",
	http.StatusUnavailableForLegalReasons:   "the endpoint may not serve this sender, for legal reasons; look there",
}

// excerpt returns the start of a text for people.
func excerpt(said []byte) string {
	if text := plain.Excerpt(said, 120); text != "" {
		return ": " + text
	}
	return ""
}

// failure says what was asked for and did not come.
func (w *webhook) failure(ctx context.Context, err error) error {
	where := "POST " + w.host
	if errors.Is(context.Cause(ctx), errTimeout) || err == context.DeadlineExceeded {
		return fmt.Errorf("%s: no complete answer in %s (timeout)", where, w.settings.Timeout)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err = fmt.Errorf("%s: %w", where, err)
	var proxy *httpc.ProxyError
	if errors.As(err, &proxy) && httpc.IsHopeless(err) {
		return sink.Stalled(err)
	}
	return err
}
