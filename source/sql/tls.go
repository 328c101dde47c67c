package sql

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/loopback"
)

// TLS says how a connection is encrypted, and who is believed.
type TLS struct {
	// Mode: verify (the certificate is of a trusted authority and names the server), verify-ca (of a trusted authority, whatever it names), require (encrypted, whoever
	// answers: a stranger in between reads the password) or off. Default: verify, and off for an address of this machine.
	Mode Mode `yaml:"mode,omitempty"`
	// CA is a PEM file with the certificates to trust instead of the system's. It is read anew for each connection. Default: the system's.
	CA                string `yaml:"ca,omitempty" path:"true"`
	httpc.Certificate `yaml:",inline"`
}

// A Mode is how much of TLS there is.
type Mode string

// The modes.
const (
	modeVerify   Mode = "verify"
	modeVerifyCA Mode = "verify-ca"
	modeRequire  Mode = "require"
	modeOff      Mode = "off"
)

// Words returns the modes.
func (Mode) Words() []string {
	return []string{string(modeVerify), string(modeVerifyCA), string(modeRequire), string(modeOff)}
}

// Shorthand is the setting that a single value stands for.
func (TLS) Shorthand() string { return "mode" }

func (t TLS) isZero() bool { return t == TLS{} }

func (t TLS) check() error {
	var errs []error
	switch t.Mode {
	case "", modeVerify, modeVerifyCA, modeRequire:
	case modeOff:
		if t != (TLS{Mode: modeOff}) {
			errs = append(errs, errors.New("tls.mode: off, so ca, cert, key and server_name mean nothing"))
		}
	default:
		errs = append(errs, fmt.Errorf("tls.mode: %q: want verify, verify-ca, require or off", t.Mode))
	}
	if t.Mode == modeRequire && t.CA != "" {
		errs = append(errs, errors.New("tls.ca: nothing is verified with mode require; set mode: verify"))
	}
	if t.Mode == modeRequire && t.ServerName != "" {
		errs = append(errs, errors.New("tls.server_name: nothing is verified with mode require; set mode: verify"))
	}
	return errors.Join(append(errs, httpc.Route{TLS: t.Certificate}.Check())...)
}

// config returns how to encrypt a connection to an address; nil: not at all.
func (t TLS) config(network, address string) (*tls.Config, error) {
	host, _, _ := net.SplitHostPort(address)
	if t.Mode == modeOff || t.isZero() && (network == "unix" || loopback.Is(host)) {
		return nil, nil
	}
	config, err := httpc.Route{CA: t.CA, TLS: t.Certificate}.Secured(host)
	if err != nil {
		return nil, err
	}
	switch t.Mode {
	case modeRequire:
		config.InsecureSkipVerify = true
	case modeVerifyCA:
		config.InsecureSkipVerify, config.VerifyConnection = true, verifiesIssuer(config.RootCAs)
	}
	return config, nil
}

// verifiesIssuer wants a certificate of an authority that is trusted, whatever name it has.
func verifiesIssuer(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		between := x509.NewCertPool()
		for _, c := range state.PeerCertificates[1:] {
			between.AddCert(c)
		}
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
		if err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
		}
		return nil
	}
}
