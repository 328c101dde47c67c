package anchor_test

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
)

// leavesOf returns n distinct leaves.
func leavesOf(n int, seed uint64) []dodona.Leaf {
	random := rand.New(rand.NewPCG(seed, 1))
	leaves := make([]dodona.Leaf, n)
	for i := range leaves {
		leaves[i] = dodona.Leaf{
			Kind: dodona.LeafKind(1 + random.IntN(3)), Round: dodona.Round(i), Value: dodona.NewInt192(int64(random.Uint64())),
		}
		for j := range leaves[i].Feed {
			leaves[i].Feed[j], leaves[i].Observed[j] = byte(random.Uint32()), byte(random.Uint32())
		}
	}
	return leaves
}

func TestTreeIsTheRoots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := leavesOf(rapid.IntRange(1, 70).Draw(t, "leaves"), rapid.Uint64().Draw(t, "seed"))
		digests := make([]dodona.Digest, len(leaves))
		for i, l := range leaves {
			digests[i] = l.Digest()
		}
		tree, err := anchor.NewTree(leaves)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := tree.Root(), dodona.Root(digests...); got != want {
			t.Fatalf("%d leaves: root %s, want %s", len(leaves), got, want)
		}
		for i, l := range leaves {
			if got := (dodona.Proof{Leaf: l, Path: tree.Path(i)}).Root(); got != tree.Root() {
				t.Fatalf("leaf %d of %d leads to %s, want %s", i, len(leaves), got, tree.Root())
			}
		}
	})
}

func TestEmptyAndDuplicateTreesAreRefused(t *testing.T) {
	if _, err := anchor.NewTree(nil); !errors.Is(err, anchor.ErrEmpty) {
		t.Errorf("no leaves: got %v, want ErrEmpty", err)
	}
	leaves := leavesOf(9, 1)
	leaves[8] = leaves[3]
	if _, err := anchor.NewTree(leaves); !errors.Is(err, anchor.ErrDuplicate) {
		t.Errorf("one leaf twice: got %v, want ErrDuplicate", err)
	}
}

// TestEveryLeafOfManyIsProvedFromOnePart makes trees that are cut into parts at awkward places.
func TestEveryLeafOfManyIsProvedFromOnePart(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for _, n := range []int{1, 2, 3, 59, 4097, 8193, 12000} {
		day := noon.Truncate(24 * time.Hour)
		w := newWorld(24*time.Hour, gridOf("a", 24*time.Hour)) // a grid of one instant, so that there are no gaps
		for i := range n {
			w.attest(noon, "a", dodona.RoundAt(day)+dodona.Round(i*1000))
		}
		w.mustAdvance(t, day.Add(24*time.Hour+2*time.Minute))
		anchors, leaves := w.audit(t)
		if len(anchors) != 1 || int(anchors[0].Anchor.Count) != n {
			t.Fatalf("%d leaves: %d anchors, the first over %d", n, len(anchors), anchors[0].Anchor.Count)
		}
		numbers := map[uint64]bool{}
		for i := 0; i < n; i += max(1, n/20) {
			l := leaves[0][i]
			before := w.ledger.calls
			place, err := anchor.Find(t.Context(), w.ledger, dodona.Attestation{
				Report: dodona.Report{Feed: l.Feed, Round: l.Round, Value: l.Value}, Observed: l.Observed,
			}, noon)
			if err != nil || place.Proof.Root() != anchors[0].Anchor.Root || place.Number != uint64(i+1) || numbers[place.Number] {
				t.Fatalf("leaf %d of %d: number %d, root %s, %v", i, n, place.Number, place.Proof.Root(), err)
			}
			numbers[place.Number] = true
			if looks := w.ledger.calls - before; looks > 3 {
				t.Fatalf("leaf %d of %d took %d looks into the journal, want 3: anchor, plan, one part", i, n, looks)
			}
		}
	}
}

// cpu returns the processor time this process has used: the machine may be busy with other things.
func cpu(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkSeal reports leaves a second of one core, beside what hashing alone allows: a leaf is 160 bytes hashed,
// 32 bytes hashed, and an inner node of 64.
func BenchmarkSeal(b *testing.B) {
	leaves := leavesOf(1_000_000, 7)
	b.Run("leaves=1000000", func(b *testing.B) {
		start := cpu(b)
		for b.Loop() {
			if _, err := anchor.NewTree(leaves); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)*1e6/(cpu(b)-start).Seconds(), "leaves/core-s")
	})
	b.Run("keccak", func(b *testing.B) {
		var leaf [160]byte
		start := cpu(b)
		for b.Loop() {
			d := anchor.KeccakLimit(leaf[:], 1_000_000)
			copy(leaf[:], d[:])
		}
		b.ReportMetric(float64(b.N)*1e6/(cpu(b)-start).Seconds(), "leaves/core-s")
	})
}
