package evm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
