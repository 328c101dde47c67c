package ethrpc

import (
	"encoding/binary"
	"math/big"
)

// An item is one value of RLP (Ethereum yellow paper, appendix B), encoded.
type item []byte

// rlpBytes encodes a byte string.
func rlpBytes(b []byte) item {
	if len(b) == 1 && b[0] < 0x80 {
		return item{b[0]}
	}
	return append(rlpHeader(0x80, len(b)), b...)
}

// rlpUint encodes a number: big endian without leading zeros, zero as the empty string.
func rlpUint(n uint64) item { return rlpBytes(trimmed(n)) }

// rlpBig encodes a number that is not negative; nil is zero.
func rlpBig(n *big.Int) item {
	if n == nil {
		return rlpBytes(nil)
	}
	return rlpBytes(n.Bytes())
}

// rlpList encodes a list of encoded items.
func rlpList(items ...item) item {
	size := 0
	for _, i := range items {
		size += len(i)
	}
	list := rlpHeader(0xc0, size)
	for _, i := range items {
		list = append(list, i...)
	}
	return list
}

func rlpHeader(base byte, size int) item {
	if size < 56 {
		return item{base + byte(size)}
	}
	length := trimmed(uint64(size))
	return append(item{base + 55 + byte(len(length))}, length...)
}

func trimmed(n uint64) []byte {
	b := binary.BigEndian.AppendUint64(nil, n)
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	return b
}
