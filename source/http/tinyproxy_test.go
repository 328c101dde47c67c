//go:build integration

package http

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

// tinyproxy starts Debian's, which lets in gw with the password s3cret, and returns its address.
func tinyproxy(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("tinyproxy"); err != nil {
		t.Fatal("tinyproxy is missing: run make deps")
	}
	dir, port := t.TempDir(), freePort(t)
	config := filepath.Join(dir, "tinyproxy.conf")
	text := fmt.Sprintf("Port %d\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\nBasicAuth gw s3cret\nPidFile \"%s/pid\"\nLogFile \"%s/log\"\nLogLevel Connect\n", port, dir, dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("tinyproxy", "-d", "-c", config)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself, which Wait tells
		_ = cmd.Wait()
	})
	address := fmt.Sprintf("127.0.0.1:%d", port)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); ; <-tick.C {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return address
		}
		if time.Now().After(deadline) {
			t.Fatalf("tinyproxy does not listen: %v\n%s", err, &output)
		}
	}
}

func TestTinyproxy(t *testing.T) {
	n := newNginx(t)
	n.start(t)
	ca, proxy := filepath.Join(n.Dir, "ca.pem"), tinyproxy(t)
	as := func(user, password string) func(*Settings) {
		return func(s *Settings) {
			s.CA, s.Timeout, s.Proxy = ca, time.Minute, httpc.Proxy{URL: "http://" + proxy, User: user}
			if password != "" {
				s.Proxy.Password = secret.New(password)
			}
		}
	}
	for _, c := range []struct {
		name, url string
		change    func(*Settings)
		body      string
		fails     string
		fatal     bool
	}{
		{"plain", n.plain("/price.json"), as("gw", "s3cret"), sourcetest.Mark(0), "", false},
		{"what the server sees", n.plain("/whoami"), as("gw", "s3cret"), "authorization=[Basic", "", false},
		{"TLS", n.tls("/price.json"), as("gw", "s3cret"), sourcetest.Mark(0), "", false},
		{"no user, plain", n.plain("/price.json"), as("", ""), "", "the proxy " + proxy + " wants a user and a password (407); set proxy: {url, user, password}", true},
		{"no user, TLS", n.tls("/price.json"), as("", ""), "", "the proxy " + proxy + " wants a user and a password (407)", true},
		{"a wrong password, plain", n.plain("/price.json"), as("gw", "wrong!"), "", "401 Unauthorized: check basic, bearer, oauth2 or headers, and the user and password of proxy", true},
		{"a wrong password, TLS", n.tls("/price.json"), as("gw", "wrong!"), "", "the proxy " + proxy + " refuses the user or the password (401)", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := n.ask(t, c.url, c.change)
			switch {
			case c.fails == "" && (err != nil || !strings.Contains(string(r.Body), c.body)):
				t.Errorf("got %q, %v, want %s", r.Body, err, c.body)
			case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails) || dodona.IsPermanent(err) != c.fatal):
				t.Errorf("got %q, %v (permanent %t), want %s", r.Body, err, dodona.IsPermanent(err), c.fails)
			}
		})
	}
}
