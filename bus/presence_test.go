//go:build !no.bus.server

package bus

import (
	"log/slog"
	"testing"
	"time"
)

// connectTo returns a bus that is connected to a server of this process.
func connectTo(t *testing.T, server *Server) *Bus {
	t.Helper()
	b := New(Config{Node: "gw-1", Server: server, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err := b.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// TestTwoOfOneNameFindEachOtherOut: those that opened in the same moment, which this test makes by taking another name and changing it.
func TestTwoOfOneNameFindEachOtherOut(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	server := start(t, ServerConfig{})
	a, err := connectTo(t, server).Take(t.Context(), "00", "gw-1", "0a")
	if err != nil {
		t.Fatal(err)
	}
	if other := a.whoIsThere(t.Context()); other != nil {
		t.Fatalf("a process finds itself: %+v", other)
	}
	b, err := connectTo(t, server).Take(t.Context(), "00", "gw-2", "0b")
	if err != nil {
		t.Fatal(err)
	}
	b.subjects[0] = a.subjects[0]
	if other := b.whoIsThere(t.Context()); other == nil || other.Writer != "0a" {
		t.Fatalf("got %+v, want the process with writer 0a", other)
	}
	if _, err := connectTo(t, server).Take(t.Context(), "01", "gw-1", "0a"); err != nil {
		t.Errorf("the name is another network's: %v", err)
	}
}
