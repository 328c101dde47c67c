// Package ethrpc is what Dodona needs of an Ethereum client, on the standard library: EIP-1559 and legacy transactions, addresses of
// new contracts, and JSON-RPC over HTTP with deadlines, bounded bodies and several endpoints.
//
// go-ethereum does all of this and more, and would not fit into the binary of a gateway; its tests hold this package
// against it byte for byte.
package ethrpc

import (
	"math/big"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// A Transaction is one of EIP-1559 without an access list, or one of before it. Prices are in wei for each unit of gas.
type Transaction struct {
	ChainID uint64
	Nonce   uint64
	Legacy  bool            // for chains without EIP-1559: FeeCap is the gas price, and is paid in full (EIP-155)
	Tip     uint64          // maxPriorityFeePerGas
	FeeCap  uint64          // maxFeePerGas, base fee and tip together
	Gas     uint64          // the limit
	To      *dodona.Address // nil makes a contract
	Value   *big.Int        // wei; nil is none
	Data    []byte
}

const typeDynamicFee = 2 // EIP-2718

func (t Transaction) fields() []item {
	var to []byte
	if t.To != nil {
		to = t.To[:]
	}
	if t.Legacy {
		return []item{rlpUint(t.Nonce), rlpUint(t.FeeCap), rlpUint(t.Gas), rlpBytes(to), rlpBig(t.Value), rlpBytes(t.Data)}
	}
	return []item{
		rlpUint(t.ChainID), rlpUint(t.Nonce), rlpUint(t.Tip), rlpUint(t.FeeCap), rlpUint(t.Gas),
		rlpBytes(to), rlpBig(t.Value), rlpBytes(t.Data), rlpList(),
	}
}

// Digest returns what the sender signs.
func (t Transaction) Digest() dodona.Digest {
	if t.Legacy {
		return dodona.Keccak256(rlpList(append(t.fields(), rlpUint(t.ChainID), rlpUint(0), rlpUint(0))...))
	}
	return dodona.Keccak256([]byte{typeDynamicFee}, rlpList(t.fields()...))
}

// Sign returns the signed bytes as they travel, and their hash, by which the chain knows them. Signing again gives
// the same bytes.
func (t Transaction) Sign(key *secp.PrivateKey) (raw []byte, hash dodona.Digest) {
	return t.Sealed(key.Sign(t.Digest()))
}

// Sealed returns the signed bytes and their hash, given the sender's signature of Digest.
func (t Transaction) Sealed(sig dodona.Signature) (raw []byte, hash dodona.Digest) {
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:64])
	if t.Legacy {
		v := new(big.Int).SetUint64(t.ChainID)
		v.Add(v.Lsh(v, 1), big.NewInt(int64(sig[64])-27+35))
		raw = rlpList(append(t.fields(), rlpBig(v), rlpBig(r), rlpBig(s))...)
		return raw, dodona.Keccak256(raw)
	}
	fields := append(t.fields(), rlpUint(uint64(sig[64]-27)), rlpBig(r), rlpBig(s))
	raw = append([]byte{typeDynamicFee}, rlpList(fields...)...)
	return raw, dodona.Keccak256(raw)
}

// Created returns the address of the contract that a transaction of sender with the given nonce makes.
func Created(sender dodona.Address, nonce uint64) (a dodona.Address) {
	d := dodona.Keccak256(rlpList(rlpBytes(sender[:]), rlpUint(nonce)))
	copy(a[:], d[12:])
	return a
}

// Selector returns the first four bytes of a call of a function such as "balanceOf(address)".
func Selector(signature string) (s [4]byte) {
	d := dodona.Keccak256([]byte(signature))
	copy(s[:], d[:4])
	return s
}
