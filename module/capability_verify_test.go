package module

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dodona-oracle/dodona/module/abi"
)

// wycheproof is the part of C2SP's files that is needed.
type wycheproof struct {
	NumberOfTests int `json:"numberOfTests"`
	TestGroups    []struct {
		PublicKey struct {
			PK           string `json:"pk"`           // of Ed25519
			Uncompressed string `json:"uncompressed"` // of ECDSA
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

// TestGuestVerifiesAsWycheproofSays asks through a guest. Wycheproof calls a high s valid; this ABI does not.
func TestGuestVerifiesAsWycheproofSays(t *testing.T) {
	m := abiModule(t, capable(t, fullHost()))
	order, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	for file, alg := range map[string]int64{
		"wycheproof-ed25519_test.json":                      algEd25519,
		"wycheproof-ecdsa_secp256k1_sha256_p1363_test.json": algSecp256k1,
	} {
		raw, err := os.ReadFile(filepath.Join("..", "spec", "vectors", file))
		if err != nil {
			t.Fatal(err)
		}
		var set wycheproof
		if err := json.Unmarshal(raw, &set); err != nil {
			t.Fatal(err)
		}
		ran, valid, high := 0, 0, 0
		for _, g := range set.TestGroups {
			key, err := hex.DecodeString(g.PublicKey.PK + g.PublicKey.Uncompressed)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range g.Tests {
				msg, err1 := hex.DecodeString(c.Msg)
				sig, err2 := hex.DecodeString(c.Sig)
				if err := errors.Join(err1, err2); err != nil {
					t.Fatal(err)
				}
				want := c.Result == "valid"
				if alg == algSecp256k1 && want && new(big.Int).Lsh(new(big.Int).SetBytes(sig[32:]), 1).Cmp(order) > 0 {
					want = false
					high++
				}
				s := newScript(t, "capability")
				keyAt, keyLen := s.put(key)
				sigAt, sigLen := s.put(sig)
				msgAt, msgLen := s.put(msg)
				s.call("verify", alg, keyAt, keyLen, sigAt, sigLen, msgAt, msgLen)
				got, _ := s.run(m, s.event())
				if (got[0] == 1) != want || (got[0] == -abi.EINVAL) != (len(sig) != 64) {
					t.Errorf("%s %d (%s): got %d, want valid: %v", file, c.ID, c.Comment, got[0], want)
				}
				if want {
					valid++
				}
				ran++
			}
		}
		if ran != set.NumberOfTests || valid < 50 || (high == 0) != (alg == algEd25519) {
			t.Errorf("%s: ran %d of %d, %d of them valid and %d with a high s", file, ran, set.NumberOfTests, valid, high)
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
