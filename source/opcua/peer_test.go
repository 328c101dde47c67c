//go:build integration

package opcua

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/source"
)

const (
	serverURI = "urn:dodona:test:server"
	plantNS   = "nsu=urn:dodona:test:plant;s="
)

// A plant is a server of OPC UA that nobody here wrote, with the small plant of its script.
type plant struct {
	*peertest.Process
	t        testing.TB
	port     int
	control  int
	endpoint string
}

// plantOptions are what the scripts take.
type plantOptions struct {
	Port    int            `json:"port"`
	Control int            `json:"control"`
	Cert    string         `json:"cert,omitempty"`
	Key     string         `json:"key,omitempty"`
	PKI     string         `json:"pki,omitempty"`
	Others  []plantOptions `json:"others,omitempty"`
}

// asyncua starts a server in Python, and others beside it.
func asyncua(t testing.TB, cert, key string, others ...plantOptions) *plant {
	t.Helper()
	o := plantOptions{Port: peertest.Port(t), Control: peertest.Port(t), Cert: cert, Key: key, Others: others}
	return started(t, o, peertest.Command{Name: peertest.Python(t), Args: []string{"testdata/asyncua_server.py", argument(t, o)}, ReadyLine: "ready"})
}

// nodeOPCUA starts a server in JavaScript, which trusts everybody until it is told to be strict.
func nodeOPCUA(t testing.TB, cert, key, pki string) *plant {
	t.Helper()
	o := plantOptions{Port: peertest.Port(t), Control: peertest.Port(t), Cert: cert, Key: key, PKI: pki}
	c := peertest.Node(t, "testdata/node_opcua_server.js", argument(t, o))
	c.ReadyLine = "ready"
	return started(t, o, c)
}

func argument(t testing.TB, o plantOptions) string {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func started(t testing.TB, o plantOptions, c peertest.Command) *plant {
	t.Helper()
	p := &plant{t: t, port: o.Port, control: o.Control, endpoint: fmt.Sprintf("opc.tcp://127.0.0.1:%d/plant", o.Port)}
	p.Process = peertest.Start(t, c)
	return p
}

// do has the server change something.
func (p *plant) do(format string, args ...any) string {
	p.t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.control))
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, format+"\n", args...); err != nil {
		p.t.Fatal(err)
	}
	said, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || strings.HasPrefix(said, "error") {
		p.t.Fatalf(format+": %q, %v", append(args, said, err)...)
	}
	return strings.TrimSpace(said)
}

// A maker makes certificates of servers.
type maker struct {
	uri   string
	hosts []string
	from  time.Time
	until time.Time
	ec    bool
	bits  int
	ca    bool
	by    *made
}

// A made is a certificate with its key, in files too.
type made struct {
	cert *x509.Certificate
	key  any
	file string
	pem  string // of the key
}

// make makes a certificate in a folder of the test.
func (m maker) make(t testing.TB) *made {
	t.Helper()
	out := &made{}
	var public any
	if m.ec {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		out.key, public = key, &key.PublicKey
	} else {
		bits := m.bits
		if bits == 0 {
			bits = 2048
		}
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		out.key, public = key, &key.PublicKey
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "plant"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true, IsCA: m.ca,
	}
	if m.ca {
		template.ExtKeyUsage = nil
		template.Subject.CommonName = "plant CA"
	}
	if !m.from.IsZero() {
		template.NotBefore = m.from
	}
	if !m.until.IsZero() {
		template.NotAfter = m.until
	}
	if m.uri != "" {
		u, err := url.Parse(m.uri)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = []*url.URL{u}
	}
	for _, h := range m.hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	parent, signer := template, out.key
	if m.by != nil {
		parent, signer = m.by.cert, m.by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	if out.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(out.key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	out.file, out.pem = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{out.file: {Type: "CERTIFICATE", Bytes: der}, out.pem: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// loopbackMaker makes certificates of the servers of this test.
func loopbackMaker() maker { return maker{uri: serverURI, hosts: []string{"127.0.0.1", "localhost"}} }

// settings are those of the plant at an endpoint.
func settings(endpoint string, change func(*Settings)) *Settings {
	s := Kind.Settings().(*Settings) //nolint:errcheck // what the kind makes
	s.Endpoint, s.Security = endpoint, securityNone
	s.Nodes = map[string]Node{"temperature": {ID: plantNS + "Boiler.T", Unit: "Cel"}}
	if change != nil {
		change(s)
	}
	return s
}

// trusted returns a folder of a node that trusts certificates.
func trusted(t testing.TB, list ...*x509.Certificate) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, trustedFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	for i, c := range list {
		if err := os.WriteFile(filepath.Join(folder, trustedFolder, fmt.Sprint(i, ".der")), c.Raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// env is that of a source of a node with a folder for certificates.
func env(t testing.TB, folder string) source.Env {
	return source.Env{Source: "plant", Folder: folder, Now: time.Now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Dropped: func(n uint64, cause string) { t.Logf("dropped %d: %s", n, cause) }}
}
