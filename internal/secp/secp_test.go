package secp

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
	"pgregory.net/rapid"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/racetest"
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
	racetest.Spare(t)
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
		if !k.PublicKey().Verify(digest, [64]byte(sig[:64])) {
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
	racetest.Spare(t)
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
	for range 5 { // other tables
		other := newKey(t)
		if sig := other.Sign(dodona.Digest{}); !NewKnown(other.PublicKey()).Signed(dodona.Digest{}, sig) {
			t.Errorf("key of %s: %s fails the fast way", other.Address(), sig)
		}
	}
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
