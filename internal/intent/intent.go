// Package intent is what a sink journals of a transaction before it sends it, and after: the body of a record of
// [dodona.TopicIntent]. Package sink/evm writes it and goes on by it; a story reads it.
package intent

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
)

// An Entry is the body of an intent's record.
type Entry struct {
	Chain  uint64         `json:"chain"`
	Sender dodona.Address `json:"sender"`
	Top    uint64         `json:"top"`  // the highest number given so far
	Open   uint64         `json:"open"` // the lowest number that was not over; Top+1 if none
	Next   uint64         `json:"next"` // the lowest nonce that was not given yet, as far as is known
	Intent Intent         `json:"intent"`

	LeastTip   uint64    `json:"leastTip,omitempty"` // that the pool was heard to take, wei for each unit of gas
	LeastTipAt time.Time `json:"leastTipAt,omitzero"`
	Alone      *Alone    `json:"alone,omitempty"` // how many were sent, on the word of one endpoint alone
}

// An Intent is one nonce, or the wish for one, and what became of it.
type Intent struct {
	Number   uint64    `json:"number"`
	Step     int       `json:"step"` // how often it was journaled
	State    State     `json:"state"`
	Payload  *Payload  `json:"payload,omitempty"` // nil: it only fills a hole in the nonces
	Nonce    uint64    `json:"nonce,omitempty"`   // once it is signed
	Attempts []Attempt `json:"attempts,omitempty"`
	Block    *Block    `json:"block,omitempty"`
	Reverts  int       `json:"reverts,omitempty"`  // of its answer, in blocks
	Refusals int       `json:"refusals,omitempty"` // in a row, of a node that tried it beforehand
	NotUntil time.Time `json:"notUntil,omitzero"`

	RevertedBy  dodona.Address `json:"revertedBy,omitzero"`   // the contract that did, last; zero: an older version did not say
	RevertedFor string         `json:"revertedFor,omitempty"` // why, the last time; empty: nobody said it
}

// State says how far an intent came. Each is journaled before what it allows is done.
type State string

// The states of an intent.
const (
	Planned    State = "planned"    // to be sent; has no nonce
	Signed     State = "signed"     // its nonce and its bytes are journaled; it may be sent from now on
	Sent       State = "sent"       // a node took the bytes
	Mined      State = "mined"      // in a block, not deep enough yet
	Final      State = "final"      // deep enough
	Superseded State = "superseded" // needless: the chain has a newer answer, or another took its place
	Reverted   State = "reverted"   // in a block, deep enough, without effect
	Dead       State = "dead"       // passed over: its contract refuses it, and too many wait
)

// Over reports whether nothing more will be done.
func (s State) Over() bool { return s == Final || s == Superseded || s == Reverted || s == Dead }

// InFlight reports whether a nonce is taken and its fate is not decided.
func (s State) InFlight() bool { return s == Signed || s == Sent || s == Mined }

// A Payload is an answer and how the contract takes it.
type Payload struct {
	Topic    dodona.Topic  `json:"topic"`
	Feed     string        `json:"feed"`   // the record's key
	Record   string        `json:"record"` // the record's ID
	Round    dodona.Round  `json:"round"`
	Value    dodona.Int192 `json:"value"`
	Slot     dodona.Digest `json:"slot,omitzero"` // of the contract's storage
	Data     Bytes         `json:"data"`          // the contract's input
	Attested time.Time     `json:"attested"`
	Network  dodona.Digest `json:"network,omitzero"`   // whose quorum signed it; zero: an older version did not say
	Decimals uint8         `json:"decimals,omitempty"` // of the feed; an older version did not say
	Passed   uint64        `json:"passed,omitempty"`   // answers of the feed before it that were not sent
}

// Anchor reports whether it is an anchor.
func (p *Payload) Anchor() bool { return p.Topic == dodona.TopicAnchor }

// Place names the slot that a payload goes to. A feed has one for all its answers, and is named as the feed; every anchor
// has one of its own.
func (p *Payload) Place() string {
	if p.Anchor() {
		return p.Feed + "@" + p.Record
	}
	return p.Feed
}

// An Attempt is one transaction that was signed for an intent. All of one intent have its nonce, so that the chain
// takes one of them.
type Attempt struct {
	Raw    Bytes          `json:"raw"`
	Hash   dodona.Digest  `json:"hash"`
	Tip    uint64         `json:"tip"`              // wei for each unit of gas
	FeeCap uint64         `json:"feeCap"`           // wei for each unit of gas
	Gas    uint64         `json:"gas"`              // the limit
	To     dodona.Address `json:"to,omitzero"`      // the contract, which the configuration may have changed since
	Round  dodona.Round   `json:"round"`            // what it delivers
	Record string         `json:"record"`           // whose ID
	Passed uint64         `json:"passed,omitempty"` // as its payload's
	At     time.Time      `json:"at"`
	Taken  bool           `json:"taken,omitempty"` // a node took it, so that another one must pay more
}

// A Block is where the chain put an attempt.
type Block struct {
	Tx       dodona.Digest `json:"tx"`
	Number   uint64        `json:"number"`
	Hash     dodona.Digest `json:"hash"`
	OK       bool          `json:"ok"`
	GasUsed  uint64        `json:"gasUsed,omitzero"`   // 0: the endpoint did not say
	GasPrice *uint64       `json:"gasPrice,omitempty"` // wei that each unit of gas cost; nil: not known
	Why      string        `json:"why,omitempty"`      // it was reverted, in words; empty: nobody has said it
}

// Alone is how many transactions were sent with the key, on the word of one endpoint.
type Alone struct {
	Level uint64    `json:"level"` // so many
	Next  uint64    `json:"next"`  // the next nonce to give
	By    int       `json:"by"`    // the endpoint
	Clock time.Time `json:"clock"` // the chain's, when it said so last
	At    time.Time `json:"at"`    // ours
}

// Record returns the record of an entry.
func (e Entry) Record(sink string) (dodona.Record, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return dodona.Record{}, fmt.Errorf("write intent %d: %w", e.Intent.Number, err)
	}
	id := fmt.Sprintf("%d.%d", e.Intent.Number, e.Intent.Step)
	return dodona.Record{Topic: dodona.TopicIntent, Key: sink, ID: id, Body: body}, nil
}

// Parse returns the entry of a record.
func Parse(rec dodona.Record) (e Entry, err error) {
	if err := json.Unmarshal(rec.Body, &e); err != nil {
		return e, fmt.Errorf("read intent %s: %w", rec.ID, err)
	}
	return e, nil
}
