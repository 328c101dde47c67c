package evm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A reply says what a node made of the bytes it was sent.
type reply uint8

const (
	accepted    reply = iota // taken, or known already
	stale                    // the nonce is used: a block has one of the attempts, or another transaction
	spent                    // two endpoints say so
	underpriced              // pays too little
	poor                     // the sender cannot pay
	refused                  // for another reason
	unheard                  // no endpoint answered
)

// sent takes what became of a broadcast.
func (m *machine) sent(now time.Time, i *Intent, r reply, message string) effects {
	st := &step{now: now}
	if r != stale && r != spent && r != unheard {
		i.tooOld = 0
	}
	switch r {
	case stale:
		i.tooOld++
		message += fmt.Sprintf(", %s in a row, and it counts %s of %s: one of the nodes behind it lags; name another endpoint", unit.Count(i.tooOld, "time"), unit.Count(m.chainNonce, "transaction"), m.sender)
	case spent: // who counts fewer does not know what is known
		i.tooOld++
		m.heard.refuteNonce(now, i.Nonce)
		m.chainNonce = max(m.chainNonce, i.Nonce+1)
		m.used(st, i.Nonce)
	case accepted:
		if i.tooPoor && i.last().Tip > m.leastTip { // it climbed to what the pool takes, which says nothing else of it
			m.leastTip, m.leastTipAt = i.last().Tip, now
		}
		i.tooPoor = false
		if i.State == Signed {
			i.State, i.Attempts[len(i.Attempts)-1].Taken = Sent, true
			m.write(st, i)
		}
	case underpriced:
		i.bumpNow = true
		i.tooPoor = i.tooPoor || wantsMore(message)
		m.learnTip(now, message)
		st.count(telemetry.SinkFailures, 1)
	case poor, refused:
		i.gasWrong = mentions(message, "intrinsic gas", "gas limit", "gas too low", "gas too high", "exceeds block")
		st.count(telemetry.SinkFailures, 1)
	}
	there := r == refused || r == poor || r == underpriced || r == stale && i.tooOld >= mostTooOld && m.chainNonce <= i.Nonce
	m.say(st, rejected(i), there, "the node does not take transaction "+i.last().Hash.String()+": "+message+"; it is sent again")
	return st.effects
}

// rejected names the trouble that a node does not take an intent's bytes: each has its own, or one that is taken would
// end that of another.
func rejected(i *Intent) string { return fmt.Sprintf("rejected %d", i.Number) }

// forgive ends the troubles of intents that are not under way any more, and of slots that are not read any more.
func (m *machine) forgive(st *step) {
	for what := range m.trouble {
		if place, found := strings.CutPrefix(what, "slot "); found {
			if _, read := st.view.Slots[place]; !read {
				m.say(st, what, false, "")
			}
		}
		if feed, found := strings.CutPrefix(what, "refused "); found && !m.waits(feed, func(i *Intent) bool { return i.State == Planned && i.Refusals > 0 }) {
			m.say(st, what, false, "")
		}
		if feed, found := strings.CutPrefix(what, "estimate "); found && !m.waits(feed, func(i *Intent) bool { return i.State != Mined }) {
			m.say(st, what, false, "")
		}
		number, found := strings.CutPrefix(what, "rejected ")
		if found && m.find(func(i *Intent) bool {
			return (i.State == Signed || i.State == Sent) && strconv.FormatUint(i.Number, 10) == number
		}) == nil {
			m.say(st, what, false, "")
		}
	}
}

// waits reports whether there is such an intent of a feed.
func (m *machine) waits(feed string, is func(*Intent) bool) bool {
	return m.find(func(i *Intent) bool { return i.Payload != nil && i.Payload.Feed == feed && is(i) }) != nil
}

// say tells when a trouble begins and when it is over.
func (m *machine) say(st *step, what string, there bool, message string) {
	_, known := m.trouble[what]
	switch {
	case there && !known:
		m.trouble[what] = trouble{message, st.now}
		m.tell(st, strings.Fields(what)[0], message)
	case there:
		m.trouble[what] = trouble{message, m.trouble[what].Since}
	case known:
		delete(m.trouble, what)
		m.tell(st, strings.Fields(what)[0], "over")
	}
}

func (m *machine) tell(st *step, what, message string) {
	rec, err := sink.EventRecord(m.sink, what, message, st.now)
	st.add(rec, err)
}

// write journals how an intent stands, and forgets it if it is over.
func (m *machine) write(st *step, i *Intent) {
	if i.State.Over() {
		m.open = slices.DeleteFunc(m.open, func(o *Intent) bool { return o == i })
		m.forget(i)
	}
	lowest := m.top + 1
	for _, o := range m.open {
		lowest = min(lowest, o.Number)
	}
	i.Step++
	e := intent.Entry{
		Chain: m.chain, Sender: m.sender, Top: m.top, Open: lowest, Next: m.pendingNonce, Intent: i.Intent, LeastTip: m.leastTip, LeastTipAt: m.leastTipAt,
	}
	if m.heard.loneNonce != nil {
		alone := *m.heard.loneNonce
		e.Alone = &alone
	}
	rec, err := e.Record(m.sink)
	st.add(rec, err)
}

// forget lets go of the place of an anchor, which no later one has: they are many, and feeds are few.
func (m *machine) forget(i *Intent) {
	place := i.place()
	if i.Payload == nil || !i.Payload.Anchor() || m.find(func(o *Intent) bool { return o.place() == place }) != nil {
		return
	}
	delete(m.newest, place)
	delete(m.slots, place)
	delete(m.known, place)
	delete(m.passed, place)
	delete(m.reverted, place)
	m.heard.forget(place)
}

// receipt journals what became of the answer that an intent delivered.
func (m *machine) receipt(st *step, i *Intent, status dodona.ReceiptStatus, detail string) {
	if i.Payload == nil {
		return
	}
	r := dodona.Receipt{
		Sink: m.sink, Topic: i.Payload.Topic, Key: i.Payload.Feed, Record: i.Payload.Record, Status: status,
		Detail: detail, At: st.now, Passed: i.Payload.Passed,
		Late: sink.Late(dodona.Record{Appended: i.Payload.Attested}, st.now),
	}
	if b := i.Block; b != nil {
		if a, found := i.outran(i.inBlock); found {
			r.Record, r.Passed = a.Record, a.Passed
		}
		contract := m.contract(i.Payload)
		if at := slices.IndexFunc(i.Attempts, i.inBlock); at >= 0 {
			contract = m.receiver(i, i.Attempts[at])
		}
		r.OnChain = &dodona.OnChain{
			Chain: m.chain, Contract: contract, Slot: i.Payload.Slot, Sender: m.sender, Tx: b.Tx, Block: b.Number,
			BlockHash: b.Hash, GasUsed: b.GasUsed, GasPrice: b.GasPrice,
		}
	}
	rec, err := sink.ReceiptRecord(r)
	// A block that was replaced is told again; so is a reverted transaction of the same answer.
	if b := i.Block; b != nil {
		rec.ID += "." + b.Hash.String()
	}
	st.add(rec, err)
}

func (fx *effects) add(rec dodona.Record, err error) {
	if err != nil {
		fx.fail = err
		return
	}
	fx.keep = append(fx.keep, rec)
}

func (fx *effects) count(c telemetry.Counters, n uint64) {
	if fx.counts == nil {
		fx.counts = make(map[telemetry.Counters]uint64)
	}
	fx.counts[c] += n
}
