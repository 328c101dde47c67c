// Package wycheprooftest reads C2SP's test vectors of signatures.
package wycheprooftest

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
)

// A Case is a signature that is valid or not.
type Case struct {
	Name          string
	Key, Msg, Sig []byte
	Valid         bool
}

// Each calls test for every case of a file, and returns how many are valid.
func Each(t *testing.T, file string, test func(Case)) (valid int) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		NumberOfTests int
		TestGroups    []struct {
			PublicKey struct {
				PK           string // of Ed25519
				Uncompressed string // of ECDSA
			}
			Tests []struct {
				TCID                      int
				Comment, Msg, Sig, Result string
			}
		}
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	ran := 0
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
			test(Case{fmt.Sprintf("case %d (%s)", c.TCID, c.Comment), key, msg, sig, c.Result == "valid"})
			if ran++; c.Result == "valid" {
				valid++
			}
		}
	}
	if ran != set.NumberOfTests || ran < 150 {
		t.Fatalf("%s: ran %d of %d cases", file, ran, set.NumberOfTests)
	}
	return valid
}
