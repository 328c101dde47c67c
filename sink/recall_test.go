package sink_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/sinktest"
)

// taken is a sink that takes everything.
type taken struct {
	mu  sync.Mutex
	ids []string
}

func (k *taken) Deliver(_ context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	receipts := make([]dodona.Receipt, len(recs))
	for i, rec := range recs {
		k.ids = append(k.ids, rec.ID)
		receipts[i].Status = dodona.ReceiptDelivered
	}
	return receipts, nil
}

func (k *taken) got() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.ids)
}

// TestDeviationCountsFromWhatWasDeliveredBeforeARestart: an answer that says the same is not delivered again because the
// process is another one, and a heartbeat goes on.
func TestDeviationCountsFromWhatWasDeliveredBeforeARestart(t *testing.T) {
	feed := dodona.Feed{Name: "f", Kind: dodona.Number}
	journal := sinktest.NewJournal()
	peer := &taken{}
	kind := sink.NewStream("taken", func(context.Context, struct{}, sink.Env) (dodona.Sink, error) { return peer, nil })
	deviation := sink.Policy{Policy: sink.Latest}
	if err := deviation.Deviation.UnmarshalText([]byte("1%")); err != nil {
		t.Fatal(err)
	}
	// run gives the loop one answer after another, each when the one before is done with.
	run := func(policy sink.Policy, answers ...dodona.Record) {
		t.Helper()
		loop := sink.New(sink.Config{Name: "s", Kind: kind, Settings: struct{}{}, Journal: journal, Reader: "sink-s", Policy: policy, Env: sink.Env{Ledger: journal}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- loop.Run(ctx) }()
		for len(journal.All(dodona.TopicIntent, "s")) == 0 {
			time.Sleep(time.Millisecond)
		}
		for n, rec := range answers {
			if err := journal.Append(ctx, rec); err != nil {
				t.Fatal(err)
			}
			for begun := time.Now(); ; time.Sleep(time.Millisecond) {
				if s := loop.Status(); s.Delivered+s.Skipped == uint64(n+1) {
					break
				}
				if time.Since(begun) > time.Minute {
					t.Fatalf("answer %s is not done with: %+v", rec.ID, loop.Status())
				}
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	a := func(second int, value int64) dodona.Record { return sinktest.Valued(feed, second, value) }
	run(deviation, a(0, 1000), a(1, 1005), a(2, 1020))
	run(deviation, a(3, 1025), a(4, 1035))
	run(sink.Policy{Policy: sink.Latest, Heartbeat: 3 * time.Second}, a(5, 2000), a(7, 2000))
	want := []string{a(0, 0).ID, a(2, 0).ID, a(4, 0).ID, a(7, 0).ID}
	if got := peer.got(); !slices.Equal(got, want) {
		t.Errorf("delivered %v, want %v", got, want)
	}
}
