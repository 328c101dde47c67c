package secp

import (
	"errors"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/dodona-oracle/dodona"
)

// ErrPublicKey: the bytes are no point of the curve in the SEC 1 form.
var ErrPublicKey = errors.New("not a public key: want 33 or 65 bytes of a point on secp256k1 (SEC 1)")

// A PublicKey is a point of secp256k1. The zero value is no key.
type PublicKey struct{ point secp256k1.PublicKey }

// ParsePublicKey returns the key that b encodes in the compressed or uncompressed form of SEC 1 §2.3.3, or [ErrPublicKey].
func ParsePublicKey(b []byte) (PublicKey, error) {
	// decred also takes the hybrid form 06/07, which SEC 1 leaves to X9.62.
	if len(b) == 65 && b[0] != 4 {
		return PublicKey{}, ErrPublicKey
	}
	key, err := secp256k1.ParsePubKey(b)
	if err != nil {
		return PublicKey{}, ErrPublicKey
	}
	return PublicKey{*key}, nil
}

// Bytes returns the uncompressed form of k: 65 bytes, 4‖x‖y.
func (k PublicKey) Bytes() []byte { return k.point.SerializeUncompressed() }

// Address returns the last 20 bytes of keccak256(x‖y).
func (k PublicKey) Address() (a dodona.Address) {
	d := dodona.Keccak256(k.Bytes()[1:])
	copy(a[:], d[12:])
	return a
}

// Verify reports whether r‖s is a signature of digest by k, with s in the lower half. Unlike [Recover] it needs no v.
func (k PublicKey) Verify(digest dodona.Digest, rs [64]byte) bool {
	sig := dodona.Signature{64: 27}
	copy(sig[:64], rs[:])
	r, s, err := parse(sig)
	return err == nil && ecdsa.NewSignature(&r, &s).Verify(digest[:], &k.point)
}
