package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The bounds of a trust file.
const (
	MaxTrust = 64 << 10 // bytes
	maxKeys  = 64
)

// A Trust says whose signatures count. [ReadTrust] and [Trust.Succeed] return none that [Trust.Check] would refuse.
type Trust struct {
	Format  int                  `json:"format"`           // 1
	Version uint64               `json:"version"`          // grows with every trust file that follows
	Expires time.Time            `json:"expires,omitzero"` // zero: never
	Keys    map[string]PublicKey `json:"keys"`             // by their ids
	Roles   Roles                `json:"roles"`
}

// Roles are what keys may sign.
type Roles struct {
	Root   Role `json:"root"`   // the next trust file
	Module Role `json:"module"` // manifests
}

// A Role is some keys, and how many of them must sign together.
type Role struct {
	Keys      []string `json:"keys"` // ids
	Threshold int      `json:"threshold"`
}

// OpenTrust reads the trust file at path. What is wrong with what it holds is a [*Refusal].
func OpenTrust(path string) (Trust, error) {
	raw, err := ReadFile(path, MaxTrust)
	if err != nil {
		return Trust{}, err
	}
	return ReadTrust(raw)
}

// ReadTrust reads a trust file. Whether it has expired is looked at when it is used.
func ReadTrust(raw []byte) (Trust, error) {
	const do = "make one with dodona module trust new"
	if len(raw) > MaxTrust {
		return Trust{}, refuse(TooLarge, do, "a trust file of more than %d bytes", MaxTrust)
	}
	var t Trust
	if err := decodeStrict(raw, &t); err != nil {
		return Trust{}, refuse(Malformed, do, "the trust file: %v", err)
	}
	return t, t.Check()
}

// Bytes writes t as a file.
func (t Trust) Bytes() ([]byte, error) {
	text, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write trust file: %w", err)
	}
	return append(text, '\n'), nil
}

// Check returns an error, a [*Refusal], unless each key stands under its id, and each role can reach its threshold.
func (t Trust) Check() error {
	switch {
	case t.Format != Format:
		return refuse(Malformed, "use the version of dodona that wrote it", "trust file format %d: this program knows %d", t.Format, Format)
	case t.Version == 0:
		return refuse(Malformed, "number trust files from 1", "the trust file has the version 0")
	case len(t.Keys) == 0 || len(t.Keys) > maxKeys:
		return refuse(Malformed, "", "the trust file has %d keys, want 1 to %d", len(t.Keys), maxKeys)
	}
	for _, id := range slices.Sorted(maps.Keys(t.Keys)) {
		key := t.Keys[id]
		if err := key.check(); err != nil {
			return refuse(Malformed, "copy its public line again", "the trust file's key %s: %v", quote(id), err)
		}
		if key.ID() != id {
			return refuse(Malformed, "write it under "+key.ID(), "the trust file has a key under %s, which is not its id", quote(id))
		}
	}
	if err := t.checkRole("root", t.Roles.Root); err != nil {
		return err
	}
	return t.checkRole("module", t.Roles.Module)
}

func (t Trust) checkRole(name string, r Role) error {
	for i, id := range r.Keys {
		if _, found := t.Keys[id]; !found {
			return refuse(Malformed, "add it to the keys", "the role %s names the key %s, which the trust file does not have", name, quote(id))
		}
		if slices.Contains(r.Keys[:i], id) {
			return refuse(Malformed, "write it once", "the role %s names the key %s twice", name, id)
		}
	}
	if r.Threshold < 1 || r.Threshold > len(r.Keys) {
		return refuse(Malformed, "", "the role %s has %d keys and the threshold %d, want 1 to %d", name, len(r.Keys), r.Threshold, len(r.Keys))
	}
	return nil
}

func (t Trust) checkValidity(now time.Time) error {
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return refuse(Expired, "get the next one and run dodona module trust update, or set this machine's clock, which reads "+stamp(now),
			"the trust file was valid until %s", stamp(t.Expires))
	}
	return nil
}

// Sign writes the envelope by which t follows another trust file whose role root the keys have.
func (t Trust) Sign(keys ...Key) ([]byte, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	t.Expires = t.Expires.UTC()
	payload, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("sign trust file: %w", err)
	}
	return seal(TrustType, payload, keys)
}

// Succeed returns the trust file in an envelope that t's role root signed. It must have a higher version, and not have
// expired at now; t itself may have, so that a machine that was off for long finds its way. Any error is a [*Refusal].
func (t Trust) Succeed(envelope []byte, now time.Time) (Trust, error) {
	e, err := ParseEnvelope(envelope)
	if err != nil {
		return Trust{}, err
	}
	if err := e.is(TrustType, "a trust file"); err != nil {
		return Trust{}, err
	}
	if err := t.enough(e, "root", t.Roles.Root); err != nil {
		return Trust{}, err
	}
	next, err := ReadTrust(e.Payload)
	if err != nil {
		return Trust{}, err
	}
	if next.Version <= t.Version {
		return Trust{}, refuse(Rollback, "give it a higher version and sign it again", "the trust file has version %d, the one in use %d", next.Version, t.Version)
	}
	return next, next.checkValidity(now)
}

// Signers returns the names and ids of the keys of t whose signatures of e are right, in the order of e.
func (t Trust) Signers(e Envelope) []string {
	message := preAuthentication(e.PayloadType, e.Payload)
	var out []string
	for _, s := range e.Signatures {
		if id, known := t.signer(s, message); known {
			out = append(out, t.Keys[id].label())
		}
	}
	return out
}
