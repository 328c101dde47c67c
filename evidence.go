package dodona

// A LeafKind says what a leaf of an anchor's tree stands for.
type LeafKind uint8

// The kinds of leaves.
const (
	LeafAttestation LeafKind = 1 // an attestation of the window
	LeafGap         LeafKind = 2 // rounds of the window without one
	LeafLate        LeafKind = 3 // an attestation of an earlier window, which came after that was sealed
)

// A Leaf is one line of what an anchor's root commits to. Nothing else binds its place in the tree.
type Leaf struct {
	Kind     LeafKind `json:"kind"`
	Feed     FeedID   `json:"feed"`
	Round    Round    `json:"round"`    // of a gap: the first one missed
	Value    Int192   `json:"value"`    // scaled by the feed's decimals; of a gap: the last round missed
	Observed Digest   `json:"observed"` // as in the attestation; of a gap: keccak256 of its cause, as UTF-8
}

// Leaf returns the leaf of an attestation in an anchor of its own window.
func (a Attestation) Leaf() Leaf {
	return Leaf{Kind: LeafAttestation, Feed: a.Report.Feed, Round: a.Report.Round, Value: a.Report.Value, Observed: a.Observed}
}

// An Anchor is a Merkle root over a window of attestations and gaps. The anchors of a network are one series: each
// window begins where the one before ended.
type Anchor struct {
	Root     Digest `json:"root"`
	Previous Digest `json:"previous"` // digest of the anchor before, as its quorum signed it; zero for the first
	From     Round  `json:"from"`     // first instant of the window, inclusive
	To       Round  `json:"to"`       // end of the window, exclusive; the round under which the anchor is claimed
	Count    uint64 `json:"count"`    // leaves
}

// A Proof is the path from one leaf to the root of an anchor (OpenZeppelin StandardMerkleTree).
type Proof struct {
	Leaf Leaf     `json:"leaf"`
	Path []Digest `json:"path"` // siblings from the bottom up; empty if the leaf is alone
}

// An Anchored is an anchor with everything a stranger needs to verify it: what travels on the bus, to chains and
// into files, as an [Answer] does.
type Anchored struct {
	Network    Network     `json:"network"`
	Quorum     Quorum      `json:"quorum"`
	Anchor     Anchor      `json:"anchor"`
	Signatures []Signature `json:"signatures"` // ascending by signer
}

// A Gap is rounds of a feed without an attestation, and why.
type Gap struct {
	Feed  Feed   `json:"feed"`
	Cause string `json:"cause"` // printable; its keccak256 is in the leaf
}

// NotKnown begins the cause of a gap over rounds that may have answers which whoever signs has no record of.
const NotKnown = "not known: "

// Evidence is an answer, or the gap where it would be, with its proof: enough to verify it offline, for as long as
// anybody remembers the root.
type Evidence struct {
	Answer   *Answer  `json:"answer,omitempty"` // either this
	Gap      *Gap     `json:"gap,omitempty"`    // or this
	Proof    Proof    `json:"proof"`
	Anchored Anchored `json:"anchored"`
	History  *History `json:"history,omitempty"` // needed once the network has rotated
}
