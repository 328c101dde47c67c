package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sign"
)

// TestAStoreThatLostItsEndIsNotSignedOn: a lone node whose stream of proofs is as it was one claim ago, because a disk lied at a power cut.
// What it signed then is not signed with another digest, not after one more start either.
func TestAStoreThatLostItsEndIsNotSignedOn(t *testing.T) {
	key, err := sign.ParseKey("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Dir: t.TempDir(), Node: "gw-1"}
	round := dodona.RoundAt(time.Now())
	// start signs in a process of its own.
	start := func(digest byte, round dodona.Round) error {
		j, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		_, signed := sign.New(sign.Options{Key: key, Journal: j, Forgot: j.Forgot}).Sign(t.Context(), dodona.Claim{
			Network: dodona.Digest{9}, Type: "observation", Subject: "boiler", Round: round,
			Digest: dodona.Digest{digest}, Observed: dodona.Digest{digest},
		})
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		return signed
	}
	if err := start(1, round-1000); err != nil {
		t.Fatal(err)
	}
	proof, before := filepath.Join(streamsDir(cfg.Dir), scopeOf(cfg.Network).stream(streamProof)), filepath.Join(t.TempDir(), "proof")
	if err := os.CopyFS(before, os.DirFS(proof)); err != nil {
		t.Fatal(err)
	}
	if err := start(2, round); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(proof), os.CopyFS(proof, os.DirFS(before))); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if err := start(3, round); !errors.Is(err, sign.ErrBefore) {
			t.Errorf("start %d: another digest of a round that was signed: %v, want %v", n, err, sign.ErrBefore)
		}
	}
}
