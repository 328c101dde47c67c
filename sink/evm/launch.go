package evm

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// affords reports whether the sender can pay for one more transaction beside those in flight.
func (m *machine) affords(st *step, gas, feeCap uint64) bool {
	sum := cost(gas, feeCap)
	for _, i := range m.open {
		if i.State == Signed || i.State == Sent {
			sum.Add(sum, cost(i.last().Gas, i.last().FeeCap))
		}
	}
	if st.view.Balance != nil && sum.Cmp(st.view.Balance) > 0 {
		st.funds = sum
		return false
	}
	return true
}

func cost(gas, price uint64) *big.Int {
	return new(big.Int).Mul(new(big.Int).SetUint64(gas), new(big.Int).SetUint64(price))
}

// launch gives a planned intent a nonce and signs it; false: it stays planned.
func (m *machine) launch(st *step, i *Intent) bool {
	p := i.Payload
	has, known := m.holds(p.Place())
	if known && has.Round >= p.Round {
		m.say(st, refusedBy(p), false, "")
		i.State = Superseded
		m.write(st, i)
		m.receipt(st, i, dodona.ReceiptSuperseded, fmt.Sprintf("the chain has round %d already", uint64(has.Round)))
		st.count(telemetry.SinkSuperseded, 1)
		return true
	}
	if m.policy.Policy == sink.Latest && !p.Anchor() {
		if known && !m.policy.Due(p.Feed, &has, saidBy(p)) {
			i.State = Superseded
			m.write(st, i)
			m.receipt(st, i, dodona.ReceiptSuperseded, fmt.Sprintf("what the chain has, of round %d, is near enough", uint64(has.Round)))
			st.count(telemetry.SinkSkipped, 1)
			return true
		}
		if m.flying(p.Place()) != nil {
			return false
		}
	}
	if st.now.Before(i.NotUntil) || m.stopped(st.now, i) || m.mayHave(st, p) || m.flights() >= m.window || st.held {
		return false
	}
	gas, ok := m.gasFor(st, i)
	if !ok {
		return false
	}
	tip, feeCap, ok := m.price(st)
	if !ok || !m.affords(st, gas, feeCap) {
		return false
	}
	m.attempt(st, i, m.next(st), gas, tip, feeCap)
	if p.Anchor() && m.row >= rowMost {
		m.rowAt = st.now
	}
	return true
}

// mayHave reports whether it is not sure that the chain needs a payload.
func (m *machine) mayHave(st *step, p *Payload) bool {
	most, unsure := st.unsure[p.Place()]
	_, known := m.holds(p.Place())
	switch {
	case !unsure:
		return !known
	case p.Round <= most.Round:
		return true
	}
	near := m.policy.Policy == sink.Latest && !p.Anchor() && !m.policy.Due(p.Feed, &most, saidBy(p))
	return near && !known
}

// flights counts the transactions that are sent and in no block.
func (m *machine) flights() (n int) {
	for _, i := range m.open {
		if i.State == Signed || i.State == Sent {
			n++
		}
	}
	return n
}

// undecided counts the intents that are in no block.
func (m *machine) undecided() (n int) {
	for _, i := range m.open {
		if i.State != Mined {
			n++
		}
	}
	return n
}

// gasFor returns the limit for an intent that is to be sent first; false: not known, or the contract would refuse it.
func (m *machine) gasFor(st *step, i *Intent) (uint64, bool) {
	if m.gas == 0 {
		e, found := st.view.Estimates[i.Number]
		if !found || e.Mute && e.Unknown == "" {
			return 0, false
		}
		m.sayUnknown(st, i, e)
		if e.Unknown != "" {
			if i.Payload.Anchor() {
				m.refuse(st.now, i)
			}
			st.count(telemetry.SinkFailures, 1)
			return 0, false
		}
		m.say(st, refusedBy(i.Payload), e.Refused != "", fmt.Sprintf("the contract %s would refuse round %d of %s: %s; it is asked again", m.contract(i.Payload), uint64(i.Payload.Round), i.Payload.Feed, e.Refused))
		if e.Refused != "" {
			m.refuse(st.now, i)
			m.refuses[i.Payload.Feed] = st.now
			if m.heard.refuted[i.place()].of != st.view.HeadBy { // who said it may refuse it too
				m.heard.learn(st.now, i.place(), i.Payload.Round)
			}
			st.count(telemetry.SinkFailures, 1)
			return 0, false
		}
		i.Refusals = 0
		delete(m.refuses, i.Payload.Feed)
	}
	return m.limit(st, i)
}

// limit derives the gas limit of a transaction from what holds now, the configuration or the estimate, and from nothing that was
// sent before: whatever was wrong can be corrected, downwards too. Only reverts in blocks raise it, twice at most. false: not known.
func (m *machine) limit(st *step, i *Intent) (gas uint64, known bool) {
	e, found := st.view.Estimates[i.Number]
	switch {
	case i.Payload == nil && st.view.Transfer <= transferGas:
		gas = transferGas
	case i.Payload == nil: // a chain that counts what is published elsewhere, whose price moves
		gas = st.view.Transfer + st.view.Transfer/4
	case m.gas > 0:
		gas = m.gas
	case !found || e.Gas == 0:
		return 0, false
	default:
		gas = e.Gas + e.Gas/4 + 5000
		for range min(i.Reverts, mostTries-1) {
			gas += gas / 4
		}
	}
	if st.view.Head.GasLimit > 0 {
		gas = min(gas, st.view.Head.GasLimit)
	}
	return gas, true
}

// attempt signs a transaction of an intent and journals it before it is sent.
func (m *machine) attempt(st *step, i *Intent, nonce, gas, tip, feeCap uint64) {
	tx := ethrpc.Transaction{ChainID: m.chain, Nonce: nonce, Legacy: st.view.Head.Legacy, Tip: tip, FeeCap: feeCap, Gas: gas, To: &m.sender}
	a := Attempt{Tip: tip, FeeCap: feeCap, Gas: gas, At: st.now}
	if p := i.Payload; p != nil {
		if a.To = m.contract(p); a.To.IsZero() && len(i.Attempts) > 0 { // the feed has none any more: it goes where it went, so that it holds up no others
			a.To = i.last().To
		}
		to := a.To
		tx.To, tx.Data, a.Round, a.Record, a.Passed = &to, p.Data, p.Round, p.Record, p.Passed
	}
	a.Raw, a.Hash = m.sign(tx)
	m.give(nonce)
	i.State, i.Nonce, i.bumpNow, i.gasWrong, i.lastSend = Signed, nonce, false, false, st.now
	i.Attempts = append(i.Attempts, a)
	m.write(st, i)
	st.send = append(st.send, i)
}

// push sends bytes again, or pays more for them.
func (m *machine) push(st *step, i *Intent) {
	if slices.Contains(st.send, i) {
		return
	}
	last := i.last()
	blocking := i.Nonce <= st.view.Nonce
	poor := last.FeeCap < st.view.Head.BaseFee+min(last.Tip, st.view.Tip)
	waited := st.now.Sub(last.At) >= m.unhurried(m.bumpAfter) && st.now.Sub(i.since) >= m.unhurried(m.bumpAfter)
	if (i.bumpNow || m.gasChanged(st, i) || waited && (blocking || poor)) && m.bump(st, i) {
		return
	}
	if st.now.Sub(i.lastSend) >= m.unhurried(m.resendAfter) {
		i.lastSend = st.now
		st.send = append(st.send, i)
	}
}

// gasChanged reports whether a limit that a node does not like would be another one now.
func (m *machine) gasChanged(st *step, i *Intent) bool {
	gas, known := m.limit(st, i)
	return i.gasWrong && known && gas != i.last().Gas
}

// bump replaces an attempt by one of today's limit and price, which pays an eighth more than what a node holds of it; with the
// policy latest it carries the newest answer. It does nothing if that would be the same transaction.
func (m *machine) bump(st *step, i *Intent) bool {
	last := i.last()
	if !i.spare() || i.Payload != nil && m.receiver(i, last).IsZero() {
		return false // enough, or nobody knows where it went; the old bytes still go out
	}
	tip, feeCap, ok := m.replacement(st, i)
	if !ok {
		return false
	}
	waiting := m.takeover(st, i)
	of := i
	if waiting != nil {
		of = waiting
	}
	gas, known := m.limit(st, of)
	if !known {
		gas = min(last.Gas, max(mostLimit, 2*m.maxGas))
	}
	if waiting == nil && gas == last.Gas && tip == last.Tip && feeCap == last.FeeCap {
		return false
	}
	if extra := new(big.Int).Sub(cost(gas, feeCap), cost(last.Gas, last.FeeCap)); st.view.Balance != nil && extra.Cmp(st.view.Balance) > 0 {
		st.funds = cost(gas, feeCap)
		return false
	}
	if waiting != nil {
		waiting.Payload.Passed += i.Payload.Passed + 1
		if i.Payload = waiting.Payload; waiting.Reverts > i.Reverts { // the contract that reverted the one before has not taken this one
			i.Reverts, i.RevertedBy, i.RevertedFor = waiting.Reverts, waiting.RevertedBy, waiting.RevertedFor
		}
		waiting.State = Superseded
		m.write(st, waiting)
		st.count(telemetry.SinkSuperseded, 1)
	}
	st.count(telemetry.SinkBumps, 1)
	m.attempt(st, i, i.Nonce, gas, tip, feeCap)
	return true
}

// replacement returns what a transaction must pay to take the place of those of an intent: what the chain asks for now, and an
// eighth more than the one that a node holds. false: that is above what is allowed.
func (m *machine) replacement(st *step, i *Intent) (tip, feeCap uint64, ok bool) {
	if tip, feeCap, ok = m.price(st); !ok {
		return 0, 0, false
	}
	held, found := i.taken()
	if i.bumpNow { // some node holds one that pays about as much as the last
		held, found = i.last(), true
	}
	if found {
		tip, feeCap = max(tip, eighthMore(held.Tip)), max(feeCap, eighthMore(held.FeeCap))
	}
	if m.maxTip > 0 && !st.view.Head.Legacy && tip > m.maxTip {
		st.fees, st.tipWanted = true, max(tip, m.leastTip)
		return 0, 0, false
	}
	if feeCap > m.maxFee {
		st.fees = true
		return 0, 0, false
	}
	return tip, feeCap, true
}

// takeover returns the planned answer of the same feed that may go in place of what is stuck; nil if there is none.
func (m *machine) takeover(st *step, i *Intent) *Intent {
	if m.policy.Policy != sink.Latest || i.Payload == nil {
		return nil
	}
	waiting := m.planned(i.place())
	if waiting == nil || waiting.Payload.Round <= i.Payload.Round {
		return nil
	}
	if _, known := m.limit(st, waiting); !known {
		return nil
	}
	return waiting
}

// eighthMore returns at least 12.5 % more, rounded up: what nodes demand of a replacement is 10 %.
func eighthMore(n uint64) uint64 { return n + n/8 + 1 }
