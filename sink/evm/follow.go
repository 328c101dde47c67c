package evm

import (
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/evm"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// follow looks for the attempts of an intent in blocks.
func (m *machine) follow(fx *effects, now time.Time, v view, i *Intent) {
	var found *evm.Receipt
	asked := false
	for _, a := range i.Attempts {
		r, known := v.Receipts[a.Hash]
		asked = asked || known
		if r != nil {
			found = r
			break
		}
	}
	switch {
	case !asked:
		return
	case found == nil:
		m.missing(fx, now, v, i)
		return
	}
	i.lost = 0
	if i.Block == nil || i.Block.Hash != found.BlockHash || i.Block.Tx != found.Tx {
		if i.Block != nil {
			m.tell(fx, now, "reorg", fmt.Sprintf("transaction %s moved from block %d to block %d", found.Tx, i.Block.Number, found.Block))
			fx.count(telemetry.SinkReorgs, 1)
		}
		i.State = Mined
		i.Block = &Block{
			Tx: found.Tx, Number: found.Block, Hash: found.BlockHash, OK: found.OK,
			GasUsed: found.GasUsed, GasPrice: found.GasPrice,
		}
		m.write(fx, i)
		if i.Block.OK {
			m.receipt(fx, now, i, dodona.ReceiptMined, "")
		}
	}
	if v.Head.Number+1 < i.Block.Number+m.confirmations {
		return
	}
	m.settle(fx, now, v, i)
}

// missing handles an intent none of whose attempts is in a block.
func (m *machine) missing(fx *effects, now time.Time, v view, i *Intent) {
	if i.State == Mined {
		m.tell(fx, now, "reorg", fmt.Sprintf("transaction %s is in no block any more; it is sent again", i.Block.Tx))
		fx.count(telemetry.SinkReorgs, 1)
		i.State, i.Block, i.lastSend = Sent, nil, time.Time{}
		m.write(fx, i)
	}
	if i.Nonce >= v.Nonce {
		i.lost = 0
		return
	}
	if i.lost++; i.lost == 1 {
		i.lostAt = now
	}
	if i.lost < lostViews || now.Sub(i.lostAt) < lostFor {
		return
	}
	m.tell(fx, now, "nonce", fmt.Sprintf("another transaction of %s took nonce %d; its key must be used by this sink alone", m.sender, i.Nonce))
	m.again(fx, i, Superseded)
}

// again ends an intent, whose nonce is gone, and plans its answer anew if it is still wanted.
func (m *machine) again(fx *effects, i *Intent, end State) {
	p := i.Payload
	i.State = end
	m.write(fx, i)
	if p == nil || m.slots[p.place()].Round >= p.Round {
		return
	}
	if m.policy.Policy == sink.Latest && m.planned(p.place()) != nil {
		return // a newer one waits already
	}
	m.top++
	next := &Intent{Number: m.top, State: Planned, Payload: p, Tries: i.Tries, NotUntil: i.NotUntil}
	// Older answers go first, so that the contract takes all.
	at := slices.IndexFunc(m.open, func(o *Intent) bool { return o.State == Planned && o.place() == p.place() && o.Payload.Round > p.Round })
	if at < 0 {
		at = len(m.open)
	}
	m.open = slices.Insert(m.open, at, next)
	m.write(fx, next)
}

// settle ends an intent that is deep enough in the chain.
func (m *machine) settle(fx *effects, now time.Time, v view, i *Intent) {
	if i.Block.OK {
		i.State = Final
		m.write(fx, i)
		m.receipt(fx, now, i, dodona.ReceiptFinal, "")
		fx.count(telemetry.SinkDelivered, 1)
		return
	}
	if i.Payload == nil {
		i.State = Reverted
		m.write(fx, i)
		return
	}
	fx.count(telemetry.SinkReverted, 1)
	if has := m.slots[i.place()]; has.Round >= i.Payload.Round {
		i.State = Superseded
		m.write(fx, i)
		m.receipt(fx, now, i, dodona.ReceiptSuperseded, fmt.Sprintf("the chain has round %d already", uint64(has.Round)))
		fx.count(telemetry.SinkSuperseded, 1)
		return
	}
	m.receipt(fx, now, i, dodona.ReceiptReverted, "the contract refused it in the block")
	m.tell(fx, now, "reverted", fmt.Sprintf("transaction %s of round %d of %s was reverted in block %d; it is tried again", i.Block.Tx, uint64(i.Payload.Round), i.Payload.Feed, i.Block.Number))
	i.Tries++
	i.NotUntil = now.Add(pause(i.Tries))
	if i.Tries >= mostTries {
		i.NotUntil = now.Add(retryMost)
	}
	m.again(fx, i, Reverted)
}

// pause is how long to wait after the given number of refusals.
func pause(tries int) time.Duration {
	d := retryFirst
	for range min(tries, 10) - 1 {
		d *= 2
	}
	return min(d, retryMost)
}

// fillHoles fills nonces below the lowest one in flight that nothing is meant for, because the chain takes them in
// order only.
func (m *machine) fillHoles(fx *effects, now time.Time, v view) {
	lowest, flying := uint64(0), false
	for _, i := range m.open {
		if i.State.inFlight() && (!flying || i.Nonce < lowest) {
			lowest, flying = i.Nonce, true
		}
	}
	if !flying || v.Nonce >= lowest {
		m.behind = 0
		return
	}
	if m.behind++; m.behind == 1 {
		m.behindAt = now
	}
	if m.behind < lostViews || now.Sub(m.behindAt) < lostFor {
		return // an endpoint may lag
	}
	holes := min(lowest-v.Nonce, uint64(m.window))
	m.tell(fx, now, "nonce", fmt.Sprintf("nonces %d to %d of %s are missing; they are filled with empty transfers", v.Nonce, lowest-1, m.sender))
	for nonce := v.Nonce; nonce < v.Nonce+holes; nonce++ {
		m.top++
		i := &Intent{Number: m.top}
		m.open = append(m.open, i)
		tip, cap, ok := m.price(v)
		if !ok || !m.affords(v, transferGas, cap) {
			m.open = m.open[:len(m.open)-1]
			m.top--
			return
		}
		m.attempt(fx, now, i, nonce, transferGas, tip, cap)
	}
	m.behind = 0
}
