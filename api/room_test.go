package api_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/api"
)

// A jam is a plant that takes as long to reload as the jam lasts.
type jam struct {
	*plant
	asked, over chan struct{}
}

func (j jam) Reload(context.Context) (api.Reloaded, error) {
	j.asked <- struct{}{}
	<-j.over
	return api.Reloaded{}, nil
}

// A crowd is many connections to one server.
type crowd struct {
	t       *testing.T
	address string
}

// asks sends a request over a connection of its own, which it keeps.
func (c crowd) asks(path string) net.Conn {
	c.t.Helper()
	return c.says("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

// says sends the beginning of a request.
func (c crowd) says(text string) net.Conn {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.address)
	if err == nil {
		_, err = io.WriteString(conn, text)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// answered reads the answer to what was asked.
func (c crowd) answered(conn net.Conn) *http.Response {
	c.t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		c.t.Fatal(err)
	}
	return answer
}

// crowded serves a node whose connections wait for hours.
func crowded(t *testing.T) (jam, crowd) {
	j := jam{newPlant(fixedNow), make(chan struct{}), make(chan struct{})}
	s, err := api.Listen(t.Context(), "127.0.0.1:0", api.Config{
		State: j, Log: slog.New(slog.DiscardHandler), Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") }),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Patient()
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }()
	t.Cleanup(func() { // t.Context has ended
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return j, crowd{t, s.Addr().String()}
}

// TestConnectionsThatAskNothingKeepNobodyOut: neither clients that keep theirs nor those that never say a word.
func TestConnectionsThatAskNothingKeepNobodyOut(t *testing.T) {
	t.Parallel()
	_, c := crowded(t)
	first := c.asks("/healthz")
	c.answered(first)
	for range 320 {
		c.answered(c.asks("/healthz"))
	}
	for range 320 {
		c.says("")                            // and never a word
		c.says("GET /metrics HTTP/1.1\r\nHo") // and never the rest
	}
	for _, path := range []string{"/readyz", "/metrics", "/v1/feeds"} {
		if answer := c.answered(c.asks(path)); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
	_ = first.SetReadDeadline(time.Now().Add(2 * time.Minute))
	if _, err := first.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the connection that asked nothing for longest is still there: %v", err)
	}
}

// TestRequestsThatTakeLongLeaveRoomForMonitors: there are as many as may be, and they do not end.
func TestRequestsThatTakeLongLeaveRoomForMonitors(t *testing.T) {
	t.Parallel()
	j, c := crowded(t)
	over := false
	end := func() {
		if !over {
			over = true
			close(j.over)
		}
	}
	t.Cleanup(end)
	var long []net.Conn
	for range 256 {
		long = append(long, c.says("POST /v1/reload HTTP/1.1\r\nHost: localhost\r\nDodona-Request: me\r\n\r\n"))
		<-j.asked
	}
	for range 40 { // more than the reserve
		for _, path := range []string{"/readyz", "/metrics", "/healthz", "/v1/status"} {
			if answer := c.answered(c.asks(path)); answer.StatusCode != http.StatusOK || !answer.Close {
				t.Fatalf("%s: %s, closes: %t", path, answer.Status, answer.Close)
			}
		}
		if answer := c.answered(c.asks("/v1/feeds")); answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || !answer.Close {
			t.Fatalf("/v1/feeds: %s, closes: %t", answer.Status, answer.Close)
		}
	}
	end()
	for _, conn := range long {
		c.answered(conn)
	}
	if answer := c.answered(c.asks("/v1/feeds")); answer.StatusCode != http.StatusOK {
		t.Errorf("/v1/feeds, when all had ended: %s", answer.Status)
	}
}

// TestRefusalsEndTheirConnection: who guesses tokens or paths keeps no place.
func TestRefusalsEndTheirConnection(t *testing.T) {
	t.Parallel()
	_, c := crowded(t)
	for path, status := range map[string]int{"/none": 404, "/v1/process": 403, "//": 404} {
		if answer := c.answered(c.asks(path)); answer.StatusCode != status || !answer.Close {
			t.Errorf("%s: %s, closes: %t; want %d, and that it does", path, answer.Status, answer.Close, status)
		}
	}
	if answer := c.answered(c.asks("/v1/feeds/none")); answer.StatusCode != 404 || answer.Close {
		t.Errorf("a feed that is not there: %s, closes: %t, want an answer like others", answer.Status, answer.Close)
	}
}
