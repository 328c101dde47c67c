package httpc

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/secret"
)

func TestWhatIsWrongWithARouteIsSaidWithoutItsSecrets(t *testing.T) {
	for _, c := range []struct {
		route Route
		want  string // "": nothing is wrong
	}{
		{Route{}, ""},
		{Route{Proxy: Proxy{URL: "none"}}, ""},
		{Route{Proxy: Proxy{URL: "environment"}}, ""},
		{Route{Proxy: Proxy{URL: "http://proxy.example:3128"}}, ""},
		{Route{Proxy: Proxy{URL: "http://proxy.example:3128/"}}, ""},
		{Route{Proxy: Proxy{URL: "https://[fd00::1]:3128"}}, ""},
		{Route{Proxy: Proxy{URL: "socks5://proxy.example"}}, ""},
		{Route{Proxy: Proxy{URL: "socks5h://proxy.example", User: "gw", Password: secret.New("s3cret")}}, ""},
		{Route{Proxy: Proxy{URL: "http://proxy.example", User: "gw"}}, ""},
		{Route{Proxy: Proxy{URL: "http://gw:s3cret@proxy.example:3128"}}, `write proxy: {url: "http://proxy.example:3128", user: NAME, password: {file: PATH}}`},
		{Route{Proxy: Proxy{URL: "http://gw:s3c/ret@proxy.example:3128"}}, `{url: "http://proxy.example:3128"`},
		{Route{Proxy: Proxy{URL: "http://gw:s3cr%et@proxy.example:3128"}}, `{url: "http://proxy.example:3128"`},
		{Route{Proxy: Proxy{URL: "gw:s3cret@proxy.example:3128"}}, "user and password do not belong in the URL"},
		{Route{Proxy: Proxy{URL: "proxy.example:3128"}}, "proxy: proxy.example:3128 has no scheme; write http://proxy.example:3128"},
		{Route{Proxy: Proxy{URL: "10.0.0.1:3128"}}, "write http://10.0.0.1:3128"},
		{Route{Proxy: Proxy{URL: "true"}}, "proxy: no URL"},
		{Route{Proxy: Proxy{URL: "socks4://proxy.example"}}, `scheme "socks4": want http, https or socks5`},
		{Route{Proxy: Proxy{URL: "http://"}}, "proxy: not a URL"},
		{Route{Proxy: Proxy{URL: "http://proxy.example:port"}}, "proxy: not a URL"},
		{Route{Proxy: Proxy{URL: "http://proxy.example/s3cret"}}, "want scheme, host and port alone"},
		{Route{Proxy: Proxy{URL: "http://proxy.example?key=s3cret"}}, "want scheme, host and port alone"},
		{Route{Proxy: Proxy{User: "gw"}}, "proxy.url: missing"},
		{Route{Proxy: Proxy{URL: "environment", User: "gw"}}, "proxy.user: goes with a URL, not with environment"},
		{Route{Proxy: Proxy{URL: "http://a", Password: secret.New("s3cret")}}, "proxy.user: missing"},
		{Route{Proxy: Proxy{URL: "http://a", User: "g:w"}}, "proxy.user: has no colon"},
		{Route{Proxy: Proxy{URL: "socks5://a", User: "gw"}}, "proxy.password: missing"},
		{Route{Proxy: Proxy{URL: "socks5://a", User: strings.Repeat("u", 256), Password: secret.New("p")}}, "255"},
		{Route{TLS: Certificate{Key: "client.key"}}, "tls.cert: missing"},
	} {
		err := c.route.Check()
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3c")) {
			t.Errorf("%v: got %v, want %q and no secret", c.route.Proxy.URL, err, c.want)
		}
		if err != nil {
			if _, err := New(Options{Route: c.route}); err == nil && c.route.TLS.Key == "" {
				t.Errorf("%v: there is a client for it", c.route.Proxy.URL)
			}
		}
	}
}

// A proxyHere is an HTTP proxy that asks for a user, written here: it connects, and passes on what comes in plain.
type proxyHere struct {
	user string // "name:password"; "" for anybody
	deny int    // a status that it answers instead
	wait string // the header Retry-After with it

	mu   sync.Mutex
	seen []string // method, target and credentials
}

func (p *proxyHere) start(t *testing.T, secured bool) string {
	t.Helper()
	s := httptest.NewUnstartedServer(p)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secured {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s.URL
}

func (p *proxyHere) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	auth := r.Header.Get("Proxy-Authorization")
	p.mu.Lock()
	p.seen = append(p.seen, r.Method+" "+r.Host+" "+auth)
	p.mu.Unlock()
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.user))
	switch {
	case p.deny != 0:
		w.Header().Set("Retry-After", p.wait)
		w.WriteHeader(p.deny)
		return
	case p.user != "" && auth != want:
		w.Header().Set("Proxy-Authenticate", "Basic")
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	case r.Method != http.MethodConnect:
		r.RequestURI = ""
		r.Header.Del("Proxy-Authorization")
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
		return
	}
	far, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	near, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = far.Close()
		return
	}
	_, _ = io.WriteString(near, "HTTP/1.1 200 Connected\r\n\r\n")
	pipe(near, buffered, far)
}

// pipe joins two connections until one ends.
func pipe(near net.Conn, read io.Reader, far net.Conn) {
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(far, read); _ = far.Close() })
	both.Go(func() { _, _ = io.Copy(near, far); _ = near.Close() })
	both.Wait()
}

func origins(t *testing.T) (plain, secured *httptest.Server, roots *x509.CertPool) {
	t.Helper()
	tell := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "" {
			_, _ = io.WriteString(w, "the server was told the proxy's password")
			return
		}
		_, _ = io.WriteString(w, "here")
	}
	plain = server(t, tell)
	secured = httptest.NewTLSServer(http.HandlerFunc(tell))
	t.Cleanup(secured.Close)
	roots = x509.NewCertPool()
	roots.AddCert(secured.Certificate())
	return plain, secured, roots
}

func TestAProxyIsToldItsUserAndNobodyElseIs(t *testing.T) {
	plain, secured, roots := origins(t)
	for _, throughTLS := range []bool{false, true} {
		p := &proxyHere{user: "gw:s3cret"}
		url := p.start(t, throughTLS)
		password := filepath.Join(t.TempDir(), "password")
		write(t, password, "s3cret\n")
		c := client(t, Options{Roots: roots, Route: Route{Proxy: Proxy{URL: url, User: "gw", Password: secret.String{File: password}}}})
		for _, target := range []string{plain.URL, secured.URL} {
			status, body, err := ask(c, request(t, "GET", target, ""), 100)
			if err != nil || status != 200 || body != "here" {
				t.Errorf("proxy over TLS %t, to %s: got %d %q, %v", throughTLS, target, status, body, err)
			}
		}
		if len(p.seen) != 2 {
			t.Errorf("the proxy saw %q, want two requests", p.seen)
		}
		// A password that is changed is told with the next request.
		p.user = "gw:other"
		write(t, password, "other\n")
		if _, body, err := ask(c, request(t, "GET", secured.URL, ""), 100); err != nil || body != "here" {
			t.Errorf("after its password was changed: got %q, %v", body, err)
		}
	}
}

func TestAProxyThatRefusesIsNamed(t *testing.T) {
	plain, secured, roots := origins(t)
	for _, c := range []struct {
		proxy    *proxyHere
		as       Proxy
		want     string
		hopeless bool
		wait     time.Duration
	}{
		{&proxyHere{user: "gw:s3cret"}, Proxy{}, "wants a user and a password (407); set proxy: {url, user, password}", true, 0},
		{&proxyHere{user: "gw:s3cret"}, Proxy{User: "gw", Password: secret.New("wrong!")}, "refuses the user or the password (407); check proxy", true, 0},
		{&proxyHere{deny: 403}, Proxy{}, "does not let this host be reached (403)", true, 0},
		{&proxyHere{deny: 502}, Proxy{}, "does not connect: 502 Bad Gateway", false, 0},
		{&proxyHere{deny: 429, wait: "40"}, Proxy{}, "does not connect: 429 Too Many Requests", false, 40 * time.Second},
	} {
		url := c.proxy.start(t, false)
		c.as.URL = url
		asks := client(t, Options{Roots: roots, Route: Route{Proxy: c.as}})
		for _, target := range []string{plain.URL, secured.URL} {
			if target == plain.URL && c.proxy.deny != 0 {
				continue // in plain it cannot be told from the server's own answer
			}
			_, _, err := ask(asks, request(t, "GET", target, ""), 100)
			var proxy *ProxyError
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), strings.TrimPrefix(url, "http://")) {
				t.Errorf("%s: got %v, want the proxy and %q", target, err, c.want)
			} else if !errors.As(err, &proxy) || proxy.RetryAfter() != c.wait || IsHopeless(err) != c.hopeless {
				t.Errorf("%s: %v waits %v and is hopeless %t, want %v, %t", target, err, proxy.RetryAfter(), IsHopeless(err), c.wait, c.hopeless)
			}
		}
	}
	unread := client(t, Options{Route: Route{Proxy: Proxy{URL: "http://127.0.0.1:1", User: "gw", Password: secret.String{File: "/nowhere/password"}}}})
	if _, _, err := ask(unread, request(t, "GET", plain.URL, ""), 100); err == nil || !strings.Contains(err.Error(), "proxy.password: read secret") {
		t.Errorf("without the file of its password: got %v", err)
	}
}

// socksHere is a SOCKS5 proxy (RFC 1928, RFC 1929), written here.
func socksHere(t *testing.T, user string) (address string, asked func() []string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var names []string
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				if to := greet(conn, user); to != "" {
					mu.Lock()
					names = append(names, to)
					mu.Unlock()
					serveSOCKS(conn, to)
				}
			})
		}
	})
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	return listener.Addr().String(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return names
	}
}

// greet returns where whoever calls wants to go, "" if it is not let in.
func greet(conn net.Conn, user string) string {
	read := bufio.NewReader(conn)
	head := make([]byte, 2)
	_, _ = io.ReadFull(read, head)
	methods := make([]byte, head[1])
	_, _ = io.ReadFull(read, methods)
	if user == "" {
		_, _ = conn.Write([]byte{5, 0})
	} else {
		if !strings.Contains(string(methods), "\x02") {
			_, _ = conn.Write([]byte{5, 0xff})
			return ""
		}
		_, _ = conn.Write([]byte{5, 2})
		_, _ = io.ReadFull(read, head)
		name := make([]byte, head[1]+1)
		_, _ = io.ReadFull(read, name)
		password := make([]byte, name[len(name)-1])
		_, _ = io.ReadFull(read, password)
		if string(name[:len(name)-1])+":"+string(password) != user {
			_, _ = conn.Write([]byte{1, 1})
			return ""
		}
		_, _ = conn.Write([]byte{1, 0})
	}
	_, _ = io.ReadFull(read, make([]byte, 3))
	kind, _ := read.ReadByte()
	size := byte(4)
	if kind == 3 {
		size, _ = read.ReadByte()
	}
	host, port := make([]byte, size), make([]byte, 2)
	_, _ = io.ReadFull(read, host)
	_, _ = io.ReadFull(read, port)
	name := string(host)
	if kind == 1 {
		name = net.IP(host).String()
	}
	return fmt.Sprintf("%s:%d", name, int(port[0])<<8|int(port[1]))
}

func serveSOCKS(conn net.Conn, to string) {
	_, port, _ := net.SplitHostPort(to)
	far, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		_, _ = conn.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	pipe(conn, conn, far)
}

func TestASOCKSProxyIsToldNamesAndItsUser(t *testing.T) {
	plain, secured, roots := origins(t)
	address, asked := socksHere(t, "gw:s3cret")
	_, port, _ := net.SplitHostPort(plain.Listener.Addr().String())
	well := client(t, Options{Roots: roots, Route: Route{Proxy: Proxy{URL: "socks5://" + address, User: "gw", Password: secret.New("s3cret")}}})
	for _, target := range []string{"http://meter.invalid:" + port, secured.URL} {
		if _, body, err := ask(well, request(t, "GET", target, ""), 100); err != nil || body != "here" {
			t.Errorf("%s: got %q, %v", target, body, err)
		}
	}
	if got := asked(); len(got) != 2 || got[0] != "meter.invalid:"+port {
		t.Errorf("it was asked for %q, want the name first, for it to look up", got)
	}
	for want, p := range map[string]Proxy{
		"set proxy: {url, user, password}": {URL: "socks5://" + address},
		"check proxy":                      {URL: "socks5h://" + address, User: "gw", Password: secret.New("wrong!")},
	} {
		_, _, err := ask(client(t, Options{Roots: roots, Route: Route{Proxy: p}}), request(t, "GET", secured.URL, ""), 100)
		if err == nil || !IsHopeless(err) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "wrong!") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// closedServer is a server that lets in who shows a certificate of an authority; it answers with the name in it.
func closedServer(t *testing.T, dir string, a *nettest.Authority, version uint16) *httptest.Server {
	t.Helper()
	cert, key := a.Files(t, fmt.Sprint("server-", version), x509.ExtKeyUsageServerAuth)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		who := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			who = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		_, _ = io.WriteString(w, who)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: a.Pool(), ClientAuth: tls.RequireAndVerifyClientCert, MaxVersion: version}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestACertificateIsShownToWhoAsksForOne(t *testing.T) {
	dir := t.TempDir()
	ours, other := nettest.NewAuthority(t, dir, "ours"), nettest.NewAuthority(t, dir, "other")
	cert, key := ours.Files(t, "gw-7", x509.ExtKeyUsageClientAuth)
	wrong, wrongKey := other.Files(t, "stranger", x509.ExtKeyUsageClientAuth)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s := closedServer(t, dir, ours, version)
		for _, c := range []struct {
			name  string
			route Route
			want  string
		}{
			{"the right one", Route{CA: ours.File, TLS: Certificate{Cert: cert, Key: key}}, "gw-7"},
			{"none", Route{CA: ours.File}, "the server asks for a client certificate: see tls"},
			{"another's", Route{CA: ours.File, TLS: Certificate{Cert: wrong, Key: wrongKey}}, "the server does not take the certificate of tls"},
			{"an unknown server", Route{CA: other.File, TLS: Certificate{Cert: cert, Key: key}}, "unknown authority, CN=ours; ca can name"},
		} {
			_, body, err := ask(client(t, Options{Route: c.route}), request(t, "GET", s.URL, ""), 100)
			got := body
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) || (err != nil) == (c.want == "gw-7") {
				t.Errorf("TLS %x, %s: got %s, want %s", version, c.name, got, c.want)
			}
		}
	}
}

func TestACertificateIsNotShownToAnotherHost(t *testing.T) {
	dir := t.TempDir()
	a := nettest.NewAuthority(t, dir, "ours")
	cert, key := a.Files(t, "gw-7", x509.ExtKeyUsageClientAuth)
	here, there := closedServer(t, dir, a, tls.VersionTLS13), closedServer(t, dir, a, tls.VersionTLS12)
	there.TLS.ClientAuth = tls.RequestClientCert
	c := client(t, Options{Redirects: AnyHost, Route: Route{CA: a.File, TLS: Certificate{Cert: cert, Key: key}}})
	elsewhere := strings.Replace(there.URL, "127.0.0.1", "localhost", 1)
	if _, body, err := ask(c, request(t, "GET", here.URL+"?to="+elsewhere, ""), 100); err != nil || body != "nobody" {
		t.Errorf("another host saw %q, %v; want nobody", body, err)
	}
	back := here.URL + "?to=" + elsewhere + "%3Fto=" + here.URL
	if _, body, err := ask(c, request(t, "GET", back, ""), 100); err == nil {
		t.Errorf("led back by another host, it was shown: %q", body)
	}
}

func TestTheNameOfTheServerIsThatOfTheFirstHostAlone(t *testing.T) {
	dir := t.TempDir()
	a := nettest.NewAuthority(t, dir, "ours")
	serve := func(names ...string) *httptest.Server {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if to := r.URL.Query().Get("to"); to != "" {
				http.Redirect(w, r, to, http.StatusFound)
			}
		}))
		s.TLS = &tls.Config{Certificates: []tls.Certificate{a.Issue(t, "meter", time.Hour, x509.ExtKeyUsageServerAuth, names...)}}
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	here, there := serve("meter.local"), serve("127.0.0.1")
	for name, want := range map[string]string{
		"meter.local": "", "": "its certificate is of meter.local, not of 127.0.0.1; if that is who it should be, tls.server_name can say so",
		"pump.local": "its certificate is of meter.local, not of pump.local",
	} {
		c := client(t, Options{Redirects: AnyHost, Route: Route{CA: a.File, TLS: Certificate{ServerName: name}}})
		_, _, err := ask(c, request(t, "GET", here.URL, ""), 100)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !IsUntrusted(err)) {
			t.Errorf("server_name %q: got %v, want %q", name, err, want)
		}
		if want != "" {
			continue
		}
		if _, _, err := ask(c, request(t, "GET", here.URL+"?to="+there.URL, ""), 100); err != nil {
			t.Errorf("another host, to which it leads, is asked for the name of the first: %v", err)
		}
	}
	for _, name := range []string{"https://meter.local", "meter.local:443", "*.local", strings.Repeat("a", 300)} {
		if err := (Route{TLS: Certificate{ServerName: name}}).Check(); err == nil || !strings.Contains(err.Error(), "tls.server_name: ") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := (Route{TLS: Certificate{ServerName: "fd00::7"}}).Check(); err != nil {
		t.Error(err)
	}
}

func TestACertificateIsNotShownToAProxy(t *testing.T) {
	dir := t.TempDir()
	a := nettest.NewAuthority(t, dir, "ours")
	cert, key := a.Files(t, "gw-7", x509.ExtKeyUsageClientAuth)
	s := closedServer(t, dir, a, tls.VersionTLS13)
	proxyCert, proxyKey := a.Files(t, "proxy", x509.ExtKeyUsageServerAuth)
	pair, err := tls.LoadX509KeyPair(proxyCert, proxyKey)
	if err != nil {
		t.Fatal(err)
	}
	const refused = "the proxy asks for a client certificate, and tls is for the server alone"
	for _, asks := range []struct {
		who     tls.ClientAuthType
		version uint16
		want    string
	}{
		{tls.RequestClientCert, tls.VersionTLS13, "gw-7"},
		{tls.RequestClientCert, tls.VersionTLS12, "gw-7"},
		{tls.RequireAnyClientCert, tls.VersionTLS13, refused},
		{tls.RequireAnyClientCert, tls.VersionTLS12, refused}, // says so within the handshake
	} {
		shown := 0
		p := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			shown += len(r.TLS.PeerCertificates)
			new(proxyHere).ServeHTTP(w, r)
		}))
		p.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: asks.who, MaxVersion: asks.version}
		p.Config.ErrorLog = log.New(io.Discard, "", 0)
		p.StartTLS()
		t.Cleanup(p.Close)
		c := client(t, Options{Route: Route{CA: a.File, TLS: Certificate{Cert: cert, Key: key}, Proxy: Proxy{URL: p.URL}}})
		_, body, err := ask(c, request(t, "GET", s.URL, ""), 100)
		got := body
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, asks.want) || shown != 0 || err != nil && !IsHopeless(err) {
			t.Errorf("a proxy that asks (%v, TLS %x): got %s, %d certificates shown; want %s", asks.who, asks.version, got, shown, asks.want)
		}
	}
}

func TestAProxyOfTheEnvironmentThatIsNoneIsNotGoneAround(t *testing.T) {
	for _, text := range []string{"http://gw:s3cret@[proxy", "socks4://gw:s3cret@proxy.example", "http://gw:s3cret%zz@proxy.example", "http://"} {
		t.Setenv("https_proxy", text)
		if _, err := New(Options{Route: Route{Proxy: Proxy{URL: Environment}}}); err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "https_proxy is no proxy's URL") {
			t.Errorf("%s: got %v", text, err)
		}
	}
	for _, text := range []string{"proxy.example:3128", "http://gw:s3cret@proxy.example", "socks5://proxy.example", ""} {
		t.Setenv("https_proxy", text)
		if c, err := New(Options{Route: Route{Proxy: Proxy{URL: Environment}}}); err != nil {
			t.Errorf("%s: got %v", text, err)
		} else {
			c.Close()
		}
	}
}

func TestCertificatesAreReadAgainWhenTheyChange(t *testing.T) {
	dir := t.TempDir()
	a := nettest.NewAuthority(t, dir, "ours")
	s := closedServer(t, dir, a, tls.VersionTLS13)
	cert, key := a.Files(t, "first", x509.ExtKeyUsageClientAuth)
	c := client(t, Options{Route: Route{CA: a.File, TLS: Certificate{Cert: cert, Key: key}}, MaxAge: time.Hour})
	seen := func() string {
		_, body, err := ask(c, request(t, "GET", s.URL, ""), 100)
		if err != nil {
			return err.Error()
		}
		return body
	}
	if got := seen(); got != "first" {
		t.Fatalf("got %s", got)
	}
	second, secondKey := a.Files(t, "second", x509.ExtKeyUsageClientAuth)
	later := time.Now().Add(time.Minute) // whatever the resolution of the disk's clock
	for from, to := range map[string]string{second: cert, secondKey: key} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(to, later, later); err != nil {
			t.Fatal(err)
		}
	}
	if got := seen(); got != "second" {
		t.Errorf("after a renewal the server sees %s, want second", got)
	}
	write(t, a.File, "-----BEGIN NOTHING-----\n")
	if got := seen(); !strings.Contains(got, "read ca") || !strings.Contains(got, "no certificate in PEM form in it") {
		t.Errorf("with a CA file that says nothing: got %s", got)
	}
}

func TestWhatCannotBeReadIsSaidAtTheStart(t *testing.T) {
	dir := t.TempDir()
	a := nettest.NewAuthority(t, dir, "ours")
	cert, key := a.Files(t, "gw", x509.ExtKeyUsageClientAuth)
	_, otherKey := a.Files(t, "other", x509.ExtKeyUsageClientAuth)
	locked := filepath.Join(dir, "locked.key")
	write(t, locked, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	large := filepath.Join(dir, "large.pem")
	write(t, large, strings.Repeat("x", maxPEM+1))
	for _, c := range []struct {
		route Route
		want  string
	}{
		{Route{CA: filepath.Join(dir, "none.pem")}, "read ca: open"},
		{Route{CA: key}, "no certificate in PEM form in it"},
		{Route{CA: large}, "read ca: " + large + ": more than 1024 KiB"},
		{Route{TLS: Certificate{Cert: filepath.Join(dir, "none.pem")}}, "read tls.cert: open"},
		{Route{TLS: Certificate{Cert: cert, Key: filepath.Join(dir, "none.key")}}, "read tls.key: open"},
		{Route{TLS: Certificate{Cert: cert, Key: locked}}, "it is encrypted; `openssl pkey"},
		{Route{TLS: Certificate{Cert: cert, Key: otherKey}}, "private key does not match public key"},
	} {
		if _, err := New(Options{Route: c.route}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	both := filepath.Join(dir, "both.pem")
	certText, _ := os.ReadFile(cert)
	keyText, _ := os.ReadFile(key)
	write(t, both, string(certText)+string(keyText))
	if _, err := New(Options{Route: Route{TLS: Certificate{Cert: both}}}); err != nil {
		t.Errorf("certificate and key in one file: %v", err)
	}
	for _, name := range []string{a.File, both} { // as some editors save it
		was, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, name, "\ufeff"+strings.ReplaceAll(string(was), "\n", "\r\n"))
	}
	if _, err := New(Options{Route: Route{CA: a.File, TLS: Certificate{Cert: both}}}); err != nil {
		t.Errorf("files that begin with a byte order mark: %v", err)
	}
}

// TestASilentPeerIsLeftAfterOneRequest freezes a kept connection: what is asked next goes over another one, over HTTP/2 too,
// where a connection outlives the requests that nobody answers on it.
// TestALateFailureLeavesNoNewerConnection: the one that was silent was left before.
func TestALateFailureLeavesNoNewerConnection(t *testing.T) {
	c := client(t, Options{}).own
	old, err := c.young()
	if err != nil {
		t.Fatal(err)
	}
	c.leave(old)
	newer, err := c.young()
	if err != nil || newer == old {
		t.Fatalf("the silent connection is used again: %v", err)
	}
	c.leave(old)
	if again, err := c.young(); err != nil || again != newer {
		t.Errorf("the newer connection was left too: %v", err)
	}
}

func TestASilentPeerIsLeftAfterOneRequest(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
		s.EnableHTTP2 = proto == "HTTP/2.0"
		s.StartTLS()
		t.Cleanup(s.Close)
		relay := nettest.NewRelay(t, s.Listener.Addr().String())
		roots := x509.NewCertPool()
		roots.AddCert(s.Certificate())
		c := client(t, Options{Roots: roots, MaxAge: time.Hour, ping: time.Hour, pong: time.Hour})
		within := func(limit time.Duration) (string, error) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, body, err := ask(c, request(t, "GET", "https://"+relay.Address, "").WithContext(ctx), 100)
			return body, err
		}
		if body, err := within(time.Minute); err != nil || body != proto {
			t.Fatalf("got %q, %v; want %s", body, err, proto)
		}
		relay.Freeze()
		if body, err := within(200 * time.Millisecond); err != context.DeadlineExceeded {
			t.Fatalf("%s: a frozen peer answered %q, %v", proto, body, err)
		}
		if body, err := within(time.Minute); err != nil || body != proto {
			t.Errorf("%s: after one request without an answer: got %q, %v", proto, body, err)
		}
		if made := relay.Made(); made != 2 {
			t.Errorf("%s: %d connections were made, want 2", proto, made)
		}
	}
}
