package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/telemetry/prom"
	"github.com/dodona-oracle/dodona/verify"
)

func fixedNow() time.Time { return epoch.Time().Add(4 * time.Second) }

var btc = dodona.Feed{Name: "btc.usd", Kind: dodona.Number, Unit: "USD <&>", Decimals: 8}

// newAPI returns a handler over a plant with one answer and one missed round of btc.usd.
func newAPI(c api.Config) (*plant, *api.Handler) {
	p := newPlant(fixedNow)
	p.add(btc, 10*time.Second)
	p.add(dodona.Feed{Name: "quiet", Kind: dodona.Number}, time.Second)
	p.miss("btc.usd", epoch-10000, "1 of 3 answers, need 2", used("kraken", "43210.1"), refused("binance", dodona.InputLate, "no answer in 3 s", ""))
	p.answer("btc.usd", epoch, 4321855000000, used("kraken", "43218.55"), refused("coingecko", dodona.InputOutlier, "900 % from the median", "432190"))
	p.sources = []api.SourceStatus{{Name: "kraken", Kind: "http", State: "ok"}}
	c.State, c.Now = p, fixedNow
	c.Log = slog.New(slog.DiscardHandler)
	return p, api.New(c)
}

func ask(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "127.0.0.1:8080"
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestEveryAnswerSaysWhatItIs(t *testing.T) {
	recorder := prom.New()
	_, h := newAPI(api.Config{Metrics: recorder, Recorder: recorder})
	long := "/v1/" + strings.Repeat("a", 3000)
	for _, c := range []struct {
		method, target string
		status         int
		holds          string
	}{
		{"GET", "/v1/feeds", 200, `"name":"btc.usd"`},
		{"GET", "/v1/feeds", 200, `"unit":"USD <&>"`},
		{"GET", "/v1/feeds/btc.usd", 200, `"text":"43218.55000000"`},
		{"GET", "/v1/feeds/btc.eur", 404, `no feed is named \"btc.eur\"; there are btc.usd, quiet`},
		{"GET", "/v1/feeds/btc.usd/latest", 200, `"value":"4321855000000"`},
		{"GET", "/v1/feeds/quiet/latest", 404, `no attested answer yet`},
		{"GET", "/v1/feeds/none/latest", 404, `unknown-feed`},
		{"GET", "/v1/feeds/a%2F..%2Fb/latest", 404, `unknown-path`},
		{"GET", "/v1/feeds/%2A/latest", 404, `unknown-feed`},
		{"GET", "/v1/feeds/btc.usd/rounds/1795349070000", 200, `"round":1795349070000`},
		{"GET", "/v1/feeds/btc.usd/rounds/2026-11-22T12:04:30Z", 200, `"round":1795349070000`},
		{"GET", "/v1/feeds/btc.usd/rounds/2026-11-22T13:04:30+01:00", 200, `"round":1795349070000`},
		{"GET", "/v1/feeds/btc.usd/rounds/latest", 200, `"round":1795349070000`},
		{"GET", "/v1/feeds/btc.usd/rounds/latest/explain", 200, `"status":"outlier"`},
		{"GET", "/v1/feeds/btc.usd/rounds/latest/proof", 200, `"proof":{"leaf":{"kind":1,`},
		{"GET", "/v1/feeds/btc.usd/rounds/latest/bundle", 200, `"node":"gw-demo"`},
		{"GET", "/v1/feeds/quiet/rounds/latest", 404, `the feed has no round yet`},
		{"GET", "/v1/feeds/none/rounds/latest", 404, `unknown-feed`},
		{"GET", "/v1/feeds/btc.usd/rounds/1795349060000", 404, `the round was missed: 1 of 3 answers, need 2`},
		{"GET", "/v1/feeds/btc.usd/rounds/1795349060000", 404, `no answer in 3 s`},
		{"GET", "/v1/feeds/btc.usd/rounds/1795349071000", 404, `around it at 2026-11-22T12:04:30Z and 2026-11-22T12:04:40Z`},
		{"GET", "/v1/feeds/btc.usd/rounds/1795348070000", 404, `older than what is kept`},
		{"GET", "/v1/feeds/btc.usd/rounds/2036-11-22T12:04:30Z", 404, `lies ahead`},
		{"GET", "/v1/feeds/btc.usd/rounds/noon", 400, `want latest, Unix milliseconds or a time in RFC 3339`},
		{"GET", "/v1/feeds/btc.usd/rounds/-1", 400, `parameter`},
		{"GET", "/v1/feeds/btc.usd/rounds/0", 400, `parameter`},
		{"GET", "/v1/feeds/btc.usd/rounds/99999999999999999999", 400, `parameter`},
		{"GET", "/v1/feeds/btc.usd/rounds/2026-11-22T12:04:30.0001Z", 400, `whole milliseconds`},
		{"GET", "/v1/feeds/btc.usd/rounds", 200, `"missed":"1 of 3 answers, need 2"`},
		{"GET", "/v1/feeds/btc.usd/rounds?from=2026-11-22T13:04:30+01:00&limit=1", 200, `"next":1795349070001`},
		{"GET", "/v1/feeds/btc.usd/rounds?limit=0", 400, `from 1 to 1000`},
		{"GET", "/v1/feeds/btc.usd/rounds?limit=1e3", 400, `from 1 to 1000`},
		{"GET", "/v1/feeds/btc.usd/rounds?from=x", 400, `RFC 3339`},
		{"GET", "/v1/feeds/quiet/rounds", 200, `"rounds":[]`},
		{"GET", "/v1/feeds/none/rounds", 404, `unknown-feed`},
		{"GET", "/v1/feeds/btc.usd/rounds/1795349070000/explain", 200, `"status":"outlier"`},
		{"GET", "/v1/feeds/btc.usd/rounds/1795349070000/bundle", 200, `"node":"gw-demo"`},
		{"GET", "/v1/feeds/btc.usd/rounds/1795349071000/bundle", 404, `unknown-round`},
		{"GET", "/v1/feeds/btc.usd/rounds/1795349070000/proof", 200, `"proof":{"leaf":{"kind":1,`},
		{"GET", "/v1/feeds/btc.usd/rounds/1795349071000/proof", 404, `unknown-round`},
		{"GET", "/v1/observations/" + anObservation + "/explain?at=2026-11-22T12:04:30Z", 200, `"point":"boiler"`},
		{"GET", "/v1/observations/" + anObservation[1:] + "0/explain", 404, `"detail":"no record that is kept of boiler has observation 0361d`},
		{"GET", "/v1/observations/x/explain", 400, `32 hex digits`},
		{"GET", "/v1/observations/" + anObservation + "/explain?at=noon", 400, `want latest, Unix milliseconds or a time in RFC 3339`},
		{"GET", "/v1/sources", 200, `"feeds":[]`},
		{"GET", "/v1/status", 200, `"level":"degraded","headline":"1 of 2 feeds answer; quiet: no round was made"`},
		{"HEAD", "/v1/status", 200, ``},
		{"GET", "/healthz", 200, `"healthy":true`},
		{"GET", "/readyz", 200, `"ready":true`},
		{"GET", "/metrics", 200, `dodona_api_requests_total`},
		{"GET", "/", 200, `<!doctype html>`},
		{"GET", "/app.js", 200, ``},
		{"GET", "/index.html", 404, `unknown-path`},
		{"GET", "/web.go", 404, `unknown-path`},
		{"GET", "/v1", 404, `unknown-path`},
		{"GET", "/v1/feeds/", 404, `unknown-path`},
		{"GET", "/v1//feeds", 404, `unknown-path`},
		{"GET", "/v1/../v1/feeds", 404, `unknown-path`},
		{"GET", "/v1/feeds/%2e%2e/%2e%2e/metrics", 404, `unknown-path`},
		{"GET", "/v1/feeds/btc.usd%00", 404, `unknown-path`},
		{"GET", `/v1\feeds`, 404, `unknown-path`},
		{"GET", long, 414, `2048 are allowed`},
		{"DELETE", "/nothing", 404, `unknown-path`},
		{"POST", "/v1/feeds", 405, `use GET, HEAD`},
		{"TRACE", "/", 405, `method`},
		{"OPTIONS", "/v1/feeds", 405, `method`},
		{"GET", "/v1/reload", 405, `use POST`},
		{"GET", "/v1/stream?events=gossip", 400, `want answer, feed, sources or status`},
	} {
		w := ask(h, c.method, c.target)
		body := w.Body.String()
		if w.Code != c.status || !strings.Contains(body, c.holds) {
			t.Errorf("%s %.80s: got %d %s; want %d holding %s", c.method, c.target, w.Code, body, c.status, c.holds)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") == "" || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s %.80s: headers %v", c.method, c.target, w.Header())
		}
		if w.Code >= 400 {
			checkProblem(t, w)
		}
	}
}

func checkProblem(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var p struct {
		Type, Title, Detail string
		Status              int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != w.Code || p.Type == "" || p.Title == "" || p.Detail == "" ||
		w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("not a problem document: %v %s %s", err, w.Header().Get("Content-Type"), w.Body)
	}
}

func TestVerifyAcceptsAnswersAsServed(t *testing.T) {
	p, h := newAPI(api.Config{})
	for _, target := range []string{"/v1/feeds/btc.usd/latest", "/v1/feeds/btc.usd/rounds/1795349070000"} {
		w := ask(h, "GET", target)
		id := p.status.Network.ID()
		if v := verify.Answer(w.Body.Bytes(), verify.Expect{NetworkID: &id}); !v.Valid {
			t.Errorf("%s: %s\n%s", target, v, w.Body)
		}
		for name, want := range map[string]string{"Dodona-Value": "43218.55000000", "Dodona-Time": "2026-11-22T12:04:30Z", "Dodona-Quality": "good"} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: header %s: got %q, want %q", target, name, got, want)
			}
		}
	}
}

func TestProofSaysWhenItIsDue(t *testing.T) {
	p, h := newAPI(api.Config{})
	const target = "/v1/feeds/btc.usd/rounds/1795349070000/proof"
	p.unsealed = &api.NotAnchored{Due: epoch.Time().Add(90 * time.Second), Reason: "its window is open"}
	w := ask(h, "GET", target)
	checkProblem(t, w)
	if w.Code != 404 || w.Header().Get("Retry-After") != "86" || !strings.Contains(w.Body.String(), `"due":"2026-11-22T12:06:00Z"`) ||
		!strings.Contains(w.Body.String(), "its window is open; it is due at 2026-11-22T12:06:00Z") {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	p.unsealed = &api.NotAnchored{Reason: "the records of its anchor are no longer kept"}
	if w := ask(h, "GET", target); w.Code != 404 || w.Header().Get("Retry-After") != "" || strings.Contains(w.Body.String(), `"due"`) {
		t.Errorf("for ever: got %d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestExplainIsTextForThoseWhoAskForText(t *testing.T) {
	_, h := newAPI(api.Config{})
	const target = "/v1/feeds/btc.usd/rounds/1795349070000/explain"
	if w := ask(h, "GET", target, "Accept", "text/plain, application/json;q=0.5"); !strings.HasPrefix(w.Body.String(), "btc.usd at round") {
		t.Errorf("got %s", w.Body)
	}
	if w := ask(h, "GET", target, "Accept", "application/json"); !strings.HasPrefix(w.Body.String(), "{") {
		t.Errorf("got %s", w.Body)
	}
}

func TestFailuresOfTheNodeAreSaid(t *testing.T) {
	p, h := newAPI(api.Config{})
	p.broken = errors.New("read stream PROOF: disk on fire")
	if w := ask(h, "GET", "/v1/feeds/btc.usd/latest"); w.Code != 500 || !strings.Contains(w.Body.String(), "disk on fire") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	p.problems = []api.Problem{{Part: "clock", Message: "is behind the last round", Until: epoch.Time()}}
	w := ask(h, "GET", "/readyz")
	if w.Code != 503 || !strings.Contains(w.Body.String(), `"until":"2026-11-22T12:04:30Z"`) || !strings.Contains(w.Body.String(), "clock: is behind the last round") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	checkProblem(t, w)
	p.problems = []api.Problem{{Part: "journal", Message: "not connected: EOF"}}
	w = ask(h, "GET", "/v1/feeds/btc.usd/rounds")
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "not connected: EOF") {
		t.Errorf("while the journal is away: got %d %s, want 503, when to come back, and why", w.Code, w.Body)
	}
}

func TestReloadNeedsProofThatNoPageForgedIt(t *testing.T) {
	p, h := newAPI(api.Config{})
	for _, c := range []struct {
		header []string
		status int
	}{
		{nil, 403},
		{[]string{api.RequestHeader, "reload"}, 200},
		{[]string{api.RequestHeader, "reload", "Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{api.RequestHeader, "reload", "Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{api.RequestHeader, "reload", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 403},
	} {
		if w := ask(h, "POST", "/v1/reload", c.header...); w.Code != c.status {
			t.Errorf("%v: got %d %s, want %d", c.header, w.Code, w.Body, c.status)
		}
	}
	if p.reloads != 2 {
		t.Errorf("reloads: got %d, want 2", p.reloads)
	}
	for _, unchanged := range []bool{false, true} { // a half is told by a field, whatever the words are
		if p.reload = errors.New(`gateway.yaml:12:7: unknown key "adress"; nothing was changed`); unchanged {
			p.reload = fmt.Errorf("wrapped: %w", &api.Unchanged{Err: errors.New(`gateway.yaml:12:7: unknown key "adress"`)})
		}
		if w := ask(h, "POST", "/v1/reload", api.RequestHeader, "1"); w.Code != 422 || !strings.Contains(w.Body.String(), `unknown key \"adress\"`) ||
			!strings.Contains(w.Body.String(), fmt.Sprintf(`"unchanged":%v`, unchanged)) {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	}
	p.reload = &api.NeedsRestart{Settings: []string{"api.listen", "modules.dir"}}
	w := ask(h, "POST", "/v1/reload", api.RequestHeader, "1")
	if w.Code != 409 || !strings.Contains(w.Body.String(), `"settings":["api.listen","modules.dir"]`) || !strings.Contains(w.Body.String(), "nothing was changed") || !strings.Contains(w.Body.String(), `"unchanged":true`) {
		t.Errorf("a restart is needed: got %d %s", w.Code, w.Body)
	}
}

func TestARecordIsGivenToASinkOnceMore(t *testing.T) {
	_, h := newAPI(api.Config{})
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"hook/resend?feed=btc.usd&round=1795349070000", 200, `"status":"delivered"`},
		{"hook/resend?feed=series&topic=anchor&round=2026-11-22T12:04:30Z", 200, `"topic":"anchor"`},
		{"hook/resend?feed=btc.usd&round=1795349080000", 502, "no such desk"},
		{"hook/resend?feed=btc.usd&round=latest", 200, `"status":"delivered"`},
		{"hook/resend?feed=none&round=latest", 404, "none"},
		{"main/resend?feed=btc.usd&round=1795349070000", 404, "this process runs hook"},
		{"hook/resend?feed=btc.usd", 400, "round:"},
		{"hook/resend?feed=btc..usd&round=1795349070000", 400, "feed:"},
		{"hook/resend?round=1795349070000", 400, "feed:"},
		{"hook/resend?feed=btc.usd&round=1795349070000&topic=claim", 400, "want data or anchor"},
	} {
		if w := ask(h, "POST", "/v1/sinks/"+c.path, api.RequestHeader, "1"); w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: got %d %s, want %d %s", c.path, w.Code, w.Body, c.status, c.want)
		}
	}
	if w := ask(h, "POST", "/v1/sinks/hook/resend?feed=btc.usd&round=1795349070000"); w.Code != 403 {
		t.Errorf("a page could have forged it: got %d", w.Code)
	}
}

func TestOtherSitesLearnNothing(t *testing.T) {
	_, h := newAPI(api.Config{Hosts: []string{"gw-7.lan"}})
	for _, c := range []struct {
		header []string
		status int
	}{
		{[]string{"Host", "localhost:8080"}, 200},
		{[]string{"Host", "LOCALHOST."}, 200},
		{[]string{"Host", "[::1]:8080"}, 200},
		{[]string{"Host", "[::1]"}, 200},
		{[]string{"Host", "192.168.1.7"}, 200},
		{[]string{"Host", "gw-7.lan:8080"}, 200},
		{[]string{"Host", "evil.example"}, 421},
		{[]string{"Host", "evil.example:8080"}, 421},
		{[]string{"Host", "127.0.0.1.evil.example"}, 421},
		{[]string{"Host", "evil-gw-7.lan"}, 421},
		{[]string{"Host", "evil.gw-7.lan"}, 421},
		{[]string{"Host", "gw-7.lan.evil.example"}, 421},
		{[]string{"Host", ""}, 421},
		{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		{[]string{"Sec-Fetch-Site", "none"}, 200},
	} {
		if w := ask(h, "GET", "/v1/feeds", c.header...); w.Code != c.status {
			t.Errorf("%v: got %d %s, want %d", c.header, w.Code, w.Body, c.status)
		}
	}
}

func TestTokensOpenTheAPI(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, h := newAPI(api.Config{Tokens: []secret.String{{File: file}, secret.New("fedcba9876543210"), {File: file + ".absent"}}})
	p.problems = []api.Problem{{Part: "journal", Message: "starts"}}
	for _, c := range []struct {
		target, authorization string
		status                int
	}{
		{"/v1/feeds", "", 401},
		{"/v1/feeds", "Bearer ", 401},
		{"/v1/feeds", "Bearer 0123456789abcdeF", 401},
		{"/v1/feeds", "Basic 0123456789abcdef", 401},
		{"/v1/feeds", "Bearer 0123456789abcdef", 200},
		{"/v1/feeds", "bearer fedcba9876543210", 200},
		{"/v1/stream", "", 401},
		{"/healthz", "", 200},
		{"/readyz", "", 503},
		{"/", "", 200},
	} {
		w := ask(h, "GET", c.target, "Authorization", c.authorization, "Host", "gw-7.example")
		if w.Code != c.status {
			t.Errorf("%s with %q: got %d, want %d", c.target, c.authorization, w.Code, c.status)
		}
		if (w.Code == 401) != (w.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%s: WWW-Authenticate %q with %d", c.target, w.Header().Get("WWW-Authenticate"), w.Code)
		}
		if c.target == "/readyz" && strings.Contains(w.Body.String(), "journal") {
			t.Errorf("a stranger was told %s", w.Body)
		}
	}
	if w := ask(h, "POST", "/v1/reload", "Authorization", "Bearer 0123456789abcdef", "Host", "gw-7.example"); w.Code != 200 {
		t.Errorf("reload with a token: got %d %s", w.Code, w.Body)
	}
	// The file is read anew, so a token can be replaced without a restart.
	if err := os.WriteFile(file, []byte("another-token-12"), 0o600); err != nil {
		t.Fatal(err)
	}
	if w := ask(h, "GET", "/v1/feeds", "Authorization", "Bearer 0123456789abcdef"); w.Code != 401 {
		t.Errorf("the old token: got %d, want 401", w.Code)
	}
}

func TestThePageLoadsNothingFromElsewhere(t *testing.T) {
	_, h := newAPI(api.Config{})
	w := ask(h, "GET", "/")
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("policy: %q", csp)
	}
	etag := w.Header().Get("Etag")
	if again := ask(h, "GET", "/", "If-None-Match", etag); again.Code != 304 || again.Body.Len() != 0 {
		t.Errorf("unchanged page: got %d and %d bytes", again.Code, again.Body.Len())
	}
}

// TestTheProcessIsToldOnTheMachineAlone, and not through a proxy on it.
func TestTheProcessIsToldOnTheMachineAlone(t *testing.T) {
	_, h := newAPI(api.Config{})
	for _, c := range []struct {
		from   string
		header []string
		status int
	}{
		{"127.0.0.1:4711", []string{api.RequestHeader, "x"}, http.StatusOK},
		{"[::1]:4711", []string{api.RequestHeader, "x"}, http.StatusOK},
		{"[::ffff:127.0.0.1]:4711", []string{api.RequestHeader, "x"}, http.StatusOK},
		{"127.0.0.1:4711", nil, http.StatusForbidden},
		{"192.0.2.1:4711", []string{api.RequestHeader, "x"}, http.StatusForbidden},
		{"127.0.0.1:4711", []string{api.RequestHeader, "x", "X-Forwarded-For", "192.0.2.1"}, http.StatusForbidden},
		{"127.0.0.1:4711", []string{api.RequestHeader, "x", "Forwarded", "for=192.0.2.1"}, http.StatusForbidden},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080/v1/process", nil)
		r.RemoteAddr = c.from
		for i := 0; i+1 < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("from %s with %q: %d, want %d: %s", c.from, c.header, w.Code, c.status, w.Body)
		}
		var p api.Process
		if w.Code == http.StatusOK && (json.Unmarshal(w.Body.Bytes(), &p) != nil || p.Goroutines == 0 || p.Memory["/memory/classes/total:bytes"] == 0 || !strings.Contains(p.Stacks, "goroutine profile")) {
			t.Errorf("it tells %.300s", w.Body)
		}
	}
}
