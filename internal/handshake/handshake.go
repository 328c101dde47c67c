// Package handshake says in words why TLS did not come about, and which setting helps: what the library says is meant for programmers.
package handshake

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// explained is a failure in words; what the library said stays its cause.
type explained struct {
	text  string
	cause error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.cause }

// Explain returns err in words if it says that a certificate is not believed, that the peer refuses ours, or that it does not speak TLS; else err as it is. It
// is for errors that may come of anything.
func Explain(err error, now time.Time) error {
	if text := reason(err, now); text != "" {
		return &explained{text, err}
	}
	return err
}

// Failed returns the error of a handshake in words; of one that was broken off, too. Instead is what to try if the port speaks no TLS.
func Failed(err error, now time.Time, instead string) error {
	if err == nil {
		return nil
	}
	var notTLS tls.RecordHeaderError
	if !errors.As(err, &notTLS) {
		if text := reason(err, now); text != "" {
			return &explained{text, err}
		}
	}
	switch {
	case errors.As(err, &notTLS):
		return &explained{noTLS + ": " + instead, err}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &explained{"it closed the connection in the TLS handshake; if it speaks no TLS, " + instead, err}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return &explained{"no answer to the TLS handshake (timeout); if it speaks no TLS, " + instead, err}
	}
	return fmt.Errorf("TLS handshake: %w", err)
}

// Told returns what a peer said before it hung up, if writing to it failed and its words stand in the connection still, else err: with TLS 1.3 one
// that does not take a certificate says so behind the handshake, and resets the connection over what was written meanwhile.
func Told(conn net.Conn, err error) error {
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		return err
	}
	if conn.SetReadDeadline(time.Now().Add(time.Second)) != nil {
		return err
	}
	var chunk [512]byte
	for range 64 { // what it said before that
		if _, last := conn.Read(chunk[:]); last != nil {
			if alert(last) != "" {
				return last
			}
			return err
		}
	}
	return err
}

const noTLS = "who listens there answers, and not with TLS"

// reason says in words what err is; "" if it is of nothing that this package knows.
func reason(err error, now time.Time) string {
	var (
		of        *tls.CertificateVerificationError
		host      x509.HostnameError
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		notTLS    tls.RecordHeaderError
		chain     []*x509.Certificate
	)
	if errors.As(err, &of) {
		chain = of.UnverifiedCertificates
	}
	switch {
	case errors.As(err, &host):
		return misnamed(host)
	case errors.As(err, &authority):
		if len(chain) == 0 && authority.Cert != nil {
			chain = []*x509.Certificate{authority.Cert}
		}
		return unknown(chain, strings.Contains(authority.Error(), "candidate authority"))
	case errors.As(err, &invalid) && invalid.Cert != nil:
		return bad(invalid, now)
	case errors.As(err, &notTLS):
		return noTLS
	}
	return alert(err)
}

func misnamed(err x509.HostnameError) string {
	asked := plain.Line(err.Host, 100)
	if names := Names(err.Certificate); names != "" {
		return fmt.Sprintf("its certificate is of %s, not of %s; if that is who it should be, tls.server_name can say so", names, asked)
	}
	return fmt.Sprintf("its certificate (%s) names no host, so it cannot be of %s; the server needs one with a subject alternative name", who(err.Certificate), asked)
}

// Names returns the hosts that a certificate names; "" if it names none.
func Names(cert *x509.Certificate) string {
	if cert == nil {
		return ""
	}
	names := append([]string(nil), cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	return plain.Line(strings.Join(names, ", "), 120)
}

func unknown(chain []*x509.Certificate, another bool) string {
	if len(chain) == 0 {
		return "its certificate is of an unknown authority; ca can name the right one"
	}
	last := chain[len(chain)-1]
	issuer := plain.Line(cmp.Or(last.Issuer.String(), "nameless"), 80)
	switch {
	case another:
		return fmt.Sprintf("its certificate (%s) is of an unknown authority: one with the name of its issuer, %s, is known, but has another key; ca is to name the right one", who(chain[0]), issuer)
	case len(chain) == 1 && last.Issuer.String() == last.Subject.String():
		return fmt.Sprintf("its certificate (%s) is of an unknown authority: it vouches for itself; ca can name its PEM file, if it is the right one", who(last))
	}
	return fmt.Sprintf("its certificate (%s) is of an unknown authority, %s; ca can name the PEM file of that one", who(chain[0]), issuer)
}

func bad(err x509.CertificateInvalidError, now time.Time) string {
	cert := err.Cert
	switch {
	case err.Reason == x509.Expired && now.After(cert.NotAfter):
		return fmt.Sprintf("the certificate of %s expired at %s, %s ago; the server needs a new one", who(cert), stamp(cert.NotAfter), unit.FormatDuration(now.Sub(cert.NotAfter).Round(time.Second)))
	case err.Reason == x509.Expired:
		return fmt.Sprintf("the certificate of %s is valid from %s on, and the clock here says %s; is it right?", who(cert), stamp(cert.NotBefore), stamp(now))
	case err.Reason == x509.IncompatibleUsage:
		return fmt.Sprintf("the certificate of %s is not for servers (extended key usage); the server needs another one", who(cert))
	}
	return fmt.Sprintf("the certificate of %s is not good: %s; the server needs another one", who(cert), plain.Line(strings.TrimPrefix(err.Error(), "x509: "), 120))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// who says whom a certificate is of.
func who(cert *x509.Certificate) string {
	if cert == nil {
		return "nobody"
	}
	return plain.Line(cmp.Or(cert.Subject.CommonName, Names(cert), cert.Subject.String(), "nobody"), 80)
}

// alerts are what a peer may say when it ends a handshake, by a part of the library's word for it.
var alerts = []struct{ part, text string }{
	{"certificate required", "it wants to be shown a certificate; see tls.cert"},
	{"expired certificate", "it says that the certificate of tls.cert expired"},
	{"revoked certificate", "it says that the certificate of tls.cert is revoked"},
	{"certificate", "it does not take the certificate of tls.cert, or wants to be shown one"},
	{"unrecognized name", "it knows nobody by the name that it is asked for; see tls.server_name"},
	{"protocol version", "it speaks no TLS 1.2 or newer"},
	{"no application protocol", "it speaks none of the protocols that it is offered; see alpn"},
	{"access denied", "it does not let us in with the certificate of tls.cert"},
	{"handshake failure", "it refuses the TLS handshake: it may want to be shown a certificate (tls.cert), or share no cipher with us"},
}

func alert(err error) string {
	var op *net.OpError
	for errors.As(err, &op) {
		if op.Op == "remote error" {
			for _, a := range alerts {
				if strings.Contains(op.Err.Error(), a.part) {
					return a.text
				}
			}
			return ""
		}
		err = op.Err
	}
	return ""
}
