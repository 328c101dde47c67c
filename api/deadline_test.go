package api

import (
	"bufio"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// clockwork is a state whose status differs each time somebody looks.
type clockwork struct{ State }

func (clockwork) Feeds() []FeedStatus     { return nil }
func (clockwork) Sources() []SourceStatus { return nil }
func (clockwork) Status() Status          { return Status{Now: time.Now()} }

func TestStreamOutlivesTheDeadlinesOfRequests(t *testing.T) {
	h := New(Config{State: clockwork{}, Log: slog.New(slog.DiscardHandler)})
	h.interval = 20 * time.Millisecond
	h.beat = 30 * time.Millisecond
	server := newServer(h)
	server.ReadTimeout, server.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	defer func() {
		h.EndStreams()
		_ = server.Close()
		<-done
	}()
	start := time.Now()
	answer, err := http.Get("http://" + l.Addr().String() + "/v1/stream?events=status")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	events := 0
	for lines := bufio.NewScanner(answer.Body); events < 20 && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "event: status") {
			events++
		}
	}
	if took := time.Since(start); events < 20 || took < 2*server.ReadTimeout {
		t.Errorf("got %d events in %v, want 20 in more than %v", events, took, 2*server.ReadTimeout)
	}
}
