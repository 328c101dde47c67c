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
// count of transactions ahead of all that were given buys the ones between. So these are claims. One is believed if another endpoint, which is
// asked for that alone, says so too, as far as both say it. If another one denies it that has seen a later block, it is not. If nobody else can
// tell, the endpoint is asked again and again for a while, and what depends on it waits.

// A claim is what an endpoint says of a place, ahead of all that is known.
type claim struct {
	word
	place string // of the slot; theCount
	known uint64 // the newest round that was sent there or is known to be in the slot; how many transactions are known or given
	floor uint64 // what the chain is known to have: who has less lags, or is wrong, or it was reorganized
}

// A word is what one endpoint says of a place.
type word struct {
	by    int
	level uint64    // the round in the slot, or the count
	said  sink.Said // the slot
	clock time.Time // of the endpoint's newest block; of a claim, of the chain when it was heard
	at    time.Time // when it was heard; not set before it is weighed
}

// theCount is the place of how many transactions the sender has sent: no feed has an empty name.
const theCount = ""

// A verdict is what comes of a claim.
type verdict int

const (
	proven verdict = iota
	single         // one endpoint is believed of it alone
	refuted
	unclear // it is asked again
)

// claims returns what of a view is ahead of all that is known, in order. What a sole endpoint says at first is all there is to go by.
func (m *machine) claims(now time.Time, v view) (list []claim) {
	if len(m.hosts) < 2 && !m.begun {
		return nil
	}
	if known := max(m.chainNonce, m.nonce); v.Nonce > known {
		list = append(list, claim{word{by: v.By[theCount], level: v.Nonce}, theCount, known, m.chainNonce})
	}
	for _, place := range slices.Sorted(maps.Keys(v.Slots)) {
		said := v.Slots[place]
		floor := uint64(m.slots[place].Round)
		known := max(floor, uint64(m.sentTo(place)))
		if uint64(said.Round) > known && !early(now, v, said) {
			list = append(list, claim{word{by: v.By[place], level: uint64(said.Round), said: said}, place, known, floor})
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

// weigh takes out of a view what is claimed and not to be believed, or not yet. Of such a slot it holds what a witness denied it with, if
// any; such a count is as many as are known to be used. What one endpoint is believed of alone is kept apart (belief.go).
func (m *machine) weigh(fx *effects, now time.Time, v *view) {
	claims := m.claims(now, *v)
	claimed := func(place string) bool {
		return slices.ContainsFunc(claims, func(c claim) bool { return c.place == place })
	}
	maps.DeleteFunc(m.evidence, func(place string, _ *evidence) bool { return !claimed(place) })
	m.held, m.unsure = false, make(map[string]sink.Said)
	m.withdraw(fx, now, v, claimed)
	waiting := ""
	v.Slots = maps.Clone(v.Slots)
	for _, c := range claims {
		e := m.evidence[c.place]
		if e == nil {
			e = newEvidence(now)
			m.evidence[c.place] = e
		}
		c.clock = v.clockNow(now)
		words := v.Words[c.place]
		wrong := m.mistaken(now, e, words)
		denier, denied := m.deniedLately(now, c)
		old := e.old(now, c, words, func(by int) bool { return denied && by == denier })
		e.hear(now, c, words, !v.Kept && !v.Untold[c.place], v.Silent[c.place] || wrong || old)
		how, it := e.judge(now, c)
		if how == single && denied {
			how = unclear
		}
		if c.place == theCount {
			m.weighCount(fx, now, v, c, how, it)
		} else {
			m.weighSlot(now, v, c, how, it)
		}
		switch {
		case how == proven:
			delete(m.evidence, c.place)
		case how == refuted:
			m.refuted[c.place] = refutal{word{by: it.by, level: c.level, at: now}, c.by}
			m.deny(fx, now, e, c, it)
		case how == unclear && e.views > 1 && (!e.lags || now.Sub(e.since) >= lostFor) && m.waitsFor(c):
			waiting = fmt.Sprintf("%s says that %s, where %d is known; it is wrong, or somebody else uses the key or delivers, and nobody else can tell: what depends on it waits until it has said so for a while",
				m.host(c.by), c.inWords(), c.known)
		}
	}
	m.say(fx, now, "claim", waiting != "", waiting)
	if m.begun = true; m.alone == nil {
		m.chainNonce = v.Nonce
	}
}

// weighCount takes a verdict on how many transactions were sent.
func (m *machine) weighCount(fx *effects, now time.Time, v *view, c claim, how verdict, it word) {
	used := max(m.chainNonce, m.expected())
	switch m.held = how == unclear; {
	case how == unclear:
		v.Nonce = used
	case how == single:
		m.believeCount(fx, now, c, it.level)
		v.Nonce = it.level
	case how == refuted && !it.at.Equal(now): // he may have seen more since
		m.leaveCount(fx, now, used)
		v.Nonce = used
	default:
		m.leaveCount(fx, now, it.level)
		v.Nonce = it.level
	}
}

// weighSlot takes a verdict on what is in a slot.
func (m *machine) weighSlot(now time.Time, v *view, c claim, how verdict, it word) {
	switch {
	case how == single:
		it.at = now
		m.believed[c.place] = it
	case how != unclear:
		delete(m.believed, c.place)
	}
	if how != refuted && (how == unclear || it.level < c.level) {
		m.unsure[c.place] = c.said // the most: what waits in vain is late, what does not is in vain
	}
	if v.Slots[c.place] = it.said; how == unclear || how == single || it.level < c.floor {
		delete(v.Slots, c.place)
	}
}

// A refutal is a denial that held: by whom, of what level, and when it last did.
type refutal struct {
	word
	of int // the endpoint that claimed it
}

// deniedLately returns who denied what the same endpoint claimed of a place, not long ago, and is not known to be wrong: he would deny what it
// claims now, were he there.
func (m *machine) deniedLately(now time.Time, c claim) (by int, found bool) {
	r, found := m.refuted[c.place]
	return r.by, found && r.of == c.by && now.Sub(r.at) < deniedFor && m.wrong[r.by].times < mostTries
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
func (m *machine) mistaken(now time.Time, e *evidence, words []word) (any bool) {
	for by, w := range m.wrong {
		if now.Sub(w.since) >= wrongFor {
			delete(m.wrong, by)
		}
		if m.wrong[by].times < mostTries {
			continue
		}
		delete(e.denials, by)
		for n := range words {
			if words[n].by == by {
				words[n].clock, any = time.Time{}, true // as if it lagged
			}
		}
	}
	return any
}

// disputed reports whether one endpoint claims a place to be ahead, and another one, not known to be wrong, denied it not long ago.
func (m *machine) disputed(now time.Time, place string) bool {
	r, found := m.refuted[place]
	return found && now.Sub(r.at) < deniedFor && m.wrong[r.by].times < mostTries
}

// learn notes that a block reverted, or that no endpoint would send, a round that one endpoint claims the contract to have, and another one denies.
// Several times, and that one is wrong.
func (m *machine) learn(now time.Time, i *Intent, tried dodona.Round) {
	claimed, found := m.refuted[i.place()]
	if !found || now.Sub(claimed.at) >= wrongFor || uint64(tried) > claimed.level {
		return
	}
	w := m.wrong[claimed.by]
	if w.times == 0 {
		w.since = now
	}
	w.times++
	m.wrong[claimed.by] = w
}

// refuteCount takes it that a nonce is used against who denied that as many transactions were sent.
func (m *machine) refuteCount(now time.Time, nonce uint64) {
	if r, found := m.refuted[theCount]; found && now.Sub(r.at) < wrongFor && nonce < r.level {
		m.wrong[r.by] = mistake{mostTries, now}
	}
}

// waitsFor reports whether something waits for a claim.
func (m *machine) waitsFor(c claim) bool {
	return m.find(func(i *Intent) bool {
		return i.State == Planned && (c.place == theCount || i.place() == c.place && i.Payload.Round <= c.said.Round)
	}) != nil
}

// toldEvery is how often it is told that an endpoint claims what another one denies.
const toldEvery = 6 * time.Hour

// deny tells, now and then, of an endpoint that goes on claiming what another one denies.
func (m *machine) deny(fx *effects, now time.Time, e *evidence, c claim, denial word) {
	if e.views < lostViews || now.Sub(e.since) < lostFor || now.Sub(m.told[c.place]) < toldEvery {
		return
	}
	m.told[c.place] = now
	m.tell(fx, now, "claim", fmt.Sprintf("%s says that %s; %s has seen a later block and says %d, and %d is known: what the first says of it is not believed, and nothing waits for it",
		m.host(c.by), c.inWords(), m.host(denial.by), denial.level, c.known))
}

func (c claim) inWords() string {
	if c.place == theCount {
		return fmt.Sprintf("the number of transactions sent with the key is %d", c.level)
	}
	return fmt.Sprintf("the slot of %s holds round %d", c.place, c.level)
}

func (m *machine) host(index int) string {
	if index < len(m.hosts) {
		return "the endpoint " + m.hosts[index]
	}
	return "the endpoint"
}
