package dodona

import (
	"encoding/json"
	"time"
)

// A Bundle is everything needed to replay a round: readings, transcript, versions, fuel, points.
// In the journal its readings are named by digest; an exported bundle carries them whole, with their salts.
type Bundle struct {
	Feed       Feed            `json:"feed"`
	Round      Round           `json:"round"`
	Node       string          `json:"node"`
	Rules      json.RawMessage `json:"rules"` // the shared part of the feed; Origin.Rules is its keccak256
	Inputs     []Input         `json:"inputs"`
	Points     []Point         `json:"points,omitempty"`
	Fuel       uint64          `json:"fuel,omitempty"`
	Transcript []byte          `json:"transcript,omitempty"`

	State   map[string][]byte `json:"state,omitempty"`  // what the module keeps for its next round
	Shadow  *Shadow           `json:"shadow,omitempty"` // what ran beside it; nothing of it is in the origin
	Quality Quality           `json:"quality"`
	Value   *Int192           `json:"value,omitempty"`  // scaled by the feed's decimals; nil if the round was missed
	Missed  string            `json:"missed,omitempty"` // why there is no value
	Origin  Origin            `json:"origin,omitzero"`
	TookMS  int64             `json:"tookMs"` // from the round's start on this node to the value, milliseconds

	Readings    []Reading    `json:"readings,omitempty"`    // exported bundles only: sorted by (source, item, received)
	Observation *Observation `json:"observation,omitempty"` // exported bundles only: what the node signed
	Network     *Network     `json:"network,omitempty"`     // exported bundles only
	Module      []byte       `json:"module,omitempty"`      // exported bundles only: the Wasm that made the points

	TranscriptSalt *Digest `json:"transcriptSalt,omitempty"` // exported bundles only: of the transcript's leaf
}

// A Shadow is what another version of a feed's transform made of the same readings, beside the one that answered: a
// candidate that may not answer yet, or the version before one that does, which goes on in case it must come back.
//
// It decides nothing, and no origin binds it: neither its rules, nor its version, nor its transcript. So it is signed by
// nobody, and worth what the word of the node is worth whose journal kept it; a replay says so.
type Shadow struct {
	Rules      json.RawMessage   `json:"rules"`   // its own in canonical form: what the extraction is in the feed's rules
	Version    Digest            `json:"version"` // zero if it did not run
	Points     []Point           `json:"points,omitempty"`
	Fuel       uint64            `json:"fuel,omitempty"`
	Transcript []byte            `json:"transcript,omitempty"`
	State      map[string][]byte `json:"state,omitempty"`  // what it keeps for its next round: never that of the one that answered
	Failed     string            `json:"failed,omitempty"` // why it made no points
}

// An Input is what one source gave to a round.
type Input struct {
	Source   string       `json:"source"`
	Point    string       `json:"point"`            // the id of the point it was asked for
	Status   InputStatus  `json:"status"`           //
	Reason   string       `json:"reason,omitempty"` // why it was not used, with numbers
	Value    *Decimal     `json:"value,omitempty"`  // what it said, used or not, as shown: a mean of many is rounded; nil if nothing
	Time     time.Time    `json:"time,omitzero"`    // of its point
	Readings []ReadingRef `json:"readings,omitempty"`
}

// InputStatus says what became of one source's value in a round.
type InputStatus string

// The statuses of an input.
const (
	InputUsed    InputStatus = "used"
	InputOutlier InputStatus = "outlier" // too far from the others
	InputStale   InputStatus = "stale"   // measured too long before the round
	InputBad     InputStatus = "bad"     // arrived, but no number could be taken from it
	InputFailed  InputStatus = "failed"  // the exchange failed
	InputLate    InputStatus = "late"    // no answer before the round's deadline
	InputGiven   InputStatus = "given"   // its readings went to a module, which makes other points of them
)

// A ReadingRef names a journaled reading by digest and says where to look for it.
type ReadingRef struct {
	Digest   Digest    `json:"digest"`
	Item     string    `json:"item,omitempty"`
	Received time.Time `json:"received"`
	Size     int       `json:"size"` // bytes of the body
	Detail   string    `json:"detail,omitempty"`
	Salt     *Digest   `json:"salt,omitempty"` // disclosed only in an exported bundle
}

// A Module is a Wasm transform, named by the SHA-256 of its bytes (never a Go module).
type Module struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  Digest `json:"digest"`
}
