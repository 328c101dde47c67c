package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTrustIsGivenByThumbprint shows what a server showed, accepts it, and says what cannot be accepted.
func TestTrustIsGivenByThumbprint(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	text := "node: {data: data}\nsources:\n  boiler:\n    opcua: {endpoint: \"opc.tcp://10.0.0.5\", nodes: {t: \"ns=2;s=T\"}}\n  web:\n    http: {url: \"http://10.0.0.5/\"}\n" +
		"feeds:\n  t: {every: 10s, decimals: 0, from: [boiler.t]}\n"
	if err := os.WriteFile("c.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "the plant\x1b[2J"}, NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"plc-7"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum(der)
	thumbprint := hex.EncodeToString(sum[:])
	rejected := filepath.Join("data", "opcua", "rejected")
	if err := os.MkdirAll(rejected, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(rejected, "boiler."+thumbprint+".der"), der, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		words []string
		code  int
		want  string
	}{
		{[]string{"c.yaml"}, exitUsage, "want the name of a source"},
		{[]string{"c.yaml", "boiller"}, exitUsage, "did you mean boiler?"},
		{[]string{"c.yaml", "web"}, exitUsage, "source web is of kind http"},
		{[]string{"c.yaml", "boiler", "00"}, exitFailed, "no certificate with the thumbprint"},
		{[]string{"c.yaml", "boiler"}, exitDone, "dodona source trust c.yaml boiler " + thumbprint},
		{[]string{"-c", "c.yaml", "boiler", strings.ToUpper(thumbprint)}, exitDone, "trusts " + thumbprint},
		{[]string{"c.yaml", "boiler"}, exitDone, "no certificate of its server waits"},
		{[]string{"c.yaml", "boiler", thumbprint}, exitFailed, "no certificate with the thumbprint"},
	} {
		code, out, talk := said(t, append([]string{"source", "trust"}, c.words...)...)
		if code != c.code || !strings.Contains(out+talk, c.want) || strings.Contains(out+talk, "\x1b") {
			t.Errorf("source trust %q ended with %d: %s%s; want %d and %q", c.words, code, out, talk, c.code, c.want)
		}
	}
	if left, err := os.ReadDir(filepath.Join("data", "opcua", "trusted")); err != nil || len(left) != 1 {
		t.Errorf("trusted are %v, %v", left, err)
	}
	_, out, _ := said(t, "source", "trust", "c.yaml", "boiler", "--json")
	var report trustReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Own.Thumbprint) != 40 || !strings.HasPrefix(report.Own.URI, "urn:dodona:") || report.Shown == nil {
		t.Errorf("as JSON %s, %v", out, err)
	}
}
