package evm

import (
	"context"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona/internal/evm"
)

// An endpoint can be wrong and polite: it lags, lost its state, stands at genesis, speaks of another chain, or suggests an absurd
// price. So what would stop delivery, or step back behind what was seen, is not believed of one endpoint while there are others.

// A doubt is why a view is not believed at once. Zero: it is.
type doubt struct{ kind, what string }

// agreedFor is how long a doubt is not looked into again after all endpoints said the same.
const agreedFor = time.Minute

// lagsMost is how many blocks below the highest one seen an endpoint may be without being doubted.
const lagsMost = 8

// leapsMost is how many blocks may pass between two looks without being doubted: a block number that is made up would make what is in
// a block final at once.
const leapsMost = 10_000

// believe looks at the chain, through one endpoint after the other until one gives no reason to doubt it, or none is left.
func (s *Sink) believe(ctx context.Context, before evm.Header) (view, error) {
	v, err := s.look(ctx, before)
	if err != nil {
		return v, err
	}
	for left := len(s.client.Endpoints()) - 1; ; left-- {
		now := s.env.Now()
		s.mu.Lock()
		d := s.m.doubts(v)
		s.mu.Unlock()
		switch {
		case d == doubt{} || now.Before(s.agreed[d.kind]):
			return v, nil
		case left <= 0:
			s.agreed[d.kind] = now.Add(agreedFor)
			return v, nil
		}
		s.env.Log.Warn("another endpoint is asked", "why", d.what)
		s.client.Skip(fmt.Errorf("doubted: %s", d.what))
		if v, err = s.look(ctx, before); err != nil {
			return v, err
		}
	}
}

// doubts returns what of a view calls for another endpoint's word.
func (m *machine) doubts(v view) doubt {
	switch {
	case v.Head.Number+lagsMost < m.highest:
		return doubt{"block", fmt.Sprintf("its newest block is %d, and block %d was seen", v.Head.Number, m.highest)}
	case m.highest > 0 && v.Head.Number > m.highest+leapsMost:
		return doubt{"ahead", fmt.Sprintf("its newest block is %d, and the one seen before was %d", v.Head.Number, m.highest)}
	case v.Nonce < m.chainNonce:
		return doubt{"nonce", fmt.Sprintf("it knows %d transactions of %s, and the chain had %d", v.Nonce, m.sender, m.chainNonce)}
	}
	for place, said := range v.Slots {
		if said.Round < m.slots[place].Round {
			return doubt{"slot", fmt.Sprintf("its slot of %s holds round %d, and it held round %d", place, uint64(said.Round), uint64(m.slots[place].Round))}
		}
	}
	if m.undecided() == 0 {
		return doubt{}
	}
	if v.Head.Legacy && m.hadBaseFee {
		return doubt{"legacy", "its newest block has no base fee, and the chain had one"}
	}
	for _, i := range m.open {
		if e := v.Estimates[i.Number]; e.Refused != "" {
			return doubt{"refused", "it says that the contract would refuse: " + e.Refused}
		} else if e.Unknown != "" {
			return doubt{"estimate", "it cannot say what a transaction takes: " + e.Unknown}
		}
	}
	tip := m.tip(v)
	switch {
	case v.Head.BaseFee > m.maxFee || tip > m.maxFee-v.Head.BaseFee:
		return doubt{"fees", fmt.Sprintf("a unit of gas costs %s and a tip of %s, more than max_fee", Price(v.Head.BaseFee), Price(tip))}
	case v.Balance != nil && cost(leastGas, v.Head.BaseFee+tip).Cmp(v.Balance) > 0:
		return doubt{"funds", fmt.Sprintf("%s has %s", m.sender, ether(v.Balance))}
	}
	return doubt{}
}
