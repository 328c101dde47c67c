package evm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A Sink drives a machine: it shows it the chain, journals what it decides, and sends. Deliver hands answers over,
// Run does the rest, turn by turn.
type Sink struct {
	settings Settings
	env      sink.Env
	wallet   sink.Wallet
	client   *ethrpc.Client
	targets  map[string]dodona.Address
	period   uint64        // of the contract of anchors, milliseconds; known once ready
	anchors  dodona.Digest // the network of that contract; zero: it does not say. Known once ready
	release  func()        // lets go of the key; nil before this sink has it
	turns    turns         // used by Run alone
	ready    chan struct{} // closed once the machine has seen the journal and the chain
	wake     chan struct{}

	mu     gate // guards the machine, also while the journal is waited for
	m      *machine
	broken bool // something decided could not be journaled, because the process ends: decide no more
	room   chan struct{}

	statusMu sync.Mutex
	status   Status
	state    sink.State
	oldest   time.Time // since when the oldest of the queue waits; zero: none does
	counts   map[telemetry.Counters]uint64
	last     *sink.Delivered
	letters  []sink.DeadLetter // the newest
	lastErr  string
	errAt    time.Time
}

func open(_ context.Context, settings Settings, env sink.Env) (dodona.Sink, error) {
	if env.Wallet == nil {
		return nil, dodona.Permanent(errors.New("no wallet is given to the sink"))
	}
	wallet, err := env.Wallet(settings.Key)
	if err != nil {
		return nil, sink.Stalled(fmt.Errorf("open the key that pays: %w", err))
	}
	urls := settings.RPC
	for i, secret := range settings.RPCSecret {
		setting := fmt.Sprintf("rpc_secret[%d]", i)
		text, err := secret.Reveal()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", setting, err)
		}
		if err := settings.CheckSecret(setting, text); err != nil {
			return nil, dodona.Permanent(fmt.Errorf("%s: %w", setting, err))
		}
		urls = append(urls[:len(urls):len(urls)], text)
	}
	s := &Sink{
		settings: settings, env: env, wallet: wallet, targets: make(map[string]dodona.Address), turns: newTurns(),
		ready: make(chan struct{}), wake: make(chan struct{}, 1), room: make(chan struct{}, 1),
		counts: make(map[telemetry.Counters]uint64), state: sink.Starting,
	}
	if err := s.reach(urls, nil); err != nil {
		return nil, dodona.Permanent(err)
	}
	for _, f := range env.Feeds {
		a := settings.Contract
		if named, found := settings.Contracts[f.Name]; found {
			a = named
		}
		if !a.IsZero() {
			s.targets[f.Name] = a
		}
	}
	s.status = Status{Sender: wallet.Address(), Contracts: s.targets}
	return s, nil
}

// reach makes the client. It does not dial.
func (s *Sink) reach(urls []string, through http.RoundTripper) (err error) {
	s.client, err = ethrpc.NewClient(ethrpc.Options{
		URLs: urls, ChainID: s.settings.ChainID, Timeout: s.settings.Timeout, Patience: maxPatience, Tries: tries, Agent: "dodona/" + s.env.Version,
		Slow: s.waits, Route: s.settings.Route, Through: through,
	})
	return err
}

// maxPatience is how long one request waits for endpoints that ask for it; the status says so meanwhile.
const maxPatience = 10 * time.Minute

// Close lets go of connections and of the key.
func (s *Sink) Close() error {
	s.client.Close()
	if s.release != nil {
		s.release()
	}
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
		if rec.Topic == dodona.TopicData && len(s.targets) == 0 {
			s.count(telemetry.SinkSkipped, 1) // the sink is for anchors
			continue
		}
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
		taken, err := s.offer(ctx, p)
		if err != nil {
			return err
		}
		if taken {
			s.poke()
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.room:
		}
	}
}

// offer gives the machine an answer and journals what it decides.
func (s *Sink) offer(ctx context.Context, p Payload) (taken bool, err error) {
	if err := s.mu.LockUntil(ctx); err != nil { // who holds it may wait for the journal
		return false, err
	}
	defer s.mu.Unlock()
	taken, fx := s.m.take(s.env.Now(), p)
	return taken, s.keep(ctx, fx)
}

// poke makes Run look at once.
func (s *Sink) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// refuse writes the receipt of a record that no contract could take, and tells of it.
func (s *Sink) refuse(ctx context.Context, rec dodona.Record, cause error) error {
	r, err := sink.ReceiptRecord(dodona.Receipt{
		Sink: s.env.Sink, Topic: rec.Topic, Key: rec.Key, Record: rec.ID, Status: dodona.ReceiptDead,
		Detail: cause.Error(), At: s.env.Now(),
	})
	if err != nil {
		return err
	}
	e, err := sink.EventRecord(s.env.Sink, "dead", rec.Key+" "+rec.ID+": "+cause.Error(), s.env.Now())
	if err != nil {
		return err
	}
	if err := s.env.Append(ctx, r, e); err != nil {
		return err
	}
	s.count(telemetry.SinkDead, 1)
	s.tellNews([]dodona.Record{r, e})
	return nil
}

func (s *Sink) count(c telemetry.Counters, n uint64) {
	s.env.Recorder.Count(c.Of(s.env.Sink), n)
	s.statusMu.Lock()
	s.counts[c] += n
	s.statusMu.Unlock()
}
