package evm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// Turns are what Run carries from one turn to the next. What is of one turn is handed on within it (see turn), and what decides is the machine's.
type turns struct {
	glance  *glance // a look that was interrupted
	memory  memory
	unsent  []*Intent // that no endpoint heard of
	resends int       // of these
	row     int       // turns that failed though something was answered, since one got through or a node took a new transaction

	doubted   int                   // endpoints that gave reason to doubt what they say, one after the other
	agreed    map[string]time.Time  // until when a doubt that all endpoints share is not looked into, by kind
	moved     time.Time             // when the newest block was first seen, or nothing was under way
	stood     map[int]dodona.Digest // by endpoint that was left because it stood still: its newest block
	witnesses int                   // turns that asked for some
	heads     []keptHead            // by endpoint

	autopsies map[dodona.Digest]autopsy // by transaction that a block reverted

	coded     map[dodona.Address]bool // contracts that were seen to be some
	whose     map[string]asked        // by feed: whose its contract says it is
	whoseNext time.Time               // when one is asked again, after no endpoint answered
	tips      []uint64                // what was usual to pay
	tipsAt    time.Time               // when that was asked
	took      map[string]uint64       // gas that an update was last estimated to take, by feed
	silences
}

func newTurns() turns {
	return turns{
		agreed: make(map[string]time.Time), autopsies: make(map[dodona.Digest]autopsy), stood: make(map[int]dodona.Digest), coded: make(map[dodona.Address]bool), whose: make(map[string]asked),
		took: make(map[string]uint64), silences: silences{silent: make(map[dodona.Address]silence)},
	}
}

// Run follows the chain until ctx ends.
func (s *Sink) Run(ctx context.Context) error {
	failures := 0
	var head ethrpc.Header
	for {
		wait := s.settings.Poll
		answers, _ := s.client.Answers()
		next, err := s.turn(ctx, head)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			failures++
			if now, _ := s.client.Answers(); now > answers && !dodona.IsPermanent(err) && s.turns.row < s.mostRow() {
				failures, s.turns.row = 1, s.turns.row+1 // it gets on, whatever was answered
			}
			wait = backoff.Backoff{Min: min(s.settings.Poll, soon), Max: time.Minute}.Next(failures, nil)
			s.rpcFailed(ctx, err)
		default:
			failures, s.turns.row = 0, 0
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

// An endpoint that fails is asked again soon after its last answer, whatever poll is, and less and less often while there is none. How
// soon is drawn by lot, so that no habit of an endpoint, such as refusing every third request, falls in with it.
const (
	soon  = 500 * time.Millisecond
	tries = 3 // of each request before that
)

// mostRow returns how many turns may be answered something and fail, until none of that is taken for getting on any more: several times
// what is to be asked until one gets through, or a node takes another transaction.
func (s *Sink) mostRow() int { return 100 + 10*(len(s.targets)+s.settings.Window) }

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
	now := s.env.Now()
	st := &step{now: now}
	s.m.eased = false
	s.m.say(st, "rpc", true, err.Error())
	_ = s.keep(ctx, st.effects) // an error ends Run by ctx
	s.statusMu.Lock()
	s.lastErr, s.errAt = "rpc: "+err.Error(), now // not what it was when that began
	s.statusMu.Unlock()
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
	st := &step{now: now}
	s.m.eased = false
	s.m.say(st, "rpc", true, inWords(slow, now))
	_ = s.keep(ctx, st.effects) // an error ends Run by ctx
	s.show(nil)
}

// notBegun tells why nothing can be sent yet.
func (s *Sink) notBegun(ctx context.Context, err error) {
	state, text, now := sink.Retrying, "rpc: "+err.Error(), s.env.Now()
	switch {
	case dodona.IsPermanent(err):
		state, text = sink.Stuck, err.Error()
	case errors.Is(err, ethrpc.ErrWrongChain):
		text += "; correct chain_id, or name an endpoint of that chain in rpc"
		if len(s.client.Endpoints()) == 1 {
			state = sink.Stuck // nobody else can come back
		}
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
func (s *Sink) turn(ctx context.Context, before ethrpc.Header) (head ethrpc.Header, err error) {
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
	s.testify(ctx, &v)
	s.explainReverts(ctx, &v)
	if ctx.Err() != nil {
		return head, ctx.Err()
	}
	if !v.Kept {
		s.distrust(before, v)
	}
	s.dueAgain()
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
func (s *Sink) distrust(before ethrpc.Header, v view) {
	now := s.env.Now()
	s.mu.Lock()
	waiting := len(s.m.open) > 0 // also what is in a block and waits for others on it, and what waits to be sent
	s.mu.Unlock()
	head := v.Head
	if before.Hash != head.Hash || s.turns.moved.IsZero() || !waiting {
		s.turns.moved = now
	}
	if stood := now.Sub(s.turns.moved); waiting && stood >= max(standsFor, 3*s.settings.Poll) && len(s.client.Endpoints()) > 1 {
		err := fmt.Errorf("its newest block, %d, has stood for %s while something is under way", head.Number, stood.Round(time.Second))
		s.env.Log.Warn("another endpoint is asked", "error", err)
		s.turns.stood[v.HeadBy] = head.Hash
		s.client.Skip(err)
		s.forget()
		s.turns.moved = now
	}
}

// decide shows the machine a view and journals what it decides.
func (s *Sink) decide(ctx context.Context, v view) (effects, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.env.Now()
	st := s.m.step(now, v)
	leaves := s.m.leaves(st, s.client.Current())
	if err := s.keep(ctx, st.effects); err != nil {
		return st.effects, err
	}
	if leaves != "" {
		s.client.Skip(errors.New(leaves))
		s.forget()
	}
	s.show(&v)
	return st.effects, nil
}

// reached tells that endpoints can be asked again, or that they let requests wait.
func (s *Sink) reached(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.env.Now()
	slow, is := s.client.Slow()
	st := &step{now: now}
	what := inWords(slow, now)
	if s.turns.dumb != nil { // that is for longer, and requests may wait for that
		is, what = true, s.turns.dumb.Error()
	}
	s.m.eased = s.turns.dumb == nil && slow.Over()
	s.m.say(st, "rpc", is, what)
	if err := s.keep(ctx, st.effects); err != nil {
		return err
	}
	s.show(nil)
	return nil
}

// sendAgain broadcasts what no endpoint heard of in the turn before, so that one that fails now and then does not always fail at that.
// After a few times every other turn looks at the chain first: what is in the way of sending is not to be in the way of looking, and
// whichever of them is tried when an endpoint answers at last gets on.
func (s *Sink) sendAgain(ctx context.Context) error {
	if len(s.turns.unsent) == 0 {
		return nil
	}
	s.turns.resends++
	if s.turns.resends > mostResends && s.turns.resends%2 > 0 {
		return nil
	}
	unsent := s.turns.unsent
	s.turns.unsent = nil
	return s.send(ctx, unsent)
}

const mostResends = 6

// dueAgain leaves it to the machine, which is to see the chain anew, what of the unsent goes out.
func (s *Sink) dueAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.turns.unsent {
		i.lastSend = time.Time{}
	}
	s.turns.unsent, s.turns.resends = nil, 0
}

// send broadcasts what is journaled.
func (s *Sink) send(ctx context.Context, intents []*Intent) (err error) {
	if len(intents) == 0 {
		return nil
	}
	ctx, end := s.env.Recorder.Span(ctx, telemetry.Deliver(s.env.Sink))
	defer func() { end(err) }()
	elsewhere := false         // once a turn is enough, and a dead endpoint takes its time
	deaf := make(map[int]bool) // others that did not answer in this turn, which is not to take as long for each intent
	for at, i := range intents {
		raw := i.last().Raw // only Run changes attempts
		r, message := classify(s.client.Send(ctx, raw))
		if r == refused || r == poor || r == underpriced || r == stale && i.tooOld > 0 {
			r, message = s.sendElsewhere(ctx, raw, r, message, deaf)
		}
		if !elsewhere && r == accepted && s.env.Now().Sub(i.Attempts[0].At) >= s.settings.BumpAfter {
			elsewhere = true // what waits for long, this endpoint may have kept to itself
			err := s.client.SendToAnother(ctx, raw)
			if err != nil {
				s.env.Log.Debug("another endpoint did not take a transaction", "error", err)
			}
			i.copied = i.copied || err == nil && len(s.client.Endpoints()) > 1
		}
		if r == accepted && !i.wasTaken() {
			i.tookBy = s.client.Current()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.heard(ctx, i, r, message); err != nil {
			return err
		}
		if r == unheard {
			s.turns.unsent = intents[at:]
			return errors.New(message) // the bytes go out again with the next turn that reaches somebody
		}
	}
	return nil
}

// sendElsewhere puts what one endpoint does not take to each of the others, once, before that is believed: a pool may be full, or want more,
// and a gateway may have rules of its own. Who takes it is asked from then on. If nobody does, the first one is believed, or of those that want
// more the one that wants least.
func (s *Sink) sendElsewhere(ctx context.Context, raw []byte, r reply, message string, deaf map[int]bool) (reply, string) {
	first, n := s.client.Current(), len(s.client.Endpoints())
	why := fmt.Errorf("doubted: it does not take a transaction: %s", message)
	agreed := false
	for step := 1; step < n && ctx.Err() == nil; step++ {
		index := (first + step) % n
		if deaf[index] {
			continue
		}
		switch other, said := classify(s.client.SendThrough(ctx, index, raw)); {
		case other == accepted || other == stale && r != stale:
			s.env.Log.Warn("another endpoint is asked", "why", why)
			s.client.Prefer(index, why)
			s.forget()
			return other, said
		case other == unheard:
			deaf[index] = true
		case other == stale:
			agreed = true
		case r == underpriced && other == underpriced && wantsMore(message) && wantsMore(said) && leastIn(said) < leastIn(message):
			message = said
		}
	}
	if agreed {
		return spent, message
	}
	return r, message
}

// heard tells the machine what became of a broadcast.
func (s *Sink) heard(ctx context.Context, i *Intent, r reply, message string) error {
	if r == accepted && !i.last().Taken {
		s.turns.row = 0
	}
	if r == poor || r == refused {
		s.turns.memory.money = money{} // it may have changed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keep(ctx, s.m.sent(s.env.Now(), i, r, message))
}
