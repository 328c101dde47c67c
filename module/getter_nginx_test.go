//go:build integration

package module

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/module/manifest"
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

func TestGuestFetchesFromNginx(t *testing.T) {
	ca := newAuthority(t)
	port := startNginx(t, ca)
	o := GetterOptions{
		Hosts: []string{"api.example:" + port}, PerSecond: 10, RootCAs: ca.pool(), Resolver: resolver("127.0.0.1"), PrivateAddressesForTests: true,
	}
	host := fullHost()
	timed := NewGetter(o)
	o.timeout = patient
	untimed := NewGetter(o)
	host.Get = func(ctx context.Context, url string, limit int) (int, []byte, error) {
		if strings.HasSuffix(url, "/slow.json") {
			return timed(ctx, url, limit)
		}
		return untimed(ctx, url, limit)
	}
	spec := capable(t, host)
	spec.Capabilities.HTTPGet = &manifest.HTTPGet{Hosts: o.Hosts}
	m := abiModule(t, spec)
	at := func(path string) string { return "https://api.example:" + port + path }
	for _, want := range []struct {
		url  string
		code int64
		body string
	}{
		{at("/price.json"), 20, `{"price":"43218.55"}`},
		{at("/empty/"), 0, ""},
		{at("/moved/"), -1302, ""},
		{at("/down/"), -1503, ""},
		{at("/none.json"), -1404, ""},
		{at("/large.json"), -enospc, ""},
		{at("/slow.json"), -etimedout, ""},
		{at("/who"), 29, "TLSv1.3 api.example dodona []"},
		{"https://127.0.0.1:" + port + "/", -eacces, ""},
		{"http://api.example:" + port + "/", -einval, ""},
		{"https://other.example:" + port + "/", -eacces, ""},
	} {
		s := newScript(t, "capability")
		p, n := s.text(want.url)
		s.call("http_get", p, n)
		s.call("result_read", outAt, 0, 100)
		ev := s.event()
		got, out := s.run(m, ev)
		if read := string(seen(out, 0, int(got[1]))); got[0] != want.code || read != want.body {
			t.Errorf("%s: got %d, %q; want %d, %q", want.url, got[0], read, want.code, want.body)
		}
		replays(t, spec, ev, out)
	}
	// The same server, for a node that is not told that it is a test.
	o.PrivateAddressesForTests = false
	if _, _, err := NewGetter(o)(context.Background(), at("/price.json"), 0); !errors.Is(err, ErrNotGranted) {
		t.Errorf("loopback: got %v, want %v", err, ErrNotGranted)
	}
	o.PrivateAddressesForTests, o.RootCAs = true, nil
	if _, _, err := NewGetter(o)(context.Background(), at("/price.json"), 0); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("without the authority: got %v", fmt.Sprint(err))
	}
}
