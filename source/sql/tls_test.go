//go:build integration

package sql

import (
	"crypto/x509"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// TestServersAreVerifiedAndCertificatesShown with an authority that only this test knows.
func TestServersAreVerifiedAndCertificatesShown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	authority, stranger := nettest.NewAuthority(t, dir, "plant-ca"), nettest.NewAuthority(t, dir, "another-ca")
	cert, key := authority.Files(t, "server", x509.ExtKeyUsageServerAuth)
	mine, mineKey := authority.Files(t, "dodona", x509.ExtKeyUsageClientAuth)
	for name, p := range map[string]*peer{
		"PostgreSQL": startPostgres(t, "-c", "ssl=on", "-c", "ssl_cert_file="+handed(t, "postgres", cert), "-c", "ssl_key_file="+handed(t, "postgres", key), "-c", "ssl_ca_file="+handed(t, "postgres", authority.File)),
		"MariaDB":    startMariaDB(t, "--ssl-cert="+handed(t, "mysql", cert), "--ssl-key="+handed(t, "mysql", key), "--ssl-ca="+handed(t, "mysql", authority.File)),
	} {
		t.Run(name, func(t *testing.T) {
			shown := map[Driver]string{
				postgresDriver: "SELECT ssl::text AS tls, client_dn::text AS name FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
				mysqlDriver:    "SELECT VARIABLE_NAME AS name, VARIABLE_VALUE AS tls FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME='SSL_CIPHER'",
			}[p.driver]
			if p.driver == mysqlDriver {
				p.exec(t, "ALTER USER dodona@'127.0.0.1' REQUIRE X509")
			}
			with := func(change TLS) ([]string, error) {
				o := openSource(t, p.settings(shown, func(s *Settings) { s.TLS = change }), nil)
				b, err := o.observe(t)
				var bodies []string
				for _, r := range b.Readings {
					bodies = append(bodies, string(r.Body))
				}
				return bodies, err
			}
			good := TLS{Mode: modeVerify, CA: authority.File}
			good.Cert, good.Key = mine, mineKey
			if got, err := with(good); err != nil || len(got) != 1 || !strings.Contains(got[0], "dodona") && !strings.Contains(got[0], "TLS_") {
				t.Errorf("verified, with a certificate: %v, %v", got, err)
			}
			wrong := good
			wrong.CA = stranger.File
			if _, err := with(wrong); !dodona.IsPermanent(err) || !strings.Contains(err.Error(), "unknown authority") {
				t.Errorf("another authority: %v", err)
			}
			wrong.Mode = modeVerifyCA
			if _, err := with(wrong); !dodona.IsPermanent(err) || !strings.Contains(err.Error(), "unknown authority") {
				t.Errorf("another authority, whatever its name: %v", err)
			}
			named := good
			named.ServerName = "db.plant.example"
			if _, err := with(named); !dodona.IsPermanent(err) || !strings.Contains(err.Error(), "db.plant.example") {
				t.Errorf("another name: %v", err)
			}
			named.Mode = modeVerifyCA
			if _, err := with(named); err != nil {
				t.Errorf("another name, which does not matter: %v", err)
			}
			encrypted := good
			encrypted.Mode, encrypted.CA = modeRequire, ""
			if got, err := with(encrypted); err != nil || len(got) != 1 {
				t.Errorf("encrypted: %v, %v", got, err)
			}
			if p.driver == mysqlDriver {
				return
			}
			if got, err := with(TLS{Mode: modeOff}); err != nil || got[0] != `{"tls":"false","name":null}` {
				t.Errorf("off: %v, %v", got, err)
			}
		})
	}
}

// TestAPlainServerIsNotTalkedToInPlain where TLS is asked for, nor is a password that is wrong tried fast.
func TestAPlainServerIsNotTalkedToInPlain(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*peer{"PostgreSQL": startPostgres(t), "MariaDB": startMariaDB(t)} {
		t.Run(name, func(t *testing.T) {
			_, err := openSource(t, p.settings("SELECT 1 AS a", func(s *Settings) { s.TLS.Mode = modeVerify }), nil).observe(t)
			if !dodona.IsPermanent(err) || !strings.Contains(strings.ToLower(err.Error()), "tls") {
				t.Errorf("tls with a plain server: %v", err)
			}
			_, err = openSource(t, p.settings("SELECT 1 AS a", func(s *Settings) { s.Password = secret.New("wrong") }), nil).observe(t)
			if !dodona.IsPermanent(err) || strings.Contains(err.Error(), "wrong\"") {
				t.Errorf("a wrong password: %v", err)
			}
			file := t.TempDir() + "/password"
			if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := rowsOf(t, openSource(t, p.settings("SELECT 1 AS a", func(s *Settings) { s.Password = secret.String{File: file} }), nil)); got[0] != `{"a":1}` {
				t.Errorf("with the password of a file: %v", got)
			}
		})
	}
}

// TestAServerIsBelievedUntilItsCertificateEnds, also by a session that stands; and it is read again as soon as it has another one.
func TestAServerIsBelievedUntilItsCertificateEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	authority, stranger := nettest.NewAuthority(t, dir, "plant-ca"), nettest.NewAuthority(t, dir, "another-ca")
	cert, key := authority.Files(t, "server", x509.ExtKeyUsageServerAuth)
	for name, start := range map[string]func(cert, key string) *peer{
		"PostgreSQL": func(cert, key string) *peer {
			return startPostgres(t, "-c", "ssl=on", "-c", "ssl_cert_file="+cert, "-c", "ssl_key_file="+key)
		},
		"MariaDB": func(cert, key string) *peer { return startMariaDB(t, "--ssl-cert="+cert, "--ssl-key="+key) },
	} {
		t.Run(name, func(t *testing.T) {
			service := map[string]string{"PostgreSQL": "postgres", "MariaDB": "mysql"}[name]
			serverCert, serverKey := handed(t, service, cert), handed(t, service, key)
			p := start(serverCert, serverKey)
			change := func(a *nettest.Authority, life time.Duration) (ends time.Time) {
				t.Helper()
				ends = time.Now().Add(life)
				cert, key := a.FilesFor(t, "changed", life, x509.ExtKeyUsageServerAuth)
				for to, from := range map[string]string{serverCert: cert, serverKey: key} {
					text, err := os.ReadFile(from)
					if err == nil {
						err = os.WriteFile(to, text, 0o600)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				p.exec(t, map[string]string{"PostgreSQL": "SELECT pg_reload_conf()", "MariaDB": "FLUSH SSL"}[name])
				return ends
			}
			settings := p.settings("SELECT 1 AS a", func(s *Settings) { s.TLS = TLS{Mode: modeVerify, CA: authority.File} })
			is := func(what string, got func() error, good func(error) bool) {
				t.Helper()
				for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
					err := got()
					if good(err) {
						return
					}
					if time.Now().After(deadline) {
						t.Fatalf("%s: %v", what, err)
					}
				}
			}
			stands := openSource(t, settings, nil)
			is("before all", func() error { _, err := stands.observe(t); return err }, func(err error) bool { return err == nil })
			change(stranger, time.Hour)
			is("a new session, with a stranger", func() error { _, err := openSource(t, settings, nil).observe(t); return err }, func(err error) bool {
				return dodona.IsPermanent(err) && strings.Contains(err.Error(), "unknown authority, CN=another-ca; ca can name")
			})
			if _, err := stands.observe(t); err != nil {
				t.Errorf("the session that stands was made with a certificate that holds: %v", err)
			}
			var ended error
			for life := 3 * time.Second; ended == nil; life *= 2 { // on a slow machine the handshake may come too late
				ends := change(authority, life)
				o := openSource(t, settings, nil)
				is("a certificate of "+life.String(), func() error { _, err := o.observe(t); return err }, func(err error) bool {
					return err == nil || time.Now().After(ends)
				})
				if time.Now().After(ends) && life < time.Minute {
					continue
				}
				time.Sleep(time.Until(ends))
				_, ended = o.observe(t)
				// The session that stood is left, and the server asked anew before anything is told.
				if ended == nil || !strings.Contains(ended.Error(), "the certificate of changed expired at ") {
					t.Fatalf("the certificate is over: %v", ended)
				}
				if _, err := o.observe(t); !dodona.IsPermanent(err) || !strings.Contains(err.Error(), "; the server needs a new one") {
					t.Errorf("the certificate is over, and the server is asked anew: %v", err)
				}
				change(authority, time.Hour)
				is("another certificate", func() error { _, err := o.observe(t); return err }, func(err error) bool { return err == nil })
			}
		})
	}
}
