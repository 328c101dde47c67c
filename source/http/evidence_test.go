package http

import (
	"crypto/tls"
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

func TestTheEvidenceSaysWhatWasAskedAndWhereItEnded(t *testing.T) {
	other := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) { _, _ = io.WriteString(w, "there") })
	here := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/here":
			_, _ = io.WriteString(w, r.Method+string(body))
		case "/away":
			nethttp.Redirect(w, r, "http://"+other+"/secret-path", nethttp.StatusFound)
		case "/twice":
			nethttp.Redirect(w, r, "/once", nethttp.StatusTemporaryRedirect)
		case "/once":
			nethttp.Redirect(w, r, "/here", nethttp.StatusPermanentRedirect)
		case "/lost":
			nethttp.Redirect(w, r, "/none?key=hidden", nethttp.StatusFound)
		case "/choices":
			w.Header().Set("Location", "/here")
			w.WriteHeader(nethttp.StatusMultipleChoices)
		case "/unchanged":
			w.WriteHeader(nethttp.StatusNotModified)
		case "/nowhere":
			w.WriteHeader(nethttp.StatusFound)
		default:
			w.WriteHeader(nethttp.StatusNotFound)
		}
	})
	for _, c := range []struct{ path, body, want, read string }{
		{"/here", "", "GET " + here + " 200, 3 B", "GET"},
		{"/here", "q", "POST " + here + " 200, 5 B", "POSTq"},
		{"/once", "", "GET " + here + " → " + here + " 200, 3 B", "GET"},
		{"/once", "q", "POST " + here + " → " + here + " 200, 5 B", "POSTq"},
		{"/twice", "q", "POST " + here + " → " + here + " (2 redirects) 200", "POSTq"},
		{"/away", "", "GET " + here + " → " + other + " 200, 5 B", "there"},
		{"/lost", "", "GET " + here + " → " + here + " 404 Not Found: check url", ""},
		{"/choices", "", "GET " + here + " 300 Multiple Choices: it is no redirect that can be followed; check url", ""},
		{"/unchanged", "", "GET " + here + " 304 Not Modified: there is no document with it", ""},
		{"/nowhere", "", "GET " + here + " 302 Found: it does not say where to", ""},
		{"/nowhere", "q", "POST " + here + " 302 Found: it does not say where to", ""},
	} {
		r, err := observe(t, settings(here, func(s *Settings) {
			s.URL, s.Redirects, s.Body, s.Timeout = "http://"+here+c.path, "any", c.body, time.Minute
		}))
		got := r.Detail
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, c.want) || string(r.Body) != c.read || strings.Contains(got, "secret-path") || strings.Contains(got, "hidden") {
			t.Errorf("%s %q: got %q and %q, want %q and %q", c.path, c.body, got, r.Body, c.want, c.read)
		}
	}
}

// TestNothingIsSentTwiceWithinEvery: a library sends a GET again that a kept connection loses before any answer, and the peer counts both.
func TestNothingIsSentTwiceWithinEvery(t *testing.T) {
	for every, want := range map[time.Duration]int{0: 3, time.Second: 2} {
		var mu sync.Mutex
		requests := 0
		address := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) {
			mu.Lock()
			requests++
			first := requests == 1
			mu.Unlock()
			if !first {
				panic(nethttp.ErrAbortHandler) // closes the connection without an answer
			}
			_, _ = io.WriteString(w, "1")
		})
		s, err := Kind.Open(t.Context(), settings(address, func(s *Settings) { s.Every, s.Timeout = every, time.Minute }), source.Env{Source: "kraken"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Observe(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Observe(t.Context()); err == nil {
			t.Error("an answer that never came was read")
		}
		mu.Lock()
		if requests != want {
			t.Errorf("two exchanges with every: %s made %d requests, want %d", every, requests, want)
		}
		mu.Unlock()
	}
}

func TestAServerThatAsksForACertificateIsNamed(t *testing.T) {
	s := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, _ *nethttp.Request) { w.WriteHeader(400) }))
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert} // as nginx, which answers 400 to who shows none
	s.StartTLS()
	defer s.Close()
	_, err := observe(t, settings("", func(c *Settings) { c.URL, c.CA, c.Timeout = s.URL, caFile(t, s), time.Minute }))
	if want := "400 Bad Request: the server asks for a client certificate: see tls"; err == nil || !strings.Contains(err.Error(), want) || !dodona.IsPermanent(err) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAProxyThatWantsAUserIsNotTheServer(t *testing.T) {
	proxy := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(nethttp.StatusProxyAuthRequired)
	})
	for _, url := range []string{"http://api.invalid/p", "https://api.invalid/p"} {
		_, err := observe(t, settings("", func(s *Settings) { s.URL, s.Proxy.URL, s.Timeout = url, "http://"+proxy, time.Minute }))
		want := "GET api.invalid: the proxy " + proxy + " wants a user and a password (407); set proxy: {url, user, password}"
		if got := fmt.Sprint(err); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}
