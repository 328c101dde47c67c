package evm

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona/sink"
)

// What one endpoint is believed of alone, because nobody else could tell, is kept apart from what is known. It is what new transactions are sent by,
// and every other rule begins at what is known. There are two ways out of a belief: what is known reaches it, or it is taken back.

// A belief is how many transactions were sent with the key, on the word of one endpoint.
type belief struct {
	Level uint64    `json:"level"` // so many
	Next  uint64    `json:"next"`  // the next nonce to give
	By    int       `json:"by"`    // the endpoint
	Clock time.Time `json:"clock"` // the chain's, when it said so last
	At    time.Time `json:"at"`    // ours
}

func (b *belief) said() word { return word{by: b.By, clock: b.Clock, at: b.At} }

// expected returns the lowest nonce of ours that the chain is known to take next, or took not long ago.
func (m *machine) expected() uint64 {
	next := m.nonce
	for _, i := range m.open {
		if i.State.inFlight() {
			next = min(next, i.Nonce)
		}
	}
	return next
}

// next returns the nonce to give next.
func (m *machine) next(v view) uint64 {
	if m.alone != nil {
		return m.alone.Next
	}
	return max(m.nonce, v.Nonce)
}

// give notes that a nonce is given.
func (m *machine) give(nonce uint64) {
	next := &m.nonce
	if m.alone != nil {
		next = &m.alone.Next
	}
	*next = max(*next, nonce+1)
}

// holds returns what is in a slot, as far as is known or believed, and whether it was read.
func (m *machine) holds(place string) (sink.Said, bool) {
	if believed, found := m.believed[place]; found && believed.said.Round > m.slots[place].Round {
		return believed.said, true
	}
	return m.slots[place], m.known[place]
}

// believeCount takes one endpoint's word, alone, for how many transactions were sent. If it is fewer than was believed, that was wrong.
func (m *machine) believeCount(fx *effects, now time.Time, c claim, level uint64) {
	if m.alone != nil && level < m.alone.Level {
		m.leaveCount(fx, now, m.nonce)
	}
	if m.alone == nil {
		m.alone = &belief{Next: level}
	}
	*m.alone = belief{Level: level, Next: max(m.alone.Next, level), By: c.by, Clock: c.clock, At: now}
}

// used makes known that the chain has used a nonce, and with it as much of what is believed alone as lies below.
func (m *machine) used(fx *effects, now time.Time, nonce uint64) {
	switch {
	case m.alone == nil || nonce < m.nonce:
	case nonce >= m.alone.Level:
		m.leaveCount(fx, now, m.alone.Level)
	default: // it was given when less was believed
		m.nonce = nonce + 1
	}
}

// leaveCount ends what is believed alone, for so many transactions are known. If that is fewer, the nonces behind them are given anew.
func (m *machine) leaveCount(fx *effects, now time.Time, known uint64) {
	b := m.alone
	if b == nil {
		return
	}
	if m.alone = nil; known >= b.Level {
		m.nonce = max(m.nonce, b.Next)
		return
	}
	m.nonce = max(m.nonce, known)
	m.tell(fx, now, "nonce", fmt.Sprintf("nonces of %s go on at %d: an endpoint of rpc counted %d", m.sender, m.nonce, b.Level))
	for _, i := range slices.Clone(m.open) {
		if i.State.inFlight() && i.Nonce >= m.nonce {
			m.again(fx, i, Superseded)
		}
	}
}

// withdraw ends what is believed alone and not claimed any more, by who said it, or by another one who would know, or for long: who said it may be
// gone, and the time of its blocks made up. Of what is claimed the evidence decides.
func (m *machine) withdraw(fx *effects, now time.Time, v *view, claimed func(place string) bool) {
	if v.Kept {
		return
	}
	ends := func(place string, said word) bool {
		return v.By[place] == said.by || word{clock: v.clockNow(now)}.knows(now, said) || now.Sub(said.at) >= laggingFor
	}
	switch {
	case m.alone == nil || claimed(theCount):
	case ends(theCount, m.alone.said()):
		m.leaveCount(fx, now, max(v.Nonce, m.nonce))
	default: // he may lag
		v.Nonce = m.alone.Level
	}
	maps.DeleteFunc(m.believed, func(place string, said word) bool {
		_, read := v.Slots[place]
		return read && !claimed(place) && ends(place, said)
	})
}

// unlearn lets go of what a transaction made known that is in no block any more: who has less is not wrong.
func (m *machine) unlearn(i *Intent) {
	m.chainNonce = min(m.chainNonce, i.Nonce)
	delete(m.slots, i.place())
}
