package evm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// What one contract does not take waits aside: it holds up no other feed, and costs few transactions.

// refused returns the intents that wait for a reason of their contract, or of another one of their place or of anchors: they hold up no others. Those may be passed
// over whose contract was seen not to take one of late.
func (m *machine) refused(now time.Time) (wait, refused []*Intent) {
	places, waits, stuck := make(map[string]bool), m.onTrial(now), m.stuck()
	for place, s := range m.spells() {
		places[place] = s.times() >= mostTries
	}
	for _, i := range m.open {
		if i.State != Planned || i.Payload == nil {
			continue
		}
		place := i.place()
		places[place] = places[place] || i.Refusals+i.Reverts > 0 || stuck[place] || m.isForeign(place)
		switch bad := places[place] || m.stopped(now, i); {
		case bad && now.Sub(m.refuses[i.Payload.Feed]) < refusesFor:
			refused = append(refused, i)
		case !bad && !waits[place]:
			continue
		}
		wait = append(wait, i)
	}
	return wait, refused
}

// refusesFor is how long it is good to have seen that a contract does not take an answer: several times the pause until the next one is tried. While no endpoint
// answers nothing is known of it.
const refusesFor = 3 * retryMost

// onTrial returns the places of which one goes out that was reverted before, or after others were seen reverted in blocks, or were a while ago, a longer one for each block: what
// comes behind it waits, for each that the contract does not take either costs a transaction. Where only the newest answer goes, and is estimated, it need not.
func (m *machine) onTrial(now time.Time) map[string]bool {
	places, spells := make(map[string]bool), m.spells()
	for _, i := range m.open {
		place := i.place()
		if m.goesBlindly(i) && (i.State == Signed || i.State == Sent) && (i.Reverts > 0 || spells[place] != nil) && m.receiver(i, i.last()) == m.contract(i.Payload) {
			places[place] = true
		}
	}
	for place, s := range spells {
		places[place] = places[place] || now.Before(s.until())
	}
	return places
}

// goesBlindly reports whether what comes behind an answer may go out though the contract takes neither.
func (m *machine) goesBlindly(i *Intent) bool {
	return i.Payload != nil && !i.Payload.Anchor() && (m.policy.Policy == sink.Every || m.gas > 0)
}

// A spell is what blocks that are not deep enough reverted of a place. Of several in one block none could wait for the others.
type spell struct {
	blocks map[dodona.Digest]bool
	before int       // how often one of them was reverted before
	last   time.Time // when the last one was seen
	of     *Intent   // the first
	why    string    // the last one whose reason is known
}

func (s *spell) times() int { return len(s.blocks) + s.before }

// until returns when the next one may be tried.
func (s *spell) until() time.Time { return s.last.Add(pause(s.times())) }

// spells returns them by place.
func (m *machine) spells() map[string]*spell {
	list := make(map[string]*spell)
	for _, i := range m.open {
		if !m.goesBlindly(i) || i.State != Mined || i.Block.OK || m.elsewhere(i) {
			continue
		}
		if has, _ := m.holds(i.place()); has.Round >= i.tried() {
			continue
		}
		s := list[i.place()]
		if s == nil {
			s = &spell{blocks: make(map[dodona.Digest]bool), of: i}
			list[i.place()] = s
		}
		s.blocks[i.Block.Hash] = true
		s.why = cmp.Or(i.Block.Why, s.why, i.RevertedFor)
		s.before, s.last = max(s.before, i.Reverts), latest(s.last, i.badAt)
	}
	return list
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// stuck returns the feeds of which nobody says what an answer takes, or what the contract holds, unless that goes for all: then it is the endpoint, or the clock.
func (m *machine) stuck() map[string]bool {
	list := make(map[string]bool)
	for _, i := range m.open {
		if i.mute && i.State == Planned && i.Payload != nil && !i.Payload.Anchor() {
			list[i.Payload.Feed] = true
		}
	}
	for feed := range m.target {
		_, unknown := m.trouble[unknownGas(feed)]
		_, early := m.trouble[earlySlot(feed)]
		if unknown || early {
			list[feed] = true
		}
	}
	if len(list) == len(m.target) && (m.anchor.IsZero() || m.find(m.stuckAnchor) != nil) {
		return nil
	}
	return list
}

// stuckAnchor reports whether an intent is an anchor of which nobody says what it takes, or what the contract of anchors holds.
func (m *machine) stuckAnchor(i *Intent) bool {
	if i.Payload == nil || !i.Payload.Anchor() {
		return false
	}
	_, unknown := m.trouble[unknownGas(i.Payload.Feed)]
	_, early := m.trouble[earlySlot(i.place())]
	return unknown || early || i.mute
}

// refuse has an intent wait, which its contract refuses, or, if it is an anchor, of which nobody says anything: after some in a row only the newest anchor is asked about.
func (m *machine) refuse(now time.Time, i *Intent) {
	i.Refusals++
	m.countRow(now, i.Payload, false)
	i.NotUntil = now.Add(min(pause(i.Refusals), refusedMost))
}

// sayUnknown tells that nobody says what an answer takes, or that somebody does.
func (m *machine) sayUnknown(st *step, i *Intent, e estimate) {
	m.say(st, unknownGas(i.Payload.Feed), e.Unknown != "", fmt.Sprintf("nobody says what a transaction of %s takes: %s; it is asked again, or give the sink a limit (`gas`)", i.Payload.Feed, e.Unknown))
}

// mute has wait what no endpoint answers anything of.
func (m *machine) mute(st *step) {
	for _, i := range m.open {
		e, asked := st.view.Estimates[i.Number]
		if asked {
			i.mute = e.Mute
		}
		if !e.Mute {
			continue
		}
		wait := silentFirst
		if e.Unknown != "" {
			m.sayUnknown(st, i, e)
			wait = retryFirst
		}
		if i.State == Planned {
			i.NotUntil = latest(i.NotUntil, st.now.Add(wait))
		}
	}
}

// control returns a call of another contract, if nobody says what an answer of one feed takes and much waits for that: if the endpoint says what that one takes, or
// that it refuses it, it is not the endpoint. nil: nothing is to be asked, or there is no other contract.
func (m *machine) control() *ethrpc.Message {
	if m.gas > 0 || len(m.open) < mostOpen/2 {
		return nil
	}
	stuck := m.stuck()
	of := m.find(func(i *Intent) bool {
		_, unknown := m.trouble[unknownGas(i.place())]
		return i.State == Planned && i.Payload != nil && unknown && stuck[i.place()]
	})
	if of == nil {
		return nil
	}
	to := m.anchor
	for _, feed := range slices.Sorted(maps.Keys(m.target)) {
		if other := m.target[feed]; other != m.contract(of.Payload) && !stuck[feed] {
			to = other
			break
		}
	}
	if to.IsZero() || to == m.contract(of.Payload) {
		return nil
	}
	return &ethrpc.Message{From: m.sender, To: &to, Data: of.Payload.Data}
}

// blame notes of which feeds a view shows that it is their contract: the endpoint says of another one what it takes, or did so the last time, a short while ago, or what it holds.
func (m *machine) blame(st *step) {
	stuck := m.stuck()
	for _, i := range m.open {
		if e, asked := st.view.Estimates[i.Number]; asked && i.Payload != nil {
			m.spoke[i.Payload.Feed] = st.now
			if e.Mute || e.Unknown != "" {
				delete(m.spoke, i.Payload.Feed)
			}
		}
	}
	for feed := range m.target {
		if _, early := m.trouble[earlySlot(feed)]; early {
			if stuck[feed] {
				m.refuses[feed] = st.now
			}
			continue
		}
		unknown, others := false, st.view.Speaks
		for _, i := range m.open {
			e, asked := st.view.Estimates[i.Number]
			unknown = unknown || asked && i.Payload != nil && i.Payload.Feed == feed && e.Unknown != ""
		}
		for other, at := range m.spoke {
			others = others || other != feed && st.now.Sub(at) < spokeFor
		}
		switch {
		case unknown && others:
			m.refuses[feed] = st.now
		case unknown:
			delete(m.refuses, feed)
		}
	}
}

// spokeFor is how long an answer about another contract is good.
const spokeFor = 10 * time.Minute

// giveUp passes over the oldest of the feed of which most are refused, and the next one of its place stands where it stood; false: there is none.
func (m *machine) giveUp(st *step, refused []*Intent) bool {
	var i *Intent
	count := make(map[string]int)
	for _, o := range refused {
		count[o.Payload.Feed]++
	}
	for _, o := range refused {
		if i == nil || count[o.Payload.Feed] > count[i.Payload.Feed] {
			i = o
		}
	}
	if i == nil {
		return false
	}
	why := fmt.Sprintf("the contract %s does not take it, of %sZ, and %s wait for theirs: the oldest is passed over", m.contract(i.Payload), i.Payload.Attested.UTC().Format(time.DateTime), unit.Count(len(refused), "answer"))
	if at := slices.IndexFunc(refused, func(o *Intent) bool { return o != i && o.place() == i.place() }); at >= 0 {
		next := refused[at]
		next.Refusals = max(next.Refusals, i.Refusals, 1)
		next.takeTrouble(i)
		m.write(st, next)
	}
	i.State = Dead
	m.write(st, i)
	m.receipt(st, i, dodona.ReceiptDead, why)
	m.tell(st, "dead", i.Payload.Feed+" "+i.Payload.Record+": "+why)
	st.count(telemetry.SinkDead, 1)
	return true
}

// rowMost is how many anchors a contract refuses one after the other until only the newest one is tried, now and then: each costs a transaction.
const rowMost = 8

// stopped reports whether an anchor waits because the contract refuses all.
func (m *machine) stopped(now time.Time, i *Intent) bool {
	if i.State != Planned || i.Payload == nil || !i.Payload.Anchor() || m.row < rowMost {
		return false
	}
	return now.Sub(m.rowAt) < retryMost || slices.ContainsFunc(m.open, func(o *Intent) bool {
		return o.State == Planned && o.Payload != nil && o.Payload.Anchor() && o.Number > i.Number
	})
}

// countRow counts that the contract refused an anchor, or took one.
func (m *machine) countRow(now time.Time, p *Payload, took bool) {
	switch {
	case p == nil || !p.Anchor():
	case took:
		m.row = 0
	default:
		m.row, m.rowAt = m.row+1, now
	}
}

// refusedBy names the trouble that the contract of a payload would not take it.
func refusedBy(p *Payload) string { return "refused " + p.Feed }

// unknownGas names the trouble that no endpoint estimates what an answer of a feed takes; earlySlot, that a slot is said to hold a round that is not yet.
func unknownGas(feed string) string { return "estimate " + feed }
func earlySlot(place string) string { return "slot " + place }
