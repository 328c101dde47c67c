//go:build integration

package sql

import (
	"crypto/x509"
	"os"
	"strings"
	"testing"

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
