// Package secp signs digests with ECDSA over secp256k1 and recovers signers. It is strict: of the several texts
// that mathematics would accept for one signature it takes one, so a signature cannot be altered and stay valid.
//
// It is the only importer of decred's secp256k1, and builds for GOOS=js.
package secp

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/dodona-oracle/dodona"
)

// The reasons why a signature is refused. None is worth a retry.
var (
	ErrRange    = errors.New("r or s is zero or not below the group order")
	ErrHighS    = errors.New("s is in the upper half (EIP-2 wants the lower)")
	ErrRecovery = errors.New("v is neither 27 nor 28")
	ErrPoint    = errors.New("no public key belongs to r, s and v")
)

// ErrKey: the bytes are no private key. Ask for another one; do not retry.
var ErrKey = errors.New("not a private key: want 32 bytes, a number from 1 to below the group order")

// A PrivateKey is a secp256k1 private key with its address. The zero value is no key.
// It prints as its address, whatever the verb.
type PrivateKey struct {
	scalar  secp256k1.PrivateKey
	public  PublicKey
	address dodona.Address
}

// Generate returns a new private key out of random, which should be crypto/rand.Reader.
// It fails if random does.
func Generate(random io.Reader) (*PrivateKey, error) {
	key, err := secp256k1.GeneratePrivateKeyFromRand(random)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return newPrivateKey(key), nil
}

// ParsePrivateKey returns the private key that b encodes, or [ErrKey]. It keeps no reference to b.
func ParsePrivateKey(b []byte) (*PrivateKey, error) {
	var scalar secp256k1.ModNScalar
	if len(b) != 32 || scalar.SetByteSlice(b) || scalar.IsZero() {
		return nil, ErrKey
	}
	return newPrivateKey(secp256k1.NewPrivateKey(&scalar)), nil
}

// ParseHex returns the private key that 64 hex digits encode, with or without 0x before and space around them, or [ErrKey].
// The error never repeats the text.
func ParseHex(text string) (*PrivateKey, error) {
	b, err := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(text), "0x"))
	if err != nil {
		return nil, ErrKey // the cause would quote a digit of the key
	}
	defer clear(b)
	return ParsePrivateKey(b)
}

func newPrivateKey(key *secp256k1.PrivateKey) *PrivateKey {
	k := &PrivateKey{scalar: *key, public: PublicKey{*key.PubKey()}}
	k.address = k.public.Address()
	return k
}

// Address returns the address of k's public key.
func (k *PrivateKey) Address() dodona.Address { return k.address }

// PublicKey returns k's public key.
func (k *PrivateKey) PublicKey() PublicKey { return k.public }

// Bytes returns the 32 bytes of the key, big endian. They are the secret: overwrite them after use.
func (k *PrivateKey) Bytes() []byte { return k.scalar.Serialize() }

// Format prints the address and never the secret.
func (k *PrivateKey) Format(s fmt.State, _ rune) {
	if k == nil {
		_, _ = io.WriteString(s, "no key")
		return
	}
	_, _ = io.WriteString(s, "key of "+k.address.String())
}

// Sign returns the signature of digest by k: low s, and deterministic (RFC 6979), so that signing again changes nothing.
func (k *PrivateKey) Sign(digest dodona.Digest) (sig dodona.Signature) {
	compact := ecdsa.SignCompact(&k.scalar, digest[:], false) // v‖r‖s
	copy(sig[:64], compact[1:])
	sig[64] = compact[0]
	return sig
}

// Recover returns the address whose key signed digest.
// It refuses r or s out of range, a high s, and a v other than 27 and 28.
func Recover(digest dodona.Digest, sig dodona.Signature) (dodona.Address, error) {
	key, err := RecoverKey(digest, sig)
	if err != nil {
		return dodona.Address{}, err
	}
	return key.Address(), nil
}

// RecoverKey returns the public key that signed digest, as strictly as [Recover].
func RecoverKey(digest dodona.Digest, sig dodona.Signature) (PublicKey, error) {
	if _, _, err := parse(sig); err != nil {
		return PublicKey{}, err
	}
	var compact [65]byte
	compact[0] = sig[64]
	copy(compact[1:], sig[:64])
	key, _, err := ecdsa.RecoverCompact(compact[:], digest[:])
	if err != nil {
		return PublicKey{}, ErrPoint
	}
	return PublicKey{*key}, nil
}

// parse returns r and s of a signature in the one form that is accepted.
func parse(sig dodona.Signature) (r, s secp256k1.ModNScalar, err error) {
	switch {
	case r.SetByteSlice(sig[:32]), s.SetByteSlice(sig[32:64]), r.IsZero(), s.IsZero():
		return r, s, ErrRange
	case s.IsOverHalfOrder():
		return r, s, ErrHighS
	case sig[64] != 27 && sig[64] != 28:
		return r, s, ErrRecovery
	}
	return r, s, nil
}
