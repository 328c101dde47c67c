package http

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/source"
)

// serve starts a server on loopback and returns its address.
func serve(t *testing.T, h nethttp.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestObserveReturnsTheBodyAndSaysHow(t *testing.T) {
	var seen *nethttp.Request
	var body []byte
	address := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		seen = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, `{"c":"43218.55"}`)
	})
	r, err := observe(t, settings(address, func(s *Settings) { s.Body = `{"q":1}` }))
	if err != nil {
		t.Fatal(err)
	}
	if string(r.Body) != `{"c":"43218.55"}` || r.ContentType != "application/json; charset=utf-8" || r.Received.IsZero() || !r.SourceTime.IsZero() {
		t.Errorf("reading is %+v", r)
	}
	if want := "POST " + address + " 200, 16 B, "; !strings.HasPrefix(r.Detail, want) || !strings.HasSuffix(r.Detail, " ms") {
		t.Errorf("detail is %q, want %s… ms", r.Detail, want)
	}
	user, password, _ := seen.BasicAuth()
	for what, pair := range map[string][2]string{
		"method":       {seen.Method, "POST"},
		"path":         {seen.URL.Path, "/path-key-5/quote.json"},
		"query":        {seen.URL.Query().Get("key") + "|" + seen.URL.Query().Get("other"), "query-key-1|query+key 2"},
		"basic":        {user + "|" + password, "otto|pass:word-4"},
		"header":       {seen.Header.Get("X-Api-Key"), "header-key-3"},
		"user agent":   {seen.UserAgent(), "dodona/1.2.3"},
		"encoding":     {seen.Header.Get("Accept-Encoding"), "gzip"},
		"content type": {seen.Header.Get("Content-Type"), "application/json"},
		"body":         {string(body), `{"q":1}`},
	} {
		if pair[0] != pair[1] {
			t.Errorf("the peer saw %s %q, want %q", what, pair[0], pair[1])
		}
	}
}

func TestHeadersReplaceTheDefaults(t *testing.T) {
	var seen *nethttp.Request
	address := serve(t, func(_ nethttp.ResponseWriter, r *nethttp.Request) { seen = r })
	_, err := observe(t, settings(address, func(s *Settings) {
		s.Basic, s.Bearer = nil, secret.New("token-6")
		s.Headers = map[string]secret.String{
			"accept": secret.New("text/csv"), "user-agent": secret.New("other/1"), "host": secret.New("api.example"),
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join([]string{seen.Header.Get("Accept"), seen.UserAgent(), seen.Host, seen.Header.Get("Authorization")}, "|")
	if want := "text/csv|other/1|api.example|Bearer token-6"; got != want {
		t.Errorf("the peer saw %s, want %s", got, want)
	}
}

func TestSecretsAreReadAnewForEachRequest(t *testing.T) {
	var seen []string
	address := serve(t, func(_ nethttp.ResponseWriter, r *nethttp.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
	})
	path := filepath.Join(t.TempDir(), "token")
	s := settings(address, func(s *Settings) { s.Basic, s.Bearer = nil, secret.String{File: path} })
	if _, err := observe(t, s); err == nil || !strings.Contains(err.Error(), "bearer: read secret") {
		t.Errorf("a missing secret gave %v, want one that names bearer", err)
	}
	for _, token := range []string{"first-token", "second-token"} {
		if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := observe(t, s); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(seen, "|"); got != "Bearer first-token|Bearer second-token" {
		t.Errorf("the peer saw %s", got)
	}
}

func TestStatusDecidesWhetherToTryAgain(t *testing.T) {
	for code, want := range map[int]string{
		200: "", 203: "", 204: "",
		400: "permanent", 401: "permanent", 403: "permanent", 404: "permanent", 405: "permanent", 410: "permanent", 418: "permanent",
		304: "permanent", 305: "permanent",
		408: "retry", 425: "retry", 429: "retry", 500: "retry", 502: "retry", 503: "retry", 504: "retry", 599: "retry",
	} {
		address := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) { w.WriteHeader(code) })
		_, err := observe(t, settings(address, nil))
		got := ""
		switch {
		case dodona.IsPermanent(err):
			got = "permanent"
		case err != nil:
			got = "retry"
		}
		if got != want {
			t.Errorf("status %d gave %v, want %q", code, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), fmt.Sprintf("GET %s %d", address, code)) {
			t.Errorf("status %d is told as %q", code, err)
		}
	}
}

// TestAPartOfADocumentIsNone: half of the digits of a number are a number too.
func TestAPartOfADocumentIsNone(t *testing.T) {
	for _, status := range []int{206, 226} {
		address := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) {
			w.Header().Set("Content-Range", "bytes 0-3/8")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "4321")
		})
		if r, err := observe(t, settings(address, nil)); err == nil || !strings.Contains(err.Error(), "a part of the document") {
			t.Errorf("%d: got %q, %v", status, r.Body, err)
		}
	}
}

func TestPumpWaitsAsLongAsThePeerAsks(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	address := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		w.Header().Set("Retry-After", "3000")
		w.WriteHeader(429)
	})
	p := source.NewPump(source.Config{Name: "kraken", Kind: Kind, Settings: settings(address, nil)})
	done := make(chan struct{})
	ctx, cancel := contextFor(t)
	go func() { defer close(done); _ = p.Run(ctx) }()
	for range 3 {
		_, err := p.Ask(ctx, dodona.RoundAt(time.Now()))
		if err == nil || !strings.Contains(err.Error(), "429 Too Many Requests; trying again at "+p.Status().NextTry.UTC().Round(time.Second).Format(time.RFC3339)+" (attempt 1)") {
			t.Errorf("got %v, want the time of the next try, in 50 min", err)
		}
	}
	cancel()
	<-done
	if asked != 1 {
		t.Errorf("the peer was asked %d times, want once", asked)
	}
}

// caFile writes the certificate of a test server where Settings.CA can name it.
func caFile(t *testing.T, s *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTLSIsVerified(t *testing.T) {
	var proto string
	s := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) { proto = r.Proto }))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = quietLog()
	s.StartTLS()
	defer s.Close()
	ca := caFile(t, s)
	old := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(nethttp.ResponseWriter, *nethttp.Request) {}))
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11}
	old.Config.ErrorLog = quietLog()
	old.StartTLS()
	defer old.Close()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	port := s.Listener.Addr().String()[strings.LastIndex(s.Listener.Addr().String(), ":"):]
	for _, c := range []struct{ what, url, ca, want string }{
		{"the private CA", s.URL, ca, ""},
		{"the system's CAs", s.URL, "", "certificate"},
		{"another name", "https://localhost" + port, ca, "certificate"},
		{"an old version", old.URL, ca, "protocol version"},
	} {
		_, err := observe(t, settings("", func(s *Settings) { s.URL, s.CA, s.Timeout = c.url, c.ca, 5*time.Second }))
		if (c.want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.what, err, c.want)
		}
		if c.want == "certificate" && !dodona.IsPermanent(err) {
			t.Errorf("%s: %v is not permanent", c.what, err)
		}
	}
	if proto != "HTTP/2.0" {
		t.Errorf("the peer was spoken to in %s, want HTTP/2.0", proto)
	}
	for _, path := range []string{empty, filepath.Join(t.TempDir(), "missing.pem")} {
		if _, err := Kind.Open(t.Context(), settings("x", func(s *Settings) { s.CA = path }), source.Env{}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("the CA file %s gave %v, want an error that names it", path, err)
		}
	}
}

func TestProxyIsUsedOnlyWhenAskedFor(t *testing.T) {
	used := 0
	proxy := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		used++
		_, _ = io.WriteString(w, "by proxy "+r.URL.Host)
	})
	address := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) { _, _ = io.WriteString(w, "direct") })
	t.Setenv("HTTP_PROXY", "http://"+proxy)
	if r, err := observe(t, settings(address, nil)); err != nil || string(r.Body) != "direct" || used != 0 {
		t.Errorf("without proxy: got %q, %v, want a direct answer whatever the environment says", r.Body, err)
	}
	r, err := observe(t, settings("api.invalid", func(s *Settings) { s.Proxy.URL = "http://" + proxy }))
	if err != nil || string(r.Body) != "by proxy api.invalid" {
		t.Errorf("with proxy: got %q, %v", r.Body, err)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	peers := map[string]bool{}
	address := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		peers[r.RemoteAddr] = true
		if len(r.URL.Path)%2 == 0 {
			w.WriteHeader(500)
			_, _ = io.WriteString(w, "an error page is read to its end")
		}
	})
	s := settings(address, nil)
	c, err := Kind.Open(t.Context(), s, source.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for range 5 {
		_, _ = c.Observe(t.Context())
	}
	if len(peers) != 1 {
		t.Errorf("5 requests came over %d connections, want 1", len(peers))
	}
}

func TestCheckNamesTheSettingAndNoSecret(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(*Settings)
	}{
		{"url: missing", func(s *Settings) { s.URL = "" }},
		{"url: not a URL", func(s *Settings) { s.URL = "http://a/%zz?key=query-key-1" }},
		{`url: scheme "ftp"`, func(s *Settings) { s.URL = "ftp://a/query-key-1" }},
		{"url: the scheme is missing", func(s *Settings) { s.URL = "a.example/query-key-1" }},
		{"url: names no host", func(s *Settings) { s.URL = "http:///query-key-1" }},
		{"url: user and password", func(s *Settings) { s.URL = "http://otto:pass:word-4@a/" }},
		{"method: ", func(s *Settings) { s.Method = "DELETE" }},
		{"body: GET has none", func(s *Settings) { s.Method, s.Body = "GET", "x" }},
		{"redirects: ", func(s *Settings) { s.Redirects = "all" }},
		{"headers: Accept-Encoding cannot be set", func(s *Settings) { s.Headers["Accept-Encoding"] = secret.New("br") }},
		{`headers: a name has the character ' ' at byte 1, which none may have`, func(s *Settings) { s.Headers["X Y"] = secret.New("z") }},
		{"headers: the name Authorization ends before its colon", func(s *Settings) { s.Headers["Authorization: Bearer header-key-3"] = secret.New("z") }},
		{"headers: a name has the character '=' at byte 5", func(s *Settings) { s.Headers["X-Key=header-key-3"] = secret.New("z") }},
		{"headers: one has no name", func(s *Settings) { s.Headers[""] = secret.New("z") }},
		{"url: not a URL, and ", func(s *Settings) { s.URL = "http://otto:path-key-5/x@a/" }},
		{"url: not a URL, and ", func(s *Settings) { s.URL = "http://otto:path-key-5?x@a/" }},
		{"url: not a URL (invalid port", func(s *Settings) { s.URL = "http://a:path-key-5/" }},
		{"headers: Authorization is given", func(s *Settings) { s.Headers["Authorization"] = secret.New("z") }},
		{"bearer: basic is given", func(s *Settings) { s.Bearer = secret.New("z") }},
		{"basic: user", func(s *Settings) { s.Basic.User = "a:b" }},
		{"every: ", func(s *Settings) { s.Every = -time.Second }},
		{"every: ", func(s *Settings) { s.Every = time.Millisecond }},
		{"timeout: ", func(s *Settings) { s.Timeout = 0 }},
		{"connect_timeout: ", func(s *Settings) { s.ConnectTimeout = 0 }},
		{"max_size: ", func(s *Settings) { s.MaxSize = 1 << 40 }},
		{`proxy: {url: "http://a:3128", user: NAME, password: {file: PATH}}`, func(s *Settings) { s.Proxy.URL = "http://u:p@a:3128" }},
		{"proxy: scheme", func(s *Settings) { s.Proxy.URL = "socks4://a" }},
		{"headers: Proxy-Authorization would go to the server", func(s *Settings) { s.Headers["Proxy-Authorization"] = secret.New("z") }},
		{"tls.cert: missing", func(s *Settings) { s.TLS.Key = "client.key" }},
	} {
		s := settings("api.example", c.change)
		err := Kind.Check(s)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s …", err, c.want)
		}
		noSecrets(t, "mistake", fmt.Sprint(err))
		if _, err := Kind.Open(t.Context(), s, source.Env{}); !dodona.IsPermanent(err) {
			t.Errorf("opening gave %v, want a permanent error", err)
		}
	}
	if err := Kind.Check(settings("api.example", nil)); err != nil {
		t.Errorf("the defaults do not pass: %v", err)
	}
}

func TestSettingsPrintNoSecret(t *testing.T) {
	s := settings("api.example", func(s *Settings) { s.URL = "https://api.example/" })
	noSecrets(t, "settings", fmt.Sprintf("%v %+v %#v %s", s, s, *s, *s.Basic))
}

// TestWhoSaysWhenToComeBackIsHeard: exchanges ban those who come back sooner with 418, others limit with 403.
func TestWhoSaysWhenToComeBackIsHeard(t *testing.T) {
	for _, code := range []int{304, 400, 403, 418, 429, 451, 500, 503} {
		address := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) {
			w.Header().Set("Retry-After", "600")
			w.WriteHeader(code)
		})
		_, err := observe(t, settings(address, func(s *Settings) { s.Timeout = time.Minute }))
		if want := source.RetryAfter(io.EOF, 10*time.Minute); fmt.Sprintf("%T", err) != fmt.Sprintf("%T", want) {
			t.Errorf("%d: got %v (%T), want one that says when to ask again", code, err, err)
		}
		if permanent := code < 429 || code == 451; dodona.IsPermanent(err) != permanent {
			t.Errorf("%d: %v is permanent: %t", code, err, !permanent)
		}
	}
}

// TestAServerThatMovesAndSaysWhenToComeBackIsHeard, though what it asks for would drop the body and is not followed.
func TestAServerThatMovesAndSaysWhenToComeBackIsHeard(t *testing.T) {
	address := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		w.Header().Set("Retry-After", "600")
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(nethttp.StatusMovedPermanently)
	})
	_, err := observe(t, settings(address, func(s *Settings) { s.Body = "{}" }))
	var waits interface{ RetryAfter() time.Duration }
	if !errors.As(err, &waits) || waits.RetryAfter() != 10*time.Minute || !dodona.IsPermanent(err) {
		t.Fatalf("got %v", err)
	}
	if want := source.RetryAfter(io.EOF, 10*time.Minute); fmt.Sprintf("%T", err) != fmt.Sprintf("%T", want) {
		t.Errorf("got %T, which the pump does not wait for", err)
	}
}
