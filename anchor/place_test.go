package anchor

import (
	"math/big"
	"testing"

	"github.com/dodona-oracle/dodona"
)

func TestLeavesAreReadBackWhateverTheirValue(t *testing.T) {
	bound := new(big.Int).Lsh(big.NewInt(1), 191)
	for _, v := range []*big.Int{
		big.NewInt(0), big.NewInt(1), big.NewInt(-1), big.NewInt(-1 << 62),
		new(big.Int).Neg(bound), new(big.Int).Sub(bound, big.NewInt(1)), // the least and the greatest
	} {
		value, err := dodona.Int192FromBig(v)
		if err != nil {
			t.Fatal(err)
		}
		l := dodona.Leaf{
			Kind: dodona.LeafLate, Feed: dodona.FeedID{31: 7}, Round: 1795349070000, Value: value,
			Observed: dodona.Keccak256([]byte("observed")),
		}
		b := appendLeaf(nil, l)
		if got := readLeaf(b); len(b) != leafBytes || got != l {
			t.Errorf("%d bytes are read as %+v, want %+v", len(b), got, l)
		}
	}
}

func TestNamesOfPlansAndPartsAreReadAsTheyAreWritten(t *testing.T) {
	for id, want := range map[string]bool{
		"1795349070000-0": true, "1795349070000-2-3": true,
		"": false, "1795349070000": false, "1-2-3-4": false, "1-": false, "1-x": false, "1--2": false,
	} {
		p, ok := placeOf(id)
		if ok != want {
			t.Errorf("%q is read as %+v, %t, want %t", id, p, ok, want)
		}
		if written := p.planID(); ok && id != written && id != p.partID() {
			t.Errorf("%q is read as %+v, which is written %q or %q", id, p, written, p.partID())
		}
	}
}

// TestTheCutOfATreeStays: the parts of anchors that are on record were cut so, and are read so.
func TestTheCutOfATreeStays(t *testing.T) {
	for n, want := range map[int]int{1: 1, 2: 1, 4095: 1, 4096: 1, 4097: 2, 8192: 2, 8193: 4, 1 << 28: 1 << 16} {
		if got := shapeOf(n).parts(); got != want {
			t.Errorf("%d leaves are in %d parts, want %d", n, got, want)
		}
	}
}
