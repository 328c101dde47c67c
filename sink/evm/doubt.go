package evm

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/sink"
)

// An endpoint can be wrong and polite: it lags, lost its state, stands at genesis, speaks of another chain, or suggests an absurd
// price. So what would stop delivery, or step back behind what was seen, is not believed of one endpoint while there are others.

// A doubt is why a view is not believed at once.
type doubt struct{ kind, what string }

// agreedFor is how long a doubt is not looked into again after all endpoints said the same.
const agreedFor = time.Minute

// lagsMost is how many blocks below the highest one seen an endpoint may be without being doubted.
const lagsMost = 8

// leapsMost is how many blocks may pass between two looks without being doubted: a block number that is made up would make what is in
// a block final at once.
const leapsMost = 10_000

// A doubted view is what one endpoint showed.
type doubted struct {
	view
	doubts []doubt
	index  int
}

// beats reports whether a view is to be believed rather than one that was seen later: its chain goes on, or it gives fewer sorts of reasons to doubt,
// or as many and is newer. Who shows no receipts gives a reason for each transaction, and stands still no more for that.
func (d *doubted) beats(later *doubted) bool {
	return cmp.Or(cmp.Compare(later.stands(), d.stands()), cmp.Compare(later.sorts(), d.sorts()), cmp.Compare(d.Head.Number, later.Head.Number)) > 0
}

// stands returns 1 if the chain stands still in a view, 0 if not. That outweighs all else: what it shows is of then, and gives no other reason.
func (d *doubted) stands() int {
	if slices.ContainsFunc(d.doubts, func(one doubt) bool { return one.kind == standing }) {
		return 1
	}
	return 0
}

func (d *doubted) sorts() int {
	kinds := make(map[string]bool)
	for _, one := range d.doubts {
		kinds[one.kind] = true
	}
	return len(kinds)
}

// believe looks at the chain, through one endpoint after the other until one gives no reason to doubt it, or none is left: then the one is
// believed that gives the fewest, of several the newest one. If one fails meanwhile, the next turn goes on with it.
func (s *Sink) believe(ctx context.Context, before ethrpc.Header) (view, error) {
	var best *doubted
	for {
		v, err := s.look(ctx, before)
		if err != nil {
			return v, err
		}
		now := s.env.Now()
		s.mu.Lock()
		doubts := append(s.stillThere(v), s.m.doubts(now, v)...)
		s.mu.Unlock()
		first := slices.IndexFunc(doubts, func(d doubt) bool { return !now.Before(s.turns.agreed[d.kind]) })
		switch {
		case first < 0:
			s.turns.doubted = 0
			return v, nil
		case s.turns.doubted >= len(s.client.Endpoints())-1:
			if best != nil && best.beats(&doubted{v, doubts, 0}) {
				s.client.Prefer(best.index, fmt.Errorf("doubted: %s", doubts[first].what))
				v, doubts = best.view, best.doubts
			}
			if len(s.client.Endpoints()) == 1 { // any other one was asked for its chain when it was turned to
				if err := s.client.Confirm(ctx); err != nil {
					return v, err
				}
			}
			for _, d := range doubts {
				s.turns.agreed[d.kind] = now.Add(agreedFor)
			}
			s.turns.doubted = 0
			return v, nil
		}
		d := doubts[first]
		if this := (&doubted{v, doubts, s.client.Current()}); best == nil || !best.beats(this) {
			best = this
		}
		s.env.Log.Warn("another endpoint is asked", "why", d.what)
		s.client.Skip(fmt.Errorf("doubted: %s", d.what))
		s.forget()
		s.turns.doubted++
	}
}

// standing is the kind of doubt that an endpoint was left because it stood still, and has the same newest block yet.
const standing = "standing"

// stillThere returns that doubt, and ends what it is of if the endpoint has gone on.
func (s *Sink) stillThere(v view) []doubt {
	if stood, left := s.turns.stood[v.HeadBy]; !left || v.Kept {
		return nil
	} else if stood != v.Head.Hash {
		delete(s.turns.stood, v.HeadBy)
		return nil
	}
	return []doubt{{standing, fmt.Sprintf("its newest block is still %d, at which it stood still before", v.Head.Number)}}
}

// doubts returns what of a view calls for another endpoint's word.
func (m *machine) doubts(now time.Time, v view) (list []doubt) {
	add := func(kind, format string, args ...any) { list = append(list, doubt{kind, fmt.Sprintf(format, args...)}) }
	switch {
	case v.Head.Number+lagsMost < m.highest && !v.isOfNow(now):
		add("block", "its newest block is %d, and block %d was seen", v.Head.Number, m.highest)
	case m.highest > 0 && v.Head.Number > m.highest+leapsMost:
		add("ahead", "its newest block is %d, and the one seen before was %d", v.Head.Number, m.highest)
	}
	if had := max(m.chainNonce, m.expected()); v.Nonce < had {
		add("nonce", "it knows %s of %s, and the chain had %d", unit.Count(v.Nonce, "transaction"), m.sender, had)
	}
	for place, said := range v.Slots {
		switch held := m.slots[place]; {
		case early(now, v, said):
			add("early", "its slot of %s holds round %d, which is later than the clock", place, uint64(said.Round))
		case said.Round < held.Round:
			add("slot", "its slot of %s holds round %d, and it held round %d", place, uint64(said.Round), uint64(held.Round))
		case said.Round == held.Round && said.Value != held.Value:
			add("slot", "its slot of %s holds another value of round %d than it held", place, uint64(said.Round))
		}
	}
	for place, r := range m.reverted {
		if said, read := v.Slots[place]; read && said.Round < r.round && now.Sub(r.at) < deniedFor {
			add("older", "its slot of %s holds round %d, and the contract reverted round %d in a block", place, uint64(said.Round), uint64(r.round))
		}
	}
	for _, i := range m.open {
		switch {
		case !v.unseen(i):
		case i.State == Mined:
			add("receipt", "it shows no receipt of transaction %s, which was in block %d", i.Block.Tx, i.Block.Number)
		case i.Nonce+v.Lags < v.Nonce:
			add("receipt", "it says that nonce %d is used, and shows no receipt of transaction %s", i.Nonce, i.last().Hash)
		}
	}
	for _, i := range m.open {
		if i.State != Planned || i.NotUntil.IsZero() || now.Before(i.NotUntil) || i.Payload == nil {
			continue
		}
		if waited := i.NotUntil.Sub(i.Payload.Attested); m.wait != nil && waited > 0 && v.clock().Before(i.NotUntil.Add(-waited/2)) {
			add("late", "its newest block is of %s, before another sender can have delivered round %d", v.clock().UTC().Format(time.TimeOnly), uint64(i.Payload.Round))
		}
	}
	if m.undecided() > 0 {
		m.doubtSending(now, v, add)
	}
	return list
}

// takenAhead is how far ahead of its block a round may be that a contract takes.
const takenAhead = 15 * time.Second

// clock returns the time of the newest block.
func (v view) clock() time.Time { return time.Unix(int64(min(v.Head.Time, 1<<40)), 0) }

// isOfNow reports whether the newest block was made when it was read, by this clock: whatever number another endpoint made up, this one does not lag.
func (v view) isOfNow(now time.Time) bool {
	if !v.HeadAt.IsZero() {
		now = v.HeadAt
	}
	return now.Sub(v.clock()).Abs() < keepsTime
}

// clockNow returns what the chain's clock was when the rest of a view was read.
func (v view) clockNow(now time.Time) time.Time {
	if v.HeadAt.IsZero() {
		return v.clock()
	}
	return v.clock().Add(max(0, now.Sub(v.HeadAt)))
}

// early reports whether a slot holds a round that no contract can have taken yet, by this clock and by that of the newest block.
func early(now time.Time, v view, said sink.Said) bool {
	clock := now
	if v.clock().After(now) {
		clock = v.clock()
	}
	return said.Round.Time().After(clock.Add(takenAhead))
}

// unseen reports whether receipts of all attempts of an intent were asked for, and there are none.
func (v view) unseen(i *Intent) bool {
	for _, a := range i.Attempts {
		if r, asked := v.Receipts[a.Hash]; !asked || r != nil {
			return false
		}
	}
	return i.State.InFlight()
}

// doubtSending adds what would keep something from being sent, or send it in vain.
func (m *machine) doubtSending(now time.Time, v view, add func(kind, format string, args ...any)) {
	if v.Head.Legacy && m.hadBaseFee {
		add("legacy", "its newest block has no base fee, and the chain had one")
	}
	for _, i := range m.open {
		e, found := v.Estimates[i.Number]
		switch {
		case e.Refused != "" && i.Payload.Round <= v.Slots[i.place()].Round && !m.heard.disputed(now, i.place()): // as the slot says too
		case e.Refused != "":
			add("refused", "it says that the contract would refuse: %s", e.Refused)
		case e.Unknown != "" && !e.Mute: // else all were asked
			add("estimate", "it cannot say what a transaction takes: %s", e.Unknown)
		case found && v.Head.GasLimit > 0 && e.Gas > v.Head.GasLimit:
			add("limit", "it says that round %d of %s takes %d gas, and that a block has %d", uint64(i.Payload.Round), i.Payload.Feed, e.Gas, v.Head.GasLimit)
		case found && i.Reverts > 0 && !e.Mute:
			add("reverted", "it says that round %d of %s takes %d gas, and a transaction of it was reverted", uint64(i.Payload.Round), i.Payload.Feed, e.Gas)
		}
	}
	dear := m.suggested(v)
	if v.Head.Legacy {
		dear = min(v.Tip, m.maxFee) // the whole price
	}
	if (m.maxTip == 0 || v.Head.Legacy) && dear > m.dearTip() {
		add("dear", "it suggests a tip of %s, above %s, which would be usual", Price(dear), Price(m.dearTip()))
	}
	tip := m.tip(v)
	switch {
	case v.Head.BaseFee > m.maxFee || tip > m.maxFee-v.Head.BaseFee:
		add("fees", "a unit of gas costs %s and a tip of %s, more than max_fee", Price(v.Head.BaseFee), Price(tip))
	case v.Balance != nil && cost(leastGas, v.Head.BaseFee+tip).Cmp(v.Balance) > 0:
		add("funds", "%s has %s", m.sender, ethrpc.Ether(v.Balance))
	}
}
