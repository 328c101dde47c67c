package evm

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
)

// A block says that it reverted a transaction, and not why. So the same call is tried once more, at the state that the block left: its clock is the one
// that counted, and what came before in the same block is in it. It holds a turn up for some time-outs at the most, and an endpoint without an answer is asked a few times only.

// An autopsy is what came of asking why a block reverted a transaction.
type autopsy struct {
	why   string // in words; empty: nobody has said it yet
	tries int
}

const (
	mostAutopsies = 2 // transactions that are asked about in one turn
	mostAsked     = 3 // turns in which it is asked about one
)

// A revertedTx is a transaction that a block reverted.
type revertedTx struct {
	receipt ethrpc.Receipt
	limit   uint64 // of its gas
	to      dodona.Address
	payload *Payload
}

// explainReverts adds to a view why blocks reverted what it shows as reverted.
func (s *Sink) explainReverts(ctx context.Context, v *view) {
	list := s.unexplained(v)
	v.Why = make(map[dodona.Digest]string)
	for tx := range s.turns.autopsies {
		if !slices.ContainsFunc(list, func(r revertedTx) bool { return r.receipt.Tx == tx }) {
			delete(s.turns.autopsies, tx)
		}
	}
	asked := 0
	for _, r := range list {
		a := s.turns.autopsies[r.receipt.Tx]
		if a.why == "" && a.tries < mostAsked && asked < mostAutopsies {
			asked++
			a.tries++
			a.why = s.whyReverted(ctx, r)
			s.turns.autopsies[r.receipt.Tx] = a
		}
		v.Why[r.receipt.Tx] = a.why
	}
}

// unexplained returns what a view shows as reverted and no reason is journaled for.
func (s *Sink) unexplained(v *view) (list []revertedTx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.m.open {
		for _, a := range i.Attempts {
			r := v.Receipts[a.Hash]
			if r == nil || r.OK || i.Payload == nil || a.Round != i.Payload.Round || i.Block != nil && i.Block.Tx == r.Tx && i.Block.Why != "" {
				continue // of an older answer that outran this one nothing hangs
			}
			list = append(list, revertedTx{*r, a.Gas, s.m.receiver(i, a), i.Payload})
		}
	}
	return list
}

// whyReverted says in words why a block reverted a transaction; empty if no endpoint answers.
func (s *Sink) whyReverted(ctx context.Context, r revertedTx) string {
	if r.receipt.GasUsed >= r.limit {
		return fmt.Sprintf("it used up its limit of %s gas; %s", dodona.Thousands(r.limit), s.moreGas())
	}
	ctx, cancel := context.WithTimeout(ctx, 2*s.settings.Timeout)
	defer cancel()
	call := ethrpc.Message{From: s.wallet.Address(), To: &r.to, Data: r.payload.Data}
	why, err := s.tried(ctx, call, ethrpc.At(r.receipt.Block))
	if err == nil {
		if why == "" {
			why = fmt.Sprintf("tried again at block %d it is taken; it had %s gas and used %s: %s", r.receipt.Block, dodona.Thousands(r.limit), dodona.Thousands(r.receipt.GasUsed), s.moreGas())
		}
		return why + s.whoseProof(ctx, r, why)
	}
	var said *ethrpc.Error
	if !errors.As(err, &said) {
		return ""
	}
	// Most nodes keep the state of the newest blocks only.
	gone := fmt.Sprintf("no endpoint can try it at block %d any more, %s", r.receipt.Block, said)
	switch why, err = s.tried(ctx, call, ethrpc.Latest); {
	case err != nil:
		return gone
	case why == "":
		return gone + "; now the contract would take it"
	}
	return why + s.whoseProof(ctx, r, why) + " (that is of now: " + gone + ")"
}

// moreGas says what to do about a limit that is too low.
func (s *Sink) moreGas() string {
	if s.settings.Gas > 0 {
		return "raise `gas`, or leave it out, so that it is estimated"
	}
	return "the next try has more"
}

// tried tries a call at the state that a block left, and returns why it is refused; empty if it is not. The error is that nobody can tell.
func (s *Sink) tried(ctx context.Context, call ethrpc.Message, at ethrpc.Block) (why string, err error) {
	var said *ethrpc.Error
	switch _, err = s.client.CallContract(ctx, call, at); {
	case err == nil:
		return "", nil
	case !errors.As(err, &said) || !said.Reverted():
		return "", err
	}
	return calldata.ParseRefusal(said.Revert()).String(), nil
}

// whoseProof adds to a bad proof whose answers the contract takes, if it says so, and whose this one is.
func (s *Sink) whoseProof(ctx context.Context, r revertedTx, why string) string {
	if len(why) < len(badProof) || why[:len(badProof)] != badProof {
		return ""
	}
	network, err := s.askWord(ctx, r.to, "network()")
	switch mine := r.payload.Network; {
	case err != nil || network.IsZero():
		return fmt.Sprintf("; %s does not say of which network it is", r.to)
	case !mine.IsZero() && network != mine:
		return fmt.Sprintf("; %s takes what network %s signs, and this is signed for network %s", r.to, network, mine)
	}
	return fmt.Sprintf("; %s is of network %s, as this answer is: see that it is the contract of the feed", r.to, network)
}

const badProof = "BadProof"
