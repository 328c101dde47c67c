package sink_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/sinktest"
	"github.com/dodona-oracle/dodona/telemetry"
)

// outcome is what is left of a life of two processes with one policy.
type outcome struct {
	given, receipts, events []string
	status                  sink.Status // of the second process, without times and failures
}

// live runs two processes over one journal, with a record that is refused for good and a peer that is stalled once. The
// second process has to look back; its calls of the journal fail as fails says.
func live(t *testing.T, policy sink.Policy, fails func(call int) error) (o outcome, calls int, failures uint64, last string) {
	t.Helper()
	r := newRig(t)
	r.policy = policy
	take := r.deliver
	bad, stall := sinktest.Answer(asked, 2).ID, true
	r.deliver = func(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
		switch id := recs[0].ID; {
		case id == bad:
			return nil, dodona.Permanent(errors.New("no such thing"))
		case id == sinktest.Answer(asked, 6).ID && stall:
			stall = false
			return nil, sink.Stalled(errors.New("who are you"))
		}
		return take(ctx, recs)
	}
	r.begin()
	for _, rec := range answers(4) {
		r.say(rec)
		r.rest(time.Second)
	}
	r.end()
	r.journal.calls, r.journal.fails, r.given = 0, fails, nil
	r.begin()
	for _, rec := range answers(8)[4:] {
		r.say(rec)
		r.rest(time.Second)
	}
	status := r.end()
	o.given = r.given
	for _, receipt := range r.receipts() {
		o.receipts = append(o.receipts, fmt.Sprint(receipt.Record, " ", receipt.Status, " ", receipt.Detail, " after ", receipt.Passed))
	}
	o.events = r.events()
	failures, last = status.Failures, status.LastError
	status.Failures, status.LastError, status.ErrorTime = 0, "", time.Time{}
	status.Last.At = time.Time{}
	for i := range status.DeadLetters {
		status.DeadLetters[i].At = time.Time{}
	}
	o.status = status
	return o, r.journal.calls, failures, last
}

// TestAJournalThatFailsOnceChangesNothing: whichever call of the journal fails, the peer gets the same, and the journal has
// the same in the end. It is told.
func TestAJournalThatFailsOnceChangesNothing(t *testing.T) {
	selective := sink.Policy{Policy: sink.Latest, Deviation: percent(t, "1.5%"), GiveUp: 1}
	for _, policy := range []sink.Policy{{GiveUp: 1}, {Policy: sink.Latest, GiveUp: 1}, selective, {Policy: sink.Latest, Heartbeat: 5 * time.Second, GiveUp: 1}} {
		var want outcome
		var calls int
		var failures uint64
		synctest.Test(t, func(t *testing.T) { want, calls, failures, _ = live(t, policy, nil) })
		if len(want.given) == 0 || len(want.receipts) < 2 || calls < 4 {
			t.Fatalf("%+v: too little happened: %+v, %d calls", policy, want, calls)
		}
		for at := 1; at <= calls; at++ {
			synctest.Test(t, func(t *testing.T) {
				got, _, failed, last := live(t, policy, func(call int) error {
					if call == at {
						return errors.New("the disk is slow")
					}
					return nil
				})
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%+v: call %d of the journal failed: got %+v, want %+v", policy, at, got, want)
				}
				if failed != failures+1 || !strings.Contains(last, "the disk is slow") && !strings.Contains(last, "who are you") {
					t.Errorf("%+v: call %d of the journal failed: %d failures, the last is %q; want %d", policy, at, failed, last, failures+1)
				}
			})
		}
	}
}

// TestEveryStepSaysWhatItCouldNotDo: whoever reads the status learns what the journal did not give.
func TestEveryStepSaysWhatItCouldNotDo(t *testing.T) {
	heartbeat := sink.Policy{Policy: sink.Latest, Heartbeat: time.Hour}
	for _, c := range []struct {
		policy sink.Policy
		topic  dodona.Topic // a scan of it fails; "": every append
		want   string
	}{
		{sink.Policy{}, dodona.TopicIntent, "look for its first start: broken"},
		{sink.Policy{}, dodona.TopicReceipt, "look for what has a receipt: broken"},
		{heartbeat, dodona.TopicReceipt, "look for what it delivered last: broken"},
		{heartbeat, dodona.TopicData, "read what it delivered last: broken"},
		{sink.Policy{}, "", "broken"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.policy, r.backoff = c.policy, backoff.Backoff{Min: time.Hour, Max: time.Hour}
			r.begin()
			r.say(answers(1)...)
			r.end()
			ledger := &refusing{r.journal, c.topic}
			loop := sink.New(sink.Config{
				Name: "s", Kind: r.kind, Settings: struct{}{}, Journal: ledger, Reader: "sink-s", Policy: c.policy,
				Backoff: r.backoff, Env: sink.Env{Ledger: ledger},
			})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- loop.Run(ctx) }()
			synctest.Wait()
			r.say(sinktest.Answer(asked, 1))
			if s := loop.Status(); s.State != sink.Retrying || s.LastError != c.want || s.Attempt != 1 || s.Failures != 1 {
				t.Errorf("%s %q: %+v, want the error %q", c.policy.Policy, c.topic, s, c.want)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// refusing is a journal that cannot read one topic, or cannot append.
type refusing struct {
	*faulty
	topic dodona.Topic
}

func (r *refusing) Append(ctx context.Context, recs ...dodona.Record) error {
	if r.topic == "" {
		return errors.New("broken")
	}
	return r.faulty.Append(ctx, recs...)
}

func (r *refusing) Scan(ctx context.Context, topic dodona.Topic, key string, before func(dodona.Record) bool) iter.Seq2[dodona.Record, error] {
	if topic == r.topic {
		return func(yield func(dodona.Record, error) bool) { yield(dodona.Record{}, errors.New("broken")) }
	}
	return r.faulty.Scan(ctx, topic, key, before)
}

// closed is a journal whose reader ends with an error.
type closed struct {
	*sinktest.Journal
	cancel context.CancelFunc // called before the error, if it is not nil
}

func (c closed) From(context.Context, string, ...dodona.Topic) iter.Seq2[[]dodona.Record, error] {
	return func(yield func([]dodona.Record, error) bool) {
		if c.cancel != nil {
			c.cancel()
		}
		yield(nil, errors.New("it is closed"))
	}
}

func TestALoopEndsWithTheErrorOfItsReaderUnlessItWasToldToEnd(t *testing.T) {
	for _, told := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		journal := closed{Journal: sinktest.NewJournal()}
		if told {
			journal.cancel = cancel
		}
		kind := sink.NewStream("peer", func(context.Context, struct{}, sink.Env) (dodona.Sink, error) { return &taken{}, nil })
		loop := sink.New(sink.Config{Name: "s", Kind: kind, Settings: struct{}{}, Journal: journal, Env: sink.Env{Ledger: journal}})
		err := loop.Run(ctx)
		cancel()
		if told && err != nil || !told && (err == nil || err.Error() != "read for sink s: it is closed") {
			t.Errorf("told to end %t: %v", told, err)
		}
		if s := loop.Status(); s.State != sink.Stopped {
			t.Errorf("a loop that ended is %s", s.State)
		}
	}
}

// TestTheReceiptOfAnEndingLoopMayTakeFiveSeconds: what the peer has taken is written down as the node ends, but a journal
// that hangs does not keep it from ending.
func TestTheReceiptOfAnEndingLoopMayTakeFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.begin()
		journal := &hanging{Journal: r.journal}
		r.end()
		ctx, cancel := context.WithCancel(t.Context())
		loop := sink.New(sink.Config{Name: "s", Kind: r.kind, Settings: struct{}{}, Journal: journal, Reader: "sink-s", Env: sink.Env{Ledger: r.journal}})
		ended := make(chan error, 1)
		go func() { ended <- loop.Run(ctx) }()
		r.say(answers(1)...)
		cancel()
		began := time.Now()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 5*time.Second || journal.appends != 2 {
			t.Errorf("it ended after %s and %d appends, want 5 s and 2", took, journal.appends)
		}
		r.begin()
		if r.end(); len(r.given) != 2 {
			t.Errorf("given %v; what has no receipt comes again", r.given)
		}
	})
}

// hanging is a journal whose appends wait for their context.
type hanging struct {
	dodona.Journal
	appends int
}

func (h *hanging) Append(ctx context.Context, _ ...dodona.Record) error {
	h.appends++
	<-ctx.Done()
	return ctx.Err()
}

// TestWhatCanNeverBeKeptIsDroppedAlone: a receipt, an event and the two records of a dead letter that the journal never takes
// cost the peer nothing.
func TestWhatCanNeverBeKeptIsDroppedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.policy.GiveUp = 1
		r.begin()
		take := r.deliver
		r.deliver = func(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
			if recs[0].ID == answers(2)[1].ID {
				return nil, dodona.Permanent(errors.New("no"))
			}
			return take(ctx, recs)
		}
		r.journal.never = dodona.Permanent(errors.New("too large"))
		r.say(answers(3)...)
		if s := r.end(); s.Delivered != 2 || s.Dead != 1 || s.Failures != 4 || s.LastError != "write receipts: dropped: too large" {
			t.Errorf("status %+v", s)
		}
		if n := r.recorder.Counts()[telemetry.SinkUnkept.Of("s")]; n != 4 {
			t.Errorf("%d are counted as dropped, want 4: two receipts, a dead letter and its event", n)
		}
		if all := r.journal.All(dodona.TopicReceipt, "s"); len(all) != 0 {
			t.Errorf("receipts %v", all)
		}
		if !slices.Equal(r.given, idsOf(answers(3))) {
			t.Errorf("given %v", r.given)
		}
	})
}
