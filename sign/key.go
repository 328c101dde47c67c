// Package sign keeps a node's key and signs with it, each round of each subject once.
//
// A claim is on disk before its signature exists, so no crash, restart or second process can make the key sign
// two digests for one (network, type, subject, round).
package sign

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

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

// Open opens the key that k names; it must name one. The name is what errors call k, such as "node.key"; they begin with the
// setting that they are about. A keystore without a password gives [keyfile.ErrNoPassword], one that its password does not open
// [ErrPassword], and a file that others may touch [ErrMode].
func Open(name string, k keyfile.Key) (*Key, error) {
	path, setting := k.Path(name)
	if path == "" {
		text, err := k.Hex.RevealKey()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		key, err := ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return key, nil
	}
	return OpenFile(setting, path, func() (string, error) {
		if k.Password.IsZero() {
			return "", keyfile.WithHint(k.NoPassword(name))
		}
		password, err := k.Password.RevealKey()
		if err != nil {
			err = fmt.Errorf("%s.password: %w", name, err)
		}
		return password, err
	})
}

// OpenFile opens the key in a file: a keystore, or 64 hex digits. The setting is what errors begin with, if one names the file. It asks
// for the password if the file is a keystore, once it is sure that one can be tried.
func OpenFile(setting, path string, password func() (string, error)) (*Key, error) {
	key, ks, err := readFile(setting, path)
	if err != nil || key != nil {
		return key, err
	}
	word, err := password()
	if err != nil {
		return nil, err
	}
	if key, err = ks.open(word); err != nil {
		return nil, fmt.Errorf("%sread key %s: %w", keyfile.Of(setting), path, err)
	}
	return key, nil
}

// AddressIn returns the address of the key in a file, without a password. It is proven if the file holds the key itself; what a
// keystore says of itself only a password proves. One that does not say has none to return.
func AddressIn(path string) (a dodona.Address, proven bool, err error) {
	key, ks, err := readFile("", path)
	if err != nil {
		return a, false, err
	}
	if key != nil {
		return key.Address(), true, nil
	}
	if ks.Address == "" {
		return a, false, fmt.Errorf("read key %s: %w", path, ErrNoAddress)
	}
	if err := a.UnmarshalText([]byte("0x" + strings.ToLower(strings.TrimPrefix(ks.Address, "0x")))); err != nil {
		return a, false, fmt.Errorf("read key %s: its address is none: %w", path, err)
	}
	return a, false, nil
}

// ErrNoAddress: the keystore does not say whose it is. Open it.
var ErrNoAddress = errors.New("the keystore does not say its address")

// readFile returns the key in a file, or the keystore that is there instead of one, whose cost is allowed.
func readFile(setting, path string) (*Key, keystore, error) {
	content, encrypted, err := keyfile.Read(setting, path)
	if err != nil {
		return nil, keystore{}, err
	}
	defer clear(content)
	if !encrypted {
		key, err := ParseKey(string(content))
		return key, keystore{}, err
	}
	ks, err := parseKeystore(content)
	if err != nil {
		return nil, ks, fmt.Errorf("%sread key %s: %w", keyfile.Of(setting), path, err)
	}
	return nil, ks, nil
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
