package handshake

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/nettest"
)

// serve lets one connection after the other do with what it is given, and returns its address.
func serve(t *testing.T, with func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			with(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func greet(t *testing.T, address string, config *tls.Config) error {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	secured := tls.Client(c, config)
	defer secured.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		return err
	}
	_, err = secured.Read(make([]byte, 1)) // up to TLS 1.3 it is said behind the handshake that a certificate is wanted
	return err
}

func TestAHandshakeThatFailsSaysWhichSettingHelps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plant, other, namesake := nettest.NewAuthority(t, dir, "Plant CA"), nettest.NewAuthority(t, dir, "other"), nettest.NewAuthority(t, t.TempDir(), "Plant CA")
	issue := func(life time.Duration, usage x509.ExtKeyUsage, hosts ...string) tls.Certificate {
		return plant.Issue(t, "boiler", life, usage, hosts...)
	}
	good := issue(time.Hour, x509.ExtKeyUsageServerAuth, "boiler.local", "10.0.0.5")
	secured := func(cert tls.Certificate, wants tls.ClientAuthType) func(net.Conn) {
		return func(c net.Conn) {
			s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: wants, ClientCAs: plant.Pool()})
			_ = s.Handshake()
		}
	}
	trusting := func(roots *x509.CertPool, name string) *tls.Config {
		return &tls.Config{RootCAs: roots, ServerName: name}
	}
	for name, c := range map[string]struct {
		server func(net.Conn)
		config *tls.Config
		wants  []string
	}{
		"an authority that is not known": {secured(good, 0), trusting(other.Pool(), "boiler.local"), []string{"(boiler)", "unknown authority, CN=Plant CA; ca can name"}},
		"an authority of the same name":  {secured(good, 0), trusting(namesake.Pool(), "boiler.local"), []string{"CN=Plant CA, is known, but has another key"}},
		"another name":                   {secured(good, 0), trusting(plant.Pool(), "127.0.0.1"), []string{"of boiler.local, 10.0.0.5, not of 127.0.0.1", "tls.server_name"}},
		"no name":                        {secured(issue(time.Hour, x509.ExtKeyUsageServerAuth), 0), trusting(plant.Pool(), "boiler"), []string{"(boiler) names no host", "subject alternative name"}},
		"an expired certificate":         {secured(issue(-time.Hour, x509.ExtKeyUsageServerAuth, "b"), 0), trusting(plant.Pool(), "b"), []string{"of boiler expired at ", " ago; the server needs a new one"}},
		"one that is not for servers":    {secured(issue(time.Hour, x509.ExtKeyUsageClientAuth, "b"), 0), trusting(plant.Pool(), "b"), []string{"not for servers"}},
		"a port without TLS": {func(c net.Conn) {
			_, _ = c.Write([]byte("220 hello, this is no TLS at all\r\n"))
			_, _ = io.Copy(io.Discard, c)
		}, trusting(nil, "b"), []string{"not with TLS", "write mqtt://"}},
		"a port that hangs up":         {func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }, trusting(nil, "b"), []string{"closed the connection in the TLS handshake", "write mqtt://"}},
		"one that wants a certificate": {secured(good, tls.RequireAndVerifyClientCert), trusting(plant.Pool(), "boiler.local"), []string{"wants to be shown a certificate; see tls.cert"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cause := greet(t, serve(t, c.server), c.config)
			err := Failed(cause, time.Now(), "write mqtt://")
			for _, want := range c.wants {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q (the library says: %v)", err, want, cause)
				}
			}
			if !errors.Is(err, cause) {
				t.Errorf("%v has lost its cause", err)
			}
			for _, word := range []string{"x509", "tls:"} {
				if strings.Contains(err.Error(), word) {
					t.Errorf("%q is the library's word: %v", word, err)
				}
			}
		})
	}
}

func TestAClockThatIsWrongIsAsked(t *testing.T) {
	cert := &x509.Certificate{NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	cert.Subject.CommonName = "boiler"
	err := Explain(x509.CertificateInvalidError{Cert: cert, Reason: x509.Expired}, time.Date(1970, 1, 1, 0, 1, 0, 0, time.UTC))
	if got, want := err.Error(), "the certificate of boiler is valid from 2026-01-01T00:00:00Z on, and the clock here says 1970-01-01T00:01:00Z; is it right?"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWhatIsNotOfTLSStaysAsItIs(t *testing.T) {
	for _, err := range []error{nil, io.EOF, context.DeadlineExceeded, errors.New("no route to host")} {
		if got := Explain(err, time.Now()); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
	if err := Failed(context.DeadlineExceeded, time.Now(), "leave out tls"); !strings.Contains(err.Error(), "(timeout); if it speaks no TLS, leave out tls") {
		t.Errorf("a time-out is told as %v", err)
	}
	if err := Failed(nil, time.Now(), ""); err != nil {
		t.Errorf("nothing failed, and it is told: %v", err)
	}
}

func TestNamesOfAStrangerAreShownOnOneLine(t *testing.T) {
	cert := &x509.Certificate{DNSNames: []string{strings.Repeat("a", 500) + "\n\x1b[31m"}}
	err := Explain(x509.HostnameError{Certificate: cert, Host: "b\nc"}, time.Now())
	if got := err.Error(); len(got) > 400 || strings.ContainsAny(got, "\n\x1b") {
		t.Errorf("got %q", got)
	}
}

// TestWhatAPeerSaidBeforeItHungUpIsToldOfAFailedWrite, also where its words came before the write was tried.
func TestWhatAPeerSaidBeforeItHungUpIsToldOfAFailedWrite(t *testing.T) {
	t.Parallel()
	authority := nettest.NewAuthority(t, t.TempDir(), "Plant CA")
	cert, key := authority.Files(t, "server", x509.ExtKeyUsageServerAuth)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	wrote := make(chan struct{})
	address := serve(t, func(c net.Conn) {
		_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert}).Handshake() // which says no
		<-wrote
	}) // what is unread resets the connection
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	text, err := os.ReadFile(authority.File)
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatal(err)
	}
	secured := tls.Client(c, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
	defer secured.Close()
	if err := secured.Handshake(); err != nil {
		t.Fatal(err)
	}
	_, failed := secured.Write([]byte("first")) // is taken
	close(wrote)
	for end := time.Now().Add(30 * time.Second); failed == nil && time.Now().Before(end); time.Sleep(time.Millisecond) {
		_, failed = secured.Write([]byte("more"))
	}
	if failed == nil {
		t.Fatal("it takes all that is written")
	}
	if told := Explain(Told(secured, failed), time.Now()).Error(); !strings.Contains(told, "wants to be shown a certificate") {
		t.Errorf("of %v it is told: %s", failed, told)
	}
	if err := io.ErrUnexpectedEOF; Told(secured, err) != err {
		t.Error("another failure is changed")
	}
}
