package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// TestAProxySaysWhereNamesLeadAndNobodyElseIsDialled: a plant's modules get out through its proxy, which is on a private address itself.
func TestAProxySaysWhereNamesLeadAndNobodyElseIsDialled(t *testing.T) {
	ca := newAuthority(t)
	origin := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "17") }))
	origin.TLS = &tls.Config{Certificates: []tls.Certificate{ca.certificate(t, time.Hour, "a.example")}}
	origin.StartTLS()
	defer origin.Close()
	var mu sync.Mutex
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.Host)
		mu.Unlock()
		if user, password, _ := proxyUser(r); user+":"+password != "gw:s3cret" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		far, err := net.Dial("tcp", origin.Listener.Addr().String())
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		near, read, err := http.NewResponseController(w).Hijack()
		if err != nil {
			_ = far.Close()
			return
		}
		_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(far, read); _ = far.Close() })
		both.Go(func() { _, _ = io.Copy(near, far); _ = near.Close() })
		both.Wait()
	}))
	defer proxy.Close()
	o := Options{
		Hosts: []string{"a.example", "10.0.0.7", "127.0.0.1"}, RootCAs: ca.Pool(), timeout: patient,
		Route: httpc.Route{Proxy: httpc.Proxy{URL: proxy.URL, User: "gw", Password: secret.New("s3cret")}},
	}
	get := New(o)
	if status, body, err := get(context.Background(), "https://a.example/v", 0); err != nil || status != 200 || string(body) != "17" {
		t.Errorf("through the proxy: got %d %q, %v", status, body, err)
	}
	for _, address := range []string{"10.0.0.7", "127.0.0.1"} {
		if _, _, err := get(context.Background(), "https://"+address+"/v", 0); !errors.Is(err, ErrNotGranted) {
			t.Errorf("%s by its address: got %v, want %v", address, err, ErrNotGranted)
		}
	}
	if _, _, err := get(context.Background(), "https://b.example/v", 0); !errors.Is(err, ErrNotGranted) {
		t.Errorf("a host that was not granted: got %v", err)
	}
	if !slices.Equal(asked, []string{"CONNECT a.example:443"}) {
		t.Errorf("the proxy was asked %q, want once", asked)
	}
	o.Route.Proxy.Password = secret.New("wrong!")
	if _, _, err := New(o)(context.Background(), "https://a.example/v", 0); err == nil || !strings.Contains(err.Error(), "refuses the user or the password") {
		t.Errorf("with a wrong password: got %v", err)
	}
}

// proxyUser returns the credentials that a proxy is told.
func proxyUser(r *http.Request) (user, password string, found bool) {
	told := &http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	return told.BasicAuth()
}

func TestAFileThatCannotBeReadIsSaid(t *testing.T) {
	get := New(Options{Hosts: []string{"a.example"}, Route: httpc.Route{CA: "/nowhere/ca.pem"}})
	if _, _, err := get(context.Background(), "https://a.example/v", 0); !strings.Contains(fmt.Sprint(err), "read ca: open /nowhere/ca.pem") {
		t.Errorf("got %v", err)
	}
}
