package dodona

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/sha3"
)

// A Digest is 32 bytes of Keccak-256 (the Ethereum one, not FIPS 202).
type Digest [32]byte

// FeedID is the digest of a feed's identity: name, kind, unit, decimals, labels.
type FeedID = Digest

// An Address is the last 20 bytes of the Keccak-256 of a secp256k1 public key, as in Ethereum.
type Address [20]byte

// A Signature is r‖s‖v of ECDSA over secp256k1: v is 27 or 28, s is low (EIP-2).
type Signature [65]byte

// String writes 0x and 64 lower-case hex digits.
func (d Digest) String() string { return "0x" + hex.EncodeToString(d[:]) }

// String writes 0x and 40 lower-case hex digits.
func (a Address) String() string { return "0x" + hex.EncodeToString(a[:]) }

// String writes 0x and 130 lower-case hex digits.
func (s Signature) String() string { return "0x" + hex.EncodeToString(s[:]) }

// Short writes the first and last two bytes, for people: 0x9f2c…41d7.
func (d Digest) Short() string { return short(d[:]) }

// Short writes the first and last two bytes, for people: 0x9f2c…41d7.
func (a Address) Short() string { return short(a[:]) }

func short(b []byte) string {
	return "0x" + hex.EncodeToString(b[:2]) + "…" + hex.EncodeToString(b[len(b)-2:])
}

// MarshalText writes d as String does.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// MarshalText writes a as String does.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// MarshalText writes s as String does.
func (s Signature) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads 0x and exactly 64 lower-case hex digits.
func (d *Digest) UnmarshalText(text []byte) error { return decodeHex(d[:], text) }

// UnmarshalText reads 0x and exactly 40 lower-case hex digits.
func (a *Address) UnmarshalText(text []byte) error { return decodeHex(a[:], text) }

// Set reads an address as people write it: wallets put a checksum into the case of its letters (EIP-55), which is judged
// if there are capitals. UnmarshalText reads what programs write, in the one spelling that is signed and kept.
func (a *Address) Set(text string) error {
	lower := strings.ToLower(text)
	if lower == text {
		return a.UnmarshalText([]byte(text))
	}
	var read Address
	if err := read.UnmarshalText([]byte(lower)); err != nil {
		return err
	}
	digest := Keccak256([]byte(lower[2:]))
	for i, c := range []byte(lower[2:]) {
		high := digest[i/2]>>(4*(1-i%2))&8 != 0
		if c >= 'a' && (text[2+i] != c) != high {
			return fmt.Errorf("the capitals of %q do not match its checksum (EIP-55): a digit is wrong, or write it in lower case", text)
		}
	}
	*a = read
	return nil
}

// UnmarshalText reads 0x and exactly 130 lower-case hex digits.
func (s *Signature) UnmarshalText(text []byte) error { return decodeHex(s[:], text) }

// IsZero reports whether d is all zeros, which no real digest is.
func (d Digest) IsZero() bool { return d == Digest{} }

// IsZero reports whether a is all zeros, which is nobody's address.
func (a Address) IsZero() bool { return a == Address{} }

// decodeHex reads one encoding only, so that equal values have equal texts.
func decodeHex(to, text []byte) error {
	digits, found := bytes.CutPrefix(text, []byte("0x"))
	if !found || len(digits) != 2*len(to) || bytes.ContainsAny(digits, "ABCDEF") {
		return fmt.Errorf("hex of %d bytes: want 0x and %d lower-case digits, got %d characters", len(to), 2*len(to), len(text))
	}
	if _, err := hex.Decode(to, digits); err != nil {
		return fmt.Errorf("hex of %d bytes: want 0x and %d lower-case digits", len(to), 2*len(to))
	}
	return nil
}

var hashers = sync.Pool{New: func() any { return sha3.NewLegacyKeccak256() }}

// Keccak256 returns the Keccak-256 of the concatenated parts.
func Keccak256(parts ...[]byte) (d Digest) {
	h := hashers.Get().(interface {
		Reset()
		Write([]byte) (int, error)
		Read([]byte) (int, error)
	})
	defer hashers.Put(h)
	h.Reset()
	for _, p := range parts {
		_, _ = h.Write(p) // a hash never fails
	}
	_, _ = h.Read(d[:])
	return d
}

// words builds an abi.encode (Solidity ABI) of static and trailing dynamic arguments.
type words []byte

func (w words) digest(d Digest) words   { return append(w, d[:]...) }
func (w words) address(a Address) words { return append(append(w, make([]byte, 12)...), a[:]...) }
func (w words) uint(v uint64) words {
	return binary.BigEndian.AppendUint64(append(w, make([]byte, 24)...), v)
}

func (w words) int(i Int192) words {
	word := i.Word()
	return append(w, word[:]...)
}

func (w words) millis(t time.Time) words { return w.int(NewInt192(t.UnixMilli())) }

// text appends the tail of a dynamic string: its length and its bytes, padded to words.
func (w words) text(s string) words {
	w = append(w.uint(uint64(len(s))), s...)
	return append(w, make([]byte, (32-len(s)%32)%32)...)
}

func paddedLen(s string) uint64 { return 32 + uint64(len(s)+31)/32*32 }

// ID returns keccak256(abi.encode(name, kind, unit, decimals, keccak256(abi.encode(labels)))):
// string, string, string, uint8, bytes32. A feed without labels has the digest of the empty list.
func (f Feed) ID() FeedID {
	head := words(nil).uint(5 * 32)
	head = head.uint(5*32 + paddedLen(f.Name))
	head = head.uint(5*32 + paddedLen(f.Name) + paddedLen(string(f.Kind)))
	head = head.uint(uint64(f.Decimals)).digest(digestOfStrings(f.Labels))
	return Keccak256(head.text(f.Name).text(string(f.Kind)).text(f.Unit))
}

// digestOfStrings returns keccak256(abi.encode(string[])).
func digestOfStrings(list []string) Digest {
	w := words(nil).uint(32).uint(uint64(len(list)))
	offset := uint64(32 * len(list))
	for _, s := range list {
		w = w.uint(offset)
		offset += paddedLen(s)
	}
	for _, s := range list {
		w = w.text(s)
	}
	return Keccak256(w)
}

// Digest returns what a verifier checks: of the scheme "frost" [GroupKey.Digest], of "ecdsa" keccak256(abi.encode(uint8(1), k, ascending addresses)),
// k as uint256, the addresses as address[]. It is of use only if [Quorum.Check] finds nothing.
func (q Quorum) Digest() Digest {
	if q.Scheme == "frost" && q.Key != nil {
		return q.Key.Digest()
	}
	w := words(nil).uint(1).uint(uint64(q.K)).uint(3 * 32).uint(uint64(len(q.Members)))
	for _, m := range q.Members {
		w = w.address(m)
	}
	return Keccak256(w)
}

// MembersDigest returns keccak256(abi.encode(uint256 k, address[] members)): who they are, whatever the scheme.
func (q Quorum) MembersDigest() Digest {
	w := words(nil).uint(uint64(q.K)).uint(2 * 32).uint(uint64(len(q.Members)))
	for _, m := range q.Members {
		w = w.address(m)
	}
	return Keccak256(w)
}

// ID returns keccak256(abi.encode(network name, first quorumDigest)), constant for the network's life.
func (n Network) ID() Digest {
	return Keccak256(words(nil).uint(2 * 32).digest(n.First).text(n.Name))
}

// Program returns keccak256(abi.encode(version, rules)): what computed, without where it ran.
func (o Origin) Program() Digest { return Keccak256(o.Version[:], o.Rules[:]) }

// Digest returns keccak256(abi.encode(program, readingsRoot)).
func (o Origin) Digest() Digest {
	program := o.Program()
	return Keccak256(program[:], o.ReadingsRoot[:])
}

// The EIP-712 type hashes.
var (
	typeDomain      = Keccak256([]byte("EIP712Domain(string name,string version,bytes32 salt)"))
	typeReport      = Keccak256([]byte("Report(bytes32 feed,uint64 round,int192 value)"))
	typeObservation = Keccak256([]byte("Observation(bytes32 feed,uint64 round,int192 value,bytes32 origin)"))
	typeAnchor      = Keccak256([]byte("Anchor(bytes32 root,bytes32 previous,uint64 from,uint64 to,uint64 count)"))
	typeRotate      = Keccak256([]byte("Rotate(uint64 epoch,bytes32 quorum,bytes32 members,uint64 fromRound)"))
	domainName      = Keccak256([]byte("Dodona"))
	domainVersion   = Keccak256([]byte("1"))
)

// TypedDigest returns what is signed of a struct (EIP-712) in the domain of a network: name "Dodona", version "1", the
// network's id as salt. The root has it for those of its words that are signed; what only contracts take hashes itself.
func TypedDigest(network, hashStruct Digest) Digest {
	domain := Keccak256(typeDomain[:], domainName[:], domainVersion[:], network[:])
	return Keccak256([]byte{0x19, 0x01}, domain[:], hashStruct[:])
}

// Digest returns what a quorum signs (EIP-712) under the given network id.
func (r Report) Digest(network Digest) Digest {
	return TypedDigest(network, Keccak256(words(nil).digest(typeReport).digest(r.Feed).uint(uint64(r.Round)).int(r.Value)))
}

// Digest returns what the observing node signs (EIP-712) under the given network id.
func (o Observation) Digest(network Digest) Digest {
	return TypedDigest(network, Keccak256(words(nil).digest(typeObservation).digest(o.Feed).uint(uint64(o.Round)).
		int(o.Value).digest(o.Origin.Digest())))
}

// Digest returns what a quorum signs (EIP-712) under the given network id.
func (a Anchor) Digest(network Digest) Digest {
	return TypedDigest(network, Keccak256(words(nil).digest(typeAnchor).digest(a.Root).digest(a.Previous).
		uint(uint64(a.From)).uint(uint64(a.To)).uint(a.Count)))
}

// Digest returns what the quorum before signs (EIP-712, type Rotate) under the given network id.
func (r Rotation) Digest(network Digest) Digest {
	return TypedDigest(network, Keccak256(words(nil).digest(typeRotate).uint(r.Epoch).digest(r.Next.Digest()).
		digest(r.Next.MembersDigest()).uint(uint64(r.FromRound))))
}

// Observed returns the digest of the observations behind a report:
// keccak256(abi.encode(address[] signers, bytes32[] digests)), both ascending by signer. Signers must be distinct.
func Observed(network Digest, observations ...Observation) Digest {
	sorted := slices.SortedFunc(slices.Values(observations), func(a, b Observation) int {
		return bytes.Compare(a.Signer[:], b.Signer[:])
	})
	n := uint64(len(sorted))
	w := words(nil).uint(2 * 32).uint(3*32 + 32*n).uint(n)
	for _, o := range sorted {
		w = w.address(o.Signer)
	}
	w = w.uint(n)
	for _, o := range sorted {
		w = w.digest(o.Digest(network))
	}
	return Keccak256(w)
}

// Digest returns the digest of a reading:
// keccak256(abi.encode(keccak256(source), keccak256(item), keccak256(contentType), int64 sourceTime,
// int64 received, uint8 quality, keccak256(body))), times in Unix milliseconds, rounded down. No time is Go's zero
// time, −62135596800000, because 0 is what a device says whose clock was never set.
func (r Reading) Digest() Digest {
	source, item, content, body := Keccak256([]byte(r.Source)), Keccak256([]byte(r.Item)),
		Keccak256([]byte(r.ContentType)), Keccak256(r.Body)
	return Keccak256(words(nil).digest(source).digest(item).digest(content).millis(r.SourceTime).
		millis(r.Received).uint(uint64(r.Quality)).digest(body))
}

// Leaf returns keccak256(salt ‖ digest): the salt keeps a 16-bit register from being guessed from its hash.
// A leaf cannot pass for an inner node of [Root], whose right half is never the digest of a reading.
func (r Reading) Leaf(salt Digest) Digest {
	d := r.Digest()
	return Keccak256(salt[:], d[:])
}

// SortReadings orders readings by source, item and time of arrival: the order in which transforms see them.
func SortReadings(readings []Reading) {
	slices.SortStableFunc(readings, func(a, b Reading) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.Item, b.Item),
			a.Received.Compare(b.Received), bytes.Compare(a.Body, b.Body))
	})
}

// Digest returns the leaf as OpenZeppelin's StandardMerkleTree hashes it: keccak256(keccak256(abi.encode(uint8 kind,
// bytes32 feed, uint64 round, int192 value, bytes32 observed))).
func (l Leaf) Digest() Digest {
	d := Keccak256(words(nil).uint(uint64(l.Kind)).digest(l.Feed).uint(uint64(l.Round)).int(l.Value).digest(l.Observed))
	return Keccak256(d[:])
}

// Root returns where the path leads from the leaf: the root of the tree that the proof is of.
func (p Proof) Root() Digest {
	d := p.Leaf.Digest()
	for _, sibling := range p.Path {
		d = node(d, sibling)
	}
	return d
}

// node returns keccak256(min ‖ max).
func node(a, b Digest) Digest {
	if compareDigests(a, b) > 0 {
		a, b = b, a
	}
	return Keccak256(a[:], b[:])
}

// Root returns the Merkle root over leaves as OpenZeppelin's SimpleMerkleTree builds it: sorted leaves,
// sorted pairs. The root of no leaves is zero. Over the digests of leaves it is that of a StandardMerkleTree.
func Root(leaves ...Digest) Digest {
	if len(leaves) == 0 {
		return Digest{}
	}
	falling := slices.SortedFunc(slices.Values(leaves), func(a, b Digest) int { return compareDigests(b, a) })
	n := len(falling)
	tree := append(make([]Digest, n-1, 2*n-1), falling...)
	for i := n - 2; i >= 0; i-- {
		tree[i] = node(tree[2*i+1], tree[2*i+2])
	}
	return tree[0]
}

func compareDigests(a, b Digest) int { return bytes.Compare(a[:], b[:]) }
