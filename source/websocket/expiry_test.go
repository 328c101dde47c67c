//go:build integration

package websocket

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/dodona-oracle/dodona/internal/nettest"
)

// TestAServerIsBelievedUntilItsCertificateEnds, also by a connection that stands.
func TestAServerIsBelievedUntilItsCertificateEnds(t *testing.T) {
	t.Parallel()
	ours := nettest.NewAuthority(t, t.TempDir(), "ours")
	for life := 3 * time.Second; ; life *= 2 { // on a slow machine the handshake may come too late
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := websocket.Accept(w, r, nil)
			if err != nil {
				return
			}
			for {
				if _, _, err := c.Read(t.Context()); err != nil {
					return
				}
			}
		}))
		server.TLS = &tls.Config{Certificates: []tls.Certificate{ours.Issue(t, "plant", life, x509.ExtKeyUsageServerAuth, "127.0.0.1")}}
		server.StartTLS()
		t.Cleanup(server.Close)
		address := server.Listener.Addr().String()
		s := settings(address)
		s.URL, s.CA, s.Subscribe = "wss://"+address, ours.File, nil
		n := run(t, s)
		n.until("an error", func() bool { return n.Status().LastError != "" })
		why := n.Status().LastError
		if strings.Contains(why, "the certificate of plant expired at ") && strings.HasSuffix(why, ", in the middle of the session") {
			n.until("that it is not believed again", func() bool { return strings.Contains(n.Status().LastError, "; the server needs a new one") })
			return
		}
		if life > time.Minute || !strings.Contains(why, "expired") {
			t.Fatalf("a certificate of %s: %s", life, why)
		}
	}
}
