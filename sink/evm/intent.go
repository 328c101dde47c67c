package evm

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
)

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

// over reports whether nothing more will be done.
func (s State) over() bool { return s == Final || s == Superseded || s == Reverted || s == Dead }

// inFlight reports whether a nonce is taken and its fate is not decided.
func (s State) inFlight() bool { return s == Signed || s == Sent || s == Mined }

// A Payload is an answer and how the contract takes it.
type Payload struct {
	Topic    dodona.Topic  `json:"topic"`
	Feed     string        `json:"feed"`   // the record's key
	Record   string        `json:"record"` // the record's ID
	Round    dodona.Round  `json:"round"`
	Value    dodona.Int192 `json:"value"`
	Slot     dodona.Digest `json:"slot,omitzero"` // of the contract's storage
	Data     hexBytes      `json:"data"`          // the contract's input
	Attested time.Time     `json:"attested"`
	Network  dodona.Digest `json:"network,omitzero"` // whose quorum signed it; zero: an older version did not say
	Passed   uint64        `json:"passed,omitempty"` // answers of the feed before it that were not sent
}

// An Attempt is one transaction that was signed for an intent. All of one intent have its nonce, so that the chain
// takes one of them.
type Attempt struct {
	Raw    hexBytes       `json:"raw"`
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
	GasUsed  uint64        `json:"gasUsed"`
	GasPrice uint64        `json:"gasPrice"`      // wei for each unit of gas
	Why      string        `json:"why,omitempty"` // it was reverted, in words; empty: nobody has said it
}

// receipt returns what was seen of a block, as a receipt.
func (b *Block) receipt() *ethrpc.Receipt {
	return &ethrpc.Receipt{Tx: b.Tx, Block: b.Number, BlockHash: b.Hash, OK: b.OK, GasUsed: b.GasUsed, GasPrice: b.GasPrice}
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

	lastSend time.Time // when its bytes went out last
	since    time.Time // when it was last found to be in no block any more
	bumpNow  bool      // a node says that it pays too little
	tooPoor  bool      // a node said so of an attempt, and none was taken since
	gasWrong bool      // a node says that its gas limit is too low or too high
	tooOld   int       // answers in a row that its nonce is used
	tookBy   int       // the endpoint that took its bytes first, in this process
	copied   bool      // another one took them too
	blankAt  time.Time // since when an endpoint shows neither its receipt nor its block
	lost     int       // views in a row in which the nonce is used and no attempt is in a block
	lostAt   time.Time // the first of them
	mute     bool      // no endpoint answered what it takes, the last time
	badAt    time.Time // when it was seen reverted in a block, in this process
}

// An entry is the body of an intent's record.
type entry struct {
	Chain  uint64         `json:"chain"`
	Sender dodona.Address `json:"sender"`
	Top    uint64         `json:"top"`  // the highest number given so far
	Open   uint64         `json:"open"` // the lowest number that was not over; Top+1 if none
	Next   uint64         `json:"next"` // the lowest nonce that was not given yet, as far as is known
	Intent Intent         `json:"intent"`

	LeastTip   uint64     `json:"leastTip,omitempty"` // that the pool was heard to take, wei for each unit of gas
	LeastTipAt time.Time  `json:"leastTipAt,omitzero"`
	Alone      *loneNonce `json:"alone,omitempty"` // how many were sent, on the word of one endpoint alone
}

func (e entry) record(sink string) (dodona.Record, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return dodona.Record{}, fmt.Errorf("write intent %d: %w", e.Intent.Number, err)
	}
	id := fmt.Sprintf("%d.%d", e.Intent.Number, e.Intent.Step)
	return dodona.Record{Topic: dodona.TopicIntent, Key: sink, ID: id, Body: body}, nil
}

func parseEntry(rec dodona.Record) (e entry, err error) {
	if err := json.Unmarshal(rec.Body, &e); err != nil {
		return e, fmt.Errorf("read intent %s: %w", rec.ID, err)
	}
	return e, nil
}

// plannedBefore tells the entries that were written before the intent with the given number was planned.
func plannedBefore(number uint64) func(dodona.Record) bool {
	return func(rec dodona.Record) bool {
		e, err := parseEntry(rec)
		return err != nil || e.Top < number
	}
}

// notGivenBefore tells the entries that were written before a sender gave a nonce on a chain.
func notGivenBefore(chain uint64, sender dodona.Address, nonce uint64) func(dodona.Record) bool {
	return func(rec dodona.Record) bool {
		e, err := parseEntry(rec)
		return err != nil || e.Chain != chain || e.Sender != sender || e.Next <= nonce
	}
}

// mend makes a state that was read fit what it stands on: a record may have been written by another version.
func (i *Intent) mend() {
	switch {
	case len(i.Attempts) == 0:
		i.State, i.Block = Planned, nil
	case i.State == Mined && i.Block == nil:
		i.State = Sent
	case i.State != Mined:
		i.Block = nil
	}
	if _, found := i.taken(); !found && len(i.Attempts) > 0 && i.State != Signed { // an older version did not say
		i.Attempts[len(i.Attempts)-1].Taken = true
	}
	if !i.State.inFlight() && i.State != Planned {
		i.State = Sent
	}
}

// taken returns the newest attempt that a node took, and whether there is one.
func (i *Intent) taken() (Attempt, bool) {
	for _, a := range slices.Backward(i.Attempts) {
		if a.Taken {
			return a, true
		}
	}
	return Attempt{}, false
}

// spare makes room for one more attempt: the oldest that no node took is let go. It reports whether there is room.
func (i *Intent) spare() bool {
	if len(i.Attempts) < mostBumps {
		return true
	}
	for at, a := range i.Attempts {
		if !a.Taken {
			i.Attempts = slices.Delete(i.Attempts, at, at+1)
			return true
		}
	}
	return false
}

// outran returns the attempt that made it though a newer answer was to take its place: the one that the block has, or of the round that
// the contract holds. false: what made it is the payload, or not known.
func (i *Intent) outran(is func(Attempt) bool) (Attempt, bool) {
	at := slices.IndexFunc(i.Attempts, is)
	if at < 0 || i.Payload == nil || i.Attempts[at].Round == i.Payload.Round {
		return Attempt{}, false
	}
	return i.Attempts[at], true
}

// pardon forgets that a contract reverted an intent.
func (i *Intent) pardon() {
	i.Reverts, i.RevertedBy, i.RevertedFor, i.NotUntil = 0, dodona.Address{}, "", time.Time{}
}

// tried returns the round that a block has of an intent, which may be an older one than that of its payload.
func (i *Intent) tried() dodona.Round {
	if a, outran := i.outran(i.inBlock); outran {
		return a.Round
	}
	return i.Payload.Round
}

// inBlock reports whether a block has an attempt.
func (i *Intent) inBlock(a Attempt) bool { return i.Block != nil && a.Hash == i.Block.Tx }

// last returns the newest attempt.
func (i *Intent) last() Attempt { return i.Attempts[len(i.Attempts)-1] }

// place returns where it delivers to; empty if nowhere.
func (i *Intent) place() string {
	if i.Payload == nil {
		return ""
	}
	return i.Payload.place()
}

// takeTrouble has an intent wait as long as another one of its place whose contract reverted it, and count as reverted as often.
func (i *Intent) takeTrouble(of *Intent) {
	i.Reverts, i.RevertedBy, i.RevertedFor = max(i.Reverts, of.Reverts), of.RevertedBy, of.RevertedFor
	if i.NotUntil.Before(of.NotUntil) {
		i.NotUntil = of.NotUntil
	}
}

// place names the slot that a payload goes to. A feed has one for all its answers, and is named as the feed; every anchor
// has one of its own.
func (p *Payload) place() string {
	if p.anchor() {
		return p.Feed + "@" + p.Record
	}
	return p.Feed
}

func (p *Payload) anchor() bool { return p.Topic == dodona.TopicAnchor }
