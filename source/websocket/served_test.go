//go:build integration

package websocket

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// TestAServerThatReadsNothingIsLeft: it answers no ping, though its connection stands.
func TestAServerThatReadsNothingIsLeft(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		_ = c.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat("x", 2048))) // its reader may have left
		<-t.Context().Done()
	}))
	t.Cleanup(server.Close)
	s := settings(server.Listener.Addr().String())
	s.Subscribe, s.MaxMessage = nil, 1024
	n := run(t, s)
	n.until("an end", func() bool { return strings.Contains(n.Status().LastError, "no pong in 3s") })
	if dropped := n.dropped(); !strings.Contains(dropped, "a message above max_message (1KiB)") {
		t.Errorf("dropped %q", dropped)
	}
}

// TestAServerThatTakesNothingIsLeft: it reads no byte, and what is to be sent is more than the system keeps for it.
func TestAServerThatTakesNothingIsLeft(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		<-t.Context().Done()
	}))
	t.Cleanup(server.Close)
	s := settings(server.Listener.Addr().String())
	s.Subscribe, s.Timeout = nil, 500*time.Millisecond
	c, _, err := websocket.Dial(t.Context(), s.URL, nil) //nolint:bodyclose // the library closes it
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	ses := &session{stream: &stream{settings: *s, url: at}}
	for range 64 { // mebibytes
		if err = ses.send(t.Context(), c, strings.Repeat("x", 1<<20), nil); err != nil {
			break
		}
	}
	if want := at.Host + " takes no message for 500ms (timeout)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestMessagesThatAreCompressedOneByOneAreUnpacked as some exchanges send them all, their pings too; one that becomes too much is counted.
func TestMessagesThatAreCompressedOneByOneAreUnpacked(t *testing.T) {
	t.Parallel()
	ponged := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for _, m := range []string{`{"ping":7}`, strings.Repeat(" ", 1<<20) + `{"ch":"tick"}`, `{"ch":"tick","close":97.5}`} {
			_ = c.Write(t.Context(), websocket.MessageBinary, packed(t, "gzip", m)) // its reader may have left
		}
		for {
			_, body, err := c.Read(t.Context())
			if err != nil {
				return
			}
			select {
			case ponged <- string(body):
			default:
			}
		}
	}))
	t.Cleanup(server.Close)
	s := settings(server.Listener.Addr().String())
	s.Subscribe, s.MaxMessage, s.Item = nil, 64<<10, "/ch"
	s.Replies = []Reply{{When: matches{"/ping": "*"}, Send: `{"pong":{{/ping}}}`}}
	n := run(t, s)
	n.until("a reading", func() bool { n.mu.Lock(); defer n.mu.Unlock(); return len(n.all) > 0 })
	n.mu.Lock()
	got := n.all[0]
	n.mu.Unlock()
	if string(got.Body) != `{"ch":"tick","close":97.5}` || got.Item != "tick" || got.ContentType != "application/json" || !strings.Contains(got.Detail, "unpacked gzip") {
		t.Errorf("got %s of %q, %s, %s", got.Body, got.Item, got.ContentType, got.Detail)
	}
	select {
	case said := <-ponged:
		if said != `{"pong":7}` {
			t.Errorf("replied %s", said)
		}
	case <-time.After(time.Minute):
		t.Error("its ping is not answered")
	}
	if dropped := n.dropped(); !strings.Contains(dropped, "a message of gzip that unpacks to more than max_message (64KiB)") {
		t.Errorf("dropped %q", dropped)
	}
}

// TestWhatIsSaidInPlaceOfAnAcknowledgementIsTold: it is why there is none, where nobody has told what a refusal looks like.
func TestWhatIsSaidInPlaceOfAnAcknowledgementIsTold(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			if _, _, err := c.Read(t.Context()); err != nil {
				return
			}
			_ = c.Write(t.Context(), websocket.MessageText, []byte(`{"event":"error","msg":"no such pair"}`)) // its reader may have left
		}
	}))
	t.Cleanup(server.Close)
	s := settings(server.Listener.Addr().String())
	s.Timeout, s.Subscribe[0].Refused = 300*time.Millisecond, nil
	n := run(t, s)
	n.until("an end", func() bool {
		return strings.Contains(n.Status().LastError, `no acknowledgement in 300ms (timeout); instead the server said, last, {"event":"error","msg":"no such pair"}`)
	})
}
