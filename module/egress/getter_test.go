package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// patient is how long a getter of a test waits where the answer counts and not the time: a loaded machine may need more
// than half a second for one handshake.
const patient = time.Minute

// open returns a getter that dials loopback and private addresses too, where the servers of tests are.
func open(o Options) func(ctx context.Context, url string, limit int) (int, []byte, error) {
	return newGetter(o, netip.Addr.IsValid).get
}

func TestGetterGivesUpOnHostileServers(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	good := &tls.Config{Certificates: []tls.Certificate{ca.certificate(t, time.Hour, "a.example")}}
	with := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, c := range map[string]struct {
		config *tls.Config
		serve  func(net.Conn)
		is     error
		says   string
	}{
		"no handshake":      {nil, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, context.DeadlineExceeded, ""},
		"plain HTTP":        {nil, func(c net.Conn) { _, _ = io.WriteString(c, ok+"\r\n") }, nil, "server gave HTTP response"},
		"another authority": {with(other.certificate(t, time.Hour, "a.example")), saying(ok + "\r\n"), nil, "unknown authority"},
		"another name":      {with(ca.certificate(t, time.Hour, "b.example")), saying(ok + "\r\n"), nil, "is of b.example, not of a.example"},
		"expired":           {with(ca.certificate(t, -time.Hour, "a.example")), saying(ok + "\r\n"), nil, "expired"},
		"TLS 1.1":           {&tls.Config{Certificates: good.Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, saying(ok + "\r\n"), nil, "protocol version"},
		"silence":           {good, answering(func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), context.DeadlineExceeded, ""},
		"a slow drip": {good, answering(func(c net.Conn) {
			_, _ = io.WriteString(c, ok+"Content-Length: 1000\r\n\r\n")
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			until(func() error { <-tick.C; _, err := io.WriteString(c, "x"); return err })
		}), context.DeadlineExceeded, ""},
		"an endless body": {good, answering(func(c net.Conn) {
			_, _ = io.WriteString(c, ok+"\r\n")
			until(func() error { _, err := io.WriteString(c, strings.Repeat("x", 1<<16)); return err })
		}), ErrTooLarge, ""},
		"an endless chunked body": {good, answering(func(c net.Conn) {
			_, _ = io.WriteString(c, ok+"Transfer-Encoding: chunked\r\n\r\n")
			until(func() error { _, err := io.WriteString(c, "1000\r\n"+strings.Repeat("x", 0x1000)+"\r\n"); return err })
		}), ErrTooLarge, ""},
		"a byte too much":   {good, saying(ok + "\r\n" + strings.Repeat("x", 1001)), ErrTooLarge, ""},
		"a length too much": {good, saying(ok + "Content-Length: 99999999999\r\n\r\n"), ErrTooLarge, "99999999999"},
		"an endless header": {good, answering(func(c net.Conn) {
			_, _ = io.WriteString(c, ok)
			until(func() error { _, err := io.WriteString(c, "A: "+strings.Repeat("x", 1000)+"\r\n"); return err })
		}), nil, "headers exceeded"},
		"endless hints": {good, answering(func(c net.Conn) {
			until(func() error {
				_, err := io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: <"+strings.Repeat("x", 1000)+">\r\n\r\n")
				return err
			})
		}), nil, "headers exceeded"},
		"another encoding": {good, saying(ok + "Content-Encoding: gzip\r\n\r\nxx"), errEncoding, ""},
		"cut off":          {good, saying(ok + "Content-Length: 10\r\n\r\nxx"), nil, "unexpected EOF"},
		"no HTTP":          {good, saying("SSH-2.0-OpenSSH\r\n\r\n"), nil, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			port, connections := hostile(t, c.config, c.serve)
			timeout := patient
			if c.is == context.DeadlineExceeded {
				timeout = time.Second // less than the slow drip takes
			}
			get := open(Options{
				Hosts: []string{"a.example:" + port}, Bytes: 1000, RootCAs: ca.Pool(), Resolver: resolver("127.0.0.1"), timeout: timeout,
			})
			status, body, err := get(t.Context(), "https://a.example:"+port+"/secret?key=secret", 0)
			if err == nil || (c.is != nil && !errors.Is(err, c.is)) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %d, %d bytes, %v; want %v %s", status, len(body), err, c.is, c.says)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows what may be a key: %v", err)
			}
			if connections.Load() == 0 {
				t.Error("the server was not asked at all")
			}
		})
	}
}

func TestGetterFollowsNoRedirect(t *testing.T) {
	ca := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.certificate(t, time.Hour, "a.example", "b.example")}}
	port, connections := hostile(t, config, saying("HTTP/1.1 302 Found\r\nLocation: /again\r\nSet-Cookie: a=b\r\nContent-Length: 3\r\n\r\nabc"))
	away, elsewhere := hostile(t, config, saying("HTTP/1.1 301 Moved\r\nLocation: https://b.example:"+port+"/\r\n\r\n"))
	get := open(Options{
		Hosts: []string{"a.example:" + port, "a.example:" + away}, RootCAs: ca.Pool(), Resolver: resolver("127.0.0.1"), timeout: patient,
	})
	for i, c := range []struct {
		port   string
		status int
	}{{port, 302}, {away, 301}} {
		status, body, err := get(t.Context(), "https://a.example:"+c.port, 0)
		if status != c.status || body != nil || err != nil {
			t.Errorf("redirect %d: got %d, %q, %v", i, status, body, err)
		}
	}
	if a, b := connections.Load(), elsewhere.Load(); a != 1 || b != 1 {
		t.Errorf("%d and %d connections, want one each", a, b)
	}
}

func TestGetterAsksGrantedHostsOnly(t *testing.T) {
	get := New(Options{Hosts: []string{"API.example", "b.example:8443", "[2001:db8::1]:443"}, PerSecond: 1000, Resolver: resolver("127.0.0.1"), timeout: patient})
	for _, c := range []struct {
		url string
		is  error
	}{
		{"https://c.example/", ErrNotGranted},
		{"https://api.example./", ErrNotGranted},
		{"https://api.example.c.example/", ErrNotGranted},
		{"https://xapi.example/", ErrNotGranted},
		{"https://api.example:444/", ErrNotGranted},
		{"https://api.example:0443/", ErrNotGranted},
		{"https://b.example/", ErrNotGranted},
		{"https://127.0.0.1/", ErrNotGranted},
		{"https://[::1]/", ErrNotGranted},
		{"https://xn--pi-eka.example/", ErrNotGranted},
		{"https://äpi.example/", ErrNotGranted},
		{"https://ａｐｉ.example/", ErrNotGranted},
		{"https://api.example%2f@c.example/", ErrURL},
		{"https://api.example@c.example/", ErrURL},
		{"https://user:key@api.example/", ErrURL},
		{"https://@api.example/", ErrURL},
		{"https://c.example\\@api.example/", ErrURL},
		{"http://api.example/", ErrURL},
		{"file:///etc/passwd", ErrURL},
		{"https:api.example", ErrURL},
		{"https:///path", ErrURL},
		{"https://2001:db8::1/", ErrURL},
		{"//api.example/", ErrURL},
		{"https://api.example/#a", ErrURL},
		{"https://api.example/\r\nHost: c.example", ErrURL},
		{"https://api.example /", ErrURL},
		{"https://api.example:port/", ErrURL},
		{"https://[::1/", ErrURL},
		{"", ErrURL},
		{"https://api.example/" + strings.Repeat("x", MaxURL), ErrURL},
		// These are asked for, and DNS says that they are at home.
		{"https://api.example/", ErrNotGranted},
		{"HTTPS://API.EXAMPLE:443/", ErrNotGranted},
		{"https://b.example:8443/", ErrNotGranted},
		{"https://[2001:DB8::1]/", ErrNotGranted},
	} {
		if _, _, err := get(t.Context(), c.url, 0); !errors.Is(err, c.is) {
			t.Errorf("%.60q: got %v, want %v", c.url, err, c.is)
		}
	}
}

func TestGetterDialsNoPrivateAddressWhateverDNSSays(t *testing.T) {
	for _, a := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255",
		"192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "3fff::1", "100::1", "5f00::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::1",
		"2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::1", "2001:10::1", "4000::1",
	} {
		get := New(Options{Hosts: []string{"a.example"}, Resolver: resolver(a), timeout: patient})
		if _, _, err := get(t.Context(), "https://a.example/", 0); !errors.Is(err, ErrNotGranted) {
			t.Errorf("DNS says %s: got %v, want %v", a, err, ErrNotGranted)
		}
		if isPublic(netip.MustParseAddr(a)) {
			t.Errorf("%s counts as public", a)
		}
	}
	for _, a := range []string{
		"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.1", "198.17.255.255", "198.20.0.0", "223.255.255.255",
		"2606:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2001:200::1",
	} {
		if !isPublic(netip.MustParseAddr(a)) {
			t.Errorf("%s does not count as public", a)
		}
	}
	if isPublic(netip.Addr{}) || isPublic(netip.MustParseAddr("2606:4700::1111%eth0")) {
		t.Error("no address, or one with a zone, counts as public")
	}
}

func TestGetterAsksDNSAgainAndChecksAgain(t *testing.T) {
	ca := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.certificate(t, time.Hour, "a.example")}}
	port, connections := hostile(t, config, saying("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7"))
	first := netip.MustParseAddr("127.0.0.1")
	g := newGetter(Options{Hosts: []string{"a.example:" + port}, RootCAs: ca.Pool(), Resolver: resolver("127.0.0.1", "127.0.0.2"), timeout: patient},
		func(a netip.Addr) bool { return a == first })
	if status, _, err := g.get(t.Context(), "https://a.example:"+port, 0); status != 200 || err != nil {
		t.Fatalf("got %d, %v", status, err)
	}
	if _, _, err := g.get(t.Context(), "https://a.example:"+port, 0); !errors.Is(err, ErrNotGranted) || !strings.Contains(err.Error(), "127.0.0.2") {
		t.Errorf("the name leads elsewhere now: got %v, want %v", err, ErrNotGranted)
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}

func TestGetterAsksOnlySoOften(t *testing.T) {
	ca := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.certificate(t, time.Hour, "a.example")}}
	arrived, release := make(chan struct{}), make(chan struct{})
	port, _ := hostile(t, config, answering(func(c net.Conn) {
		arrived <- struct{}{}
		<-release
		_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
	}))
	o := Options{
		Hosts: []string{"a.example:" + port}, PerSecond: 1000, RootCAs: ca.Pool(), Resolver: resolver("127.0.0.1"), timeout: patient,
	}
	get, url := open(o), "https://a.example:"+port
	var all sync.WaitGroup
	for range maxGetInFlight {
		all.Go(func() {
			if status, _, err := get(context.WithoutCancel(t.Context()), url, 0); status != 204 {
				t.Errorf("got %d, %v", status, err)
			}
		})
	}
	for range maxGetInFlight {
		<-arrived
	}
	if _, _, err := get(t.Context(), url, 0); !errors.Is(err, ErrRate) || !strings.Contains(err.Error(), "at once") {
		t.Errorf("one more at once: %v", err)
	}
	close(release)
	all.Wait()

	o.PerSecond, o.Hosts = 2, []string{"a.example"}
	g := newGetter(o, isPublic)
	if g.rate.Limit() != 2 || g.rate.Burst() != 2 {
		t.Errorf("%v a second, %d at once, want 2 and 2", g.rate.Limit(), g.rate.Burst())
	}
	g.rate.SetLimit(0) // time stands still
	for i, want := range []error{ErrNotGranted, ErrNotGranted, ErrRate} {
		if _, _, err := g.get(t.Context(), "https://a.example", 0); !errors.Is(err, want) {
			t.Errorf("request %d: got %v, want %v", i, err, want)
		}
	}
}

func TestGetterUsesNoProxyAndSendsNothingOfItsOwn(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	ca := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.certificate(t, time.Hour, "a.example")}}
	heads := make(chan string, 2)
	port, _ := hostile(t, config, func(c net.Conn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			heads <- err.Error()
			return
		}
		heads <- fmt.Sprint(req.Method, " ", req.URL, " ", req.Host, " ", req.Header)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 1000\r\n\r\n"+strings.Repeat("x", 1000))
	})
	get := open(Options{
		Hosts: []string{"a.example:" + port}, Bytes: 1000, RootCAs: ca.Pool(), Resolver: resolver("127.0.0.1"), timeout: patient,
	})
	for range 2 {
		status, body, err := get(t.Context(), "https://A.example:"+port+"/a%20b?c=d", 5000)
		if status != 200 || len(body) != 1000 || err != nil {
			t.Errorf("got %d, %d bytes, %v", status, len(body), err)
		}
		if got, want := <-heads, "GET /a%20b?c=d a.example:"+port+" map[Connection:[close] User-Agent:[dodona]]"; got != want {
			t.Errorf("sent %s\nwant %s", got, want)
		}
	}
}

func TestGetterWaitsHalfASecond(t *testing.T) {
	port, _ := hostile(t, nil, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	get := open(Options{Hosts: []string{"a.example:" + port}, Resolver: resolver("127.0.0.1")})
	if _, _, err := get(t.Context(), "https://a.example:"+port, 0); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer in 500ms") {
		t.Errorf("a server that says nothing: %v", err)
	}
}
