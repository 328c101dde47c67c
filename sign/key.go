// Package sign keeps a node's key and signs with it, each round of each subject once.
//
// A claim is on disk before its signature exists, so no crash, restart or second process can make the key sign
// two digests for one (network, type, subject, round).
package sign

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// A Key is a node's private key. It prints as its address, whatever the verb; only a keystore holds the secret.
type Key struct{ secret *secp.PrivateKey }

// NewKey returns a new random key. It fails if the system has no randomness to give.
func NewKey() (*Key, error) {
	secret, err := secp.Generate(rand.Reader)
	if err != nil {
		return nil, err
	}
	return &Key{secret}, nil
}

// ErrKey: the text is no private key. The error never repeats the text.
var ErrKey = errors.New("not a private key: want 0x and 64 hex digits, a number from 1 to below the order of secp256k1")

// ParseKey reads a private key as 64 hex digits, with or without 0x, or returns [ErrKey].
func ParseKey(text string) (*Key, error) {
	secret, err := secp.ParseHex(text)
	if err != nil {
		return nil, ErrKey
	}
	return &Key{secret}, nil
}

// Open opens the key that k names; it must name one. The name is what errors call k, such as "node.key".
// A keystore is opened as [ReadKeystore] does.
func Open(name string, k keyfile.Key) (*Key, error) {
	if !k.Hex.IsZero() {
		text, err := k.Hex.RevealKey()
		if err != nil {
			return nil, fmt.Errorf("read %s.hex: %w", name, err)
		}
		key, err := ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("read %s.hex: %w", name, err)
		}
		return key, nil
	}
	password, err := k.Password.RevealKey()
	if err != nil {
		return nil, fmt.Errorf("read %s.password: %w", name, err)
	}
	return ReadKeystore(k.File, password)
}

// Address returns the address that signatures of k recover to.
func (k *Key) Address() dodona.Address { return k.secret.Address() }

// Format prints the address and never the secret.
func (k *Key) Format(s fmt.State, verb rune) {
	if k == nil {
		fmt.Fprint(s, "no key")
		return
	}
	k.secret.Format(s, verb)
}

// MarshalText fails, so that no encoder writes a key anywhere.
func (k *Key) MarshalText() ([]byte, error) {
	return nil, errors.New("a private key is not written out; use WriteKeystore")
}

// SignTransaction signs the digest of a transaction. It makes no claim: a chain takes one transaction for each nonce,
// and the digest of a typed transaction cannot be that of an EIP-712 message, which begins with other bytes.
func (k *Key) SignTransaction(digest dodona.Digest) dodona.Signature { return k.secret.Sign(digest) }
