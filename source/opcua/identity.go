package opcua

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // OPC UA names certificates by their SHA-1 (Part 4, 7.2); nothing is believed because of it
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/durable"
)

// An identity is a certificate with its private key: our application's, or a user's.
type identity struct {
	der  []byte // of the certificate alone
	key  *rsa.PrivateKey
	uri  string
	cert *x509.Certificate
}

const (
	ownFolder  = "own"
	ownCert    = "certificate.der"
	ownKey     = "key.pem"
	ownBits    = 2048
	ownYears   = 20
	maxPEM     = 64 << 10
	firstSane  = 2024 // a clock before it was not set yet
	ownProduct = "urn:github.com:dodona-oracle:dodona"
)

// making lets one source at a time look for our certificate, so that it is made once.
var making sync.Mutex

// own returns our application's certificate, which is made at the first need and kept below folder.
func own(folder string, now time.Time) (*identity, error) {
	making.Lock()
	defer making.Unlock()
	dir := filepath.Join(folder, ownFolder)
	key, cert := filepath.Join(dir, ownKey), filepath.Join(dir, ownCert)
	if _, err := os.Stat(key); errors.Is(err, fs.ErrNotExist) {
		if err := makeOwn(dir, key, cert, now); err != nil {
			return nil, fmt.Errorf("make a certificate of our own: %w", err)
		}
	}
	who, err := readIdentity(cert, key)
	if err != nil {
		return nil, dodona.Permanent(fmt.Errorf("our own certificate: %w", err))
	}
	switch {
	case who.uri == "":
		return nil, dodona.Permanent(fmt.Errorf("our own certificate: %s names no URI among its alternative names, and servers refuse one without", cert))
	case now.After(who.cert.NotAfter):
		return nil, dodona.Permanent(fmt.Errorf("our own certificate: %s expired at %s; remove it and %s, and the next start makes another, which servers must be told to trust",
			cert, who.cert.NotAfter.UTC().Format(time.RFC3339), key))
	}
	return who, nil
}

func makeOwn(dir, keyPath, certPath string, now time.Time) error {
	if now.Year() < firstSane {
		return fmt.Errorf("the clock says %s, and a certificate of then would be of no use", now.UTC().Format(time.DateOnly))
	}
	key, err := rsa.GenerateKey(rand.Reader, ownBits)
	if err != nil {
		return err
	}
	name := make([]byte, 8)
	if _, err := rand.Read(name); err != nil {
		return err
	}
	host, _ := os.Hostname() // only a name for people
	if host == "" {
		host = "localhost"
	}
	uri := &url.URL{Scheme: "urn", Opaque: "dodona:" + hex.EncodeToString(name)}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(name),
		Subject:      pkix.Name{CommonName: "Dodona at " + host, Organization: []string{"Dodona"}},
		NotBefore:    now.Add(-24 * time.Hour), NotAfter: now.AddDate(ownYears, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, // it signs itself, so it says that it may; it is no authority for others
		URIs:                  []*url.URL{uri}, DNSNames: []string{host},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := durable.MakeFolder(dir, 0o700); err != nil {
		return err
	}
	if err := durable.Write(certPath, der, 0o644); err != nil {
		return err
	}
	return durable.Write(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600) // last: it says that both are there
}

// readIdentity reads a certificate (DER or PEM) and its RSA key (PEM).
func readIdentity(certPath, keyPath string) (*identity, error) {
	chain, err := readCertificates(certPath)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(keyPath)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	key, err := parseKey(raw)
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", keyPath, err)
	}
	if public, is := chain[0].PublicKey.(*rsa.PublicKey); !is || !public.Equal(&key.PublicKey) {
		return nil, fmt.Errorf("the key of %s is not that of the certificate in %s", keyPath, certPath)
	}
	return &identity{der: chain[0].Raw, key: key, uri: uriOf(chain[0]), cert: chain[0]}, nil
}

func parseKey(raw []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, errors.New("want PEM, which begins with -----BEGIN PRIVATE KEY-----")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("want a private key that is not encrypted, in PKCS #8 or PKCS #1")
	}
	key, is := parsed.(*rsa.PrivateKey)
	if !is {
		return nil, errors.New("want an RSA key; the security policies of OPC UA that Dodona speaks know no other")
	}
	return key, nil
}

// readCertificates reads a file of certificates, DER or PEM; at least one.
func readCertificates(path string) ([]*x509.Certificate, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	if len(raw) > maxPEM {
		return nil, fmt.Errorf("read certificate %s: it is larger than %d bytes", path, maxPEM)
	}
	der := raw
	if bytes.Contains(raw, []byte("-----BEGIN CERTIFICATE-----")) {
		der = nil
		for rest := raw; ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			if block.Type == "CERTIFICATE" {
				der = append(der, block.Bytes...)
			}
		}
	}
	list, err := x509.ParseCertificates(der)
	if err != nil || len(list) == 0 {
		return nil, fmt.Errorf("read certificate %s: want DER or PEM", path)
	}
	return list, nil
}

// uriOf returns the application's URI that a certificate names.
func uriOf(cert *x509.Certificate) string {
	if len(cert.URIs) == 0 {
		return ""
	}
	return cert.URIs[0].String()
}

// Thumbprint is how OPC UA names a certificate: the SHA-1 of its DER, in hex.
func thumbprint(cert *x509.Certificate) string {
	sum := sha1.Sum(cert.Raw)
	return hex.EncodeToString(sum[:])
}
