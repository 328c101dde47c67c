package evm

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/patience"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// keep journals effects, however long that takes. The caller holds mu.
func (s *Sink) keep(ctx context.Context, fx effects) error {
	if s.broken {
		return context.Canceled
	}
	if fx.fail != nil {
		return dodona.Permanent(fx.fail)
	}
	kept, err := s.journal(ctx, fx.keep)
	if err != nil {
		s.broken = true
		return err
	}
	for c, n := range fx.counts {
		s.count(c, n)
	}
	for _, d := range fx.took {
		s.env.Recorder.Time(telemetry.SinkDelivery.Of(s.env.Sink), d)
	}
	s.tellNews(kept)
	return nil
}

// journal appends records and returns those that were taken: all, but for events and receipts that the journal can never take, which are
// dropped. An intent that it cannot take is waited with for ever, for nothing is sent without; the status says so. The error is that of ctx.
func (s *Sink) journal(ctx context.Context, recs []dodona.Record) (kept []dodona.Record, err error) {
	err = patience.Divide(recs, func(part []dodona.Record) error {
		retry := patience.RetryUnlessPermanent
		if len(part) == 1 && part[0].Topic == dodona.TopicIntent {
			retry = patience.Retry
		}
		err := retry(ctx, backoff.Backoff{}, func() error { return s.env.Append(ctx, part...) }, s.unkept)
		if err == nil {
			kept = slices.Concat(kept, part)
		}
		return err
	}, func(rec dodona.Record, never error) error {
		s.drop(rec, never)
		return nil
	})
	return kept, err
}

// drop gives up an event or a receipt, so that the sink goes on.
func (s *Sink) drop(rec dodona.Record, never error) {
	s.env.Log.Error("the journal can never take this; it is dropped", "topic", rec.Topic, "record", rec.ID, "error", never)
	s.count(telemetry.SinkUnkept, 1)
	s.count(telemetry.SinkFailures, 1)
	now := s.env.Now()
	s.statusMu.Lock()
	s.lastErr, s.errAt = "journal: dropped "+string(rec.Topic)+" "+rec.ID+": "+never.Error(), now
	s.statusMu.Unlock()
}

// unkept says that nothing is sent because the journal does not take an intent.
func (s *Sink) unkept(err error, _ int, wait time.Duration) {
	s.env.Log.Error("intents cannot be journaled; nothing is sent until they are", "error", err, "again in", unit.Roughly(wait))
	s.count(telemetry.SinkFailures, 1)
	state, now := sink.Retrying, s.env.Now()
	if dodona.IsPermanent(err) {
		state = sink.Stuck
	}
	s.statusMu.Lock()
	s.state, s.lastErr, s.errAt = state, "journal: an intent cannot be written, and nothing is sent without: "+err.Error(), now
	s.statusMu.Unlock()
}

// tellNews logs and remembers what the journaled records say.
func (s *Sink) tellNews(kept []dodona.Record) {
	for _, rec := range kept {
		switch rec.Topic {
		case dodona.TopicEvent:
			var e sink.Event
			if json.Unmarshal(rec.Body, &e) != nil {
				continue
			}
			if e.Message == over {
				s.env.Log.Info("a trouble of delivery is over", "trouble", e.What)
				continue
			}
			s.env.Log.Warn("delivery: "+e.Message, "trouble", e.What)
			s.statusMu.Lock()
			s.lastErr, s.errAt = e.What+": "+e.Message, e.At
			s.statusMu.Unlock()
		case dodona.TopicReceipt:
			var r dodona.Receipt
			if json.Unmarshal(rec.Body, &r) != nil {
				continue
			}
			if r.Status == dodona.ReceiptDead {
				s.bury(r)
			}
			if r.Status != dodona.ReceiptMined {
				continue
			}
			s.env.Log.Info("delivered", "feed", r.Key, "record", r.Record, "tx", r.OnChain.Tx, "block", r.OnChain.Block, "gas", r.OnChain.GasUsed)
			s.statusMu.Lock()
			s.last = &sink.Delivered{Topic: r.Topic, Feed: r.Key, Record: r.Record, At: r.At, Late: r.Late}
			s.statusMu.Unlock()
		}
	}
}

// bury names what is given up in the status.
func (s *Sink) bury(r dodona.Receipt) {
	s.statusMu.Lock()
	defer s.statusMu.Unlock()
	s.letters = append(slices.Clone(s.letters[max(0, len(s.letters)+1-sink.MostDeadLetters):]), sink.LetterOf(r)) // the status has the former list
}

// A gate is a lock that is not waited for any longer than somebody wants to. Its zero value is open.
type gate struct {
	made sync.Once
	held chan struct{}
}

func (g *gate) door() chan struct{} {
	g.made.Do(func() { g.held = make(chan struct{}, 1) })
	return g.held
}

func (g *gate) Lock()   { g.door() <- struct{}{} }
func (g *gate) Unlock() { <-g.door() }

// LockUntil locks it, unless ctx ends first.
func (g *gate) LockUntil(ctx context.Context) error {
	select {
	case g.door() <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
