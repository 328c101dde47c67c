package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// TestANodeThatStartsLivesAndSaysWhatItWaitsFor, the latter to readers alone; what it shows comes with its state.
func TestANodeThatStartsLivesAndSaysWhatItWaitsFor(t *testing.T) {
	const token = "0123456789abcdef0123456789abcdef"
	h := api.New(api.Config{Tokens: []secret.String{secret.New(token)}, Starting: func() []api.Problem {
		return []api.Problem{{Part: "start", Message: "the journal is being opened"}}
	}})
	s := httptest.NewServer(h)
	defer s.Close()
	for _, c := range []struct {
		path, token string
		status      int
		holds, not  string
	}{
		{"/healthz", "", 200, `"healthy":true`, "journal"},
		{"/readyz", "", 503, "the node cannot answer yet", "journal"},
		{"/readyz", token, 503, "start: the journal is being opened", "no more"},
		{"/readyz", token, 503, `"problems":[{"part":"start","of":"node","level":"failing","message":"the journal is being opened"}]`, "no more"},
		{"/v1/status", token, 503, "the node is starting; the journal is being opened; try again later", "level"},
		{"/v1/status", "", 401, "token", "journal"},
		{"/v1/feeds/btc.usd/latest", token, 503, "not-ready", "unknown-feed"},
		{"/v1/stream", token, 503, "not-ready", "event:"},
		{"/v1/process", token, 200, `"pid":`, "not-ready"},
		{"/v1/openapi.json", "", 200, `"openapi"`, "not-ready"},
		{"/", "", 200, "<!doctype html>", "not-ready"},
	} {
		request := httptest.NewRequest(http.MethodGet, s.URL+c.path, nil)
		request.RemoteAddr = "127.0.0.1:1"
		if c.token != "" {
			request.Header.Set("Authorization", "Bearer "+c.token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request)
		if body := w.Body.String(); w.Code != c.status || !strings.Contains(body, c.holds) || strings.Contains(body, c.not) {
			t.Errorf("%s with token %q: %d %s", c.path, c.token, w.Code, body)
		}
	}
	h.Attach(newPlant(time.Now))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, s.URL+"/readyz", nil))
	if w.Code != http.StatusOK {
		t.Errorf("with its state: %d %s", w.Code, w.Body)
	}
}
