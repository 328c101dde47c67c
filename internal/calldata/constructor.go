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

// HubKey returns the struct Key of a quorum as DodonaHub takes it (Solidity ABI, without the offset in front):
// uint8 scheme, uint8 k, address[] members, uint256 px, uint8 parity. group is used for the scheme frost only.
func HubKey(q dodona.Quorum, group dodona.GroupKey) []byte {
	scheme, parity, k, x := uint64(1), uint64(0), uint64(q.K), dodona.Digest{}
	if q.Scheme != "ecdsa" {
		scheme, parity, k, x = 2, uint64(group.Parity()), 0, group.X()
		q.Members = nil
	}
	w := uintWord(uintWord(uintWord(nil, scheme), k), 5*32)
	w = uintWord(append(w, x[:]...), parity)
	w = uintWord(w, uint64(len(q.Members)))
	for _, m := range q.Members {
		w = append(append(w, make([]byte, 12)...), m[:]...)
	}
	return w
}

// NewHub returns the constructor arguments (bytes32 network, Key first) of DodonaHub.
func NewHub(network dodona.Digest, key []byte) []byte {
	return append(uintWord(append([]byte{}, network[:]...), 2*32), key...)
}

// OpenPage returns the call open(bytes32[] feeds) of DodonaHub.
func OpenPage(feeds ...dodona.FeedID) []byte {
	s := Selector("open(bytes32[])")
	w := uintWord(uintWord(s[:], 32), uint64(len(feeds)))
	for _, f := range feeds {
		w = append(w, f[:]...)
	}
	return w
}

// Rotate returns the call rotate(uint64 epoch, bytes32 members, uint64 fromRound, Key key, bytes proof) of DodonaHub.
// members is dodona.Quorum.MembersDigest of the successor.
func Rotate(epoch uint64, members dodona.Digest, fromRound dodona.Round, key []byte, proof Proof) []byte {
	s := Selector("rotate(uint64,bytes32,uint64,(uint8,uint8,address[],uint256,uint8),bytes)")
	w := append(uintWord(s[:], epoch), members[:]...)
	w = uintWord(uintWord(uintWord(w, uint64(fromRound)), 5*32), uint64(5*32+len(key)))
	p := proof.Bytes()
	w = append(uintWord(append(w, key...), uint64(len(p))), p...)
	return append(w, make([]byte, (32-len(p)%32)%32)...)
}

// NewAdapter returns the constructor arguments (address feed, string name, string unit, uint8 decimals) of
// AggregatorV3Adapter.
func NewAdapter(feed dodona.Address, f dodona.Feed) []byte {
	w := append(make([]byte, 12), feed[:]...)
	w = uintWord(uintWord(w, 4*32), uint64(5*32+(len(f.Name)+31)/32*32))
	w = uintWord(w, uint64(f.Decimals))
	for _, text := range []string{f.Name, f.Unit} {
		w = append(uintWord(w, uint64(len(text))), text...)
		w = append(w, make([]byte, (32-len(text)%32)%32)...)
	}
	return w
}
