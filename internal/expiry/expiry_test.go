package expiry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona/internal/nettest"
)

// between returns both ends of a TLS connection whose server's certificate lives so long, watched by w.
func between(t *testing.T, w *Watch, a *nettest.Authority, life time.Duration, change func(*tls.Config)) (client, server *tls.Conn) {
	t.Helper()
	near, far := net.Pipe()
	server = tls.Server(far, &tls.Config{Certificates: []tls.Certificate{a.Issue(t, "plant", life, x509.ExtKeyUsageServerAuth, "boiler")}})
	config := &tls.Config{RootCAs: a.Pool(), ServerName: "boiler"}
	if change != nil {
		change(config)
	}
	client = tls.Client(w.Conn(near), w.Config(config))
	done := make(chan error)
	go func() { done <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return client, server
}

func TestAConnectionEndsWithTheCertificate(t *testing.T) {
	a := nettest.NewAuthority(t, t.TempDir(), "ours")
	unchecked := func(c *tls.Config) { c.InsecureSkipVerify = true }
	for name, c := range map[string]struct {
		life, ends time.Duration // never: 0
		change     func(*tls.Config)
	}{
		"the peer's":         {10 * time.Minute, 10 * time.Minute, nil},
		"its authority's":    {100 * time.Hour, time.Hour, nil},
		"whom nobody checks": {10 * time.Minute, 0, unchecked},
		"checked in its own way": {10 * time.Minute, 10 * time.Minute, func(c *tls.Config) {
			unchecked(c)
			c.VerifyConnection = func(tls.ConnectionState) error { return nil }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := nettest.NewAuthority(t, t.TempDir(), "ours") // its hour begins in this bubble's time
				var w Watch
				client, server := between(t, &w, a, c.life, c.change)
				begun, ended := time.Now(), make(chan error, 1)
				go func() {
					_, err := client.Read(make([]byte, 1))
					ended <- err
				}()
				if c.ends == 0 {
					time.Sleep(200 * time.Hour)
					go func() { _, _ = server.Write([]byte{1}) }()
					if err := <-ended; err != nil {
						t.Errorf("it ended: %v", err)
					}
					return
				}
				var over *Error
				if err := <-ended; !errors.As(err, &over) || !strings.HasSuffix(err.Error(), ", in the middle of the session") || time.Since(begun) != c.ends || over.Until.Sub(begun) != c.ends {
					t.Errorf("after %s: %v", time.Since(begun), err)
				}
				if _, err := client.Write([]byte{1}); !errors.As(err, &over) {
					t.Errorf("write: %v", err)
				}
			})
		})
	}
	if err := Over(nil, time.Now()); err != nil {
		t.Error(err)
	}
	state := &tls.ConnectionState{ServerName: "boiler", VerifiedChains: [][]*x509.Certificate{{a.Cert}}}
	if Over(state, a.Cert.NotAfter) != nil || Over(state, a.Cert.NotAfter.Add(time.Second)) == nil || Over(&tls.ConnectionState{}, time.Now()) != nil {
		t.Error("a certificate holds until its end, and none has no end")
	}
}

// TestAClosedConnectionHasNoAlarm, and one that a driver dials later is judged by its own handshake.
func TestAClosedConnectionHasNoAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := nettest.NewAuthority(t, t.TempDir(), "ours")
		var w Watch
		first, _ := between(t, &w, a, 10*time.Minute, nil)
		go first.NetConn().Close()
		synctest.Wait()
		time.Sleep(11 * time.Minute)
		if _, err := first.Read(make([]byte, 1)); errors.As(err, new(*Error)) || err == nil {
			t.Errorf("closed before: %v", err)
		}
		second, server := between(t, &w, a, 30*time.Minute, nil)
		go func() { _, _ = server.Write([]byte{1}) }()
		if _, err := io.ReadFull(second, make([]byte, 1)); err != nil {
			t.Errorf("another connection: %v", err)
		}
	})
}
