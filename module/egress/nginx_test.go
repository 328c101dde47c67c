//go:build integration

package egress

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const nginxConfig = `
daemon off;
master_process off;
pid DIR/pid;
error_log DIR/error.log info;
events { worker_connections 64; }
http {
  access_log DIR/access.log;
  client_body_temp_path DIR/t1; proxy_temp_path DIR/t2; fastcgi_temp_path DIR/t3; uwsgi_temp_path DIR/t4; scgi_temp_path DIR/t5;
  types { application/json json; }
  gzip on; gzip_types application/json; gzip_min_length 1;
  server {
    listen 127.0.0.1:PORT ssl;
    ssl_protocols TLSv1.3; ssl_certificate DIR/server.pem; ssl_certificate_key DIR/server.key;
    root DIR/www;
    location /moved/ { return 302 https://127.0.0.1:PORT/price.json; }
    location /down/ { return 503; }
    location /empty/ { return 204; }
    location /slow.json { limit_rate 1k; }
    location /who { default_type text/plain; return 200 "$ssl_protocol $host $http_user_agent [$http_cookie$http_authorization$http_accept_encoding]"; }
  }
}
`

// startNginx starts Debian's nginx with a certificate for api.example, and returns its port.
func startNginx(t *testing.T, ca authority) string {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	cert := ca.certificate(t, time.Hour, "api.example")
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"nginx.conf":     []byte(strings.NewReplacer("DIR", dir, "PORT", port).Replace(nginxConfig)),
		"server.pem":     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}),
		"server.key":     pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"www/price.json": []byte(`{"price":"43218.55"}`),
		"www/large.json": bytes.Repeat([]byte("0"), 8<<20),
		"www/slow.json":  bytes.Repeat([]byte("0"), 60<<10),
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("nginx", "-c", filepath.Join(dir, "nginx.conf"), "-p", dir, "-e", filepath.Join(dir, "error.log"))
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start nginx: %v: run make deps", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself, which Wait tells
		_ = cmd.Wait()
	})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = c.Close()
			return port
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Fatalf("nginx does not listen: %v\n%s%s", err, &output, log)
		}
	}
}

func TestGetterFetchesFromNginx(t *testing.T) {
	ca := newAuthority(t)
	port := startNginx(t, ca)
	o := Options{Hosts: []string{"api.example:" + port}, PerSecond: 10, RootCAs: ca.Pool(), Resolver: resolver("127.0.0.1")}
	timed := open(o)
	o.timeout = patient
	untimed := open(o)
	at := func(path string) string { return "https://api.example:" + port + path }
	for _, want := range []struct {
		url    string
		status int
		body   string
		is     error
	}{
		{at("/price.json"), 200, `{"price":"43218.55"}`, nil},
		{at("/empty/"), 204, "", nil},
		{at("/moved/"), 302, "", nil},
		{at("/down/"), 503, "", nil},
		{at("/none.json"), 404, "", nil},
		{at("/large.json"), 0, "", ErrTooLarge},
		{at("/slow.json"), 0, "", context.DeadlineExceeded},
		{at("/who"), 200, "TLSv1.3 api.example dodona []", nil},
		{"https://127.0.0.1:" + port + "/", 0, "", ErrNotGranted},
		{"http://api.example:" + port + "/", 0, "", ErrURL},
		{"https://other.example:" + port + "/", 0, "", ErrNotGranted},
	} {
		get := untimed
		if strings.HasSuffix(want.url, "/slow.json") {
			get = timed
		}
		status, body, err := get(t.Context(), want.url, 0)
		if status != want.status || string(body) != want.body || !errors.Is(err, want.is) {
			t.Errorf("%s: got %d, %q, %v; want %d, %q, %v", want.url, status, body, err, want.status, want.body, want.is)
		}
	}
	// The same server, for a node.
	if _, _, err := New(o)(t.Context(), at("/price.json"), 0); !errors.Is(err, ErrNotGranted) {
		t.Errorf("loopback: got %v, want %v", err, ErrNotGranted)
	}
	o.RootCAs = nil
	if _, _, err := open(o)(t.Context(), at("/price.json"), 0); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("without the authority: got %v", err)
	}
}
