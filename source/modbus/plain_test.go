package modbus

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/source"
)

// TestAPortWithoutTLSSaysSo: one that waits for a request, as Modbus does, one that hangs up on what it cannot read, and one that speaks first.
func TestAPortWithoutTLSSaysSo(t *testing.T) {
	t.Parallel()
	for want, device := range map[string]func(net.Conn){
		"no answer to the TLS handshake (timeout); if it speaks no TLS, leave out tls": func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"it closed the connection in the TLS handshake; if it speaks no TLS, leave":    func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) },
		"who listens there answers, and not with TLS: leave out tls":                   func(c net.Conn) { _, _ = io.WriteString(c, "hello, who is there?\r\n"); _, _ = io.Copy(io.Discard, c) },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var served sync.WaitGroup
			t.Cleanup(func() {
				_ = l.Close()
				served.Wait()
			})
			served.Go(func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					device(c)
					_ = c.Close()
				}
			})
			s := settings(map[string]Register{"p": {Holding: at(1)}}, func(s *Settings) {
				s.Address, s.TLS, s.ConnectTimeout = l.Addr().String(), new(TLS), time.Second
				if !strings.Contains(want, "timeout") {
					s.ConnectTimeout = time.Minute
				}
			})
			opened, err := Kind.Open(t.Context(), &s, source.Env{Source: "plc"})
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			if _, err := opened.Observe(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}
