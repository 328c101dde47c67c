package evm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
)

// prices asks what is usual to pay. Not every node makes suggestions or knows the past.
func (s *Sink) prices(ctx context.Context, l *glance) (err error) {
	var said *ethrpc.Error
	if l.Head.Legacy {
		l.Tip, err = s.client.GasPrice(ctx)
		return err
	}
	now := s.env.Now()
	if !l.past && now.Sub(s.turns.tipsAt) >= max(tipsEvery, s.worth(rarely)) {
		tips, err := s.client.Tips(ctx)
		if err != nil && !errors.As(err, &said) {
			return err
		}
		s.turns.tips, s.turns.tipsAt = tips, now
	}
	l.past, l.Tips = true, s.turns.tips
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

// lookGas asks what transactions take, also of answers that came while this look was under way. What no endpoint answers of one contract is to hold up no other, so a look does not
// wait for every estimate: see goesOn. Who lacks one waits for the next look.
func (s *Sink) lookGas(ctx context.Context, l *glance) error {
	if l.restTook == 0 {
		l.restTook = max(time.Since(l.started), 1)
	}
	g := gasLook{clean: l.turns == 0, most: max(leastForIll, l.restTook), failed: make(map[dodona.Address]bool)}
	w, left, chance := s.wants(true), make(map[uint64]dodona.Address), false
	slices.SortStableFunc(w.Estimates, func(a, b wanted) int {
		return s.turns.silent[s.m.contract(a.Payload)].last.Compare(s.turns.silent[s.m.contract(b.Payload)].last)
	})
	for _, i := range w.Estimates {
		if _, known := l.Estimates[i.Number]; known || s.mined(l, i.Number) {
			continue
		}
		to, begun := s.m.contract(i.Payload), time.Now()
		if !s.mayAsk(&g, to) {
			left[i.Number] = to
			continue
		}
		e, err := s.estimate(ctx, l, i)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			if s.unanswered(ctx, &g, i.Payload, begun, err); ctx.Err() != nil {
				return ctx.Err()
			}
			left[i.Number], chance = to, chance || !s.turns.silent[to].suspect()
			continue
		case e.Unknown != "":
			s.turns.silent[to] = silence{last: time.Now()} // behind the others
			l.ignores = s.client.Current()
		default:
			s.answered(to)
			l.spoke = true
		}
		l.Estimates[i.Number] = e
	}
	if l.spoke || len(w.Estimates) == 0 && !s.waitsToGo() {
		s.turns.dumb = nil
	} else if g.err != nil && time.Since(s.turns.muteSince) >= dumbAfter {
		s.turns.dumb = g.err
	}
	if l.gasTurns++; chance && !g.clean && l.goesOn() {
		return g.err
	}
	for number, to := range left {
		l.Estimates[number] = estimate{Mute: true, Unknown: s.turns.silent[to].said}
	}
	if w.Transfer && l.Transfer == 0 {
		me := s.wallet.Address()
		if gas, err := s.client.EstimateGas(ctx, ethrpc.Message{From: me, To: &me}); err == nil && gas <= s.settings.MaxGas { // else what it takes on most chains
			l.Transfer = gas
		}
	}
	if w.Control != nil && !l.Speaks {
		speaks, _ := s.speaks(ctx, *w.Control) // it may be a contract of which nobody says anything
		l.Speaks = speaks && (l.ignores < 0 || s.client.Current() == l.ignores)
	}
	return ctx.Err()
}

// goesOn reports whether it is worth while to ask once more, at endpoints that fail now and then: not for much longer than the rest of the look took.
func (l *glance) goesOn() bool {
	return l.gasTurns < max(leastTurns, turnsEach*l.turns) && time.Since(l.started)-l.restTook < max(leastAgain, turnsEach*l.restTook)
}

// speaks reports whether an endpoint says what a call takes, or that its contract refuses it.
func (s *Sink) speaks(ctx context.Context, call ethrpc.Message) (bool, error) {
	var said *ethrpc.Error
	_, err := s.client.EstimateGas(ctx, call)
	if errors.As(err, &said) {
		return said.Reverted(), nil
	}
	return err == nil, err
}

// A gasLook is one turn of asking for estimates.
type gasLook struct {
	clean  bool          // all else in the look was answered at once
	most   time.Duration // that may be spent on questions that are not answered, about contracts of which one was not of late
	spent  time.Duration // on such questions
	failed map[dodona.Address]bool
	err    error // the last one's
}

// Silences are who says what calls take.
type silences struct {
	silent    map[dodona.Address]silence // contracts of which nobody said it
	spoke     time.Time                  // when somebody last said it of any
	mute      time.Time                  // and last did not of one
	muteSince time.Time                  // the first time since somebody did
	illNext   time.Time                  // when one of those is asked about again
	dumb      error                      // nobody says it of any
}

// A silence is how it went to ask what calls of a contract take.
type silence struct {
	last   time.Time // when no endpoint answered, or knew
	fails  int       // questions in a row that no endpoint answered
	others int       // answers about other contracts since the first of them
	tries  int       // questions that were asked for these
	alone  int       // those of them that came after an answer about another contract, while endpoints answered all else
	until  time.Time // when it is asked about again
	tried  time.Time // when it was asked about for another one
	said   string    // why no endpoint says, once that is no chance; empty: it may be
}

const (
	leastForIll = 2 * time.Second // see gasLook
	illFor      = retryMost       // after a failure a contract that is ill comes behind the others
	dumbAfter   = retryMost       // without an estimate of any contract, while one is asked for, that is told of the endpoints
	turnsEach   = 3               // how many times as many turns, and as much time, as for the rest of a look are spent on estimates before it goes on without
	leastTurns  = 6               // of those at least
	leastAgain  = time.Minute     // and of time
	silentFirst = 2 * time.Second // for which a contract rests after a failure, doubling
	silentMost  = 128 * time.Second
	silentRest  = 10 // how many times as long as the last question took it rests at least, once that is no chance: everything else waited for it
	byChance    = 12 // how many times as many questions as an answer about another contract takes are not answered by chance: one of 160,000 times
	illBy       = 4  // so many, and it is held for ill: it comes behind the others, and rests
	toldBy      = 6  // so many, and it may be told
	leastOthers = 3  // of such answers
	aloneMost   = 7  // failures alone until that is so, and is told: an endpoint that fails now and then does so by chance
)

// mayAsk reports whether there is time in a look to ask about a contract.
func (s *Sink) mayAsk(g *gasLook, to dodona.Address) bool {
	n, now := s.turns.silent[to], time.Now()
	switch {
	case g.failed[to] || now.Before(n.until):
		return false
	case n.last.IsZero() || now.Sub(n.last) >= illFor || !n.beyond(illBy):
		return g.spent < max(2*s.settings.Timeout, g.most)
	case g.clean && now.Before(s.turns.illNext):
		return false
	}
	return g.spent < g.most
}

// unanswered notes that no endpoint answered of the contract of an answer, and finds out whether one answers anything.
func (s *Sink) unanswered(ctx context.Context, g *gasLook, p *Payload, begun time.Time, err error) {
	to, took := s.m.contract(p), time.Since(begun)
	n := s.turns.silent[to]
	g.err = fmt.Errorf("%w; that is of a call of the contract %s", err, to)
	g.failed[to] = true
	g.spent += took
	if g.clean {
		_, failed := s.client.Nonce(ctx, s.wallet.Address(), ethrpc.Latest)
		g.clean = failed == nil
	}
	alone := g.clean && s.hasOthers(to)
	if n.fails++; alone {
		if n.fails > 1 && !s.turns.spoke.After(n.last) && s.askOther(ctx, p) {
			n.others, n.tries = n.others+1, n.tries+1
		}
		if s.turns.spoke.After(n.last) {
			n.alone++
		}
		if n.beyond(illBy) {
			s.turns.illNext = time.Now().Add(2 * took)
		}
	}
	n.last = time.Now()
	if !s.turns.muteSince.After(s.turns.spoke) {
		s.turns.muteSince = n.last
	}
	s.turns.mute = n.last
	rest := time.Duration(0)
	if alone && n.beyond(illBy) || n.suspect() {
		rest = min(silentFirst<<min(n.fails-1, 10), silentMost)
	}
	if n.alone >= aloneMost && n.beyond(toldBy) {
		rest = min(max(rest, silentRest*took), retryMost)
		n.said = fmt.Sprintf("%s; of other contracts than %s it is said", err, to)
	}
	n.until = n.last.Add(rest)
	s.turns.silent[to] = n
}

// suspect reports whether it is no chance that no endpoint answers of a contract: others were answered after far fewer questions each.
func (n silence) suspect() bool { return n.beyond(byChance) }

// beyond reports whether so many times as many questions were not answered of a contract as others took for an answer. Endpoints whose estimates alone fail now and then answer all else
// at once, and of none more seldom than of others.
func (n silence) beyond(times int) bool {
	return n.others >= leastOthers && n.fails*n.others >= times*n.tries
}

// askOther asks about another contract than that of an answer, of which none has been asked meanwhile. Whatever is said of it, an endpoint does say something. It reports whether one did.
func (s *Sink) askOther(ctx context.Context, p *Payload) (spoke bool) {
	mine, other := s.m.contract(p), s.settings.Anchor
	for _, feed := range slices.Sorted(maps.Keys(s.targets)) {
		if to := s.targets[feed]; to != mine && (other.IsZero() || other == mine || s.turns.silent[to].tried.Before(s.turns.silent[other].tried)) {
			other = to
		}
	}
	var said *ethrpc.Error
	_, err := s.client.EstimateGas(ctx, ethrpc.Message{From: s.wallet.Address(), To: &other, Data: p.Data})
	if spoke = err == nil || errors.As(err, &said); spoke {
		s.turns.spoke = time.Now()
	}
	n := s.turns.silent[other]
	n.tried = time.Now() // the next time it is another one, if there is any
	s.turns.silent[other] = n
	return spoke
}

// waitsToGo reports whether an answer or anchor is to be sent.
func (s *Sink) waitsToGo() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m.find(func(i *Intent) bool { return i.State == Planned && i.Payload != nil }) != nil
}

// hasOthers reports whether the sink has another contract.
func (s *Sink) hasOthers(than dodona.Address) bool {
	for _, to := range s.targets {
		if to != than {
			return true
		}
	}
	return !s.settings.Anchor.IsZero() && s.settings.Anchor != than
}

// answered notes that an endpoint answered of a contract. If none did of any since the last failure, that was the endpoints', and all are asked about again.
func (s *Sink) answered(to dodona.Address) {
	if s.turns.spoke.Before(s.turns.mute) {
		s.turns.illNext = time.Time{}
		for other, n := range s.turns.silent {
			if n.alone < aloneMost && !n.suspect() {
				n.until = time.Time{}
				s.turns.silent[other] = n
			}
		}
	}
	s.turns.spoke = time.Now()
	for other, n := range s.turns.silent {
		if n.fails > 0 && other != to {
			n.others, n.tries = n.others+1, n.tries+s.turns.silent[to].fails+1
			s.turns.silent[other] = n
		}
	}
	if n, was := s.turns.silent[to]; was {
		s.turns.silent[to] = silence{last: n.last}
	}
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
	message := ethrpc.Message{From: s.wallet.Address(), To: &to, Data: p.Data}
	gas := uint64(0)
	if !l.early[of.Number] {
		gas, err = s.client.EstimateGas(ctx, message)
		l.early[of.Number] = s.early(err, p)
	}
	if l.early[of.Number] {
		// Nodes try a call at the newest block's time. On a chain that makes blocks when there is something to put into them, the
		// clock stands until something is sent; the block that takes it has the time of then.
		gas, err = s.client.EstimateGasAt(ctx, message, max(l.Head.Time, uint64(s.env.Now().Unix())))
		var said *ethrpc.Error
		if errors.As(err, &said) && (said.Unsupported() || s.early(err, p)) {
			gas, err = s.knownGas(p), nil
		}
	}
	var said *ethrpc.Error
	switch {
	case ctx.Err() != nil:
		return estimate{}, ctx.Err()
	case err == nil && gas > s.settings.MaxGas:
		return estimate{Unknown: fmt.Sprintf("the node estimates %d gas, more than max_gas, %d; raise that if it is right", gas, s.settings.MaxGas)}, nil
	case err == nil:
		gas = max(gas, leastGas)
		s.turns.took[p.Feed] = gas
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
	var said *ethrpc.Error
	return errors.As(err, &said) && calldata.ParseRefusal(said.Revert()).Name == "FutureRound" && !p.Round.Time().After(s.env.Now().Add(aheadMost))
}

// aheadMost is how far a round may be ahead of this node's clock: contracts allow 15 s.
const aheadMost = 10 * time.Second

// knownGas returns what an update of a feed took last, or what is enough for any.
func (s *Sink) knownGas(p *Payload) uint64 {
	if gas := s.turns.took[p.Feed]; gas > 0 {
		return gas
	}
	return blindGas
}

const (
	blindGas   = 500_000      // the limit where a node does not estimate because the sender has nothing
	leastGas   = 30_000       // every update takes more; a limit below what is needed would be refused again and again
	mostGas    = 1 << 50      // no chain has larger blocks
	unknownTip = uint64(gwei) // where a node suggests none
)
