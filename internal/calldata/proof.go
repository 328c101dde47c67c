package calldata

import (
	"bytes"
	"fmt"

	"github.com/dodona-oracle/dodona"
)

// A Proof is what convinces a contract: votes of a quorum's members, or one Schnorr signature of its group key.
// Exactly one of the two is set.
type Proof struct {
	Votes   []Vote
	Schnorr *Schnorr
}

// A Vote is one member's ECDSA signature with the member's place in the quorum.
type Vote struct {
	Index     uint8
	Signature dodona.Signature
}

// A Schnorr is the signature that the ecrecover trick verifies: the address of the nonce's point, and s.
type Schnorr struct {
	R dodona.Address // R_e
	S dodona.Digest
}

// Votes picks the votes that an ECDSA contract wants out of an attestation's signatures: exactly k, in order.
// Signers are those of the signatures, as verify.Attestation returns them: ascending members of q.
func Votes(q dodona.Quorum, signers []dodona.Address, signatures []dodona.Signature) (Proof, error) {
	if len(signers) != len(signatures) || len(signers) < q.K || q.K < 1 {
		return Proof{}, fmt.Errorf("pick votes: %d signers, %d signatures, want %d or more of each", len(signers), len(signatures), q.K)
	}
	votes := make([]Vote, 0, q.K)
	next := 0
	for i, signer := range signers[:q.K] {
		for next < len(q.Members) && q.Members[next] != signer {
			next++
		}
		if next >= len(q.Members) || next > 255 {
			return Proof{}, fmt.Errorf("pick votes: signer %s is no member, or not in ascending order", signer)
		}
		votes = append(votes, Vote{Index: uint8(next), Signature: signatures[i]})
		next++
	}
	return Proof{Votes: votes}, nil
}

// Bytes returns the proof as it stands behind a message's subject.
func (p Proof) Bytes() []byte {
	if p.Schnorr != nil {
		return append(bytes.Clone(p.Schnorr.R[:]), p.Schnorr.S[:]...)
	}
	data := make([]byte, 0, VoteSize*len(p.Votes))
	for _, v := range p.Votes {
		data = append(data, v.Index)
		data = append(data, v.Signature[:64]...)
		if v.Signature[64] == 28 {
			data[len(data)-32] |= 0x80 // s is low, so its first bit is free for the parity (EIP-2098)
		}
	}
	return data
}

// The secp256k1 group order, and half of it rounded down.
var (
	order     = [32]byte([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xba\xae\xdc\xe6\xaf\x48\xa0\x3b\xbf\xd2\x5e\x8c\xd0\x36\x41\x41"))
	halfOrder = [32]byte([]byte("\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x5d\x57\x6e\x73\x57\xa4\x50\x1d\xdf\xe9\x2f\x46\x68\x1b\x20\xa0"))
)

// DecodeProof reads what [Proof.Bytes] returns: a Schnorr signature if there are 52 bytes, else votes.
func DecodeProof(data []byte) (Proof, error) {
	switch {
	case len(data) == SchnorrSize:
		return decodeSchnorr(data)
	case len(data) == 0 || len(data)%VoteSize != 0:
		return Proof{}, refuse("a proof of %d bytes: want %d, or a multiple of %d", len(data), SchnorrSize, VoteSize)
	case len(data) > VoteSize*dodona.MaxMembers:
		return Proof{}, refuse("%d votes: want at most %d", len(data)/VoteSize, dodona.MaxMembers)
	}
	votes := make([]Vote, 0, len(data)/VoteSize)
	for at := 0; at < len(data); at += VoteSize {
		v, err := decodeVote(data[at : at+VoteSize])
		if err != nil {
			return Proof{}, err
		}
		if n := len(votes); n > 0 && votes[n-1].Index >= v.Index {
			return Proof{}, refuse("vote of member %d after one of member %d: want strictly ascending", v.Index, votes[n-1].Index)
		}
		votes = append(votes, v)
	}
	return Proof{Votes: votes}, nil
}

func decodeVote(data []byte) (v Vote, err error) {
	v.Index = data[0]
	copy(v.Signature[:64], data[1:])
	v.Signature[64] = 27 + data[33]>>7
	v.Signature[32] &= 0x7f
	r, s := v.Signature[:32], v.Signature[32:64]
	if !below(r, order) || isZero(r) || isZero(s) || bytes.Compare(s, halfOrder[:]) > 0 {
		return v, refuse("vote of member %d: r or s out of range, or s in the upper half", v.Index)
	}
	return v, nil
}

func decodeSchnorr(data []byte) (Proof, error) {
	s := Schnorr{R: dodona.Address(data[:20]), S: dodona.Digest(data[20:])}
	if s.R.IsZero() || s.S.IsZero() || !below(s.S[:], order) {
		return Proof{}, refuse("R_e is zero, or s is zero or not below the group order")
	}
	return Proof{Schnorr: &s}, nil
}

func below(b []byte, bound [32]byte) bool { return bytes.Compare(b, bound[:]) < 0 }

func isZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
