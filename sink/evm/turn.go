package evm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/evm"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// Run follows the chain until ctx ends.
func (s *Sink) Run(ctx context.Context) error {
	failures := 0
	var head evm.Header
	for {
		wait, learned := s.settings.Poll, len(s.coded)+s.glance.learned()
		next, err := s.turn(ctx, head)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if failures++; len(s.coded)+s.glance.learned() > learned || s.resends > 0 {
				failures = 1 // it gets on
			}
			wait = max(wait, backoff.Backoff{Min: s.settings.Poll, Max: time.Minute}.Next(failures, nil))
			s.rpcFailed(ctx, err)
		default:
			failures = 0
			head = next
		}
		timer := time.NewTimer(wait)
		if err == nil && s.idle() {
			timer.Reset(max(wait, idlePoll))
		}
		wake := s.wake
		if err != nil {
			wake = nil // answers do not make a dead endpoint come back
		}
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// idlePoll is how often the chain is looked at while nothing is under way.
const idlePoll = 30 * time.Second

func (s *Sink) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m != nil && len(s.m.open) == 0 && s.m.behind == 0
}

// rpcFailed tells that no endpoint can be asked, or that what they say must be mended by somebody first.
func (s *Sink) rpcFailed(ctx context.Context, err error) {
	s.count(telemetry.SinkFailures, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.notBegun(ctx, err)
		return
	}
	var fx effects
	s.m.say(&fx, s.env.Now(), "rpc", true, err.Error())
	_ = s.keep(ctx, fx) // an error ends Run by ctx
	s.show(nil)
}

// waits tells that requests wait for endpoints; the client calls it from within one.
func (s *Sink) waits(ctx context.Context) {
	slow, is := s.client.Slow()
	if !is {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.env.Now()
	if s.m == nil {
		s.notBegun(ctx, errors.New(inWords(slow, now)))
		return
	}
	var fx effects
	s.m.say(&fx, now, "rpc", true, inWords(slow, now))
	_ = s.keep(ctx, fx) // an error ends Run by ctx
	s.show(nil)
}

// notBegun tells why nothing can be sent yet.
func (s *Sink) notBegun(ctx context.Context, err error) {
	state, text, now := sink.Retrying, "rpc: "+err.Error(), s.env.Now()
	if dodona.IsPermanent(err) {
		state, text = sink.Stuck, err.Error()
	}
	s.env.Log.Warn("delivery waits", "error", text)
	s.statusMu.Lock()
	told := s.state == state && s.lastErr == text
	s.state, s.lastErr, s.errAt = state, text, now
	s.statusMu.Unlock()
	if told || state != sink.Stuck {
		return
	}
	what, message, _ := strings.Cut(text, ": ")
	if rec, err := sink.EventRecord(s.env.Sink, what, message, now); err == nil {
		_ = s.env.Append(ctx, rec) // the status says it too
	}
}

// turn looks at the chain once and does what the machine decides.
func (s *Sink) turn(ctx context.Context, before evm.Header) (head evm.Header, err error) {
	if s.m == nil {
		if err := s.begin(ctx); err != nil {
			return head, err
		}
	}
	if err := s.sendAgain(ctx); err != nil {
		return head, err
	}
	v, err := s.believe(ctx, before)
	if err != nil {
		return head, err
	}
	if !v.Kept {
		s.distrust(before, v.Head)
	}
	fx, err := s.decide(ctx, v)
	if err != nil {
		return head, err
	}
	select {
	case <-s.ready:
	default:
		close(s.ready)
	}
	if err := s.send(ctx, fx.send); err != nil {
		return head, err
	}
	if err := s.reached(ctx); err != nil {
		return head, err
	}
	select {
	case s.room <- struct{}{}:
	default:
	}
	return v.Head, nil
}

// standsFor is how long the newest block may stay the newest while something is under way, before another endpoint is asked.
const standsFor = 2 * time.Minute

// distrust turns to another endpoint if the chain stands still at this one: it answers, and has lost the others.
func (s *Sink) distrust(before, head evm.Header) {
	now := s.env.Now()
	s.mu.Lock()
	waiting := len(s.m.open) > 0 // also what is in a block and waits for others on it, and what waits to be sent
	s.mu.Unlock()
	if before.Hash != head.Hash || s.moved.IsZero() || !waiting {
		s.moved = now
	}
	if stood := now.Sub(s.moved); waiting && stood >= max(standsFor, 3*s.settings.Poll) && len(s.client.Endpoints()) > 1 {
		err := fmt.Errorf("its newest block, %d, has stood for %s while something is under way", head.Number, stood.Round(time.Second))
		s.env.Log.Warn("another endpoint is asked", "error", err)
		s.client.Skip(err)
		s.forget()
		s.moved = now
	}
}

// decide shows the machine a view and journals what it decides.
func (s *Sink) decide(ctx context.Context, v view) (effects, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.env.Now()
	fx := s.m.step(now, v)
	if err := s.keep(ctx, fx); err != nil {
		return fx, err
	}
	s.show(&v)
	return fx, nil
}

// reached tells that endpoints can be asked again, or that they let requests wait.
func (s *Sink) reached(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.env.Now()
	slow, is := s.client.Slow()
	var fx effects
	s.m.say(&fx, now, "rpc", is, inWords(slow, now))
	if err := s.keep(ctx, fx); err != nil {
		return err
	}
	s.show(nil)
	return nil
}

// sendAgain broadcasts what no endpoint heard of in the turn before, so that one that fails now and then does not always fail at that.
// After a few times the chain is looked at first: what is in the way of sending is not to be in the way of looking.
func (s *Sink) sendAgain(ctx context.Context) error {
	unsent := s.unsent
	if s.unsent = nil; len(unsent) == 0 {
		return nil
	}
	err := s.send(ctx, unsent)
	s.resends++
	if err == nil || ctx.Err() == nil && s.resends >= mostResends {
		s.unsent, s.resends = nil, 0
		return nil
	}
	return err
}

const mostResends = 6

// send broadcasts what is journaled.
func (s *Sink) send(ctx context.Context, intents []*Intent) error {
	elsewhere := false // once a turn is enough, and a dead endpoint takes its time
	for at, i := range intents {
		raw := i.last().Raw // only Run changes attempts
		if !elsewhere && s.env.Now().Sub(i.Attempts[0].At) >= s.settings.BumpAfter {
			elsewhere = true // what waits for long, this endpoint may have kept to itself
			if err := s.client.SendToAnother(ctx, raw); err != nil {
				s.env.Log.Debug("another endpoint did not take a transaction", "error", err)
			}
		}
		r, message := classify(s.client.Send(ctx, raw))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.heard(ctx, i, r, message); err != nil {
			return err
		}
		if r == unheard {
			s.unsent = intents[at:]
			return errors.New(message) // the bytes go out again with the next turn that reaches somebody
		}
	}
	return nil
}

// heard tells the machine what became of a broadcast.
func (s *Sink) heard(ctx context.Context, i *Intent, r reply, message string) error {
	if r == poor || r == refused {
		s.money = money{} // it may have changed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keep(ctx, s.m.sent(s.env.Now(), i, r, message))
}

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
		if s.period, err = s.askPeriod(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := newMachine(s.rules(chain))
	moved, fx := m.restore(entries)
	if moved > 0 {
		m.tell(&fx, s.env.Now(), "moved", fmt.Sprintf("%d transactions of another chain or sender are given up; their answers are planned anew", moved))
	}
	if err := s.keep(ctx, fx); err != nil {
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
		if s.coded[a] {
			continue
		}
		if err := s.checkContract(ctx, chain, name, a); err != nil {
			return err
		}
		s.coded[a] = true
	}
	return nil
}

// checkContract asks every endpoint before it believes that a contract is none: one that lags behind has no code either.
func (s *Sink) checkContract(ctx context.Context, chain uint64, what string, a dodona.Address) error {
	var none error
	for range s.client.Endpoints() {
		code, err := s.client.Code(ctx, a, evm.Latest)
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
		maxFee: uint64(s.settings.MaxFee), maxTip: uint64(s.settings.MaxTip), gas: s.settings.Gas, confirmations: s.settings.Confirmations,
		window: s.settings.Window, bumpAfter: s.settings.BumpAfter, resendAfter: max(3*s.settings.Poll, time.Second),
		sign: func(tx evm.Transaction) ([]byte, dodona.Digest) {
			return tx.Sealed(s.wallet.SignTransaction(tx.Digest()))
		},
	}
	if len(s.settings.Senders) > 0 {
		r.wait = s.turnOf
	}
	return r
}

// recall reads the entries of the intents that are not over, and of those that were planned after them.
func (s *Sink) recall(ctx context.Context) (entries []entry, err error) {
	last, err := s.env.Last(ctx, dodona.TopicIntent)
	if errors.Is(err, dodona.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	newest, err := parseEntry(last)
	if err != nil || newest.Top == 0 {
		return nil, nil // the sink has begun and sent nothing
	}
	for rec, err := range s.env.Scan(ctx, dodona.TopicIntent, plannedBefore(min(newest.Open, newest.Top))) {
		if err != nil {
			return nil, err
		}
		e, err := parseEntry(rec)
		if err != nil || e.Intent.Number == 0 {
			continue
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// finals reads what was final of a run of nonces.
func (s *Sink) finals(ctx context.Context, g gap) (map[uint64]Intent, error) {
	found := make(map[uint64]Intent)
	chain, sender := s.m.chain, s.m.sender
	for rec, err := range s.env.Scan(ctx, dodona.TopicIntent, notGivenBefore(chain, sender, g.from)) {
		if err != nil {
			return nil, fmt.Errorf("read what was final: %w", err)
		}
		e, err := parseEntry(rec)
		i := e.Intent
		if err != nil || e.Chain != chain || e.Sender != sender || i.State != Final || i.Nonce < g.from || i.Nonce >= g.to {
			continue
		}
		if found[i.Nonce] = i; uint64(len(found)) == g.to-g.from {
			break
		}
	}
	return found, nil
}
