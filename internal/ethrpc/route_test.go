package ethrpc_test

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/httpc"
)

// TestAnEndpointIsReachedByItsRoute: a node of a plant has a certificate of the plant's CA, and stands behind its proxy.
func TestAnEndpointIsReachedByItsRoute(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":1,"result":"0x5"}`)
	}))
	defer s.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }))
	defer proxy.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		route httpc.Route
		want  string
	}{
		{httpc.Route{CA: ca}, ""},
		{httpc.Route{}, "is of an unknown authority: it vouches for itself; ca can name its PEM file"},
		{httpc.Route{CA: ca, Proxy: httpc.Proxy{URL: proxy.URL}}, "wants a user and a password (407); set proxy: {url, user, password}"},
	} {
		client, err := ethrpc.NewClient(ethrpc.Options{URLs: []string{s.URL + "/s3cret"}, ChainID: 5, Timeout: time.Minute, Route: c.route})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.GasPrice(t.Context())
		if got := ""; err != nil {
			if got = err.Error(); c.want == "" || !strings.Contains(got, c.want) || strings.Contains(got, "s3cret") {
				t.Errorf("got %s, want %q", got, c.want)
			}
		} else if c.want != "" {
			t.Errorf("got an answer, want %q", c.want)
		}
		client.Close()
	}
	if _, err := ethrpc.NewClient(ethrpc.Options{URLs: []string{s.URL}, Route: httpc.Route{CA: "/nowhere/ca.pem"}}); err == nil {
		t.Error("there is a client without its CA file")
	}
}
