package evm

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A machine decides what is sent. It is pure: it knows the time and the chain from what it is told, and what it
// wants done are effects, in order: first everything is journaled, then bytes are sent. What it keeps lives as long as
// the sink; what is of one decision is in a step.
type machine struct {
	rules

	open   []*Intent               // not over, by number
	top    uint64                  // highest number given
	newest map[string]dodona.Round // the newest round taken, by feed
	passed map[string]uint64       // answers since the last one planned that will not be sent, by feed

	pendingNonce uint64    // the next to give, unless the chain is ahead; of those given behind a loneNonce none counts
	chainNonce   uint64    // that the chain was last seen to have taken
	behind       int       // views in a row in which the chain wants a nonce below what is in flight and was given
	behindAt     time.Time // the first of them
	nonceGap     nonces    // the nonces that count as missing since then; empty before that is certain

	slots map[string]sink.Said // what is known to be in them, by place
	known map[string]bool      // the slot has been read
	heard hearings             // and is not known

	begun      bool          // a view was seen, or something sent before
	highest    uint64        // number of a block seen
	belowAt    time.Time     // since when every view has a lower one
	hadBaseFee bool          // the chain was seen to have one
	took       time.Duration // to read the last view

	leastTip   uint64 // wei for each unit of gas that the pool was heard to take at least; 0: nothing was heard
	leastTipAt time.Time
	paid       []uint64 // tips of the last transactions that were seen in blocks

	foreign  map[string]foreigner // by feed: its contract is of something else, as of the last view
	refuses  map[string]time.Time // by feed: when its contract was last seen not to take an answer, and none since
	spoke    map[string]time.Time // by feed: when an endpoint last said what its contract takes, if none was silent of it since
	reverted map[string]reverted  // by place: the newest round that a block reverted
	row      int                  // anchors that were refused one after the other
	rowAt    time.Time            // when one was tried last

	kept   int       // transactions in a row that a block has only since another endpoint had them
	keptBy int       // the endpoint that took them first
	leftAt time.Time // when one was left for that

	strandedAt time.Time // since when the first transaction in no block costs more than there is

	trouble map[string]trouble
	eased   bool // the endpoints answer again: what is told of them is past
}

// Rules are what a machine goes by.
type rules struct {
	sink   string
	chain  uint64
	sender dodona.Address
	sign   func(ethrpc.Transaction) ([]byte, dodona.Digest)
	policy sink.Policy
	target map[string]dodona.Address // contract by feed
	anchor dodona.Address            // the contract of anchors; zero if there is none
	wait   func(feed string, r dodona.Round) time.Duration

	stranger      func(*Payload) string // why a payload is of a network that its contract does not know; nil: none is
	anchorsMisled string                // that the contract of anchors is of another network than the node's; empty if it is not

	maxFee        uint64 // wei for each unit of gas, base fee and tip together
	maxTip        uint64 // of it the tip; 0: as is usual
	gas           uint64 // the limit; 0: as estimated
	maxGas        uint64 // of an estimate
	confirmations uint64
	window        int // transactions in no block at once
	bumpAfter     time.Duration
	resendAfter   time.Duration
	hosts         []string // of the endpoints
}

// A trouble is what stands in the way, told once when it begins and once when it is over.
type trouble struct {
	Message string    `json:"message"`
	Since   time.Time `json:"since"`
}

// Bounds of what the machine does by itself.
const (
	lostViews   = 3                // in a row, before a nonce counts as taken by another
	mostTooOld  = 3                // answers in a row that a nonce is used which the same endpoint says is not
	lostFor     = 12 * time.Second // at least
	lowerFor    = 10 * time.Minute // at least, of nothing but lower blocks: then the highest one seen was none, or is gone
	laggingFor  = 2 * time.Minute  // at least, if the newest block is below one seen before: the endpoint may lag
	mostTries   = 3                // reverted transactions of one answer before it waits for a person
	retryFirst  = 15 * time.Second // after a refusal, doubling
	retryMost   = 10 * time.Minute
	refusedMost = 2 * time.Minute // between two questions whether the contract would take an answer
	mostBumps   = 40              // attempts of one intent; 1.125^40 is a factor of 111
	transferGas = 21000           // of an empty transfer, where a chain does not count what it costs elsewhere too
	mostLimit   = 10_000_000      // of an attempt whose limit is not derived anew; what an older version sent may have more
	mostOpen    = 2048            // intents, those that wait for their depth included
	mostGap     = 64              // nonces that are mended at once
	mostJump    = mostGap         // nonces in a row that the chain can lack and nobody knows; more, and an endpoint lied about the nonce
)

// A reverted round is one that the contract refused in a block: it may have a newer one.
type reverted struct {
	round dodona.Round
	at    time.Time
}

// A view is what the chain looks like, read from one endpoint in one go.
type view struct {
	Head      ethrpc.Header
	HeadAt    time.Time // when it was asked for
	HeadBy    int       // the endpoint that told it
	Nonce     uint64    // transactions of the sender that the chain took
	Raised    nonces    // nonces that receipts say are used, and the count does not: an endpoint may lag
	Lags      uint64    // so many of them another endpoint may not know that answered a part of the view
	Balance   *big.Int
	Tip       uint64                            // that the node suggests; on a chain without EIP-1559 the whole price
	Tips      []uint64                          // what was usual in the last blocks
	Receipts  map[dodona.Digest]*ethrpc.Receipt // of the attempts asked for; nil: not in a block
	Slots     map[string]sink.Said              // by feed
	Estimates map[uint64]estimate               // by the number of the intent
	Transfer  uint64                            // gas that it estimates an empty transfer to take; 0: it was not asked, or does not say
	Speaks    bool                              // it says what a call of another contract takes, or that it refuses it
	Final     map[uint64]intent.Intent          // what was final, by nonce, of the nonces that were asked for
	Kept      bool                              // head, nonce and slots are those of the view before
	Took      time.Duration                     // how long it took to read, while endpoints let requests wait
	Why       map[dodona.Digest]string          // blocks reverted transactions, in words; empty: nobody has said it
	Foreign   map[string]foreigner              // by feed: its contract is of something else
	Period    uint64                            // of the windows that the contract of anchors takes, milliseconds; 0: not known
	Every     time.Duration                     // of the node's windows; 0: not known
	By        map[string]int                    // the endpoint that told it, by place
	Words     map[string][]word                 // of other endpoints, by place that a view is ahead in
	Silent    map[string]bool                   // such places that an endpoint did not answer of
	Untold    map[string]bool                   // such places that not every endpoint was asked of
}

// Nonces are a run of them, to exclusive.
type nonces struct{ from, to uint64 }

func (n nonces) empty() bool { return n.from >= n.to }

// An estimate is what a node says of an intent before it is sent.
type estimate struct {
	Gas     uint64
	Refused string // why the contract would refuse it; empty if it would not
	Unknown string // why no endpoint says; empty if one does
	Mute    bool   // none answers; Unknown is empty while that may be by chance
}

// A step is one decision of a machine: when, by which view of the chain, if it is shown one, what it wants done, and what it finds on the way.
type step struct {
	effects
	now  time.Time
	view view // without what is ahead and not believed, once that is weighed

	unsure    map[string]sink.Said // by place: the most that may be in the slot; what is up to it waits
	held      bool                 // how many were sent is not sure: nothing gets a nonce
	fees      bool                 // fees stand in the way
	tipWanted uint64               // a tip above max_tip does; 0 if none
	funds     *big.Int             // money does: what is needed; nil if it does not
}

// effects are what a machine wants done.
type effects struct {
	keep   []dodona.Record // journal these first, all at once
	send   []*Intent       // then broadcast the last attempt of each
	counts map[telemetry.Counters]uint64
	took   []time.Duration // from an answer's attestation to the block that has it
	fail   error           // a bug: something could not be written as JSON
}

func newMachine(r rules) *machine {
	return &machine{
		rules: r, heard: newHearings(), slots: make(map[string]sink.Said), known: make(map[string]bool), newest: make(map[string]dodona.Round),
		passed: make(map[string]uint64), reverted: make(map[string]reverted), trouble: make(map[string]trouble), refuses: make(map[string]time.Time), spoke: make(map[string]time.Time),
	}
}

// take accepts an answer; false: too many are open, offer it again later.
func (m *machine) take(now time.Time, p Payload) (taken bool, fx effects) {
	st := &step{now: now}
	taken = m.accepts(st, p)
	return taken, st.effects
}

// accepts takes an answer in, unless too many are open.
func (m *machine) accepts(st *step, p Payload) bool {
	if p.Round <= m.newest[p.Place()] {
		return true // again
	}
	reference, _ := m.holds(p.Place())
	if reference.Round >= p.Round {
		st.count(telemetry.SinkSuperseded, 1) // the chain has it, or a newer one
		return true
	}
	if m.policy.Policy == sink.Every || p.Anchor() {
		wait, refused := m.refused(st.now)
		if m.undecided()-len(wait) >= m.window || len(m.open) >= mostOpen && (len(refused) <= mostOpen/2 || !m.giveUp(st, refused)) { // what lies in blocks leaves by itself
			return false
		}
		m.plan(st, p)
		return true
	}
	waiting, flying := m.planned(p.Place()), m.flying(p.Place())
	if flying != nil {
		reference = sink.Said{Round: flying.Payload.Round, Value: flying.Payload.Value}
	}
	m.newest[p.Place()] = p.Round
	switch {
	case waiting != nil:
		st.count(telemetry.SinkSuperseded, 1)
		p.Passed = waiting.Payload.Passed + m.passed[p.Place()] + 1
		delete(m.passed, p.Place())
		waiting.Payload = &p
		m.takeTurn(waiting) // the newer answer has its own
		m.write(st, waiting)
	case !m.policy.Due(p.Feed, &reference, saidBy(&p)):
		st.count(telemetry.SinkSkipped, 1)
		m.passed[p.Place()]++
	default:
		m.plan(st, p)
	}
	return true
}

// contract returns who takes a payload; zero if nobody.
func (r rules) contract(p *Payload) dodona.Address {
	if p.Anchor() {
		return r.anchor
	}
	return r.target[p.Feed]
}

// receiver returns the contract that an attempt of an intent went to; zero if that is not known, or it went to none.
func (r rules) receiver(i *Intent, a Attempt) dodona.Address {
	if i.Payload != nil && a.To.IsZero() { // an older version did not say
		return r.contract(i.Payload)
	}
	return a.To
}

// plan makes an intent.
func (m *machine) plan(st *step, p Payload) {
	p.Passed = m.passed[p.Place()]
	delete(m.passed, p.Place())
	m.newest[p.Place()] = p.Round
	m.top++
	i := &Intent{Intent: intent.Intent{Number: m.top, State: Planned, Payload: &p}}
	m.takeTurn(i)
	m.open = append(m.open, i)
	m.write(st, i)
}

// takeTurn lets an intent wait for the senders that come before this one.
func (m *machine) takeTurn(i *Intent) {
	if m.wait == nil {
		return
	}
	if d := m.wait(i.Payload.Feed, i.Payload.Round); d > 0 && i.NotUntil.Before(i.Payload.Attested.Add(d)) {
		i.NotUntil = i.Payload.Attested.Add(d)
	}
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

// longest returns how long an intent may have to wait for its time at most, for any reason that it has.
func (m *machine) longest(i *Intent) (d time.Duration) {
	if m.wait != nil && i.Payload != nil {
		d = m.wait(i.Payload.Feed, i.Payload.Round)
	}
	if i.Refusals > 0 {
		d = max(d, refusedMost)
	}
	if i.Reverts > 0 || i.Payload != nil && m.trouble[unknownGas(i.Payload.Feed)] != (trouble{}) {
		d = max(d, retryMost)
	}
	return d
}

// step decides by a view of the chain.
func (m *machine) step(now time.Time, v view) *step {
	st := &step{now: now, view: v, unsure: make(map[string]sink.Said)}
	m.took, m.hadBaseFee = v.Took, m.hadBaseFee || !v.Head.Legacy
	m.setClocks(now)
	m.tellForeign(st)
	m.tellMisfit(st)
	m.say(st, anotherNetwork, m.anchorsMisled != "", m.anchorsMisled)
	m.weigh(st)
	m.forgetTip(now, v)
	m.readSlots(st)
	for _, i := range slices.Clone(m.open) {
		if i.State.InFlight() {
			m.follow(st, i)
		}
	}
	m.mendNonceGap(st)
	waits, spells := m.onTrial(now), m.spells()
	for _, i := range slices.Clone(m.open) {
		if i.State == Planned && !waits[i.place()] && (!m.launch(st, i) || i.Reverts > 0 || spells[i.place()] != nil) && m.policy.Policy == sink.Every && !i.Payload.Anchor() {
			waits[i.place()] = true // in order: who comes later waits
		}
	}
	for _, i := range slices.Clone(m.open) { // one may take the place of another
		if i.State == Signed || i.State == Sent {
			m.push(st, i)
		}
	}
	m.mute(st)
	m.forgive(st)
	m.tellStranded(st)
	m.tellOverdue(st)
	m.tellAlone(st)
	m.tellReverted(st)
	m.blame(st)
	m.say(st, "fees", st.fees, m.dear(st))
	m.say(st, "funds", st.funds != nil, fmt.Sprintf("%s cannot pay: it has %s, and transactions may cost up to %s; send it some", m.sender, ethrpc.Ether(v.Balance), ethrpc.Ether(st.funds)))
	return st
}

// readSlots takes what a view says of slots, unless that cannot be.
func (m *machine) readSlots(st *step) {
	for place, said := range st.view.Slots {
		impossible := early(st.now, st.view, said)
		m.say(st, earlySlot(place), impossible, fmt.Sprintf("the contract of %s is said to hold round %d, later than the clock, %s, and its newest block; it is not believed: set the clock, or name another endpoint",
			place, uint64(said.Round), st.now.UTC().Format(time.RFC3339)))
		if !impossible {
			m.slots[place], m.known[place] = said, true
		} else if i := m.planned(place); i != nil && i.Payload.Anchor() && !st.now.Before(i.NotUntil) {
			m.refuse(st.now, i)
		}
	}
}
