//go:build integration

package websocket

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
