package sink_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/sinktest"
)

// A faulty journal has calls that fail: of appends, of slices and of records that are scanned, each counts as one.
type faulty struct {
	*sinktest.Journal
	mu    sync.Mutex
	calls int
	fails func(call int) error // nil: none
	never error                // of every append, if there is one
}

func (f *faulty) next() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.fails == nil {
		return nil
	}
	return f.fails(f.calls)
}

func (f *faulty) Append(ctx context.Context, recs ...dodona.Record) error {
	if err := cmp.Or(f.never, f.next()); err != nil {
		return err
	}
	return f.Journal.Append(ctx, recs...)
}

func (f *faulty) Scan(ctx context.Context, topic dodona.Topic, key string, before func(dodona.Record) bool) iter.Seq2[dodona.Record, error] {
	return func(yield func(dodona.Record, error) bool) {
		if err := f.next(); err != nil {
			yield(dodona.Record{}, err)
			return
		}
		for rec := range f.Journal.Scan(ctx, topic, key, before) {
			err := f.next()
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// A rig is a loop in a bubble of time, with a peer that is a function.
type rig struct {
	t        *testing.T
	journal  *faulty
	recorder *telemetrytest.Tally
	kind     sink.Kind
	policy   sink.Policy
	backoff  backoff.Backoff
	network  dodona.Digest // that the node signs for; zero: nobody says
	deliver  func(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error)

	loop   *sink.Loop
	cancel context.CancelFunc
	ended  chan error
	given  []string // IDs, as often as they were given
}

// newRig returns one whose peer takes everything.
func newRig(t *testing.T) *rig {
	r := &rig{
		t: t, journal: &faulty{Journal: sinktest.NewJournal()}, recorder: new(telemetrytest.Tally),
		backoff: backoff.Backoff{Min: time.Nanosecond, Max: time.Nanosecond},
	}
	r.deliver = func(_ context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
		receipts := make([]dodona.Receipt, len(recs))
		for i := range recs {
			receipts[i].Status = dodona.ReceiptDelivered
		}
		return receipts, nil
	}
	r.kind = sink.NewStream("peer", func(context.Context, struct{}, sink.Env) (dodona.Sink, error) { return r, nil })
	return r
}

func (r *rig) Deliver(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
	for _, rec := range recs {
		r.given = append(r.given, rec.ID)
	}
	return r.deliver(ctx, recs)
}

// refuse has the peer refuse records for good until they may be taken: those of some IDs, or else all.
func (r *rig) refuse(ids ...string) (mend func()) {
	take, mended := r.deliver, false
	r.deliver = func(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
		if !mended && (len(ids) == 0 || slices.Contains(ids, recs[0].ID)) {
			return nil, dodona.Permanent(errors.New("no such desk"))
		}
		return take(ctx, recs)
	}
	return func() { mended = true }
}

// begin starts the loop and waits until it waits.
func (r *rig) begin() {
	r.loop = sink.New(sink.Config{
		Name: "s", Kind: r.kind, Settings: struct{}{}, Journal: r.journal, Reader: "sink-s", Policy: r.policy,
		Recorder: r.recorder, Backoff: r.backoff, Env: sink.Env{Ledger: r.journal, Network: r.network},
	})
	ctx, cancel := context.WithCancel(r.t.Context())
	r.cancel, r.ended = cancel, make(chan error, 1)
	go func() { r.ended <- r.loop.Run(ctx) }()
	synctest.Wait()
}

// end stops the loop and returns how it stands then.
func (r *rig) end() sink.Status {
	r.t.Helper()
	r.cancel()
	if err := <-r.ended; err != nil {
		r.t.Errorf("the loop ended with %v", err)
	}
	return r.loop.Status()
}

// say appends records past all faults, and waits until the loop is done with them or waits for its next try.
func (r *rig) say(recs ...dodona.Record) {
	r.t.Helper()
	if err := r.journal.Journal.Append(r.t.Context(), recs...); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

// rest lets time go by.
func (r *rig) rest(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// receipts returns the receipts in the journal.
func (r *rig) receipts() (all []dodona.Receipt) {
	r.t.Helper()
	for _, rec := range r.journal.All(dodona.TopicReceipt, "s") {
		var receipt dodona.Receipt
		if err := json.Unmarshal(rec.Body, &receipt); err != nil {
			r.t.Fatal(err)
		}
		all = append(all, receipt)
	}
	return all
}

// events returns what events say, such as "stalled: who are you".
func (r *rig) events() (all []string) {
	r.t.Helper()
	for _, rec := range r.journal.All(dodona.TopicEvent, dodona.EventDelivery) {
		var e sink.Event
		if err := json.Unmarshal(rec.Body, &e); err != nil {
			r.t.Fatal(err)
		}
		all = append(all, e.What+": "+e.Message)
	}
	return all
}

// answers returns the first n answers of the feed asked.
func answers(n int) (recs []dodona.Record) {
	for i := range n {
		recs = append(recs, sinktest.Answer(asked, i))
	}
	return recs
}

func idsOf(recs []dodona.Record) (ids []string) {
	for _, rec := range recs {
		ids = append(ids, rec.ID)
	}
	return ids
}
