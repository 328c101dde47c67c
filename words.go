package dodona

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Quality says how far a value can be trusted, in the words of OPC UA part 8.
type Quality uint8

// The qualities, best first.
const (
	Good      Quality = iota
	Uncertain         // usable, with a reason for doubt
	Bad               // not usable; the reason says why
)

var qualityNames = [...]string{"good", "uncertain", "bad"}

// String returns good, uncertain or bad.
func (q Quality) String() string {
	if int(q) < len(qualityNames) {
		return qualityNames[q]
	}
	return "quality(" + strconv.Itoa(int(q)) + ")"
}

// MarshalText writes good, uncertain or bad.
func (q Quality) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText reads good, uncertain or bad; anything else is an error.
func (q *Quality) UnmarshalText(text []byte) error {
	for i, name := range qualityNames {
		if string(text) == name {
			*q = Quality(i)
			return nil
		}
	}
	return fmt.Errorf("quality %q: want good, uncertain or bad", text)
}

// A Reading is the raw bytes one source delivered for one item at one instant.
type Reading struct {
	Source      string    `json:"source"`                // the source's name in the configuration
	Item        string    `json:"item"`                  // a topic, node id, "1/holding/100"; empty where a source has one
	Body        []byte    `json:"body"`                  // as the peer sent it
	ContentType string    `json:"contentType,omitempty"` // a media type (RFC 6838) where the peer names one
	SourceTime  time.Time `json:"sourceTime,omitzero"`   // when the peer says it measured; zero if it does not say
	Received    time.Time `json:"received"`              // when it arrived here, by this node's clock
	Quality     Quality   `json:"quality"`
	Detail      string    `json:"detail,omitempty"` // the exchange in words, such as "GET api.kraken.com 200, 38 ms"; not part of the digest
}

// A Point is one typed value out of readings.
type Point struct {
	ID      string    `json:"id"`               // "kraken", or "boiler.temperature" where a source has several
	Value   Decimal   `json:"value"`            // in Unit; meaningless if Quality is Bad
	Unit    string    `json:"unit,omitempty"`   // a UCUM code or an ISO 4217 one
	Time    time.Time `json:"time,omitzero"`    // when it was measured, or else received
	Quality Quality   `json:"quality"`          //
	Reason  string    `json:"reason,omitempty"` // why the quality is not good
}

// Kind is what a feed's value means.
type Kind string

// The kinds of feeds. No free text is ever signed.
const (
	Number Kind = "number" // a fixed-point number with the feed's decimals
	Bool   Kind = "bool"   // 0 or 1, decimals 0
	Enum   Kind = "enum"   // an index into the feed's labels, decimals 0
)

// A Feed is the identity of a named question: everything that goes into its id, and nothing else.
// How the answer is found belongs to the feed's rules (package feed).
type Feed struct {
	Name     string   `json:"name"`
	Kind     Kind     `json:"kind"`
	Unit     string   `json:"unit"`
	Decimals uint8    `json:"decimals"`
	Labels   []string `json:"labels,omitempty"` // of an enum, in order
}

// Format writes a scaled value of this feed for people: "43218.55 USD", "on", "true".
func (f Feed) Format(v Int192) string {
	switch f.Kind {
	case Bool:
		return strconv.FormatBool(!v.IsZero())
	case Enum:
		if i, ok := v.Int64(); ok && i >= 0 && i < int64(len(f.Labels)) {
			return f.Labels[i]
		}
		return v.String()
	}
	s := v.Decimal(f.Decimals).String()
	if f.Unit != "" {
		s += " " + f.Unit
	}
	return s
}

// CheckValue returns an error unless v can be an answer of f: anything for a number, 0 or 1 for a bool, the index of
// one of the labels for an enum.
func (f Feed) CheckValue(v Int192) error {
	most := int64(1)
	switch f.Kind {
	case Number:
		return nil
	case Bool:
	case Enum:
		most = int64(len(f.Labels)) - 1
	default:
		return fmt.Errorf("a feed of kind %.40q has no values: want number, bool or enum", f.Kind)
	}
	if i, fits := v.Int64(); !fits || i < 0 || i > most {
		return fmt.Errorf("value %s of a feed of kind %s: want 0 to %d", v, f.Kind, most)
	}
	return nil
}

// A Round is the instant a feed's answer speaks for: Unix milliseconds on the feed's grid,
// sequence number and timestamp in one.
type Round uint64

// RoundAt returns the round that speaks for t. Times before 1970 give 0.
func RoundAt(t time.Time) Round {
	if ms := t.UnixMilli(); ms > 0 {
		return Round(ms)
	}
	return 0
}

// Time returns the instant of r in UTC.
func (r Round) Time() time.Time { return time.UnixMilli(int64(min(uint64(r), math.MaxInt64))).UTC() }

// ID returns r as the ID of its records: Unix milliseconds in decimal.
func (r Round) ID() string { return strconv.FormatUint(uint64(r), 10) }

// String returns r as RFC 3339 with milliseconds where it has any.
func (r Round) String() string { return r.Time().Format("2006-01-02T15:04:05.999Z07:00") }

// An Origin says where an observation came from: which program, over which readings.
type Origin struct {
	Version      Digest `json:"version"`      // of the transform
	Rules        Digest `json:"rules"`        // of the shared part of the feed
	ReadingsRoot Digest `json:"readingsRoot"` // over the salted digests of the readings
}

// An Observation is one node's own signed answer for (feed, round), with its origin.
type Observation struct {
	Feed      FeedID    `json:"feed"`
	Name      string    `json:"name"` // the feed's name, for people and for subjects; bound by Feed
	Round     Round     `json:"round"`
	Value     Int192    `json:"value"` // scaled by the feed's decimals
	Origin    Origin    `json:"origin"`
	Signer    Address   `json:"signer"`
	Signature Signature `json:"signature"`
}

// A Report is the answer that stands: canonical bytes, hence one digest.
type Report struct {
	Feed  FeedID `json:"feed"`
	Round Round  `json:"round"`
	Value Int192 `json:"value"` // scaled by the feed's decimals
}

// An Attestation is a report, the signatures behind it, and the digest of the observations it came from.
type Attestation struct {
	Report     Report      `json:"report"`
	Observed   Digest      `json:"observed"`
	Signatures []Signature `json:"signatures"` // ascending by signer
}

// A Quorum says whose signatures count and how many are enough. One node alone is the quorum 1 of 1.
type Quorum struct {
	Scheme  string    `json:"scheme"` // "ecdsa" or "frost"
	K       int       `json:"k"`
	Members []Address `json:"members"` // ascending

	// Key speaks for a quorum of scheme frost. Its k and members are zero and empty: the digest does not bind them, so a
	// stranger could not believe them.
	Key *GroupKey `json:"key,omitempty"`
}

// MaxMembers is the most members a quorum may have.
const MaxMembers = 128

// LeastK returns how many of n members must sign at least: ⌊(n+f)/2⌋ + 1, where f = ⌊(n−1)/3⌋ of them may be arbitrary.
func LeastK(n int) int { return (n+(n-1)/3)/2 + 1 }

// Check returns an error unless q is a quorum that a verifier accepts: scheme "ecdsa", 1 to [MaxMembers] members,
// none zero, strictly ascending, and [LeastK] ≤ k ≤ n, without a group key; or scheme "frost" with a group key and nothing
// else. Whether the key is a point is for package secp to say.
func (q Quorum) Check() error {
	n := len(q.Members)
	switch {
	case q.Scheme == "frost":
		return q.checkGroup()
	case q.Scheme != "ecdsa":
		return fmt.Errorf("quorum scheme %q: want ecdsa or frost", q.Scheme)
	case q.Key != nil:
		return fmt.Errorf("quorum of scheme ecdsa with a group key: it has members only")
	case n == 0 || n > MaxMembers:
		return fmt.Errorf("quorum of %d members: want 1 to %d", n, MaxMembers)
	case q.K < LeastK(n) || q.K > n:
		return fmt.Errorf("quorum %d of %d: k must be %d to %d, so that no two halves can both be enough", q.K, n, LeastK(n), n)
	}
	var before Address
	for _, m := range q.Members {
		if bytes.Compare(m[:], before[:]) <= 0 {
			return fmt.Errorf("quorum member %s: members must be strictly ascending and not zero", m)
		}
		before = m
	}
	return nil
}

func (q Quorum) checkGroup() error {
	if q.Key == nil || q.K != 0 || len(q.Members) > 0 {
		return fmt.Errorf("quorum of scheme frost: want a group key, k 0 and no members, which its digest would not bind")
	}
	return nil
}

// A Network is a name and the first quorum that ever spoke under it; the two make its id, for life.
type Network struct {
	Name  string `json:"name"`
	First Digest `json:"first"` // digest of the first quorum
}

// An Answer is an attestation with everything a stranger needs to verify it: what travels on the bus,
// over the API and into files.
type Answer struct {
	Network     Network     `json:"network"`
	Quorum      Quorum      `json:"quorum"`
	Feed        Feed        `json:"feed"`
	Attestation Attestation `json:"attestation"`
}

// A Claim is one digest that a key wants to sign: at most one per (network, type, subject) and round,
// recorded before it is signed.
type Claim struct {
	Network  Digest `json:"network"`
	Type     string `json:"type"`    // the EIP-712 type in lower case: "report", "observation", "anchor"
	Subject  string `json:"subject"` // the feed's name; of an anchor "series"
	Round    Round  `json:"round"`
	Digest   Digest `json:"digest"`   // what will be signed
	Observed Digest `json:"observed"` // of the observations behind a report; zero for an observation
}

// A Topic is the kind of a record; it decides stream, retention and idempotence.
type Topic string

// The topics. Reading and round records stay on the node; the others are proof and kept long.
const (
	TopicReading     Topic = "reading"     // key: source; body: a JSON [Exchange]
	TopicRound       Topic = "round"       // key: feed; body: a JSON [Bundle] without raw readings
	TopicObservation Topic = "observation" // key: feed; body: a JSON [Observation]
	TopicClaim       Topic = "claim"       // key: type.feed.signer; body: a JSON [Claim]
	TopicData        Topic = "data"        // key: feed; body: a JSON [Answer]
	TopicLeaf        Topic = "leaf"        // key: "plan", "part"; body: what an anchor is over, in pieces (package anchor)
	TopicAnchor      Topic = "anchor"      // key: "series"; id: the end of the window; body: a JSON [Anchored]
	TopicIntent      Topic = "intent"      // key: sink; body: what a sink is about to do (package sink/evm)
	TopicReceipt     Topic = "receipt"     // key: sink; body: a JSON [Receipt]
	TopicEvent       Topic = "event"       // key: what happened: "rejected", "conflict", "unsigned", "late", "loss"
)

// A Record is what the journal keeps. The caller fills the first six; the journal fills the rest.
type Record struct {
	Topic Topic  `json:"topic"`
	Key   string `json:"key"`
	ID    string `json:"id"`   // appending the same (Topic, Key, ID) again changes nothing
	Node  string `json:"node"` // the node that appends; empty means the journal's own
	Body  []byte `json:"body"`

	// After is the ID of the record of this key that the writer decided on, empty if there was none. A claim, data or
	// anchor record is appended only if that one is still the newest: [ErrConflict] otherwise. Others leave it empty.
	// It is not kept.
	After string `json:"-"`

	Appended time.Time `json:"appended,omitzero"` // when the journal took it, by its node's clock
	Sequence uint64    `json:"sequence"`          // the node's own, per stream, without holes
	Previous Digest    `json:"previous"`          // of the node's record before this one in the stream
}

// Round returns the round that the record's ID names, and whether it names one: the records of rounds, observations
// and answers are filed by it.
func (r Record) Round() (Round, bool) {
	ms, err := strconv.ParseUint(r.ID, 10, 64)
	if err != nil {
		return 0, false
	}
	return Round(ms), true
}

// Before returns a function that tells the records of rounds before r, by which a journal finds those of r and later
// ones. A record that is of no round counts as before.
func (r Round) Before() func(Record) bool {
	return func(rec Record) bool {
		round, found := rec.Round()
		return !found || round < r
	}
}

// An Exchange is the body of a reading record: a batch as it is journaled.
type Exchange struct {
	Readings []Reading `json:"readings"`
	Cursor   []byte    `json:"cursor,omitempty"`
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

	State   map[string][]byte `json:"state,omitempty"` // what the module keeps for its next round
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

// A Module is a Wasm transform, named by the SHA-256 of its bytes (never a Go module).
type Module struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  Digest `json:"digest"`
}

// CheckName returns an error unless name can be a subject of the bus: up to maxTokens tokens joined by
// points, each of a–z, 0–9 and hyphens, 63 at most, not beginning with a hyphen.
func CheckName(name string, maxTokens int) error {
	tokens := strings.Split(name, ".")
	if len(tokens) > maxTokens {
		return fmt.Errorf("name %q: %d parts, at most %d are allowed", name, len(tokens), maxTokens)
	}
	for _, token := range tokens {
		if !isToken(token) {
			return fmt.Errorf("name %q: each part must be 1 to 63 of a-z, 0-9 and hyphens, beginning with a letter or digit", name)
		}
	}
	return nil
}

func isToken(s string) bool {
	if len(s) == 0 || len(s) > 63 || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
