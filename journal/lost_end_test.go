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

// TestAStoreThatLostItsEndIsNotSignedOn: a lone node whose stream of proofs is as it was one claim ago, because a disk lied at a power cut,
// which may have cost the high-water marks too. What it signed then is not signed with another digest, not after one more start either.
func TestAStoreThatLostItsEndIsNotSignedOn(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a folder over and over")
	}
	for name, spoil := range map[string]func(heads string) error{
		"marks sound":   func(string) error { return nil },
		"marks gone":    os.Remove,
		"marks empty":   func(heads string) error { return os.Truncate(heads, 0) },
		"marks zeroed":  func(heads string) error { return os.WriteFile(heads, make([]byte, slots()*slotSize), 0o600) },
		"newest broken": func(heads string) error { return breakNewestMark(heads) },
	} {
		t.Run(name, func(t *testing.T) { lostItsEnd(t, spoil) })
	}
}

// breakNewestMark flips a bit in the newer mark of the stream of proofs: the other one says what is still there.
func breakNewestMark(heads string) error {
	h, err := openHeads(heads, func(string) error { return errors.New("damaged before") })
	if err != nil {
		return err
	}
	h.read(streamProof)
	a, b := slotsOf(streamProof)
	newest := [2]int{b, a}[h.turn[streamProof]]
	if err := h.close(); err != nil {
		return err
	}
	text, err := os.ReadFile(heads)
	if err != nil {
		return err
	}
	text[newest*slotSize+1+7] ^= 1
	return os.WriteFile(heads, text, 0o600)
}

func lostItsEnd(t *testing.T, spoil func(heads string) error) {
	n := loneSigner{t, Config{Dir: t.TempDir(), Node: "gw-1"}}
	round := dodona.RoundAt(time.Now())
	if err := n.live(1, round-1000); err != nil {
		t.Fatal(err)
	}
	proof, before := filepath.Join(streamsDir(n.cfg.Dir), scopeOf(n.cfg.Network).stream(streamProof)), filepath.Join(t.TempDir(), "proof")
	if err := os.CopyFS(before, os.DirFS(proof)); err != nil {
		t.Fatal(err)
	}
	if err := n.live(2, round); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(proof), os.CopyFS(proof, os.DirFS(before))); err != nil {
		t.Fatal(err)
	}
	if err := spoil(headsPath(n.cfg.Dir, scopeOf(n.cfg.Network))); err != nil {
		t.Fatal(err)
	}
	n.signsNoOther(round)
}

// TestAStoreWithAHoleIsNotSignedOn: the newest claim of the key is in a block that is damaged, and the end of the stream is sound.
func TestAStoreWithAHoleIsNotSignedOn(t *testing.T) {
	n := loneSigner{t, Config{Dir: t.TempDir(), Node: "gw-1"}}
	round := dodona.RoundAt(time.Now())
	if err := errors.Join(n.live(1, round-1000), n.live(2, round)); err != nil {
		t.Fatal(err)
	}
	j := open(t, n.cfg)
	err := errors.Join(j.Append(t.Context(), dodona.Record{Topic: dodona.TopicEvent, Key: "x", ID: "1"}), j.Close())
	if err != nil {
		t.Fatal(err)
	}
	net := scopeOf(n.cfg.Network)
	flipPlace(t, filepath.Join(streamsDir(n.cfg.Dir), net.stream(streamProof), "msgs"), net.topic(dodona.TopicClaim)[:len(net.Root())+5], `"digest":"0x02`, 3)
	n.signsNoOther(round)
}

// A loneSigner signs with one key, each time in a process of its own, over a store that nobody else can reach.
type loneSigner struct {
	*testing.T
	cfg Config
}

func (n loneSigner) live(digest byte, round dodona.Round) error {
	n.Helper()
	key, err := sign.ParseKey("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
	if err != nil {
		n.Fatal(err)
	}
	j, err := Open(n.Context(), n.cfg)
	if err != nil {
		n.Fatal(err)
	}
	_, signed := sign.New(sign.Options{Key: key, Journal: j, Forgot: j.Forgot, Now: n.cfg.Now}).Sign(n.Context(), dodona.Claim{
		Network: dodona.Digest{9}, Type: "observation", Subject: "boiler", Round: round,
		Digest: dodona.Digest{digest}, Observed: dodona.Digest{digest},
	})
	if err := j.Close(); err != nil {
		n.Fatal(err)
	}
	return signed
}

func (n loneSigner) signsNoOther(round dodona.Round) {
	n.Helper()
	for life := range 3 {
		if err := n.live(3, round); !errors.Is(err, sign.ErrBefore) {
			n.Errorf("start %d: another digest of a round that was signed: %v, want %v", life, err, sign.ErrBefore)
		}
	}
}
