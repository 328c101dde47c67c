package httpc

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/nettest"
)

// TestANameThatMovesIsFoundWithinTheGreatestAge moves a name to another machine while the old one still answers, as behind a balancer
// that is taken out of service.
func TestANameThatMovesIsFoundWithinTheGreatestAge(t *testing.T) {
	first := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "first") }))
	first.Start()
	t.Cleanup(first.Close)
	_, port, _ := net.SplitHostPort(first.Listener.Addr().String())
	listener, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Skipf("this machine has one address of loopback: %v", err)
	}
	second := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "second") }))
	_ = second.Listener.Close()
	second.Listener = listener
	second.Start()
	t.Cleanup(second.Close)

	names := nettest.NewNames("127.0.0.1")
	c := client(t, Options{Resolver: names.Resolver(), MaxAge: time.Minute})
	now := time.Now()
	c.own.now = func() time.Time { return now }
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, "first"}, {time.Minute - time.Second, "first"}, {time.Second, "second"}} {
		now = now.Add(step.after)
		if _, body, err := ask(c, request(t, "GET", "http://meter.example:"+port, ""), 100); err != nil || body != step.want {
			t.Errorf("%s later: got %q, %v, want %s", step.after, body, err, step.want)
		}
		names.Move("127.0.0.2")
	}
}
