// Package sinktest is the suite that every kind of sink passes, against a peer that its test starts and stops.
package sinktest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/sink"
)

// A Subject is a sink under test and its peer. The functions fail the test themselves.
type Subject struct {
	Kind     sink.Kind
	Settings any
	Out      io.Writer
	Wallet   func(keyfile.Key) (sink.Wallet, error)
	Feed     dodona.Feed
	Feeds    []string // of the policy, where a kind delivers answers of feeds that are named alone

	// Record returns the n-th record to deliver; rounds ascend with n. nil: the answer of Answer.
	Record func(n int) dodona.Record

	// Start makes the peer appear, or come back; Stop makes it go away. Both nil: the peer cannot be absent.
	// A subject begins with its peer absent.
	Start, Stop func(t *testing.T)

	// Got returns the IDs of the records that the peer has, in the order in which it took them.
	Got func(t *testing.T) []string
}

// Answer returns the record of the n-th answer of a feed, one each second: it is signed by nobody.
func Answer(f dodona.Feed, n int) dodona.Record { return Valued(f, n, int64(100+n)) }

// Valued is Answer with a value.
func Valued(f dodona.Feed, n int, value int64) dodona.Record {
	round := dodona.Round(1795349070000 + 1000*uint64(n))
	answer := dodona.Answer{Feed: f, Attestation: dodona.Attestation{
		Report: dodona.Report{Feed: f.ID(), Round: round, Value: dodona.NewInt192(value)},
	}}
	body, err := json.Marshal(answer)
	if err != nil {
		panic("sinktest: an answer cannot be written: " + err.Error())
	}
	return dodona.Record{Topic: dodona.TopicData, Key: f.Name, ID: round.ID(), Body: body}
}

// patience is for a real peer on a busy machine; nothing waits that long when it works.
const patience = 60 * time.Second

const name = "subject"

// Run runs the suite. Each test gets a fresh subject.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	for _, test := range []struct {
		name string
		run  func(r *rig)
	}{
		{"DeliversInOrderAndWritesReceipts", inOrder},
		{"LosesNothingWhileItsPeerIsAbsent", outlastsItsPeer},
		{"GoesOnAfterARestart", restarts},
		{"DoesNotDeliverTwiceWhatItIsGivenTwice", givenTwice},
		{"LeavesWhatWasAttestedBeforeIt", leavesThePast},
		{"EndsWithItsContext", ends},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := fresh(t)
			if s.Record == nil {
				s.Record = func(n int) dodona.Record { return Answer(s.Feed, n) }
			}
			r := &rig{t: t, s: s, journal: NewJournal()}
			test.run(r)
			r.halt()
			if s.Stop != nil {
				s.Stop(t)
			}
		})
	}
}

// A rig is a subject in a loop.
type rig struct {
	t       *testing.T
	s       Subject
	journal *Journal
	loop    *sink.Loop
	cancel  context.CancelFunc
	done    chan error
}

func (r *rig) peer() {
	if r.s.Start != nil {
		r.s.Start(r.t)
	}
}

func (r *rig) begin() {
	r.loop = sink.New(sink.Config{
		Name: name, Kind: r.s.Kind, Settings: r.s.Settings, Journal: r.journal, Reader: "sink-" + name, Policy: sink.Policy{Policy: sink.Every, Feeds: r.s.Feeds},
		Backoff: backoff.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond},
		Env: sink.Env{
			Out: sink.NewOut(r.s.Out), Wallet: r.s.Wallet, Feeds: []dodona.Feed{r.s.Feed}, Append: r.journal.Append, Version: "test",
			Ledger: r.journal,
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.done = cancel, make(chan error, 1)
	go func(loop *sink.Loop) { r.done <- loop.Run(ctx) }(r.loop)
	r.until("it has begun", func() bool { return len(r.journal.All(dodona.TopicIntent, name)) > 0 })
}

// halt stops the loop and says if that takes long.
func (r *rig) halt() {
	r.t.Helper()
	if r.cancel == nil {
		return
	}
	r.cancel()
	r.cancel = nil
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("the loop ended with %v", err)
		}
	case <-time.After(patience):
		r.t.Fatal("the loop does not end with its context")
	}
	if s := r.loop.Status(); s.State != sink.Stopped {
		r.t.Errorf("a loop that ended is %s", s.State)
	}
}

// say attests the records from to before to, and returns their IDs.
func (r *rig) say(from, to int) (ids []string) {
	r.t.Helper()
	for n := from; n < to; n++ {
		rec := r.s.Record(n)
		ids = append(ids, rec.ID)
		if err := r.journal.Append(r.t.Context(), rec); err != nil {
			r.t.Fatal(err)
		}
	}
	return ids
}

func (r *rig) until(what string, is func() bool) {
	r.t.Helper()
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for begun := time.Now(); !is(); <-pause.C {
		if time.Since(begun) > patience {
			status, _ := json.MarshalIndent(r.loop.Status(), "", " ")
			r.t.Fatalf("waited %s until %s; status %s", patience, what, status)
		}
	}
}

// has waits until the peer has exactly these records, in this order.
func (r *rig) has(ids []string) {
	r.t.Helper()
	r.until(fmt.Sprintf("the peer has %d records", len(ids)), func() bool { return len(r.s.Got(r.t)) >= len(ids) })
	if got := r.s.Got(r.t); !slices.Equal(got, ids) {
		r.t.Errorf("the peer has %v, want %v", got, ids)
	}
}

func inOrder(r *rig) {
	r.peer()
	r.begin()
	ids := r.say(0, 10)
	r.has(ids)
	r.until("every record has a receipt", func() bool {
		told := make(map[string]bool)
		for _, rec := range r.journal.All(dodona.TopicReceipt, name) {
			var receipt dodona.Receipt
			if err := json.Unmarshal(rec.Body, &receipt); err != nil {
				r.t.Fatal(err)
			}
			if receipt.Sink != name || receipt.Key != r.s.Feed.Name || receipt.At.IsZero() {
				r.t.Fatalf("receipt %+v", receipt)
			}
			if receipt.Status == dodona.ReceiptDelivered || receipt.Status == dodona.ReceiptMined {
				told[receipt.Record] = true
			}
		}
		return len(told) == len(ids)
	})
}

func outlastsItsPeer(r *rig) {
	if r.s.Start == nil {
		r.t.Log("its peer cannot be absent")
		return
	}
	r.begin()
	ids := r.say(0, 3)
	r.until("the absence is told", func() bool {
		s := r.loop.Status()
		return s.State == sink.Retrying && s.LastError != ""
	})
	r.s.Start(r.t)
	r.has(ids)
	r.s.Stop(r.t)
	ids = append(ids, r.say(3, 6)...)
	r.until("the absence is told", func() bool { return r.loop.Status().State == sink.Retrying })
	r.s.Start(r.t)
	r.has(ids)
	r.until("it is well", func() bool { return r.loop.Status().State == sink.OK })
}

func restarts(r *rig) {
	r.peer()
	r.begin()
	ids := r.say(0, 3)
	r.has(ids)
	r.until("it is written down", func() bool { return len(r.journal.All(dodona.TopicReceipt, name)) >= 3 })
	r.halt()
	ids = append(ids, r.say(3, 6)...)
	r.begin()
	r.has(ids)
}

// givenTwice gives records again that a crash kept from being finished.
func givenTwice(r *rig) {
	r.peer()
	r.begin()
	ids := r.say(0, 4)
	r.has(ids)
	r.until("it is written down", func() bool { return len(r.journal.All(dodona.TopicReceipt, name)) >= 4 })
	r.halt()
	r.journal.Forget()
	r.begin()
	last := r.say(4, 5)
	r.until("the last one is there", func() bool { return slices.Contains(r.s.Got(r.t), last[0]) })
	seen := make(map[string]bool) // the peer may tell by the ID that it has one already
	var distinct []string
	for _, id := range r.s.Got(r.t) {
		if !seen[id] {
			distinct = append(distinct, id)
		}
		seen[id] = true
	}
	if want := append(ids, last...); !slices.Equal(distinct, want) {
		r.t.Errorf("the peer has %v, want %v", distinct, want)
	}
}

func leavesThePast(r *rig) {
	r.peer()
	r.say(0, 3)
	for said := time.Now(); !time.Now().Truncate(time.Millisecond).After(said); { // a beginning counts milliseconds, and what was said in its own is no past
		time.Sleep(time.Millisecond)
	}
	r.begin()
	ids := r.say(3, 5)
	r.has(ids)
	if s := r.loop.Status(); s.Skipped != 3 {
		r.t.Errorf("skipped %d, want 3", s.Skipped)
	}
}

func ends(r *rig) {
	r.begin() // without its peer, if that can be
	r.say(0, 3)
	r.halt()
}
