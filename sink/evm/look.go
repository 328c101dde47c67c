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
	"github.com/dodona-oracle/dodona/sink"
)

// look reads what the machine wants to know.
func (s *Sink) look(ctx context.Context, before evm.Header) (v view, err error) {
	sender := s.wallet.Address()
	if v.Head, err = s.client.Header(ctx, evm.Latest); err != nil {
		return v, err
	}
	if v.Nonce, err = s.client.Nonce(ctx, sender, evm.Latest); err != nil {
		return v, err
	}
	if v.Balance, err = s.client.Balance(ctx, sender, evm.Latest); err != nil {
		return v, err
	}
	if err = s.prices(ctx, &v); err != nil {
		return v, err
	}
	s.mu.Lock()
	w := s.m.wants(s.env.Now(), before.Hash == v.Head.Hash)
	s.mu.Unlock()
	if !w.Gap.empty() {
		if v.Final, err = s.finals(ctx, w.Gap); err != nil {
			return v, err
		}
	}
	v.Receipts = make(map[dodona.Digest]*evm.Receipt, len(w.Receipts))
	for _, hash := range w.Receipts {
		r, err := s.client.Receipt(ctx, hash)
		switch {
		case errors.Is(err, dodona.ErrNotFound):
			v.Receipts[hash] = nil
		case err != nil:
			return v, err
		default:
			v.Receipts[hash] = &r
		}
	}
	// Slots come after receipts: whatever was mined is in them.
	v.Slots = make(map[string]sink.Said, len(s.targets))
	for feed, contract := range s.targets {
		word, err := s.client.Storage(ctx, contract, dodona.Digest{}, evm.Latest)
		if err != nil {
			return v, err
		}
		v.Slots[feed] = slotOf(word)
		if v.Slots[feed].Round == 0 && s.m.slots[feed].Round > 0 { // a development chain that was begun anew has no contract
			if err := s.checkContract(ctx, s.m.chain, "the contract of feed "+feed, contract); err != nil {
				return v, err
			}
		}
	}
	for _, p := range w.Anchors {
		word, err := s.client.Storage(ctx, s.settings.Anchor, p.Slot, evm.Latest)
		if err != nil {
			return v, err
		}
		v.Slots[p.place()] = anchorSlot(word)
	}
	v.Estimates = make(map[uint64]estimate, len(w.Estimates))
	for _, i := range w.Estimates {
		if v.Estimates[i.Number], err = s.estimate(ctx, v.Head, i.Payload); err != nil {
			return v, err
		}
	}
	return v, nil
}

// prices asks what is usual to pay. Not every node makes suggestions or knows the past.
func (s *Sink) prices(ctx context.Context, v *view) (err error) {
	var said *evm.Error
	if v.Head.Legacy {
		v.Tip, err = s.client.GasPrice(ctx)
		return err
	}
	now := s.env.Now()
	if now.Sub(s.tipsAt) >= tipsEvery {
		tips, err := s.client.Tips(ctx)
		if err != nil && !errors.As(err, &said) {
			return err
		}
		s.tips, s.tipsAt = tips, now
	}
	v.Tips = s.tips
	if v.Tip, err = s.client.Tip(ctx); errors.As(err, &said) {
		v.Tip, err = unknownTip, nil
		if len(v.Tips) > 0 {
			v.Tip = slices.Max(v.Tips)
		}
	}
	return err
}

// tipsEvery is how often the past is asked for.
const tipsEvery = time.Minute

// estimate asks what a transaction takes that delivers p. The error is that nothing can be asked any more.
func (s *Sink) estimate(ctx context.Context, head evm.Header, p *Payload) (estimate, error) {
	to := s.m.contract(p)
	message := evm.Message{From: s.wallet.Address(), To: &to, Data: p.Data}
	gas, err := s.client.EstimateGas(ctx, message)
	if s.early(err, p) {
		// Nodes try a call at the newest block's time. On a chain that makes blocks when there is something to put into them, the
		// clock stands until something is sent; the block that takes it has the time of then.
		gas, err = s.client.EstimateGasAt(ctx, message, max(head.Time, uint64(s.env.Now().Unix())))
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
		return estimate{Unknown: said.Error()}, nil
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
