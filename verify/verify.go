// Package verify decides offline whether an answer is what its network signed, and whether it is under a signed root. It is pure: no clock, no files, no
// network; the command, the API and (compiled for GOOS=js) the page in the browser run the same code.
package verify

import (
	"bytes"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/form"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// A Reason says in one word what the verdict is. The list is closed: [Reasons].
type Reason string

// The reasons, in the order in which they are looked for. Only Valid is good news.
const (
	Valid     Reason = "valid"
	Malformed Reason = "malformed" // not the strict JSON of an answer
	Feed      Reason = "feed"      // the feed cannot be, or the report is about another one
	Quorum    Reason = "quorum"    // the quorum breaks the rule of k of n, or never spoke for this network
	Network   Reason = "network"   // not the network that was asked for
	Member    Reason = "member"    // not the members that were asked for
	Value     Reason = "value"     // not a value of this kind of feed, or no round
	Signature Reason = "signature" // a signature is broken, or not by a member for this report
	Order     Reason = "order"     // signers not strictly ascending: unsorted, or one counted twice
	Threshold Reason = "threshold" // good signatures, but too few
	Rotation  Reason = "rotation"  // the history does not lead from the first quorum to the one that signed
	Leaf      Reason = "leaf"      // the proof is of something else than the answer or gap
	Anchor    Reason = "anchor"    // an anchor that cannot be, or of another window
	Path      Reason = "path"      // the path does not lead to the anchor's root
	Root      Reason = "root"      // the anchor's root is not the one that was asked for
)

// Reasons lists every reason, Valid first.
func Reasons() []Reason {
	return []Reason{Valid, Malformed, Feed, Quorum, Network, Member, Value, Signature, Order, Threshold, Rotation, Leaf, Anchor, Path, Root}
}

// Expect is what the caller knows beforehand. Without any of it an answer proves only that it is consistent: anybody
// can found a network and give it any name.
type Expect struct {
	NetworkID *dodona.Digest   // the network's id, which pins its name and its first quorum
	Members   []dodona.Address // exactly these members, in any order; empty: any

	// What a chain has, for evidence: the root of its anchor, or the slot of DodonaAnchor that it should be in.
	Root, Slot *dodona.Digest
}

func (e Expect) pins() bool { return e.NetworkID != nil || len(e.Members) > 0 }

// A Verdict is the outcome. What the answer says is filled in only if it is valid.
type Verdict struct {
	Valid     bool             `json:"valid"`
	Reason    Reason           `json:"reason"`
	Message   string           `json:"message"`            // a sentence without the reason in front
	Pinned    bool             `json:"pinned"`             // the caller expected a network or members, and the answer is theirs
	Network   string           `json:"network,omitempty"`  // the network's name
	NetworkID dodona.Digest    `json:"networkId,omitzero"` //
	Feed      string           `json:"feed,omitempty"`     // the feed's name
	FeedID    dodona.FeedID    `json:"feedId,omitzero"`    //
	Round     dodona.Round     `json:"round,omitempty"`    // Unix milliseconds
	Value     *dodona.Int192   `json:"value,omitempty"`    // scaled by the feed's decimals
	Answer    string           `json:"answer,omitempty"`   // the value for people, such as "43,218.55 USD"
	Digest    dodona.Digest    `json:"digest,omitzero"`    // of the report: what was signed
	Signers   []dodona.Address `json:"signers,omitempty"`  // who signed it, ascending

	Commitment *Commitment `json:"commitment,omitempty"` // of evidence: where it is anchored
}

// String is the verdict in one line: "valid: signed by …" or "INVALID signature: …".
func (v Verdict) String() string {
	if v.Valid {
		return "valid: " + v.Message
	}
	return "INVALID " + string(v.Reason) + ": " + v.Message
}

// Answer judges raw, the JSON of a [dodona.Answer]. It reads one form only: every field once, by its exact name, none
// unknown, none null, nothing after the value, at most [MaxBytes]. It never panics.
func Answer(raw []byte, want Expect) Verdict {
	a, err := parse(raw)
	if err != nil {
		return refuse(Malformed, "%v", err)
	}
	return Attestation(a, want)
}

// Attestation judges an answer that was parsed already.
func Attestation(a dodona.Answer, want Expect) Verdict { return attested(a, want, nil) }

func attested(a dodona.Answer, want Expect, history *dodona.History) Verdict {
	report := a.Attestation.Report
	id := a.Feed.ID()
	if err := checkFeed(a.Feed); err != nil {
		return refuse(Feed, "%v", err)
	}
	if report.Feed != id {
		return refuse(Feed, "the report is about feed %s, but feed %q has the id %s", report.Feed.Short(), a.Feed.Name, id.Short())
	}
	by := signed{a.Network, a.Quorum, report.Round, history}
	if v, ok := checkNetwork(by, want); !ok {
		return v
	}
	if err := checkValue(a.Feed, report); err != nil {
		return refuse(Value, "%v", err)
	}
	network := a.Network.ID()
	digest := report.Digest(network)
	signers, v, ok := recoverSigners(by, a.Attestation.Signatures, digest)
	if !ok {
		return v
	}
	return Verdict{
		Valid: true, Reason: Valid, Message: whoSigned(a, signers) + "; no proof with it",
		Pinned:  want.pins(),
		Network: a.Network.Name, NetworkID: network, Feed: a.Feed.Name, FeedID: id, Round: report.Round,
		Value: &report.Value, Answer: a.Feed.Format(report.Value), Digest: digest, Signers: signers,
	}
}

func refuse(reason Reason, format string, args ...any) Verdict {
	return Verdict{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// signed is who is said to have signed something, and for when.
type signed struct {
	network dodona.Network
	quorum  dodona.Quorum
	round   dodona.Round
	history *dodona.History // judged already; nil if the first quorum is the only one
}

// checkNetwork judges the quorum, whether it speaks for the network, and whether that is the one asked for.
func checkNetwork(a signed, want Expect) (Verdict, bool) {
	if err := checkQuorum(a.quorum); err != nil {
		return refuse(Quorum, "%v", err), false
	}
	if !printable(a.network.Name, 1, maxText) {
		return refuse(Network, "network name %q: want 1 to %d printable bytes", form.Clip(a.network.Name), maxText), false
	}
	if a.history != nil {
		if q := quorumAt(*a.history, a.round); !sameQuorum(q, a.quorum) {
			return refuse(Rotation, "the quorum %s did not sign for network %q at %s; %s did", a.quorum.Digest().Short(),
				a.network.Name, a.round, q.Digest().Short()), false
		}
	} else if d := a.quorum.Digest(); d != a.network.First {
		return refuse(Quorum, "the quorum %s is not the first one of network %q (%s), and no rotation leads to it",
			d.Short(), a.network.Name, a.network.First.Short()), false
	}
	if id := a.network.ID(); want.NetworkID != nil && *want.NetworkID != id {
		return refuse(Network, "network %q has the id %s, expected %s", a.network.Name, id.Short(), want.NetworkID.Short()), false
	}
	if len(want.Members) > 0 {
		expected := slices.Clone(want.Members)
		slices.SortFunc(expected, compareAddresses)
		if !slices.Equal(expected, a.quorum.Members) {
			return refuse(Member, "the members of network %q are not the %d expected ones", a.network.Name, len(expected)), false
		}
	}
	return Verdict{}, true
}

// checkValue judges what no signature can: a round, and a value that the feed can have.
func checkValue(f dodona.Feed, r dodona.Report) error {
	if r.Round == 0 {
		return fmt.Errorf("the report is for round 0, which no feed has")
	}
	return f.CheckValue(r.Value)
}

// recoverSigners returns who signed digest, if they are enough distinct members in order.
func recoverSigners(a signed, signatures []dodona.Signature, digest dodona.Digest) ([]dodona.Address, Verdict, bool) {
	if a.quorum.Key != nil {
		v, ok := groupSigned(*a.quorum.Key, digest, signatures)
		return nil, v, ok
	}
	if len(signatures) > len(a.quorum.Members) {
		return nil, refuse(Order, "%d signatures of %d members: some signer is counted twice", len(signatures), len(a.quorum.Members)), false
	}
	signers := make([]dodona.Address, 0, len(signatures))
	for i, sig := range signatures {
		signer, err := secp.Recover(digest, sig)
		if err != nil {
			return nil, refuse(Signature, "signature %d of %d is broken: %v", i+1, len(signatures), err), false
		}
		if _, found := slices.BinarySearchFunc(a.quorum.Members, signer, compareAddresses); !found {
			return nil, refuse(Signature, "the signer is %s, not a member of network %q", signer.Short(), a.network.Name), false
		}
		if i > 0 && compareAddresses(signers[i-1], signer) >= 0 {
			return nil, refuse(Order, "signature %d of %d is by %s, after one by %s: signers must be strictly ascending",
				i+1, len(signatures), signer.Short(), signers[i-1].Short()), false
		}
		signers = append(signers, signer)
	}
	if len(signers) < a.quorum.K {
		return nil, refuse(Threshold, "signed by %d of %d members of network %q, but %d are needed",
			len(signers), len(a.quorum.Members), a.network.Name, a.quorum.K), false
	}
	return signers, Verdict{}, true
}

// whoSigned says who signed, for people.
func whoSigned(a dodona.Answer, signers []dodona.Address) string {
	n := len(a.Quorum.Members)
	if a.Quorum.Key != nil {
		return fmt.Sprintf("signed by the group key %s of network %q", a.Quorum.Digest().Short(), a.Network.Name)
	}
	if n == 1 {
		return fmt.Sprintf("signed by %s, the only member of network %q", signers[0].Short(), a.Network.Name)
	}
	return fmt.Sprintf("signed by %d of %d members of network %q, where %d are enough",
		len(signers), n, a.Network.Name, a.Quorum.K)
}

// The bounds of text that is signed over and printed.
const (
	maxText   = 255 // bytes of a name, unit or label
	maxLabels = 1024
)

// checkFeed returns why no feed can have this identity.
func checkFeed(f dodona.Feed) error {
	if len(f.Name) > maxText {
		return fmt.Errorf("feed name of %d bytes: at most %d", len(f.Name), maxText)
	}
	if err := dodona.CheckName(f.Name, dodona.MaxNameParts); err != nil {
		return fmt.Errorf("feed %w", err)
	}
	if !printable(f.Unit, 0, maxText) {
		return fmt.Errorf("feed %q: unit %q: want at most %d printable bytes", f.Name, form.Clip(f.Unit), maxText)
	}
	switch f.Kind {
	case dodona.Number:
		if f.Decimals > dodona.MaxScale || len(f.Labels) > 0 {
			return fmt.Errorf("feed %q: a number has up to %d decimals and no labels", f.Name, dodona.MaxScale)
		}
		return nil
	case dodona.Bool:
		if f.Decimals != 0 || len(f.Labels) > 0 {
			return fmt.Errorf("feed %q: a bool has no decimals and no labels", f.Name)
		}
		return nil
	case dodona.Enum:
		return checkLabels(f)
	}
	return fmt.Errorf("feed %q: kind %q: want number, bool or enum", f.Name, form.Clip(string(f.Kind)))
}

func checkLabels(f dodona.Feed) error {
	if f.Decimals != 0 || len(f.Labels) == 0 || len(f.Labels) > maxLabels {
		return fmt.Errorf("feed %q: an enum has no decimals and 1 to %d labels, not %d", f.Name, maxLabels, len(f.Labels))
	}
	seen := make(map[string]bool, len(f.Labels))
	for _, label := range f.Labels {
		if !printable(label, 1, maxText) || seen[label] {
			return fmt.Errorf("feed %q: label %q: labels must be distinct, of 1 to %d printable bytes", f.Name, form.Clip(label), maxText)
		}
		seen[label] = true
	}
	return nil
}

// printable reports whether s may be shown on a terminal and in a page as it stands.
func printable(s string, least, most int) bool {
	if len(s) < least || len(s) > most || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return false
		}
	}
	return true
}

func compareAddresses(a, b dodona.Address) int { return bytes.Compare(a[:], b[:]) }
