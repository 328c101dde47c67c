package verify

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// proofVectors is spec/vectors/proofs.json.
type proofVectors struct {
	About    []string         `json:"about"`
	Leaves   []leafVector     `json:"leaves"`
	Trees    []treeVector     `json:"trees"`
	Refused  []refusedVector  `json:"refused"`
	Evidence []evidenceVector `json:"evidence"`
}

// anchorVectors is spec/vectors/anchors.json.
type anchorVectors struct {
	About    []string         `json:"about"`
	Anchors  []anchorVector   `json:"anchors"`
	Evidence []evidenceVector `json:"evidence"`
	Chain    []evidenceVector `json:"chain"`
}

// rotationVectors is spec/vectors/rotations.json.
type rotationVectors struct {
	About     []string         `json:"about"`
	Rotations []rotationVector `json:"rotations"`
	Evidence  []evidenceVector `json:"evidence"`
}

type (
	leafVector struct {
		Leaf   dodona.Leaf   `json:"leaf"`
		Digest dodona.Digest `json:"digest"`
	}
	treeVector struct {
		Leaves []dodona.Leaf     `json:"leaves"`
		Root   dodona.Digest     `json:"root"`
		Paths  [][]dodona.Digest `json:"paths"` // of each leaf, from the bottom up
	}
	refusedVector struct {
		Name  string          `json:"name"`
		Leaf  dodona.Digest   `json:"leaf"` // as its digest
		Path  []dodona.Digest `json:"path"`
		Root  dodona.Digest   `json:"root"`
		About string          `json:"about"`
	}
	anchorVector struct {
		Network   dodona.Digest    `json:"network"`
		Anchor    dodona.Anchor    `json:"anchor"`
		Digest    dodona.Digest    `json:"digest"`
		Slot      dodona.Digest    `json:"slot"` // of DodonaAnchor
		Signer    dodona.Address   `json:"signer"`
		Signature dodona.Signature `json:"signature"`
	}
	rotationVector struct {
		Network  dodona.Digest    `json:"network"`
		Rotation dodona.Rotation  `json:"rotation"`
		Quorum   dodona.Digest    `json:"quorum"`  // digest of next
		Members  dodona.Digest    `json:"members"` // digest of the members of next
		Digest   dodona.Digest    `json:"digest"`
		Signers  []dodona.Address `json:"signers"`
	}
	evidenceVector struct {
		Name      string           `json:"name"`
		Raw       string           `json:"raw"`
		NetworkID *dodona.Digest   `json:"expectNetworkId,omitempty"`
		Members   []dodona.Address `json:"expectMembers,omitempty"`
		Root      *dodona.Digest   `json:"expectRoot,omitempty"`
		Slot      *dodona.Digest   `json:"expectSlot,omitempty"`
		Reason    Reason           `json:"reason"`
	}
)

func vectorOf(t *testing.T, name string, e dodona.Evidence, want Expect, reason Reason) evidenceVector {
	return evidenceVector{name, string(encodeEvidence(t, e)), want.NetworkID, want.Members, want.Root, want.Slot, reason}
}

// liesAbout returns the lies whose names begin with one of the words.
func liesAbout(t *testing.T, words ...string) (list []evidenceVector) {
	all := evidenceLies()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		about, _, _ := strings.Cut(name, ":")
		if slices.Contains(words, about) {
			list = append(list, vectorOf(t, name, all[name].evidence, all[name].want, all[name].reason))
		}
	}
	return list
}

func buildProofs(t *testing.T) proofVectors {
	v := proofVectors{About: []string{
		"The vectors of spec/proof.md, trees and paths. The private keys behind them are those of report.json.",
		"trees: the root of leaves, and the path of each of them. refused: the path of a leaf's digest must not lead to root.",
		"evidence: verify raw, expecting what expectNetworkId and expectMembers say, and compare the reason.",
	}}
	lowest, err := dodona.ParseInt192("-3138550867693340381917894711603833208051177722232017256448")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []dodona.Leaf{
		{Kind: dodona.LeafAttestation, Feed: btc.ID(), Round: round, Value: dodona.NewInt192(4321855000000), Observed: dodona.Keccak256([]byte("observed"))},
		{Kind: dodona.LeafGap, Feed: btc.ID(), Round: round, Value: dodona.NewInt192(int64(round) + 20_000), Observed: dodona.Keccak256([]byte("need 2, only 1 answered"))},
		{Kind: dodona.LeafLate, Feed: btc.ID(), Round: 1<<64 - 1, Value: lowest, Observed: dodona.Digest{}},
		{},
	} {
		v.Leaves = append(v.Leaves, leafVector{l, l.Digest()})
	}
	for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 9, 13, 60} {
		leaves := neighbours(n)
		tree, err := anchor.NewTree(leaves)
		if err != nil {
			t.Fatal(err)
		}
		tv := treeVector{Leaves: leaves, Root: tree.Root()}
		for i := range leaves {
			tv.Paths = append(tv.Paths, tree.Path(i))
		}
		v.Trees = append(v.Trees, tv)
	}
	v.Refused = refusedPaths(v.Trees[len(v.Trees)-1])
	late, gap := lateEvidence(), gapOf(round+20_000, "need 2, only 1 answered")
	v.Evidence = append([]evidenceVector{
		vectorOf(t, "valid: one leaf", evidenceOf(1, 1, 1), Expect{}, Valid),
		vectorOf(t, "valid: three of four, 60 leaves", evidenceOf(3, 4, 60), Expect{}, Valid),
		vectorOf(t, "valid: late", late, Expect{}, Valid),
		vectorOf(t, "valid: a gap", gap, Expect{}, Valid),
	}, liesAbout(t, "leaf", "path", "gap", "answer", "neither answer nor gap", "answer and gap")...)
	broken := malformedEvidence(string(encodeEvidence(t, rotatedEvidence())))
	for _, name := range slices.Sorted(maps.Keys(broken)) {
		v.Evidence = append(v.Evidence, evidenceVector{Name: "form: " + name, Raw: broken[name], Reason: Malformed})
	}
	return v
}

// refusedPaths are paths that a verifier might take by mistake.
func refusedPaths(tree treeVector) []refusedVector {
	leaf, path := tree.Leaves[0].Digest(), tree.Paths[0]
	inner := dodona.Keccak256(sorted(leaf, path[0])...)
	flipped := slices.Clone(path)
	flipped[1][0] ^= 1
	return []refusedVector{
		{"an inner node as a leaf, hashed as a leaf is", dodona.Keccak256(inner[:]), path[1:], tree.Root, "leaves are hashed twice, nodes once"},
		{"the path of another leaf", leaf, tree.Paths[1], tree.Root, ""},
		{"a step too few", leaf, path[:len(path)-1], tree.Root, ""},
		{"a step too many", leaf, append(slices.Clone(path), tree.Root), tree.Root, ""},
		{"one bit", leaf, flipped, tree.Root, ""},
		{"no path at all", leaf, []dodona.Digest{}, tree.Root, ""},
	}
}

func sorted(a, b dodona.Digest) [][]byte {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return [][]byte{a[:], b[:]}
}

func buildAnchors(t *testing.T) anchorVectors {
	v := anchorVectors{About: []string{
		"The vectors of spec/proof.md, anchors. chain: as evidence, expecting also the root or the slot that a chain has.",
	}}
	key := keys(1)[0]
	for i, n := range []int{1, 60, 1000} {
		e := evidenceOf(1, 1, n)
		a := e.Anchored.Anchor
		if i == 0 {
			a.Previous = dodona.Digest{}
		}
		id := e.Anchored.Network.ID()
		v.Anchors = append(v.Anchors, anchorVector{id, a, a.Digest(id), SlotOf(a), key.Address(), key.Sign(a.Digest(id))})
	}
	v.Evidence = liesAbout(t, "anchor")
	whole := evidenceOf(1, 1, 60)
	root, slot := whole.Anchored.Anchor.Root, SlotOf(whole.Anchored.Anchor)
	v.Chain = append([]evidenceVector{
		vectorOf(t, "valid: the chain's root", whole, Expect{Root: &root}, Valid),
		vectorOf(t, "valid: the chain's slot", whole, Expect{Slot: &slot}, Valid),
	}, liesAbout(t, "chain")...)
	return v
}

func buildRotations(t *testing.T) rotationVectors {
	v := rotationVectors{About: []string{
		"The vectors of spec/proof.md, rotations. evidence carries the history of a network that has rotated twice.",
	}}
	e := rotatedEvidence()
	id := e.Anchored.Network.ID()
	for _, r := range e.History.Rotations {
		rv := rotationVector{Network: id, Rotation: r, Quorum: r.Next.Digest(), Members: r.Next.MembersDigest(), Digest: r.Digest(id)}
		for _, s := range r.Signatures {
			signer, err := secp.Recover(rv.Digest, s)
			if err != nil {
				t.Fatal(err)
			}
			rv.Signers = append(rv.Signers, signer)
		}
		v.Rotations = append(v.Rotations, rv)
	}
	v.Evidence = append([]evidenceVector{vectorOf(t, "valid: two rotations", e, Expect{}, Valid)}, liesAbout(t, "history")...)
	return v
}

// TestVectorsOfProofs holds the files to this implementation, and this implementation to the files.
func TestVectorsOfProofs(t *testing.T) {
	var p proofVectors
	held(t, "proofs.json", buildProofs(t), &p)
	for _, l := range p.Leaves {
		if got := l.Leaf.Digest(); got != l.Digest {
			t.Errorf("leaf %+v: got %s, want %s", l.Leaf, got, l.Digest)
		}
	}
	for _, tree := range p.Trees {
		for i, l := range tree.Leaves {
			if got := (dodona.Proof{Leaf: l, Path: tree.Paths[i]}).Root(); got != tree.Root {
				t.Errorf("leaf %d of %d: got %s, want %s", i, len(tree.Leaves), got, tree.Root)
			}
		}
	}
	for _, r := range p.Refused {
		at := r.Leaf
		for _, step := range r.Path {
			at = dodona.Keccak256(sorted(at, step)...)
		}
		if at == r.Root {
			t.Errorf("%s: the path leads to the root", r.Name)
		}
	}
	judge(t, p.Evidence)

	var a anchorVectors
	held(t, "anchors.json", buildAnchors(t), &a)
	for i, c := range a.Anchors {
		signer, err := secp.Recover(c.Anchor.Digest(c.Network), c.Signature)
		if c.Anchor.Digest(c.Network) != c.Digest || SlotOf(c.Anchor) != c.Slot || err != nil || signer != c.Signer {
			t.Errorf("anchor %d: digest %s, slot %s, signer %s, %v", i, c.Anchor.Digest(c.Network), SlotOf(c.Anchor), signer, err)
		}
	}
	judge(t, a.Evidence)
	judge(t, a.Chain)

	var r rotationVectors
	held(t, "rotations.json", buildRotations(t), &r)
	for i, c := range r.Rotations {
		if c.Rotation.Digest(c.Network) != c.Digest || c.Rotation.Next.Digest() != c.Quorum || c.Rotation.Next.MembersDigest() != c.Members {
			t.Errorf("rotation %d has other digests", i)
		}
	}
	judge(t, r.Evidence)
}

func judge(t *testing.T, list []evidenceVector) {
	t.Helper()
	if len(list) == 0 {
		t.Error("no vectors")
	}
	for _, c := range list {
		want := Expect{NetworkID: c.NetworkID, Members: c.Members, Root: c.Root, Slot: c.Slot}
		if v := Document([]byte(c.Raw), want); v.Reason != c.Reason {
			t.Errorf("%s: got %s, want %s", c.Name, v, c.Reason)
		}
	}
}

// held writes or compares a file of spec/vectors, and reads it back.
func held(t *testing.T, name string, built, back any) {
	t.Helper()
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(built); err != nil {
		t.Fatal(err)
	}
	file := "../spec/vectors/" + name
	if *update {
		if err := os.WriteFile(file, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not what this code computes; if the change is meant, run: go generate ./verify", file)
	}
	if err := json.Unmarshal(got, back); err != nil {
		t.Fatal(err)
	}
}
