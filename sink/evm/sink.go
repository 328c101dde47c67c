package evm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/evm"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A Sink drives a machine: it shows it the chain, journals what it decides, and sends. Deliver hands answers over,
// Run does the rest.
type Sink struct {
	settings Settings
	env      sink.Env
	wallet   sink.Wallet
	client   *evm.Client
	targets  map[string]dodona.Address
	period   uint64        // of the contract of anchors, milliseconds; known once ready
	ready    chan struct{} // closed once the machine has seen the journal and the chain
	wake     chan struct{}

	mu     sync.Mutex // guards the machine, also while the journal is waited for
	m      *machine
	broken bool // something decided could not be journaled, because the process ends: decide no more
	room   chan struct{}

	statusMu sync.Mutex
	status   Status
	state    sink.State
	queue    int
	counts   map[telemetry.Counter]uint64
	last     *sink.Delivered
	lastErr  string
	errAt    time.Time
}

// Status is what an evm sink adds to the status of a sink.
type Status struct {
	Sender    dodona.Address            `json:"sender"`
	Chain     uint64                    `json:"chain,omitempty"`
	Head      uint64                    `json:"head,omitempty"`    // the newest block seen
	BaseFee   Price                     `json:"baseFee,omitempty"` // of it
	Balance   string                    `json:"balance,omitempty"` // of the sender
	Planned   int                       `json:"planned"`           // answers that wait
	Flying    int                       `json:"flying"`            // transactions in no block
	Mined     int                       `json:"mined"`             // transactions in a block, not deep enough
	Slots     map[string]sink.Said      `json:"slots,omitempty"`   // what the contracts hold, by feed
	Contracts map[string]dodona.Address `json:"contracts"`
	Troubles  map[string]string         `json:"troubles,omitempty"`
	Endpoints []evm.EndpointStatus      `json:"endpoints"`
}

func open(_ context.Context, settings Settings, env sink.Env) (dodona.Sink, error) {
	if env.Wallet == nil {
		return nil, dodona.Permanent(errors.New("no wallet is given to the sink"))
	}
	wallet, err := env.Wallet(settings.Key)
	if err != nil {
		return nil, fmt.Errorf("open the key that pays: %w", err)
	}
	urls := settings.RPC
	for _, secret := range settings.RPCSecret {
		text, err := secret.Reveal()
		if err != nil {
			return nil, fmt.Errorf("read rpc_secret: %w", err)
		}
		if u, err := url.Parse(text); err != nil || u.Host == "" {
			return nil, dodona.Permanent(errors.New("rpc_secret: an endpoint is no URL"))
		}
		urls = append(urls[:len(urls):len(urls)], text)
	}
	client, err := evm.NewClient(evm.Options{
		URLs: urls, ChainID: settings.ChainID, Timeout: settings.Timeout, Agent: "dodona/" + env.Version,
	})
	if err != nil {
		return nil, dodona.Permanent(err)
	}
	s := &Sink{
		settings: settings, env: env, wallet: wallet, client: client, targets: make(map[string]dodona.Address),
		ready: make(chan struct{}), wake: make(chan struct{}, 1), room: make(chan struct{}, 1),
		counts: make(map[telemetry.Counter]uint64), state: sink.Starting,
	}
	for _, f := range env.Feeds {
		s.targets[f.Name] = settings.Contract
		if a, found := settings.Contracts[f.Name]; found {
			s.targets[f.Name] = a
		}
	}
	s.status = Status{Sender: wallet.Address(), Contracts: s.targets}
	return s, nil
}

// Close lets go of connections.
func (s *Sink) Close() error {
	s.client.Close()
	return nil
}

// Deliver hands answers over. It returns once what has to be sent of them is journaled, and waits while too much is
// under way, or while neither journal nor chain can be asked what was sent before.
func (s *Sink) Deliver(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.ready:
	}
	for _, rec := range recs {
		p, err := s.payload(rec)
		if err != nil {
			s.env.Log.Error("an answer cannot be delivered", "feed", rec.Key, "record", rec.ID, "error", err)
			if err := s.refuse(ctx, rec, err); err != nil {
				return nil, err
			}
			continue
		}
		if err := s.take(ctx, p); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// take waits until the machine has room.
func (s *Sink) take(ctx context.Context, p Payload) error {
	for {
		s.mu.Lock()
		taken, fx := s.m.take(s.env.Now(), p)
		err := s.keep(ctx, fx)
		s.mu.Unlock()
		if err != nil {
			return err
		}
		s.poke()
		if taken {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.room:
		}
	}
}

// poke makes Run look at once.
func (s *Sink) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// refuse writes the receipt of a record that no contract could take.
func (s *Sink) refuse(ctx context.Context, rec dodona.Record, cause error) error {
	r, err := sink.ReceiptRecord(dodona.Receipt{
		Sink: s.env.Sink, Topic: rec.Topic, Key: rec.Key, Record: rec.ID, Status: dodona.ReceiptDead,
		Detail: cause.Error(), At: s.env.Now(),
	})
	if err != nil {
		return err
	}
	s.count(telemetry.SinkDead, 1)
	return s.env.Append(ctx, r)
}

// keep journals effects, however long that takes. The caller holds mu.
func (s *Sink) keep(ctx context.Context, fx effects) error {
	if s.broken {
		return context.Canceled
	}
	if fx.fail != nil {
		return dodona.Permanent(fx.fail)
	}
	for attempt := 1; len(fx.keep) > 0; attempt++ {
		err := s.env.Append(ctx, fx.keep...)
		if err == nil {
			break
		}
		if ctx.Err() == nil {
			wait := backoff.Backoff{}.Next(attempt, nil)
			s.env.Log.Error("intents cannot be journaled; nothing is sent until they are", "error", err, "again in", wait)
			if backoff.Wait(ctx, wait) {
				continue
			}
		}
		s.broken = true
		return ctx.Err()
	}
	for c, n := range fx.counts {
		s.count(c, n)
	}
	s.tellNews(fx)
	return nil
}

// tellNews logs and remembers what the journaled records say.
func (s *Sink) tellNews(fx effects) {
	for _, rec := range fx.keep {
		switch rec.Topic {
		case dodona.TopicEvent:
			var e sink.Event
			if json.Unmarshal(rec.Body, &e) != nil {
				continue
			}
			s.env.Log.Warn("delivery", "what", e.What, "message", e.Message)
			if e.Message != over {
				s.statusMu.Lock()
				s.lastErr, s.errAt = e.What+": "+e.Message, e.At
				s.statusMu.Unlock()
			}
		case dodona.TopicReceipt:
			var r dodona.Receipt
			if json.Unmarshal(rec.Body, &r) != nil || r.Status != dodona.ReceiptMined {
				continue
			}
			s.env.Log.Info("delivered", "feed", r.Key, "record", r.Record, "tx", r.OnChain.Tx, "block", r.OnChain.Block, "gas", r.OnChain.GasUsed)
			s.statusMu.Lock()
			s.last = &sink.Delivered{Feed: r.Key, Record: r.Record, At: r.At, Late: r.Late}
			s.statusMu.Unlock()
		}
	}
}

func (s *Sink) count(c telemetry.Counter, n uint64) {
	s.env.Metrics.Count(c, s.env.Sink, n)
	s.statusMu.Lock()
	s.counts[c] += n
	s.statusMu.Unlock()
}

// Run follows the chain until ctx ends.
func (s *Sink) Run(ctx context.Context) error {
	failures := 0
	var head evm.Header
	for {
		wait := s.settings.Poll
		next, err := s.turn(ctx, head)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			failures++
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
	return s.m != nil && len(s.m.open) == 0
}

// rpcFailed tells that no endpoint can be asked.
func (s *Sink) rpcFailed(ctx context.Context, err error) {
	s.count(telemetry.SinkFailures, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.env.Log.Warn("delivery waits", "error", err)
		s.statusMu.Lock()
		s.state, s.lastErr, s.errAt = sink.Retrying, "rpc: "+err.Error(), s.env.Now()
		s.statusMu.Unlock()
		return
	}
	var fx effects
	s.m.say(&fx, s.env.Now(), "rpc", true, err.Error())
	_ = s.keep(ctx, fx) // an error ends Run by ctx
	s.show(nil)
}

// turn looks at the chain once and does what the machine decides.
func (s *Sink) turn(ctx context.Context, before evm.Header) (head evm.Header, err error) {
	if s.m == nil {
		if err := s.begin(ctx); err != nil {
			return head, err
		}
	}
	v, err := s.look(ctx, before)
	if err != nil {
		return head, err
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
	select {
	case s.room <- struct{}{}:
	default:
	}
	return v.Head, nil
}

// decide shows the machine a view and journals what it decides.
func (s *Sink) decide(ctx context.Context, v view) (effects, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.env.Now()
	fx := s.m.step(now, v)
	s.m.say(&fx, now, "rpc", false, "")
	if err := s.keep(ctx, fx); err != nil {
		return fx, err
	}
	s.show(&v)
	return fx, nil
}

// send broadcasts what is journaled.
func (s *Sink) send(ctx context.Context, intents []*Intent) error {
	for _, i := range intents {
		raw := i.last().Raw // only Run changes attempts
		r, message := classify(s.client.Send(ctx, raw))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.mu.Lock()
		fx := s.m.sent(s.env.Now(), i, r, message)
		err := s.keep(ctx, fx)
		s.mu.Unlock()
		if err != nil {
			return err
		}
		if r == unheard {
			return errors.New(message) // the bytes go out again with the next turn that reaches somebody
		}
	}
	return nil
}

// begin asks the chain who it is and takes up what was journaled.
func (s *Sink) begin(ctx context.Context) error {
	chain, err := s.client.ChainID(ctx)
	if err != nil {
		return err
	}
	entries, err := s.recall(ctx)
	if err != nil {
		return fmt.Errorf("read what was sent before: %w", err)
	}
	if !s.settings.Anchor.IsZero() {
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

func (s *Sink) rules(chain uint64) rules {
	r := rules{
		sink: s.env.Sink, chain: chain, sender: s.wallet.Address(), policy: s.env.Policy, target: s.targets, anchor: s.settings.Anchor,
		maxFee: uint64(s.settings.MaxFee), gas: s.settings.Gas, confirmations: s.settings.Confirmations,
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
	if v.Tip, err = s.client.Tip(ctx); err != nil {
		return v, err
	}
	s.mu.Lock()
	w := s.m.wants(s.env.Now(), before.Hash == v.Head.Hash)
	s.mu.Unlock()
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
		to := s.m.contract(i.Payload)
		gas, err := s.client.EstimateGas(ctx, evm.Message{From: sender, To: &to, Data: i.Payload.Data})
		var said *evm.Error
		switch {
		case err == nil:
			v.Estimates[i.Number] = estimate{Gas: gas}
		case !errors.As(err, &said):
			return v, err
		case mentions(said.Message, "insufficient funds"):
			v.Estimates[i.Number] = estimate{Gas: blindGas} // the balance stops it
		default:
			v.Estimates[i.Number] = estimate{Refused: said.Error()}
		}
	}
	return v, nil
}

// blindGas is the limit where a node does not estimate because the sender has nothing.
const blindGas = 500_000

// show tells the status what the machine knows. The caller holds mu.
func (s *Sink) show(v *view) {
	st := Status{
		Sender: s.m.sender, Chain: s.m.chain, Contracts: s.targets, Slots: make(map[string]sink.Said),
		Troubles: make(map[string]string), Endpoints: s.client.Endpoints(),
	}
	for feed := range s.targets {
		if said, found := s.m.slots[feed]; found {
			st.Slots[feed] = said
		}
	}
	for what, t := range s.m.trouble {
		st.Troubles[what] = t.Message
	}
	for _, i := range s.m.open {
		switch i.State {
		case Planned:
			st.Planned++
		case Mined:
			st.Mined++
		default:
			st.Flying++
		}
	}
	state := sink.OK
	for what := range s.m.trouble {
		state = sink.Stuck
		if what == "rpc" {
			state = sink.Retrying
		}
	}
	s.statusMu.Lock()
	defer s.statusMu.Unlock()
	if v != nil {
		st.Head, st.BaseFee, st.Balance = v.Head.Number, Price(v.Head.BaseFee), ether(v.Balance)
		inGwei := new(big.Int).Div(v.Balance, big.NewInt(int64(gwei)))
		if inGwei.IsInt64() {
			s.env.Metrics.Gauge(telemetry.SinkBalance, s.env.Sink, inGwei.Int64())
		}
	} else {
		st.Head, st.BaseFee, st.Balance = s.status.Head, s.status.BaseFee, s.status.Balance
	}
	s.status, s.state, s.queue = st, state, st.Planned+st.Flying
	s.env.Metrics.Gauge(telemetry.SinkQueue, s.env.Sink, int64(s.queue))
	s.env.Metrics.Gauge(telemetry.SinkTroubles, s.env.Sink, int64(len(st.Troubles)))
}

// Report fills in what the loop cannot know.
func (s *Sink) Report(to *sink.Status) {
	s.statusMu.Lock()
	defer s.statusMu.Unlock()
	st := s.status
	if st.Endpoints == nil {
		st.Endpoints = s.client.Endpoints()
	}
	to.Detail, to.Queue, to.Last = st, to.Queue+s.queue, s.last
	to.Delivered += s.counts[telemetry.SinkDelivered]
	to.Superseded += s.counts[telemetry.SinkSuperseded]
	to.Skipped += s.counts[telemetry.SinkSkipped]
	to.Failures += s.counts[telemetry.SinkFailures]
	to.Dead += s.counts[telemetry.SinkDead]
	if to.State != sink.Stopped {
		to.State = s.state
	}
	if s.lastErr != "" {
		to.LastError, to.ErrorTime = s.lastErr, s.errAt
	}
}
