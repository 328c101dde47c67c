//go:build integration

package http

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

// nginxConfig runs as one process in the foreground; every path is below the test's folder.
var nginxConfig = template.Must(template.New("nginx").Parse(`
daemon off;
master_process off;
pid {{.Dir}}/pid;
error_log {{.Dir}}/error.log info;
events { worker_connections 64; }
http {
  access_log {{.Dir}}/access.log;
  client_body_temp_path {{.Dir}}/t1; proxy_temp_path {{.Dir}}/t2; fastcgi_temp_path {{.Dir}}/t3; uwsgi_temp_path {{.Dir}}/t4; scgi_temp_path {{.Dir}}/t5;
  types { application/json json; }
  limit_req_zone $binary_remote_addr zone=slow:32k rate=1r/m;
  gzip on; gzip_types application/json; gzip_min_length 20;
  server {
    listen 127.0.0.1:{{.Plain}};
    listen 127.0.0.1:{{.TLS}} ssl http2;
    ssl_certificate {{.Dir}}/server.pem; ssl_certificate_key {{.Dir}}/server.key;
    ssl_client_certificate {{.Dir}}/ca.pem; ssl_verify_client optional;
    root {{.Dir}}/www;
    location /members/ { if ($ssl_client_verify != SUCCESS) { return 403; } default_type text/plain; return 200 "$ssl_client_s_dn"; }
    location /limited/ { limit_req zone=slow; limit_req_status 429; error_page 429 @limited; try_files /price.json =404; }
    location @limited { internal; add_header Retry-After 7 always; return 429; }
    location /down/ { return 503; }
    location /moved/ { return 302 /price.json; }
    location /moved-tls/ { return 301 https://127.0.0.1:{{.TLS}}/price.json; }
    location /moved-away/ { return 302 http://localhost:{{.Plain}}/whoami; }
    location /whoami { default_type text/plain; return 200 "authorization=[$http_authorization] key=[$http_x_api_key] referer=[$http_referer]"; }
    location /protocol { default_type text/plain; return 200 "$server_protocol $http_user_agent"; }
    location /private/ { auth_basic "boiler"; auth_basic_user_file {{.Dir}}/users; try_files /price.json =404; }
    location /post/ { if ($request_method != POST) { return 405; } return 200 "posted"; }
  }
}
`))

// An nginx is Debian's, started and stopped by the test.
type nginx struct {
	Dir        string
	Plain, TLS int
	cmd        *exec.Cmd
	output     bytes.Buffer
}

// newNginx prepares a folder with a private CA's certificate; nothing runs yet.
func newNginx(t *testing.T) *nginx {
	t.Helper()
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Fatal("nginx is missing: run make deps")
	}
	n := &nginx{Dir: t.TempDir(), Plain: freePort(t), TLS: freePort(t)}
	if err := os.Mkdir(filepath.Join(n.Dir, "www"), 0o755); err != nil {
		t.Fatal(err)
	}
	n.certificates(t)
	var config bytes.Buffer
	if err := nginxConfig.Execute(&config, n); err != nil {
		t.Fatal(err)
	}
	n.file(t, "nginx.conf", config.String())
	hash := sha1.Sum([]byte("pass:word-4"))
	n.file(t, "users", "otto:{SHA}"+base64.StdEncoding.EncodeToString(hash[:])+"\n")
	n.say(t, 0)
	t.Cleanup(func() { n.stop(t) })
	return n
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func (n *nginx) file(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(n.Dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func (n *nginx) say(t *testing.T, what int) { n.file(t, "www/price.json", sourcetest.Body(what)) }

func (n *nginx) start(t *testing.T) {
	t.Helper()
	n.cmd = exec.Command("nginx", "-c", filepath.Join(n.Dir, "nginx.conf"), "-p", n.Dir, "-e", filepath.Join(n.Dir, "error.log"))
	n.cmd.Stdout, n.cmd.Stderr = &n.output, &n.output
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); ; <-tick.C {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.Plain))
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(n.Dir, "error.log"))
			t.Fatalf("nginx does not listen: %v\n%s%s", err, &n.output, log)
		}
	}
}

func (n *nginx) stop(*testing.T) {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself, which Wait tells
	_ = n.cmd.Wait()
	n.cmd = nil
}

// certificates writes ca.pem, server.pem and server.key signed by it for 127.0.0.1, and client.pem for the same key.
func (n *nginx) certificates(t *testing.T) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Plant CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	must(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "boiler"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	must(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	n.file(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})))
	leaf.SerialNumber, leaf.Subject, leaf.ExtKeyUsage = big.NewInt(3), pkix.Name{CommonName: "gw-7"}, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	clientDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	must(err)
	n.file(t, "client.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: clientDER})))
	n.file(t, "server.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER})))
	n.file(t, "server.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
}

func (n *nginx) plain(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", n.Plain, path) }

func (n *nginx) tls(path string) string { return fmt.Sprintf("https://127.0.0.1:%d%s", n.TLS, path) }

// ask observes once what nginx has under a URL.
func (n *nginx) ask(t *testing.T, url string, change func(*Settings)) (dodona.Reading, error) {
	t.Helper()
	return observe(t, settings("", func(s *Settings) {
		s.URL, s.Timeout, s.Query = url, 10*time.Second, nil
		if change != nil {
			change(s)
		}
	}))
}

func TestSuiteAgainstNginx(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
				n := newNginx(t)
				s := settings("", func(s *Settings) { s.Timeout = 10 * time.Second })
				s.URL = n.plain("/price.json?key=query-key-1")
				if scheme == "https" {
					s.URL, s.CA = n.tls("/price.json?key=query-key-1"), filepath.Join(n.Dir, "ca.pem")
				}
				return sourcetest.Subject{Kind: Kind, Settings: s, Start: n.start, Stop: n.stop, Say: n.say}
			})
		})
	}
}

// TestFaultsOfNginx has a relay in front of nginx; what a byte a second is takes a time-out of two.
func TestFaultsOfNginx(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			sourcetest.RunFaults(t, func(t *testing.T) sourcetest.Subject {
				n := newNginx(t)
				port := n.Plain
				if scheme == "https" {
					port = n.TLS
				}
				relay := nettest.NewRelay(t, fmt.Sprintf("127.0.0.1:%d", port))
				s := settings(relay.Address, func(s *Settings) { s.Timeout = 2 * time.Second })
				s.URL = scheme + "://" + relay.Address + "/price.json"
				if scheme == "https" {
					s.CA = filepath.Join(n.Dir, "ca.pem")
				}
				return sourcetest.Subject{
					Kind: Kind, Settings: s, Start: n.start, Stop: n.stop, Say: n.say,
					Faults: sourcetest.Faults{
						Freeze: func(t *testing.T) { n.signal(t, syscall.SIGSTOP) },
						Thaw:   func(t *testing.T) { n.signal(t, syscall.SIGCONT) },
						Kill: func(t *testing.T) {
							n.signal(t, syscall.SIGKILL)
							n.stop(t)
						},
						Vanish: func(*testing.T) { relay.Freeze() },
						Drip:   func(*testing.T) { relay.Drip(time.Second) },
						Flow:   func(*testing.T) { relay.Resume() },
						Late:   func(*testing.T) { relay.Late() },
					},
				}
			})
		})
	}
}

func (n *nginx) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func TestNginx(t *testing.T) {
	n := newNginx(t)
	n.start(t)
	ca := filepath.Join(n.Dir, "ca.pem")
	n.file(t, "www/large.json", `{"zeros":"`+strings.Repeat("0", 8<<20)+`"}`)
	noBasic := func(s *Settings) { s.Basic = nil }
	for _, c := range []struct {
		name   string
		url    string
		change func(*Settings)
		body   string
		fails  string
		fatal  bool
	}{
		{"plain", n.plain("/price.json"), nil, sourcetest.Mark(0), "", false},
		{"private CA", n.tls("/price.json"), func(s *Settings) { s.CA = ca }, sourcetest.Mark(0), "", false},
		{"unknown CA", n.tls("/price.json"), nil, "", "is of an unknown authority, CN=", true},
		{"another name", strings.Replace(n.tls("/price.json"), "127.0.0.1", "localhost", 1), func(s *Settings) { s.CA = ca }, "", "certificate", true},
		{"plain HTTP at a TLS port", strings.Replace(n.tls("/price.json"), "https", "http", 1), nil, "", "400 Bad Request", true},
		{"TLS at a plain port", strings.Replace(n.plain("/price.json"), "http", "https", 1), nil, "", "HTTP response to HTTPS client", true},
		{"http/2 and user agent", n.tls("/protocol"), func(s *Settings) { s.CA = ca }, "HTTP/2.0 dodona/1.2.3", "", false},
		{"http/1.1", n.plain("/protocol"), nil, "HTTP/1.1 dodona/1.2.3", "", false},
		{"basic right", n.plain("/private/"), nil, sourcetest.Mark(0), "", false},
		{"basic wrong", n.plain("/private/"), func(s *Settings) { s.Basic.Password = secret.New("header-key-3") }, "", "401 Unauthorized: check basic", true},
		{"basic missing", n.plain("/private/"), noBasic, "", "401 Unauthorized", true},
		{"a client certificate", n.tls("/members/"), func(s *Settings) {
			s.CA, s.TLS.Cert, s.TLS.Key = ca, filepath.Join(n.Dir, "client.pem"), filepath.Join(n.Dir, "server.key")
		}, "CN=gw-7", "", false},
		{"no client certificate", n.tls("/members/"), func(s *Settings) { s.CA = ca }, "", "403 Forbidden: the server asks for a client certificate: see tls", true},
		{"a server's as a client's", n.tls("/members/"), func(s *Settings) {
			s.CA, s.TLS.Cert, s.TLS.Key = ca, filepath.Join(n.Dir, "server.pem"), filepath.Join(n.Dir, "server.key")
		}, "", "400 Bad Request", true},
		{"not found", n.plain("/nothing.json"), nil, "", "404 Not Found: check url", true},
		{"down", n.plain("/down/"), nil, "", "503 Service Unavailable", false},
		{"post", n.plain("/post/"), func(s *Settings) { s.Body = "{}" }, "posted", "", false},
		{"get where post is due", n.plain("/post/"), nil, "", "405 Not Allowed", true},
		{"redirect", n.plain("/moved/"), nil, sourcetest.Mark(0), "", false},
		{"redirect to another port", n.plain("/moved-tls/"), func(s *Settings) { s.CA = ca }, "", "redirect refused: to another host", true},
		{"redirect to another port, allowed", n.plain("/moved-tls/"), func(s *Settings) { s.CA, s.Redirects = ca, "any" }, sourcetest.Mark(0), "", false},
		{"redirect away", n.plain("/moved-away/"), nil, "", "redirect refused: to another host", true},
		{"redirect away, allowed", n.plain("/moved-away/"), func(s *Settings) { s.Redirects = "any" }, "authorization=[] key=[] referer=[]", "", false},
		{"large, compressed", n.plain("/large.json"), nil, "", "larger than max_size (1MiB)", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := n.ask(t, c.url, c.change)
			switch {
			case c.fails == "" && (err != nil || !strings.Contains(string(r.Body), c.body)):
				t.Errorf("got %q, %v, want %s", r.Body, err, c.body)
			case c.fails != "" && (err == nil || !strings.Contains(err.Error(), strings.Replace(c.fails, "405 Not Allowed", "405 Method Not Allowed", 1))):
				t.Errorf("got %q, %v, want the error %s", r.Body, err, c.fails)
			case dodona.IsPermanent(err) != c.fatal:
				t.Errorf("%v is permanent: %v, want %v", err, dodona.IsPermanent(err), c.fatal)
			}
		})
	}
}

func TestNginxSaysThatNothingChanged(t *testing.T) {
	n := newNginx(t)
	n.file(t, "www/price.json", `{"value":`+strings.Repeat("7", 100)+`}`) // long enough to be compressed, which makes its ETag weak
	n.start(t)
	c := opened(t, settings("", func(s *Settings) { s.URL, s.Query, s.Revalidate = n.plain("/price.json"), nil, true }))
	for i, want := range []string{" 200, 110 B", " 304, as it was at ", " 304, as it was at "} {
		b, err := c.Observe(t.Context())
		if err != nil || len(b.Readings[0].Body) != 110 || !strings.Contains(b.Readings[0].Detail, want) {
			t.Fatalf("request %d: got %v, %v, want %s", i+1, b, err, want)
		}
	}
	n.file(t, "www/price.json", `{"value":8}`)
	if b, err := c.Observe(t.Context()); err != nil || string(b.Readings[0].Body) != `{"value":8}` {
		t.Errorf("of a document that changed came %v, %v", b, err)
	}
}

func TestNginxCompresses(t *testing.T) {
	n := newNginx(t)
	want := `{"value":` + strings.Repeat("7", 100<<10) + `}`
	n.file(t, "www/price.json", want)
	n.start(t)
	r, err := n.ask(t, n.plain("/price.json"), func(s *Settings) { s.MaxSize = 128 * unit.KiB })
	if err != nil || string(r.Body) != want {
		t.Fatalf("got %d B, %v, want %d B", len(r.Body), err, len(want))
	}
	n.stop(t) // so that its log is written
	access, err := os.ReadFile(filepath.Join(n.Dir, "access.log"))
	if err != nil || !bytes.Contains(access, []byte(`HTTP/1.1"`)) {
		t.Fatalf("the access log is %q, %v", access, err)
	}
	var status, sent int
	fields := strings.Fields(string(access[bytes.Index(access, []byte(`HTTP/1.1"`))+9:]))
	if _, err := fmt.Sscan(strings.Join(fields[:2], " "), &status, &sent); err != nil || status != 200 || sent > len(want)/10 {
		t.Errorf("nginx sent %d bytes with status %d (%v), want far less than the %d of the body", sent, status, err, len(want))
	}
}

func TestNginxLimitsAndThePumpKeepsToIt(t *testing.T) {
	n := newNginx(t)
	n.start(t)
	p := source.NewPump(source.Config{Name: "nginx", Kind: Kind, Settings: settings("", func(s *Settings) { s.URL = n.plain("/limited/") })})
	ctx, cancel := contextFor(t)
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()
	defer func() { cancel(); <-done }()
	if _, err := p.Ask(ctx, 1); err != nil {
		t.Fatalf("the first request: %v", err)
	}
	short, stop := contextWithin(t, 5*time.Second)
	defer stop()
	_, err := p.Ask(short, 2)
	if err == nil || !strings.Contains(err.Error(), "429 Too Many Requests; trying again at "+p.Status().NextTry.UTC().Round(time.Second).Format(time.RFC3339)+" (attempt 1)") {
		t.Errorf("the second request gave %v, want 429 and a wait of 7 s", err)
	}
	if got := p.Status(); got.Exchanges != 2 || time.Until(got.NextTry) < 5*time.Second {
		t.Errorf("status is %+v, want no third exchange for 7 s", got)
	}
}
