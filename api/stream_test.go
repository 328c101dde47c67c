package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/telemetry/prom"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running starts a server on a free port of loopback and stops it when the test ends.
func running(t *testing.T, c api.Config) (*plant, *api.Stream, string) {
	t.Helper()
	p := newPlant(fixedNow)
	p.add(btc, 10*time.Second)
	p.add(dodona.Feed{Name: "eth.usd", Kind: dodona.Number, Decimals: 2}, 10*time.Second)
	if c.Stream == nil {
		c.Stream = api.NewStream(api.StreamConfig{Recorder: c.Recorder})
	}
	c.State, c.Log = p, slog.New(slog.DiscardHandler)
	s, err := api.Listen(t.Context(), "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return p, c.Stream, s.URL()
}

// A follower reads events from the stream.
type follower struct {
	t      *testing.T
	body   io.ReadCloser
	lines  *bufio.Scanner
	status int
}

func follow(t *testing.T, url string, header ...string) *follower {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{t: t, body: answer.Body, lines: bufio.NewScanner(answer.Body), status: answer.StatusCode}
	f.lines.Buffer(nil, 1<<20)
	t.Cleanup(func() { _ = answer.Body.Close() })
	return f
}

// next returns the next event, or empty texts at the end of the stream.
func (f *follower) next() (id, name, data string) {
	f.t.Helper()
	for f.lines.Scan() {
		field, text, _ := strings.Cut(f.lines.Text(), ": ")
		switch field {
		case "id":
			id = text
		case "event":
			name = text
		case "data":
			data = text
		case "":
			if name != "" {
				return id, name, data
			}
		}
	}
	return "", "", ""
}

func TestStreamTellsWhatHappensOnce(t *testing.T) {
	p, stream, url := running(t, api.Config{})
	all := follow(t, url+"/v1/stream")
	for _, want := range []string{"sources", "status"} {
		if _, name, _ := all.next(); name != want {
			t.Fatalf("first events: got %q, want %q", name, want)
		}
	}
	picky := follow(t, url+"/v1/stream?events=answer&feed=eth.usd")
	answer, feed := p.answer("btc.usd", epoch, 4321855000000, used("kraken", "43218.55"))
	stream.Answer(answer)
	stream.Feed(feed)
	id, name, data := all.next()
	if name != "answer" || id == "" || !strings.Contains(data, `"value":"4321855000000"`) {
		t.Errorf("got %q %q %s", id, name, data)
	}
	if _, name, data := all.next(); name != "feed" || !strings.Contains(data, `"text":"43218.55000000"`) || strings.Contains(data, `"readings"`) {
		t.Errorf("got %q %s", name, data)
	}
	answer, _ = p.answer("eth.usd", epoch, 200050)
	stream.Answer(answer)
	if _, name, data := picky.next(); name != "answer" || !strings.Contains(data, `"name":"eth.usd"`) {
		t.Errorf("filtered: got %q %s", name, data)
	}

	// Whoever comes back hears what was missed, and nothing else.
	again := follow(t, url+"/v1/stream?events=answer,feed", "Last-Event-ID", id)
	if _, name, _ := again.next(); name != "feed" {
		t.Errorf("after %s: got %q, want feed", id, name)
	}
	if _, name, data := again.next(); name != "answer" || !strings.Contains(data, "eth.usd") {
		t.Errorf("got %q %s", name, data)
	}
	// An id of another process means that nobody knows what was missed.
	for _, stranger := range []string{"abc-1", "nonsense", id + "0000", "-", strings.Repeat("9", 500)} {
		if _, name, _ := follow(t, url+"/v1/stream?events=answer", "Last-Event-ID", stranger).next(); name != "reset" {
			t.Errorf("after %q: got %q, want reset", stranger, name)
		}
	}
}

func TestStreamKeepsNoMoreThanItsHistory(t *testing.T) {
	stream := api.NewStream(api.StreamConfig{History: 4})
	_, _, url := running(t, api.Config{Stream: stream})
	first := follow(t, url+"/v1/stream?events=feed")
	stream.Feed(api.FeedStatus{Feed: btc})
	id, _, _ := first.next()
	for range 10 {
		stream.Feed(api.FeedStatus{Feed: btc})
	}
	late := follow(t, url+"/v1/stream?events=feed", "Last-Event-ID", id)
	var names []string
	for range 5 {
		_, name, _ := late.next()
		names = append(names, name)
	}
	if got := strings.Join(names, " "); got != "reset feed feed feed feed" {
		t.Errorf("got %s", got)
	}
}

// Nothing is made of what nobody hears, and whoever comes back is told that it missed something, not that it missed nothing.
func TestStreamKeepsNothingWhileNobodyListens(t *testing.T) {
	stream := api.NewStream(api.StreamConfig{Linger: time.Nanosecond})
	_, _, url := running(t, api.Config{Stream: stream})
	asked := 0
	feed := func() api.FeedStatus {
		asked++
		return api.FeedStatus{Feed: btc}
	}
	if stream.FeedOf(feed); asked != 0 {
		t.Errorf("before anybody listened: made %d events, want none", asked)
	}
	first := follow(t, url+"/v1/stream?events=feed")
	stream.FeedOf(feed)
	id, name, _ := first.next()
	if asked != 1 || name != "feed" {
		t.Fatalf("while somebody listens: made %d events, the listener got %q", asked, name)
	}
	_ = first.body.Close()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) { // until the server has seen that it went
		before := asked
		if stream.FeedOf(feed); asked == before {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("events are still made a minute after the only listener left")
		}
	}
	back := follow(t, url+"/v1/stream?events=feed", "Last-Event-ID", id)
	stream.FeedOf(feed)
	for _, want := range []string{"reset", "feed"} {
		if _, name, _ := back.next(); name != want {
			t.Errorf("who comes back: got %q, want %q", name, want)
		}
	}
}

// While somebody may come back, what it misses is kept.
func TestStreamKeepsWhatIsMissedForAWhile(t *testing.T) {
	_, stream, url := running(t, api.Config{})
	first := follow(t, url+"/v1/stream?events=feed")
	stream.Feed(api.FeedStatus{Feed: btc})
	id, _, _ := first.next()
	_ = first.body.Close()
	for range 3 {
		stream.Feed(api.FeedStatus{Feed: btc})
	}
	back := follow(t, url+"/v1/stream?events=feed", "Last-Event-ID", id)
	for n := range 3 {
		if _, name, _ := back.next(); name != "feed" {
			t.Errorf("event %d: got %q, want feed", n, name)
		}
	}
}

func TestStreamLetsSlowClientsGo(t *testing.T) {
	recorder := prom.New()
	stream := api.NewStream(api.StreamConfig{Queue: 2, Recorder: recorder})
	_, _, url := running(t, api.Config{Stream: stream, Recorder: recorder, Metrics: recorder})
	slow := follow(t, url+"/v1/stream?events=feed")
	if slow.status != 200 {
		t.Fatalf("got %d", slow.status)
	}
	// Nobody reads: the sockets fill, the writer waits, the queue fills, and the publisher never does.
	large := api.FeedStatus{Feed: btc, Reason: strings.Repeat("x", 1<<20)}
	for range 100 {
		stream.Feed(large)
	}
	metrics := get(t, url+"/metrics")
	if !strings.Contains(metrics, "dodona_api_stream_slow_total 1") || !strings.Contains(metrics, "dodona_api_stream_clients 0") {
		t.Errorf("metrics say\n%s", metrics)
	}
}

func TestStreamHasSoManyPlaces(t *testing.T) {
	stream := api.NewStream(api.StreamConfig{Clients: 1})
	_, _, url := running(t, api.Config{Stream: stream})
	first := follow(t, url+"/v1/stream?events=feed")
	if second := follow(t, url+"/v1/stream"); second.status != 503 {
		t.Errorf("second client: got %d, want 503", second.status)
	}
	stream.Feed(api.FeedStatus{Feed: btc})
	if _, name, _ := first.next(); name != "feed" {
		t.Errorf("first client: got %q", name)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestServerEndsItsStreams(t *testing.T) {
	p := newPlant(fixedNow)
	s, err := api.Listen(t.Context(), "127.0.0.1:0", api.Config{State: p, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	f := follow(t, s.URL()+"/v1/stream")
	f.next()
	stop()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	for {
		if _, name, _ := f.next(); name == "" {
			break
		}
	}
	// A stream that had to be cut when the time for requests under way was over would end in the middle of its body.
	if err := f.lines.Err(); err != nil {
		t.Errorf("the stream did not end by itself: %v", err)
	}
}

func TestListenRefusesWhatIsNotSafe(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		address string
		tokens  []secret.String
		holds   string
	}{
		{":8080", nil, "name at least one token"},
		{"0.0.0.0:0", nil, "name at least one token"},
		{"gw-7.lan:0", nil, "name at least one token"},
		{"[::]:0", nil, "name at least one token"},
		{"127.0.0.1", nil, "want host:port"},
		{"127.0.0.1:0", []secret.String{secret.New("short")}, "and this has 5"},
		{"127.0.0.1:0", []secret.String{{File: "/nonexistent"}}, "read token 1 of api.tokens"},
		{taken.Addr().String(), nil, "address already in use"},
	} {
		s, err := api.Listen(t.Context(), c.address, api.Config{State: newPlant(fixedNow), Tokens: c.tokens})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.holds) {
			t.Errorf("%s: got %v, want %s", c.address, err, c.holds)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "[::1]:0", "127.9.9.9:0", "[::ffff:127.0.0.1]:0"} {
		if err := api.CheckListen(address, false); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// raw sends bytes as they are and returns the status line.
func raw(t *testing.T, url, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(conn, request) // the server may answer and close before it has read all
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err.Error()
	}
	return strings.TrimSpace(line)
}

func TestServerRefusesWhatIsTooLarge(t *testing.T) {
	_, _, url := running(t, api.Config{})
	for _, c := range []struct{ request, status string }{
		{"GET /v1/feeds HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 OK"},
		{"GET /v1/feeds HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("y", 64<<10) + "\r\n\r\n", "HTTP/1.1 431 Request Header Fields Too Large"},
		{"POST /v1/reload HTTP/1.1\r\nHost: localhost\r\nDodona-Request: x\r\nContent-Length: 99999999\r\n\r\n", "HTTP/1.1 413 Request Entity Too Large"},
		{"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404 Not Found"},
		{"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", "HTTP/1.1 404 Not Found"},
		{"GET http://localhost/v1/feeds HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 200 OK"}, // RFC 9112 §3.2.2: the target's host counts
		{"GET http://evil.example/v1/feeds HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 421 Misdirected Request"},
		{"GET /v1/feeds HTTP/1.0\r\n\r\n", "HTTP/1.0 421 Misdirected Request"},
		{"GARBAGE\r\n\r\n", "HTTP/1.1 400 Bad Request"},
	} {
		if got := raw(t, url, c.request); got != c.status {
			t.Errorf("%.60q: got %q, want %q", c.request, got, c.status)
		}
	}
}

func ExampleStream() {
	stream := api.NewStream(api.StreamConfig{})
	// Nobody listens, so nothing is encoded, and it does not block.
	stream.Feed(api.FeedStatus{Feed: dodona.Feed{Name: "btc.usd"}})
	fmt.Println("published")
	// Output: published
}
