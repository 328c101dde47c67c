package httpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A ProxyError is what a proxy answered instead of going on: to CONNECT, or, for want of a user, to a request.
type ProxyError struct {
	Host   string // of the proxy
	Status int
	known  bool          // it was told a user
	wait   time.Duration // that it asked for
}

func (p *ProxyError) Error() string {
	who := p.Status == http.StatusProxyAuthRequired || p.Status == http.StatusUnauthorized // some say 401 to a wrong password
	switch {
	case who && p.known:
		return fmt.Sprintf("the proxy %s refuses the user or the password (%d); check proxy", p.Host, p.Status)
	case who:
		return fmt.Sprintf("the proxy %s wants a user and a password (%d); set proxy: {url, user, password}", p.Host, p.Status)
	case p.Status == http.StatusForbidden:
		return fmt.Sprintf("the proxy %s does not let this host be reached (403)", p.Host)
	}
	return fmt.Sprintf("the proxy %s does not connect: %d %s", p.Host, p.Status, http.StatusText(p.Status))
}

// RetryAfter returns how long the proxy wants not to be asked again.
func (p *ProxyError) RetryAfter() time.Duration { return p.wait }

// hopeless reports whether asking again will hardly help.
func (p *ProxyError) hopeless() bool {
	return p.Status >= 400 && p.Status < 500 && p.Status != http.StatusTooManyRequests && p.Status != http.StatusRequestTimeout
}

func proxyError(proxy *url.URL, resp *http.Response) *ProxyError {
	wait, _ := RetryAfter(resp.Header, time.Now())
	return &ProxyError{proxy.Host, resp.StatusCode, proxy.User != nil, wait}
}

// connected judges a proxy's answer to CONNECT.
func connected(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return proxyError(proxy, resp)
}

// A StatusError is an answer that is not what was asked for: who asks decides by its status, or by why it is not taken.
type StatusError struct {
	Code int
	Why  error // beside the status; nil: the status says it
}

func (s *StatusError) Error() string {
	if s.Why != nil {
		return fmt.Sprintf("%d: %v", s.Code, s.Why)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", s.Code, http.StatusText(s.Code)))
}

func (s *StatusError) Unwrap() error { return s.Why }

// IsHopeless reports whether asking again will hardly help before somebody changes something: a certificate that is not
// trusted, a handshake or a redirect that is refused, no TLS where TLS is asked for, a proxy that refuses.
func IsHopeless(err error) bool {
	var (
		address *net.AddrError
		proxy   *ProxyError
	)
	return IsUntrusted(err) || IsPlain(err) || errors.As(err, &address) || errors.Is(err, ErrRedirect) || errors.Is(err, ErrAddress) ||
		errors.Is(err, ErrEncoding) || errors.Is(err, errNoCertificate) ||
		errors.As(err, &proxy) && proxy.hopeless() || isAlert(err) || isSOCKS(err)
}

// IsUntrusted reports whether the certificate of a server is of nobody that is trusted, or for another name or time.
func IsUntrusted(err error) bool {
	var (
		untrusted *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
	)
	return errors.As(err, &untrusted) || errors.As(err, &authority) || errors.As(err, &hostname)
}

// IsPlain reports whether who was asked for TLS does not speak it.
func IsPlain(err error) bool {
	var notTLS tls.RecordHeaderError
	return errors.As(err, &notTLS) || errors.Is(err, http.ErrSchemeMismatch)
}

// isAlert reports whether a server, or the proxy before it, ended a handshake because of the certificate that it was shown, or was not.
// Up to TLS 1.2 some say no more than that the handshake failed.
func isAlert(err error) bool {
	var op *net.OpError
	for errors.As(err, &op) {
		if text := op.Err.Error(); op.Op == "remote error" {
			return strings.Contains(text, "certificate") || strings.Contains(text, "access denied") || strings.Contains(text, "handshake failure")
		}
		err = op.Err // such as that of connecting to a proxy
	}
	return false
}

// isSOCKS reports whether a SOCKS5 proxy refuses whoever asks.
func isSOCKS(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && strings.HasPrefix(op.Op, "socks") && strings.Contains(op.Err.Error(), "authentication")
}

// hint says what settings have to do with a failure.
func (c *Client) hint(err error) string {
	switch {
	case isAlert(err) && c.proxies.asked.Load() && !c.asked.Load(): // who asked last
		return "; the proxy asks for a client certificate, and tls is for the server alone"
	case isSOCKS(err) && c.route.Proxy.User == "":
		return "; set proxy: {url, user, password}"
	case isSOCKS(err):
		return "; check proxy"
	case isAlert(err) && c.route.TLS.Cert != "" && c.asked.Load():
		return "; the server does not take the certificate of tls"
	case IsPlain(err):
		return "; who listens there speaks http, not https: write http://"
	case c.WantsCertificate():
		return "; " + AsksForCertificate
	}
	return ""
}

// WantsCertificate reports whether the server has asked for a client certificate, and there is none to show.
func (c *Client) WantsCertificate() bool { return c.route.TLS.Cert == "" && c.asked.Load() }

// Refuses reports whether a status is one with which servers refuse who shows no certificate, and this one asked for one.
func (c *Client) Refuses(status int) bool {
	return (status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden) && c.WantsCertificate()
}

// AsksForCertificate says what to do about it.
const AsksForCertificate = "the server asks for a client certificate: see tls"
