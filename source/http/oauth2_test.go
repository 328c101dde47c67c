package http

import (
	"encoding/json"
	"fmt"
	"io"
	nethttp "net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// An issuer is an authorization server with one client, and the API beside it that its tokens open.
type issuer struct {
	address string
	life    atomic.Int64 // of a token, in seconds
	issued  atomic.Int64
	good    atomic.Int64 // the number of the token that opens the API
	login   string
	answer  func(w nethttp.ResponseWriter) bool // instead of a token; nil: a token
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{login: "basic"}
	i.life.Store(3600)
	i.address = serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if r.URL.Path == "/token" {
			i.token(t, w, r)
			return
		}
		if r.Header.Get("Authorization") != fmt.Sprintf("Bearer issued-token-%d", i.good.Load()) {
			w.WriteHeader(nethttp.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"power":7}`)
	})
	return i
}

func (i *issuer) token(t *testing.T, w nethttp.ResponseWriter, r *nethttp.Request) {
	id, password, _ := r.BasicAuth()
	if i.login == "body" {
		id, password = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if i.answer != nil && i.answer(w) {
		return
	}
	if r.Method != "POST" || r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("scope") != "read meter" || r.PostFormValue("audience") != "plant-audience" {
		t.Errorf("asked for a token by %s with %v", r.Method, r.PostForm)
	}
	w.Header().Set("Content-Type", "application/json")
	if id != "gateway" || password != "client%2Fsecret-7" && i.login == "basic" || password != "client/secret-7" && i.login == "body" {
		w.WriteHeader(nethttp.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"no client/secret-7 here"}`)
		return
	}
	n := i.issued.Add(1)
	i.good.Store(n)
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": fmt.Sprintf("issued-token-%d", n), "token_type": "Bearer", "expires_in": i.life.Load()})
}

func (i *issuer) settings(change func(*OAuth2)) *Settings {
	return settings(i.address, func(s *Settings) {
		s.Basic = nil
		s.OAuth2 = &OAuth2{
			TokenURL: "http://" + i.address + "/token", ClientID: "gateway", ClientSecret: secret.New("client/secret-7"),
			Scopes: []string{"read", "meter"}, Params: map[string]secret.String{"audience": secret.New("plant-audience")},
		}
		if change != nil {
			change(s.OAuth2)
		}
	})
}

func TestATokenIsFetchedKeptAndRenewed(t *testing.T) {
	for _, login := range []string{"", "body"} {
		i := newIssuer(t)
		if login != "" {
			i.login = login
		}
		c := opened(t, i.settings(func(o *OAuth2) { o.Login = Login(login) }))
		look := func(want int64, why string) {
			t.Helper()
			b, err := c.Observe(t.Context())
			if err != nil || string(b.Readings[0].Body) != `{"power":7}` {
				t.Fatalf("%s: got %v, %v", why, b, err)
			}
			if got := i.issued.Load(); got != want {
				t.Errorf("%s: %d tokens were issued, want %d", why, got, want)
			}
		}
		look(1, "the first")
		look(1, "it is kept")
		i.good.Store(0)
		look(2, "it was refused")
		i.life.Store(0)
		i.good.Store(0)
		look(3, "it names no life")
		look(3, "and is kept")
		i.good.Store(0)
		i.answer = func(w nethttp.ResponseWriter) bool { i.good.Store(-1); return false }
		look(4, "refused again")
	}
}

func TestAShortTokenIsRenewedBeforeItEnds(t *testing.T) {
	for text, want := range map[string]string{`3600`: "59m30s", `"3600"`: "59m30s", `100`: "1m30s", `0`: "", ``: "", `"soon"`: "", `1e300`: "", `-5`: ""} {
		now := dodona.RoundAt(expiry(dodonaEpoch, json.RawMessage(text))).Time()
		got := ""
		if at := expiry(dodonaEpoch, json.RawMessage(text)); !at.IsZero() {
			got = at.Sub(dodonaEpoch).String()
		}
		if got != want {
			t.Errorf("expires_in %s: renewed after %q (%v), want %q", text, got, now, want)
		}
	}
}

func TestWhoGivesNoTokenIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		answer    func(w nethttp.ResponseWriter)
		want      string
		permanent bool
	}{
		"a wrong client": {func(w nethttp.ResponseWriter) {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"no client/secret-7 here"}`)
		}, "invalid_client: no ••• here: check token_url, client_id, client_secret and scopes", true},
		"a page":       {func(w nethttp.ResponseWriter) { _, _ = io.WriteString(w, "<html>") }, "the answer has no access_token", true},
		"out of order": {func(w nethttp.ResponseWriter) { w.WriteHeader(503) }, "503", false},
		"another type": {func(w nethttp.ResponseWriter) { _, _ = io.WriteString(w, `{"access_token":"x","token_type":"mac"}`) }, "of type mac", true},
		"two lines":    {func(w nethttp.ResponseWriter) { _, _ = io.WriteString(w, `{"access_token":"x\r\nHost: y"}`) }, "characters that no header may have", true},
		"too much":     {func(w nethttp.ResponseWriter) { _, _ = w.Write(make([]byte, maxToken+1)) }, "larger", false},
	} {
		i := newIssuer(t)
		i.answer = func(w nethttp.ResponseWriter) bool { c.answer(w); return true }
		_, err := observe(t, i.settings(nil))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "oauth2: POST "+i.address) || dodona.IsPermanent(err) != c.permanent {
			t.Errorf("%s: got %v (permanent %v), want %q", name, err, dodona.IsPermanent(err), c.want)
		}
	}
}

func TestOAuth2IsChecked(t *testing.T) {
	i := &issuer{address: "127.0.0.1:1"}
	for want, change := range map[string]func(*Settings){
		"oauth2.token_url":                   func(s *Settings) { s.OAuth2.TokenURL = "login.example" },
		"oauth2.client_id is required":       func(s *Settings) { s.OAuth2.ClientID = "" },
		"oauth2.client_secret is required":   func(s *Settings) { s.OAuth2.ClientSecret = secret.String{} },
		"oauth2.login":                       func(s *Settings) { s.OAuth2.Login = "post" },
		"oauth2.params: scope is sent":       func(s *Settings) { s.OAuth2.Params = map[string]secret.String{"scope": secret.New("x")} },
		"basic or bearer is given too":       func(s *Settings) { s.Bearer = secret.New("x") },
		"Authorization is given by basic, b": func(s *Settings) { s.Headers = map[string]secret.String{"authorization": secret.New("x")} },
	} {
		s := i.settings(nil)
		change(s)
		if err := Kind.Check(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
