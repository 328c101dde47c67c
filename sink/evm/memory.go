package evm

import (
	"maps"
	"math/big"
	"slices"
	"time"
)

// Money is what was last heard of balance and price.
type money struct {
	balance *big.Int
	at      time.Time
	tip     uint64
	tipAt   time.Time
}

// While endpoints let requests wait, what changes seldom is believed for the time of so many of them, and what only our own
// transactions change, while none is under way, for fewer: else one look follows the other and nothing is sent.
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
	quiet := !slices.ContainsFunc(s.m.open, func(i *Intent) bool { return i.State.inFlight() }) && s.m.gap.empty() && s.m.behind == 0
	poor := s.m.trouble["funds"] != trouble{} || s.m.trouble["fees"] != trouble{}
	s.mu.Unlock()
	if l.quiet = quiet; !quiet {
		s.seen = nil
	}
	if !poor && now.Sub(s.money.at) < s.worth(rarely) {
		l.Balance = s.money.balance
	}
	if !poor && now.Sub(s.money.tipAt) < s.worth(rarely) {
		l.Tip, l.Tips, l.price = s.money.tip, s.tips, true
	}
	if last := s.seen; last != nil && last.quiet && now.Sub(last.begun) < s.worth(often) {
		l.Head, l.Nonce, l.head, l.nonce, l.Kept = last.Head, last.Nonce, true, true, true
		maps.Copy(l.Slots, last.Slots)
	}
}

// forget lets go of what was remembered: it is not to be believed any more.
func (s *Sink) forget() { s.glance, s.seen, s.money = nil, nil, money{} }
