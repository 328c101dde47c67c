package dodona

import (
	"bytes"
	"encoding/hex"
	"fmt"
)

// A Quorum says whose signatures count and how many are enough. One node alone is the quorum 1 of 1.
type Quorum struct {
	Scheme  string    `json:"scheme"` // "ecdsa" or "frost"
	K       int       `json:"k"`
	Members []Address `json:"members"` // ascending

	// Key speaks for a quorum of scheme frost. Its k and members are zero and empty: the digest does not bind them, so a
	// stranger could not believe them.
	Key *GroupKey `json:"key,omitempty"`
}

// MaxMembers is the most members a quorum may have.
const MaxMembers = 128

// LeastK returns how many of n members must sign at least: ⌊(n+f)/2⌋ + 1, where f = ⌊(n−1)/3⌋ of them may be arbitrary.
func LeastK(n int) int { return (n+(n-1)/3)/2 + 1 }

// Check returns an error unless q is a quorum that a verifier accepts: scheme "ecdsa", 1 to [MaxMembers] members,
// none zero, strictly ascending, and [LeastK] ≤ k ≤ n, without a group key; or scheme "frost" with a group key and nothing
// else. Whether the key is a point is for package secp to say.
func (q Quorum) Check() error {
	n := len(q.Members)
	switch {
	case q.Scheme == "frost":
		return q.checkGroup()
	case q.Scheme != "ecdsa":
		return fmt.Errorf("quorum scheme %q: want ecdsa or frost", q.Scheme)
	case q.Key != nil:
		return fmt.Errorf("quorum of scheme ecdsa with a group key: it has members only")
	case n == 0 || n > MaxMembers:
		return fmt.Errorf("quorum of %d members: want 1 to %d", n, MaxMembers)
	case q.K < LeastK(n) || q.K > n:
		return fmt.Errorf("quorum %d of %d: k must be %d to %d, so that no two halves can both be enough", q.K, n, LeastK(n), n)
	}
	var before Address
	for _, m := range q.Members {
		if bytes.Compare(m[:], before[:]) <= 0 {
			return fmt.Errorf("quorum member %s: members must be strictly ascending and not zero", m)
		}
		before = m
	}
	return nil
}

func (q Quorum) checkGroup() error {
	if q.Key == nil || q.K != 0 || len(q.Members) > 0 {
		return fmt.Errorf("quorum of scheme frost: want a group key, k 0 and no members, which its digest would not bind")
	}
	return nil
}

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

// A Network is a name and the first quorum that ever spoke under it; the two make its id, for life.
type Network struct {
	Name  string `json:"name"`
	First Digest `json:"first"` // digest of the first quorum
}

// A Rotation hands a network from one quorum to the next.
type Rotation struct {
	Epoch      uint64      `json:"epoch"`      // 1 for the first rotation of a network, then one more each time
	Next       Quorum      `json:"next"`       // signs from FromRound on, and nothing below
	FromRound  Round       `json:"fromRound"`  // the quorum before signs nothing from here on
	Signatures []Signature `json:"signatures"` // of the quorum before, ascending by signer
}

// A History leads from a network's first quorum to any later one, offline.
type History struct {
	First     Quorum     `json:"first"`
	Rotations []Rotation `json:"rotations"` // by epoch, without holes
}
