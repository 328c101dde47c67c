package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
)

const (
	defaultPort = "8080"
	defaultAPI  = "http://127.0.0.1:" + defaultPort
)

// maxResponse bounds what is read from a node; a bundle with its readings is the largest.
const maxResponse = 64 << 20

// nodeFlags say which running node a command asks. They are the same for every command that asks one.
type nodeFlags struct {
	API    string `help:"Where the node listens. Else --config says it, else $DODONA_API, else ${service} if it is there, else ${api}." placeholder:"URL"`
	Config string `short:"c" help:"The configuration that the node runs by: it says where the node listens, and its token." placeholder:"FILE"`
	Token  string `help:"File that holds one of the node's api.tokens." placeholder:"FILE"`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// AfterApply fills in what is left out of --api: HOST:PORT, and even HOST, :PORT or PORT, are enough.
func (n *nodeFlags) AfterApply() (err error) {
	if n.API != "" {
		n.API, err = wholeAPI(n.API, "--api")
	}
	return err
}

// wholeAPI makes a URL of where a node listens, as people write it; name is what messages call it.
func wholeAPI(given, name string) (string, error) {
	s := given
	if !strings.Contains(s, "://") {
		s = strings.TrimRight(s, "/")
		if _, err := strconv.ParseUint(s, 10, 16); err == nil {
			s = ":" + s
		}
		if _, port, err := net.SplitHostPort(s); err != nil || port == "" {
			s = net.JoinHostPort(strings.Trim(strings.TrimSuffix(s, ":"), "[]"), defaultPort)
		}
		if strings.HasPrefix(s, ":") {
			s = "127.0.0.1" + s
		}
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%s %q: want where the node listens, such as %s", name, given, defaultAPI)
	}
	return strings.TrimRight(s, "/"), nil
}

// A client asks one running node.
type client struct {
	url   string
	said  string                           // who says that the node listens there; empty: nobody, it is the usual place
	lost  string                           // what else may be why nobody answers there
	down  func(ctx context.Context) string // who knows how the node fares that does not answer; nil: nobody
	hangs func(ctx context.Context) string // who names the node's process; nil: nobody
	hung  error                            // it was asked which node it is, and did not answer
	limit time.Duration                    // of a document; zero: documentTime
	token secret.String                    // zero: none
	whose string                           // token it is, for messages
	at    string                           // where relative paths begin, if that of the token was one
}

// place says where the node is asked, and who says that it is there; nothing of the usual place.
func (n client) place() string {
	if n.url == defaultAPI {
		return ""
	}
	return fmt.Sprintf("asked at %s (%s)", n.url, n.said)
}

// documentTime bounds how long a document is waited for.
const documentTime = 30 * time.Second

// ask makes one request and returns the body of the answer, or the node's own words as an error.
func (n client) ask(ctx context.Context, method, path, accept string) ([]byte, error) {
	response, err := n.send(ctx, method, path, accept, cmp.Or(n.limit, documentTime))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", n.url, err)
	}
	if len(body) > maxResponse {
		return nil, fmt.Errorf("read answer of %s: more than %d MiB, which no node sends", n.url, maxResponse>>20)
	}
	return body, nil
}

// tell asks for a document, and reads it.
func (n client) tell(ctx context.Context, path string, into any) error {
	body, err := n.ask(ctx, http.MethodGet, path, "application/json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// send makes one request for a document of the type accept; limit bounds the wait for it to begin and, where positive,
// to end.
func (n client) send(ctx context.Context, method, path, accept string, limit time.Duration) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, n.url+path, nil)
	if err != nil {
		return nil, failure{exitUsage, fmt.Errorf("ask node at %s: %w", n.url, err)}
	}
	request.Header.Set("Accept", accept)
	request.Header.Set(api.RequestHeader, "dodona")
	if err := n.authorize(request); err != nil {
		return nil, err
	}
	var heard atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { heard.Store(true) }}
	answer, err := exchange(request.WithContext(httptrace.WithClientTrace(ctx, trace)), httpc.SameHost, limit)
	if err != nil && heard.Load() && ctx.Err() == nil && isTimeout(err) {
		return nil, fmt.Errorf("something listens at %s and does not answer in %s; %s %w", n.url, unit.FormatDuration(limit), n.whoHangs(ctx), errMute)
	}
	if err != nil {
		lost := n.lost
		if n.down != nil {
			lost += n.down(request.Context())
		}
		return nil, fmt.Errorf("ask node at %s: %w (is it running? --api says where%s)", n.url, err, lost)
	}
	response := answer.Response
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode == http.StatusOK && media == accept {
		return response, nil
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil, fmt.Errorf("ask node at %s: whoever listens there answers with %q instead of %s: it is no Dodona node (--api says where one is)", n.url, media, accept)
	}
	refusal := refusalOf(response)
	if refusal.Detail == "" {
		return nil, fmt.Errorf("ask node at %s: %s (is it a Dodona node? --api says where one is)", n.url, response.Status)
	}
	refusal.node, refusal.whose = n.url, n.whose
	return nil, refusal
}

var errMute = errors.New("may hang")

// whoHangs names who does not answer, as far as that is known.
func (n client) whoHangs(ctx context.Context) string {
	if n.hangs != nil {
		if who := n.hangs(ctx); who != "" {
			return who
		}
	}
	return "it"
}

// isTimeout reports whether somebody was waited for in vain.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// authorize puts the token into a request, if there is one.
func (n client) authorize(request *http.Request) error {
	if n.token.IsZero() {
		return nil
	}
	token, err := n.token.Reveal()
	switch {
	case err == nil:
		request.Header.Set("Authorization", "Bearer "+token)
		return nil
	case n.at != "":
		return fmt.Errorf("%s: %w (%s); --token FILE names another", n.whose, err, n.at)
	}
	return fmt.Errorf("%s: %w", n.whose, err)
}

// exchange makes one request, through the proxy that the environment names; limit bounds it, its body included, where positive.
func exchange(request *http.Request, redirects httpc.Redirects, limit time.Duration) (*httpc.Response, error) {
	client, err := httpc.New(httpc.Options{Redirects: redirects, Route: httpc.Route{Proxy: httpc.Proxy{URL: httpc.Environment}}, Once: true})
	if err != nil {
		return nil, err
	}
	client.Timeout = limit
	return client.Ask(request)
}

// A refusalError is what a node says of why it does not answer.
type refusalError struct {
	Type, Title, Detail string
	Unchanged           bool // of a reload: the node goes on by the configuration that it had
	status              int
	node                string // that was asked; empty: whoever a URL names
	whose               string // token it was shown; empty: none
}

// Error is in the node's own words, but for what only this side knows: which flag names a token.
func (r *refusalError) Error() string {
	text := plain.Lines(r.Detail, maxLine)
	if r.status == http.StatusUnauthorized && strings.HasSuffix(r.Type, "#problem-token") {
		text = "it wants a token: --token FILE names a file that holds one of its api.tokens"
		if r.node != "" {
			text += ", --config FILE the configuration that it runs by"
		}
		if r.whose != "" {
			text = "it does not take the token (" + r.whose + "): that is none of its api.tokens"
		}
	}
	if r.node == "" {
		return text
	}
	return "node at " + r.node + ": " + text
}

// refusalOf returns what a node says of why it does not answer, without a detail if it is none or says nothing.
func refusalOf(response *http.Response) *refusalError {
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	r := &refusalError{status: response.StatusCode}
	if json.Unmarshal(body, r) != nil || r.Title == "" {
		return &refusalError{status: response.StatusCode}
	}
	r.Detail = cmp.Or(r.Detail, r.Title)
	return r
}

// given returns the flags of n as they stand on a command line that asks the same node.
func (n nodeFlags) given() string {
	var flags []string
	for _, f := range []struct{ name, value string }{{"--api", n.API}, {"--config", n.Config}, {"--token", n.Token}} {
		if f.value != "" {
			flags = append(flags, f.name+" "+inWords(f.value))
		}
	}
	return strings.Join(flags, " ")
}

// roundPath returns the path of a round of a feed. A round is "latest", Unix milliseconds, RFC 3339, or a time
// of day in UTC, which means the last time the clock showed it.
func roundPath(feed, round string) (string, error) {
	if err := dodona.CheckName(feed, dodona.MaxNameParts); err != nil {
		return "", failure{exitUsage, err}
	}
	base := "/v1/feeds/" + url.PathEscape(feed)
	if round == "latest" {
		return base + "/rounds/latest", nil
	}
	r, err := parseRound(round, time.Now())
	if err != nil {
		return "", failure{exitUsage, err}
	}
	return base + "/rounds/" + r.ID(), nil
}

// parseRound reads a round as people write it.
func parseRound(s string, now time.Time) (dodona.Round, error) {
	if ms, err := strconv.ParseUint(s, 10, 64); err == nil {
		return dodona.Round(ms), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return dodona.RoundAt(t), nil
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		clock, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		now = now.UTC()
		t := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), clock.Second(), clock.Nanosecond(), time.UTC)
		if t.After(now) {
			t = t.AddDate(0, 0, -1)
		}
		return dodona.RoundAt(t), nil
	}
	return 0, fmt.Errorf("round %q: want latest, Unix milliseconds, RFC 3339 such as 2026-11-22T12:04:30Z, or a time of day in UTC such as 12:04:30", s)
}

// printJSON writes v indented, ending in a line break, and with nothing in it that steers a terminal.
func printJSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", plain.JSON(text))
	return err
}

// printRaw writes JSON that came from a node, as printJSON does.
func printRaw(w io.Writer, body []byte) error {
	var out bytes.Buffer
	if err := json.Indent(&out, body, "", "  "); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	out.WriteByte('\n')
	_, err := w.Write(plain.JSON(out.Bytes()))
	return err
}
