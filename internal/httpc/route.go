package httpc

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/dodona-oracle/dodona/internal/secret"
)

// A Route is how requests reach a server, and who vouches for whom on the way.
type Route struct {
	// Proxy that requests go through: its URL, environment to take it from HTTPS_PROXY and its kin, or none. One that wants
	// a user and a password has them beside its URL. Default: none, whatever the environment says.
	Proxy Proxy `yaml:"proxy,omitempty"`
	// CA is a PEM file with the certificates to trust instead of the system's. It is read again when it changes.
	// Default: the system's, which SSL_CERT_FILE and SSL_CERT_DIR can name.
	CA string `yaml:"ca,omitempty" path:"true"`
	// TLS says what is shown to a server that asks for a certificate, and whom the server's own must name. Default: nothing, and the host of the URL.
	TLS Certificate `yaml:"tls,omitempty"`
}

// A Proxy stands between this network and others.
type Proxy struct {
	// URL of the proxy, such as http://proxy.example:3128; also https, and socks5, which is told names and not addresses. Required.
	URL string `yaml:"url"`
	// User whom the proxy knows. It is shown to nobody else. Default: none.
	User string `yaml:"user,omitempty"`
	// Password of the user, best as {file: PATH} or {env: NAME}. It is read anew for each request. Default: none.
	Password secret.String `yaml:"password,omitempty"`
}

// A Certificate is a client certificate, which no other host than that of the URL is shown, and the name in the server's.
type Certificate struct {
	// Cert is a PEM file with the certificate, and those between it and its issuer. It is read again when it changes. Default: none.
	Cert string `yaml:"cert,omitempty" path:"true"`
	// Key is a PEM file with the certificate's private key, not encrypted. Default: the file of cert.
	Key string `yaml:"key,omitempty" path:"true"`
	// ServerName is whom the server's certificate must name, where that is not the host by which it is reached, such as an address. Default: that host.
	ServerName string `yaml:"server_name,omitempty"`
}

// Environment is the proxy that HTTPS_PROXY and its kin name; none is none.
const (
	Environment = "environment"
	none        = "none"
)

// Shorthand is the setting that a single value stands for.
func (Proxy) Shorthand() string { return "url" }

// IsZero reports whether there is none.
func (p Proxy) IsZero() bool { return p == Proxy{} }

// Direct reports whether requests go to servers themselves.
func (p Proxy) Direct() bool { return p.URL == "" || p.URL == none }

// Check says what is wrong with r. It neither dials nor reads files, and repeats nothing that may be a secret.
func (r Route) Check() error { return errors.Join(r.Proxy.Check(), r.TLS.check()) }

func (c Certificate) check() error {
	var errs []error
	if c.Key != "" && c.Cert == "" {
		errs = append(errs, errors.New("tls.cert: missing, want the PEM file of the certificate that tls.key belongs to"))
	}
	if err := CheckServerName(c.ServerName); err != nil {
		errs = append(errs, fmt.Errorf("tls.%w", err))
	}
	return errors.Join(errs...)
}

// CheckServerName says what is wrong with the name that a server's certificate must have.
func CheckServerName(name string) error {
	if len(name) > 253 || strings.ContainsAny(name, "/@* \t") || net.ParseIP(name) == nil && strings.Contains(name, ":") {
		return fmt.Errorf("server_name: %.60q: want one host name or address that stands in the certificate, such as broker.local", name)
	}
	return nil
}

const proxyExample = "http://proxy.example:3128"

// Check says what is wrong with p.
func (p Proxy) Check() error {
	switch {
	case p.IsZero():
		return nil
	case p.URL == "":
		return fmt.Errorf("proxy.url: missing, want one such as %s", proxyExample)
	case p.URL == none || p.URL == Environment:
		if p.User != "" || !p.Password.IsZero() {
			return fmt.Errorf("proxy.user: goes with a URL, not with %s", p.URL)
		}
		return nil
	}
	return errors.Join(checkProxyURL(p.URL), p.checkUser())
}

var proxySchemes = []string{"http", "https", "socks5", "socks5h"}

// hostPort matches a proxy as many programs name it. Few need it, and it takes a quarter of a megabyte.
var hostPort = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9.-]{1,253}:[0-9]{1,5}$`) })

func checkProxyURL(text string) error {
	scheme, rest, found := strings.Cut(text, "://")
	switch {
	case strings.Contains(text, "@"):
		return fmt.Errorf("proxy: user and password do not belong in the URL, where everybody reads them; "+
			"write proxy: {url: %q, user: NAME, password: {file: PATH}}", withoutUser(text))
	case !found && hostPort().MatchString(text):
		return fmt.Errorf("proxy: %s has no scheme; write http://%s", text, text)
	case !found:
		return fmt.Errorf("proxy: no URL: want %s, one such as %s, or {url, user, password}", Environment, proxyExample)
	case !slices.Contains(proxySchemes, strings.ToLower(scheme)):
		return fmt.Errorf("proxy: scheme %.20q: want http, https or socks5", scheme)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return fmt.Errorf("proxy: not a URL: want one such as %s", proxyExample)
	case strings.TrimSuffix(rest, "/") != u.Host:
		return fmt.Errorf("proxy: want scheme, host and port alone, such as %s", proxyExample)
	}
	return CheckPort("proxy", u)
}

// withoutUser returns a proxy's URL without what must not be shown, or an example if it cannot be told what that is.
func withoutUser(text string) string {
	scheme, rest, found := strings.Cut(text, "://")
	u, err := url.Parse("http://" + rest[strings.LastIndex(rest, "@")+1:])
	if !found || err != nil || u.Hostname() == "" || !slices.Contains(proxySchemes, scheme) {
		return proxyExample
	}
	return scheme + "://" + u.Host
}

// checkEnvironment refuses what the library would pass over in silence: requests would go around the proxy. A value is never
// shown: it may hold a password.
func checkEnvironment() error {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
		text := os.Getenv(name)
		if text == "" {
			continue
		}
		if !strings.Contains(text, "://") {
			text = "http://" + text // as the library reads it
		}
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || !slices.Contains(proxySchemes, u.Scheme) {
			return fmt.Errorf("proxy: environment: %s is no proxy's URL, want one such as %s", name, proxyExample)
		}
	}
	return nil
}

func (p Proxy) checkUser() error {
	socks := strings.HasPrefix(strings.ToLower(p.URL), "socks")
	switch {
	case p.User == "" && !p.Password.IsZero():
		return errors.New("proxy.user: missing, though there is a password")
	case socks && len(p.User) > 255:
		return errors.New("proxy.user: longer than the 255 bytes that SOCKS5 takes")
	case socks && p.User != "" && p.Password.IsZero():
		return errors.New("proxy.password: missing, and SOCKS5 takes no user without one")
	case !socks && strings.Contains(p.User, ":"):
		return errors.New("proxy.user: has no colon (RFC 7617)")
	}
	return nil
}

// way returns through which proxy a request goes; nil for none.
func (p Proxy) way() (func(*http.Request) (*url.URL, error), error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	switch {
	case p.Direct():
		return nil, nil
	case p.URL == Environment:
		return http.ProxyFromEnvironment, checkEnvironment()
	}
	u, err := url.Parse(p.URL)
	if err != nil {
		return nil, fmt.Errorf("proxy: not a URL: want one such as %s", proxyExample)
	}
	u.Path = ""
	if p.User == "" {
		return http.ProxyURL(u), nil
	}
	return func(*http.Request) (*url.URL, error) {
		password, err := p.Password.Reveal()
		if err != nil {
			return nil, fmt.Errorf("proxy.password: %w", err)
		}
		to := *u
		to.User = url.UserPassword(p.User, password)
		return &to, nil
	}, nil
}
