package calldata

import (
	"encoding/binary"

	"github.com/dodona-oracle/dodona"
)

// Selectors of functions, the first four bytes of keccak256 of their signatures.
var (
	selectorReadAt     = Selector("readAt(bytes,uint64)")
	selectorReadLatest = Selector("readLatest(bytes,uint64)")
)

// Selector returns the first four bytes of keccak256(signature), such as "latest()".
func Selector(signature string) [4]byte {
	d := dodona.Keccak256([]byte(signature))
	return [4]byte(d[:4])
}

// ReadAt returns the call readAt(bytes update, uint64 round): selector ‖ 64 ‖ round ‖ length ‖ update, padded with
// zeros to words (Solidity ABI). The contract verifies update, a message of [Feed], stores nothing, and returns its
// value if it is of exactly that round.
func ReadAt(update []byte, round dodona.Round) []byte {
	return pull(selectorReadAt, update, uint64(round))
}

// ReadLatest returns the call readLatest(bytes update, uint64 maxAge), laid out as [ReadAt]: the contract verifies
// update, refuses one older than the stored round or than maxAge seconds, stores it if newer, and returns its value.
func ReadLatest(update []byte, maxAgeSeconds uint64) []byte {
	return pull(selectorReadLatest, update, maxAgeSeconds)
}

func pull(selector [4]byte, update []byte, argument uint64) []byte {
	data := append(make([]byte, 0, 4+4*32+len(update)+31), selector[:]...)
	for _, v := range []uint64{64, argument, uint64(len(update))} {
		data = binary.BigEndian.AppendUint64(append(data, make([]byte, 24)...), v)
	}
	data = append(data, update...)
	return append(data, make([]byte, (32-len(update)%32)%32)...)
}

// DecodeReadAt reads what [ReadAt] returns, in its one encoding.
func DecodeReadAt(data []byte) (update []byte, round dodona.Round, err error) {
	update, argument, err := decodePull(selectorReadAt, data)
	return update, dodona.Round(argument), err
}

// DecodeReadLatest reads what [ReadLatest] returns, in its one encoding.
func DecodeReadLatest(data []byte) (update []byte, maxAgeSeconds uint64, err error) {
	return decodePull(selectorReadLatest, data)
}

func decodePull(selector [4]byte, data []byte) (update []byte, argument uint64, err error) {
	const head = 4 + 3*32
	if len(data) < head || [4]byte(data) != selector {
		return nil, 0, refuse("%d bytes are not a call of this function", len(data))
	}
	var v [3]uint64
	for i := range v {
		word := data[4+32*i : 4+32*i+32]
		if !isZero(word[:24]) {
			return nil, 0, refuse("word %d does not fit in 64 bits", i)
		}
		v[i] = binary.BigEndian.Uint64(word[24:])
	}
	rest := data[head:]
	if v[0] != 64 || v[2] > uint64(len(rest)) || len(rest) != int(v[2]+31)/32*32 || !isZero(rest[v[2]:]) {
		return nil, 0, refuse("offset, length or padding of the argument is another than ABI gives it")
	}
	return rest[:v[2]], v[1], nil
}

// VerifyLeaf returns the call verify(uint64 to, Leaf leaf, bytes32[] path) of DodonaAnchor, which answers whether the
// leaf is in the window that ends at to.
func VerifyLeaf(to dodona.Round, p dodona.Proof) []byte {
	s := Selector("verify(uint64,(uint8,bytes32,uint64,int192,bytes32),bytes32[])")
	w := uintWord(uintWord(s[:], uint64(to)), uint64(p.Leaf.Kind))
	w = uintWord(append(w, p.Leaf.Feed[:]...), uint64(p.Leaf.Round))
	value := p.Leaf.Value.Word()
	w = append(append(w, value[:]...), p.Leaf.Observed[:]...)
	w = uintWord(uintWord(w, 7*32), uint64(len(p.Path)))
	for _, d := range p.Path {
		w = append(w, d[:]...)
	}
	return w
}
