package evm

import (
	"fmt"
	"maps"
	"slices"

	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/sink"
)

// What one endpoint is believed of alone, because nobody else could tell, is kept apart from what is known. It is what new transactions are sent by,
// and every other rule begins at what is known. There are two ways out of that: what is known reaches it, or it is taken back.

// aloneWord returns the word that a number of transactions stands on.
func aloneWord(n *intent.Alone) word { return word{by: n.By, clock: n.Clock, at: n.At} }

// expected returns the lowest nonce of ours that the chain is known to take next, or took not long ago.
func (m *machine) expected() uint64 {
	next := m.pendingNonce
	for _, i := range m.open {
		if i.State.InFlight() {
			next = min(next, i.Nonce)
		}
	}
	return next
}

// next returns the nonce to give next.
func (m *machine) next(st *step) uint64 {
	if m.heard.loneNonce != nil {
		return m.heard.loneNonce.Next
	}
	return max(m.pendingNonce, st.view.Nonce)
}

// give notes that a nonce is given.
func (m *machine) give(nonce uint64) {
	next := &m.pendingNonce
	if m.heard.loneNonce != nil {
		next = &m.heard.loneNonce.Next
	}
	*next = max(*next, nonce+1)
}

// holds returns what is in a slot, as far as is known or believed, and whether it was read.
func (m *machine) holds(place string) (sink.Said, bool) {
	if lone, found := m.heard.loneSlots[place]; found && lone.said.Round > m.slots[place].Round {
		return lone.said, true
	}
	return m.slots[place], m.known[place]
}

// takeLoneNonce takes one endpoint's word, alone, for how many transactions were sent. If it is fewer than was believed, that was wrong.
func (m *machine) takeLoneNonce(st *step, l lead, level uint64) {
	if m.heard.loneNonce != nil && level < m.heard.loneNonce.Level {
		m.leaveLoneNonce(st, m.pendingNonce)
	}
	if m.heard.loneNonce == nil {
		m.heard.loneNonce = &intent.Alone{Next: level}
	}
	*m.heard.loneNonce = intent.Alone{Level: level, Next: max(m.heard.loneNonce.Next, level), By: l.by, Clock: l.clock, At: st.now}
}

// used makes known that the chain has used a nonce, and with it as much of what is believed alone as lies below.
func (m *machine) used(st *step, nonce uint64) {
	switch {
	case m.heard.loneNonce == nil || nonce < m.pendingNonce:
	case nonce >= m.heard.loneNonce.Level:
		m.leaveLoneNonce(st, m.heard.loneNonce.Level)
	default: // it was given when less was believed
		m.pendingNonce = nonce + 1
	}
}

// leaveLoneNonce ends what is believed alone, for so many transactions are known. If that is fewer, the nonces behind them are given anew.
func (m *machine) leaveLoneNonce(st *step, known uint64) {
	n := m.heard.loneNonce
	if n == nil {
		return
	}
	if m.heard.loneNonce = nil; known >= n.Level {
		m.pendingNonce = max(m.pendingNonce, n.Next)
		return
	}
	m.pendingNonce = max(m.pendingNonce, known)
	m.tell(st, "nonce", fmt.Sprintf("nonces of %s go on at %d: an endpoint of rpc counted %d", m.sender, m.pendingNonce, n.Level))
	for _, i := range slices.Clone(m.open) {
		if i.State.InFlight() && i.Nonce >= m.pendingNonce {
			m.again(st, i, Superseded)
		}
	}
}

// withdraw ends what is believed alone and not ahead any more, by who said it, or by another one who would know, or for long: who said it may be
// gone, and the time of its blocks made up. Of what is ahead the hearing decides.
func (m *machine) withdraw(st *step, ahead func(place string) bool) {
	if st.view.Kept {
		return
	}
	ends := func(place string, said word) bool {
		return st.view.By[place] == said.by || word{clock: st.view.clockNow(st.now)}.knows(st.now, said) || st.now.Sub(said.at) >= laggingFor
	}
	switch {
	case m.heard.loneNonce == nil || ahead(theNonce):
	case ends(theNonce, aloneWord(m.heard.loneNonce)):
		m.leaveLoneNonce(st, max(st.view.Nonce, m.pendingNonce))
	default: // he may lag
		st.view.Nonce = m.heard.loneNonce.Level
	}
	maps.DeleteFunc(m.heard.loneSlots, func(place string, said word) bool {
		_, read := st.view.Slots[place]
		return read && !ahead(place) && ends(place, said)
	})
}

// unlearn lets go of what a transaction made known that is in no block any more: who has less is not wrong.
func (m *machine) unlearn(i *Intent) {
	m.chainNonce = min(m.chainNonce, i.Nonce)
	delete(m.slots, i.place())
}
