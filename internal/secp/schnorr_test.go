package secp

import (
	"bytes"
	"errors"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/vm"
	"pgregory.net/rapid"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/racetest"
)

// contractAccepts is what a contract computes, with go-ethereum's precompile: the oracle of these tests.
func contractAccepts(k dodona.GroupKey, digest dodona.Digest, r dodona.Address, s dodona.Digest) bool {
	x := k.X()
	px, scalar := new(big.Int).SetBytes(x[:]), new(big.Int).SetBytes(s[:])
	if px.Sign() == 0 || px.Cmp(order) >= 0 || scalar.Sign() == 0 || scalar.Cmp(order) >= 0 || r.IsZero() {
		return false
	}
	d := dodona.Keccak256(x[:], []byte{k.Parity()}, digest[:], r[:])
	negated := func(v *big.Int) []byte {
		v = new(big.Int).Mul(v, px)
		return v.Sub(order, v.Mod(v, order)).FillBytes(make([]byte, 32))
	}
	input := bytes.Join([][]byte{
		negated(scalar), big.NewInt(27 + int64(k.Parity())).FillBytes(make([]byte, 32)), x[:], negated(new(big.Int).SetBytes(d[:])),
	}, nil)
	out, err := vm.PrecompiledContractsCancun[common.BytesToAddress([]byte{1})].Run(input)
	return err == nil && len(out) == 32 && dodona.Address(out[12:]) == r
}

func TestSchnorrSignaturesVerifyEverywhere(t *testing.T) {
	racetest.Spare(t)
	rapid.Check(t, func(t *rapid.T) {
		k, digest := anyKey.Draw(t, "key"), anyDigest.Draw(t, "digest")
		group, err := k.GroupKey()
		if err != nil {
			t.Fatal(err)
		}
		sig, err := k.SignSchnorr(digest)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := k.SignSchnorr(digest); again != sig {
			t.Fatalf("signed twice: %s and %s", sig, again)
		}
		if err := VerifySchnorr(group, digest, sig); err != nil {
			t.Fatalf("%s: %v", sig, err)
		}
		r, s, err := OnChain(sig)
		if err != nil || !contractAccepts(group, digest, r, s) {
			t.Fatalf("%s: a contract refuses it; %v", sig, err)
		}
		// One bit anywhere, and neither form holds.
		broken := sig
		broken[rapid.IntRange(0, 64).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if VerifySchnorr(group, digest, broken) == nil {
			t.Fatalf("%s: passes as %s", sig, broken)
		}
		other := digest
		other[rapid.IntRange(0, 31).Draw(t, "of the digest")] ^= 1
		if VerifySchnorr(group, other, sig) == nil || VerifyOnChain(group, other, r, s) == nil {
			t.Fatalf("%s: passes for another digest", sig)
		}
	})
}

// TestSchnorrOnChainAgreesWithThePrecompile compares verdicts on good and mutated proofs.
func TestSchnorrOnChainAgreesWithThePrecompile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, digest := anyKey.Draw(t, "key"), anyDigest.Draw(t, "digest")
		group, _ := k.GroupKey()
		sig, _ := k.SignSchnorr(digest)
		r, s, _ := OnChain(sig)
		flip := func(b []byte) {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		switch rapid.IntRange(0, 9).Draw(t, "change") {
		case 0:
			flip(r[:])
		case 1:
			flip(s[:])
		case 2:
			flip(group[:])
		case 3:
			group[0] ^= 1
		case 4:
			r = dodona.Address{}
		case 5:
			s = dodona.Digest{}
		case 6: // s + Q, where it fits, and −s
			order.FillBytes(s[:])
		case 7:
			new(big.Int).Sub(order, new(big.Int).SetBytes(s[:])).FillBytes(s[:])
		case 8:
			copy(group[1:], bytes.Repeat([]byte{255}, 32))
		}
		ours := VerifyOnChain(group, digest, r, s)
		if CheckGroupKey(group) != nil {
			if ours == nil {
				t.Fatalf("key %s passes", group)
			}
			return
		}
		if theirs := contractAccepts(group, digest, r, s); theirs != (ours == nil) {
			t.Fatalf("key %s, R_e %s, s %s over %s: the contract says %v, we say %v", group, r, s, digest, theirs, ours)
		}
	})
}

func TestGroupKeysAreBelowTheOrderAndOnTheCurve(t *testing.T) {
	var over dodona.GroupKey
	over[0] = 2
	// The least x of a point that is not below the group order.
	for x := new(big.Int).Set(order); ; x.Add(x, big.NewInt(1)) {
		x.FillBytes(over[1:])
		if _, err := ParsePublicKey(over[:]); err == nil {
			break
		}
	}
	for name, k := range map[string]dodona.GroupKey{
		"x not below the order": over, "x = 0": {0: 2}, "x = 5 of no point": {0: 2, 32: 5}, "form 4": {0: 4, 32: 1}, "zero": {},
	} {
		if err := CheckGroupKey(k); !errors.Is(err, ErrGroupKey) {
			t.Errorf("%s: got %v, want %v", name, err, ErrGroupKey)
		}
	}
	if err := CheckGroupKey(dodona.GroupKey{0: 3, 32: 1}); err != nil {
		t.Errorf("x = 1: %v", err)
	}
}

// TestSchnorrNonceIsNotECDSAs: one nonce in both equations gives the key away.
func TestSchnorrNonceIsNotECDSAs(t *testing.T) {
	k := newKey(t)
	for i := range 50 {
		digest := dodona.Keccak256([]byte{byte(i)})
		sig, err := k.SignSchnorr(digest)
		if err != nil {
			t.Fatal(err)
		}
		if e := k.Sign(digest); bytes.Equal(e[:32], sig[1:33]) {
			t.Fatalf("digest %s: R of both schemes has x %x", digest, e[:32])
		}
	}
}

func FuzzVerifySchnorr(f *testing.F) {
	k, _ := ParsePrivateKey(bytes.Repeat([]byte{7}, 32))
	group, _ := k.GroupKey()
	digest := dodona.Keccak256([]byte("seed"))
	sig, _ := k.SignSchnorr(digest)
	f.Add(group[:], digest[:], sig[:])
	f.Fuzz(func(t *testing.T, g, d, s []byte) {
		if len(g) != 33 || len(d) != 32 || len(s) != 65 {
			return
		}
		group, digest, sig := dodona.GroupKey(g), dodona.Digest(d), dodona.Signature(s)
		err := VerifySchnorr(group, digest, sig)
		r, scalar, err2 := OnChain(sig)
		if err2 == nil && (err == nil) != (VerifyOnChain(group, digest, r, scalar) == nil) {
			t.Fatalf("the forms disagree: %v", err)
		}
	})
}

func BenchmarkVerifySchnorr(b *testing.B) {
	k := newKey(b)
	group, _ := k.GroupKey()
	sig, _ := k.SignSchnorr(dodona.Digest{1})
	b.ReportAllocs()
	for b.Loop() {
		_ = VerifySchnorr(group, dodona.Digest{1}, sig)
	}
}
