package http

import (
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

func TestRedirectsStayWithTheHost(t *testing.T) {
	type seen struct{ auth, key, referer, body, cookie string }
	var other seen
	stranger := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		body, _ := io.ReadAll(r.Body)
		other = seen{r.Header.Get("Authorization"), r.Header.Get("X-Api-Key"), r.Header.Get("Referer"), string(body), r.Header.Get("Cookie")}
		_, _ = io.WriteString(w, "stranger")
	})
	address := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		switch step := r.URL.Query().Get("step"); {
		case step == "home":
			if r.Header.Get("X-Api-Key") != "header-key-3" || r.Header.Get("Authorization") == "" || r.Header.Get("Referer") != "" {
				w.WriteHeader(403)
			}
			_, _ = io.WriteString(w, "home")
		case step == "away":
			nethttp.Redirect(w, r, "http://"+stranger+"/x", nethttp.StatusFound)
		case step == "away307":
			nethttp.Redirect(w, r, "http://"+stranger+"/x", nethttp.StatusTemporaryRedirect)
		case step == "user":
			nethttp.Redirect(w, r, "http://evil:pw@"+stranger+"/x", nethttp.StatusFound)
		case step == "loop":
			nethttp.Redirect(w, r, r.URL.String(), nethttp.StatusFound)
		case len(step) > 0 && step[0] >= '1' && step[0] <= '9':
			next := string(step[0] - 1)
			if next == "0" {
				next = "home"
			}
			nethttp.Redirect(w, r, "/y?step="+next, nethttp.StatusFound)
		}
	})
	for _, c := range []struct{ step, redirects, body, want string }{
		{"1", "same-host", "", "home"},
		{"5", "same-host", "", "home"},
		{"6", "same-host", "", "redirect refused: more than 5"},
		{"loop", "any", "", "redirect refused: more than 5"},
		{"1", "none", "", "302 Found: redirects are none"},
		{"away", "same-host", "", "redirect refused: to another host"},
		{"away", "any", "", "stranger"},
		{"user", "any", "", "stranger"},
		{"away307", "any", "", "stranger"},
		{"away307", "any", "a secret body", "the body would go to another host"},
		{"away", "none", "", "302 Found"},
		{"1", "same-host", "a body", "status 302 would make a GET without its body of the POST; set url to where it leads"},
		{"1", "any", "a body", "status 302 would make a GET"},
	} {
		other = seen{}
		r, err := observe(t, settings(address, func(s *Settings) {
			s.URL, s.Redirects, s.Body = "http://"+address+"/x?step="+c.step, Redirects(c.redirects), c.body
			s.Timeout = 5 * time.Second
		}))
		if got := fmt.Sprint(string(r.Body), err); !strings.Contains(got, c.want) {
			t.Errorf("%s with redirects %s: got %s, want %s", c.step, c.redirects, got, c.want)
		}
		if err != nil && !dodona.IsPermanent(err) {
			t.Errorf("%s with redirects %s: %v is not permanent", c.step, c.redirects, err)
		}
		if other != (seen{}) {
			t.Errorf("%s with redirects %s told the other host %+v", c.step, c.redirects, other)
		}
	}
}

func TestRedirectsNeverFallBackToPlainHTTP(t *testing.T) {
	plain := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) { _, _ = io.WriteString(w, "plain") })
	s := httptest.NewTLSServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		nethttp.Redirect(w, r, "http://"+plain+"/", nethttp.StatusFound)
	}))
	defer s.Close()
	_, err := observe(t, settings("", func(c *Settings) {
		c.URL, c.CA, c.Redirects, c.Timeout = s.URL, caFile(t, s), "any", 5*time.Second
	}))
	if err == nil || !strings.Contains(err.Error(), "redirect refused: from https to http") {
		t.Errorf("got %v, want a refusal", err)
	}
}
