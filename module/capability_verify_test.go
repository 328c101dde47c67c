package module

import (
	"math/big"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dodona-oracle/dodona/internal/wycheprooftest"
	"github.com/dodona-oracle/dodona/module/abi"
)

// TestGuestVerifiesAsWycheproofSays asks through a guest. Wycheproof calls a high s valid; this ABI does not.
func TestGuestVerifiesAsWycheproofSays(t *testing.T) {
	m := abiModule(t, capable(t, fullHost()))
	order, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	for file, alg := range map[string]int64{
		"wycheproof-ed25519_test.json":                      algEd25519,
		"wycheproof-ecdsa_secp256k1_sha256_p1363_test.json": algSecp256k1,
	} {
		valid, high := 0, 0
		wycheprooftest.Each(t, filepath.Join("..", "spec", "vectors", file), func(c wycheprooftest.Case) {
			want := c.Valid
			if alg == algSecp256k1 && want && new(big.Int).Lsh(new(big.Int).SetBytes(c.Sig[32:]), 1).Cmp(order) > 0 {
				want = false
				high++
			}
			s := newScript(t, "capability")
			keyAt, keyLen := s.put(c.Key)
			sigAt, sigLen := s.put(c.Sig)
			msgAt, msgLen := s.put(c.Msg)
			s.call("verify", alg, keyAt, keyLen, sigAt, sigLen, msgAt, msgLen)
			got, _ := s.run(m, s.event())
			if (got[0] == 1) != want || (got[0] == -abi.EINVAL) != (len(c.Sig) != 64) {
				t.Errorf("%s %s: got %d, want valid: %v", file, c.Name, got[0], want)
			}
			if want {
				valid++
			}
		})
		if valid < 50 || (high == 0) != (alg == algEd25519) {
			t.Errorf("%s: %d are valid, and %d have a high s", file, valid, high)
		}
	}
}

func TestVerifyRefusesWhatIsNoKey(t *testing.T) {
	m := abiModule(t, capable(t, fullHost()))
	s := newScript(t, "capability")
	zeros, _ := s.put(make([]byte, 100))
	hybrid, _ := s.put(append([]byte{6}, make([]byte, 64)...))
	for _, c := range [][4]int64{
		{algEd25519, zeros, 31, 64},
		{algEd25519, zeros, 33, 64},
		{algEd25519, zeros, 32, 63},
		{algSecp256k1, zeros, 33, 64},
		{algSecp256k1, zeros, 65, 64},
		{algSecp256k1, hybrid, 65, 64},
		{algSecp256k1, zeros, 0, 64},
		{2, zeros, 32, 64},
		{-1, zeros, 32, 64},
	} {
		s.call("verify", c[0], c[1], c[2], zeros, c[3], 0, 0)
	}
	got, _ := s.run(m, s.event())
	want := make([]int64, len(got))
	for i := range want {
		want[i] = -abi.EINVAL
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}
