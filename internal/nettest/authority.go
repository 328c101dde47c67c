package nettest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An Authority vouches for certificates.
type Authority struct {
	Cert *x509.Certificate
	File string // with its certificate, in PEM

	dir    string
	key    *ecdsa.PrivateKey
	serial int64
}

// NewAuthority returns one whose files stand in a folder.
func NewAuthority(t testing.TB, dir, name string) *Authority {
	t.Helper()
	a := &Authority{dir: dir, key: newKey(t), serial: 1, File: filepath.Join(dir, name+".pem")}
	wants := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, wants, wants, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.Cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	write(t, a.File, "CERTIFICATE", der)
	return a
}

// Pool returns the authority as who it is that is trusted.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.Cert)
	return p
}

// Issue returns a certificate that is used for something until life is over; for whom is said by addresses and names.
func (a *Authority) Issue(t testing.TB, name string, life time.Duration, usage x509.ExtKeyUsage, hosts ...string) tls.Certificate {
	t.Helper()
	a.serial++
	wants := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			wants.IPAddresses = append(wants.IPAddresses, ip)
		} else {
			wants.DNSNames = append(wants.DNSNames, host)
		}
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, wants, a.Cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Files writes a certificate for this machine, and its key, and returns the names of their files.
func (a *Authority) Files(t testing.TB, name string, usage x509.ExtKeyUsage) (cert, key string) {
	t.Helper()
	return a.FilesFor(t, name, time.Hour, usage)
}

// FilesFor is Files of a certificate that ends when life is over.
func (a *Authority) FilesFor(t testing.TB, name string, life time.Duration, usage x509.ExtKeyUsage) (cert, key string) {
	t.Helper()
	pair := a.Issue(t, name, life, usage, "127.0.0.1", "localhost")
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")
	write(t, cert, "CERTIFICATE", pair.Certificate[0])
	write(t, key, "PRIVATE KEY", der)
	return cert, key
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func write(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
