package opcua

import (
	"cmp"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // see identity.go
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/source"
)

// Folders of certificates below a kind's own.
const (
	trustedFolder  = "trusted"
	rejectedFolder = "rejected"
	mostRejected   = 64 // certificates that are kept for a person to judge; a peer may show a new one each time
	mostTrusted    = 1024
)

// A serverIdentity is a server's certificate that was judged, and found good.
type serverIdentity struct {
	leaf *x509.Certificate
	key  *rsa.PublicKey
	raw  []byte // as the endpoint showed it: the certificate, and those of its issuers
}

func (s *serverIdentity) thumbprint() []byte {
	sum := sha1.Sum(s.leaf.Raw)
	return sum[:]
}

// A judge says whom a source believes.
type judge struct {
	folder string
	source string
	host   string // that the certificate must name; empty: any
	now    time.Time
}

const (
	leastBits = 2048
	mostBits  = 4096
)

// judge returns who the server is if its certificate is good and trusted. What is good and not trusted is kept in rejected/ for a person to judge.
func (j judge) judge(raw []byte, applicationURI string) (*serverIdentity, error) {
	chain, err := x509.ParseCertificates(raw)
	if err != nil || len(chain) == 0 {
		return nil, errors.New("the server's certificate cannot be read")
	}
	leaf := chain[0]
	key, err := j.sound(leaf, applicationURI)
	if err != nil {
		return nil, dodona.Permanent(fmt.Errorf("the server's certificate %s: %w", thumbprint(leaf), err))
	}
	trusted, err := readFolder(filepath.Join(j.folder, trustedFolder))
	if err != nil {
		return nil, err
	}
	vouched, why := j.trusts(chain, trusted)
	if !vouched {
		if err := j.reject(leaf); err != nil {
			return nil, err
		}
	}
	accept := fmt.Sprintf("dodona source trust FILE %s %s", j.source, thumbprint(leaf))
	err = j.named(leaf)
	switch {
	case err != nil && vouched:
		return nil, dodona.Permanent(fmt.Errorf("the server's certificate %s: %w", thumbprint(leaf), err))
	case err != nil:
		return nil, untrusted{fmt.Errorf("the server's certificate %s: %w; it is not trusted yet either: %s", thumbprint(leaf), err, accept)}
	case !vouched:
		// Fault (exchange): a server shows a certificate that nobody accepted.
		return nil, untrusted{fmt.Errorf("the server's certificate is not trusted: %s (%s, %s, valid until %s)%s; once you have compared the thumbprint with the server's: %s",
			thumbprint(leaf), plain.Line(cmp.Or(leaf.Subject.CommonName, leaf.Subject.String()), 60), plain.Line(uriOf(leaf), 80),
			leaf.NotAfter.UTC().Format(time.DateOnly), why, accept)}
	}
	return &serverIdentity{leaf: leaf, key: key, raw: raw}, nil
}

// An untrusted says that a person can accept a certificate.
type untrusted struct{ why error }

func (u untrusted) Error() string   { return u.why.Error() }
func (u untrusted) Unwrap() error   { return dodona.Permanent(u.why) }
func (u untrusted) Untrusted() bool { return true }

// sound returns the key of a certificate that could be trusted, or what is wrong with it.
func (j judge) sound(leaf *x509.Certificate, applicationURI string) (*rsa.PublicKey, error) {
	key, is := leaf.PublicKey.(*rsa.PublicKey)
	switch {
	case !is:
		// Fault (exchange): a certificate has another key than RSA.
		return nil, fmt.Errorf("its key is %s, and Dodona speaks OPC UA's security policies of RSA alone; give the server an RSA certificate", leaf.PublicKeyAlgorithm)
	case key.N.BitLen() < leastBits || key.N.BitLen() > mostBits:
		return nil, fmt.Errorf("its RSA key has %d bits, want %d to %d", key.N.BitLen(), leastBits, mostBits)
	}
	if err := j.inTime(leaf); err != nil {
		return nil, err
	}
	switch leaf.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.UnknownSignatureAlgorithm:
		return nil, fmt.Errorf("it is signed with %s, which can be forged; want SHA-256 or better", leaf.SignatureAlgorithm)
	}
	if !slices.ContainsFunc(leaf.URIs, func(named *url.URL) bool { return named.String() == applicationURI }) {
		// Fault (exchange): a certificate is of another application.
		return nil, fmt.Errorf("it is of the application %s, and the server says that it is %s",
			cmp.Or(plain.Quote(uriOf(leaf), 100), "nobody"), plain.Quote(applicationURI, 100))
	}
	return key, nil
}

func (j judge) inTime(cert *x509.Certificate) error {
	switch {
	case j.now.After(cert.NotAfter):
		// Fault (exchange): a certificate expires, also in the middle of a session.
		return fmt.Errorf("it expired at %s", cert.NotAfter.UTC().Format(time.RFC3339))
	case j.now.Before(cert.NotBefore):
		return fmt.Errorf("it is valid from %s on, and our clock says %s", cert.NotBefore.UTC().Format(time.RFC3339), j.now.UTC().Format(time.RFC3339))
	}
	return nil
}

// named returns an error unless the certificate names the host that was asked.
func (j judge) named(leaf *x509.Certificate) error {
	if j.host == "" {
		return nil
	}
	var names []string
	for _, name := range leaf.DNSNames {
		if strings.EqualFold(name, j.host) {
			return nil
		}
		names = append(names, name)
	}
	asked := net.ParseIP(j.host)
	for _, ip := range leaf.IPAddresses {
		if asked != nil && ip.Equal(asked) {
			return nil
		}
		names = append(names, ip.String())
	}
	told := "no host"
	if len(names) > 0 {
		told = plain.Line(strings.Join(names, ", "), 120)
	}
	// Fault (exchange): a certificate is of another host.
	return fmt.Errorf("it is of %s, not of %s; if that is the server all the same, write server_name: the name that it has, or any", told, plain.Line(j.host, 100))
}

// trusts reports whether a chain is trusted: its certificate is in the folder, or that of an authority which vouches for it. Why is what more there
// is to say if it is not.
func (j judge) trusts(chain, trusted []*x509.Certificate) (vouched bool, why string) {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	authorities := 0
	for _, known := range trusted {
		if known.Equal(chain[0]) {
			return true, ""
		}
		if known.IsCA {
			roots.AddCert(known)
			authorities++
		}
	}
	if authorities == 0 {
		return false, ""
	}
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: j.now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return false, ", and no trusted authority vouches for it: " + plain.Line(err.Error(), 120)
	}
	return true, ""
}

// readFolder returns the certificates of a folder; none if there is no such folder. What cannot be read is passed over.
func readFolder(dir string) (list []*x509.Certificate, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read trusted certificates: %w", err)
	}
	for _, e := range entries[:min(len(entries), mostTrusted)] {
		if found, err := readCertificates(filepath.Join(dir, e.Name())); err == nil {
			list = append(list, found...)
		}
	}
	return list, nil
}

// reject keeps a certificate for a person to judge.
func (j judge) reject(leaf *x509.Certificate) error {
	dir := filepath.Join(j.folder, rejectedFolder)
	path := filepath.Join(dir, rejectedName(j.source, leaf))
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := durable.MakeFolder(dir, 0o700); err != nil {
		return fmt.Errorf("keep an untrusted certificate: %w", err)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) >= mostRejected {
		slices.SortFunc(entries, func(a, b os.DirEntry) int { return writtenAt(a).Compare(writtenAt(b)) })
		for _, old := range entries[:len(entries)-mostRejected+1] {
			_ = os.Remove(filepath.Join(dir, old.Name())) // the next one tries again
		}
	}
	if err := durable.Write(path, leaf.Raw, 0o600); err != nil {
		return fmt.Errorf("keep an untrusted certificate: %w", err)
	}
	return nil
}

func rejectedName(source string, leaf *x509.Certificate) string {
	return source + "." + thumbprint(leaf) + ".der"
}

func writtenAt(e os.DirEntry) time.Time {
	info, err := e.Info()
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// Shown returns the certificates that a source's servers showed and nobody trusts yet, the newest first.
func shown(folder, name string) (list []source.Certificate, err error) {
	dir := filepath.Join(folder, rejectedFolder)
	paths, err := filepath.Glob(filepath.Join(dir, name+".*.der"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		chain, err := readCertificates(path)
		if err != nil {
			continue
		}
		list = append(list, certificateOf(chain[0]))
	}
	slices.SortFunc(list, func(a, b source.Certificate) int { return strings.Compare(a.Thumbprint, b.Thumbprint) })
	return list, nil
}

func certificateOf(cert *x509.Certificate) source.Certificate {
	hosts := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	return source.Certificate{
		Thumbprint: thumbprint(cert), Subject: plain.Line(cert.Subject.String(), 100), URI: plain.Line(uriOf(cert), 100),
		Hosts: plain.Line(strings.Join(hosts, ", "), 100), From: cert.NotBefore, Until: cert.NotAfter,
	}
}

// accept moves a rejected certificate to the trusted ones.
func accept(folder, name, wanted string) (source.Certificate, error) {
	wanted = strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(wanted))
	list, err := shown(folder, name)
	if err != nil {
		return source.Certificate{}, err
	}
	for _, c := range list {
		if c.Thumbprint != wanted {
			continue
		}
		from := filepath.Join(folder, rejectedFolder, name+"."+c.Thumbprint+".der")
		raw, err := os.ReadFile(from)
		if err != nil {
			return c, fmt.Errorf("read the certificate: %w", err)
		}
		dir := filepath.Join(folder, trustedFolder)
		if err := durable.MakeFolder(dir, 0o700); err != nil {
			return c, fmt.Errorf("keep the certificate: %w", err)
		}
		if err := durable.Write(filepath.Join(dir, c.Thumbprint+".der"), raw, 0o600); err != nil {
			return c, fmt.Errorf("keep the certificate: %w", err)
		}
		return c, os.Remove(from)
	}
	err = fmt.Errorf("no certificate with the thumbprint %s that could be trusted was shown to source %s", plain.Quote(wanted, 60), name)
	if len(list) == 0 {
		return source.Certificate{}, fmt.Errorf("%w, nor any other: dodona source read FILE %s asks its server for it, and says what is wrong with it", err, name)
	}
	var others []string
	for _, c := range list {
		others = append(others, c.Thumbprint)
	}
	return source.Certificate{}, fmt.Errorf("%w; those that wait are %s", err, plain.Line(strings.Join(others, ", "), 200))
}

// parseChain returns who a server says it is, without judging it.
func parseChain(raw []byte) (*serverIdentity, error) {
	chain, err := x509.ParseCertificates(raw)
	if err != nil || len(chain) == 0 {
		return nil, errors.New("the server shows no certificate with which a password could be hidden")
	}
	key, is := chain[0].PublicKey.(*rsa.PublicKey)
	if !is || key.N.BitLen() < leastBits {
		return nil, errors.New("the server's certificate has no RSA key of 2048 bits or more")
	}
	return &serverIdentity{leaf: chain[0], key: key, raw: raw}, nil
}

// ownThumbprint returns the thumbprint of our application's certificate, which is made if there is none.
func ownThumbprint(folder string, now time.Time) (source.Certificate, error) {
	who, err := own(folder, now)
	if err != nil {
		return source.Certificate{}, err
	}
	return certificateOf(who.cert), nil
}
