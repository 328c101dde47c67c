package http

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serveRaw lets answer do what it likes with every connection, after the request's header was read, and returns
// the address. quit is closed when the test ends.
func serveRaw(t *testing.T, answer func(c net.Conn, quit <-chan struct{})) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	quit := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = c.Close() }()
				r := bufio.NewReader(c)
				for {
					line, err := r.ReadString('\n')
					if err != nil || line == "\r\n" {
						break
					}
				}
				answer(c, quit)
			})
		}
	})
	t.Cleanup(func() {
		close(quit)
		_ = l.Close()
		all.Wait()
	})
	return l.Addr().String()
}

// The secrets of every test's request; none of them may show anywhere.
var secrets = []string{"query-key-1", "query+key 2", "header-key-3", "pass:word-4", "path-key-5"}

func settings(address string, change func(*Settings)) *Settings {
	s := Kind.Settings().(*Settings)
	s.URL = "http://" + address + "/path-key-5/quote.json?key=query-key-1"
	s.Query = map[string]secret.String{"other": secret.New("query+key 2")}
	s.Headers = map[string]secret.String{"X-Api-Key": secret.New("header-key-3")}
	s.Basic = &httpc.Basic{User: "otto", Password: secret.New("pass:word-4")}
	s.Timeout = time.Minute // a busy machine is no slow peer
	if change != nil {
		change(s)
	}
	return s
}

func observe(t *testing.T, s *Settings) (dodona.Reading, error) {
	t.Helper()
	if err := Kind.Check(s); err != nil {
		t.Fatalf("check: %v", err)
	}
	c, err := Kind.Open(t.Context(), s, source.Env{Source: "kraken", Version: "1.2.3"})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer func() { _ = c.Close() }()
	b, err := c.Observe(t.Context())
	noSecrets(t, "error", fmt.Sprint(err))
	if err != nil {
		return dodona.Reading{}, err
	}
	if len(b.Readings) != 1 {
		t.Fatalf("Observe returned %d readings, want 1", len(b.Readings))
	}
	noSecrets(t, "detail", b.Readings[0].Detail)
	return b.Readings[0], nil
}

func noSecrets(t *testing.T, what, text string) {
	t.Helper()
	for _, s := range secrets {
		for _, form := range []string{s, strings.ReplaceAll(strings.ReplaceAll(s, "+", "%2B"), " ", "+"), strings.ReplaceAll(s, " ", "%20")} {
			if strings.Contains(text, form) {
				t.Errorf("%s %q shows the secret %q", what, text, form)
			}
		}
	}
	if strings.Contains(text, "quote.json") {
		t.Errorf("%s %q shows the path, which may hold a key", what, text)
	}
}

// drip writes text a byte at a time, for ever again if it ends.
func drip(c net.Conn, quit <-chan struct{}, text string) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-quit:
			return
		case <-tick.C:
		}
		if _, err := c.Write([]byte{text[i%len(text)]}); err != nil {
			return
		}
	}
}

// flood writes text until the peer has enough.
func flood(c net.Conn, quit <-chan struct{}, text string) {
	block := []byte(strings.Repeat(text, 1+(32<<10)/len(text)))
	for {
		select {
		case <-quit:
			return
		default:
		}
		if _, err := c.Write(block); err != nil {
			return
		}
	}
}

const ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

const bombSize = 64 << 20

// bomb returns a body of zeros, compressed.
var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.CopyN(w, zeros{}, bombSize) // a buffer never fails
	_ = w.Close()
	return b.Bytes()
})

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestHostilePeersGetAClearErrorInTime(t *testing.T) {
	big := bomb()
	write := func(text string) func(net.Conn, <-chan struct{}) {
		return func(c net.Conn, _ <-chan struct{}) { _, _ = io.WriteString(c, text) }
	}
	for _, c := range []struct {
		name   string
		answer func(net.Conn, <-chan struct{})
		want   string
	}{
		{"silent", func(_ net.Conn, quit <-chan struct{}) { <-quit }, "no complete answer in 400ms (timeout)"},
		{"closes at once", write(""), "EOF"},
		{"drips its header", func(c net.Conn, quit <-chan struct{}) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			drip(c, quit, "X-Slow: 1\r\n")
		}, "timeout"},
		{"drips its body", func(c net.Conn, quit <-chan struct{}) {
			_, _ = io.WriteString(c, ok+"\r\n")
			drip(c, quit, "1")
		}, "timeout"},
		{"drips its chunks", func(c net.Conn, quit <-chan struct{}) {
			_, _ = io.WriteString(c, ok+"Transfer-Encoding: chunked\r\n\r\n")
			drip(c, quit, "1\r\n7\r\n")
		}, "timeout"},
		{"endless body", func(c net.Conn, quit <-chan struct{}) {
			_, _ = io.WriteString(c, ok+"\r\n")
			flood(c, quit, "7")
		}, "larger than max_size (1MiB)"},
		{"endless error page", func(c net.Conn, quit <-chan struct{}) {
			_, _ = io.WriteString(c, "HTTP/1.1 500 no\r\n\r\n")
			flood(c, quit, "7")
		}, "500 Internal Server Error"},
		{"dripping error page", func(c net.Conn, quit <-chan struct{}) {
			_, _ = io.WriteString(c, "HTTP/1.1 503 no\r\n\r\n")
			drip(c, quit, "7")
		}, "503 Service Unavailable"},
		{"header flood", func(c net.Conn, quit <-chan struct{}) {
			_, _ = io.WriteString(c, ok)
			flood(c, quit, "X-Flood: 1234567890\r\n")
		}, "header"},
		{"one endless header", func(c net.Conn, quit <-chan struct{}) {
			_, _ = io.WriteString(c, ok+"X-Endless: ")
			flood(c, quit, "a")
		}, "header"},
		{"endless interim answers", func(c net.Conn, quit <-chan struct{}) {
			flood(c, quit, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
		}, ""},
		{"bomb", func(c net.Conn, _ <-chan struct{}) {
			_, _ = io.WriteString(c, ok+"Content-Encoding: gzip\r\n\r\n")
			_, _ = c.Write(big)
		}, "larger than max_size (1MiB)"},
		{"broken gzip", write(ok + "Content-Encoding: gzip\r\n\r\nnot gzip at all"), "gzip"},
		{"cut gzip", func(c net.Conn, _ <-chan struct{}) {
			_, _ = io.WriteString(c, ok+"Content-Encoding: gzip\r\n\r\n")
			_, _ = c.Write(big[:100])
		}, "EOF"},
		{"an encoding nobody asked for", write(ok + "Content-Encoding: br\r\n\r\nxyz"), `content encoding "br" was not asked for`},
		{"shorter than promised", write(ok + "Content-Length: 100\r\n\r\n{}"), "unexpected EOF"},
		{"half-closed", func(c net.Conn, quit <-chan struct{}) {
			_ = c.(*net.TCPConn).CloseWrite()
			<-quit
		}, "EOF"},
		{"reset", func(c net.Conn, _ <-chan struct{}) { _ = c.(*net.TCPConn).SetLinger(0) }, "reset"},
		{"garbage", write("\x00\xff\x16\x03\x01 garbage\r\n\r\n"), "malformed"},
		{"long garbage", write(strings.Repeat("\xff", 60<<10) + "\r\n\r\n"), "malformed"},
		{"garbled chunks", write(ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), "read body"},
		{"a status nobody knows", write("HTTP/1.1 999 Whatever\r\n\r\n"), "999"},
		{"a status that is none", write("HTTP/1.1 two hundred\r\n\r\n"), "malformed"},
		{"two lengths", write(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n12"), "Content-Length"},
		{"a location with the key in it", write("HTTP/1.1 302 Found\r\nLocation: http://[bad?key=query-key-1\r\n\r\n"), ""},
		{"redirects to a file", write("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"), "redirect refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Only who is to run into the time-out gets a short one: a busy machine must not be taken for a slow peer.
			patience := time.Minute
			switch {
			case strings.Contains(c.want, "timeout"):
				patience = 400 * time.Millisecond
			case c.name == "dripping error page":
				patience = 5 * time.Second
			}
			begun := time.Now()
			_, err := observe(t, settings(serveRaw(t, c.answer), func(s *Settings) { s.Timeout = patience }))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "GET 127.0.0.1:") {
				t.Errorf("got %v, want GET 127.0.0.1:… %s …", err, c.want)
			}
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if took := time.Since(begun); patience < time.Minute && took > time.Minute {
				t.Errorf("it took %s with a time-out of %s", took, patience)
			}
		})
	}
}

func TestABombDoesNotFillTheMemory(t *testing.T) {
	big := bomb()
	address := serveRaw(t, func(c net.Conn, _ <-chan struct{}) {
		_, _ = io.WriteString(c, ok+"Content-Encoding: gzip\r\n\r\n")
		_, _ = c.Write(big)
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := observe(t, settings(address, func(s *Settings) { s.Timeout = time.Minute })); err == nil {
		t.Error("a bomb gave no error")
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("%d MiB of zeros took %d MiB of memory, want no more than max_size needs", bombSize>>20, grown>>20)
	}
}

func TestABodyOfExactlyTheLargestSizePasses(t *testing.T) {
	for size, fits := range map[int]bool{1024: true, 1025: false} {
		address := serveRaw(t, func(c net.Conn, _ <-chan struct{}) {
			_, _ = fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", ok, size, strings.Repeat("7", size))
		})
		r, err := observe(t, settings(address, func(s *Settings) { s.MaxSize = unit.KiB }))
		if (err == nil) != fits || (fits && len(r.Body) != size) {
			t.Errorf("a body of %d B with max_size 1KiB gave %d B, %v", size, len(r.Body), err)
		}
	}
}

func TestConnectTimeoutIsApartFromTheRequests(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts in its backlog and never shakes hands
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	begun := time.Now()
	_, err = observe(t, settings("", func(s *Settings) {
		s.URL, s.Timeout, s.ConnectTimeout = "https://"+l.Addr().String(), time.Minute, 200*time.Millisecond
	}))
	if took := time.Since(begun); err == nil || took >= time.Minute || !strings.Contains(err.Error(), "TLS handshake timeout") {
		t.Errorf("got %v after %s, want the handshake's time-out after 200 ms", err, took)
	}
}

func TestRefusedConnectionsAreTriedAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	if _, err := observe(t, settings(address, nil)); err == nil || dodona.IsPermanent(err) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v, want a refused connection, worth a retry", err)
	}
}

func TestObserveReturnsWithItsContext(t *testing.T) {
	address := serveRaw(t, func(_ net.Conn, quit <-chan struct{}) { <-quit })
	c, err := Kind.Open(t.Context(), settings(address, func(s *Settings) { s.Timeout = time.Minute }), source.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Observe(ctx); err == nil || err != ctx.Err() {
		t.Errorf("got %v, want the context's own error", err)
	}
}

func TestANumberThatEndsWithItsConnectionMayBeCut(t *testing.T) {
	for answer, whole := range map[string]bool{
		"HTTP/1.0 200 OK\r\n\r\n432":                                                             false,
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n43218.55":                                   false,
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n4\x003\x00":                                 false,
		"HTTP/1.0 200 OK\r\n\r\n43218.55\n":                                                      true,
		"HTTP/1.0 200 OK\r\n\r\n\"43218.55\"":                                                    true,
		"HTTP/1.0 200 OK\r\n\r\n{\"t\":5}":                                                       true,
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n432":                                        true,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n432\r\n0\r\n\r\n":             true,
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: identity\r\n\r\n432":          false,
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n-1.5e-10": false,
	} {
		address := serveRaw(t, func(c net.Conn, _ <-chan struct{}) { _, _ = io.WriteString(c, answer) })
		s, err := Kind.Open(t.Context(), settings(address, nil), source.Env{Source: "meter"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Observe(t.Context())
		_ = s.Close()
		if whole && err != nil || !whole && (err == nil || !strings.Contains(err.Error(), "no Content-Length") || dodona.IsPermanent(err)) {
			t.Errorf("%q gave %v, want it taken: %v", answer, err, whole)
		}
	}
}

// TestANumberThatEndsWithItsTLSConnectionMayBeCutToo: nobody tells a server that died after a record from one that was done.
func TestANumberThatEndsWithItsTLSConnectionMayBeCutToo(t *testing.T) {
	s := httptest.NewTLSServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		c, _, err := w.(nethttp.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n432")
		_ = c.(*tls.Conn).NetConn().Close() // without a word
	}))
	defer s.Close()
	_, err := observe(t, settings("", func(to *Settings) { to.URL, to.CA = s.URL, caFile(t, s) }))
	if err == nil || !strings.Contains(err.Error(), "no Content-Length") {
		t.Errorf("got %v, want that it may be cut", err)
	}
}
