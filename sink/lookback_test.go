package sink_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/sinktest"
)

// receipt returns the record of a receipt of the sink for an answer of the feed asked.
func receipt(t *testing.T, answer dodona.Record, status dodona.ReceiptStatus) dodona.Record {
	t.Helper()
	rec, err := sink.ReceiptRecord(dodona.Receipt{
		Sink: "s", Topic: answer.Topic, Key: answer.Key, Record: answer.ID, Status: status, At: time.Unix(1795349070, 0).UTC(), Detail: "why",
	})
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// TestOnlyAReceiptThatEndsARecordKeepsItBack: delivered and dead do, whoever wrote them; what cannot be read says nothing.
func TestOnlyAReceiptThatEndsARecordKeepsItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.begin()
		r.end()
		all := answers(5)
		r.say(dodona.Record{Topic: dodona.TopicReceipt, Key: "s", ID: "rubbish", Body: []byte("rubbish")},
			receipt(t, all[0], dodona.ReceiptMined), receipt(t, all[1], dodona.ReceiptDelivered),
			receipt(t, all[2], dodona.ReceiptDead), receipt(t, all[3], dodona.ReceiptSuperseded))
		r.begin()
		r.say(all...)
		s := r.end()
		if want := []string{all[0].ID, all[3].ID, all[4].ID}; !slices.Equal(r.given, want) {
			t.Errorf("given %v, want %v", r.given, want)
		}
		want := sink.DeadLetter{Topic: dodona.TopicData, Key: "f", Record: all[2].ID, At: time.Unix(1795349070, 0).UTC(), Detail: "why"}
		if len(s.DeadLetters) != 1 || s.DeadLetters[0] != want {
			t.Errorf("dead letters %+v, want %+v", s.DeadLetters, want)
		}
	})
}

// TestReceiptsAreLookedForOnceAndFromTenMinutesBefore the first record that comes.
func TestReceiptsAreLookedForOnceAndFromTenMinutesBefore(t *testing.T) {
	for _, c := range []struct {
		age   time.Duration
		given bool
	}{{10 * time.Minute, false}, {10*time.Minute + 1, true}, {0, false}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.begin()
			r.end()
			first := answers(1)[0]
			first.Appended = time.Now().Add(time.Hour)
			told := receipt(t, first, dodona.ReceiptDelivered)
			told.Appended = first.Appended.Add(-c.age)
			r.say(told)
			r.begin()
			r.say(first)
			if got := len(r.given) == 1; got != c.given {
				t.Errorf("a receipt of %s before: given again %t, want %t", c.age, got, c.given)
			}
			before := r.journal.calls
			r.say(answers(2)[1])
			if got := r.journal.calls - before; got != 1 {
				t.Errorf("the second slice takes %d calls of the journal, want the receipt alone", got)
			}
			r.end()
		})
	}
}

func TestTheNewestDeadLettersOfBeforeAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.policy.GiveUp = 1
		r.begin()
		r.end()
		all := answers(21)
		for _, answer := range all[:20] {
			r.say(receipt(t, answer, dodona.ReceiptDead))
		}
		r.begin()
		r.deliver = func(context.Context, []dodona.Record) ([]dodona.Receipt, error) {
			return nil, dodona.Permanent(errors.New("no"))
		}
		r.say(all[0])
		if d := r.loop.Status().DeadLetters; len(d) != 16 || d[0].Record != all[4].ID || d[15].Record != all[19].ID {
			t.Errorf("%d dead letters: %+v", len(d), d)
		}
		before := r.loop.Status()
		r.say(all[20])
		if d := r.end().DeadLetters; len(d) != 16 || d[0].Record != all[5].ID || d[15].Record != all[20].ID {
			t.Errorf("with one more: %d dead letters: %+v", len(d), d)
		}
		if before.DeadLetters[0].Record != all[4].ID || before.Dead != 0 {
			t.Errorf("a status changed after it was given: %+v", before)
		}
	})
}

// TestTheNewestDeliveryOfBeforeIsNotOvertaken, in whatever order the receipts stand.
func TestTheNewestDeliveryOfBeforeIsNotOvertaken(t *testing.T) {
	all := answers(6)
	unfiled := all[5]
	unfiled.ID = "no-round"
	for _, order := range [][]dodona.Record{{all[1], all[3]}, {all[3], all[1]}, {all[3], unfiled}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.policy.Policy = sink.Latest
			r.begin()
			r.end()
			for _, answer := range order {
				r.say(receipt(t, answer, dodona.ReceiptDelivered))
			}
			r.begin()
			r.say(all[0])
			r.say(all[2])
			r.say(all[4])
			r.say(sinktest.Answer(dodona.Feed{Name: "g", Kind: dodona.Number}, 1))
			if s := r.end(); !slices.Equal(r.given, []string{all[4].ID, all[1].ID}) || s.Skipped != 2 {
				t.Errorf("receipts of %v: given %v, %+v", idsOf(order), r.given, s)
			}
		})
	}
}

// TestWhatWasDeliveredLastIsRecalled: an answer is due by what the newest one said that arrived, as far back as the heartbeat, or
// a day without one. Receipts of other things, and answers that are no longer kept, say nothing.
func TestWhatWasDeliveredLastIsRecalled(t *testing.T) {
	deviation := sink.Policy{Policy: sink.Latest, Deviation: percent(t, "1%")}
	both := deviation
	both.Heartbeat = time.Hour
	last, other := sinktest.Valued(asked, 1, 1000), sinktest.Valued(asked, 2, 5000)
	for name, c := range map[string]struct {
		policy   sink.Policy
		age      time.Duration // of the receipt
		receipts []dodona.Record
		lost     bool // the answer
		skipped  bool
	}{
		"just now":               {deviation, 0, []dodona.Record{receipt(t, last, dodona.ReceiptDelivered)}, false, true},
		"a day ago":              {deviation, 24 * time.Hour, []dodona.Record{receipt(t, last, dodona.ReceiptDelivered)}, false, true},
		"more than a day ago":    {deviation, 24*time.Hour + 1, []dodona.Record{receipt(t, last, dodona.ReceiptDelivered)}, false, false},
		"a heartbeat ago":        {both, time.Hour, []dodona.Record{receipt(t, last, dodona.ReceiptDelivered)}, false, true},
		"more than a heartbeat":  {both, time.Hour + 1, []dodona.Record{receipt(t, last, dodona.ReceiptDelivered)}, false, false},
		"another after it":       {deviation, 0, []dodona.Record{receipt(t, last, dodona.ReceiptDelivered), receipt(t, other, dodona.ReceiptDelivered)}, false, false},
		"a dead letter after it": {deviation, 0, []dodona.Record{receipt(t, last, dodona.ReceiptDelivered), receipt(t, other, dodona.ReceiptDead)}, false, true},
		"an anchor after it":     {deviation, 0, []dodona.Record{receipt(t, last, dodona.ReceiptDelivered), receipt(t, dodona.Record{Topic: dodona.TopicAnchor, Key: "f", ID: other.ID}, dodona.ReceiptDelivered)}, false, true},
		"rubbish before it":      {deviation, 0, []dodona.Record{{Topic: dodona.TopicReceipt, Key: "s", ID: "rubbish", Body: []byte("rubbish")}, receipt(t, last, dodona.ReceiptDelivered)}, false, true},
		"no round after it":      {deviation, 0, []dodona.Record{receipt(t, last, dodona.ReceiptDelivered), receipt(t, dodona.Record{Topic: dodona.TopicData, Key: "f", ID: "x"}, dodona.ReceiptDelivered)}, false, true},
		"its answer is not kept": {deviation, 0, []dodona.Record{receipt(t, last, dodona.ReceiptDelivered)}, true, false},
		"nothing was":            {deviation, 0, nil, false, false},
		"no policy that chooses": {sink.Policy{Policy: sink.Latest}, 0, []dodona.Record{receipt(t, last, dodona.ReceiptDelivered)}, false, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.policy = c.policy
			if !c.lost {
				r.say(last, other)
			}
			r.rest(100 * time.Hour) // they are older than the sink, which has read them
			r.begin()
			r.end()
			for _, rec := range c.receipts {
				rec.Appended = time.Now().Add(-c.age)
				r.say(rec)
			}
			r.begin()
			next := sinktest.Valued(asked, 3, 1001)
			next.Appended = time.Now().Add(time.Hour)
			r.say(next)
			s := r.end()
			if skipped := len(r.given) == 0; skipped != c.skipped || s.Failures != 0 {
				t.Errorf("%s: skipped %t, want %t; %+v", name, skipped, c.skipped, s)
			}
		})
	}
}
