package httpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/expiry"
	"github.com/dodona-oracle/dodona/internal/nettest"
)

// TestAPeerIsBelievedUntilItsCertificateEnds, also over a connection that stands.
func TestAPeerIsBelievedUntilItsCertificateEnds(t *testing.T) {
	t.Parallel()
	a := nettest.NewAuthority(t, t.TempDir(), "ours")
	for life := 2 * time.Second; ; life *= 2 { // on a slow machine the handshake may come too late
		ends := time.Now().Add(life)
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
		s.TLS = &tls.Config{Certificates: []tls.Certificate{a.Issue(t, "server", life, x509.ExtKeyUsageServerAuth, "127.0.0.1")}}
		s.StartTLS()
		t.Cleanup(s.Close)
		c := client(t, Options{Roots: a.Pool(), MaxAge: time.Hour})
		_, _, err := ask(c, request(t, "GET", s.URL, ""), 100)
		if err != nil && life < time.Minute && strings.Contains(err.Error(), "expired") {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(ends))
		_, _, err = ask(c, request(t, "GET", s.URL, ""), 100)
		var over *expiry.Error
		if !errors.As(err, &over) || over.Who != "server" || !strings.HasSuffix(err.Error(), "in the middle of the session") {
			t.Errorf("over the connection that stands: %v", err)
		}
		if _, _, err = ask(c, request(t, "GET", s.URL, ""), 100); err == nil || !strings.Contains(err.Error(), "expired at ") {
			t.Errorf("over another connection: %v", err)
		}
		return
	}
}

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
