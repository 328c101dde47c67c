//go:build integration

package anchor_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
)

// TestTreesAreOpenZeppelins builds random trees of many sizes with @openzeppelin/merkle-tree 1.0.8 and compares every
// root and every path, and lets it verify ours.
func TestTreesAreOpenZeppelins(t *testing.T) {
	if out, err := exec.CommandContext(t.Context(), "../scripts/merkle.sh").CombinedOutput(); err != nil {
		t.Fatalf("install: %v\n%s", err, out)
	}
	const seed = 20261126
	random := rand.New(rand.NewPCG(seed, 2))
	sizes := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 255, 257}
	for range 12 {
		sizes = append(sizes, 1+random.IntN(200))
	}
	var in bytes.Buffer
	lines := json.NewEncoder(&in)
	want := 0
	for i, n := range sizes {
		leaves := leavesOf(n, seed+uint64(i))
		tree, err := anchor.NewTree(leaves)
		if err != nil {
			t.Fatal(err)
		}
		doc := struct {
			Leaves [][]any           `json:"leaves"`
			Root   dodona.Digest     `json:"root"`
			Paths  [][]dodona.Digest `json:"paths"`
		}{Root: tree.Root()}
		for at, l := range leaves {
			doc.Leaves = append(doc.Leaves, []any{l.Kind, l.Feed, l.Round.ID(), l.Value, l.Observed})
			doc.Paths = append(doc.Paths, tree.Path(at))
			want++
		}
		if err := lines.Encode(doc); err != nil {
			t.Fatal(err)
		}
	}
	check := exec.CommandContext(t.Context(), "node", "testdata/openzeppelin/check.mjs")
	check.Stdin = &in
	var problems bytes.Buffer
	check.Stderr = &problems
	out, err := check.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, problems.Bytes())
	}
	var did struct{ Trees, Paths int }
	results := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	for _, line := range results[:len(results)-1] {
		t.Errorf("seed %d: %s", seed, line)
	}
	if err := json.Unmarshal(results[len(results)-1], &did); err != nil || did.Trees != len(sizes) || did.Paths != want {
		t.Fatalf("compared %+v, want %d trees and %d paths: %v", did, len(sizes), want, err)
	}
	t.Logf("%d trees, %d paths", did.Trees, did.Paths)
}
