package manifest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/wycheprooftest"
)

var (
	noon  = time.Date(2027, 5, 1, 12, 0, 0, 0, time.UTC)
	empty = []byte("\x00asm\x01\x00\x00\x00") // the smallest Wasm
)

// testKey returns the same key for the same number.
func testKey(n byte) Key {
	seed := sha256.Sum256([]byte{n})
	return Key{ed25519.NewKeyFromSeed(seed[:])}
}

// trusting returns a trust file whose root is key 0, and whose keys 1, 2 and 3 sign modules, threshold of them together.
func trusting(threshold int) Trust {
	t := Trust{Format: 1, Version: 1, Keys: map[string]PublicKey{}}
	for n := range byte(4) {
		p := testKey(n).Public(fmt.Sprint("key-", n))
		t.Keys[p.ID()] = p
	}
	t.Roles.Root = Role{[]string{testKey(0).ID()}, 1}
	t.Roles.Module = Role{[]string{testKey(1).ID(), testKey(2).ID(), testKey(3).ID()}, threshold}
	return t
}

func celsius() Manifest {
	return Manifest{
		Format: 1, Name: "celsius", Version: "1.2.0", Sequence: 7, ABI: ABI, Module: sha256.Sum256(empty),
		Capabilities: Capabilities{HTTPGet: &HTTPGet{Hosts: []string{"api.kraken.com"}}, NowMS: true},
		Limits:       Limits{Pages: 2}, NotBefore: noon.Add(-time.Hour), Expires: noon.Add(time.Hour),
	}
}

// signed returns the envelope of m, without the checks of [Sign].
func signed(t *testing.T, m Manifest, keys ...Key) []byte {
	t.Helper()
	payload, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return sealed(t, ModuleType, string(payload), keys...)
}

func sealed(t *testing.T, kind, payload string, keys ...Key) []byte {
	t.Helper()
	e := Envelope{PayloadType: kind, Payload: []byte(payload)}
	for _, key := range keys {
		if err := e.Add(key); err != nil {
			t.Fatal(err)
		}
	}
	return e.Bytes()
}

// wantRefusal fails unless err is a refusal for the reason that says text and what to do.
func wantRefusal(t *testing.T, err error, reason Reason, text string) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) || r.Reason != reason || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want a refusal %s that says %q", err, reason, text)
	}
}

func TestPreAuthenticationIsThatOfDSSE(t *testing.T) {
	got := string(preAuthentication("http://example.com/HelloWorld", []byte("hello world")))
	if want := "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The envelope was made with OpenSSL 3.0.19: openssl pkeyutl -sign -rawin, with the key of RFC 8032, section 7.1, test 1.
const opensslEnvelope = `{"payload":"eyJmb3JtYXQiOjEsIm5hbWUiOiJjZWxzaXVzIiwidmVyc2lvbiI6IjEuMi4wIiwic2VxdWVuY2UiOjcsImFiaSI6ImRvZG9uYV92MSIsIm1vZHVsZSI6IjB4OTNhNDRiYmI5NmM3NTEyMThlNGMwMGQ0NzllNGMxNDM1ODEyMmEzODlhY2NhMTYyMDViMWU0ZDBkYzVmOTQ3NiIsImNhcGFiaWxpdGllcyI6e30sImxpbWl0cyI6e319",
"payloadType":"application/vnd.dodona.module+json",
"signatures":[{"sig":"k/Ry+3en5gBeB3QZDJoTyV8XC0ud50BMyM7+PDMZE8JkcImWWYKLgeIexZCMIVEacCg+c3C9UmXi9RdMx+O4CQ=="}]}`

func TestOpenSSLsSignatureOpens(t *testing.T) {
	p, err := ParsePublicKey("ed25519 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= openssl")
	if err != nil {
		t.Fatal(err)
	}
	role := Role{[]string{p.ID()}, 1}
	trust := Trust{Format: 1, Version: 1, Keys: map[string]PublicKey{p.ID(): p}, Roles: Roles{role, role}}
	m, err := Open([]byte(opensslEnvelope), trust, noon)
	if err != nil || m.Sequence != 7 || m.Module != sha256.Sum256(empty) {
		t.Fatalf("Open = %+v, %v", m, err)
	}
	_, err = Open([]byte(strings.Replace(opensslEnvelope, "k/Ry", "k/Rz", 1)), trust, noon)
	wantRefusal(t, err, Unsigned, "nobody in the trust file signed it")
}

func TestWhatIsSignedOpensAgain(t *testing.T) {
	want := celsius()
	raw, err := Sign(want, testKey(1), testKey(3))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Open(raw, trusting(2), noon)
	if err != nil {
		t.Fatal(err)
	}
	wrote, _ := want.JSON()
	read, _ := got.JSON()
	if string(wrote) != string(read) {
		t.Errorf("got %s, want %s", read, wrote)
	}
	again, err := Sign(want, testKey(1), testKey(3))
	if err != nil || string(again) != string(raw) {
		t.Errorf("signing again gives another envelope: %v", err)
	}
	urlSafe := strings.NewReplacer("+", "-", "/", "_").Replace
	var doc envelopeDocument
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	doc.Payload = urlSafe(doc.Payload)
	for i := range doc.Signatures {
		doc.Signatures[i].Sig, doc.Signatures[i].KeyID = urlSafe(doc.Signatures[i].Sig), ""
	}
	other, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(other, trusting(2), noon); err != nil {
		t.Errorf("with the other alphabet and without key ids: %v", err)
	}
}

func TestRefusedEnvelopes(t *testing.T) {
	trust := trusting(2)
	good := signed(t, celsius(), testKey(1), testKey(2))
	if _, err := Open(good, trust, noon); err != nil {
		t.Fatal(err)
	}
	payload, _ := celsius().JSON()
	change := func(f func(*Envelope)) []byte {
		e, err := ParseEnvelope(good)
		if err != nil {
			t.Fatal(err)
		}
		f(&e)
		return e.Bytes()
	}
	signedAs := func(kind, payload string) []byte { return sealed(t, kind, payload, testKey(1), testKey(2)) }
	replace := func(from, to string) []byte {
		text := strings.Replace(string(payload), from, to, 1)
		if text == string(payload) {
			t.Fatalf("the manifest does not hold %s", from)
		}
		return signedAs(ModuleType, text)
	}
	for name, c := range map[string]struct {
		raw    []byte
		reason Reason
		says   string
	}{
		"no signature":         {signed(t, celsius()), Unsigned, "no signature"},
		"strangers":            {signed(t, celsius(), testKey(8), testKey(9)), Unsigned, testKey(8).ID()},
		"below threshold":      {signed(t, celsius(), testKey(1)), TooFew, "1 of the keys of the role module signed, 2 must"},
		"one and a stranger":   {signed(t, celsius(), testKey(1), testKey(8)), TooFew, "2 must"},
		"wrong role":           {signed(t, celsius(), testKey(0)), WrongRole, "key-0"},
		"one and a wrong role": {signed(t, celsius(), testKey(1), testKey(0)), WrongRole, "may not sign in the role module"},
		"signature twice":      {change(func(e *Envelope) { e.Signatures[1] = e.Signatures[0] }), Malformed, "same signature twice"},
		"key twice":            {change(func(e *Envelope) { e.Signatures[1] = Signature{"", e.Signatures[0].Sig} }), Malformed, "twice"},
		"tampered payload":     {change(func(e *Envelope) { e.Payload[30] ^= 1 }), Tampered, "does not match"},
		"tampered signature":   {change(func(e *Envelope) { e.Signatures[0].Sig[5] ^= 1 }), Tampered, "key-1"},
		"swapped key ids": {change(func(e *Envelope) {
			e.Signatures[0].KeyID, e.Signatures[1].KeyID = e.Signatures[1].KeyID, e.Signatures[0].KeyID
		}), Tampered, "does not match"},
		"too many signatures":   {change(func(e *Envelope) { e.Signatures = make([]Signature, 33) }), Malformed, "33 signatures"},
		"a trust file":          {signedAs(TrustType, string(payload)), Mismatch, "vnd.dodona.module-trust+json"},
		"type changed":          {change(func(e *Envelope) { e.PayloadType += "x" }), Mismatch, "holds"},
		"not base64":            {[]byte(strings.Replace(string(good), `"payload": "`, `"payload": "!`, 1)), Malformed, "no base64"},
		"line break in base64":  {[]byte(strings.Replace(string(good), `"payload": "`, `"payload": "\n`, 1)), Malformed, "no base64"},
		"short signature":       {change(func(e *Envelope) { e.Signatures[0].Sig = e.Signatures[0].Sig[:63] }), Malformed, "64 bytes"},
		"field of the envelope": {[]byte(strings.Replace(string(good), `{`, `{"extra": 1,`, 1)), Malformed, `unknown field "extra"`},
		"envelope's field twice": {
			[]byte(strings.Replace(string(good), `{`, `{"payloadType": "x",`, 1)), Malformed, `"payloadType" stands twice`,
		},
		"capitals":          {[]byte(strings.Replace(string(good), `"payload"`, `"Payload"`, 1)), Malformed, `unknown field "Payload"`},
		"something after":   {append(slices.Clone(good), '{'), Malformed, "follows"},
		"cut":               {good[:len(good)/2], Malformed, "cut short"},
		"nothing":           {nil, Malformed, "cut short"},
		"null":              {[]byte("null"), Malformed, "want an object"},
		"null signatures":   {[]byte(`{"signatures":null}`), Malformed, "want an array"},
		"broken UTF-8":      {[]byte("{\"payload\":\"\xff\"}"), Malformed, "UTF-8"},
		"too large":         {make([]byte, MaxEnvelope+1), TooLarge, "more than"},
		"unknown field":     {replace(`"name"`, `"colour":"red","name"`), Malformed, `unknown field "colour"`},
		"unknown right":     {replace(`"now_ms"`, `"root":true,"now_ms"`), Malformed, `capabilities: unknown field "root"`},
		"field twice":       {replace(`"name"`, `"name":"other","name"`), Malformed, `"name" stands twice`},
		"escaped twice":     {replace(`"name"`, `"n\u0061me":"other","name"`), Malformed, `"name" stands twice`},
		"field in capitals": {replace(`"name"`, `"Name"`), Malformed, `unknown field "Name"`},
		"huge number":       {replace(`"sequence":7`, `"sequence":1e999`), Malformed, "1e999"},
		"2^64":              {replace(`"sequence":7`, `"sequence":18446744073709551616`), Malformed, "18446744073709551616"},
		"negative":          {replace(`"sequence":7`, `"sequence":-7`), Malformed, "-7"},
		"fraction":          {replace(`"pages":2`, `"pages":2.5`), Malformed, "2.5"},
		"null list":         {replace(`["api.kraken.com"]`, `null`), Malformed, "want an array"},
		"not JSON":          {signedAs(ModuleType, "celsius"), Malformed, "not JSON"},
		"no manifest":       {signedAs(ModuleType, "{}"), Malformed, "format 0"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Open(c.raw, trust, noon)
			wantRefusal(t, err, c.reason, c.says)
			var r *Refusal
			if errors.As(err, &r) && r.Do == "" {
				t.Errorf("%v does not say what to do", err)
			}
			if m.Name != "" {
				t.Errorf("a refused manifest is returned: %+v", m)
			}
		})
	}
}

// TestFormNeedsNotBeCanonical shows that what counts are the bytes that were signed.
func TestFormNeedsNotBeCanonical(t *testing.T) {
	payload, _ := celsius().JSON()
	var indented strings.Builder
	for _, line := range strings.SplitAfter(string(payload), ",") {
		indented.WriteString(line + "\n\t")
	}
	if _, err := Open(sealed(t, ModuleType, indented.String(), testKey(1)), trusting(1), noon); err != nil {
		t.Error(err)
	}
}

func TestRefusedManifests(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Manifest)
		reason Reason
		says   string
	}{
		"expired":         {func(m *Manifest) { m.Expires = noon }, Expired, "valid until 2027-05-01T12:00:00Z"},
		"not yet":         {func(m *Manifest) { m.NotBefore = noon.Add(1) }, NotYet, "valid from"},
		"never valid":     {func(m *Manifest) { m.Expires = m.NotBefore }, Malformed, "before it begins"},
		"other ABI":       {func(m *Manifest) { m.ABI = "dodona_v2" }, OtherABI, "dodona_v2"},
		"other format":    {func(m *Manifest) { m.Format = 2 }, Malformed, "format 2"},
		"no name":         {func(m *Manifest) { m.Name = "" }, Malformed, "name"},
		"two tokens":      {func(m *Manifest) { m.Name = "a.b" }, Malformed, "a.b"},
		"path in name":    {func(m *Manifest) { m.Name = "../x" }, Malformed, "../x"},
		"path in version": {func(m *Manifest) { m.Version = "1.0.0/../../x" }, Malformed, "version"},
		"short version":   {func(m *Manifest) { m.Version = "1.2" }, Malformed, "semver.org"},
		"v":               {func(m *Manifest) { m.Version = "v1.2.0" }, Malformed, "semver.org"},
		"leading zero":    {func(m *Manifest) { m.Version = "1.02.0" }, Malformed, "semver.org"},
		"long version":    {func(m *Manifest) { m.Version = "1.0.0-" + strings.Repeat("a", 60) }, Malformed, "…"},
		"sequence 0":      {func(m *Manifest) { m.Sequence = 0 }, Malformed, "sequence 0"},
		"no digest":       {func(m *Manifest) { clear(m.Module[:]) }, Malformed, "no module digest"},
		"pages":           {func(m *Manifest) { m.Limits.Pages = 257 }, Beyond, "257 of limits.pages, at most 256"},
		"fuel":            {func(m *Manifest) { m.Limits.Fuel = 1<<63 + 1 }, Beyond, "limits.fuel"},
		"depth":           {func(m *Manifest) { m.Limits.Depth = 1501 }, Beyond, "limits.depth"},
		"log":             {func(m *Manifest) { m.Limits.LogBytes = 65537 }, Beyond, "limits.logBytes"},
		"no host":         {func(m *Manifest) { m.Capabilities.HTTPGet.Hosts = []string{} }, Malformed, "names 0 hosts"},
		"rate":            {func(m *Manifest) { m.Capabilities.HTTPGet.PerSecond = 11 }, Beyond, "perSecond is 11"},
		"bytes":           {func(m *Manifest) { m.Capabilities.HTTPGet.Bytes = -1 }, Beyond, "bytes is -1"},
		"sensor":          {func(m *Manifest) { m.Capabilities.ReadSensor = []string{"Boiler 3"} }, Malformed, "Boiler 3"},
		"sensor twice":    {func(m *Manifest) { m.Capabilities.ReadSensor = []string{"a", "b", "a"} }, Malformed, "a twice"},
		"many serials":    {func(m *Manifest) { m.Capabilities.Serial = make([]string, 65) }, Beyond, "65 sources"},
	} {
		t.Run(name, func(t *testing.T) {
			m := celsius()
			c.change(&m)
			_, err := Open(signed(t, m, testKey(1)), trusting(1), noon)
			wantRefusal(t, err, c.reason, c.says)
			if c.reason != Expired && c.reason != NotYet {
				if _, err := Sign(m, testKey(1)); err == nil {
					t.Error("Sign signs it")
				}
			}
		})
	}
	for _, version := range []string{"0.0.0", "1.2.3-rc.1", "1.0.0-alpha+build.5", "10.20.30+x"} {
		if err := CheckNames("celsius", version); err != nil {
			t.Error(err)
		}
	}
}

// TestWycheproof runs C2SP's vectors through the check of signatures.
func TestWycheproof(t *testing.T) {
	valid := wycheprooftest.Each(t, filepath.FromSlash("../../spec/vectors/wycheproof-ed25519_test.json"), func(c wycheprooftest.Case) {
		if got := (PublicKey{Ed25519: c.Key}).verify(c.Msg, c.Sig); got != c.Valid {
			t.Errorf("%s: got %v, want %v", c.Name, got, c.Valid)
		}
	})
	if valid < 50 {
		t.Errorf("%d are valid", valid)
	}
}

func TestKeyFilesSurvive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "ci.pem")
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Write(path); err != nil {
		t.Fatal(err)
	}
	if err := key.Write(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("writing it again: %v, want %v", err, os.ErrExist)
	}
	got, err := ReadKey(path)
	if err != nil || got.ID() != key.ID() {
		t.Fatalf("ReadKey = %s, %v, want %s", got.ID(), err, key.ID())
	}
	line := key.Public("CI of the plant").String()
	if p, err := ParsePublicKey(line); err != nil || p.String() != line || p.ID() != key.ID() {
		t.Errorf("ParsePublicKey(%q) = %v, %v", line, p, err)
	}
	if err := os.Chmod(path, 0o604); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKey(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others may read: %v", err)
	}
	for _, bad := range []string{
		"", "ed25519", "ed25519 !", "rsa " + strings.Repeat("A", 43) + "=", "ed25519 AAAA", line + "\x1b[31m", line + strings.Repeat("x", 64),
		"ed25519 " + base64.StdEncoding.EncodeToString(make([]byte, 33)),
	} {
		if p, err := ParsePublicKey(bad); err == nil {
			t.Errorf("ParsePublicKey(%q) = %v", bad, p)
		}
	}
}
