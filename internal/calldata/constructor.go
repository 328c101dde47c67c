package calldata

import (
	"encoding/binary"

	"github.com/dodona-oracle/dodona"
)

// A Subject is what a contract's quorum speaks about: a feed's id, or the length of an anchor's windows.
type Subject = dodona.Digest

// PeriodSubject returns the subject of anchors over windows of so many milliseconds.
func PeriodSubject(milliseconds uint64) (s Subject) {
	binary.BigEndian.PutUint64(s[24:], milliseconds)
	return s
}

// NewECDSA returns the constructor arguments (bytes32 network, bytes32 subject, uint8 k, address[] members) of the
// contracts for the scheme ecdsa. They follow the bytecode.
func NewECDSA(network dodona.Digest, subject Subject, q dodona.Quorum) []byte {
	w := head(network, subject)
	for _, v := range []uint64{uint64(q.K), 4 * 32, uint64(len(q.Members))} {
		w = uintWord(w, v)
	}
	for _, m := range q.Members {
		w = append(append(w, make([]byte, 12)...), m[:]...)
	}
	return w
}

// NewSchnorr returns the constructor arguments (bytes32 network, bytes32 subject, uint256 px, uint8 parity) of the
// contracts for the scheme frost.
func NewSchnorr(network dodona.Digest, subject Subject, k dodona.GroupKey) []byte {
	x := k.X()
	return uintWord(append(head(network, subject), x[:]...), uint64(k.Parity()))
}

func head(network dodona.Digest, subject Subject) []byte {
	return append(append([]byte{}, network[:]...), subject[:]...)
}

func uintWord(w []byte, v uint64) []byte {
	return binary.BigEndian.AppendUint64(append(w, make([]byte, 24)...), v)
}
