package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/sinktest"
	"github.com/dodona-oracle/dodona/sink/webhook"
)

var question = dodona.Feed{Name: "btc.usd", Kind: dodona.Number, Unit: "USD", Decimals: 8}

const shared = "sixteen characters at least"

// A peer is an HTTP server that can go away and come back at the same address.
type peer struct {
	mu      sync.Mutex
	address string
	server  *httptest.Server
	answer  http.HandlerFunc // instead of taking the request; nil: take it
	heads   []http.Header
	bodies  []string
}

func (p *peer) start(t *testing.T) {
	t.Helper()
	var listener net.Listener
	var err error
	for range 1500 {
		if listener, err = net.Listen("tcp", p.address); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond) // the kernel has not let go of the port yet
	}
	if err != nil {
		t.Fatal(err)
	}
	p.address = listener.Addr().String()
	p.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(p.serve)}}
	p.server.Start()
	t.Cleanup(p.server.Close)
}

func (p *peer) stop(*testing.T) {
	p.server.CloseClientConnections()
	p.server.Close()
}

func (p *peer) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	p.mu.Lock()
	answer := p.answer
	p.mu.Unlock()
	if err != nil {
		return
	}
	if answer != nil {
		answer(w, r)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heads, p.bodies = append(p.heads, r.Header), append(p.bodies, string(body))
}

func (p *peer) say(f http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = f
}

func (p *peer) got(*testing.T) (ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.heads {
		ids = append(ids, h.Get("Idempotency-Key")[len("data/btc.usd/"):])
	}
	return ids
}

func settings(url string) *webhook.Settings {
	return &webhook.Settings{URL: url, Secret: secret.New(shared), Timeout: time.Minute}
}

func TestSuite(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Subject {
		p := &peer{address: "127.0.0.1:0"}
		p.start(t)
		p.stop(t)
		return sinktest.Subject{
			Kind: webhook.Kind, Settings: settings("http://" + p.address + "/hook"), Feed: question,
			Start: p.start, Stop: p.stop, Got: p.got,
		}
	})
}

// deliver gives one record to an open webhook.
func deliver(t *testing.T, s *webhook.Settings, rec dodona.Record, now time.Time) ([]dodona.Receipt, error) {
	t.Helper()
	w, err := webhook.Kind.Open(t.Context(), s, sink.Env{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return w.Deliver(t.Context(), []dodona.Record{rec})
}

func TestRequestsAreSignedAndNamed(t *testing.T) {
	p := &peer{address: "127.0.0.1:0"}
	p.start(t)
	now := time.Unix(1795349075, 0)
	rec := sinktest.Answer(question, 0)
	rec.Appended = now.Add(-90 * time.Second)
	s := settings("http://" + p.address)
	s.Headers = map[string]secret.String{"Authorization": secret.New("Bearer abc")}
	if _, err := deliver(t, s, rec, now); err != nil {
		t.Fatal(err)
	}
	h := p.heads[0]
	receiver, err := standardwebhooks.NewWebhookRaw([]byte(shared))
	if err != nil {
		t.Fatal(err)
	}
	if err := receiver.VerifyIgnoringTimestamp([]byte(p.bodies[0]), h); err != nil { // now is a time of its own
		t.Errorf("a receiver says %v of %v", err, h)
	}
	if err := receiver.VerifyIgnoringTimestamp([]byte(p.bodies[0]+" "), h); err == nil {
		t.Error("a receiver takes another body")
	}
	for name, want := range map[string]string{
		"Idempotency-Key": "data/btc.usd/1795349070000", "Webhook-Timestamp": "1795349075", "Webhook-Id": webhook.ID(rec), "Dodona-Late": "90", "Authorization": "Bearer abc",
		"Content-Type": "application/json", "Dodona-Key": "btc.usd", "Dodona-Topic": "data",
	} {
		if h.Get(name) != want {
			t.Errorf("%s: got %q, want %q", name, h.Get(name), want)
		}
	}
	if p.bodies[0] != string(rec.Body) {
		t.Errorf("body %s", p.bodies[0])
	}
}

// TestARequestWithoutASecretIsNamedToo: a receiver tells by it what came twice.
func TestARequestWithoutASecretIsNamedToo(t *testing.T) {
	p := &peer{address: "127.0.0.1:0"}
	p.start(t)
	rec, s := sinktest.Answer(question, 0), settings("http://"+p.address)
	s.Secret = secret.String{}
	if _, err := deliver(t, s, rec, time.Unix(1795349075, 0)); err != nil {
		t.Fatal(err)
	}
	h := p.heads[0]
	if h.Get("Webhook-Id") != webhook.ID(rec) || h.Get("Webhook-Timestamp") != "1795349075" || h.Get("Webhook-Signature") != "" {
		t.Errorf("got %v, want an id and a time, and no signature", h)
	}
}

// TestAStandardSecretIsReadAsItsLibrariesDo: what stands behind whsec_ is Base64.
func TestAStandardSecretIsReadAsItsLibrariesDo(t *testing.T) {
	p := &peer{address: "127.0.0.1:0"}
	p.start(t)
	const text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	s := settings("http://" + p.address)
	s.Secret = secret.New(text)
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	if _, err := deliver(t, s, sinktest.Answer(question, 0), time.Now()); err != nil {
		t.Fatal(err)
	}
	receiver, err := standardwebhooks.NewWebhook(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := receiver.Verify([]byte(p.bodies[0]), p.heads[0]); err != nil {
		t.Errorf("a receiver says %v of %v", err, p.heads[0])
	}
}

// TestAnIDHasNoPoint: what is signed is joined by points.
func TestAnIDHasNoPoint(t *testing.T) {
	one, other := webhook.ID(sinktest.Answer(question, 0)), webhook.ID(sinktest.Answer(question, 1))
	if strings.Contains(one, ".") || one == other || one != webhook.ID(sinktest.Answer(question, 0)) {
		t.Errorf("%q and %q, want two without a point, the same each time", one, other)
	}
}

func TestAPunctualRecordIsNotMarkedLate(t *testing.T) {
	p := &peer{address: "127.0.0.1:0"}
	p.start(t)
	now := time.Unix(1795349075, 0)
	rec := sinktest.Answer(question, 0)
	rec.Appended = now.Add(-time.Second)
	if _, err := deliver(t, settings("http://"+p.address), rec, now); err != nil {
		t.Fatal(err)
	}
	if got, marked := p.heads[0]["Dodona-Late"]; marked {
		t.Errorf("marked %v", got)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// TestHostilePeersAreOutlasted: whatever a peer does, the sink comes back with a word about it, and does not read on.
func TestHostilePeersAreOutlasted(t *testing.T) {
	var whole atomic.Int32 // answers without an end that somebody read to where the test ends them
	endless := func(w http.ResponseWriter, text string) {
		for range 256 << 20 / len(text) { // far more than what sockets hold
			if _, err := io.WriteString(w, text); err != nil {
				return
			}
		}
		whole.Add(1)
	}
	t.Cleanup(func() { // all peers are stopped
		if n := whole.Load(); n > 0 {
			t.Errorf("%d answers without an end were read", n)
		}
	})
	for name, hostile := range map[string]struct {
		answer    http.HandlerFunc
		permanent bool
		taken     bool // the answer says that it was taken
		wants     string
	}{
		"500": {answer: status(500), wants: "HTTP status 500"},
		"503": {answer: status(503), wants: "HTTP status 503"},
		"408": {answer: status(408), wants: "HTTP status 408"},
		"400": {answer: status(400), permanent: true, wants: "HTTP status 400"},
		"401": {answer: status(401), wants: "HTTP status 401: the endpoint does not know this sender; check secret"},
		"403": {answer: status(403), wants: "HTTP status 403: the endpoint refuses this sender"},
		"404": {answer: status(404), wants: "HTTP status 404: nothing answers there; check url"},
		"405": {answer: status(405), wants: "HTTP status 405"},
		"407": {answer: status(407), wants: "HTTP status 407"},
		"410": {answer: status(410), wants: "HTTP status 410"},
		"413": {answer: status(413), permanent: true, wants: "HTTP status 413"},
		"422": {answer: status(422), permanent: true, wants: "HTTP status 422"},
		"304": {answer: status(304), wants: "HTTP status 304: a POST is answered from a cache"},
		"302": {answer: status(302), wants: "HTTP status 302: it does not say whether the answer was taken"}, // and leads nowhere
		"409": {answer: status(409), permanent: true, wants: "HTTP status 409"},
		"418": {answer: status(418), permanent: true, wants: "HTTP status 418"},
		"499": {answer: status(499), permanent: true, wants: "HTTP status 499"},
		"999": {answer: status(999), wants: "HTTP status 999"},
		"101": {answer: func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		}, wants: "HTTP status 101: the endpoint speaks another protocol"},
		"redirect": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/stolen", http.StatusTemporaryRedirect)
		}, wants: "redirects are not followed"},
		"hang":    {answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, wants: "timeout"},
		"reset":   {answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, wants: "EOF"},
		"no HTTP": {answer: func(w http.ResponseWriter, _ *http.Request) { hijack(w, "hello\r\n\r\n") }, wants: "malformed"},
		"huge headers": {answer: func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20)+"\r\n\r\n")
		}, wants: "exceed"},
		"huge body of an error": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			endless(w, strings.Repeat("\a\x1b[31m", 10_000))
		}, wants: "HTTP status 500"},
		"huge body of a length that is told": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(256<<20))
			endless(w, strings.Repeat("x", 64<<10))
		}, taken: true},
		"huge body of a success": {answer: func(w http.ResponseWriter, _ *http.Request) { endless(w, strings.Repeat("x", 60_000)) }, taken: true},
		"success that trickles": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, taken: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{address: "127.0.0.1:0"}
			p.start(t)
			p.say(hostile.answer)
			s := settings("http://" + p.address + "/secret-path?token=secret-token")
			if hostile.wants == "timeout" {
				s.Timeout = 300 * time.Millisecond
			}
			if name == "success that trickles" {
				s.Timeout = time.Second
			}
			receipts, err := deliver(t, s, sinktest.Answer(question, 0), time.Now())
			for hostile.taken && err != nil && s.Timeout < time.Minute { // until the machine lets the peer begin its answer in time
				s.Timeout *= 2
				receipts, err = deliver(t, s, sinktest.Answer(question, 0), time.Now())
			}
			if hostile.taken {
				if err != nil || len(receipts) != 1 {
					t.Errorf("got %v, %v", receipts, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), hostile.wants) || dodona.IsPermanent(err) != hostile.permanent {
				t.Errorf("got %v (permanent %t), want %q (permanent %t)", err, dodona.IsPermanent(err), hostile.wants, hostile.permanent)
			}
			if err != nil && (strings.Contains(strings.ReplaceAll(err.Error(), "; check secret", ""), "secret") || strings.Contains(err.Error(), shared) || strings.ContainsAny(err.Error(), "\a\x1b")) {
				t.Errorf("the error tells too much: %q", err)
			}
		})
	}
}

func hijack(w http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
}

func TestRetryAfterIsObeyedWithinReason(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "Sun, 22 Nov 2026 12:00:30 GMT": 30 * time.Second, "Sun, 22 Nov 2026 11:00:00 GMT": 0,
		"-5": 0, "1e9": 0, "2.5": 3 * time.Second, "Sunday, 22-Nov-26 12:00:30 GMT": 30 * time.Second, "Sun Nov 22 12:00:30 2026": 30 * time.Second, "soon": 0, "99999999999999999999": 24 * time.Hour, // the loop has a shorter bound
	} {
		p := &peer{address: "127.0.0.1:0"}
		p.start(t)
		p.say(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", now.Format(http.TimeFormat))
			w.Header().Set("Retry-After", header)
			w.WriteHeader(429)
		})
		_, err := deliver(t, settings("http://"+p.address), sinktest.Answer(question, 0), now)
		var asked interface{ RetryAfter() time.Duration }
		if !errors.As(err, &asked) || asked.RetryAfter() != want || dodona.IsPermanent(err) {
			t.Errorf("Retry-After %q: got %v, want a wait of %s", header, err, want)
		}
	}
}

// TestWhatSpeaksOfTheEndpointRefusesNoRecord, and is tried again when it says so: all that HTTP names but what may be of one record.
func TestWhatSpeaksOfTheEndpointRefusesNoRecord(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ofRecord := []int{400, 409, 413, 418, 422}
	for code := 300; code < 500; code++ {
		if http.StatusText(code) == "" || slices.Contains(ofRecord, code) {
			continue
		}
		p := &peer{address: "127.0.0.1:0"}
		p.start(t)
		p.say(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(code)
		})
		_, err := deliver(t, settings("http://"+p.address), sinktest.Answer(question, 0), now)
		var asked interface{ RetryAfter() time.Duration }
		if err == nil || dodona.IsPermanent(err) || !errors.As(err, &asked) || asked.RetryAfter() != 7*time.Second {
			t.Errorf("status %d: got %v, want it tried again after 7 s", code, err)
		}
		p.say(status(code))
		if _, err = deliver(t, settings("http://"+p.address), sinktest.Answer(question, 0), now); dodona.IsPermanent(err) {
			t.Errorf("status %d refuses the record: %v", code, err)
		}
	}
}

// TestAWrongTokenCostsNoAnswer runs a whole loop against an endpoint that does not know the sender for a while.
func TestAWrongTokenCostsNoAnswer(t *testing.T) {
	for _, code := range []int{301, 304, 401, 402, 403, 404, 407, 410, 415, 426} {
		p := &peer{address: "127.0.0.1:0"}
		p.start(t)
		var refused atomic.Int64
		p.say(func(w http.ResponseWriter, _ *http.Request) {
			refused.Add(1)
			w.WriteHeader(code)
		})
		j := sinktest.NewJournal()
		loop := sink.New(sink.Config{
			Name: "hook", Kind: webhook.Kind, Settings: settings("http://" + p.address), Journal: j, Reader: "sink-hook",
			Policy: sink.Policy{GiveUp: 2}, Backoff: backoff.Backoff{Min: time.Millisecond, Max: time.Millisecond},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- loop.Run(ctx) }()
		until := func(what string, is func() bool) {
			t.Helper()
			for begun := time.Now(); !is(); time.Sleep(time.Millisecond) {
				if time.Since(begun) > time.Minute {
					t.Fatalf("%d: not %s: status %+v", code, what, loop.Status())
				}
			}
		}
		until("begun", func() bool { return len(j.All(dodona.TopicIntent, "hook")) > 0 })
		for n := range 3 {
			if err := j.Append(ctx, sinktest.Answer(question, n)); err != nil {
				t.Fatal(err)
			}
		}
		until("stuck", func() bool { return refused.Load() > 10 && loop.Status().State == sink.Stuck })
		if s := loop.Status(); !strings.Contains(s.LastError, fmt.Sprintf("HTTP status %d", code)) {
			t.Errorf("%d: status %+v", code, s)
		}
		p.say(nil)
		until("delivered", func() bool { return loop.Status().Delivered == 3 })
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if s := loop.Status(); s.Dead != 0 || len(p.got(t)) != 3 {
			t.Errorf("%d: status %+v, delivered %v", code, s, p.got(t))
		}
	}
}

// TestWhatIsRefusedForGoodBecomesADeadLetterAndTheRestGoesOn runs a whole loop.
func TestWhatIsRefusedForGoodBecomesADeadLetterAndTheRestGoesOn(t *testing.T) {
	p := &peer{address: "127.0.0.1:0"}
	p.start(t)
	bad := sinktest.Answer(question, 1).ID
	tries := 0
	p.say(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if strings.HasSuffix(r.Header.Get("Idempotency-Key"), bad) {
			tries++
			w.WriteHeader(422)
			return
		}
		p.heads = append(p.heads, r.Header)
	})
	j := sinktest.NewJournal()
	loop := sink.New(sink.Config{
		Name: "hook", Kind: webhook.Kind, Settings: settings("http://" + p.address), Journal: j, Reader: "sink-hook",
		Policy: sink.Policy{GiveUp: 3}, Backoff: backoff.Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- loop.Run(ctx) }()
	for len(j.All(dodona.TopicIntent, "hook")) == 0 {
		time.Sleep(time.Millisecond)
	}
	for n := range 3 {
		if err := j.Append(ctx, sinktest.Answer(question, n)); err != nil {
			t.Fatal(err)
		}
	}
	for begun := time.Now(); len(p.got(t)) < 2; time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatalf("status %+v", loop.Status())
		}
	}
	for begun := time.Now(); loop.Status().Delivered < 2 && time.Since(begun) < time.Minute; time.Sleep(5 * time.Millisecond) {
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if tries != 3 {
		t.Errorf("tried %d times, want 3", tries)
	}
	if s := loop.Status(); s.Dead != 1 || s.Delivered != 2 || !strings.Contains(s.LastError, "422") {
		t.Errorf("status %+v", s)
	}
	var statuses []string
	for _, rec := range j.All(dodona.TopicReceipt, "hook") {
		statuses = append(statuses, rec.ID)
	}
	want := []string{"data.btc.usd.1795349070000.delivered", "data.btc.usd.1795349071000.dead", "data.btc.usd.1795349072000.delivered"}
	if strings.Join(statuses, " ") != strings.Join(want, " ") {
		t.Errorf("receipts %v, want %v", statuses, want)
	}
	if events := j.All(dodona.TopicEvent, dodona.EventDelivery); len(events) != 1 || !strings.Contains(string(events[0].Body), "422") {
		t.Errorf("events %v", events)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		s    webhook.Settings
		want string
	}{
		"no url":         {webhook.Settings{Timeout: 1}, "url: missing"},
		"another scheme": {webhook.Settings{URL: "ftp://x", Timeout: 1}, "url: scheme"},
		"no host":        {webhook.Settings{URL: "http:///x", Timeout: 1}, "url: names no host"},
		"a password":     {webhook.Settings{URL: "http://u:p@x", Timeout: 1}, "url: user and password belong under basic:"},
		"no user":        {webhook.Settings{URL: "http://x", Timeout: 1, Basic: &httpc.Basic{Password: secret.New("x")}}, "basic: user is required"},
		"a colon":        {webhook.Settings{URL: "http://x", Timeout: 1, Basic: &httpc.Basic{User: "u:p"}}, "basic: user is required and has no colon"},
		"two logins":     {webhook.Settings{URL: "http://x", Timeout: 1, Basic: &httpc.Basic{User: "u"}, Headers: map[string]secret.String{"authorization": secret.New("x")}}, "headers: Authorization is given by basic already"},
		"no timeout":     {webhook.Settings{URL: "http://x"}, "timeout: want"},
		"own header":     {webhook.Settings{URL: "http://x", Timeout: 1, Headers: map[string]secret.String{"Webhook-Signature": secret.New("x")}}, "headers:"},
		"bad header":     {webhook.Settings{URL: "http://x", Timeout: 1, Headers: map[string]secret.String{"a b": secret.New("x")}}, "headers:"},
		"value in name":  {webhook.Settings{URL: "http://x", Timeout: 1, Headers: map[string]secret.String{"Authorization: Bearer abc": secret.New("x")}}, "headers: the name Authorization ends before its colon; what is behind that is the value: Authorization: {file: PATH}"},
	} {
		if err := webhook.Kind.Check(&c.s); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if err := webhook.Kind.Check(settings("https://example.org/hook")); err != nil {
		t.Error(err)
	}
}

// TestWhatWasTakenHasReceipts, also when a later record of the same call is not taken.
func TestWhatWasTakenHasReceipts(t *testing.T) {
	p := &peer{address: "127.0.0.1:0"}
	p.start(t)
	defer p.stop(t)
	taken := 0
	p.say(func(w http.ResponseWriter, _ *http.Request) {
		if taken == 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		taken++
	})
	w, err := webhook.Kind.Open(t.Context(), settings("http://"+p.address), sink.Env{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	receipts, err := w.Deliver(t.Context(), []dodona.Record{sinktest.Answer(question, 0), sinktest.Answer(question, 1), sinktest.Answer(question, 2)})
	if err == nil || len(receipts) != 2 {
		t.Errorf("%d receipts, %v; want those of the two records that were taken, and why the third was not", len(receipts), err)
	}
}

// TestASecretIsTheSecretAlone: what people copy with it would make every signature wrong, and nothing here would show it.
func TestASecretIsTheSecretAlone(t *testing.T) {
	const good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	for text, want := range map[string]string{
		good:                             "",
		"any text of 16 or more":         "",
		"whsec_no Base64 at all, is it?": "after whsec_",
		"whsec_MTIzNA==":                 "4 bytes in Base64",
		"short":                          "5 characters",
		"v1," + good:                     "begins otherwise than with whsec_",
		"v1," + good + " v1," + good:     "begins otherwise",
		"WHSEC_" + good[6:]:              "begins otherwise",
		"secret=" + good:                 "begins otherwise",
		" " + good:                       "a blank",
		good + " ":                       "a blank",
		"a text of 16 or more\t":         "a blank",
		`"` + good + `"`:                 "quotes",
		"'" + good + "'":                 "quotes",
		"\u201c" + good + "\u201d":       "quotes",
		`"a text of 16 or more"`:         "quotes",
		`a text of 16 or more"`:          "", // random ones may
		"'a text of 16 or more":          "",
		"\"a text of 16 or more'":        "",
		"whsk_" + good[6:]:               "Ed25519",
	} {
		s := settings("https://example.org/hook")
		err := s.CheckSecret("secret", text)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), good[6:])) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
		if err := s.CheckSecret("headers.Cookie", text); err != nil {
			t.Errorf("a header %s: %v", text, err)
		}
	}
}

// TestARefusedSenderIsToldWhatItShows: the settings that are set, the one that signs first, and none that is not.
func TestARefusedSenderIsToldWhatItShows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		set    webhook.Settings
		want   string
	}{
		{401, webhook.Settings{}, "does not know this sender; it is shown nothing: set secret, basic or headers"},
		{401, webhook.Settings{Secret: secret.New(shared)}, "does not know this sender; check secret"},
		{401, webhook.Settings{Secret: secret.New(shared), Headers: map[string]secret.String{"X-Token": secret.New("x")}}, "does not know this sender; check secret and headers"},
		{403, webhook.Settings{Basic: &httpc.Basic{User: "otto", Password: secret.New("x")}, Secret: secret.New(shared)}, "refuses this sender; check secret, basic and what the endpoint allows"},
		{403, webhook.Settings{}, "refuses this sender; check what the endpoint allows"},
	} {
		peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.status) }))
		c.set.URL, c.set.Timeout = peer.URL, time.Minute
		_, err := deliver(t, &c.set, sinktest.Answer(question, 0), time.Now())
		if err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
		peer.Close()
	}
}
