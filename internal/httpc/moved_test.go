package httpc

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// names answers every question of type A with the address that it holds.
func names(at *atomic.Pointer[net.IP]) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe() // no packets, so messages have their length in front
		go func() {                  // ends with its connection
			defer func() { _ = server.Close() }()
			for {
				var size [2]byte
				if _, err := io.ReadFull(server, size[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(server, query); err != nil {
					return
				}
				answer := told(query, at.Load().To4())
				if _, err := server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
					return
				}
			}
		}()
		return client, nil
	}}
}

// told answers a question of one name (RFC 1035 §4); of another type than A there is nothing.
func told(query []byte, address net.IP) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	kind := binary.BigEndian.Uint16(query[end+1:])
	head := []byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}
	body := append([]byte{}, query[12:end+5]...)
	if kind == 1 {
		head[7] = 1
		body = append(append(body, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), address...)
	}
	return append(head, body...)
}

// TestANameThatMovesIsFoundWithinTheGreatestAge moves a name to another machine while the old one still answers, as behind a balancer
// that is taken out of service.
func TestANameThatMovesIsFoundWithinTheGreatestAge(t *testing.T) {
	first := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "first") }))
	first.Start()
	t.Cleanup(first.Close)
	_, port, _ := net.SplitHostPort(first.Listener.Addr().String())
	listener, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Skipf("this machine has one address of loopback: %v", err)
	}
	second := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "second") }))
	_ = second.Listener.Close()
	second.Listener = listener
	second.Start()
	t.Cleanup(second.Close)

	var at atomic.Pointer[net.IP]
	old, new := net.IPv4(127, 0, 0, 1), net.IPv4(127, 0, 0, 2)
	at.Store(&old)
	c := client(t, Options{Resolver: names(&at), MaxAge: time.Minute})
	now := time.Now()
	c.own.now = func() time.Time { return now }
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, "first"}, {time.Minute - time.Second, "first"}, {time.Second, "second"}} {
		now = now.Add(step.after)
		if _, body, err := ask(c, request(t, "GET", "http://meter.example:"+port, ""), 100); err != nil || body != step.want {
			t.Errorf("%s later: got %q, %v, want %s", step.after, body, err, step.want)
		}
		at.Store(&new)
	}
}
