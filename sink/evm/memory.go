package evm

import (
	"maps"
	"math/big"
	"slices"
	"time"
)

// A memory is what former looks have learned.
type memory struct {
	seen  *glance // the last one that got through
	money money
}

// Money is what was last heard of balance and price.
type money struct {
	balance *big.Int
	at      time.Time
	tip     uint64
	tips    []uint64
	tipAt   time.Time
}

// While endpoints let requests wait, what changes seldom is believed for the time of so many of them, and what only our own
// transactions change, while none is under way, for fewer: else one look follows the other and nothing is sent. What others change too, such
// as slots that several senders write to, is read each time.
const (
	rarely = 30
	often  = 8
)

// worth returns the time of so many requests, if endpoints let them wait; else nothing is worth keeping.
func (s *Sink) worth(requests int) time.Duration {
	slow, is := s.client.Slow()
	if !is {
		return 0
	}
	return time.Duration(requests) * slow.Each
}

// remember takes over what former looks have learned, as far as it is worth keeping.
func (s *Sink) remember(now time.Time, l *glance) {
	s.mu.Lock()
	quiet := s.m.quiet() && len(s.settings.Senders) == 0 && s.settings.Anchor.IsZero() // else others write to the contracts
	poor := s.m.trouble["funds"] != trouble{} || s.m.trouble["fees"] != trouble{}
	s.mu.Unlock()
	s.turns.memory.fill(l, now, quiet, poor, s.worth)
}

// quiet reports whether nothing is under way that changes what the chain knows of the sender.
func (m *machine) quiet() bool {
	return !slices.ContainsFunc(m.open, func(i *Intent) bool { return i.State.InFlight() }) && m.nonceGap.empty() && m.behind == 0
}

// fill gives a look that begins what need not be asked. While money or fees are what is missing, they are asked each time.
func (m *memory) fill(l *glance, now time.Time, quiet, poor bool, worth func(requests int) time.Duration) {
	l.quiet = quiet
	if !poor && now.Sub(m.money.at) < worth(rarely) {
		l.Balance = m.money.balance
	}
	if !poor && now.Sub(m.money.tipAt) < worth(rarely) {
		l.Tip, l.Tips, l.price = m.money.tip, m.money.tips, true
	}
	if last := m.seen; quiet && last != nil && last.quiet && now.Sub(last.begun) < worth(often) {
		l.Head, l.HeadAt, l.HeadBy, l.Nonce, l.head, l.nonce, l.Kept = last.Head, last.HeadAt, last.HeadBy, last.Nonce, true, true, true
		maps.Copy(l.Slots, last.Slots)
		maps.Copy(l.By, last.By)
	}
}

// forget lets go of what was learned from an endpoint by looks that are over: it is not to be believed any more.
func (s *Sink) forget() { s.turns.memory, s.turns.tipsAt = memory{}, time.Time{} }
