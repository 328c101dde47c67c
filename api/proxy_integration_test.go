//go:build integration

package api_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/api"
)

// proxied starts nginx with locations in a server of its own, and returns where it serves.
func proxied(t *testing.T, locations string) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	dir := t.TempDir()
	config := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path %[1]s/t1; proxy_temp_path %[1]s/t2; fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4; scgi_temp_path %[1]s/t5;
  server { listen %[2]s; %[3]s }
}
`, dir, address, locations)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("nginx", "-c", file, "-p", dir, "-e", filepath.Join(dir, "error.log"))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: run make deps", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for limit := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return address
		}
		if time.Now().After(limit) {
			log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Fatalf("nginx does not listen: %v\n%s%s", err, log, config)
		}
	}
}

// asked returns what a server answers who asks it by a name.
func asked(t *testing.T, method, address, host, path string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	r.Header.Set(api.RequestHeader, "me")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestTheProxyOfTheGuideServesANode below a path of a name of its own, the stream included.
func TestTheProxyOfTheGuideServesANode(t *testing.T) {
	guide, err := os.ReadFile("../docs/guide/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```nginx\n(.*?)```").FindSubmatch(guide)
	if shown == nil {
		t.Fatal("docs/guide/operations.md shows no nginx")
	}
	_, _, at := running(t, api.Config{})
	node, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	proxy := proxied(t, strings.ReplaceAll(string(shown[1]), "127.0.0.1:8080", node.Host))
	for path, want := range map[string]string{"healthz": `"healthy":true`, "v1/feeds": `"btc.usd"`, "": "<!doctype html>", "app.js": "import"} {
		status, body := asked(t, http.MethodGet, proxy, "gw-7.example.org", "/dodona/"+path)
		if status != http.StatusOK || !strings.Contains(strings.ToLower(body), strings.ToLower(want)) {
			t.Errorf("%s: %d, want %q in\n%.400s", path, status, want, body)
		}
	}
	if status, body := asked(t, http.MethodGet, proxy, "gw-7.example.org", "/dodona/v1/process"); status != http.StatusForbidden {
		t.Errorf("what is told on the machine alone is told through a proxy: %d %.100s", status, body)
	}
	f := follow(t, "http://"+proxy+"/dodona/v1/stream")
	if _, name, _ := f.next(); name == "" {
		t.Error("the stream says nothing through the proxy")
	}
}

// TestAProxyThatKeepsItsNameIsToldWhatToSet: many do, such as Caddy and Traefik.
func TestAProxyThatKeepsItsNameIsToldWhatToSet(t *testing.T) {
	for hosts, want := range map[string]int{"": http.StatusMisdirectedRequest, "GW-7.example.org": http.StatusOK} {
		_, _, at := running(t, api.Config{Hosts: strings.Fields(hosts)})
		proxy := proxied(t, "location / { proxy_pass "+at+"; proxy_set_header Host $host; }")
		status, body := asked(t, http.MethodGet, proxy, "gw-7.example.org", "/v1/status")
		if status != want || (want != http.StatusOK && !strings.Contains(body, "api.hosts")) {
			t.Errorf("api.hosts %q: %d, want %d: %.400s", hosts, status, want, body)
		}
	}
}
