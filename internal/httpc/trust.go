package httpc

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// maxPEM bounds a file of certificates or a key: the system's whole list is a quarter of it.
const maxPEM = 1 << 20

// files returns what a route is read from.
func (r Route) files() (list []string) {
	for _, name := range []string{r.CA, r.TLS.Cert, r.TLS.Key} {
		if name != "" {
			list = append(list, name)
		}
	}
	return list
}

// stamp changes when one of the files does.
func stamp(files []string) string {
	var b strings.Builder
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			fmt.Fprintf(&b, "%d %d\n", info.ModTime().UnixNano(), info.Size())
		} else {
			b.WriteString("none\n")
		}
	}
	return b.String()
}

// roots returns the certificates that are trusted; nil for the system's.
func (r Route) roots() (*x509.CertPool, error) {
	if r.CA == "" {
		return nil, nil
	}
	text, err := readPEM(r.CA)
	if err != nil {
		return nil, fmt.Errorf("read ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read ca %s: %w", r.CA, errNoCertificate)
	}
	return pool, nil
}

// errNoCertificate: the content of a file is wrong, and stays so until somebody changes it.
var errNoCertificate = errors.New("no certificate in PEM form in it")

// load returns the certificate, nil if there is none.
func (c Certificate) load() (*tls.Certificate, error) {
	if c.Cert == "" {
		return nil, nil
	}
	cert, err := readPEM(c.Cert)
	if err != nil {
		return nil, fmt.Errorf("read tls.cert: %w", err)
	}
	key := cert
	if c.Key != "" {
		if key, err = readPEM(c.Key); err != nil {
			return nil, fmt.Errorf("read tls.key: %w", err)
		}
	}
	if bytes.Contains(key, []byte("ENCRYPTED")) {
		return nil, errors.New("read tls.key: it is encrypted; `openssl pkey -in KEY -out PLAIN` writes one that is not")
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("read tls: %w", err)
	}
	return &pair, nil
}

func readPEM(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxPEM {
		return nil, fmt.Errorf("%s: more than %d KiB, which no PEM file of certificates has", name, maxPEM>>10)
	}
	return bytes.TrimPrefix(text, []byte(plain.Mark)), nil // else the first block is none
}

// Secured returns what secures a connection to a host that speaks another protocol than HTTP: the files of r, read now.
func (r Route) Secured(host string) (*tls.Config, error) {
	roots, err := r.roots()
	if err != nil {
		return nil, err
	}
	shown, err := r.TLS.load()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: cmp.Or(r.TLS.ServerName, host)}
	if shown != nil {
		config.Certificates = []tls.Certificate{*shown}
	}
	return config, nil
}
