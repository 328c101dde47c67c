package sink_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/sinktest"
)

// A process is a loop that can be killed: from then on nothing reaches the journal.
type process struct {
	*sinktest.Journal
	mu       sync.Mutex
	killed   bool
	receipts int // appended
	after    int // killed after that many receipts; 0: not so
	end      context.CancelFunc
	single   bool // it reads one record at a time
}

// From gives slices of one record if the process reads so: what comes again need not come in the slices of before. A process that
// was killed finishes none.
func (p *process) From(ctx context.Context, reader string, topics ...dodona.Topic) iter.Seq2[[]dodona.Record, error] {
	return func(yield func([]dodona.Record, error) bool) {
		for recs, err := range p.Journal.From(ctx, reader, topics...) {
			size := len(recs)
			if p.single {
				size = 1
			}
			for part := range slices.Chunk(recs, size) {
				if !yield(part, err) || p.isKilled() {
					return
				}
			}
		}
	}
}

func (p *process) isKilled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	p.end()
}

func (p *process) Append(ctx context.Context, recs ...dodona.Record) error {
	if p.isKilled() {
		return errors.New("the process is dead")
	}
	if err := p.Journal.Append(ctx, recs...); err != nil {
		return err
	}
	p.mu.Lock()
	for _, rec := range recs {
		if rec.Topic == dodona.TopicReceipt {
			p.receipts++
		}
	}
	now := p.after > 0 && p.receipts >= p.after
	p.mu.Unlock()
	if now {
		p.kill()
	}
	return nil
}

// A peer takes records as its function says.
type peer func(rec dodona.Record) error

func (p peer) Deliver(_ context.Context, recs []dodona.Record) (receipts []dodona.Receipt, err error) {
	for _, rec := range recs {
		if err := p(rec); err != nil {
			return receipts, err
		}
		receipts = append(receipts, dodona.Receipt{Status: dodona.ReceiptDelivered})
	}
	return receipts, nil
}

// run runs a loop over the journal until enough says so or it is killed, and returns its last status.
func run(t *testing.T, j *sinktest.Journal, policy sink.Policy, after int, deliver func(p *process, rec dodona.Record) error,
	enough func(sink.Status) bool, change ...func(*process),
) sink.Status {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := &process{Journal: j, after: after, end: cancel}
	for _, f := range change {
		f(p)
	}
	kind := sink.NewStream("peer", func(context.Context, struct{}, sink.Env) (dodona.Sink, error) {
		return peer(func(rec dodona.Record) error { return deliver(p, rec) }), nil
	})
	loop := sink.New(sink.Config{
		Name: "s", Kind: kind, Settings: struct{}{}, Journal: p, Reader: "sink-s", Policy: policy,
		Backoff: backoff.Backoff{Min: time.Millisecond, Max: time.Millisecond},
		Env:     sink.Env{Ledger: j},
	})
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx) }()
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	for begun := time.Now(); ctx.Err() == nil && !enough(loop.Status()); <-pause.C {
		if time.Since(begun) > time.Minute {
			t.Fatalf("not enough after a minute: %+v", loop.Status())
		}
	}
	status := loop.Status()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return status
}

var asked = dodona.Feed{Name: "f", Kind: dodona.Number}

// attested returns a journal of n answers that a loop has begun to read, and their IDs.
func attested(t *testing.T, n int) (j *sinktest.Journal, ids []string) {
	t.Helper()
	j = sinktest.NewJournal()
	run(t, j, sink.Policy{}, 0, func(*process, dodona.Record) error { return nil }, func(sink.Status) bool {
		return len(j.All(dodona.TopicIntent, "s")) > 0
	})
	var recs []dodona.Record
	for i := range n {
		recs = append(recs, sinktest.Answer(asked, i))
		ids = append(ids, recs[i].ID)
	}
	if err := j.Append(t.Context(), recs...); err != nil {
		t.Fatal(err)
	}
	return j, ids
}

func TestAKillRepeatsOneRecordAtMost(t *testing.T) {
	const records = 10
	for at := 1; at <= records; at++ {
		for _, receipt := range []bool{false, true} { // whether that of the last delivery was written
			j, ids := attested(t, records)
			var got []string
			receipts, want := 0, slices.Clone(ids)
			if receipt {
				receipts = at
			} else {
				want = slices.Insert(want, at, ids[at-1])
			}
			take := func(p *process, rec dodona.Record) error {
				if got = append(got, rec.ID); len(got) == at && !receipt {
					p.kill()
				}
				return nil
			}
			run(t, j, sink.Policy{}, receipts, take, func(sink.Status) bool { return false })
			run(t, j, sink.Policy{}, 0, take, func(s sink.Status) bool {
				return len(j.All(dodona.TopicReceipt, "s")) == records
			})
			if !slices.Equal(got, want) {
				t.Errorf("killed at %d (receipt %t): delivered %v, want %v", at, receipt, got, want)
			}
		}
	}
}

// TestNothingOlderGoesAfterTheNewest: where the newest answer alone is worth delivering, what comes again is not.
func TestNothingOlderGoesAfterTheNewest(t *testing.T) {
	j, ids := attested(t, 8)
	var got []string
	take := func(_ *process, rec dodona.Record) error { got = append(got, rec.ID); return nil }
	latest := sink.Policy{Policy: sink.Latest}
	run(t, j, latest, 2, take, func(sink.Status) bool { return false }) // the second slice is not acknowledged
	run(t, j, latest, 0, take, func(s sink.Status) bool { return s.Superseded+s.Skipped > 0 })
	if want := []string{ids[3], ids[7]}; !slices.Equal(got, want) {
		t.Errorf("delivered %v, want %v", got, want)
	}
}

func TestADeadLetterIsNotTriedAgainAndIsNamed(t *testing.T) {
	j, ids := attested(t, 4)
	tries := make(map[string]int)
	take := func(_ *process, rec dodona.Record) error {
		if tries[rec.ID]++; rec.ID == ids[1] {
			return dodona.Permanent(errors.New("no such thing"))
		}
		return nil
	}
	run(t, j, sink.Policy{GiveUp: 2}, 2, take, func(sink.Status) bool { return false }) // killed with the dead letter's receipt
	status := run(t, j, sink.Policy{GiveUp: 2}, 0, take, func(s sink.Status) bool { return s.Delivered == 2 })
	if want := fmt.Sprint(map[string]int{ids[0]: 1, ids[1]: 2, ids[2]: 1, ids[3]: 1}); fmt.Sprint(tries) != want {
		t.Errorf("tries %v, want %v", tries, want)
	}
	if d := status.DeadLetters; len(d) != 1 || d[0].Record != ids[1] || d[0].Key != "f" || d[0].Detail != "refused 2 times: no such thing" {
		t.Errorf("dead letters %+v", d)
	}
}

func TestDeadLettersAreBounded(t *testing.T) {
	j, ids := attested(t, 40)
	status := run(t, j, sink.Policy{GiveUp: 1}, 0, func(*process, dodona.Record) error {
		return dodona.Permanent(errors.New("no"))
	}, func(s sink.Status) bool { return s.Dead == 40 })
	if d := status.DeadLetters; len(d) != 16 || d[15].Record != ids[39] || d[0].Record != ids[24] {
		t.Errorf("%d dead letters are named: %+v", len(d), d)
	}
}

// TestATroubleOfThePeerIsNobodysFault: a wrong token costs no answer, however long it is wrong.
func TestATroubleOfThePeerIsNobodysFault(t *testing.T) {
	j, ids := attested(t, 3)
	var got []string
	tries := 0
	var stuck atomic.Bool
	status := run(t, j, sink.Policy{GiveUp: 2}, 0, func(_ *process, rec dodona.Record) error {
		if tries++; tries <= 20 || !stuck.Load() {
			return fmt.Errorf("told: %w", sink.Stalled(errors.New("who are you")))
		}
		got = append(got, rec.ID)
		return nil
	}, func(s sink.Status) bool {
		if s.State == sink.Stuck && s.LastError == "told: who are you" {
			stuck.Store(true)
		}
		return s.Delivered == 3
	})
	if !slices.Equal(got, ids) || status.Dead != 0 || status.State != sink.OK {
		t.Errorf("delivered %v, want %v; status %+v", got, ids, status)
	}
	var told []string
	for _, rec := range j.All(dodona.TopicEvent, dodona.EventDelivery) {
		told = append(told, strings.Join(strings.Split(rec.ID, ".")[:2], "."))
	}
	if want := []string{"s.stalled", "s.mended"}; !slices.Equal(told, want) {
		t.Errorf("events %v, want %v", told, want)
	}
}

// TestWhatIsDeliveredAtTheEndHasItsReceipt: an orderly end loses no receipt.
func TestWhatIsDeliveredAtTheEndHasItsReceipt(t *testing.T) {
	j, ids := attested(t, 3)
	run(t, j, sink.Policy{}, 0, func(p *process, _ dodona.Record) error { p.end(); return nil }, func(sink.Status) bool { return false })
	if all := j.All(dodona.TopicReceipt, "s"); len(all) != 1 || all[0].ID != "data.f."+ids[0]+".delivered" {
		t.Errorf("receipts %v", all)
	}
}

// TestAReceiptCountsWhatWasPassedSinceTheOneBefore: what an earlier receipt told is not told again.
func TestAReceiptCountsWhatWasPassedSinceTheOneBefore(t *testing.T) {
	j, ids := attested(t, 9)
	var got []string
	run(t, j, sink.Policy{Policy: sink.Latest}, 0, func(*process, dodona.Record) error { return nil }, func(s sink.Status) bool { return s.Delivered == 3 })
	for _, rec := range j.All(dodona.TopicReceipt, "s") {
		var r dodona.Receipt
		if err := json.Unmarshal(rec.Body, &r); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(r.Record, " after ", r.Passed))
	}
	if want := []string{ids[3] + " after 3", ids[7] + " after 3", ids[8] + " after 0"}; !slices.Equal(got, want) {
		t.Errorf("receipts %q, want %q", got, want)
	}
}

// TestNothingOlderGoesAfterTheNewestInOtherSlices: an answer that was superseded before a kill has no receipt, and the one
// that went instead has. Where every answer is to go, it still goes.
func TestNothingOlderGoesAfterTheNewestInOtherSlices(t *testing.T) {
	for _, c := range []struct {
		policy sink.Choice
		again  []int // delivered by the second process
	}{{sink.Latest, []int{8}}, {sink.Every, []int{4, 5, 6, 8}}} {
		j, ids := attested(t, 8)
		var got []string
		take := func(_ *process, rec dodona.Record) error { got = append(got, rec.ID); return nil }
		run(t, j, sink.Policy{Policy: sink.Latest}, 2, take, func(sink.Status) bool { return false }) // ids[3] and ids[7]; 4 to 7 come again
		if want := []string{ids[3], ids[7]}; !slices.Equal(got, want) {
			t.Fatalf("delivered %v, want %v", got, want)
		}
		got = nil
		last := sinktest.Answer(asked, 8)
		if err := j.Append(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, last.ID)
		run(t, j, sink.Policy{Policy: c.policy}, 0, take, func(sink.Status) bool {
			all := j.All(dodona.TopicReceipt, "s")
			return all[len(all)-1].ID == "data.f."+last.ID+".delivered"
		}, func(p *process) { p.single = true })
		var want []string
		for _, i := range c.again {
			want = append(want, ids[i])
		}
		if !slices.Equal(got, want) {
			t.Errorf("policy %s: delivered again %v, want %v", c.policy, got, want)
		}
	}
}

// TestAnAnchorOvertakesNoAnswer: a feed may have the name that anchors have.
func TestAnAnchorOvertakesNoAnswer(t *testing.T) {
	j, ids := attested(t, 1)
	anchored, err := sink.ReceiptRecord(dodona.Receipt{
		Sink: "s", Topic: dodona.TopicAnchor, Key: "f", Record: sinktest.Answer(asked, 5).ID, Status: dodona.ReceiptDelivered, At: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), anchored); err != nil {
		t.Fatal(err)
	}
	var got []string
	run(t, j, sink.Policy{Policy: sink.Latest}, 0, func(_ *process, rec dodona.Record) error { got = append(got, rec.ID); return nil },
		func(s sink.Status) bool { return s.Delivered+s.Skipped == 1 })
	if !slices.Equal(got, ids) {
		t.Errorf("delivered %v, want %v", got, ids)
	}
}
