package evm

import (
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// follow looks for the attempts of an intent in blocks.
func (m *machine) follow(st *step, i *Intent) {
	var found *ethrpc.Receipt
	asked := false
	for _, a := range i.Attempts {
		r, known := st.view.Receipts[a.Hash]
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
		m.missing(st, i)
		return
	}
	i.lost, i.blankAt = 0, time.Time{}
	first := i.Block == nil
	if first || i.Block.Hash != found.BlockHash || i.Block.Tx != found.Tx {
		if i.Block != nil {
			m.tell(st, "reorg", fmt.Sprintf("transaction %s moved from block %d to block %d", found.Tx, i.Block.Number, found.Block))
			st.count(telemetry.SinkReorgs, 1)
		}
		m.doubtTip(i, found.Tx)
		m.passedOn(i)
		m.pay(i, found.Tx)
		m.used(st, i.Nonce)
		i.State = Mined
		i.Block = &Block{
			Tx: found.Tx, Number: found.Block, Hash: found.BlockHash, OK: found.OK,
			GasUsed: found.GasUsed, GasPrice: i.price(found), Why: st.view.Why[found.Tx],
		}
		m.write(st, i)
		if i.Block.OK {
			m.receipt(st, i, dodona.ReceiptMined, "")
			if first && i.Payload != nil {
				st.took = append(st.took, st.now.Sub(i.Payload.Attested))
			}
		}
		m.inBlock(st.now, i)
	}
	if why := st.view.Why[found.Tx]; why != "" && i.Block.Why == "" { // nobody could say it when it was found
		i.Block.Why = why
		m.write(st, i)
	}
	if st.view.Head.Number+1 < i.Block.Number+m.confirmations {
		return
	}
	m.settle(st, i)
}

// inBlock notes whether the contract takes answers of a feed, by what a block has of them.
func (m *machine) inBlock(now time.Time, i *Intent) {
	switch {
	case i.Payload == nil || m.elsewhere(i):
	case i.Block.OK:
		delete(m.refuses, i.Payload.Feed)
	default:
		i.badAt, m.refuses[i.Payload.Feed] = now, now
	}
}

// blank returns for how long an endpoint has shown neither receipt nor block of an intent.
func (i *Intent) blank(now time.Time) time.Duration {
	if i.blankAt.IsZero() {
		i.blankAt = now
	}
	return now.Sub(i.blankAt)
}

// missing handles an intent none of whose attempts is in a block.
func (m *machine) missing(st *step, i *Intent) {
	if i.State == Mined {
		m.tell(st, "reorg", fmt.Sprintf("transaction %s is in no block any more; it is sent again", i.Block.Tx))
		st.count(telemetry.SinkReorgs, 1)
		i.State, i.Block, i.lastSend, i.since = Sent, nil, time.Time{}, st.now
		m.unlearn(i)
		m.write(st, i)
	}
	if i.Nonce+st.view.Lags >= st.view.Nonce {
		i.lost = 0
		return
	}
	if i.lost++; i.lost == 1 {
		i.lostAt = st.now
	}
	if i.lost < lostViews || st.now.Sub(i.lostAt) < lostFor || m.unseen(st, i) {
		return
	}
	lags := st.view.Raised.from <= i.Nonce && i.Nonce < st.view.Raised.to || len(m.hosts) == 1 // nobody else can tell, and there may be several nodes behind the one address
	if lags && st.now.Sub(i.lostAt) < laggingFor {
		return
	}
	m.tell(st, "nonce", fmt.Sprintf("another transaction of %s took nonce %d; its key must be used by this sink alone", m.sender, i.Nonce))
	if i.Payload != nil && m.contract(i.Payload).IsZero() { // it ends here
		m.receipt(st, i, dodona.ReceiptSuperseded, fmt.Sprintf("another transaction took its nonce %d, and the sink has no contract for it any more", i.Nonce))
	}
	m.again(st, i, Superseded)
}

// unseen ends an intent whose nonce is used and whose answer, or a newer one, the contract holds, though no endpoint shows the receipt of
// its transaction: some nodes keep no index of transactions, and nobody else need have used the key.
func (m *machine) unseen(st *step, i *Intent) bool {
	if i.Payload == nil {
		i.State = Final // a hole that is filled, by whichever transaction
		m.write(st, i)
		return true
	}
	has, known := m.holds(i.place())
	older, outran := i.outran(func(a Attempt) bool { return a.Round == has.Round })
	if !known || has.Round < i.Payload.Round && !outran {
		return false
	}
	if has.Round > i.Payload.Round {
		i.State = Superseded
		m.write(st, i)
		m.receipt(st, i, dodona.ReceiptSuperseded, fmt.Sprintf("the chain has round %d already, and no endpoint shows what became of %s", uint64(has.Round), i.last().Hash))
		st.count(telemetry.SinkSuperseded, 1)
		return true
	}
	held, hash := *i, i.last().Hash
	if outran {
		p := *i.Payload
		p.Round, p.Record, p.Passed, held.Payload, hash = older.Round, older.Record, older.Passed, &p, older.Hash
	}
	m.conclude(st, i, Final, older, outran)
	m.receipt(st, &held, dodona.ReceiptDelivered, fmt.Sprintf("the contract holds it; no endpoint shows the receipt of transaction %s, so its block and its cost are not known", hash))
	st.count(telemetry.SinkDelivered, 1)
	return true
}

// conclude ends an intent. If its nonce went to an older answer than its payload, this is planned anew: it is in no block.
func (m *machine) conclude(st *step, i *Intent, end State, older Attempt, outran bool) {
	if !outran {
		i.State = end
		m.write(st, i)
		return
	}
	p := *i.Payload
	p.Passed -= min(p.Passed, older.Passed+1) // the older one went, and those that it passed are told with it
	i.Payload = &p
	m.again(st, i, end)
}

// again ends an intent, whose nonce is gone, and plans its answer anew if it is still wanted.
func (m *machine) again(st *step, i *Intent, end State) {
	p := i.Payload
	i.State = end
	if p == nil || m.contract(p).IsZero() || !m.wanted(i) {
		m.write(st, i)
		return
	}
	m.top++
	next := &Intent{Intent: intent.Intent{Number: m.top, State: Planned, Payload: p, Reverts: i.Reverts, RevertedBy: i.RevertedBy, RevertedFor: i.RevertedFor, NotUntil: i.NotUntil}}
	// Older answers go first, so that the contract takes all.
	at := slices.IndexFunc(m.open, func(o *Intent) bool { return o.State == Planned && o.place() == p.Place() && o.Payload.Round > p.Round })
	if at < 0 {
		at = len(m.open)
	}
	m.open = slices.Insert(m.open, at, next) // before the end of the other one is written: what is known of the place stays
	m.write(st, i)
	m.write(st, next)
}

// wanted reports whether the answer of an intent that ends is to be planned anew: not if it, or a newer one, is there or under way.
func (m *machine) wanted(i *Intent) bool {
	p := i.Payload
	if has, _ := m.holds(p.Place()); has.Round >= p.Round {
		return false
	}
	return m.find(func(o *Intent) bool {
		return o != i && o.Payload != nil && o.place() == p.Place() && (o.Payload.Round == p.Round || m.policy.Policy == sink.Latest && o.Payload.Round > p.Round)
	}) == nil
}

// settle ends an intent that is deep enough in the chain.
func (m *machine) settle(st *step, i *Intent) {
	older, outran := i.outran(i.inBlock)
	m.countRow(st.now, i.Payload, i.Block.OK)
	if i.Block.OK {
		m.receipt(st, i, dodona.ReceiptFinal, "")
		st.count(telemetry.SinkDelivered, 1)
		if !outran && m.elsewhere(i) {
			m.again(st, i, Final)
			return
		}
		m.conclude(st, i, Final, older, outran)
		return
	}
	if i.Payload == nil {
		i.State = Reverted
		m.write(st, i)
		return
	}
	tried := i.tried()
	if tried <= st.unsure[i.place()].Round {
		return // the next view may tell why it was refused
	}
	st.count(telemetry.SinkReverted, 1)
	m.heard.learn(st.now, i.place(), tried)
	has, _ := m.holds(i.place())
	if m.reverted[i.place()].round <= tried {
		m.reverted[i.place()] = reverted{tried, st.now}
	}
	if has.Round >= tried {
		m.receipt(st, i, dodona.ReceiptSuperseded, fmt.Sprintf("the chain has round %d already", uint64(has.Round)))
		st.count(telemetry.SinkSuperseded, 1)
		m.conclude(st, i, Superseded, older, outran)
		return
	}
	m.receipt(st, i, dodona.ReceiptReverted, because("the contract refused it in the block", i.Block.Why))
	m.tell(st, "reverted", because(fmt.Sprintf("transaction %s of round %d of %s was reverted in block %d, and is tried again", i.Block.Tx, uint64(tried), i.Payload.Feed, i.Block.Number), i.Block.Why))
	if m.elsewhere(i) { // the one that takes it by now has not refused it
		i.pardon()
		m.again(st, i, Reverted)
		return
	}
	i.Reverts++
	i.NotUntil, i.RevertedBy, i.RevertedFor = st.now.Add(pause(i.Reverts)), m.contract(i.Payload), i.Block.Why
	if i.Reverts >= mostTries {
		i.NotUntil = st.now.Add(retryMost)
	}
	newer := func(o *Intent) bool {
		return o.Payload != nil && o.place() == i.place() && o.Payload.Round > i.Payload.Round
	}
	if next := m.find(newer); next != nil && m.policy.Policy == sink.Latest { // it goes in its place
		next.takeTrouble(i)
		m.write(st, next)
	}
	m.again(st, i, Reverted)
}

// because adds to what happened why, if that is known.
func because(what, why string) string {
	if why == "" {
		return what + "; no endpoint says why"
	}
	return what + ": " + why
}

// elsewhere reports whether a block has the transaction of an intent for another contract than the one that takes its answers by now.
func (m *machine) elsewhere(i *Intent) bool {
	at := slices.IndexFunc(i.Attempts, i.inBlock)
	return at >= 0 && i.Payload != nil && m.receiver(i, i.Attempts[at]) != m.contract(i.Payload)
}

// pause is how long to wait after the given number of refusals.
func pause(tries int) time.Duration {
	d := retryFirst
	for range min(tries, 10) - 1 {
		d *= 2
	}
	return min(d, retryMost)
}

// mendNonceGap brings back the nonces that the chain lacks, because it takes them in order only. What was final goes out
// again, the same bytes; that is what a replacement of more blocks than confirmations takes away. What nobody knows is
// filled with empty transfers.
func (m *machine) mendNonceGap(st *step) {
	asked := m.nonceGap
	m.nonceGap = nonces{}
	m.climb(st.now, st.view.Head.Number)
	next := m.pendingNonce
	for _, i := range m.open {
		if i.State.InFlight() && i.Nonce >= st.view.Nonce { // what was sent again before, and is in a block by now, says nothing of those behind it
			next = min(next, i.Nonce)
		}
	}
	if st.view.Nonce >= next {
		m.behind = 0
		return
	}
	if m.behind++; m.behind == 1 {
		m.behindAt = st.now
	}
	patience := lostFor
	if st.view.Head.Number < m.highest {
		patience = laggingFor
	}
	if m.behind < lostViews || st.now.Sub(m.behindAt) < patience {
		return // an endpoint may lag
	}
	missing := nonces{st.view.Nonce, min(next, st.view.Nonce+mostGap)}
	switch {
	case asked != missing:
		m.nonceGap = missing // the next view tells what of it was final
		return
	case len(st.view.Final) == 0 && next-st.view.Nonce > mostJump:
		m.renumber(st)
	default:
		m.reopen(st, missing)
		m.fill(st, missing)
	}
	m.behind = 0
}

// climb notes the number of the newest block. One that was made up is not believed for ever.
func (m *machine) climb(now time.Time, number uint64) {
	switch {
	case number >= m.highest:
		m.highest, m.belowAt = number, time.Time{}
	case m.belowAt.IsZero():
		m.belowAt = now
	case now.Sub(m.belowAt) >= lowerFor:
		m.highest, m.belowAt = number, time.Time{}
	}
}

// reopen sends what was final again.
func (m *machine) reopen(st *step, missing nonces) {
	reopened := uint64(0)
	for nonce := missing.from; nonce < missing.to; nonce++ {
		last, found := st.view.Final[nonce]
		i := &Intent{Intent: last}
		if !found || len(i.Attempts) == 0 || m.find(func(o *Intent) bool { return o.Number == i.Number }) != nil {
			continue
		}
		if at := slices.IndexFunc(i.Attempts, i.inBlock); at >= 0 { // the same bytes: another one may carry another answer
			i.Attempts = slices.Concat(i.Attempts[:at], i.Attempts[at+1:], i.Attempts[at:at+1])
		}
		i.State, i.Block, i.since = Sent, nil, st.now
		m.open = append(m.open, i)
		reopened++
		m.write(st, i)
	}
	if reopened > 0 {
		st.count(telemetry.SinkReorgs, reopened)
		m.tell(st, "reorg", fmt.Sprintf("%s of %s final before and in no block any more (nonces %d to %d): sent again; "+
			"raise confirmations above %d if receivers act on what is final", unit.Count(reopened, "transaction"), m.sender, missing.from, missing.to-1, m.confirmations))
	}
}

// fill puts empty transfers where nothing of ours is known.
func (m *machine) fill(st *step, missing nonces) {
	filled := 0
	for nonce := missing.from; nonce < missing.to; nonce++ {
		if m.find(func(o *Intent) bool { return o.State.InFlight() && o.Nonce == nonce }) != nil {
			continue
		}
		i := &Intent{Intent: intent.Intent{Number: m.top + 1}}
		gas, _ := m.limit(st, i)
		tip, feeCap, ok := m.price(st)
		if !ok || !m.affords(st, gas, feeCap) {
			break
		}
		m.top++
		m.open = append(m.open, i)
		m.attempt(st, i, nonce, gas, tip, feeCap)
		filled++
	}
	if filled > 0 {
		m.tell(st, "nonce", fmt.Sprintf("%s of %s missing from %d on: filled with empty transfers", unit.Count(filled, "nonce"), m.sender, missing.from))
	}
}

// renumber gives up nonces that an endpoint made up: filling all up to them would cost a fortune.
func (m *machine) renumber(st *step) {
	m.tell(st, "nonce", fmt.Sprintf("nonces of %s go on at %d, where they were said to be at %d: an endpoint of rpc lied, or the chain was begun anew", m.sender, st.view.Nonce, m.pendingNonce))
	m.pendingNonce = st.view.Nonce
	for _, i := range slices.Clone(m.open) {
		if i.State.InFlight() && i.Nonce >= st.view.Nonce {
			m.again(st, i, Superseded)
		}
	}
}
