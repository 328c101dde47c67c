package secp

import (
	"errors"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/dodona-oracle/dodona"
)

// Schnorr signatures as FROST makes them and as a contract verifies them with ecrecover:
//
//	R_e = address(R), e = keccak256(Px ‖ parity ‖ digest ‖ R_e) mod Q, s·G = R + e·P
//
// Off chain a signature is R ‖ s, R compressed (33 + 32 bytes); on chain it is R_e ‖ s.

// The reasons why a Schnorr signature or a group key is refused. None is worth a retry.
var (
	ErrGroupKey = errors.New("not a group key: want a point on secp256k1 whose x is below the group order")
	ErrSchnorr  = errors.New("not a Schnorr signature of this digest by this key")
	ErrNonce    = errors.New("not a nonce: want R as a compressed point on secp256k1 whose address is not zero")
)

// schnorrTag keeps the nonces of Schnorr signatures apart from those of ECDSA by the same key over the same digest:
// one nonce in two equations gives the key away.
var schnorrTag = dodona.Keccak256([]byte("dodona/schnorr-secp256k1-ecrecover/v1"))

// GroupKey returns k's public key as a group of one has it, or [ErrGroupKey] for the one key in 2¹²⁸ that contracts
// cannot verify.
func (k *PrivateKey) GroupKey() (dodona.GroupKey, error) {
	g := dodona.GroupKey(k.public.point.SerializeCompressed())
	return g, CheckGroupKey(g)
}

// CheckGroupKey returns nil for a point whose x is below the group order, else [ErrGroupKey].
func CheckGroupKey(k dodona.GroupKey) error {
	_, err := parseGroupKey(k)
	return err
}

func parseGroupKey(k dodona.GroupKey) (p secp256k1.JacobianPoint, err error) {
	var x secp256k1.ModNScalar
	if x.SetByteSlice(k[1:]) || x.IsZero() {
		return p, ErrGroupKey
	}
	key, err := secp256k1.ParsePubKey(k[:])
	if err != nil {
		return p, ErrGroupKey
	}
	key.AsJacobian(&p)
	return p, nil
}

// SignSchnorr returns R ‖ s of digest by k alone, a group of one. The nonce is RFC 6979's, so that signing again
// changes nothing.
func (k *PrivateKey) SignSchnorr(digest dodona.Digest) (sig dodona.Signature, err error) {
	group, err := k.GroupKey()
	if err != nil {
		return sig, err
	}
	secret := k.Bytes()
	defer clear(secret)
	for iteration := uint32(0); ; iteration++ {
		nonce := secp256k1.NonceRFC6979(secret, digest[:], schnorrTag[:], nil, iteration)
		r := secp256k1.NewPrivateKey(nonce).PubKey()
		e := challenge(group, digest, PublicKey{*r}.Address())
		s := new(secp256k1.ModNScalar).Mul2(&e, &k.scalar.Key).Add(nonce)
		nonce.Zero()
		if e.IsZero() || s.IsZero() {
			continue
		}
		copy(sig[:33], r.SerializeCompressed())
		s.PutBytesUnchecked(sig[33:])
		return sig, nil
	}
}

// challenge returns e.
func challenge(k dodona.GroupKey, digest dodona.Digest, r dodona.Address) (e secp256k1.ModNScalar) {
	x := k.X()
	d := dodona.Keccak256(x[:], []byte{k.Parity()}, digest[:], r[:])
	e.SetByteSlice(d[:]) // reduced
	return e
}

// VerifySchnorr returns nil if sig is R ‖ s of digest by the group k.
func VerifySchnorr(k dodona.GroupKey, digest dodona.Digest, sig dodona.Signature) error {
	r, s, err := OnChain(sig)
	if err != nil {
		return err
	}
	point, err := nonceOf(k, digest, r, s)
	if err != nil {
		return err
	}
	if [33]byte(point.SerializeCompressed()) != [33]byte(sig[:33]) {
		return ErrSchnorr
	}
	return nil
}

// VerifyOnChain returns nil if R_e and s are what a contract accepts of digest by the group k.
func VerifyOnChain(k dodona.GroupKey, digest dodona.Digest, r dodona.Address, s dodona.Digest) error {
	point, err := nonceOf(k, digest, r, s)
	if err != nil {
		return err
	}
	if (PublicKey{*point}).Address() != r {
		return ErrSchnorr
	}
	return nil
}

// OnChain returns R_e and s of R ‖ s. It does not verify.
func OnChain(sig dodona.Signature) (r dodona.Address, s dodona.Digest, err error) {
	key, err := ParsePublicKey(sig[:33])
	if err != nil {
		return r, s, ErrNonce
	}
	return key.Address(), dodona.Digest(sig[33:]), nil
}

// nonceOf returns s·G − e·P, which is R if the signature is good.
func nonceOf(k dodona.GroupKey, digest dodona.Digest, r dodona.Address, s dodona.Digest) (*secp256k1.PublicKey, error) {
	p, err := parseGroupKey(k)
	if err != nil {
		return nil, err
	}
	if r.IsZero() {
		return nil, ErrNonce
	}
	var scalar secp256k1.ModNScalar
	if scalar.SetByteSlice(s[:]) || scalar.IsZero() {
		return nil, ErrRange
	}
	e := challenge(k, digest, r)
	if e.IsZero() {
		return nil, ErrSchnorr
	}
	var sG, eP, point secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(&scalar, &sG)
	secp256k1.ScalarMultNonConst(e.Negate(), &p, &eP)
	secp256k1.AddNonConst(&sG, &eP, &point)
	if point.Z.IsZero() {
		return nil, ErrSchnorr
	}
	point.ToAffine()
	return secp256k1.NewPublicKey(&point.X, &point.Y), nil
}
