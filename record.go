package dodona

import (
	"strconv"
	"time"
)

// A Topic is the kind of a record; it decides stream, retention and idempotence.
type Topic string

// The topics. Reading and round records stay on the node; the others are proof and kept long.
const (
	TopicReading     Topic = "reading"     // key: source; body: a JSON [Exchange]
	TopicRound       Topic = "round"       // key: feed; body: a JSON [Bundle] without raw readings
	TopicObservation Topic = "observation" // key: feed; body: a JSON [Observation]
	TopicClaim       Topic = "claim"       // key: type.feed.signer, the type of votes and signatures being "report"; body: a JSON [Claim], and what stands (package sign)
	TopicData        Topic = "data"        // key: feed; body: a JSON [Answer]
	TopicLeaf        Topic = "leaf"        // key: "plan", "part"; body: what an anchor is over, in pieces (package anchor)
	TopicAnchor      Topic = "anchor"      // key: "series"; id: the end of the window; body: a JSON [Anchored]
	TopicIntent      Topic = "intent"      // key: sink; body: what a sink is about to do (package sink/evm)
	TopicReceipt     Topic = "receipt"     // key: sink; body: a JSON [Receipt]
	TopicEvent       Topic = "event"       // key: what happened, one of those below
)

// The keys of events.
const (
	EventRejected = "rejected" // the validator refused an observation (package quorum)
	EventConflict = "conflict" // a round was not signed: the key has claimed another answer of it, or a later round
	EventUnsigned = "unsigned" // a round was computed and never signed: it closed before, or the signer refused and knows of no other answer
	EventLate     = "late"     // an observation was signed in time and kept after its round had closed, so it counts for nothing
	EventDropped  = "dropped"  // the journal can never take something
	EventLoss     = "loss"     // records are gone that should be there (package journal)
	EventReader   = "reader"   // what becomes of a reader that nothing configures (package journal)
	EventDelivery = "delivery" // what a sink tells about itself (package sink)
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

// A Claim is one digest that a key wants to sign: at most one per (network, type, subject) and round,
// recorded before it is signed.
type Claim struct {
	Network  Digest `json:"network"`
	Type     string `json:"type"`    // what becomes of it: one of the types below
	Subject  string `json:"subject"` // the feed's name; of an anchor "series"
	Round    Round  `json:"round"`
	Digest   Digest `json:"digest"`   // what will be signed; of a vote what others will, if enough vote for it
	Observed Digest `json:"observed"` // of the observations behind a report; zero for an observation
}

// The types of claims. Those of a report are filed together, and keep each other in order.
const (
	ClaimObservation = "observation"
	ClaimAnchor      = "anchor"
	ClaimReport      = "report"    // a vote and a signature at once, where one vote is enough
	ClaimVote        = "vote"      // binds the key to a report; its signature is nil
	ClaimSignature   = "signature" // of a report that enough members voted for, whatever this one did
)

// A Receipt is what a sink did with a record: a transaction, an HTTP status.
type Receipt struct {
	Sink    string        `json:"sink"`
	Topic   Topic         `json:"topic"`  // of the record
	Key     string        `json:"key"`    // of the record: the feed
	Record  string        `json:"record"` // the record's ID
	Status  ReceiptStatus `json:"status"`
	Detail  string        `json:"detail,omitempty"`
	At      time.Time     `json:"at"`
	Late    bool          `json:"late,omitempty"`   // it waited for more than a minute
	Passed  uint64        `json:"passed,omitempty"` // records of the key that did not go because this one did: superseded, or not due
	OnChain *OnChain      `json:"onChain,omitempty"`
}

// ReceiptStatus says what became of a record.
type ReceiptStatus string

// The statuses of receipts. A record may have several, the last one counts.
const (
	ReceiptDelivered  ReceiptStatus = "delivered"  // the peer took it
	ReceiptMined      ReceiptStatus = "mined"      // a block has it
	ReceiptFinal      ReceiptStatus = "final"      // a block has it, deep enough
	ReceiptSuperseded ReceiptStatus = "superseded" // needless: something newer is there
	ReceiptReverted   ReceiptStatus = "reverted"   // the contract refused it in a block; it is tried again
	ReceiptDead       ReceiptStatus = "dead"       // refused for good, given up
)

// An OnChain is where a chain keeps what was delivered.
type OnChain struct {
	Chain     uint64  `json:"chain"` // its id
	Contract  Address `json:"contract"`
	Slot      Digest  `json:"slot"` // of the contract's storage
	Sender    Address `json:"sender"`
	Tx        Digest  `json:"tx"`
	Block     uint64  `json:"block"`
	BlockHash Digest  `json:"blockHash"`
	GasUsed   uint64  `json:"gasUsed,omitzero"`   // 0: the endpoint did not say
	GasPrice  *uint64 `json:"gasPrice,omitempty"` // wei that each unit of gas cost; nil: the endpoint did not say
}
