package verify

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/internal/secp"
)

const period = 600_000 // of anchors, milliseconds

// window is the one that round lies in.
var window = anchor.Window{From: round - round%period, To: round - round%period + period}

// neighbours returns n leaves of other rounds, to stand beside one in a tree.
func neighbours(n int) (leaves []dodona.Leaf) {
	for i := range n {
		leaves = append(leaves, dodona.Leaf{
			Kind: dodona.LeafAttestation, Feed: btc.ID(), Round: window.From + dodona.Round(i), Value: dodona.NewInt192(int64(i) - 3),
			Observed: dodona.Keccak256([]byte{byte(i), byte(i >> 8)}),
		})
	}
	return leaves
}

// anchoredBy returns the anchored of a tree over leaves, and the proof of the first one.
func anchoredBy(n dodona.Network, q dodona.Quorum, w anchor.Window, leaves []dodona.Leaf, signers ...*secp.PrivateKey) (dodona.Proof, dodona.Anchored) {
	tree, err := anchor.NewTree(leaves)
	if err != nil {
		panic(err)
	}
	a := dodona.Anchored{Network: n, Quorum: q, Anchor: dodona.Anchor{
		Root: tree.Root(), Previous: dodona.Keccak256([]byte("the anchor before")), From: w.From, To: w.To, Count: uint64(tree.Len()),
	}}
	return dodona.Proof{Leaf: leaves[0], Path: tree.Path(0)}, resigned(a, signers...)
}

// resigned signs an anchor anew, in the given order.
func resigned(a dodona.Anchored, signers ...*secp.PrivateKey) dodona.Anchored {
	a.Signatures = []dodona.Signature{}
	for _, k := range signers {
		a.Signatures = append(a.Signatures, k.Sign(a.Anchor.Digest(a.Network.ID())))
	}
	return a
}

// evidenceOf returns valid evidence of an answer of k of n in a tree of some leaves.
func evidenceOf(k, n, leaves int) dodona.Evidence {
	a := answerOf(k, n, btc, dodona.NewInt192(4321855000000))
	proof, anchored := anchoredBy(a.Network, a.Quorum, window, append([]dodona.Leaf{a.Attestation.Leaf()}, neighbours(leaves-1)...), keys(n)[:k]...)
	return dodona.Evidence{Answer: &a, Proof: proof, Anchored: anchored}
}

// gapOf returns valid evidence of a gap from round to last.
func gapOf(last dodona.Round, cause string) dodona.Evidence {
	a := answerOf(1, 1, btc, dodona.NewInt192(5))
	leaf := dodona.Leaf{
		Kind: dodona.LeafGap, Feed: btc.ID(), Round: round, Value: dodona.NewInt192(int64(last)), Observed: dodona.Keccak256([]byte(cause)),
	}
	proof, anchored := anchoredBy(a.Network, a.Quorum, window, append([]dodona.Leaf{leaf}, neighbours(4)...), keys(1)...)
	return dodona.Evidence{Gap: &dodona.Gap{Feed: btc, Cause: cause}, Proof: proof, Anchored: anchored}
}

// lateEvidence is of an answer that came when its window was sealed.
func lateEvidence() dodona.Evidence {
	a := answerOf(1, 1, btc, dodona.NewInt192(5))
	leaf := a.Attestation.Leaf()
	leaf.Kind = dodona.LeafLate
	proof, anchored := anchoredBy(a.Network, a.Quorum, anchor.Window{From: window.To, To: window.To + period}, append([]dodona.Leaf{leaf}, neighbours(6)...), keys(1)...)
	return dodona.Evidence{Answer: &a, Proof: proof, Anchored: anchored}
}

// quorumOf returns the quorum k of the keys.
func quorumOf(k int, ks ...*secp.PrivateKey) dodona.Quorum {
	q := dodona.Quorum{Scheme: "ecdsa", K: k}
	for _, key := range ks {
		q.Members = append(q.Members, key.Address())
	}
	return q
}

func rotated(n dodona.Network, r dodona.Rotation, signers ...*secp.PrivateKey) dodona.Rotation {
	r.Signatures = []dodona.Signature{}
	for _, k := range signers {
		r.Signatures = append(r.Signatures, k.Sign(r.Digest(n.ID())))
	}
	return r
}

// rotatedEvidence is of a network that has rotated twice: one member, then three of four, then another one. The answer
// is signed by the second quorum, the anchor by the third.
func rotatedEvidence() dodona.Evidence {
	ks := keys(4)
	first, second, third := quorumOf(1, ks[0]), quorumOf(3, ks...), quorumOf(1, ks[3])
	n := dodona.Network{Name: "demo", First: first.Digest()}
	history := &dodona.History{First: first, Rotations: []dodona.Rotation{
		rotated(n, dodona.Rotation{Epoch: 1, Next: second, FromRound: window.From}, ks[0]),
		rotated(n, dodona.Rotation{Epoch: 2, Next: third, FromRound: window.To}, ks[:3]...),
	}}
	a := answerOf(1, 1, btc, dodona.NewInt192(7))
	a.Network, a.Quorum = n, second
	a = signedBy(a, ks[1:]...)
	proof, anchored := anchoredBy(n, third, window, append([]dodona.Leaf{a.Attestation.Leaf()}, neighbours(2)...), ks[3])
	return dodona.Evidence{Answer: &a, Proof: proof, Anchored: anchored, History: history}
}

func encodeEvidence(t testing.TB, e dodona.Evidence) []byte {
	t.Helper()
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestValidEvidence(t *testing.T) {
	whole := evidenceOf(1, 1, 60)
	root, slot, id := whole.Anchored.Anchor.Root, SlotOf(whole.Anchored.Anchor), whole.Anchored.Network.ID()
	for _, c := range []struct {
		name     string
		evidence dodona.Evidence
		want     Expect
		message  string
	}{
		{"one of one, alone in its tree", evidenceOf(1, 1, 1), Expect{}, `; anchored in the window 2026-11-22T12:00:00Z to 2026-11-22T12:10:00Z, root 0x`},
		{"three of four among many", evidenceOf(3, 4, 1000), Expect{}, ", 1000 leaves"},
		{"under the chain's root", whole, Expect{Root: &root, Slot: &slot, NetworkID: &id}, "; the chain has this root"},
		{"late", lateEvidence(), Expect{}, "as one that came late"},
		{"after two rotations", rotatedEvidence(), Expect{}, `signed by 3 of 4 members of network "demo"`},
		{"a gap of which nothing is known", gapOf(round+20_000, dodona.NotKnown+"a backup"), Expect{}, `not known whether "btc.usd" has answers from 2026-11-22T12:04:30Z to 2026-11-22T12:04:50Z, it says: a backup; `},
		{"a gap", gapOf(round+20_000, "need 2, only 1 answered"), Expect{}, `no answer of "btc.usd" from 2026-11-22T12:04:30Z to 2026-11-22T12:04:50Z, it says: need 2, only 1 answered; anchored`},
	} {
		raw := encodeEvidence(t, c.evidence)
		v := Document(raw, c.want)
		if !v.Valid || v.Commitment == nil || !strings.Contains(v.Message, c.message) || v.Commitment.OnRoot != (c.want.Root != nil) {
			t.Errorf("%s: got %s\nwant valid with %q", c.name, v, c.message)
		}
	}
}

type evidenceLie struct {
	evidence dodona.Evidence
	want     Expect
	reason   Reason
}

// evidenceLies are documents in the right form that say something wrong, by what is wrong.
func evidenceLies() map[string]evidenceLie {
	ks := keys(4)
	change := func(e dodona.Evidence, f func(*dodona.Evidence)) dodona.Evidence {
		if e.Answer != nil {
			copied := *e.Answer
			copied.Attestation.Signatures = slices.Clone(copied.Attestation.Signatures)
			e.Answer = &copied
		}
		if e.Gap != nil {
			copied := *e.Gap
			e.Gap = &copied
		}
		if e.History != nil {
			e.History = &dodona.History{First: e.History.First, Rotations: slices.Clone(e.History.Rotations)}
		}
		e.Proof.Path = slices.Clone(e.Proof.Path)
		f(&e)
		return e
	}
	whole, gap, turned := evidenceOf(1, 1, 60), gapOf(round+20_000, "off"), rotatedEvidence()
	other := dodona.Digest{1}
	lie := func(of dodona.Evidence, reason Reason, f func(*dodona.Evidence)) evidenceLie {
		return evidenceLie{evidence: change(of, f), reason: reason}
	}
	return map[string]evidenceLie{
		"neither answer nor gap": lie(whole, Malformed, func(e *dodona.Evidence) { e.Answer = nil }),
		"answer and gap":         lie(whole, Malformed, func(e *dodona.Evidence) { e.Gap = gap.Gap }),
		"answer: another value": lie(whole, Signature, func(e *dodona.Evidence) {
			e.Answer.Attestation.Report.Value = dodona.NewInt192(1)
		}),
		"answer: another observed": lie(whole, Leaf, func(e *dodona.Evidence) { e.Answer.Attestation.Observed[3] ^= 1 }),
		"leaf: another round":      lie(whole, Leaf, func(e *dodona.Evidence) { e.Proof.Leaf.Round++ }),
		"leaf: another value":      lie(whole, Leaf, func(e *dodona.Evidence) { e.Proof.Leaf.Value = dodona.NewInt192(1) }),
		"leaf: another feed":       lie(whole, Leaf, func(e *dodona.Evidence) { e.Proof.Leaf.Feed[0] ^= 1 }),
		"leaf: of no kind":         lie(whole, Leaf, func(e *dodona.Evidence) { e.Proof.Leaf.Kind = 4 }),
		"leaf: a gap for an answer": lie(whole, Leaf, func(e *dodona.Evidence) {
			e.Proof = gap.Proof
			e.Anchored = gap.Anchored
		}),
		"leaf: called late": lie(whole, Anchor, func(e *dodona.Evidence) { e.Proof.Leaf.Kind = dodona.LeafLate }),
		"leaf: late, called in time": lie(lateEvidence(), Anchor, func(e *dodona.Evidence) {
			e.Proof.Leaf.Kind = dodona.LeafAttestation
		}),
		"path: one step missing":   lie(whole, Path, func(e *dodona.Evidence) { e.Proof.Path = e.Proof.Path[1:] }),
		"path: one step more":      lie(whole, Path, func(e *dodona.Evidence) { e.Proof.Path = append(e.Proof.Path, other) }),
		"path: one bit":            lie(whole, Path, func(e *dodona.Evidence) { e.Proof.Path[2][31] ^= 1 }),
		"path: too long":           lie(whole, Path, func(e *dodona.Evidence) { e.Proof.Path = make([]dodona.Digest, maxPath+1) }),
		"path: of another anchor":  lie(whole, Path, func(e *dodona.Evidence) { e.Anchored = evidenceOf(1, 1, 59).Anchored }),
		"anchor: another root":     lie(whole, Path, func(e *dodona.Evidence) { e.Anchored.Anchor.Root[0] ^= 1 }),
		"anchor: over nothing":     lie(whole, Anchor, func(e *dodona.Evidence) { e.Anchored.Anchor.Count = 0 }),
		"anchor: ends first":       lie(whole, Anchor, func(e *dodona.Evidence) { e.Anchored.Anchor.To = e.Anchored.Anchor.From }),
		"anchor: of another time":  lie(whole, Anchor, func(e *dodona.Evidence) { e.Anchored.Anchor.From = round + 1 }),
		"anchor: another count":    lie(whole, Signature, func(e *dodona.Evidence) { e.Anchored.Anchor.Count++ }),
		"anchor: another previous": lie(whole, Signature, func(e *dodona.Evidence) { e.Anchored.Anchor.Previous[9] ^= 1 }),
		"anchor: a wider window":   lie(whole, Signature, func(e *dodona.Evidence) { e.Anchored.Anchor.To += period }),
		"anchor: signed by a stranger": lie(whole, Signature, func(e *dodona.Evidence) {
			e.Anchored = resigned(e.Anchored, ks[3])
		}),
		"anchor: not signed": lie(whole, Threshold, func(e *dodona.Evidence) { e.Anchored.Signatures = []dodona.Signature{} }),
		"anchor: signed twice": lie(evidenceOf(3, 4, 5), Order, func(e *dodona.Evidence) {
			e.Anchored = resigned(e.Anchored, ks[0], ks[0], ks[1])
		}),
		"anchor: too few": lie(evidenceOf(3, 4, 5), Threshold, func(e *dodona.Evidence) {
			e.Anchored = resigned(e.Anchored, ks[:2]...)
		}),
		"anchor: of another network": lie(whole, Network, func(e *dodona.Evidence) {
			e.Anchored.Network.Name = "other"
			e.Anchored = resigned(e.Anchored, ks[0])
		}),
		"anchor: another quorum": lie(whole, Quorum, func(e *dodona.Evidence) {
			e.Anchored.Quorum = quorumOf(1, ks[3])
			e.Anchored = resigned(e.Anchored, ks[3])
		}),
		"gap: of another feed":           lie(gap, Feed, func(e *dodona.Evidence) { e.Gap.Feed.Decimals++ }),
		"gap: another cause":             lie(gap, Leaf, func(e *dodona.Evidence) { e.Gap.Cause = "maintenance" }),
		"gap: a cause that deceives":     lie(gap, Leaf, func(e *dodona.Evidence) { e.Gap.Cause = "off\x1b[2J" }),
		"gap: no cause":                  lie(gap, Leaf, func(e *dodona.Evidence) { e.Gap.Cause = "" }),
		"gap: longer":                    lie(gap, Path, func(e *dodona.Evidence) { e.Proof.Leaf.Value = dodona.NewInt192(int64(round) + 30_000) }),
		"gap: ends first":                lie(gap, Leaf, func(e *dodona.Evidence) { e.Proof.Leaf.Value = dodona.NewInt192(int64(round) - 1) }),
		"gap: ends before 1970":          lie(gap, Leaf, func(e *dodona.Evidence) { e.Proof.Leaf.Value = dodona.NewInt192(-1) }),
		"gap: beyond its window":         lie(gap, Anchor, func(e *dodona.Evidence) { e.Proof.Leaf.Value = dodona.NewInt192(int64(window.To)) }),
		"gap: of round 0":                lie(gap, Leaf, func(e *dodona.Evidence) { e.Proof.Leaf.Round = 0 }),
		"gap: an answer's leaf":          lie(gap, Leaf, func(e *dodona.Evidence) { e.Proof.Leaf.Kind = dodona.LeafAttestation }),
		"gap: not the network asked for": {evidence: gap, want: Expect{NetworkID: &other}, reason: Network},
		"gap: not the members asked for": {evidence: gap, want: Expect{Members: []dodona.Address{{9}}}, reason: Member},

		"history: missing":                       lie(turned, Quorum, func(e *dodona.Evidence) { e.History = nil }),
		"history: of nothing":                    lie(turned, Rotation, func(e *dodona.Evidence) { e.History.Rotations = []dodona.Rotation{} }),
		"history: begins elsewhere":              lie(turned, Rotation, func(e *dodona.Evidence) { e.History.First = quorumOf(1, ks[1]) }),
		"history: a first quorum that cannot be": lie(turned, Rotation, func(e *dodona.Evidence) { e.History.First.K = 0 }),
		"history: one rotation missing":          lie(turned, Rotation, func(e *dodona.Evidence) { e.History.Rotations = e.History.Rotations[1:] }),
		"history: the last one missing":          lie(turned, Rotation, func(e *dodona.Evidence) { e.History.Rotations = e.History.Rotations[:1] }),
		"history: out of order":                  lie(turned, Rotation, func(e *dodona.Evidence) { slices.Reverse(e.History.Rotations) }),
		"history: one rotation twice": lie(turned, Rotation, func(e *dodona.Evidence) {
			e.History.Rotations = append(e.History.Rotations, e.History.Rotations[1])
		}),
		"history: a hole in the epochs": lie(turned, Rotation, func(e *dodona.Evidence) {
			r := e.History.Rotations[1]
			r.Epoch = 3
			e.History.Rotations[1] = rotated(e.Anchored.Network, r, ks[:3]...)
		}),
		"history: back in time": lie(turned, Rotation, func(e *dodona.Evidence) {
			r := e.History.Rotations[1]
			r.FromRound = e.History.Rotations[0].FromRound
			e.History.Rotations[1] = rotated(e.Anchored.Network, r, ks[:3]...)
		}),
		"history: takes over at another round":  lie(turned, Rotation, func(e *dodona.Evidence) { e.History.Rotations[0].FromRound-- }),
		"history: hands over to another quorum": lie(turned, Rotation, func(e *dodona.Evidence) { e.History.Rotations[1].Next = quorumOf(1, ks[2]) }),
		"history: signed by the new quorum": lie(turned, Rotation, func(e *dodona.Evidence) {
			e.History.Rotations[1] = rotated(e.Anchored.Network, e.History.Rotations[1], ks[3])
		}),
		"history: signed by too few": lie(turned, Rotation, func(e *dodona.Evidence) {
			e.History.Rotations[1] = rotated(e.Anchored.Network, e.History.Rotations[1], ks[:2]...)
		}),
		"history: signed for another network": lie(turned, Rotation, func(e *dodona.Evidence) {
			e.History.Rotations[0] = rotated(dodona.Network{Name: "other", First: e.Anchored.Network.First}, e.History.Rotations[0], ks[0])
		}),
		"history: the old quorum signs on": lie(turned, Rotation, func(e *dodona.Evidence) {
			e.Answer.Quorum = e.History.First
			*e.Answer = signedBy(*e.Answer, ks[0])
		}),
		"history: the new quorum signs below": lie(turned, Rotation, func(e *dodona.Evidence) {
			e.Answer.Quorum = e.Anchored.Quorum
			*e.Answer = signedBy(*e.Answer, ks[3])
		}),
		"history: the old quorum anchors on": lie(turned, Rotation, func(e *dodona.Evidence) {
			e.Anchored.Quorum = e.Answer.Quorum
			e.Anchored = resigned(e.Anchored, ks[:3]...)
		}),

		"chain: another root": {evidence: whole, want: Expect{Root: &other}, reason: Root},
		"chain: another slot": {evidence: whole, want: Expect{Slot: &other}, reason: Root},
	}
}

func TestLiesOfEvidenceAreFoundWithTheirReason(t *testing.T) {
	for name, l := range evidenceLies() {
		if v := Document(encodeEvidence(t, l.evidence), l.want); v.Valid || v.Reason != l.reason || v.Message == "" {
			// Without a field of evidence in front, the document is judged as an answer.
			t.Errorf("%s: got %s, want %s", name, v, l.reason)
		}
	}
}

// malformedEvidence returns texts that are not the one form of evidence.
func malformedEvidence(valid string) map[string]string {
	return map[string]string{
		"nothing":           "",
		"an array":          "[" + valid + "]",
		"two":               valid + valid,
		"something behind":  valid + " x",
		"cut short":         valid[:len(valid)-1],
		"cut shorter":       valid[:len(valid)/2],
		"an unknown field":  `{"extra":1,` + valid[1:],
		"a field twice":     `{"gap":{"feed":{"name":"btc.usd","kind":"number","unit":"USD","decimals":8},"cause":"off"},` + strings.Replace(valid[1:], `"proof"`, `"gap":{},"proof"`, 1),
		"no proof":          strings.Replace(valid, `"proof":`, `"history":`, 1),
		"a kind in quotes":  strings.Replace(valid, `"kind":1`, `"kind":"1"`, 1),
		"a kind of 256":     strings.Replace(valid, `"kind":1`, `"kind":256`, 1),
		"a negative count":  strings.Replace(valid, `"count":`, `"count":-`, 1),
		"a fraction":        strings.Replace(valid, `"epoch":1`, `"epoch":1.0`, 1),
		"a path of objects": strings.Replace(valid, `"path":[`, `"path":[{},`, 1),
		"a short digest":    strings.Replace(valid, `"path":["0x`, `"path":["0x00","0x`, 1),
	}
}

// TestEvidenceIsReadInOneFormOnly changes the form of every field, everywhere.
func TestEvidenceIsReadInOneFormOnly(t *testing.T) {
	valid := string(encodeEvidence(t, rotatedEvidence()))
	for name, raw := range malformedEvidence(valid) {
		if v := Evidence([]byte(raw), Expect{}); v.Valid || v.Reason != Malformed {
			t.Errorf("%s: got %s, want malformed", name, v)
		}
	}
	for _, field := range []string{
		`"proof":`, `"leaf":`, `"kind":1,"feed"`, `"path":`, `"anchored":`, `"anchor":`, `"previous":`, `"from":`, `"to":`, `"count":`,
		`"first":"`, `"rotations":`, `"epoch":`, `"next":`, `"fromRound":`,
	} {
		name := strings.Trim(strings.Split(field, ":")[0], `"`)
		if !strings.Contains(valid, field) {
			t.Fatalf("the evidence has no %s", field)
		}
		for what, raw := range map[string]string{
			"in other capitals": strings.Replace(valid, `"`+name+`":`, `"`+strings.ToUpper(name)+`":`, 1),
			"null":              strings.Replace(valid, `"`+name+`":`, `"`+name+`":null,"x":`, 1),
			"unknown beside it": strings.Replace(valid, `"`+name+`":`, `"unknown":1,"`+name+`":`, 1),
		} {
			if v := Evidence([]byte(raw), Expect{}); v.Valid || v.Reason != Malformed {
				t.Errorf("%s, %s: got %s, want malformed", name, what, v)
			}
		}
	}
	if v := Document([]byte(valid), Expect{}); !v.Valid {
		t.Fatal(v)
	}
}

// FuzzEvidence changes valid evidence in one place: what is accepted must say what the unchanged one says.
func FuzzEvidence(f *testing.F) {
	documents := [][]byte{encodeEvidence(f, evidenceOf(3, 4, 9)), encodeEvidence(f, gapOf(round+20_000, "off")), encodeEvidence(f, rotatedEvidence())}
	for i := range documents {
		f.Add(i, 10, 1, []byte("x"))
		f.Add(i, 0, len(documents[i]), []byte("{}"))
	}
	all := evidenceLies()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		raw, w := encodeEvidence(f, all[name].evidence), all[name].want
		if len(raw) < 16<<10 && !w.pins() && w.Root == nil && w.Slot == nil {
			f.Add(0, 0, len(documents[0]), raw)
		}
	}
	f.Fuzz(func(t *testing.T, which, at, remove int, insert []byte) {
		valid := documents[uint(which)%uint(len(documents))]
		if at < 0 || at > len(valid) || remove < 0 || remove > len(valid)-at {
			return
		}
		raw := slices.Concat(valid[:at], insert, valid[at+remove:])
		v := Document(raw, Expect{})
		if !v.Valid {
			return
		}
		var got, want any
		if json.Unmarshal(raw, &got) != nil {
			t.Fatalf("accepted what is no JSON: %s", raw)
		}
		for _, d := range documents {
			_ = json.Unmarshal(d, &want)
			a, _ := json.Marshal(got)
			b, _ := json.Marshal(want)
			if bytes.Equal(a, b) {
				return
			}
		}
		t.Fatalf("accepted what nobody signed: %s", raw)
	})
}
