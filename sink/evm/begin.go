package evm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// begin asks the chain who it is and takes up what was journaled.
func (s *Sink) begin(ctx context.Context) error {
	chain, err := s.client.ChainID(ctx)
	if err != nil {
		return err
	}
	if s.release == nil {
		release, err := s.env.Hold(fmt.Sprintf("the key of %s on chain %d", s.wallet.Address(), chain))
		if err != nil {
			return dodona.Permanent(fmt.Errorf("key: %w, and two would take each other's nonces; nothing is sent before one of them has another key (`dodona key new` makes one)", err))
		}
		s.release = release
	}
	if err := s.checkCode(ctx, chain); err != nil {
		return err
	}
	entries, err := s.recall(ctx)
	if err != nil {
		return fmt.Errorf("read what was sent before: %w", err)
	}
	if !s.settings.Anchor.IsZero() && s.period == 0 {
		if s.anchors, err = s.askNetwork(ctx, s.settings.Anchor); err != nil {
			return fmt.Errorf("ask the contract of anchors %s for its network: %w", s.settings.Anchor, err)
		}
		if s.period, err = s.askPeriod(ctx); err != nil {
			return err
		}
	}
	if err := s.nameNetworks(ctx, entries); err != nil {
		return fmt.Errorf("read whose waits: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := newMachine(s.rules(chain))
	moved, st := m.restore(s.env.Now(), entries)
	if moved > 0 {
		m.tell(st, "moved", fmt.Sprintf("%s of another chain or sender given up; what they carried is planned anew", unit.Count(moved, "transaction")))
	}
	if err := s.keep(ctx, st.effects); err != nil {
		return err
	}
	s.m = m
	return nil
}

// checkCode returns an error unless every contract is one: the chain takes whatever is sent to an address that is none.
func (s *Sink) checkCode(ctx context.Context, chain uint64) error {
	names := make(map[dodona.Address]string)
	for _, feed := range slices.Sorted(maps.Keys(s.targets)) {
		names[s.targets[feed]] = "the contract of feed " + feed
	}
	if !s.settings.Anchor.IsZero() {
		names[s.settings.Anchor] = "the contract of anchors"
	}
	for a, name := range names {
		if s.turns.coded[a] {
			continue
		}
		if err := s.checkContract(ctx, chain, name, a); err != nil {
			return err
		}
		s.turns.coded[a] = true
	}
	return nil
}

// checkContract asks every endpoint before it believes that a contract is none: one that lags behind has no code either.
func (s *Sink) checkContract(ctx context.Context, chain uint64, what string, a dodona.Address) error {
	var none error
	for range s.client.Endpoints() {
		code, err := s.client.Code(ctx, a, ethrpc.Latest)
		if err != nil || len(code) > 0 {
			return err
		}
		none = dodona.Permanent(fmt.Errorf("contract: %s, %s, has no code on chain %d; is the address right, and is it deployed there (`dodona contract show`)", what, a, chain))
		s.client.Skip(none)
	}
	return none
}

func (s *Sink) rules(chain uint64) rules {
	r := rules{
		sink: s.env.Sink, chain: chain, sender: s.wallet.Address(), policy: s.env.Policy, target: s.targets, anchor: s.settings.Anchor,
		maxFee: uint64(s.settings.MaxFee), maxTip: uint64(s.settings.MaxTip), gas: s.settings.Gas, maxGas: s.settings.MaxGas, confirmations: s.settings.Confirmations,
		window: s.settings.Window, bumpAfter: s.settings.BumpAfter, resendAfter: max(3*s.settings.Poll, time.Second),
		sign: func(tx ethrpc.Transaction) ([]byte, dodona.Digest) {
			return tx.Sealed(s.wallet.SignTransaction(tx.Digest()))
		},
	}
	r.stranger = s.stranger
	if s.knowsAnotherNetwork(s.anchors) {
		r.anchorsMisled = s.wrongNetwork("the contract of anchors", s.settings.Anchor, s.anchors) + ", so each anchor is dropped; name as `anchor` one of this network (`dodona contract deploy anchor`), or go back to the key and network.name of that one"
	}
	for _, e := range s.client.Endpoints() {
		r.hosts = append(r.hosts, e.Host)
	}
	if len(s.settings.Senders) > 0 {
		r.wait = s.turnOf
	}
	return r
}

// recall reads the entries of the intents that are not over, and of those that were planned after them.
func (s *Sink) recall(ctx context.Context) (entries []intent.Entry, err error) {
	last, err := s.env.Ledger.Last(ctx, dodona.TopicIntent, s.env.Sink)
	if errors.Is(err, dodona.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	newest, err := intent.Parse(last)
	if err != nil || newest.Top == 0 {
		return nil, nil // the sink has begun and sent nothing
	}
	for rec, err := range s.env.Ledger.Scan(ctx, dodona.TopicIntent, s.env.Sink, plannedBefore(min(newest.Open, newest.Top))) {
		if err != nil {
			return nil, err
		}
		e, err := intent.Parse(rec)
		if err != nil || e.Intent.Number == 0 {
			continue
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// finals reads what was final of a run of nonces, each with the number of its last record, whatever that says: it may have gone out again since,
// and the journal takes no record twice.
func (s *Sink) finals(ctx context.Context, of nonces) (map[uint64]intent.Intent, error) {
	found, steps := make(map[uint64]intent.Intent), make(map[uint64]int)
	chain, sender := s.m.chain, s.m.sender
	for rec, err := range s.env.Ledger.Scan(ctx, dodona.TopicIntent, s.env.Sink, notGivenBefore(chain, sender, of.from)) {
		if err != nil {
			return nil, fmt.Errorf("read what was final: %w", err)
		}
		e, err := intent.Parse(rec)
		i := e.Intent
		if err != nil || e.Chain != chain || e.Sender != sender || i.Nonce < of.from || i.Nonce >= of.to {
			continue
		}
		if steps[i.Number] = max(steps[i.Number], i.Step); i.State == Final {
			found[i.Nonce] = i
		}
	}
	for nonce, i := range found {
		i.Step = steps[i.Number]
		found[nonce] = i
	}
	return found, nil
}
