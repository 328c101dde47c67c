package secp

import (
	"crypto/sha256"
	"math/big"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/internal/wycheprooftest"
)

// eachWycheproof calls test for every case of a file.
func eachWycheproof(t *testing.T, file string, test func(name string, key PublicKey, digest dodona.Digest, sig []byte, valid bool)) {
	t.Helper()
	wycheprooftest.Each(t, "../../spec/vectors/"+file, func(c wycheprooftest.Case) {
		key, err := ParsePublicKey(c.Key)
		if err != nil {
			t.Fatalf("public key %x: %v", c.Key, err)
		}
		test(c.Name, key, sha256.Sum256(c.Msg), c.Sig, c.Valid)
	})
}

// lowered returns r‖s with s in the lower half, and whether it was there already.
func lowered(rs [64]byte) ([64]byte, bool) {
	s := new(big.Int).SetBytes(rs[32:])
	if s.Cmp(new(big.Int).Rsh(order, 1)) <= 0 {
		return rs, true
	}
	if s.Cmp(order) < 0 {
		s.Sub(order, s).FillBytes(rs[32:])
	}
	return rs, false
}

// TestWycheproofP1363 runs r‖s through verification, the fast way and recovery. The set calls a high s valid; here
// only its low twin is.
func TestWycheproofP1363(t *testing.T) {
	racetest.Spare(t)
	highs := 0
	var known *Known
	eachWycheproof(t, "wycheproof-ecdsa_secp256k1_sha256_p1363_test.json", func(name string, key PublicKey, digest dodona.Digest, sig []byte, valid bool) {
		if len(sig) != 64 {
			if valid {
				t.Errorf("%s: a valid signature of %d bytes", name, len(sig))
			}
			return
		}
		rs, low := lowered([64]byte(sig))
		if !low {
			highs++
			if key.Verify(digest, [64]byte(sig)) {
				t.Errorf("%s: a high s passes", name)
			}
		}
		if key.Verify(digest, rs) != valid {
			t.Errorf("%s: verify says %v", name, !valid)
		}
		recovered, fast := false, false
		if known == nil || known.address != key.Address() {
			known = NewKnown(key)
		}
		for _, v := range []byte{27, 28} {
			full := dodona.Signature(append(rs[:], v))
			a, err := Recover(digest, full)
			recovered = recovered || (err == nil && a == key.Address())
			fast = fast || known.Signed(digest, full)
		}
		if recovered != fast {
			t.Errorf("%s: recovery says %v, the fast way %v", name, recovered, fast)
		}
		// Where x of R is not below the group order, v would have to be 29 or 30, which EVMs do not know either.
		if recovered != valid && !overflows(key, digest, rs) {
			t.Errorf("%s: recovery says %v, want %v", name, recovered, valid)
		}
	})
	if highs < 20 {
		t.Errorf("only %d cases had a high s", highs)
	}
}

// overflows reports whether r‖s is a signature by key whose R has an x not below the group order.
func overflows(key PublicKey, digest dodona.Digest, rs [64]byte) bool {
	for _, v := range []byte{29, 30} {
		k, _, err := ecdsa.RecoverCompact(append([]byte{v}, rs[:]...), digest[:])
		if err == nil && k.IsEqual(&key.point) {
			return true
		}
	}
	return false
}

// TestWycheproofDER runs the DER set: every broken encoding must be refused.
func TestWycheproofDER(t *testing.T) {
	racetest.Spare(t)
	accepted := 0
	eachWycheproof(t, "wycheproof-ecdsa_secp256k1_sha256_test.json", func(name string, key PublicKey, digest dodona.Digest, sig []byte, valid bool) {
		got := verifyDER(key, digest, sig)
		if got {
			accepted++
		}
		if got == valid {
			return
		}
		if !valid {
			t.Errorf("%s: %x passes", name, sig)
			return
		}
		// A valid signature may be refused only for its high s.
		twin, high := lowDER(t, sig)
		if !high || !verifyDER(key, digest, twin) {
			t.Errorf("%s: %x is refused", name, sig)
		}
	})
	if accepted < 50 {
		t.Errorf("only %d cases were accepted", accepted)
	}
}

// lowDER returns the signature with s in the lower half, and whether it was in the upper one.
func lowDER(t *testing.T, der []byte) ([]byte, bool) {
	rLen := int(der[3])
	r, s := new(big.Int).SetBytes(der[4:4+rLen]), new(big.Int).SetBytes(der[6+rLen:])
	high := s.Cmp(new(big.Int).Rsh(order, 1)) > 0
	if high {
		s.Sub(order, s)
	}
	integer := func(v *big.Int) []byte {
		b := v.Bytes()
		if len(b) == 0 || b[0] >= 0x80 {
			b = append([]byte{0}, b...)
		}
		return append([]byte{2, byte(len(b))}, b...)
	}
	body := append(integer(r), integer(s)...)
	return append([]byte{0x30, byte(len(body))}, body...), high
}

// verifyDER is Verify for a signature in DER.
func verifyDER(k PublicKey, digest dodona.Digest, der []byte) bool {
	sig, err := ecdsa.ParseDERSignature(der)
	if err != nil {
		return false
	}
	var rs [64]byte
	r, s := sig.R(), sig.S()
	r.PutBytesUnchecked(rs[:32])
	s.PutBytesUnchecked(rs[32:])
	return k.Verify(digest, rs)
}
