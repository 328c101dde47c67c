package manifest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The media types of what is signed. They are signed too, so that no document passes for one of another kind.
const (
	ModuleType = "application/vnd.dodona.module+json"
	TrustType  = "application/vnd.dodona.module-trust+json"
)

// The bounds of an envelope. The largest manifest that [Manifest.Check] accepts takes a quarter of it.
const (
	MaxEnvelope   = 128 << 10 // bytes
	maxSignatures = 32
)

// An Envelope is a DSSE envelope (secure-systems-lab/dsse 1.0.0) that was read but not verified.
type Envelope struct {
	PayloadType string
	Payload     []byte
	Signatures  []Signature
}

// A Signature is one of an envelope.
type Signature struct {
	KeyID string // a hint; empty if there is none
	Sig   []byte
}

// envelopeDocument is how an envelope is written.
type envelopeDocument struct {
	PayloadType string              `json:"payloadType"`
	Payload     string              `json:"payload"`
	Signatures  []signatureDocument `json:"signatures"`
}

type signatureDocument struct {
	KeyID string `json:"keyid,omitempty"`
	Sig   string `json:"sig"`
}

// ParseEnvelope reads an envelope. Nothing in it is verified: [Open] and [Trust.Succeed] do that.
func ParseEnvelope(raw []byte) (Envelope, error) {
	const do = "sign the module again with dodona module sign"
	if len(raw) > MaxEnvelope {
		return Envelope{}, refuse(TooLarge, do, "an envelope of more than %d bytes", MaxEnvelope)
	}
	var doc envelopeDocument
	if err := decodeStrict(raw, &doc); err != nil {
		return Envelope{}, refuse(Malformed, do, "the envelope: %v", err)
	}
	e := Envelope{PayloadType: doc.PayloadType}
	var err error
	if e.Payload, err = decodeBase64(doc.Payload); err != nil || len(e.Payload) == 0 {
		return Envelope{}, refuse(Malformed, do, "the envelope's payload is no base64")
	}
	if len(doc.Signatures) > maxSignatures {
		return Envelope{}, refuse(Malformed, do, "the envelope has %d signatures, at most %d are read", len(doc.Signatures), maxSignatures)
	}
	for i, s := range doc.Signatures {
		sig, err := decodeBase64(s.Sig)
		if err != nil || len(sig) != ed25519.SignatureSize {
			return Envelope{}, refuse(Malformed, do, "signature %d of the envelope is not %d bytes in base64", i+1, ed25519.SignatureSize)
		}
		if len(s.KeyID) > maxKeyName {
			return Envelope{}, refuse(Malformed, do, "signature %d of the envelope names a key by %d characters", i+1, len(s.KeyID))
		}
		if slices.ContainsFunc(e.Signatures, func(o Signature) bool { return bytes.Equal(o.Sig, sig) }) {
			return Envelope{}, refuse(Malformed, "take one of them away", "the envelope has the same signature twice")
		}
		e.Signatures = append(e.Signatures, Signature{s.KeyID, sig})
	}
	return e, nil
}

// decodeBase64 reads both alphabets, as DSSE demands.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // which encoding/base64 would skip
		return nil, base64.CorruptInputError(0)
	}
	if strings.ContainsAny(text, "-_") {
		return base64.URLEncoding.Strict().DecodeString(text)
	}
	return base64.StdEncoding.Strict().DecodeString(text)
}

// Bytes writes e as a file.
func (e Envelope) Bytes() []byte {
	doc := envelopeDocument{PayloadType: e.PayloadType, Payload: base64.StdEncoding.EncodeToString(e.Payload), Signatures: []signatureDocument{}}
	for _, s := range e.Signatures {
		doc.Signatures = append(doc.Signatures, signatureDocument{s.KeyID, base64.StdEncoding.EncodeToString(s.Sig)})
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic("an envelope does not marshal: " + err.Error()) // it holds texts only
	}
	return append(text, '\n')
}

// Add signs e with one more key.
func (e *Envelope) Add(key Key) error {
	sig := ed25519.Sign(key.private, preAuthentication(e.PayloadType, e.Payload))
	for _, s := range e.Signatures {
		if s.KeyID == key.ID() || bytes.Equal(s.Sig, sig) {
			return fmt.Errorf("key %s has signed it already", key.ID())
		}
	}
	if len(e.Signatures) == maxSignatures {
		return fmt.Errorf("it has %d signatures already, more are not read", maxSignatures)
	}
	e.Signatures = append(e.Signatures, Signature{key.ID(), sig})
	return nil
}

// preAuthentication is PAE of DSSE: what is signed.
func preAuthentication(kind string, payload []byte) []byte {
	b := make([]byte, 0, len(kind)+len(payload)+32)
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(kind)), 10)
	b = append(b, ' ')
	b = append(b, kind...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	b = append(b, ' ')
	return append(b, payload...)
}

// seal writes an envelope over payload, signed by keys.
func seal(kind string, payload []byte, keys []Key) ([]byte, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("sign: no key is given")
	}
	e := Envelope{PayloadType: kind, Payload: payload}
	for _, key := range keys {
		if err := e.Add(key); err != nil {
			return nil, fmt.Errorf("sign: %w", err)
		}
	}
	raw := e.Bytes()
	if len(raw) > MaxEnvelope {
		return nil, fmt.Errorf("sign: an envelope of %d bytes, at most %d are read", len(raw), MaxEnvelope)
	}
	return raw, nil
}

// Sign writes the envelope of m: its canonical JSON, signed by every key. It refuses what [Open] would refuse whatever
// the time.
func Sign(m Manifest, keys ...Key) ([]byte, error) {
	if err := m.checkForm(); err != nil {
		return nil, err
	}
	if err := checkOrder(m.label(), m.NotBefore, m.Expires); err != nil {
		return nil, err
	}
	payload, err := m.JSON()
	if err != nil {
		return nil, err
	}
	return seal(ModuleType, payload, keys)
}

// JSON returns the canonical JSON of m: its members in the order of the type, no white space, times in UTC.
func (m Manifest) JSON() ([]byte, error) {
	m.NotBefore, m.Expires = m.NotBefore.UTC(), m.Expires.UTC()
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write manifest: %w", err)
	}
	return text, nil
}

// Parse reads a manifest that is signed or about to be. The form needs not be canonical, because signatures are over
// the bytes as they are; but it has one meaning: unknown, repeated and otherwise spelled members are refused.
func Parse(payload []byte) (Manifest, error) {
	var m Manifest
	if err := decodeStrict(payload, &m); err != nil {
		return Manifest{}, refuse(Malformed, "sign the module again with dodona module sign", "the manifest: %v", err)
	}
	return m, nil
}

// Open returns the manifest in an envelope that t's role module signed and that is valid at now. Any error is a
// [*Refusal]. Nothing of the payload is looked at before enough signatures are verified.
func Open(envelope []byte, t Trust, now time.Time) (Manifest, error) {
	e, err := ParseEnvelope(envelope)
	if err != nil {
		return Manifest{}, err
	}
	return t.open(e, now)
}

func (t Trust) open(e Envelope, now time.Time) (Manifest, error) {
	if err := e.is(ModuleType, "the manifest of a module"); err != nil {
		return Manifest{}, err
	}
	if err := t.checkValidity(now); err != nil {
		return Manifest{}, err
	}
	if err := t.enough(e, "module", t.Roles.Module); err != nil {
		return Manifest{}, err
	}
	m, err := Parse(e.Payload)
	if err != nil {
		return Manifest{}, err
	}
	return m, m.Check(now)
}

func (e Envelope) is(kind, words string) error {
	if e.PayloadType == kind {
		return nil
	}
	return refuse(Mismatch, "give the file that holds it", "the envelope holds %s, not %s (%s)", quote(e.PayloadType), words, kind)
}

// enough returns nil if at least the threshold of a role's keys signed e.
func (t Trust) enough(e Envelope, name string, role Role) error {
	if len(e.Signatures) == 0 {
		return refuse(Unsigned, "sign it with dodona module sign", "the envelope has no signature")
	}
	message := preAuthentication(e.PayloadType, e.Payload)
	var signed, others, strangers, broken []string
	for _, s := range e.Signatures {
		id, known := t.signer(s, message)
		switch {
		case known && slices.Contains(signed, id):
			return refuse(Malformed, "let another key sign", "key %s signed twice, which counts once", t.Keys[id].label())
		case known && slices.Contains(role.Keys, id):
			signed = append(signed, id)
		case known:
			others = append(others, t.Keys[id].label())
		case t.Keys[s.KeyID].Ed25519 != nil:
			broken = append(broken, t.Keys[s.KeyID].label())
		default:
			strangers = append(strangers, quote(s.KeyID))
		}
	}
	list := func(l []string) string { return strings.Join(l, ", ") }
	switch {
	case len(signed) >= role.Threshold:
		return nil
	case len(broken) > 0:
		return refuse(Tampered, "get the file again from who signed it", "the signature of %s does not match what is signed", list(broken))
	case len(others) > 0:
		return refuse(WrongRole, "let a key of the role sign, or put this one into it", "%s may not sign in the role %s", list(others), name)
	case len(signed) > 0:
		return refuse(TooFew, "get more signatures: dodona module sign --add", "%d of the keys of the role %s signed, %d must", len(signed), name, role.Threshold)
	}
	return refuse(Unsigned, "let a key of the trust file sign, or put theirs into it", "nobody in the trust file signed it; the keys named are %s", list(strangers))
}

// signer returns whose signature s is. The key id is only a hint: without one that helps, every key is tried.
func (t Trust) signer(s Signature, message []byte) (id string, known bool) {
	if key, found := t.Keys[s.KeyID]; found {
		return s.KeyID, key.verify(message, s.Sig)
	}
	for id, key := range t.Keys {
		if key.verify(message, s.Sig) {
			return id, true
		}
	}
	return "", false
}

// ParseCapabilities reads capabilities as a manifest has them, with the same strictness.
func ParseCapabilities(raw []byte) (Capabilities, error) {
	var c Capabilities
	if err := decodeStrict(raw, &c); err != nil {
		return Capabilities{}, refuse(Malformed, "write them as in a manifest, such as {\"now_ms\": true}", "the capabilities: %v", err)
	}
	return c, c.Check()
}
