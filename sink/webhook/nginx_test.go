package webhook_test

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/sinktest"
	"github.com/dodona-oracle/dodona/sink/webhook"
)

// guarded starts an nginx before a receiver, which lets nobody through but otto with his password, and returns its address.
func guarded(t *testing.T, receiver string) string {
	t.Helper()
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Fatal("nginx is missing: run make deps")
	}
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	hash := sha1.Sum([]byte("pass:word-4"))
	for name, text := range map[string]string{
		"users": "otto:{SHA}" + base64.StdEncoding.EncodeToString(hash[:]) + "\n",
		"nginx.conf": strings.NewReplacer("DIR", dir, "ADDRESS", address, "RECEIVER", receiver).Replace(`daemon off; master_process off; pid DIR/pid; error_log DIR/error.log;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path DIR/t1; proxy_temp_path DIR/t2; fastcgi_temp_path DIR/t3; uwsgi_temp_path DIR/t4; scgi_temp_path DIR/t5;
  server { listen ADDRESS; location / { auth_basic "hook"; auth_basic_user_file DIR/users; proxy_pass RECEIVER; } }
}
`),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("nginx", "-c", filepath.Join(dir, "nginx.conf"), "-p", dir, "-e", filepath.Join(dir, "error.log"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself, which Wait tells
		_ = cmd.Wait()
	})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); ; <-tick.C {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return "http://" + address
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Fatalf("nginx does not listen: %s", log)
		}
	}
}

// TestAUserAndAPasswordOpenAnEndpoint of nginx. A password that is wrong, or changed, is no fault of a record, and no error shows it.
func TestAUserAndAPasswordOpenAnEndpoint(t *testing.T) {
	var taken atomic.Int32
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		taken.Add(1)
	}))
	defer receiver.Close()
	file := filepath.Join(t.TempDir(), "password")
	set := settings(guarded(t, receiver.URL) + "/hook")
	set.Basic = &httpc.Basic{User: "otto", Password: secret.String{File: file}}
	opened, err := webhook.Kind.Open(t.Context(), set, sink.Env{Sink: "hook", Version: "1.2.3", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = opened.(io.Closer).Close() }()
	for i, c := range []struct{ password, fails string }{
		{"pass:word-4\n", ""}, {"swordfish\n", "the endpoint does not know this sender; check secret and basic"}, {"pass:word-4", ""}, {"", "basic password: "},
	} {
		if err := os.WriteFile(file, []byte(c.password), 0o600); err != nil {
			t.Fatal(err)
		}
		if c.password == "" {
			_ = os.Remove(file)
		}
		before := taken.Load()
		_, err := opened.Deliver(t.Context(), []dodona.Record{sinktest.Answer(question, i)})
		switch {
		case (err == nil) != (c.fails == ""), err != nil && !strings.Contains(err.Error(), c.fails), taken.Load()-before != map[bool]int32{true: 1}[err == nil]:
			t.Errorf("with password %q: %v, and %d were taken; want %q", c.password, err, taken.Load()-before, c.fails)
		case err != nil && (dodona.IsPermanent(err) || strings.Contains(fmt.Sprint(err), "swordfish")):
			t.Errorf("with password %q the record is refused, or the password shown: %v", c.password, err)
		}
	}
}
