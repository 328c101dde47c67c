package evm

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/evm"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A machine decides what is sent. It is pure: it knows the time and the chain from what Step is told, and what it
// wants done are effects, in order: first everything is journaled, then bytes are sent.
type machine struct {
	rules
	open   []*Intent // not over, by number
	top    uint64    // highest number given
	nonce  uint64    // the next to give, unless the chain is ahead
	slots  map[string]sink.Said
	known  map[string]bool         // the slot has been read
	newest map[string]dodona.Round // the newest round taken, by feed
	passed map[string]uint64       // answers since the last one planned that will not be sent, by feed

	behind   int       // views in a row in which the chain's nonce is below the lowest one in flight
	behindAt time.Time // the first of them
	trouble  map[string]trouble
	fees     bool // in this step, fees stand in the way
	funds    bool // in this step, money does
}

// Rules are what a machine goes by.
type rules struct {
	sink   string
	chain  uint64
	sender dodona.Address
	sign   func(evm.Transaction) ([]byte, dodona.Digest)
	policy sink.Policy
	target map[string]dodona.Address // contract by feed
	anchor dodona.Address            // the contract of anchors; zero if there is none
	wait   func(feed string, r dodona.Round) time.Duration

	maxFee        uint64 // wei for each unit of gas, base fee and tip together
	gas           uint64 // the limit; 0: as estimated
	confirmations uint64
	window        int // transactions in no block at once
	bumpAfter     time.Duration
	resendAfter   time.Duration
}

// A trouble is what stands in the way, told once when it begins and once when it is over.
type trouble struct {
	Message string    `json:"message"`
	Since   time.Time `json:"since"`
}

// Bounds of what the machine does by itself.
const (
	lostViews   = 3                // in a row, before a nonce counts as taken by another
	lostFor     = 12 * time.Second // at least
	mostTries   = 3                // reverted transactions of one answer before it waits for a person
	retryFirst  = 15 * time.Second // after a refusal, doubling
	retryMost   = 10 * time.Minute
	mostBumps   = 40 // attempts of one intent; 1.125^40 is a factor of 111
	transferGas = 21000
	mostOpen    = 2048 // intents, those that wait for their depth included
)

// A view is what the chain looks like, read from one endpoint in one go.
type view struct {
	Head      evm.Header
	Nonce     uint64 // transactions of the sender that the chain took
	Balance   *big.Int
	Tip       uint64
	Receipts  map[dodona.Digest]*evm.Receipt // of the attempts asked for; nil: not in a block
	Slots     map[string]sink.Said           // by feed
	Estimates map[uint64]estimate            // by the number of the intent
}

// An estimate is what a node says of an intent before it is sent.
type estimate struct {
	Gas     uint64
	Refused string // why the contract would refuse it; empty if it would not
}

// A wish is what the machine wants to know next.
type wish struct {
	Receipts  []dodona.Digest
	Estimates []wanted
	Anchors   []*Payload // whose slots are to be read
}

// A wanted is an intent as it was when it was asked for: its payload may be replaced meanwhile.
type wanted struct {
	Number  uint64
	Payload *Payload
}

// wants returns what the next view should tell.
// With the same head as last time, what is in a block need not be looked for again.
func (m *machine) wants(now time.Time, sameHead bool) (w wish) {
	for _, i := range m.open {
		if i.State.inFlight() && (i.State != Mined || !sameHead) {
			for _, a := range i.Attempts {
				w.Receipts = append(w.Receipts, a.Hash)
			}
		}
		if i.Payload != nil && i.Payload.anchor() && (i.State != Mined || !sameHead) {
			w.Anchors = append(w.Anchors, i.Payload)
		}
		if i.State == Planned && !now.Before(i.NotUntil) && m.gas == 0 && i.Payload != nil {
			w.Estimates = append(w.Estimates, wanted{i.Number, i.Payload})
		}
	}
	return w
}

// effects are what Step wants done.
type effects struct {
	keep   []dodona.Record // journal these first, all at once
	send   []*Intent       // then broadcast the last attempt of each
	counts map[telemetry.Counter]uint64
	fail   error // a bug: something could not be written as JSON
}

func newMachine(r rules) *machine {
	return &machine{
		rules: r, slots: make(map[string]sink.Said), known: make(map[string]bool), newest: make(map[string]dodona.Round),
		passed: make(map[string]uint64), trouble: make(map[string]trouble),
	}
}

// restore takes up what was journaled, oldest first. It returns how many open intents belong to another chain or
// sender; their answers are planned anew.
func (m *machine) restore(entries []entry) (moved int, fx effects) {
	all := make(map[uint64]entry)
	for _, e := range entries {
		all[e.Intent.Number] = e
		m.top = max(m.top, e.Top)
	}
	for _, e := range all {
		i := e.Intent
		ours := e.Chain == m.chain && e.Sender == m.sender
		if ours && len(i.Attempts) > 0 {
			m.nonce = max(m.nonce, i.Nonce+1)
		}
		if i.State.over() {
			continue
		}
		i.mend()
		if !ours && i.State != Planned {
			moved++
			i.State, i.Nonce, i.Attempts, i.Block = Planned, 0, nil, nil
		}
		if i.State == Planned && i.Payload == nil {
			continue // a hole that was never filled; it is found again if it is still there
		}
		if i.State == Planned && i.Payload != nil {
			if m.contract(i.Payload).IsZero() {
				i.State = Superseded // the sink has no contract for it any more
			}
		}
		if i.Payload != nil {
			m.newest[i.place()] = max(m.newest[i.place()], i.Payload.Round)
		}
		m.open = append(m.open, &i)
	}
	slices.SortFunc(m.open, func(a, b *Intent) int { return int(int64(a.Number) - int64(b.Number)) })
	for _, i := range slices.Clone(m.open) {
		if i.State.over() || (i.State == Planned && len(i.Attempts) == 0 && moved > 0) {
			m.write(&fx, i)
		}
	}
	return moved, fx
}

// take accepts an answer; false: too many are open, offer it again later.
func (m *machine) take(now time.Time, p Payload) (taken bool, fx effects) {
	if p.Round <= m.newest[p.place()] || m.slots[p.place()].Round >= p.Round {
		return true, fx // again, or the chain has it
	}
	if m.policy.Policy == sink.Every || p.anchor() {
		if m.undecided() >= m.window || len(m.open) >= mostOpen {
			return false, fx
		}
		m.plan(&fx, now, p)
		return true, fx
	}
	waiting, flying := m.planned(p.place()), m.flying(p.place())
	reference := m.slots[p.place()]
	if flying != nil {
		reference = sink.Said{Round: flying.Payload.Round, Value: flying.Payload.Value}
	}
	m.newest[p.place()] = p.Round
	switch {
	case waiting != nil:
		fx.count(telemetry.SinkSuperseded, 1)
		p.Passed = waiting.Payload.Passed + m.passed[p.place()] + 1
		delete(m.passed, p.place())
		waiting.Payload = &p
		m.write(&fx, waiting)
	case !m.policy.Due(&reference, sink.Said{Round: p.Round, Value: p.Value}):
		fx.count(telemetry.SinkSkipped, 1)
		m.passed[p.place()]++
	default:
		m.plan(&fx, now, p)
	}
	return true, fx
}

// contract returns who takes a payload; zero if nobody.
func (r rules) contract(p *Payload) dodona.Address {
	if p.anchor() {
		return r.anchor
	}
	return r.target[p.Feed]
}

// plan makes an intent.
func (m *machine) plan(fx *effects, now time.Time, p Payload) {
	p.Passed = m.passed[p.place()]
	delete(m.passed, p.place())
	m.newest[p.place()] = p.Round
	m.top++
	i := &Intent{Number: m.top, State: Planned, Payload: &p}
	if m.wait != nil {
		if d := m.wait(p.Feed, p.Round); d > 0 {
			i.NotUntil = p.Attested.Add(d)
		}
	}
	m.open = append(m.open, i)
	m.write(fx, i)
}

func (m *machine) planned(place string) *Intent {
	return m.find(func(i *Intent) bool { return i.State == Planned && i.place() == place })
}

// flying returns the intent for a place that is sent and in no block.
func (m *machine) flying(place string) *Intent {
	return m.find(func(i *Intent) bool { return (i.State == Signed || i.State == Sent) && i.place() == place })
}

func (m *machine) find(is func(*Intent) bool) *Intent {
	if at := slices.IndexFunc(m.open, is); at >= 0 {
		return m.open[at]
	}
	return nil
}

// step decides by a view of the chain.
func (m *machine) step(now time.Time, v view) (fx effects) {
	m.fees, m.funds = false, false
	for feed, said := range v.Slots {
		m.slots[feed], m.known[feed] = said, true
	}
	for _, i := range slices.Clone(m.open) {
		if i.State.inFlight() {
			m.follow(&fx, now, v, i)
		}
	}
	m.fillHoles(&fx, now, v)
	for _, i := range slices.Clone(m.open) {
		if i.State == Planned && !m.launch(&fx, now, v, i) && m.policy.Policy == sink.Every && !i.Payload.anchor() {
			break // in order: who comes later waits
		}
	}
	for _, i := range slices.Clone(m.open) { // one may take the place of another
		if i.State == Signed || i.State == Sent {
			m.push(&fx, now, v, i)
		}
	}
	m.say(&fx, now, "fees", m.fees, "the base fee and tip are above max_fee; transactions wait")
	m.say(&fx, now, "funds", m.funds, fmt.Sprintf("%s cannot pay: it has %s; send it some", m.sender, ether(v.Balance)))
	return fx
}

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

// price returns tip and cap of a new transaction; false: they are above what is allowed.
func (m *machine) price(v view) (tip, feeCap uint64, ok bool) {
	tip = min(v.Tip, m.maxFee)
	if v.Head.BaseFee > m.maxFee || v.Head.BaseFee+tip > m.maxFee {
		m.fees = true
		return 0, 0, false
	}
	// Twice the base fee: it can rise by an eighth with every block, so this lasts for six full ones.
	return tip, min(m.maxFee, 2*v.Head.BaseFee+tip), true
}

// affords reports whether the sender can pay for one more transaction beside those in flight.
func (m *machine) affords(v view, gas, feeCap uint64) bool {
	sum := cost(gas, feeCap)
	for _, i := range m.open {
		if i.State == Signed || i.State == Sent {
			sum.Add(sum, cost(i.last().Gas, i.last().FeeCap))
		}
	}
	if v.Balance != nil && sum.Cmp(v.Balance) > 0 {
		m.funds = true
		return false
	}
	return true
}

func cost(gas, price uint64) *big.Int {
	return new(big.Int).Mul(new(big.Int).SetUint64(gas), new(big.Int).SetUint64(price))
}

// launch gives a planned intent a nonce and signs it; false: it stays planned.
func (m *machine) launch(fx *effects, now time.Time, v view, i *Intent) bool {
	p := i.Payload
	if has := m.slots[p.place()]; m.known[p.place()] && has.Round >= p.Round {
		i.State = Superseded
		m.write(fx, i)
		m.receipt(fx, now, i, dodona.ReceiptSuperseded, fmt.Sprintf("the chain has round %d already", uint64(has.Round)))
		fx.count(telemetry.SinkSuperseded, 1)
		return true
	}
	if m.policy.Policy == sink.Latest && !p.anchor() {
		if has := m.slots[p.place()]; m.known[p.place()] && !m.policy.Due(&has, sink.Said{Round: p.Round, Value: p.Value}) {
			i.State = Superseded
			m.write(fx, i)
			m.receipt(fx, now, i, dodona.ReceiptSuperseded, fmt.Sprintf("what the chain has, of round %d, is near enough", uint64(has.Round)))
			fx.count(telemetry.SinkSkipped, 1)
			return true
		}
		if m.flying(p.place()) != nil {
			return false
		}
	}
	if now.Before(i.NotUntil) || !m.known[p.place()] || m.flights() >= m.window {
		return false
	}
	gas, ok := m.gasFor(fx, now, v, i)
	if !ok {
		return false
	}
	tip, feeCap, ok := m.price(v)
	if !ok || !m.affords(v, gas, feeCap) {
		return false
	}
	m.attempt(fx, now, i, max(m.nonce, v.Nonce), gas, tip, feeCap)
	return true
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

// gasFor returns the limit for an intent; false: not known, or the contract would refuse it.
func (m *machine) gasFor(fx *effects, now time.Time, v view, i *Intent) (uint64, bool) {
	if m.gas > 0 {
		return m.gas, true
	}
	e, found := v.Estimates[i.Number]
	if !found {
		return 0, false
	}
	key := "refused " + i.Payload.Feed
	if e.Refused != "" {
		i.Tries++
		i.NotUntil = now.Add(pause(i.Tries))
		m.say(fx, now, key, true, fmt.Sprintf("the contract %s would refuse round %d of %s: %s; it is asked again", m.contract(i.Payload), uint64(i.Payload.Round), i.Payload.Feed, e.Refused))
		fx.count(telemetry.SinkFailures, 1)
		return 0, false
	}
	m.say(fx, now, key, false, "")
	gas := e.Gas + e.Gas/4 + 5000
	for range i.Tries {
		gas += gas / 4
	}
	return gas, true
}

// attempt signs a transaction of an intent and journals it before it is sent.
func (m *machine) attempt(fx *effects, now time.Time, i *Intent, nonce, gas, tip, feeCap uint64) {
	tx := evm.Transaction{ChainID: m.chain, Nonce: nonce, Tip: tip, FeeCap: feeCap, Gas: gas, To: &m.sender}
	a := Attempt{Tip: tip, FeeCap: feeCap, Gas: gas, At: now}
	if p := i.Payload; p != nil {
		to := m.contract(p)
		tx.To, tx.Data, a.Round, a.Record = &to, p.Data, p.Round, p.Record
	}
	a.Raw, a.Hash = m.sign(tx)
	m.nonce = max(m.nonce, nonce+1)
	i.State, i.Nonce, i.bumpNow, i.lastSend = Signed, nonce, false, now
	i.Attempts = append(i.Attempts, a)
	m.write(fx, i)
	fx.send = append(fx.send, i)
}

// push sends bytes again, or pays more for them.
func (m *machine) push(fx *effects, now time.Time, v view, i *Intent) {
	if slices.Contains(fx.send, i) {
		return
	}
	last := i.last()
	blocking := i.Nonce <= v.Nonce
	poor := last.FeeCap < v.Head.BaseFee+min(last.Tip, v.Tip)
	waited := now.Sub(last.At) >= m.bumpAfter
	if (i.bumpNow || waited && (blocking || poor)) && m.bump(fx, now, v, i) {
		return
	}
	if now.Sub(i.lastSend) >= m.resendAfter {
		i.lastSend = now
		fx.send = append(fx.send, i)
	}
}

// bump replaces an attempt by one that pays an eighth more; with the policy latest it carries the newest answer.
func (m *machine) bump(fx *effects, now time.Time, v view, i *Intent) bool {
	last := i.last()
	tip, feeCap := eighthMore(last.Tip), eighthMore(last.FeeCap)
	if wanted, cap, ok := m.price(v); ok {
		tip, feeCap = max(tip, wanted), max(feeCap, cap)
	}
	if feeCap > m.maxFee {
		m.fees = true
		return false
	}
	if len(i.Attempts) >= mostBumps {
		return false
	}
	gas := last.Gas
	if waiting := m.takeover(v, i); waiting != nil {
		if e, found := v.Estimates[waiting.Number]; found {
			gas = max(gas, e.Gas+e.Gas/4+5000)
		}
		waiting.Payload.Passed += i.Payload.Passed + 1
		i.Payload = waiting.Payload
		waiting.State = Superseded
		m.write(fx, waiting)
		fx.count(telemetry.SinkSuperseded, 1)
	}
	extra := new(big.Int).Sub(cost(gas, feeCap), cost(last.Gas, last.FeeCap))
	if v.Balance != nil && extra.Cmp(v.Balance) > 0 {
		m.funds = true
		return false
	}
	fx.count(telemetry.SinkBumps, 1)
	m.attempt(fx, now, i, i.Nonce, gas, tip, feeCap)
	return true
}

// takeover returns the planned answer of the same feed that may go in place of what is stuck; nil if there is none.
func (m *machine) takeover(v view, i *Intent) *Intent {
	if m.policy.Policy != sink.Latest || i.Payload == nil {
		return nil
	}
	waiting := m.planned(i.place())
	if waiting == nil {
		return nil
	}
	if e, found := v.Estimates[waiting.Number]; m.gas == 0 && (!found || e.Refused != "") {
		return nil
	}
	return waiting
}

// eighthMore returns at least 12.5 % more, rounded up: what nodes demand of a replacement is 10 %.
func eighthMore(n uint64) uint64 { return n + n/8 + 1 }

// A reply says what a node made of the bytes it was sent.
type reply uint8

const (
	accepted    reply = iota // taken, or known already
	stale                    // the nonce is used: a block has one of the attempts, or another transaction
	underpriced              // pays too little
	poor                     // the sender cannot pay
	refused                  // for another reason
	unheard                  // no endpoint answered
)

// sent takes what became of a broadcast.
func (m *machine) sent(now time.Time, i *Intent, r reply, message string) (fx effects) {
	switch r {
	case accepted:
		if i.State == Signed {
			i.State = Sent
			m.write(&fx, i)
		}
	case underpriced:
		i.bumpNow = true
		fx.count(telemetry.SinkFailures, 1)
	case poor, refused:
		fx.count(telemetry.SinkFailures, 1)
	}
	m.say(&fx, now, "rejected", r == refused || r == poor || r == underpriced, "the node does not take transaction "+i.last().Hash.String()+": "+message+"; it is sent again")
	return fx
}

// say tells when a trouble begins and when it is over.
func (m *machine) say(fx *effects, now time.Time, what string, there bool, message string) {
	_, known := m.trouble[what]
	switch {
	case there && !known:
		m.trouble[what] = trouble{message, now}
		m.tell(fx, now, strings.Fields(what)[0], message)
	case there:
		m.trouble[what] = trouble{message, m.trouble[what].Since}
	case known:
		delete(m.trouble, what)
		m.tell(fx, now, strings.Fields(what)[0], "over")
	}
}

func (m *machine) tell(fx *effects, now time.Time, what, message string) {
	rec, err := sink.EventRecord(m.sink, what, message, now)
	fx.add(rec, err)
}

// write journals how an intent stands, and forgets it if it is over.
func (m *machine) write(fx *effects, i *Intent) {
	if i.State.over() {
		m.open = slices.DeleteFunc(m.open, func(o *Intent) bool { return o == i })
		m.forget(i)
	}
	lowest := m.top + 1
	for _, o := range m.open {
		lowest = min(lowest, o.Number)
	}
	i.Step++
	rec, err := entry{Chain: m.chain, Sender: m.sender, Top: m.top, Open: lowest, Intent: *i}.record(m.sink)
	fx.add(rec, err)
}

// forget lets go of the place of an anchor, which no later one has: they are many, and feeds are few.
func (m *machine) forget(i *Intent) {
	place := i.place()
	if i.Payload == nil || !i.Payload.anchor() || m.find(func(o *Intent) bool { return o.place() == place }) != nil {
		return
	}
	delete(m.newest, place)
	delete(m.slots, place)
	delete(m.known, place)
	delete(m.passed, place)
}

// receipt journals what became of the answer that an intent delivered.
func (m *machine) receipt(fx *effects, now time.Time, i *Intent, status dodona.ReceiptStatus, detail string) {
	if i.Payload == nil {
		return
	}
	r := dodona.Receipt{
		Sink: m.sink, Topic: i.Payload.Topic, Key: i.Payload.Feed, Record: i.Payload.Record, Status: status,
		Detail: detail, At: now, Passed: i.Payload.Passed,
		Late: sink.Late(dodona.Record{Appended: i.Payload.Attested}, now),
	}
	if b := i.Block; b != nil {
		for _, a := range i.Attempts {
			if a.Hash == b.Tx {
				r.Record = a.Record // an older attempt may have won
			}
		}
		r.OnChain = &dodona.OnChain{
			Chain: m.chain, Contract: m.contract(i.Payload), Slot: i.Payload.Slot, Sender: m.sender, Tx: b.Tx, Block: b.Number,
			BlockHash: b.Hash, GasUsed: b.GasUsed, GasPrice: b.GasPrice,
		}
	}
	rec, err := sink.ReceiptRecord(r)
	// A block that was replaced is told again; so is a reverted transaction of the same answer.
	if b := i.Block; b != nil {
		rec.ID += "." + b.Hash.String()
	}
	fx.add(rec, err)
}

func (fx *effects) add(rec dodona.Record, err error) {
	if err != nil {
		fx.fail = err
		return
	}
	fx.keep = append(fx.keep, rec)
}

func (fx *effects) count(c telemetry.Counter, n uint64) {
	if fx.counts == nil {
		fx.counts = make(map[telemetry.Counter]uint64)
	}
	fx.counts[c] += n
}

// ether prints an amount for people.
func ether(wei *big.Int) string {
	if wei == nil {
		return "an unknown amount"
	}
	s := new(big.Rat).SetFrac(wei, big.NewInt(1e18)).FloatString(18)
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	return s + " ether"
}
