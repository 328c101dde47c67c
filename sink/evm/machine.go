package evm

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A machine decides what is sent. It is pure: it knows the time and the chain from what step is told, and what it
// wants done are effects, in order: first everything is journaled, then bytes are sent.
type machine struct {
	rules
	open         []*Intent // not over, by number
	top          uint64    // highest number given
	pendingNonce uint64    // the next to give, unless the chain is ahead; of those given behind a loneNonce none counts
	slots        map[string]sink.Said
	known        map[string]bool         // the slot has been read
	newest       map[string]dodona.Round // the newest round taken, by feed
	passed       map[string]uint64       // answers since the last one planned that will not be sent, by feed

	behind   int       // views in a row in which the chain wants a nonce below what is in flight and was given
	behindAt time.Time // the first of them
	nonceGap nonces    // the nonces that count as missing since then; empty before that is certain
	highest  uint64    // number of a block seen
	belowAt  time.Time // since when every view has a lower one

	chainNonce uint64               // that the chain was last seen to have taken
	begun      bool                 // a view was seen, or something sent before
	hearings   map[string]*hearing  // by place, of what is ahead and not seconded
	told       map[string]time.Time // by place: when a lead that is denied was last told
	unsure     map[string]sink.Said // in this step, by place: the most that may be in the slot; what is up to it waits
	loneNonce  *loneNonce           // how many were sent, on the word of one endpoint alone; nil: it is known
	loneSlots  map[string]word      // slots on the word of one endpoint alone, by place
	refuted    map[string]refutal   // by place: where an endpoint was ahead last and not believed
	reverted   map[string]reverted  // by place: the newest round that a block reverted
	wrong      map[int]mistake      // by endpoint: how often a block showed that it denies what is true
	held       bool                 // in this step, how many were sent is not sure: nothing gets a nonce
	usual      uint64               // in this step, the most that a tip is believed to have to be
	compared   bool                 // it is known what others pay
	leastTip   uint64               // wei for each unit of gas that the pool was heard to take at least; 0: nothing was heard
	leastTipAt time.Time
	paid       []uint64 // tips of the last transactions that were seen in blocks
	legacy     bool     // the chain has no EIP-1559
	hadBaseFee bool     // it was seen to have it
	trouble    map[string]trouble
	refuses    map[string]time.Time // by feed: when its contract was last seen not to take an answer, and none since
	spoke      map[string]time.Time // by feed: when an endpoint last said what its contract takes, if none was silent of it since
	foreign    map[string]foreigner // by feed: its contract is of something else
	row        int                  // anchors that were refused one after the other
	rowAt      time.Time            // when one was tried last
	loneAt     time.Time            // since when one endpoint is believed alone
	kept       int                  // transactions in a row that a block has only since another endpoint had them
	keptBy     int                  // the endpoint that took them first
	leftAt     time.Time            // when one was left for that
	took       time.Duration        // to read the last view
	fees       bool                 // in this step, fees stand in the way
	tipWanted  uint64               // in this step, a tip above max_tip is; 0 if none
	funds      *big.Int             // in this step, money does: what is needed; nil if it does not
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

	maxFee        uint64 // wei for each unit of gas, base fee and tip together
	maxTip        uint64 // of it the tip; 0: as is usual
	gas           uint64 // the limit; 0: as estimated
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
	transferGas = 21000
	mostLimit   = 10_000_000 // of an attempt whose limit is not derived anew; what an older version sent may have more
	mostOpen    = 2048       // intents, those that wait for their depth included
	mostGap     = 64         // nonces that are mended at once
	mostJump    = mostGap    // nonces in a row that the chain can lack and nobody knows; more, and an endpoint lied about the nonce
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
	Speaks    bool                              // it says what a call of another contract takes, or that it refuses it
	Final     map[uint64]Intent                 // what was final, by nonce, of the nonces that were asked for
	Kept      bool                              // head, nonce and slots are those of the view before
	Took      time.Duration                     // how long it took to read, while endpoints let requests wait
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

// effects are what step wants done.
type effects struct {
	keep   []dodona.Record // journal these first, all at once
	send   []*Intent       // then broadcast the last attempt of each
	counts map[telemetry.Counters]uint64
	fail   error // a bug: something could not be written as JSON
}

func newMachine(r rules) *machine {
	return &machine{
		rules: r, slots: make(map[string]sink.Said), known: make(map[string]bool), hearings: make(map[string]*hearing), told: make(map[string]time.Time), loneSlots: make(map[string]word), refuted: make(map[string]refutal), reverted: make(map[string]reverted), wrong: make(map[int]mistake), newest: make(map[string]dodona.Round),
		passed: make(map[string]uint64), trouble: make(map[string]trouble), refuses: make(map[string]time.Time), spoke: make(map[string]time.Time),
	}
}

// take accepts an answer; false: too many are open, offer it again later.
func (m *machine) take(now time.Time, p Payload) (taken bool, fx effects) {
	if p.Round <= m.newest[p.place()] {
		return true, fx // again
	}
	reference, _ := m.holds(p.place())
	if reference.Round >= p.Round {
		fx.count(telemetry.SinkSuperseded, 1) // the chain has it, or a newer one
		return true, fx
	}
	if m.policy.Policy == sink.Every || p.anchor() {
		wait, refused := m.refused(now)
		if m.undecided()-len(wait) >= m.window || len(m.open) >= mostOpen && (len(refused) <= mostOpen/2 || !m.giveUp(&fx, now, refused)) { // what lies in blocks leaves by itself
			return false, fx
		}
		m.plan(&fx, now, p)
		return true, fx
	}
	waiting, flying := m.planned(p.place()), m.flying(p.place())
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
		m.takeTurn(waiting) // the newer answer has its own
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

// receiver returns the contract that an attempt of an intent went to; zero if that is not known, or it went to none.
func (r rules) receiver(i *Intent, a Attempt) dodona.Address {
	if i.Payload != nil && a.To.IsZero() { // an older version did not say
		return r.contract(i.Payload)
	}
	return a.To
}

// plan makes an intent.
func (m *machine) plan(fx *effects, now time.Time, p Payload) {
	p.Passed = m.passed[p.place()]
	delete(m.passed, p.place())
	m.newest[p.place()] = p.Round
	m.top++
	i := &Intent{Number: m.top, State: Planned, Payload: &p}
	m.takeTurn(i)
	m.open = append(m.open, i)
	m.write(fx, i)
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

// setClocks takes for now what was noted later than now, by a clock that was ahead, and a pause for no longer than its reason lasts.
func (m *machine) setClocks(now time.Time) {
	past := func(times ...*time.Time) {
		for _, at := range times {
			if at.After(now) {
				*at = now
			}
		}
	}
	past(&m.leastTipAt, &m.behindAt, &m.belowAt, &m.loneAt, &m.leftAt, &m.rowAt)
	if m.loneNonce != nil {
		past(&m.loneNonce.At)
	}
	for place, w := range m.loneSlots {
		past(&w.at)
		m.loneSlots[place] = w
	}
	for _, e := range m.hearings {
		e.setClock(past)
	}
	for feed, at := range m.refuses {
		past(&at)
		m.refuses[feed] = at
	}
	for feed, at := range m.spoke {
		past(&at)
		m.spoke[feed] = at
	}
	for place, r := range m.refuted {
		past(&r.at)
		m.refuted[place] = r
	}
	for place, r := range m.reverted {
		past(&r.at)
		m.reverted[place] = r
	}
	for by, w := range m.wrong {
		past(&w.since)
		m.wrong[by] = w
	}
	for what, t := range m.trouble {
		past(&t.Since)
		m.trouble[what] = t
	}
	for _, i := range m.open {
		past(&i.lastSend, &i.since, &i.lostAt, &i.blankAt, &i.badAt)
		for at := range i.Attempts {
			past(&i.Attempts[at].At)
		}
		if most := now.Add(m.longest(i)); i.NotUntil.After(most) {
			i.NotUntil = most
		}
	}
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
func (m *machine) step(now time.Time, v view) (fx effects) {
	m.fees, m.tipWanted, m.funds, m.took = false, 0, nil, v.Took
	m.legacy, m.hadBaseFee = v.Head.Legacy, m.hadBaseFee || !v.Head.Legacy
	m.usual, m.compared = m.usualMost(v), len(v.Tips) > 0
	m.setClocks(now)
	m.tellForeign(&fx, now, v)
	m.tellMisfit(&fx, now, v)
	m.weigh(&fx, now, &v)
	m.forgetTip(now, v.Head.BaseFee)
	for place, said := range v.Slots {
		impossible := early(now, v, said)
		m.say(&fx, now, earlySlot(place), impossible, fmt.Sprintf("the contract of %s is said to hold round %d, later than the clock, %s, and its newest block; it is not believed: set the clock, or name another endpoint",
			place, uint64(said.Round), now.UTC().Format(time.RFC3339)))
		if !impossible {
			m.slots[place], m.known[place] = said, true
		} else if i := m.planned(place); i != nil && i.Payload.anchor() && !now.Before(i.NotUntil) {
			m.refuse(now, i)
		}
	}
	for _, i := range slices.Clone(m.open) {
		if i.State.inFlight() {
			m.follow(&fx, now, v, i)
		}
	}
	m.mendNonceGap(&fx, now, v)
	waits, spells := m.onTrial(now), m.spells()
	for _, i := range slices.Clone(m.open) {
		if i.State == Planned && !waits[i.place()] && (!m.launch(&fx, now, v, i) || i.Reverts > 0 || spells[i.place()] != nil) && m.policy.Policy == sink.Every && !i.Payload.anchor() {
			waits[i.place()] = true // in order: who comes later waits
		}
	}
	for _, i := range slices.Clone(m.open) { // one may take the place of another
		if i.State == Signed || i.State == Sent {
			m.push(&fx, now, v, i)
		}
	}
	m.mute(&fx, now, v)
	m.forgive(&fx, now, v)
	m.tellOverdue(&fx, now, v)
	m.tellAlone(&fx, now)
	m.tellReverted(&fx, now)
	m.blame(now, v)
	m.say(&fx, now, "fees", m.fees, m.dear(v))
	m.say(&fx, now, "funds", m.funds != nil, fmt.Sprintf("%s cannot pay: it has %s, and transactions may cost up to %s; send it some", m.sender, ether(v.Balance), ether(m.funds)))
	return fx
}
