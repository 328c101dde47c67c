package httpc

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/secret"
)

func client(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func server(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func request(t *testing.T, method, target, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		req.Body, req.GetBody, req.ContentLength = nil, nil, 0
	}
	return req
}

// ask returns status and body, or the error.
func ask(c *Client, req *http.Request, most int, secrets ...string) (int, string, error) {
	resp, err := c.Ask(req, secrets...)
	if err != nil {
		return 0, "", err
	}
	defer resp.Close()
	body, err := resp.Whole(most)
	return resp.StatusCode, string(body), err
}

func TestABodyIsBounded(t *testing.T) {
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chunked" {
			w.(http.Flusher).Flush()
		}
		_, _ = io.WriteString(w, "0123456789")
	})
	c := client(t, Options{})
	for _, path := range []string{"/whole", "/chunked"} {
		if _, body, err := ask(c, request(t, "GET", s.URL+path, ""), 10); err != nil || body != "0123456789" {
			t.Errorf("%s of 10 bytes: got %q, %v", path, body, err)
		}
		if _, _, err := ask(c, request(t, "GET", s.URL+path, ""), 9); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "9 ") {
			t.Errorf("%s of 9 bytes: got %v, want ErrTooLarge with the bound", path, err)
		}
	}
}

func TestRedirectsKeepWhatTheyCarry(t *testing.T) {
	type seen struct {
		method, body, authorization, key, referer string
	}
	var mu sync.Mutex
	var got []seen
	note := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, seen{r.Method, string(body), r.Header.Get("Authorization"), r.Header.Get("X-Key"), r.Header.Get("Referer")})
	}
	var here *httptest.Server
	other := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/back" {
			http.Redirect(w, r, here.URL+"/there", http.StatusFound)
			return
		}
		note(w, r)
	})
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1) + "/there"
	here = server(t, func(w http.ResponseWriter, r *http.Request) {
		var code int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &code); err != nil {
			note(w, r)
			return
		}
		target := here.URL + "/there"
		switch r.URL.Query().Get("to") {
		case "o":
			target = elsewhere
		case "b":
			target = strings.TrimSuffix(elsewhere, "/there") + "/back"
		case "l":
			target = r.URL.String()
		case "f":
			target = "file:///etc/passwd"
		}
		w.Header().Set("Location", target)
		w.WriteHeader(code)
	})
	for _, c := range []struct {
		name, method, path string
		redirects          Redirects
		want               seen
		status             int
		refused            string
	}{
		{"GET here", "GET", "/302", SameHost, seen{"GET", "", "Bearer secret", "secret", ""}, 200, ""},
		{"POST kept", "POST", "/307", SameHost, seen{"POST", "body", "Bearer secret", "secret", ""}, 200, ""},
		{"POST kept for good", "POST", "/308", SameHost, seen{"POST", "body", "Bearer secret", "secret", ""}, 200, ""},
		{"POST 301", "POST", "/301", SameHost, seen{}, 0, "status 301 would make a GET without its body of the POST; set url to where it leads"},
		{"POST 302", "POST", "/302", AnyHost, seen{}, 0, "status 302 would make a GET"},
		{"POST 303", "POST", "/303", SameHost, seen{}, 0, "status 303 would make a GET"},
		{"none", "GET", "/302", NoRedirects, seen{}, 302, ""},
		{"elsewhere", "GET", "/302?to=o", SameHost, seen{}, 0, "to another host"},
		{"elsewhere allowed", "GET", "/302?to=o", AnyHost, seen{"GET", "", "", "", ""}, 200, ""},
		{"led back from elsewhere", "GET", "/302?to=b", AnyHost, seen{"GET", "", "", "", ""}, 200, ""},
		{"body elsewhere", "POST", "/307?to=o", AnyHost, seen{}, 0, "the body would go to another host"},
		{"for ever", "GET", "/302?to=l", SameHost, seen{}, 0, "more than 5"},
		{"a file", "GET", "/302?to=f", AnyHost, seen{}, 0, "from http to file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got = nil
			body := ""
			if c.method == "POST" {
				body = "body"
			}
			req := request(t, c.method, here.URL+c.path, body)
			req.Header.Set("Authorization", "Bearer secret")
			req.Header.Set("X-Key", "secret")
			status, _, err := ask(client(t, Options{Redirects: c.redirects}), req, 100)
			if c.refused != "" {
				if !errors.Is(err, ErrRedirect) || !IsHopeless(err) || !strings.Contains(err.Error(), c.refused) || len(got) > 0 {
					t.Errorf("got %v and %v, want a refusal with %q", err, got, c.refused)
				}
				return
			}
			if err != nil || status != c.status || (c.want != seen{} && (len(got) != 1 || got[0] != c.want)) {
				t.Errorf("got %d, %v, %v; want %d, %v", status, err, got, c.status, c.want)
			}
		})
	}
}

func TestErrorsTellNoSecret(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	garbage, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer garbage.Close()
	go func() { // ends with the listener
		for {
			conn, err := garbage.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, "\x1b[31m/path/p4ssword?token=t0k3n h34der dXNlcjpwNHNzd29yZA== "+strings.Repeat("x", 9000)+"\r\n\r\n")
			_ = conn.Close()
		}
	}()
	for name, host := range map[string]string{"refused": strings.TrimPrefix(closed.URL, "http://"), "garbage": garbage.Addr().String()} {
		for proxy, setting := range map[string]Proxy{"": {}, " by proxy": {URL: "http://" + host, User: "prox", Password: secret.New("pr0xypass")}} {
			req := request(t, "GET", "http://user:p4ssword@"+host+"/path/p4ssword?token=t0k3n", "")
			req.Header.Set("X-Key", "h34der")
			_, _, err := ask(client(t, Options{Route: Route{Proxy: setting}}), req, 100, "h34der")
			if err == nil {
				t.Fatalf("%s%s: no error", name, proxy)
			}
			for _, hidden := range []string{"p4ssword", "t0k3n", "h34der", "pr0xypass", "cHJveDpwcjB4eXBhc3M=", "\x1b", "\n"} {
				if strings.Contains(err.Error(), hidden) {
					t.Errorf("%s%s: %q shows %q", name, proxy, err, hidden)
				}
			}
			if len(err.Error()) > maxError+len("…") {
				t.Errorf("%s%s: %d bytes of error", name, proxy, len(err.Error()))
			}
		}
	}
}

// TestSecretsAreHiddenHoweverTheyAreQuoted: the library quotes what a peer sent, and a peer may send back a part of what it was sent.
func TestSecretsAreHiddenHoweverTheyAreQuoted(t *testing.T) {
	for _, secret := range []string{`pa"ss\word`, "pässwörd", "pass\tword", "pass\xffword"} {
		for _, text := range []string{secret, fmt.Sprintf("%q", secret), fmt.Sprintf("%+q", secret), url.QueryEscape(secret)} {
			if got := Scrub("malformed: "+text, secret); got != "malformed: •••" && got != `malformed: "•••"` {
				t.Errorf("%q became %q", text, got)
			}
		}
	}
	req := request(t, "GET", "http://127.0.0.1/", "")
	req.SetBasicAuth("otto", "secret")
	a := &asking{client: client(t, Options{}), req: req}
	if got := a.scrub(`malformed HTTP status code "b3R0bzpzZWNyZXQ="`); strings.Contains(got, "b3R0") {
		t.Errorf("what follows the word Basic is shown: %s", got)
	}
}

func TestAnEndedContextIsTheError(t *testing.T) {
	release := make(chan struct{})
	s := server(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	req := request(t, "GET", s.URL+"?key=secret", "").WithContext(ctx)
	if _, _, err := ask(client(t, Options{}), req, 10); err != context.DeadlineExceeded {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestAddressesAreRefusedAfterDNS(t *testing.T) {
	s := server(t, func(http.ResponseWriter, *http.Request) { t.Error("was asked") })
	c := client(t, Options{May: func(a netip.Addr) bool { return !a.Unmap().IsLoopback() }})
	target := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	if _, _, err := ask(c, request(t, "GET", target, ""), 10); !errors.Is(err, ErrAddress) || !IsHopeless(err) {
		t.Errorf("got %v, want %v", err, ErrAddress)
	}
}

func TestConnectionsEnd(t *testing.T) {
	s := server(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) })
	c := client(t, Options{MaxAge: time.Minute})
	now := time.Now()
	c.own.now = func() time.Time { return now }
	from := func() string {
		_, body, err := ask(c, request(t, "GET", s.URL, ""), 100)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	first := from()
	now = now.Add(time.Minute - 1)
	if again := from(); again != first {
		t.Errorf("a young connection was not used again: %s, then %s", first, again)
	}
	now = now.Add(1)
	if again := from(); again == first {
		t.Error("a connection was used at its greatest age")
	}
}

func TestAFrozenPeerIsLeft(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	relay := nettest.NewRelay(t, s.Listener.Addr().String())
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := client(t, Options{Roots: roots, ping: 50 * time.Millisecond, pong: 50 * time.Millisecond, MaxAge: time.Hour})
	target := (&url.URL{Scheme: "https", Host: relay.Address}).String()
	if _, body, err := ask(c, request(t, "GET", target, ""), 100); err != nil || body != "HTTP/2.0" {
		t.Fatalf("got %q, %v; want HTTP/2.0", body, err)
	}
	relay.Freeze()
	for { // a request on the dead connection fails by its pings, not by a time-out of its own; then there is another one
		_, body, err := ask(c, request(t, "GET", target, ""), 100)
		if err == nil {
			if body != "HTTP/2.0" {
				t.Errorf("got %q", body)
			}
			break
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
	if made := relay.Made(); made != 2 {
		t.Errorf("%d connections were made, want 2", made)
	}
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		text  string
		want  time.Duration
		found bool
	}{
		{"", 0, false},
		{"0", 0, true},
		{" 600 ", 10 * time.Minute, true},
		{"99999999999999999999999", MaxWait, true},
		{"-1", 0, false},
		{"-1.5", 0, false},
		{"+5", 0, false},
		{"5s", 0, false},
		{"1e3", 0, false},
		{"0x10", 0, false},
		{".5", 0, false},
		{"1.5", 2 * time.Second, true},
		{"30.0", 30 * time.Second, true},
		{"0.2", time.Second, true},
		{"1.2.3", 0, false},
		{"86399", MaxWait - time.Second, true},
		{"86399.5", MaxWait, true},
		{"soon", 0, false},
		{"Sun, 22 Nov 2026 12:10:00 GMT", 10 * time.Minute, true},
		{"Sunday, 22-Nov-26 12:10:00 GMT", 10 * time.Minute, true},
		{"Sun Nov 22 12:10:00 2026", 10 * time.Minute, true},
		{"Sun, 22 Nov 2026 12:10:00 UTC", 10 * time.Minute, true},
		{"Sun, 22 Nov 2026 13:10:00 +0100", 10 * time.Minute, true},
		{"2026-11-22T12:10:00Z", 10 * time.Minute, true},
		{"Sun, 32 Nov 2026 12:10:00 GMT", 0, false},
		{"Sun, 22 Nov 2026 11:00:00 GMT", 0, true},
		{"Sun, 22 Nov 2099 11:00:00 GMT", MaxWait, true},
		{strings.Repeat("9", 65), 0, false},
	} {
		wait, found := RetryAfter(http.Header{"Retry-After": {c.text}}, now)
		if wait != c.want || found != c.found {
			t.Errorf("%q: got %s, %t; want %s, %t", c.text, wait, found, c.want, c.found)
		}
	}
}

func TestRetryAfterIsOfThePeersClock(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	h := http.Header{"Date": {"Sat, 21 Nov 2026 12:00:00 GMT"}, "Retry-After": {"Sat, 21 Nov 2026 12:05:00 GMT"}}
	if wait, found := RetryAfter(h, now); wait != 5*time.Minute || !found {
		t.Errorf("a peer whose clock is a day behind asks for five minutes: got %s, %t", wait, found)
	}
	h = http.Header{"Date": {"yesterday"}, "Retry-After": {"soon", "7", "3"}}
	if wait, found := RetryAfter(h, now); wait != 7*time.Second || !found {
		t.Errorf("the longest of several: got %s, %t, want 7 s", wait, found)
	}
}

func TestAWrongProxyIsAnError(t *testing.T) {
	if _, err := New(Options{Route: Route{Proxy: Proxy{URL: "http://us er:secret@%"}}}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an error that does not show it", err)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"120", "007", "Sunday, 22-Nov-26 12:05:00 GMT", "Sun Nov 22 12:05:00 2026", "-1", "99999999999999999999", "Sun, 22 Nov 9999 12:05:00 GMT"} {
		f.Add(seed, int64(1795349070))
	}
	fuzztest.Run(f, func(t *testing.T, text string, now int64) {
		got, found := RetryAfter(http.Header{"Retry-After": {text}}, time.Unix(now, 0))
		if got < 0 || got > MaxWait || (!found && got != 0) {
			t.Errorf("Retry-After %q at %d is %s, %v", text, now, got, found)
		}
	})
}

func FuzzScrub(f *testing.F) {
	f.Add("Get http://a/?key=abcd+e: refused", "abcd e", "abcd")
	fuzztest.Run(f, func(t *testing.T, text, a, b string) {
		got := Scrub(text, a, b)
		for _, s := range []string{a, b, url.QueryEscape(a)} {
			if len(s) >= minSecret && !strings.Contains("•••", s) && strings.Contains(strings.ReplaceAll(got, "•••", "\x00"), s) && !strings.Contains(s, "\x00") {
				t.Errorf("Scrub(%q, %q, %q) = %q", text, a, b, got)
			}
		}
	})
}

// TestWhatMustNotBeDoneTwiceIsNotSentTwice: a kept connection that breaks before any answer may have brought the request there.
func TestWhatMustNotBeDoneTwiceIsNotSentTwice(t *testing.T) {
	for method, want := range map[string]int{"GET": 3, "POST": 2} {
		var mu sync.Mutex
		requests := 0
		s := server(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			mu.Lock()
			requests++
			first := requests == 1
			mu.Unlock()
			if !first {
				panic(http.ErrAbortHandler)
			}
		})
		c := client(t, Options{})
		body := ""
		if method == "POST" {
			body = "body"
		}
		if _, _, err := ask(c, request(t, method, s.URL, body), 10); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ask(c, request(t, method, s.URL, body), 10); err == nil {
			t.Errorf("%s: an answer that never came was read", method)
		}
		mu.Lock()
		if requests != want {
			t.Errorf("%s: two exchanges made %d requests, want %d", method, requests, want)
		}
		mu.Unlock()
	}
}
