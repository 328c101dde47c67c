package evm

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona/sink"
)

// What one endpoint is believed of alone, because nobody else could tell, is kept apart from what is known. It is what new transactions are sent by,
// and every other rule begins at what is known. There are two ways out of that: what is known reaches it, or it is taken back.

// A loneNonce is how many transactions were sent with the key, on the word of one endpoint.
type loneNonce struct {
	Level uint64    `json:"level"` // so many
	Next  uint64    `json:"next"`  // the next nonce to give
	By    int       `json:"by"`    // the endpoint
	Clock time.Time `json:"clock"` // the chain's, when it said so last
	At    time.Time `json:"at"`    // ours
}

func (n *loneNonce) said() word { return word{by: n.By, clock: n.Clock, at: n.At} }

// expected returns the lowest nonce of ours that the chain is known to take next, or took not long ago.
func (m *machine) expected() uint64 {
	next := m.pendingNonce
	for _, i := range m.open {
		if i.State.inFlight() {
			next = min(next, i.Nonce)
		}
	}
	return next
}

// next returns the nonce to give next.
func (m *machine) next(v view) uint64 {
	if m.loneNonce != nil {
		return m.loneNonce.Next
	}
	return max(m.pendingNonce, v.Nonce)
}

// give notes that a nonce is given.
func (m *machine) give(nonce uint64) {
	next := &m.pendingNonce
	if m.loneNonce != nil {
		next = &m.loneNonce.Next
	}
	*next = max(*next, nonce+1)
}

// holds returns what is in a slot, as far as is known or believed, and whether it was read.
func (m *machine) holds(place string) (sink.Said, bool) {
	if lone, found := m.loneSlots[place]; found && lone.said.Round > m.slots[place].Round {
		return lone.said, true
	}
	return m.slots[place], m.known[place]
}

// takeLoneNonce takes one endpoint's word, alone, for how many transactions were sent. If it is fewer than was believed, that was wrong.
func (m *machine) takeLoneNonce(fx *effects, now time.Time, l lead, level uint64) {
	if m.loneNonce != nil && level < m.loneNonce.Level {
		m.leaveLoneNonce(fx, now, m.pendingNonce)
	}
	if m.loneNonce == nil {
		m.loneNonce = &loneNonce{Next: level}
	}
	*m.loneNonce = loneNonce{Level: level, Next: max(m.loneNonce.Next, level), By: l.by, Clock: l.clock, At: now}
}

// used makes known that the chain has used a nonce, and with it as much of what is believed alone as lies below.
func (m *machine) used(fx *effects, now time.Time, nonce uint64) {
	switch {
	case m.loneNonce == nil || nonce < m.pendingNonce:
	case nonce >= m.loneNonce.Level:
		m.leaveLoneNonce(fx, now, m.loneNonce.Level)
	default: // it was given when less was believed
		m.pendingNonce = nonce + 1
	}
}

// leaveLoneNonce ends what is believed alone, for so many transactions are known. If that is fewer, the nonces behind them are given anew.
func (m *machine) leaveLoneNonce(fx *effects, now time.Time, known uint64) {
	n := m.loneNonce
	if n == nil {
		return
	}
	if m.loneNonce = nil; known >= n.Level {
		m.pendingNonce = max(m.pendingNonce, n.Next)
		return
	}
	m.pendingNonce = max(m.pendingNonce, known)
	m.tell(fx, now, "nonce", fmt.Sprintf("nonces of %s go on at %d: an endpoint of rpc counted %d", m.sender, m.pendingNonce, n.Level))
	for _, i := range slices.Clone(m.open) {
		if i.State.inFlight() && i.Nonce >= m.pendingNonce {
			m.again(fx, i, Superseded)
		}
	}
}

// withdraw ends what is believed alone and not ahead any more, by who said it, or by another one who would know, or for long: who said it may be
// gone, and the time of its blocks made up. Of what is ahead the hearing decides.
func (m *machine) withdraw(fx *effects, now time.Time, v *view, ahead func(place string) bool) {
	if v.Kept {
		return
	}
	ends := func(place string, said word) bool {
		return v.By[place] == said.by || word{clock: v.clockNow(now)}.knows(now, said) || now.Sub(said.at) >= laggingFor
	}
	switch {
	case m.loneNonce == nil || ahead(theNonce):
	case ends(theNonce, m.loneNonce.said()):
		m.leaveLoneNonce(fx, now, max(v.Nonce, m.pendingNonce))
	default: // he may lag
		v.Nonce = m.loneNonce.Level
	}
	maps.DeleteFunc(m.loneSlots, func(place string, said word) bool {
		_, read := v.Slots[place]
		return read && !ahead(place) && ends(place, said)
	})
}

// unlearn lets go of what a transaction made known that is in no block any more: who has less is not wrong.
func (m *machine) unlearn(i *Intent) {
	m.chainNonce = min(m.chainNonce, i.Nonce)
	delete(m.slots, i.place())
}
