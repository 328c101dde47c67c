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
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/secret"
)

const (
	defaultPort = "8080"
	defaultAPI  = "http://127.0.0.1:" + defaultPort
)

// maxResponse bounds what is read from a node; a bundle with its readings is the largest.
const maxResponse = 64 << 20

// nodeFlags are the flags of every command that asks a running node.
type nodeFlags struct {
	API   string `help:"Where the node listens." default:"${api}" env:"DODONA_API" placeholder:"URL"`
	Token string `help:"File that holds the bearer token." placeholder:"FILE"`
	JSON  bool   `name:"json" help:"Print JSON."`

	bearer secret.String // where no file holds the token
}

// AfterApply fills in what is left out of --api: HOST:PORT, and even HOST, :PORT or PORT, are enough.
func (n *nodeFlags) AfterApply() error {
	u, err := wholeAPI(n.API)
	if err != nil {
		return fmt.Errorf("--api %q: want where the node listens, such as %s", n.API, defaultAPI)
	}
	n.API = u
	return nil
}

func wholeAPI(s string) (string, error) {
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
		return "", errors.New("no address")
	}
	return strings.TrimRight(s, "/"), nil
}

// ask makes one request and returns the body of the answer, or the node's own words as an error.
func (n nodeFlags) ask(ctx context.Context, method, path, accept string) ([]byte, error) {
	response, err := n.send(ctx, method, path, accept, 30*time.Second)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", n.API, err)
	}
	if len(body) > maxResponse {
		return nil, fmt.Errorf("read answer of %s: more than %d MiB, which no node sends", n.API, maxResponse>>20)
	}
	return body, nil
}

// send makes one request for a document of the type accept; limit bounds the wait for it to begin and, where positive,
// to end.
func (n nodeFlags) send(ctx context.Context, method, path, accept string, limit time.Duration) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, n.API+path, nil)
	if err != nil {
		return nil, failure{exitUsage, fmt.Errorf("--api %q: %w", n.API, err)}
	}
	request.Header.Set("Accept", accept)
	request.Header.Set(api.RequestHeader, "dodona")
	if n.Token != "" {
		n.bearer = secret.String{File: n.Token}
	}
	if !n.bearer.IsZero() {
		token, err := n.bearer.Reveal()
		if err != nil {
			return nil, err
		}
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := exchange(request, httpc.SameHost, limit)
	if err != nil {
		return nil, fmt.Errorf("ask node at %s: %w (is it running? --api says where)", n.API, err)
	}
	response := answer.Response
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode == http.StatusOK && media == accept {
		return response, nil
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil, fmt.Errorf("ask node at %s: whoever listens there answers with %q instead of %s: it is no Dodona node (--api says where one is)", n.API, media, accept)
	}
	detail := problemOf(response)
	if detail == "" {
		return nil, fmt.Errorf("ask node at %s: %s (is it a Dodona node? --api says where one is)", n.API, response.Status)
	}
	return nil, fmt.Errorf("node at %s: %s", n.API, detail)
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

// problemOf returns what a node says of why it does not answer, empty if it is none or says nothing.
func problemOf(response *http.Response) string {
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	var problem struct{ Title, Detail string }
	if json.Unmarshal(body, &problem) != nil || problem.Title == "" {
		return ""
	}
	return printable(cmp.Or(problem.Detail, problem.Title))
}

// given returns the flags of n as they stand on a command line that asks the same node.
func (n nodeFlags) given() string {
	var flags []string
	if n.API != cmp.Or(os.Getenv("DODONA_API"), defaultAPI) {
		flags = append(flags, "--api "+plain.ShellWord(printable(n.API)))
	}
	if n.Token != "" {
		flags = append(flags, "--token "+plain.ShellWord(printable(n.Token)))
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
