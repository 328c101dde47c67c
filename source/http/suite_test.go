package http

import (
	"context"
	"io"
	"log"
	"net"
	nethttp "net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/source/sourcetest"
)

func contextFor(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return contextWithin(t, 20*time.Second)
}

func contextWithin(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

// TestSuite runs the suite against the standard library's server; TestSuiteAgainstNginx runs it against nginx.
func TestSuite(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		var said atomic.Int64
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		_ = l.Close()
		var server *nethttp.Server
		stop := func(*testing.T) {
			if server != nil {
				_ = server.Close()
				server = nil
			}
		}
		return sourcetest.Subject{
			Kind:     Kind,
			Settings: settings(address, func(s *Settings) { s.Timeout = 5 * time.Second }),
			Say:      func(_ *testing.T, n int) { said.Store(int64(n)) },
			Stop:     stop,
			Start: func(t *testing.T) {
				l, err := net.Listen("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				started := &nethttp.Server{Handler: nethttp.HandlerFunc(func(w nethttp.ResponseWriter, _ *nethttp.Request) {
					_, _ = io.WriteString(w, sourcetest.Body(int(said.Load())))
				})}
				server = started
				go func() { _ = started.Serve(l) }() // ends with Close; the suite looks for leaks
			},
		}
	})
}
