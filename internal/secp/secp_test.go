package secp

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/ethereum/go-ethereum/crypto"
	"pgregory.net/rapid"

	"github.com/dodona-oracle/dodona"
)

// order is the order n of the group.
var order, _ = new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)

func newKey(t testing.TB) *PrivateKey {
	t.Helper()
	k, err := Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var anyKey = rapid.Custom(func(t *rapid.T) *PrivateKey {
	b := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")
	b[0] &= 0x7f
	b[31] |= 1
	k, err := ParsePrivateKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
})

var anyDigest = rapid.Custom(func(t *rapid.T) (d dodona.Digest) {
	copy(d[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest"))
	return d
})

// TestSignaturesAreEthereums compares address, signature and recovery with go-ethereum.
func TestSignaturesAreEthereums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, digest := anyKey.Draw(t, "key"), anyDigest.Draw(t, "digest")
		theirs, err := crypto.ToECDSA(k.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if want := crypto.PubkeyToAddress(theirs.PublicKey); k.Address() != dodona.Address(want) {
			t.Fatalf("address: got %s, want %s", k.Address(), want)
		}
		want, err := crypto.Sign(digest[:], theirs)
		if err != nil {
			t.Fatal(err)
		}
		want[64] += 27
		sig := k.Sign(digest)
		if !bytes.Equal(sig[:], want) {
			t.Fatalf("signature: got %s, want %x", sig, want)
		}
		if got, err := Recover(digest, sig); err != nil || got != k.Address() {
			t.Fatalf("recover: got %s, %v, want %s", got, err, k.Address())
		}
		if !k.PublicKey().Verify(digest, [64]byte(sig[:64])) || !NewKnown(k.PublicKey()).Signed(digest, sig) {
			t.Fatalf("%s does not verify", sig)
		}
	})
}

// variants returns texts that a lenient verifier would take for sig.
func variants(sig dodona.Signature) map[string]dodona.Signature {
	out := map[string]dodona.Signature{}
	put := func(name string, change func(s *dodona.Signature)) {
		s := sig
		change(&s)
		out[name] = s
	}
	for _, v := range []byte{0, 1, 2, 3, 26, 29, 30, 31, 34, 35, 255} {
		put(fmt.Sprintf("v = %d", v), func(s *dodona.Signature) { s[64] = v })
	}
	n := order.FillBytes(make([]byte, 32))
	for at, name := range map[int]string{0: "r", 32: "s"} {
		put(name+" = 0", func(s *dodona.Signature) { clear(s[at : at+32]) })
		put(name+" = n", func(s *dodona.Signature) { copy(s[at:], n) })
		put(name+" = 2^256-1", func(s *dodona.Signature) { copy(s[at:at+32], bytes.Repeat([]byte{255}, 32)) })
		plus := new(big.Int).Add(new(big.Int).SetBytes(sig[at:at+32]), order)
		if plus.BitLen() <= 256 {
			put(name+" + n", func(s *dodona.Signature) { plus.FillBytes(s[at : at+32]) })
		}
	}
	put("high s", func(s *dodona.Signature) {
		new(big.Int).Sub(order, new(big.Int).SetBytes(sig[32:64])).FillBytes(s[32:64])
		s[64] ^= 27 ^ 28
	})
	return out
}

func TestRecoverTakesOneFormOnly(t *testing.T) {
	k := newKey(t)
	digest := dodona.Keccak256([]byte("one form"))
	known := NewKnown(k.PublicKey())
	for name, sig := range variants(k.Sign(digest)) {
		if got, err := Recover(digest, sig); err == nil {
			t.Errorf("%s: recovered %s from %s", name, got, sig)
		}
		if known.Signed(digest, sig) {
			t.Errorf("%s: %s passes the fast way", name, sig)
		}
	}
	half := new(big.Int).Rsh(order, 1)
	sig := dodona.Signature{31: 1, 64: 27}
	half.FillBytes(sig[32:64])
	if _, err := Recover(digest, sig); err != nil {
		t.Errorf("s of half the order is low: %v", err)
	}
	half.Add(half, big.NewInt(1)).FillBytes(sig[32:64])
	if _, err := Recover(digest, sig); !errors.Is(err, ErrHighS) {
		t.Errorf("s of half the order plus one: got %v, want %v", err, ErrHighS)
	}
	if _, err := Recover(digest, dodona.Signature{31: 5, 63: 1, 64: 27}); !errors.Is(err, ErrPoint) { // x = 5 is on no point
		t.Errorf("r of no point: got %v, want %v", err, ErrPoint)
	}
}

// TestRecoverRefusesInfinity builds the signature whose key would be the point at infinity: s·R = z·G.
func TestRecoverRefusesInfinity(t *testing.T) {
	one, err := ParsePrivateKey(new(big.Int).SetInt64(1).FillBytes(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	g := one.PublicKey().Bytes() // R = G, so r = x of G; with s = z the key is r⁻¹(zG − zG)
	sig := dodona.Signature{63: 9, 64: 27}
	copy(sig[:32], g[1:33])
	sig[64] = 27 + g[64]&1
	if got, err := Recover(dodona.Digest{31: 9}, sig); err == nil {
		t.Fatalf("recovered %s from a signature of no key", got)
	}
}

// TestFastWayAgrees compares Recover and Known.Signed on good, foreign and broken signatures.
func TestFastWayAgrees(t *testing.T) {
	k := newKey(t)
	known := NewKnown(k.PublicKey())
	rapid.Check(t, func(t *rapid.T) {
		digest := anyDigest.Draw(t, "digest")
		sig := k.Sign(digest)
		switch rapid.IntRange(0, 4).Draw(t, "change") {
		case 0:
			sig = anyKey.Draw(t, "stranger").Sign(digest)
		case 1:
			sig[rapid.IntRange(0, 64).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		case 2:
			digest[rapid.IntRange(0, 31).Draw(t, "at")] ^= 1
		case 3:
			sig[64] ^= 27 ^ 28
		}
		got, err := Recover(digest, sig)
		if want := err == nil && got == k.Address(); known.Signed(digest, sig) != want {
			t.Fatalf("%s over %s: the fast way says %v, recovery %s, %v", sig, digest, !want, got, err)
		}
	})
	for _, z := range []string{strings.Repeat("00", 32), order.Text(16), strings.Repeat("ff", 32)} {
		b, _ := hex.DecodeString(z)
		if sig := k.Sign(dodona.Digest(b)); !known.Signed(dodona.Digest(b), sig) {
			t.Errorf("digest %s: %s fails the fast way", z, sig)
		}
	}
}

func TestRecovererAgreesAndRemembersMembersOnly(t *testing.T) {
	keys := []*PrivateKey{newKey(t), newKey(t), newKey(t)}
	r := NewRecoverer(keys[0].Address(), keys[1].Address())
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 20 {
				k := keys[(g+i)%3]
				digest := dodona.Keccak256([]byte{byte(g), byte(i)})
				if got, err := r.Recover(digest, k.Sign(digest)); err != nil || got != k.Address() {
					t.Errorf("got %s, %v, want %s", got, err, k.Address())
				}
			}
		})
	}
	wg.Wait()
	if len(r.known) != 2 {
		t.Errorf("remembers %d keys, want those of the 2 members", len(r.known))
	}
	if _, err := r.Recover(dodona.Digest{}, dodona.Signature{}); err == nil {
		t.Error("the zero signature was taken")
	}
	if many := NewRecoverer(make([]dodona.Address, 3)...); len(many.members) != 0 {
		t.Errorf("tries %d keys, at most %d pay", len(many.members), maxKnown)
	}
}

func TestPrivateKeysAreRangeChecked(t *testing.T) {
	for _, text := range []string{
		"", "01", strings.Repeat("00", 32), order.Text(16), strings.Repeat("ff", 32), strings.Repeat("11", 31), strings.Repeat("11", 33),
	} {
		b, _ := hex.DecodeString(text)
		if k, err := ParsePrivateKey(b); !errors.Is(err, ErrKey) {
			t.Errorf("%s: got %v, %v, want ErrKey", text, k, err)
		}
	}
	last := new(big.Int).Sub(order, big.NewInt(1)).FillBytes(make([]byte, 32))
	if k, err := ParsePrivateKey(last); err != nil || !bytes.Equal(k.Bytes(), last) {
		t.Errorf("n − 1: got %v", err)
	}
}

func TestPrivateKeyNeverPrints(t *testing.T) {
	k := newKey(t)
	secret := k.Bytes()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, v := range []any{k, struct{ K *PrivateKey }{k}, []*PrivateKey{k}} {
			got := fmt.Sprintf(verb, v)
			if strings.Contains(strings.ToLower(got), hex.EncodeToString(secret[:8])) || strings.Contains(got, fmt.Sprint(secret[:4])[1:8]) {
				t.Errorf("%s of %T prints the secret: %s", verb, v, got)
			}
		}
	}
}

func TestPublicKeysAreParsedStrictly(t *testing.T) {
	k := newKey(t).PublicKey()
	full := k.Bytes()
	compressed := append([]byte{2 + full[64]&1}, full[1:33]...)
	for _, good := range [][]byte{full, compressed} {
		if got, err := ParsePublicKey(good); err != nil || got.Address() != k.Address() {
			t.Errorf("%x: got %v", good, err)
		}
	}
	hybrid := slices.Clone(full)
	hybrid[0] = 6 + full[64]&1
	off := slices.Clone(full)
	off[64] ^= 1
	for _, bad := range [][]byte{nil, {4}, hybrid, off, full[:64], append(slices.Clone(full), 0), make([]byte, 33), make([]byte, 65)} {
		if _, err := ParsePublicKey(bad); !errors.Is(err, ErrPublicKey) {
			t.Errorf("%x: got %v, want ErrPublicKey", bad, err)
		}
	}
}

// wycheproof is the part of C2SP's files that is needed.
type wycheproof struct {
	NumberOfTests int `json:"numberOfTests"`
	TestGroups    []struct {
		PublicKey struct {
			Uncompressed string `json:"uncompressed"`
		} `json:"publicKey"`
		Tests []struct {
			ID      int    `json:"tcId"`
			Comment string `json:"comment"`
			Msg     string `json:"msg"`
			Sig     string `json:"sig"`
			Result  string `json:"result"`
		} `json:"tests"`
	} `json:"testGroups"`
}

// eachWycheproof calls test for every case of a file; low says whether s is in the lower half.
func eachWycheproof(t *testing.T, file string, test func(name string, key PublicKey, digest dodona.Digest, sig []byte, valid bool)) {
	raw, err := os.ReadFile("../../spec/vectors/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var set wycheproof
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, g := range set.TestGroups {
		b, err := hex.DecodeString(g.PublicKey.Uncompressed)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ParsePublicKey(b)
		if err != nil {
			t.Fatalf("public key %s: %v", g.PublicKey.Uncompressed, err)
		}
		for _, c := range g.Tests {
			msg, err1 := hex.DecodeString(c.Msg)
			sig, err2 := hex.DecodeString(c.Sig)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			test(fmt.Sprintf("case %d (%s)", c.ID, c.Comment), key, sha256.Sum256(msg), sig, c.Result == "valid")
			ran++
		}
	}
	if ran != set.NumberOfTests || ran < 200 {
		t.Fatalf("ran %d of %d cases", ran, set.NumberOfTests)
	}
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
	highs := 0
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
		recovered, fast, known := false, false, NewKnown(key)
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
	accepted := 0
	eachWycheproof(t, "wycheproof-ecdsa_secp256k1_sha256_test.json", func(name string, key PublicKey, digest dodona.Digest, sig []byte, valid bool) {
		got := key.VerifyDER(digest, sig)
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
		if !high || !key.VerifyDER(digest, twin) {
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

func FuzzRecover(f *testing.F) {
	k, _ := ParsePrivateKey(bytes.Repeat([]byte{7}, 32))
	digest := dodona.Keccak256([]byte("seed"))
	sig := k.Sign(digest)
	f.Add(digest[:], sig[:])
	for _, s := range variants(sig) {
		f.Add(digest[:], s[:])
	}
	known := NewKnown(k.PublicKey())
	f.Fuzz(func(t *testing.T, d, s []byte) {
		if len(d) != 32 || len(s) != 65 {
			return
		}
		digest, sig := dodona.Digest(d), dodona.Signature(s)
		a, err := Recover(digest, sig)
		if got := known.Signed(digest, sig); got != (err == nil && a == k.Address()) {
			t.Fatalf("%s over %s: fast %v, recovered %s, %v", sig, digest, got, a, err)
		}
		// go-ethereum is laxer about s; what it refuses must be refused here.
		if err == nil {
			theirs := slices.Clone(s)
			theirs[64] -= 27
			key, err := crypto.SigToPub(d, theirs)
			if err != nil || dodona.Address(crypto.PubkeyToAddress(*key)) != a {
				t.Fatalf("%s over %s: recovered %s, go-ethereum says %v", sig, digest, a, err)
			}
		}
	})
}

func BenchmarkSign(b *testing.B) {
	k := newKey(b)
	b.ReportAllocs()
	for b.Loop() {
		k.Sign(dodona.Digest{1})
	}
}

func BenchmarkRecover(b *testing.B) {
	k := newKey(b)
	sig := k.Sign(dodona.Digest{1})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Recover(dodona.Digest{1}, sig)
	}
}

func BenchmarkRecovererOfKnownKey(b *testing.B) {
	k := newKey(b)
	r := NewRecoverer(k.Address())
	sig := k.Sign(dodona.Digest{1})
	_, _ = r.Recover(dodona.Digest{1}, sig)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = r.Recover(dodona.Digest{1}, sig)
	}
}

func BenchmarkNewKnown(b *testing.B) {
	k := newKey(b)
	b.ReportAllocs()
	for b.Loop() {
		NewKnown(k.PublicKey())
	}
}
