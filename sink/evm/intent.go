package evm

import (
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/intent"
)

// What is journaled of intents is in package intent.
type (
	State   = intent.State
	Payload = intent.Payload
	Attempt = intent.Attempt
	Block   = intent.Block
)

// The states of an intent.
const (
	Planned    = intent.Planned
	Signed     = intent.Signed
	Sent       = intent.Sent
	Mined      = intent.Mined
	Final      = intent.Final
	Superseded = intent.Superseded
	Reverted   = intent.Reverted
	Dead       = intent.Dead
)

// An Intent is one as it is journaled, and what this process knows of it beside that.
type Intent struct {
	intent.Intent

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

// receiptOf returns what was seen of a block, as a receipt.
func receiptOf(b *Block) *ethrpc.Receipt {
	return &ethrpc.Receipt{Tx: b.Tx, Block: b.Number, BlockHash: b.Hash, OK: b.OK, GasUsed: b.GasUsed, GasPrice: b.GasPrice}
}

// price returns what each unit of gas cost that a transaction of the intent used: as the receipt says or, if it does not, as the transaction
// does. One whose tip is all that it may pay, such as each on a chain without EIP-1559, pays that; what another one pays depends on the base fee of its
// block. nil: not known.
func (i *Intent) price(of *ethrpc.Receipt) *uint64 {
	if of.GasPrice != nil {
		return of.GasPrice
	}
	at := slices.IndexFunc(i.Attempts, func(a Attempt) bool { return a.Hash == of.Tx })
	if at < 0 || i.Attempts[at].Tip != i.Attempts[at].FeeCap {
		return nil
	}
	price := i.Attempts[at].FeeCap
	return &price
}

// plannedBefore tells the entries that were written before the intent with the given number was planned.
func plannedBefore(number uint64) func(dodona.Record) bool {
	return func(rec dodona.Record) bool {
		e, err := intent.Parse(rec)
		return err != nil || e.Top < number
	}
}

// notGivenBefore tells the entries that were written before a sender gave a nonce on a chain.
func notGivenBefore(chain uint64, sender dodona.Address, nonce uint64) func(dodona.Record) bool {
	return func(rec dodona.Record) bool {
		e, err := intent.Parse(rec)
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
	if !i.State.InFlight() && i.State != Planned {
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
	return i.Payload.Place()
}

// takeTrouble has an intent wait as long as another one of its place whose contract reverted it, and count as reverted as often.
func (i *Intent) takeTrouble(of *Intent) {
	i.Reverts, i.RevertedBy, i.RevertedFor = max(i.Reverts, of.Reverts), of.RevertedBy, of.RevertedFor
	if i.NotUntil.Before(of.NotUntil) {
		i.NotUntil = of.NotUntil
	}
}
