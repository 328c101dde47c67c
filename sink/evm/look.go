package evm

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/sink"
)

// A glance is a look that is not over: what it has learned is kept when an endpoint fails, so that it gets through in the end. That holds
// for each single answer: nothing that needs two in a row ever gets them of some endpoints.
type glance struct {
	view
	begun   time.Time
	answers uint64 // until then
	quiet   bool   // nothing was under way when it began
	head    bool   // each of these: read
	nonce   bool
	price   bool
	past    bool // what was usual to pay
	wish    *wish
	blank   map[string]bool // by feed: its slot is empty and was not before
	early   map[uint64]bool // by intent: the newest block's clock is behind it
	knew    map[int]uint64  // by endpoint: the nonce that it said
	ignores int             // the endpoint that could not estimate last; negative: none

	started  time.Time     // by the clock that only runs forward
	turns    int           // in which it was interrupted before estimates
	restTook time.Duration // until then
	gasTurns int           // in which estimates were asked for
	spoke    bool          // there is one
}

// glanceFor is how long nothing may be answered before a look that was interrupted is not worth going on with. However long one takes that
// gets on, it is: a slow look comes to an end, and a view that is minutes old does no harm (see unhurried); one that is always begun anew
// never does. What changes while it is under way is read last.
const glanceFor = 5 * time.Minute

// look reads what the machine wants to know. It goes on where it was interrupted.
func (s *Sink) look(ctx context.Context, before ethrpc.Header) (v view, err error) {
	now := s.env.Now()
	l := s.turns.glance
	goesOn := l != nil && now.Sub(s.lastHeard(l)) <= max(glanceFor, s.worth(rarely))
	if !goesOn {
		answers, _ := s.client.Answers()
		l = &glance{begun: now, started: time.Now(), ignores: -1, answers: answers, blank: make(map[string]bool), early: make(map[uint64]bool), knew: make(map[int]uint64)}
		l.Receipts, l.Slots = make(map[dodona.Digest]*ethrpc.Receipt), make(map[string]sink.Said, len(s.targets))
		l.Estimates, l.By = make(map[uint64]estimate), make(map[string]int)
		l.Foreign = make(map[string]foreigner)
		if l.Period = s.period; s.env.AnchorEvery != nil {
			l.Every = s.env.AnchorEvery()
		}
		s.remember(now, l)
	}
	s.turns.glance = l
	blocks := func(ctx context.Context, l *glance) error { return s.lookBlocks(ctx, l, before) }
	for _, read := range []func(context.Context, *glance) error{s.lookHead, blocks, s.lookSlots, s.lookMoney} {
		if err := read(ctx, l); err != nil {
			l.turns++
			return l.view, err
		}
	}
	if err := s.lookGas(ctx, l); err != nil {
		return l.view, err
	}
	s.turns.glance = nil
	if goesOn || s.worth(rarely) > 0 {
		l.Took = s.env.Now().Sub(l.begun)
	}
	switch now, _ := s.client.Answers(); {
	case !l.Kept:
		s.turns.memory.seen = l
	case now == l.answers: // nothing was asked, and the next look is not to be as blind
		s.turns.memory.seen = nil
	}
	return l.view, nil
}

// lastHeard returns when anything was last answered since a look began.
func (s *Sink) lastHeard(l *glance) time.Time {
	if _, last := s.client.Answers(); last.After(l.begun) {
		return last
	}
	return l.begun
}

func (s *Sink) lookHead(ctx context.Context, l *glance) (err error) {
	if !l.head {
		l.HeadAt = s.env.Now()
		if l.Head, err = s.client.Header(ctx, ethrpc.Latest); err != nil {
			return err
		}
		l.head, l.HeadBy = true, s.client.Current()
	}
	if !l.nonce {
		if l.Nonce, err = s.client.Nonce(ctx, s.wallet.Address(), ethrpc.Latest); err != nil {
			return err
		}
		l.nonce, l.By[theNonce] = true, s.client.Current()
		l.knew[l.By[theNonce]] = l.Nonce
	}
	return nil
}

// witness finds out whether the endpoint that has just answered knows as many transactions as the view says. One that lags shows neither
// the receipts nor the slots of the newest: with the nonce of another one, that looks as if they were lost.
func (s *Sink) witness(ctx context.Context, l *glance) error {
	by := s.client.Current()
	if _, asked := l.knew[by]; asked {
		return nil
	}
	nonce, err := s.client.Nonce(ctx, s.wallet.Address(), ethrpc.Latest)
	if err != nil {
		return err
	}
	if s.client.Current() != by {
		nonce = 0 // another one answered: nobody knows
	}
	l.knew[by] = nonce
	l.Lags = max(l.Lags, l.Nonce-min(l.Nonce, nonce))
	return nil
}

func (s *Sink) lookMoney(ctx context.Context, l *glance) (err error) {
	if l.Balance == nil {
		if l.Balance, err = s.client.Balance(ctx, s.wallet.Address(), ethrpc.Latest); err != nil {
			l.Balance = nil
			return err
		}
		s.turns.memory.money.balance, s.turns.memory.money.at = l.Balance, s.env.Now()
	}
	if l.price {
		return nil
	}
	if err := s.prices(ctx, l); err != nil {
		return err
	}
	l.price = true
	s.turns.memory.money.tip, s.turns.memory.money.tips, s.turns.memory.money.tipAt = l.Tip, l.Tips, s.env.Now()
	return nil
}

// lookBlocks looks for transactions in blocks.
func (s *Sink) lookBlocks(ctx context.Context, l *glance, before ethrpc.Header) (err error) {
	if l.wish == nil {
		w := s.wants(before.Hash == l.Head.Hash)
		if !w.NonceGap.empty() {
			if l.Final, err = s.finals(ctx, w.NonceGap); err != nil {
				return err
			}
			for _, i := range l.Final {
				for _, a := range i.Attempts {
					w.Receipts = append(w.Receipts, a.Hash)
				}
			}
		}
		if before.Hash != l.Head.Hash {
			if err := s.resting(ctx, l, &w); err != nil {
				return err
			}
		}
		l.wish = &w
	}
	for _, hash := range l.wish.Receipts {
		if _, known := l.Receipts[hash]; known {
			continue
		}
		r, err := s.client.Receipt(ctx, hash)
		switch {
		case errors.Is(err, dodona.ErrNotFound):
			if err := s.witness(ctx, l); err != nil {
				return err
			}
			l.Receipts[hash] = nil
		case err != nil:
			return err
		default:
			l.Receipts[hash] = &r
		}
	}
	if err := s.standing(ctx, l); err != nil {
		return err
	}
	return s.recount(ctx, l)
}

// fewAsked is how many transactions in blocks are asked for one by one.
const fewAsked = 4

// resting takes out of what is to be asked what lies in blocks and is not deep enough, if the chain still has the newest of these blocks: then it has those
// below, of the nonces up to there. Each is asked for once more when it is deep enough.
func (s *Sink) resting(ctx context.Context, l *glance, w *wish) error {
	list := s.shallow(l.Head.Number)
	if len(list) <= fewAsked {
		return nil
	}
	slices.SortFunc(list, func(a, b Intent) int {
		return cmp.Or(cmp.Compare(b.Block.Number, a.Block.Number), cmp.Compare(b.Nonce, a.Nonce))
	})
	newest, err := s.stands(ctx, l, list)
	if newest == nil {
		return err // receipts tell
	}
	rests := make(map[dodona.Digest]bool)
	for _, i := range list {
		if i.Nonce > newest.Nonce || i.Block.Number > newest.Block.Number || i.Block.Number == newest.Block.Number && i.Block.Hash != newest.Block.Hash {
			continue
		}
		for _, a := range i.Attempts {
			rests[a.Hash] = true
		}
		l.Receipts[i.Block.Tx] = receiptOf(i.Block)
	}
	w.Receipts = slices.DeleteFunc(w.Receipts, func(hash dodona.Digest) bool { return rests[hash] })
	return nil
}

// stands returns the first of some intents, those in the newest blocks first, whose block the chain has; nil if that is not known, or it has another one.
// There may be several nodes behind an address, of which one does not have the newest yet.
func (s *Sink) stands(ctx context.Context, l *glance, list []Intent) (*Intent, error) {
	asked, last := 0, uint64(0)
	for n := range list {
		b := list[n].Block
		if b.Number > l.Head.Number || asked > 0 && b.Number == last {
			continue
		}
		if asked++; asked > fewAsked {
			break
		}
		last = b.Number
		h, err := s.client.Header(ctx, ethrpc.At(b.Number))
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil && h.Hash == b.Hash:
			return &list[n], nil
		case !errors.Is(err, dodona.ErrNotFound):
			return nil, nil
		}
	}
	return nil, nil
}

// shallow returns the intents that are in a block, and not deep enough when the newest one is of that number.
func (s *Sink) shallow(head uint64) (list []Intent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.m.open {
		if i.State == Mined && head+1 < i.Block.Number+s.m.confirmations {
			list = append(list, *i)
		}
	}
	return list
}

// standing looks for the blocks of transactions that were in one and have no receipt by now. There may be several nodes behind an address, and one of
// them behind: what the chain has, it has, and of a block that is not there yet nothing is known for a while.
func (s *Sink) standing(ctx context.Context, l *glance) error {
	now := s.env.Now()
	for _, i := range s.unseen(l) {
		h, err := s.client.Header(ctx, ethrpc.At(i.Block.Number))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && h.Hash == i.Block.Hash:
			l.Receipts[i.Block.Tx] = receiptOf(i.Block)
		case err != nil && i.blank(now) < laggingFor:
			for _, a := range i.Attempts {
				delete(l.Receipts, a.Hash)
			}
		}
	}
	return nil
}

// unseen returns what was in a block and has no receipt.
func (s *Sink) unseen(l *glance) (list []*Intent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.m.open {
		if i.State == Mined && l.unseen(i) {
			list = append(list, i)
		}
	}
	return list
}

// recount raises a count of transactions that is too low by what is in a block: who shows the receipt of a nonce that it does not count
// contradicts itself. It is the count that is wrong if the chain still has that block.
func (s *Sink) recount(ctx context.Context, l *glance) error {
	nonce, r := s.newestIn(l)
	if r == nil || nonce < l.Nonce {
		return nil
	}
	switch h, err := s.client.Header(ctx, ethrpc.At(r.Block)); {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil && h.Number == r.Block && h.Hash == r.BlockHash:
		l.Raised = nonces{l.Nonce, nonce + 1}
		l.Nonce = nonce + 1
	}
	return nil
}

// newestIn returns the highest nonce of which a look has the receipt, nil if it has none.
func (s *Sink) newestIn(l *glance) (nonce uint64, newest *ethrpc.Receipt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	see := func(i intent.Intent) {
		for _, a := range i.Attempts {
			if r := l.Receipts[a.Hash]; r != nil && i.Nonce >= nonce && i.Nonce < s.m.pendingNonce { // of what is given on one endpoint's word, see used
				nonce, newest = i.Nonce, r
			}
		}
	}
	for _, i := range s.m.open {
		if i.State.InFlight() {
			see(i.Intent)
		}
	}
	for _, i := range l.Final {
		see(i)
	}
	return nonce, newest
}

// lookSlots reads what the contracts hold. That comes after receipts: whatever was mined is in them.
func (s *Sink) lookSlots(ctx context.Context, l *glance) error {
	for feed, contract := range s.targets {
		if err := s.lookWhose(ctx, l, feed, contract); err != nil {
			return err
		}
		_, known := l.Slots[feed]
		if _, foreign := l.Foreign[feed]; known || foreign {
			continue
		}
		var said sink.Said
		if !l.blank[feed] {
			word, err := s.client.Storage(ctx, contract, dodona.Digest{}, ethrpc.Latest)
			if err != nil {
				return err
			}
			by := s.client.Current()
			if s.looksFor(l) {
				if err := s.witness(ctx, l); err != nil {
					return err
				}
			}
			said, l.By[feed] = slotOf(word), by
			l.blank[feed] = said.Round == 0 && s.m.slots[feed].Round > 0
		}
		if l.blank[feed] { // a development chain that was begun anew has no contract, or another one
			if err := s.checkContract(ctx, s.m.chain, "the contract of feed "+feed, contract); err != nil {
				return err
			}
			delete(s.turns.whose, feed)
		}
		l.Slots[feed] = said
	}
	for _, p := range l.wish.Anchors {
		if _, known := l.Slots[p.Place()]; known {
			continue
		}
		word, err := s.client.Storage(ctx, s.settings.Anchor, p.Slot, ethrpc.Latest)
		if err != nil {
			return err
		}
		l.Slots[p.Place()], l.By[p.Place()] = anchorSlot(word), s.client.Current()
	}
	return nil
}

// looksFor reports whether a receipt was asked for, and there is none.
func (s *Sink) looksFor(l *glance) bool {
	return slices.ContainsFunc(l.wish.Receipts, func(hash dodona.Digest) bool { return l.Receipts[hash] == nil })
}

func (s *Sink) wants(sameHead bool) wish {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m.wants(s.env.Now(), sameHead)
}
