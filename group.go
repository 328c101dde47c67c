package dodona

import "encoding/hex"

// A GroupKey is the public key that a quorum of scheme "frost" signs with together: a point of secp256k1 in the
// compressed form of SEC 1, 2 or 3 (3 where y is odd) and x. Contracts need 0 < x < the group order.
type GroupKey [33]byte

// X returns the x coordinate.
func (k GroupKey) X() Digest { return Digest(k[1:]) }

// Parity returns 1 where y is odd, else 0.
func (k GroupKey) Parity() uint8 { return k[0] & 1 }

// String writes 0x and 66 lower-case hex digits.
func (k GroupKey) String() string { return "0x" + hex.EncodeToString(k[:]) }

// MarshalText writes k as String does.
func (k GroupKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads 0x and exactly 66 lower-case hex digits.
func (k *GroupKey) UnmarshalText(text []byte) error { return decodeHex(k[:], text) }

// Digest returns what a verifier checks of the scheme "frost": keccak256(abi.encode(uint8(2), x, parity)), without
// members or k, so that resharing the key keeps it.
func (k GroupKey) Digest() Digest {
	return Keccak256(words(nil).uint(2).digest(k.X()).uint(uint64(k.Parity())))
}
