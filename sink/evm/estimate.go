package evm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/evm"
)

// prices asks what is usual to pay. Not every node makes suggestions or knows the past.
func (s *Sink) prices(ctx context.Context, l *glance) (err error) {
	var said *evm.Error
	if l.Head.Legacy {
		l.Tip, err = s.client.GasPrice(ctx)
		return err
	}
	now := s.env.Now()
	if !l.past && now.Sub(s.tipsAt) >= max(tipsEvery, s.worth(rarely)) {
		tips, err := s.client.Tips(ctx)
		if err != nil && !errors.As(err, &said) {
			return err
		}
		s.tips, s.tipsAt = tips, now
	}
	l.past, l.Tips = true, s.tips
	if l.Tip, err = s.client.Tip(ctx); errors.As(err, &said) {
		l.Tip, err = unknownTip, nil
		if len(l.Tips) > 0 {
			l.Tip = slices.Max(l.Tips)
		}
	}
	return err
}

// tipsEvery is how often the past is asked for.
const tipsEvery = time.Minute

// lookGas asks what transactions take, also of answers that came while this look was under way, last of those whose contract got no answer before.
func (s *Sink) lookGas(ctx context.Context, l *glance) error {
	w := s.wants(true)
	slices.SortStableFunc(w.Estimates, func(a, b wanted) int {
		return s.silent[s.m.contract(a.Payload)].compare(s.silent[s.m.contract(b.Payload)])
	})
	for _, i := range w.Estimates {
		if _, known := l.Estimates[i.Number]; known || s.mined(l, i.Number) {
			continue
		}
		to, begun := s.m.contract(i.Payload), time.Now()
		if n := s.silent[to]; begun.Before(n.until) {
			l.Estimates[i.Number] = n.said
			continue
		}
		e, err := s.estimate(ctx, l, i)
		if err == nil {
			s.answered(to)
			if l.Estimates[i.Number] = e; e.Unknown != "" {
				l.ignores = s.client.Current()
			}
			continue
		}
		n := s.silent[to]
		n.failed, n.last = n.failed+1, time.Now()
		if s.silent[to] = n; n.failed < suspectedAfter || !s.speaksOfOthers(ctx, i.Payload) {
			return err
		}
		n.times, n.said, n.until = n.times+1, estimate{Mute: true}, n.last.Add(silentFirst)
		if n.times >= silentMost {
			n.said.Unknown = fmt.Sprintf("%s; of other contracts than %s it is said", err, to)
			n.until = n.last.Add(min(max(silentRest*n.last.Sub(begun), retryFirst), retryMost))
		}
		s.silent[to], l.Estimates[i.Number] = n, n.said
		break // one in a look: it may take long, and those behind it got no answer either
	}
	if w.Control != nil && !l.Speaks {
		speaks, _ := s.speaks(ctx, *w.Control) // it may be a contract of which nobody says anything
		l.Speaks = speaks && s.client.Current() == l.ignores
	}
	return ctx.Err()
}

// speaks reports whether an endpoint says what a call takes, or that its contract refuses it.
func (s *Sink) speaks(ctx context.Context, call evm.Message) (bool, error) {
	var said *evm.Error
	_, err := s.client.EstimateGas(ctx, call)
	if errors.As(err, &said) {
		return said.Reverted(), nil
	}
	return err == nil, err
}

// A silence is how often in a row no endpoint answered what a call of a contract takes, while they did of another one.
type silence struct {
	times  int
	failed int // and also without that
	last   time.Time
	said   estimate  // the last time
	until  time.Time // when it is asked next
}

// silentFirst is for how long a contract is not asked that may be silent by chance.
const silentFirst = 2 * time.Second

// silentRest is how many times as long as the last question took a silent contract is not asked: everything else waits for the answer.
const silentRest = 10

// compare orders what to ask first: what is not suspected, and then what was asked longest ago.
func (n silence) compare(o silence) int {
	switch n, o := n.failed >= suspectedAfter, o.failed >= suspectedAfter; {
	case !n && !o:
		return 0
	case !n:
		return -1
	case !o:
		return 1
	}
	return n.last.Compare(o.last)
}

// answered ends the silence of a contract.
func (s *Sink) answered(to dodona.Address) {
	if n, silent := s.silent[to]; silent {
		s.silent[to] = silence{last: n.last}
	}
}

// suspectedAfter is how many questions in a row must have failed before others are asked: one that fails most requests gets on without.
const suspectedAfter = 6

// silentMost is how often that must be so until it is told: an endpoint that fails now and then does so by chance.
const silentMost = 7

// othersAsked is how often another contract is asked about in a row: an endpoint that fails two requests of three, whatever they are, must not pass for one that is well.
const othersAsked = 4

// speaksOfOthers reports whether endpoints say several times in a row what a call of another contract takes than that of an answer.
func (s *Sink) speaksOfOthers(ctx context.Context, p *Payload) bool {
	s.mu.Lock()
	others := slices.Concat(s.m.others(p)) // what is ill may be well by now
	s.mu.Unlock()
	if len(others) == 0 {
		return false
	}
	to := slices.MinFunc(others, func(a, b dodona.Address) int { return s.silent[a].compare(s.silent[b]) })
	for range othersAsked {
		if speaks, _ := s.speaks(ctx, *s.m.call(to, p)); !speaks {
			n := s.silent[to] // the next time it is another one, if there is any
			n.failed, n.last = n.failed+1, time.Now()
			s.silent[to] = n
			return false
		}
	}
	s.answered(to)
	return true
}

// mined reports whether this look has found an intent in a block, which the machine is still to be shown: it is not replaced.
func (s *Sink) mined(l *glance, number uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.m.find(func(i *Intent) bool { return i.Number == number })
	return i != nil && slices.ContainsFunc(i.Attempts, func(a Attempt) bool { return l.Receipts[a.Hash] != nil })
}

// estimate asks what a transaction takes that delivers an intent. The error is that nothing can be asked any more.
func (s *Sink) estimate(ctx context.Context, l *glance, of wanted) (_ estimate, err error) {
	p := of.Payload
	to := s.m.contract(p)
	message := evm.Message{From: s.wallet.Address(), To: &to, Data: p.Data}
	gas := uint64(0)
	if !l.early[of.Number] {
		gas, err = s.client.EstimateGas(ctx, message)
		l.early[of.Number] = s.early(err, p)
	}
	if l.early[of.Number] {
		// Nodes try a call at the newest block's time. On a chain that makes blocks when there is something to put into them, the
		// clock stands until something is sent; the block that takes it has the time of then.
		gas, err = s.client.EstimateGasAt(ctx, message, max(l.Head.Time, uint64(s.env.Now().Unix())))
		var said *evm.Error
		if errors.As(err, &said) && (said.Unsupported() || s.early(err, p)) {
			gas, err = s.knownGas(p), nil
		}
	}
	var said *evm.Error
	switch {
	case ctx.Err() != nil:
		return estimate{}, ctx.Err()
	case err == nil && gas > mostGas:
		return estimate{Unknown: fmt.Sprintf("the node estimates %d gas, more than the %d that are believed", gas, mostGas)}, nil
	case err == nil:
		gas = max(gas, leastGas)
		s.took[p.Feed] = gas
		return estimate{Gas: gas}, nil
	case !errors.As(err, &said):
		return estimate{}, err
	case mentions(said.Message, "insufficient funds"):
		return estimate{Gas: blindGas}, nil // the balance stops it
	case said.Unsupported():
		return estimate{Gas: s.knownGas(p)}, nil
	case !said.Reverted():
		return estimate{Unknown: err.Error()}, nil
	}
	why := said.Error()
	if data := said.Revert(); len(data) > 0 {
		why = calldata.ParseRefusal(data).String()
	}
	return estimate{Refused: why}, nil
}

// early reports whether a contract says that a round is ahead of the block's clock, though it is not ahead of this node's.
func (s *Sink) early(err error, p *Payload) bool {
	var said *evm.Error
	return errors.As(err, &said) && calldata.ParseRefusal(said.Revert()).Name == "FutureRound" && !p.Round.Time().After(s.env.Now().Add(aheadMost))
}

// aheadMost is how far a round may be ahead of this node's clock: contracts allow 15 s.
const aheadMost = 10 * time.Second

// knownGas returns what an update of a feed took last, or what is enough for any.
func (s *Sink) knownGas(p *Payload) uint64 {
	if gas := s.took[p.Feed]; gas > 0 {
		return gas
	}
	return blindGas
}

const (
	blindGas   = 500_000      // the limit where a node does not estimate because the sender has nothing
	leastGas   = 30_000       // every update takes more; a limit below what is needed would be refused again and again
	mostGas    = 5_000_000    // no update takes as much, with all the signatures that a quorum can have
	unknownTip = uint64(gwei) // where a node suggests none
)
