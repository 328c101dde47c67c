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
