package explain

import (
	"context"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/verify"
)

// A State says how far a round came.
type State string

// The states of a round, from the farthest to the nearest.
const (
	StateAttested State = "attested"
	StateRejected State = "rejected" // observed and signed, but the validator refused it
	StateObserved State = "observed" // signed by its node, not attested, or not yet
	StateComputed State = "computed" // a value was found, but it is not signed, or not yet
	StateMissed   State = "missed"   // no value was found
)

// A Story is everything the journal knows of one round. What it no longer knows is named in Gone; what does not fit
// together, which is alarming, in Broken.
type Story struct {
	Feed     string          `json:"feed"`
	Identity *dodona.Feed    `json:"identity,omitempty"` // nil if only fragments are kept
	Round    dodona.Round    `json:"round"`
	At       time.Time       `json:"at"` // the round's instant
	State    State           `json:"state"`
	Value    *dodona.Int192  `json:"value,omitempty"`  // scaled by the feed's decimals
	Answer   string          `json:"answer,omitempty"` // the value for people, with its unit
	Quality  *dodona.Quality `json:"quality,omitempty"`
	Missed   string          `json:"missed,omitempty"` // why there is no value

	Attestation *Attestation `json:"attestation,omitempty"`
	Observation *Observation `json:"observation,omitempty"`
	Node        string       `json:"node,omitempty"`   // that computed the round
	TookMS      *int64       `json:"tookMs,omitempty"` // from the round's start to its value, milliseconds
	Module      *Module      `json:"module,omitempty"` // that made the points; nil if extraction alone did
	Inputs      []Input      `json:"inputs,omitempty"`
	Rejections  []Rejection  `json:"rejections,omitempty"`
	Events      []Event      `json:"events,omitempty"`     // why a round without an answer was not signed, or came too late
	Unsigned    string       `json:"unsigned,omitempty"`   // why a round that was computed is not signed, and never will be, where no event says so
	Anchored    string       `json:"anchored"`             // in a line
	Published   []Published  `json:"published,omitempty"`  // what sinks of points did with the points of its inputs
	Deliveries  []Delivery   `json:"deliveries,omitempty"` // what sinks did with the answer
	Held        []Held       `json:"held,omitempty"`       // why sinks do not send it
	Pending     []Pending    `json:"pending,omitempty"`    // what sinks are about to do with it
	Newer       *Newer       `json:"newer,omitempty"`      // rounds missed since, if this is the feed's newest answer
	Anchoring   *Anchoring   `json:"anchoring,omitempty"`
	Gone        []string     `json:"gone,omitempty"`
	Broken      []string     `json:"broken,omitempty"`
}

// An Attestation is the answer that stands, and what a verifier says of it.
type Attestation struct {
	Verdict  verify.Verdict `json:"verdict"` // without a pinned network: the journal is the node's own
	Network  dodona.Network `json:"network"`
	K        int            `json:"k"`
	N        int            `json:"n"`
	Observed dodona.Digest  `json:"observed"` // of the observations behind it
	Appended time.Time      `json:"appended"`
}

// An Observation is what the node signed.
type Observation struct {
	Node     string         `json:"node"`
	Signer   dodona.Address `json:"signer"`
	Origin   dodona.Origin  `json:"origin"`
	Program  dodona.Digest  `json:"program"`            // of version and rules
	Digest   dodona.Digest  `json:"digest,omitzero"`    // what was signed; zero while the network is not known
	Verified *bool          `json:"verified,omitempty"` // whether Signer signed Digest; nil while the network is not known
	Appended time.Time      `json:"appended"`
}

// A Module is the WebAssembly that made the points of a round.
type Module struct {
	dodona.Module
	Ran  bool   `json:"ran"`            // false: it was not there, or was refused, and the round was missed
	Fuel uint64 `json:"fuel"`           // that it used
	Told int    `json:"told,omitempty"` // bytes that capabilities told it, which the origin binds
}

// An Input is what one source gave, and which of its readings are still kept.
type Input struct {
	dodona.Input                 // of one that was given to a module, with the value and time that its rules took from the readings
	Unit         string          `json:"unit,omitempty"`    // that its point says
	Quality      *dodona.Quality `json:"quality,omitempty"` // of its point; absent where there is none
	Readings     []Reading       `json:"readings,omitempty"`
}

// A Reading is one reading behind an input.
type Reading struct {
	dodona.ReadingRef
	Kept        bool   `json:"kept"`               // whether the journal still has its bytes
	Exchange    string `json:"exchange,omitempty"` // the ID of its record
	ContentType string `json:"contentType,omitempty"`
	Excerpt     string `json:"excerpt,omitempty"` // the start of the body, if it is text
}

// A Rejection says why the validator refused an observation of the round.
type Rejection struct {
	Reason  string        `json:"reason"`
	Message string        `json:"message"`
	ID      string        `json:"id"`
	Node    string        `json:"node"`
	Feed    string        `json:"feed"`
	Round   dodona.Round  `json:"round"`
	Digest  dodona.Digest `json:"digest"` // of the refused record's body
}

// notAnchored stands where the anchor will.
const notAnchored = "not anchored yet"

// Options are what a story may look for beside the round itself.
type Options struct {
	Sinks []string // whose receipts and intents are told
	// Held says why a sink does not send an answer after the last one that it sent, by its policy as it is now; empty: it does. Nil: nobody knows.
	Held     func(sink string, last, next dodona.Answer) string
	Points   []PointSink      // that deliver the points of readings, whoever asks for them
	Decoders program.Decoders // of kinds that make points of their readings, for what a module was given
}

// Round tells the story of one round of a feed. A round of which nothing is kept is [dodona.ErrNotFound], with the
// nearest one that is; evidence that retention took is named in the story. Other errors are the journal's.
func Round(ctx context.Context, l dodona.Ledger, feed string, round dodona.Round, o Options) (Story, error) {
	t := teller{Story: Story{Feed: feed, Round: round, At: round.Time(), Anchored: notAnchored}, ledger: l, decoders: o.Decoders, points: o.Points}
	err := t.tell(ctx, o.Sinks)
	if err == nil {
		err = t.held(ctx, o)
	}
	if err != nil {
		return Story{}, fmt.Errorf("explain: %w", err)
	}
	return t.Story, nil
}
