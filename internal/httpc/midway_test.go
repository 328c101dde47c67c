package httpc

import (
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/nettest"
)

// TestAPeerThatFallsSilentMidwayIsLeft: it has given the head of an answer and a part of the body, so that the connection looked well.
func TestAPeerThatFallsSilentMidwayIsLeft(t *testing.T) {
	t.Parallel()
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		var relay *nettest.Relay
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/silent" {
				_, _ = io.WriteString(w, r.Proto)
				return
			}
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			relay.Freeze()
			<-t.Context().Done()
		}))
		s.EnableHTTP2 = proto == "HTTP/2.0"
		s.StartTLS()
		t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
		relay = nettest.NewRelay(t, s.Listener.Addr().String())
		roots := x509.NewCertPool()
		roots.AddCert(s.Certificate())
		c := client(t, Options{Roots: roots, MaxAge: time.Hour, ping: time.Hour, pong: time.Hour})
		within := func(limit time.Duration, path string) (string, error) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, body, err := ask(c, request(t, "GET", "https://"+relay.Address+path, "").WithContext(ctx), 100)
			return body, err
		}
		if body, err := within(time.Minute, "/"); err != nil || body != proto {
			t.Fatalf("got %q, %v; want %s", body, err, proto)
		}
		if body, err := within(time.Second, "/silent"); err == nil {
			t.Fatalf("%s: half an answer is taken for one: %q", proto, body)
		}
		if body, err := within(time.Minute, "/"); err != nil || body != proto {
			t.Errorf("%s: after half an answer: got %q, %v", proto, body, err)
		}
		if made := relay.Made(); made != 2 {
			t.Errorf("%s: %d connections were made, want 2", proto, made)
		}
	}
}
