package evm

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
)

// Two things that an endpoint can say cannot be undone: a slot ahead of everything that is known to be sent drops every round up to it, and a
// count of transactions ahead of all that were given buys the ones between. So these are leads. One is believed if another endpoint, which is
// asked for that alone, says so too, as far as both say it. If another one denies it that has seen a later block, it is not. If nobody else can
// tell, the endpoint is asked again and again for a while, and what depends on it waits.

// A lead is what an endpoint says of a place, ahead of all that is known.
type lead struct {
	word
	place string // of the slot; theNonce
	known uint64 // the newest round that was sent there or is known to be in the slot; how many transactions are known or given
	floor uint64 // what the chain is known to have: who has less lags, or is wrong, or it was reorganized
}

// A word is what one endpoint says of a place.
type word struct {
	by    int
	level uint64    // the round in the slot, or the count
	said  sink.Said // the slot
	clock time.Time // of the endpoint's newest block; of a lead, of the chain when it was heard
	at    time.Time // when it was heard; not set before it is weighed
}

// theNonce is the place of how many transactions the sender has sent: no feed has an empty name.
const theNonce = ""

// A ruling is what comes of a lead.
type ruling int

const (
	seconded ruling = iota // by another endpoint
	lone                   // one endpoint is believed of it alone
	refuted
	unclear // it is asked again
)

// leads returns what of a view is ahead of all that is known, in order. What a sole endpoint says at first is all there is to go by.
func (m *machine) leads(now time.Time, v view) (list []lead) {
	if len(m.hosts) < 2 && !m.begun {
		return nil
	}
	if known := max(m.chainNonce, m.pendingNonce); v.Nonce > known {
		list = append(list, lead{word{by: v.By[theNonce], level: v.Nonce}, theNonce, known, m.chainNonce})
	}
	for _, place := range slices.Sorted(maps.Keys(v.Slots)) {
		said := v.Slots[place]
		floor := uint64(m.slots[place].Round)
		known := max(floor, uint64(m.sentTo(place)))
		if uint64(said.Round) > known && !early(now, v, said) {
			list = append(list, lead{word{by: v.By[place], level: uint64(said.Round), said: said}, place, known, floor})
		}
	}
	return list
}

// sentTo returns the newest round that went to a place, of what is under way.
func (m *machine) sentTo(place string) (round dodona.Round) {
	for _, i := range m.open {
		if i.Payload == nil || i.place() != place {
			continue
		}
		for _, a := range i.Attempts {
			round = max(round, a.Round)
		}
	}
	return round
}

// weigh takes out of a view what is ahead and not to be believed, or not yet. Of such a slot it holds what a witness denied it with, if
// any; such a count is as many as are known to be used. What one endpoint is believed of alone is kept apart (lone.go).
func (m *machine) weigh(st *step) {
	leads := m.leads(st.now, st.view)
	ahead := func(place string) bool {
		return slices.ContainsFunc(leads, func(l lead) bool { return l.place == place })
	}
	maps.DeleteFunc(m.heard.of, func(place string, _ *hearing) bool { return !ahead(place) })
	m.withdraw(st, ahead)
	waiting := ""
	st.view.Slots = maps.Clone(st.view.Slots)
	for _, l := range leads {
		h := m.heard.of[l.place]
		if h == nil {
			h = newHearing(st.now)
			m.heard.of[l.place] = h
		}
		l.clock = st.view.clockNow(st.now)
		words := st.view.Words[l.place]
		wrong := m.heard.mistaken(st.now, h, words)
		denier, denied := m.heard.deniedLately(st.now, l)
		old := h.old(st.now, l, words, func(by int) bool { return denied && by == denier })
		h.hear(st.now, l, words, !st.view.Kept && !st.view.Untold[l.place], st.view.Silent[l.place] || wrong || old)
		how, it := h.judge(st.now, l)
		if how == lone && denied {
			how = unclear
		}
		if l.place == theNonce {
			m.weighNonce(st, l, how, it)
		} else {
			m.weighSlot(st, l, how, it)
		}
		switch {
		case how == seconded:
			delete(m.heard.of, l.place)
		case how == refuted:
			m.heard.refuted[l.place] = refutal{word{by: it.by, level: l.level, at: st.now}, l.by}
			m.deny(st, h, l, it)
		case how == unclear && h.views > 1 && (!h.lags || st.now.Sub(h.since) >= lostFor) && m.waitsFor(l):
			waiting = fmt.Sprintf("%s says that %s, where %d is known; it is wrong, or somebody else uses the key or delivers, and nobody else can tell: what depends on it waits until it has said so for a while",
				m.host(l.by), l.inWords(), l.known)
		}
	}
	m.say(st, "claim", waiting != "", waiting)
	if m.begun = true; m.heard.loneNonce == nil {
		m.chainNonce = st.view.Nonce
	}
}

// weighNonce takes a ruling on how many transactions were sent.
func (m *machine) weighNonce(st *step, l lead, how ruling, it word) {
	used := max(m.chainNonce, m.expected())
	switch st.held = how == unclear; {
	case how == unclear:
		st.view.Nonce = used
	case how == lone:
		m.takeLoneNonce(st, l, it.level)
		st.view.Nonce = it.level
	case how == refuted && !it.at.Equal(st.now): // he may have seen more since
		m.leaveLoneNonce(st, used)
		st.view.Nonce = used
	default:
		m.leaveLoneNonce(st, it.level)
		st.view.Nonce = it.level
	}
}

// weighSlot takes a ruling on what is in a slot.
func (m *machine) weighSlot(st *step, l lead, how ruling, it word) {
	switch {
	case how == lone:
		it.at = st.now
		m.heard.loneSlots[l.place] = it
	case how != unclear:
		delete(m.heard.loneSlots, l.place)
	}
	if how != refuted && (how == unclear || it.level < l.level) {
		st.unsure[l.place] = l.said // the most: what waits in vain is late, what does not is in vain
	}
	if st.view.Slots[l.place] = it.said; how == unclear || how == lone || it.level < l.floor {
		delete(st.view.Slots, l.place)
	}
}

// A refutal is a denial that held: by whom, of what level, and when it last did.
type refutal struct {
	word
	of int // the endpoint that was ahead
}

// deniedLately returns who denied what the same endpoint said of a place, not long ago, and is not known to be wrong: he would deny what it
// says now, were he there.
func (all *hearings) deniedLately(now time.Time, l lead) (by int, found bool) {
	r, found := all.refuted[l.place]
	return r.by, found && r.of == l.by && now.Sub(r.at) < deniedFor && all.wrong[r.by].times < mostTries
}

// wrongFor is how long who denied what is true is not heard.
const wrongFor = time.Hour

// A mistake is how often blocks spoke against an endpoint.
type mistake struct {
	times int
	since time.Time
}

// mistaken takes out the words of endpoints that a block proved wrong not long ago, and reports whether there were any: of what they say nothing
// follows.
func (all *hearings) mistaken(now time.Time, h *hearing, words []word) (any bool) {
	for by, w := range all.wrong {
		if now.Sub(w.since) >= wrongFor {
			delete(all.wrong, by)
		}
		if all.wrong[by].times < mostTries {
			continue
		}
		delete(h.denials, by)
		for n := range words {
			if words[n].by == by {
				words[n].clock, any = time.Time{}, true // as if it lagged
			}
		}
	}
	return any
}

// disputed reports whether one endpoint says that a place is ahead, and another one, not known to be wrong, denied it not long ago.
func (all *hearings) disputed(now time.Time, place string) bool {
	r, found := all.refuted[place]
	return found && now.Sub(r.at) < deniedFor && all.wrong[r.by].times < mostTries
}

// learn notes that a block reverted, or that no endpoint would send, a round that the contract has if one endpoint is believed, and another one denies.
// Several times, and that one is wrong.
func (all *hearings) learn(now time.Time, place string, tried dodona.Round) {
	r, found := all.refuted[place]
	if !found || now.Sub(r.at) >= wrongFor || uint64(tried) > r.level {
		return
	}
	w := all.wrong[r.by]
	if w.times == 0 {
		w.since = now
	}
	w.times++
	all.wrong[r.by] = w
}

// refuteNonce takes it that a nonce is used against who denied that as many transactions were sent.
func (all *hearings) refuteNonce(now time.Time, nonce uint64) {
	if r, found := all.refuted[theNonce]; found && now.Sub(r.at) < wrongFor && nonce < r.level {
		all.wrong[r.by] = mistake{mostTries, now}
	}
}

// waitsFor reports whether something waits for a lead.
func (m *machine) waitsFor(l lead) bool {
	return m.find(func(i *Intent) bool {
		return i.State == Planned && (l.place == theNonce || i.place() == l.place && i.Payload.Round <= l.said.Round)
	}) != nil
}

// toldEvery is how often it is told that an endpoint says what another one denies.
const toldEvery = 6 * time.Hour

// deny tells, now and then, of an endpoint that goes on saying what another one denies.
func (m *machine) deny(st *step, h *hearing, l lead, denial word) {
	if h.views < lostViews || st.now.Sub(h.since) < lostFor || st.now.Sub(m.heard.told[l.place]) < toldEvery {
		return
	}
	m.heard.told[l.place] = st.now
	m.tell(st, "claim", fmt.Sprintf("%s says that %s; %s has seen a later block and says %d, and %d is known: what the first says of it is not believed, and nothing waits for it",
		m.host(l.by), l.inWords(), m.host(denial.by), denial.level, l.known))
}

func (l lead) inWords() string {
	if l.place == theNonce {
		return fmt.Sprintf("the number of transactions sent with the key is %d", l.level)
	}
	return fmt.Sprintf("the slot of %s holds round %d", l.place, l.level)
}

func (m *machine) host(index int) string {
	if index < len(m.hosts) {
		return "the endpoint " + m.hosts[index]
	}
	return "the endpoint"
}
