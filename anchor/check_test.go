package anchor_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
)

// TestSignersRefuseWhatDoesNotTile proposes windows that are wrong in one way each, with the right root.
func TestSignersRefuseWhatDoesNotTile(t *testing.T) {
	a, b := feed("a"), feed("b")
	att := func(f dodona.Feed, s int) dodona.Leaf {
		return answerOf(f, at(time.Duration(s)*time.Second), 7).Attestation.Leaf()
	}
	gap := func(f dodona.Feed, first, last int) dodona.Leaf {
		return dodona.Leaf{
			Kind: dodona.LeafGap, Feed: f.ID(), Round: at(time.Duration(first) * time.Second),
			Value: dodona.NewInt192(int64(at(time.Duration(last) * time.Second))), Observed: dodona.Keccak256([]byte("off")),
		}
	}
	late := func(f dodona.Feed, s int) dodona.Leaf {
		l := att(f, s)
		l.Kind = dodona.LeafLate
		return l
	}
	good := []dodona.Leaf{att(a, 0), gap(a, 10, 30), att(a, 40), att(a, 50), gap(b, 0, 40), late(b, -20)}
	without := func(i int) []dodona.Leaf { return slices.Delete(slices.Clone(good), i, i+1) }
	with := func(l ...dodona.Leaf) []dodona.Leaf { return append(slices.Clone(good), l...) }
	instead := func(i int, l ...dodona.Leaf) []dodona.Leaf { return append(without(i), l...) }
	rules := anchor.Rules{Every: time.Minute, Grids: []anchor.Grid{gridOf("a", 10*time.Second), gridOf("b", 20*time.Second)}}
	propose := func(leaves []dodona.Leaf) dodona.Anchor {
		p := dodona.Anchor{From: at(0), To: at(time.Minute), Count: uint64(len(leaves))}
		if tree, err := anchor.NewTree(leaves); err == nil {
			p.Root = tree.Root()
		}
		return p
	}
	for name, c := range map[string]struct {
		leaves []dodona.Leaf
		want   string // empty: it may be signed
	}{
		"all is said":                    {good, ""},
		"nothing":                        {nil, "over nothing"},
		"a leaf twice":                   {with(att(a, 0)), "twice"},
		"an attestation is missing":      {without(2), "nothing is said of round"},
		"the last round is missing":      {without(3), "nothing is said of round"},
		"a gap is missing":               {without(1), "nothing is said of round"},
		"a feed is missing":              {without(4), "nothing is said of round"},
		"a gap over an attestation":      {instead(1, gap(a, 10, 40)), "spoken for"},
		"two gaps over one round":        {instead(1, gap(a, 10, 20), gap(a, 20, 30)), "want"},
		"two gaps side by side":          {instead(1, gap(a, 10, 20), gap(a, 30, 30)), ""},
		"a gap that ends first":          {instead(1, gap(a, 10, 0)), "a gap ends at"},
		"a gap beside the grid":          {instead(1, gap(a, 10, 35)), "a gap ends at"},
		"a gap beyond the window":        {instead(4, gap(b, 0, 60)), "a gap ends at"},
		"a gap for ever":                 {instead(4, gap(b, 0, 1<<40)), "a gap ends at"},
		"two answers of one round":       {with(func() dodona.Leaf { l := att(a, 40); l.Value = dodona.NewInt192(8); return l }()), "spoken for"},
		"an answer beside the grid":      {with(att(a, 45)), "beside the grid"},
		"an answer of the window before": {with(att(a, -10)), "outside the window"},
		"a late one of this window":      {with(late(a, 10)), "late round"},
		"a late one twice":               {with(func() dodona.Leaf { l := late(b, -20); l.Value = dodona.NewInt192(8); return l }()), "late round"},
		"a feed of nobody":               {with(att(feed("c"), 0)), "no feed of this network"},
		"a leaf of no kind":              {with(func() dodona.Leaf { l := att(a, 0); l.Kind = 9; return l }()), "kind 9"},
	} {
		err := anchor.Check(propose(c.leaves), dodona.Anchor{}, network.ID(), c.leaves, rules)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	last := propose(good)
	for name, change := range map[string]func(*dodona.Anchor){
		"another root":          func(a *dodona.Anchor) { a.Root[0] ^= 1 },
		"another count":         func(a *dodona.Anchor) { a.Count++ },
		"another previous":      func(a *dodona.Anchor) { a.Previous[0] ^= 1 },
		"not on the grid":       func(a *dodona.Anchor) { a.To += 1000 },
		"begins off the grid":   func(a *dodona.Anchor) { a.From += 1000 },
		"ends before it begins": func(a *dodona.Anchor) { a.To = a.From - 60_000 },
	} {
		p := last
		change(&p)
		if err := anchor.Check(p, dodona.Anchor{}, network.ID(), good, rules); err == nil {
			t.Errorf("%s: it may be signed", name)
		}
	}
	if err := anchor.Check(last, last, network.ID(), good, rules); err == nil {
		t.Error("the same window again: it may be signed")
	}
	rules.Attested = func(l dodona.Leaf) bool { return l.Round != at(40*time.Second) }
	if err := anchor.Check(last, dodona.Anchor{}, network.ID(), good, rules); err == nil || errors.Is(err, anchor.ErrUntiled) {
		t.Errorf("an attestation that the signer does not know: %v", err)
	}
}

// TestLongWindowsHoldNoAnswersBeforeTheirEnd: only an outage makes a window longer than its period.
func TestLongWindowsHoldNoAnswersBeforeTheirEnd(t *testing.T) {
	rules := anchor.Rules{Every: time.Minute, Grids: []anchor.Grid{gridOf("a", 30*time.Second)}}
	leaf := func(s int) dodona.Leaf {
		return answerOf(feed("a"), at(time.Duration(s)*time.Second), 1).Attestation.Leaf()
	}
	gap := func(first, last int) dodona.Leaf {
		return dodona.Leaf{
			Kind: dodona.LeafGap, Feed: feed("a").ID(), Round: at(time.Duration(first) * time.Second),
			Value: dodona.NewInt192(int64(at(time.Duration(last) * time.Second))),
		}
	}
	for name, c := range map[string]struct {
		leaves []dodona.Leaf
		fine   bool
	}{
		"an answer at the end":       {[]dodona.Leaf{gap(0, 90), leaf(120), gap(150, 150)}, true},
		"an answer at the beginning": {[]dodona.Leaf{leaf(0), gap(30, 150)}, false},
	} {
		tree, err := anchor.NewTree(c.leaves)
		if err != nil {
			t.Fatal(err)
		}
		p := dodona.Anchor{From: at(0), To: at(3 * time.Minute), Count: uint64(len(c.leaves)), Root: tree.Root()}
		if err := anchor.Check(p, dodona.Anchor{}, network.ID(), c.leaves, rules); (err == nil) != c.fine {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFeedsWithoutAGridNeedSayNothing: their answers may lie anywhere in the window, and nobody knows of a gap between them.
func TestFeedsWithoutAGridNeedSayNothing(t *testing.T) {
	a := feed("a")
	answer := answerOf(a, at(45*time.Second)+7, 7).Attestation.Leaf()
	gap := dodona.Leaf{
		Kind: dodona.LeafGap, Feed: a.ID(), Round: at(0),
		Value: dodona.NewInt192(int64(at(30 * time.Second))), Observed: dodona.Keccak256([]byte("off")),
	}
	check := func(offGrid bool, leaves ...dodona.Leaf) error {
		tree, err := anchor.NewTree(leaves)
		if err != nil {
			t.Fatal(err)
		}
		p := dodona.Anchor{From: at(0), To: at(time.Minute), Count: uint64(len(leaves)), Root: tree.Root()}
		return anchor.Check(p, dodona.Anchor{}, network.ID(), leaves, anchor.Rules{Every: time.Minute, OffGrid: offGrid})
	}
	if err := check(true, answer); err != nil {
		t.Errorf("an answer of a feed without a grid: %v", err)
	}
	if err := check(false, answer); err == nil {
		t.Error("an answer of a feed of nobody may be signed where all feeds are known")
	}
	if err := check(true, answer, gap); err == nil || !strings.Contains(err.Error(), "without a grid") {
		t.Errorf("a gap of a feed without a grid: got %v, want a refusal", err)
	}
}

func TestOnlyAnswersMustBeKnown(t *testing.T) {
	a := feed("a")
	gap := dodona.Leaf{
		Kind: dodona.LeafGap, Feed: a.ID(), Round: at(0),
		Value: dodona.NewInt192(int64(at(30 * time.Second))), Observed: dodona.Keccak256([]byte("off")),
	}
	late := answerOf(a, at(-20*time.Second), 7).Attestation.Leaf()
	late.Kind = dodona.LeafLate
	leaves := []dodona.Leaf{gap, answerOf(a, at(40*time.Second), 7).Attestation.Leaf(), answerOf(a, at(50*time.Second), 7).Attestation.Leaf(), late}
	for unknown := -1; unknown < len(leaves); unknown++ {
		tree, err := anchor.NewTree(leaves)
		if err != nil {
			t.Fatal(err)
		}
		p := dodona.Anchor{From: at(0), To: at(time.Minute), Count: uint64(len(leaves)), Root: tree.Root()}
		rules := anchor.Rules{Every: time.Minute, Grids: []anchor.Grid{gridOf("a", 10*time.Second)}}
		rules.Attested = func(l dodona.Leaf) bool {
			if l.Kind == dodona.LeafGap {
				t.Error("somebody is asked for the attestation of a gap")
			}
			return unknown < 0 || l != leaves[unknown]
		}
		err = anchor.Check(p, dodona.Anchor{}, network.ID(), slices.Clone(leaves), rules)
		if refused := err != nil; refused != (unknown > 0) {
			t.Errorf("leaf %d is not known: got %v", unknown, err)
		}
	}
}
