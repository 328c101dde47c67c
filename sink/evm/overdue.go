package evm

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona/internal/unit"
)

// Nothing is in the way, and yet no block has what was sent, or what goes out rests on one endpoint's word: a person is told while it lasts.

// overdueAfter is how long a transaction that pays what is asked may be in no block, at least, before it is told.
const overdueAfter = 5 * time.Minute

// overdue names the trouble that a transaction is in no block; alone, that one endpoint is believed of what no other one can tell.
const (
	overdue = "overdue"
	alone   = "alone"
)

// tellOverdue tells of the transaction that holds up the others, if it has been in no block for long. That nobody takes it, fees and money
// have troubles of their own.
func (m *machine) tellOverdue(st *step) {
	var first *Intent
	for _, i := range m.open {
		if (i.State == Signed || i.State == Sent) && (first == nil || i.Nonce < first.Nonce) {
			first = i
		}
	}
	if first == nil || !first.wasTaken() || m.trouble[rejected(first)] != (trouble{}) || st.fees || st.funds != nil {
		m.say(st, overdue, false, "")
		return
	}
	since := first.Attempts[0].At
	if first.since.After(since) {
		since = first.since
	}
	waited := st.now.Sub(since)
	pays, why := "though it pays up to", "the endpoint keeps it to itself, or the chain has no room for it; name another one in rpc"
	switch age := st.now.Sub(st.view.clock()); {
	case age >= standsFor:
		why = "the endpoint, or the chain, stands still; name another one in rpc"
	case first.last().FeeCap < st.view.Head.BaseFee:
		pays, why = "and pays up to", "it waits for a lower fee, and all behind it"
	}
	m.say(st, overdue, waited >= max(overdueAfter, 5*m.unhurried(m.bumpAfter)), fmt.Sprintf(
		"transaction %s of nonce %d is in no block for %s, %s %s where the base fee is %s; the newest block is %d, of %sZ: %s",
		first.last().Hash, first.Nonce, waited.Truncate(time.Minute), pays, Price(first.last().FeeCap), Price(st.view.Head.BaseFee), st.view.Head.Number, st.view.clock().UTC().Format(time.DateTime), why))
}

// tellStranded tells that money ran out while transactions are in no block: none is put into one that costs more than there is. A block may
// have it already, so it is told once it lasts.
func (m *machine) tellStranded(st *step) {
	var first *Intent
	for _, i := range m.open {
		if (i.State == Signed || i.State == Sent) && (first == nil || i.Nonce < first.Nonce) {
			first = i
		}
	}
	switch {
	case first == nil || st.view.Balance == nil || cost(first.last().Gas, first.last().FeeCap).Cmp(st.view.Balance) <= 0:
		m.strandedAt = time.Time{}
	case m.strandedAt.IsZero():
		m.strandedAt = st.now
	case st.now.Sub(m.strandedAt) >= lostFor && st.funds == nil:
		st.funds = cost(first.last().Gas, first.last().FeeCap)
	}
}

// wasTaken reports whether any node took a transaction of an intent.
func (i *Intent) wasTaken() bool {
	_, found := i.taken()
	return found
}

// tellAlone tells that one of several endpoints is believed of what no other one can tell, once that lasts.
func (m *machine) tellAlone(st *step) {
	l := lead{place: theNonce}
	switch {
	case m.heard.loneNonce != nil:
		l.word = word{by: m.heard.loneNonce.By, level: m.heard.loneNonce.Level}
	case len(m.heard.loneSlots) > 0:
		l.place = slices.Min(slices.Collect(maps.Keys(m.heard.loneSlots)))
		l.word = m.heard.loneSlots[l.place]
	}
	if m.heard.loneNonce == nil && len(m.heard.loneSlots) == 0 || len(m.hosts) < 2 {
		m.heard.loneAt = time.Time{}
		m.say(st, alone, false, "")
		return
	}
	if m.heard.loneAt.IsZero() {
		m.heard.loneAt = st.now
	}
	what := "rounds up to it count as delivered by somebody else"
	if l.place == theNonce {
		what = "new transactions are numbered behind it"
	}
	m.say(st, alone, st.now.Sub(m.heard.loneAt) >= laggingFor, fmt.Sprintf("%s says that %s, and the others cannot tell: it is believed, and %s; see that another endpoint of rpc answers", m.host(l.by), l.inWords(), what))
}

// tellReverted tells that a contract reverts an answer again and again, which waits for a person.
func (m *machine) tellReverted(st *step) {
	var i *Intent // of several the one that is tried next, or is being tried
	for _, o := range m.open {
		if o.Payload != nil && o.Reverts >= mostTries && !m.isForeign(o.place()) && (o.Block == nil || !o.Block.OK) && (i == nil || o.NotUntil.Before(i.NotUntil)) {
			i = o
		}
	}
	const see = "see whether it is the right contract and knows who signs (`dodona contract show`), and leave out `gas`, for then it says why"
	or := func(why string) string { // better than where to look is what was found
		if why == "" {
			return see
		}
		return "the last time " + why
	}
	anchor := m.find(func(i *Intent) bool { return i.Payload != nil && i.Payload.Anchor() })
	switch {
	case m.row >= rowMost && anchor != nil:
		m.say(st, "reverted", true, fmt.Sprintf("of the last %[2]d anchors the contract %[1]s took none, or nobody says whether it would; the newest is tried each %[3]s; %[4]s", m.contract(anchor.Payload), m.row, retryMost, see))
		return
	case i == nil:
		var worst *spell
		for _, s := range m.spells() {
			if s.times() >= mostTries && (worst == nil || s.times() > worst.times()) {
				worst = s
			}
		}
		if worst == nil {
			m.say(st, "reverted", false, "")
			return
		}
		m.say(st, "reverted", true, fmt.Sprintf("the contract %s reverted rounds of %s in %s, the last at %sZ; the next one is tried at %sZ; %s",
			m.contract(worst.of.Payload), worst.of.Payload.Feed, unit.Count(worst.times(), "block"), worst.last.UTC().Format(time.TimeOnly), worst.until().UTC().Format(time.TimeOnly), or(worst.why)))
		return
	}
	next := "is on trial again"
	if i.State == Planned {
		next = "is tried again at " + i.NotUntil.UTC().Format(time.TimeOnly) + "Z"
	}
	m.say(st, "reverted", true, fmt.Sprintf("the contract %s reverted round %d of %s %d times; it %s; %s", m.contract(i.Payload), uint64(i.Payload.Round), i.Payload.Feed, i.Reverts, next, or(i.RevertedFor)))
}

// keptMost is how many transactions in a row get into a block only once another endpoint has them, before that one is asked instead.
const keptMost = 3

// leftEvery is how seldom: where blocks are slow or seen late the other one needs as long.
const leftEvery = time.Hour

// passedOn notes that a block has a transaction, and whether another endpoint had to be given it first.
func (m *machine) passedOn(i *Intent) {
	switch {
	case !i.copied:
		m.kept = 0
	case m.keptBy == i.tookBy:
		m.kept++
	default:
		m.kept, m.keptBy = 1, i.tookBy
	}
}

// leaves returns why the current endpoint is to be left; "" if it is not. It is told once each time.
func (m *machine) leaves(st *step, current int) string {
	if m.kept < keptMost || m.keptBy != current || st.now.Sub(m.leftAt) < leftEvery {
		return ""
	}
	m.kept, m.leftAt = 0, st.now
	why := fmt.Sprintf("%d transactions in a row got into a block only after another endpoint had them: it may pass on nothing", keptMost)
	m.tell(st, "rpc", m.host(current)+" is left: "+why)
	return why
}
