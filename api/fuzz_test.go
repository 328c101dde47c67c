package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// FuzzAnyRequestGetsACleanAnswer sends any target, method and headers: never a panic, a redirect or a 5xx, always
// JSON where something is refused, and nothing but the page and the health without the token.
func FuzzAnyRequestGetsACleanAnswer(f *testing.F) {
	for _, target := range []string{
		"/", "/v1/feeds", "/v1/feeds/btc.usd/latest", "/v1/feeds/btc.usd/rounds/1795349070000/explain", "/v1/feeds/%2e%2e/latest",
		"/v1/feeds/btc.usd/rounds?from=2026-11-22T12:04:30%2B01:00&limit=7", "//v1", "/v1/feeds/a%00b", "/v1/stream?events=,&feed=%ff", "/metrics", "*", "/%",
	} {
		f.Add("GET", target, "127.0.0.1:8080", "Authorization", "Bearer 0123456789abcdef")
	}
	f.Add("POST", "/v1/reload", "[::1", "Dodona-Request", "1")
	f.Add("HEAD", "/v1/stream", "localhost:99999999", "Last-Event-ID", "zz-18446744073709551615")
	_, free := newAPI(api.Config{})
	_, locked := newAPI(api.Config{Tokens: []secret.String{secret.New("0123456789abcdef-fuzz")}})
	fuzztest.Run(f, func(t *testing.T, method, target, host, name, value string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || method == "" || strings.ContainsAny(method, " \r\n") {
			return // net/http refuses these before any handler
		}
		ended, end := context.WithCancel(t.Context())
		end() // a stream must not wait
		for _, h := range []http.Handler{free, locked} {
			r := (&http.Request{Method: method, URL: u, RequestURI: target, Host: host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody}).WithContext(ended)
			r.Header.Set(name, value)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if (w.Code >= 300 && w.Code < 400 && w.Code != 304) || w.Code >= 500 {
				t.Errorf("%s %q: got %d %s", method, target, w.Code, w.Body)
			}
			if w.Code >= 400 && !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s %q: got %d with %q", method, target, w.Code, w.Body)
			}
			if h == locked && w.Code == 200 && strings.HasPrefix(u.Path, "/v1") {
				t.Errorf("%s %q was answered without the token", method, target)
			}
		}
	})
}
