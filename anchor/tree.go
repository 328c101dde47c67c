package anchor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math/bits"
	"slices"

	"golang.org/x/crypto/sha3"

	"github.com/dodona-oracle/dodona"
)

// A Tree is OpenZeppelin's StandardMerkleTree: leaves hashed twice and sorted ascending, an array of 2n − 1 nodes with
// sorted leaf j at 2n − 2 − j, and node i = keccak256(min ‖ max) of nodes 2i + 1 and 2i + 2.
type Tree struct {
	nodes []dodona.Digest
	order []uint32 // order[j] is the leaf, as given, that is at sorted place j
}

// maxLeaves bounds a tree: what an order of uint32 can name, and more than any window should hold.
const maxLeaves = 1 << 28

// NewTree builds the tree over leaves. No leaves, or the same one twice, is an error.
func NewTree(leaves []dodona.Leaf) (*Tree, error) {
	n := len(leaves)
	if n == 0 {
		return nil, ErrEmpty
	}
	if n > maxLeaves {
		return nil, fmt.Errorf("an anchor over %d leaves: at most %d", n, maxLeaves)
	}
	k := newKeccak()
	digests := make([]dodona.Digest, n)
	for i, l := range leaves {
		digests[i] = k.leaf(l)
	}
	t := &Tree{nodes: make([]dodona.Digest, n-1, 2*n-1), order: sortedOrder(digests)}
	for j, i := range slices.Backward(t.order) {
		if j > 0 && digests[i] == digests[t.order[j-1]] {
			return nil, fmt.Errorf("%w: %+v", ErrDuplicate, leaves[i])
		}
		t.nodes = append(t.nodes, digests[i])
	}
	for i := n - 2; i >= 0; i-- {
		t.nodes[i] = k.node(t.nodes[2*i+1], t.nodes[2*i+2])
	}
	return t, nil
}

// sortedOrder returns the places of digests in ascending order. Hashes are spread evenly, so they are first thrown
// into about as many buckets as there are, which leaves little to compare.
func sortedOrder(digests []dodona.Digest) []uint32 {
	shift := 64 - min(max(bits.Len(uint(len(digests)))-2, 0), 20)
	bucket := func(d *dodona.Digest) uint64 { return binary.BigEndian.Uint64(d[:8]) >> shift }
	ends := make([]uint32, 1<<(64-shift)+1)
	for i := range digests {
		ends[bucket(&digests[i])+1]++
	}
	for i := 1; i < len(ends); i++ {
		ends[i] += ends[i-1]
	}
	order, next := make([]uint32, len(digests)), slices.Clone(ends)
	for i := range digests {
		b := bucket(&digests[i])
		order[next[b]] = uint32(i)
		next[b]++
	}
	for b := 1; b < len(ends); b++ {
		if part := order[ends[b-1]:ends[b]]; len(part) > 1 {
			slices.SortFunc(part, func(a, b uint32) int { return compareDigests(digests[a], digests[b]) })
		}
	}
	return order
}

// ErrDuplicate: the same leaf stands twice, so that one proof would serve for two.
var ErrDuplicate = errors.New("an anchor over the same leaf twice")

// Root returns the root.
func (t *Tree) Root() dodona.Digest { return t.nodes[0] }

// Len returns the number of leaves.
func (t *Tree) Len() int { return len(t.order) }

// Path returns the siblings of the leaf that was given as number i, from the bottom up.
func (t *Tree) Path(i int) []dodona.Digest {
	at := 2*t.Len() - 2 - slices.Index(t.order, uint32(i))
	path := []dodona.Digest{}
	for ; at > 0; at = (at - 1) / 2 {
		path = append(path, t.nodes[sibling(at)])
	}
	return path
}

// sibling returns the other child of the parent of node i, which is not the root.
func sibling(i int) int {
	if i%2 == 1 {
		return i + 1
	}
	return i - 1
}

// A shape is how a tree of n leaves is cut into parts: the subtrees below one level, so that a path needs one part
// and the roots of all.
type shape struct {
	n      int
	bottom int // the level of the deepest leaves; the others are one above
	cut    int // the level of the parts' roots
}

// partLevels is how many levels a part has below its root: at most 4,096 leaves, 388 KiB.
const partLevels = 12

func shapeOf(n int) shape {
	bottom := level(2*n - 2)
	return shape{n, bottom, max(0, bottom-partLevels)}
}

// level returns how far node i is from the root.
func level(i int) int { return bits.Len(uint(i)+1) - 1 }

// parts returns the number of parts.
func (s shape) parts() int { return 1 << s.cut }

// run returns the nodes of part p that lie on a level, from first to end, exclusive.
func (s shape) run(p, level int) (first, end int) {
	width := 1 << (level - s.cut)
	first = (1<<s.cut+p)*width - 1
	return first, first + width
}

// leafRuns yields the nodes of part p that are leaves: those on the level above the deepest, then the deepest.
func (s shape) leafRuns(p int) (runs [2][2]int) {
	for i, level := range [2]int{s.bottom - 1, s.bottom} {
		if level < s.cut {
			continue
		}
		first, end := s.run(p, level)
		first, end = max(first, s.n-1), min(end, 2*s.n-1)
		runs[i] = [2]int{first, max(first, end)}
	}
	return runs
}

// keccak hashes without an allocation a hash.
type keccak struct {
	state interface {
		hash.Hash
		Read([]byte) (int, error)
	}
	in  [5 * 32]byte
	out dodona.Digest
}

func newKeccak() *keccak {
	return &keccak{state: sha3.NewLegacyKeccak256().(interface {
		hash.Hash
		Read([]byte) (int, error)
	})}
}

func (k *keccak) sum(n int) dodona.Digest {
	k.state.Reset()
	_, _ = k.state.Write(k.in[:n]) // a hash never fails
	_, _ = k.state.Read(k.out[:])
	return k.out
}

// leaf returns l.Digest().
func (k *keccak) leaf(l dodona.Leaf) dodona.Digest {
	clear(k.in[:])
	k.in[31] = byte(l.Kind)
	copy(k.in[32:], l.Feed[:])
	binary.BigEndian.PutUint64(k.in[64+24:], uint64(l.Round))
	value := l.Value.Word()
	copy(k.in[96:], value[:])
	copy(k.in[128:], l.Observed[:])
	once := k.sum(5 * 32)
	copy(k.in[:], once[:])
	return k.sum(32)
}

// node returns keccak256(min ‖ max).
func (k *keccak) node(a, b dodona.Digest) dodona.Digest {
	if compareDigests(a, b) > 0 {
		a, b = b, a
	}
	copy(k.in[:], a[:])
	copy(k.in[32:], b[:])
	return k.sum(64)
}
