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
	known uint64 // the newest round that was sent there or is known to be in the slot; how many transactions are known
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
	refuted
	unclear // it is asked again
)

// claims returns what of a view is ahead of all that is known, in order. What a sole endpoint says at first is all there is to go by.
func (m *machine) claims(now time.Time, v view) (list []claim) {
	if len(m.hosts) < 2 && !m.begun {
		return nil
	}
	if known := m.sure(theCount, max(m.chainNonce, m.nonce)); v.Nonce > known {
		list = append(list, claim{word{by: v.By[theCount], level: v.Nonce}, theCount, known})
	}
	for _, place := range slices.Sorted(maps.Keys(v.Slots)) {
		said := v.Slots[place]
		known := max(m.sure(place, uint64(m.slots[place].Round)), uint64(m.sentTo(place)))
		if uint64(said.Round) > known && !early(now, v, said) {
			list = append(list, claim{word{by: v.By[place], level: uint64(said.Round), said: said}, place, known})
		}
	}
	return list
}

// sure returns what is known of a place without what is believed on the word of one endpoint alone.
func (m *machine) sure(place string, known uint64) uint64 {
	if believed, lone := m.lone[place]; lone {
		return believed.Before
	}
	return known
}

// A lone is what is believed on the word of one endpoint alone.
type lone struct {
	Before uint64 `json:"before"` // what was known
	Level  uint64 `json:"level"`
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

// expected returns the lowest nonce of ours that the chain is to take next, or took not long ago.
func (m *machine) expected() uint64 {
	next := m.nonce
	for _, i := range m.open {
		if i.State.inFlight() {
			next = min(next, i.Nonce)
		}
	}
	return next
}

// weigh takes out of a view what is claimed and not to be believed, or not yet. Of such a slot it holds what a witness denied it with, if
// any; such a count is as many as are known to be used.
func (m *machine) weigh(fx *effects, now time.Time, v *view) {
	claims := m.claims(now, *v)
	maps.DeleteFunc(m.evidence, func(place string, _ *evidence) bool {
		return !slices.ContainsFunc(claims, func(c claim) bool { return c.place == place })
	})
	m.held, m.unsure = false, make(map[string]sink.Said)
	waiting := ""
	v.Slots = maps.Clone(v.Slots)
	for _, c := range claims {
		e := m.evidence[c.place]
		if e == nil {
			e = newEvidence(now)
			m.evidence[c.place] = e
		}
		c.clock = v.clock()
		if !v.HeadAt.IsZero() {
			c.clock = c.clock.Add(max(0, now.Sub(v.HeadAt))) // the rest was read after it
		}
		e.hear(now, c, v.Words[c.place], !v.Kept && !v.Untold[c.place], v.Silent[c.place] || m.mistaken(now, e, v.Words[c.place]))
		how, it := e.judge(now, c)
		believed, alone := m.lone[c.place]
		switch {
		case how == proven && len(e.said) < 2:
			m.lone[c.place] = lone{c.known, it.level} // it goes on being asked of others
		case how == proven || how == refuted:
			delete(m.lone, c.place)
		}
		if how == proven && len(e.said) > 1 && it.level == c.level {
			delete(m.evidence, c.place)
		}
		switch {
		case c.place == theCount:
			if _, still := m.lone[theCount]; alone && !still && it.level < believed.Level {
				m.takeBack(fx, now, max(believed.Before, it.level)) // before anything goes by what was believed
			}
			m.held = how == unclear
			if v.Nonce = it.level; how == unclear || how == refuted && !it.at.Equal(now) {
				v.Nonce = max(m.chainNonce, m.expected())
			}
		case how == unclear, it.said.Round < m.slots[c.place].Round && !alone:
			delete(v.Slots, c.place)
		default:
			v.Slots[c.place] = it.said
		}
		if how != refuted && c.place != theCount && (how == unclear || it.level < c.level) {
			m.unsure[c.place] = c.said // the most: what waits in vain is late, what does not is in vain
		}
		switch {
		case how == refuted:
			m.refuted[c.place] = word{by: it.by, level: c.level, at: now}
			m.deny(fx, now, e, c, it)
		case how == unclear && e.views > 1 && (!e.lags || now.Sub(e.since) >= lostFor) && m.waitsFor(c):
			waiting = fmt.Sprintf("%s says that %s, where %d is known; it is wrong, or somebody else uses the key or delivers, and nobody else can tell: what depends on it waits until it has said so for a while",
				m.host(c.by), c.inWords(), c.known)
		}
	}
	m.say(fx, now, "claim", waiting != "", waiting)
	m.settleLone(fx, now, *v, claims)
	m.chainNonce, m.begun = v.Nonce, true
}

// settleLone lets go of what one endpoint said alone and does not say any more.
func (m *machine) settleLone(fx *effects, now time.Time, v view, claims []claim) {
	for place, believed := range m.lone {
		_, read := v.Slots[place]
		if slices.ContainsFunc(claims, func(c claim) bool { return c.place == place }) || place != theCount && !read {
			continue
		}
		if delete(m.lone, place); place == theCount && v.Nonce < m.nonce {
			m.takeBack(fx, now, max(believed.Before, v.Nonce))
		}
	}
}

// takeBack gives anew the nonces that were given behind a count which was wrong.
func (m *machine) takeBack(fx *effects, now time.Time, from uint64) {
	m.tell(fx, now, "nonce", fmt.Sprintf("nonces of %s go on at %d: an endpoint of rpc counted more", m.sender, from))
	m.nonce, m.chainNonce = from, min(m.chainNonce, from)
	for _, i := range slices.Clone(m.open) {
		if i.State.inFlight() && i.Nonce >= from {
			m.again(fx, i, Superseded)
		}
	}
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

// learn notes that a block reverted a round that one endpoint claims the contract to have, and another one denies. Several times, and that one
// is wrong.
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
