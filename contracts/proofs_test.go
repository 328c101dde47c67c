package contracts_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/contracts"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/calldata/signed"
	"github.com/dodona-oracle/dodona/internal/racetest"
)

// TestContractsJudgeProofsAsTheVectorsSay runs spec/vectors/proofs.json against anchors' contracts: every path of every tree,
// and the evidence whose verdict is about a path.
func TestContractsJudgeProofsAsTheVectorsSay(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	raw, err := os.ReadFile("../spec/vectors/proofs.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Trees []struct {
			Leaves []dodona.Leaf     `json:"leaves"`
			Root   dodona.Digest     `json:"root"`
			Paths  [][]dodona.Digest `json:"paths"`
		} `json:"trees"`
		Evidence []struct{ Name, Raw, Reason string } `json:"evidence"`
	}
	if err := json.Unmarshal(raw, &vectors); err != nil || len(vectors.Trees) == 0 {
		t.Fatalf("%d trees, %v", len(vectors.Trees), err)
	}
	for name, s := range speakers() {
		m := newMachine(t, osaka(), blockTime)
		anchors := m.deploy(t, s.anchorContract(), s.args(calldata.PeriodSubject(uint64(gasPeriod))))
		last := (now/gasPeriod - dodona.Round(len(vectors.Trees))) * gasPeriod
		for n, tree := range vectors.Trees {
			to := last + dodona.Round(n)*gasPeriod
			m.mustSend(t, anchors, s.post(dodona.Anchor{Root: tree.Root, From: to - gasPeriod, To: to, Count: uint64(len(tree.Leaves))}))
			for i, leaf := range tree.Leaves {
				for at, path := range tree.Paths {
					want := uintWord(0)
					if at == i {
						want = uintWord(1)
					}
					ret, err := m.call(anchors, calldata.VerifyLeaf(to, dodona.Proof{Leaf: leaf, Path: path}))
					if err != nil || !bytes.Equal(ret, want) {
						t.Fatalf("%s: tree %d, leaf %d, path %d: %x, %v", name, n, i, at, ret, err)
					}
				}
			}
		}
	}
	judged := 0
	for _, v := range vectors.Evidence {
		if v.Reason != "valid" && v.Reason != "path" {
			continue
		}
		var e dodona.Evidence
		if err := json.Unmarshal([]byte(v.Raw), &e); err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		a := e.Anchored.Anchor
		period := uint64(a.To - a.From)
		post, err := signed.Post(e.Anchored, period)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		m := newMachine(t, osaka(), uint64(a.To)/1000)
		anchors := m.deploy(t, contracts.AnchorECDSA, calldata.NewECDSA(e.Anchored.Network.ID(), calldata.PeriodSubject(period), e.Anchored.Quorum))
		m.mustSend(t, anchors, post)
		want := uintWord(0)
		if v.Reason == "valid" {
			want = uintWord(1)
		}
		// A contract has no bound of its own on the length of a path, and no other verdict than no for one that is too long.
		ret, err := m.call(anchors, calldata.VerifyLeaf(a.To, e.Proof))
		if err != nil || !bytes.Equal(ret, want) {
			t.Errorf("%s: %x, %v, want %s", v.Name, ret, err, strings.TrimSpace(v.Reason))
		}
		judged++
	}
	if judged < 8 {
		t.Errorf("%d pieces of evidence were judged", judged)
	}
}
