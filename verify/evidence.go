package verify

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/form"
)

// The bounds of what evidence may hold.
const (
	maxPath      = 64   // siblings of a proof: more than any tree has levels
	maxRotations = 1024 // of a history
	maxCause     = 255  // bytes of a gap's cause
)

// A Commitment is what evidence proves about its anchor.
type Commitment struct {
	Kind   dodona.LeafKind `json:"kind"`   // of the leaf: 1 attestation, 2 gap, 3 late attestation
	From   dodona.Round    `json:"from"`   // of the window, inclusive
	To     dodona.Round    `json:"to"`     // of the window, exclusive
	Count  uint64          `json:"count"`  // leaves
	Root   dodona.Digest   `json:"root"`   //
	Digest dodona.Digest   `json:"digest"` // of the anchor: what was signed
	OnRoot bool            `json:"onRoot"` // the caller expected a root, and it is this one
	First  dodona.Round    `json:"first"`  // of a gap: the first round missed; else the round
	Last   dodona.Round    `json:"last"`   // of a gap: the last round missed; else the round
	Cause  string          `json:"cause,omitempty"`
}

// Document judges raw, the JSON of a [dodona.Answer] or of a [dodona.Evidence], whichever its first field belongs to.
func Document(raw []byte, want Expect) Verdict {
	if isEvidence(raw) {
		return Evidence(raw, want)
	}
	return Answer(raw, want)
}

// Evidence judges raw, the JSON of a [dodona.Evidence], as strictly as [Answer] does.
func Evidence(raw []byte, want Expect) Verdict {
	var e dodona.Evidence
	if err := parseStrictly(raw, evidenceForm, "the evidence", &e); err != nil {
		return refuse(Malformed, "%v", err)
	}
	return Proved(e, want)
}

// Proved judges evidence that was parsed already: the answer or the gap, the history, the path, the anchor.
func Proved(e dodona.Evidence, want Expect) Verdict {
	if (e.Answer == nil) == (e.Gap == nil) {
		return refuse(Malformed, "the evidence must hold either an answer or a gap")
	}
	if bad, ok := checkHistory(e.Anchored.Network, e.History); !ok {
		return bad
	}
	var v Verdict
	if e.Answer != nil {
		v = attested(*e.Answer, want, e.History)
	} else {
		v = gapClaimed(e, want)
	}
	if !v.Valid {
		return v
	}
	c, bad, ok := commitment(e, want)
	if !ok {
		return bad
	}
	v.Commitment = &c
	if e.Gap != nil {
		v.Message = c.missed(e.Gap.Feed.Name) + "; " + c.words()
	} else {
		v.Message = whoSigned(*e.Answer, v.Signers) + "; " + c.words()
	}
	return v
}

// missed says what a gap says of its rounds, for people.
func (c Commitment) missed(feed string) string {
	if why, unknown := strings.CutPrefix(c.Cause, dodona.NotKnown); unknown {
		return fmt.Sprintf("not known whether %q has answers from %s to %s, it says: %s", feed, c.First, c.Last, why)
	}
	return fmt.Sprintf("no answer of %q from %s to %s, it says: %s", feed, c.First, c.Last, c.Cause)
}

// words says where the proof leads, for people.
func (c Commitment) words() string {
	leaves := "leaves"
	if c.Count == 1 {
		leaves = "leaf"
	}
	text := fmt.Sprintf("anchored in the window %s to %s, root %s, %d %s", c.From, c.To, c.Root.Short(), c.Count, leaves)
	if c.Kind == dodona.LeafLate {
		text += ", as one that came late"
	}
	if c.OnRoot {
		text += "; the chain has this root"
	}
	return text
}

// gapClaimed judges what a gap says of itself.
func gapClaimed(e dodona.Evidence, want Expect) Verdict {
	g, leaf := *e.Gap, e.Proof.Leaf
	if err := checkFeed(g.Feed); err != nil {
		return refuse(Feed, "%v", err)
	}
	if id := g.Feed.ID(); leaf.Feed != id {
		return refuse(Feed, "the leaf is about feed %s, but feed %q has the id %s", leaf.Feed.Short(), g.Feed.Name, id.Short())
	}
	if !printable(g.Cause, 1, maxCause) {
		return refuse(Leaf, "the cause of the gap: want 1 to %d printable bytes", maxCause)
	}
	if v, ok := checkNetwork(signed{e.Anchored.Network, e.Anchored.Quorum, e.Anchored.Anchor.To, e.History}, want); !ok {
		return v
	}
	return Verdict{
		Valid: true, Reason: Valid, Pinned: want.pins(),
		Network: e.Anchored.Network.Name, NetworkID: e.Anchored.Network.ID(), Feed: g.Feed.Name, FeedID: leaf.Feed, Round: leaf.Round,
	}
}

// commitment judges the leaf, the path and the anchor.
func commitment(e dodona.Evidence, want Expect) (c Commitment, bad Verdict, ok bool) {
	a, leaf := e.Anchored.Anchor, e.Proof.Leaf
	if e.Answer != nil && e.Answer.Network != e.Anchored.Network {
		return c, refuse(Network, "the answer is of network %q, the anchor of another one", e.Answer.Network.Name), false
	}
	first, last, err := checkLeaf(e)
	if err != nil {
		return c, refuse(Leaf, "%v", err), false
	}
	inside := a.From <= first && last < a.To
	switch {
	case a.Count == 0 || a.To <= a.From:
		return c, refuse(Anchor, "an anchor over %d leaves from %s to %s cannot be", a.Count, a.From, a.To), false
	case leaf.Kind == dodona.LeafLate && first >= a.From:
		return c, refuse(Anchor, "round %s is not before the window from %s to %s, so its leaf is not late", first, a.From, a.To), false
	case leaf.Kind != dodona.LeafLate && !inside:
		return c, refuse(Anchor, "round %s does not lie in the window from %s to %s", first, a.From, a.To), false
	}
	if n := len(e.Proof.Path); n > maxPath {
		return c, refuse(Path, "a path of %d steps: at most %d", n, maxPath), false
	}
	if root := e.Proof.Root(); root != a.Root {
		return c, refuse(Path, "the path leads to %s, but the anchor's root is %s", root.Short(), a.Root.Short()), false
	}
	by := signed{e.Anchored.Network, e.Anchored.Quorum, a.To, e.History}
	if v, ok := checkNetwork(by, Expect{NetworkID: want.NetworkID}); !ok {
		return c, of("the anchor", v), false
	}
	digest := a.Digest(e.Anchored.Network.ID())
	if _, v, ok := recoverSigners(by, e.Anchored.Signatures, digest); !ok {
		return c, of("the anchor", v), false
	}
	c = Commitment{Kind: leaf.Kind, From: a.From, To: a.To, Count: a.Count, Root: a.Root, Digest: digest, First: first, Last: last}
	if e.Gap != nil {
		c.Cause = e.Gap.Cause
	}
	if want.Root != nil && *want.Root != a.Root {
		return c, refuse(Root, "the anchor's root is %s, but the chain has %s", a.Root.Short(), want.Root.Short()), false
	}
	if want.Slot != nil && *want.Slot != SlotOf(a) {
		return c, refuse(Root, "the chain's slot is %s, but that of this anchor would be %s", want.Slot, SlotOf(a)), false
	}
	c.OnRoot = want.Root != nil || want.Slot != nil
	return c, bad, true
}

// SlotOf returns what DodonaAnchor keeps of an anchor: to as uint64, then the first 192 bits of the root.
func SlotOf(a dodona.Anchor) (slot dodona.Digest) {
	for i := range 8 {
		slot[i] = byte(a.To >> (56 - 8*i))
	}
	copy(slot[8:], a.Root[:24])
	return slot
}

// checkLeaf returns the rounds that the leaf is about, or why it is not that of the answer or gap.
func checkLeaf(e dodona.Evidence) (first, last dodona.Round, err error) {
	leaf := e.Proof.Leaf
	if e.Answer == nil {
		end, fits := leaf.Value.Int64()
		switch {
		case leaf.Kind != dodona.LeafGap:
			return 0, 0, fmt.Errorf("a leaf of kind %d is no gap", leaf.Kind)
		case leaf.Round == 0 || !fits || end < 0 || dodona.Round(end) < leaf.Round:
			return 0, 0, fmt.Errorf("a gap from round %d to %s cannot be", uint64(leaf.Round), leaf.Value)
		case leaf.Observed != dodona.Keccak256([]byte(e.Gap.Cause)):
			return 0, 0, fmt.Errorf("the gap's cause is not the one that its leaf names")
		}
		return leaf.Round, dodona.Round(end), nil
	}
	want := e.Answer.Attestation.Leaf()
	if leaf.Kind == dodona.LeafLate {
		want.Kind = dodona.LeafLate
	}
	if leaf != want {
		return 0, 0, fmt.Errorf("the leaf is not that of the answer: it is of kind %d, feed %s, round %d, value %s, observed %s",
			leaf.Kind, leaf.Feed.Short(), uint64(leaf.Round), leaf.Value, leaf.Observed.Short())
	}
	return leaf.Round, leaf.Round, nil
}

// of says what a verdict is about.
func of(what string, v Verdict) Verdict {
	v.Message = what + ": " + v.Message
	return v
}

// checkHistory judges every rotation since the first quorum.
func checkHistory(n dodona.Network, h *dodona.History) (Verdict, bool) {
	if h == nil {
		return Verdict{}, true
	}
	if err := checkQuorum(h.First); err != nil {
		return refuse(Rotation, "the first quorum: %v", err), false
	}
	if d := h.First.Digest(); d != n.First {
		return refuse(Rotation, "the history begins with the quorum %s, but the first one of network %q is %s",
			d.Short(), form.Clip(n.Name), n.First.Short()), false
	}
	if len(h.Rotations) == 0 || len(h.Rotations) > maxRotations {
		return refuse(Rotation, "a history of %d rotations: want 1 to %d, or no history", len(h.Rotations), maxRotations), false
	}
	by, since := h.First, dodona.Round(0)
	for i, r := range h.Rotations {
		what := fmt.Sprintf("rotation %d", i+1)
		switch err := checkQuorum(r.Next); {
		case err != nil:
			return refuse(Rotation, "%s: %v", what, err), false
		case r.Epoch != uint64(i+1):
			return refuse(Rotation, "%s has the epoch %d", what, r.Epoch), false
		case r.FromRound <= since:
			return refuse(Rotation, "%s takes effect at %s, not after the one before, %s", what, r.FromRound, since), false
		}
		if _, v, ok := recoverSigners(signed{network: n, quorum: by}, r.Signatures, r.Digest(n.ID())); !ok {
			return refuse(Rotation, "%s: %s: %s", what, v.Reason, v.Message), false
		}
		by, since = r.Next, r.FromRound
	}
	return Verdict{}, true
}

// quorumAt returns who signs for a round.
func quorumAt(h dodona.History, round dodona.Round) dodona.Quorum {
	q := h.First
	for _, r := range h.Rotations {
		if r.FromRound <= round {
			q = r.Next
		}
	}
	return q
}

func sameQuorum(a, b dodona.Quorum) bool {
	return a.Scheme == b.Scheme && a.K == b.K && slices.Equal(a.Members, b.Members) && a.Digest() == b.Digest()
}

var (
	quorumForm   = answerForm.Fields["quorum"]
	evidenceForm = form.Form{
		Fields: form.Fields{
			"answer": answerForm,
			"gap":    {Fields: form.Fields{"feed": answerForm.Fields["feed"], "cause": text}},
			"proof": {Fields: form.Fields{
				"leaf": {Fields: form.Fields{"kind": number, "feed": text, "round": number, "value": text, "observed": text}},
				"path": texts,
			}},
			"anchored": {Fields: form.Fields{
				"network":    answerForm.Fields["network"],
				"quorum":     quorumForm,
				"anchor":     {Fields: form.Fields{"root": text, "previous": text, "from": number, "to": number, "count": number}},
				"signatures": texts,
			}},
			"history": {Fields: form.Fields{
				"first": quorumForm,
				"rotations": {Items: &form.Form{Fields: form.Fields{
					"epoch": number, "next": quorumForm, "fromRound": number, "signatures": texts,
				}}},
			}},
		},
		Optional: []string{"answer", "gap", "history"},
	}
)

// isEvidence reports whether the first field of raw is one of evidence.
func isEvidence(raw []byte) bool {
	first := firstField(raw)
	_, found := evidenceForm.Fields[first]
	return found
}

// firstField returns the name of the first field of an object, or nothing.
func firstField(raw []byte) string {
	d := json.NewDecoder(limited(raw))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return ""
	}
	token, _ := d.Token()
	name, _ := token.(string)
	return name
}
