package sink_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// TestADeadLetterIsSentAgainByHand, once its receiver was mended.
func TestADeadLetterIsSentAgainByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.policy = sink.Policy{GiveUp: 1}
		mend := r.refuse(answers(1)[0].ID)
		r.begin()
		r.say(answers(2)...)
		r.rest(time.Minute)
		if s := r.loop.Status(); s.Dead != 1 || len(s.DeadLetters) != 1 || s.Delivered != 1 {
			t.Fatalf("status %+v", s)
		}
		again := answers(1)[0]
		if _, err := r.loop.Resend(t.Context(), again); err == nil || !strings.Contains(err.Error(), "no such desk") {
			t.Errorf("while the receiver refuses: %v", err)
		}
		if s := r.loop.Status(); len(s.DeadLetters) != 1 {
			t.Errorf("a letter that was refused again is no longer named: %+v", s.DeadLetters)
		}
		mend()
		receipt, err := r.loop.Resend(t.Context(), again)
		if err != nil || receipt.Status != dodona.ReceiptDelivered || receipt.Record != again.ID || receipt.Sink != "s" {
			t.Errorf("got %+v, %v", receipt, err)
		}
		s := r.end()
		if s.Dead != 1 || len(s.DeadLetters) != 0 || s.Delivered != 2 {
			t.Errorf("at last: %+v", s)
		}
		r.recorder.Want(t, "resend", []telemetry.Counters{telemetry.SinkDelivered, telemetry.SinkDead}, 2, 1)
	})
}

// TestDeadLettersOutliveTheProcess, from its start and however old they are, but not those that were sent again.
func TestDeadLettersOutliveTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.policy = sink.Policy{GiveUp: 1}
		mend := r.refuse()
		all := answers(4)
		anchor := dodona.Record{Topic: dodona.TopicAnchor, Key: all[0].Key, ID: all[0].ID, Appended: all[0].Appended}
		r.policy.Anchors = true
		r.begin()
		r.say(append(all[:3:3], anchor)...)
		r.rest(time.Minute)
		mend()
		if _, err := r.loop.Resend(t.Context(), all[0]); err != nil {
			t.Fatal(err)
		}
		wanted := func(s sink.Status, when string) {
			t.Helper()
			if d := s.DeadLetters; len(d) != 3 || d[0].Record != all[1].ID || d[1].Record != all[2].ID || d[2].Topic != dodona.TopicAnchor ||
				!strings.Contains(d[0].Detail, "no such desk") || d[0].At.IsZero() {
				t.Errorf("%s: %+v, want the letters that were not sent again", when, d)
			}
		}
		wanted(r.end(), "at the end")
		r.rest(20 * 24 * time.Hour)
		r.begin()
		wanted(r.loop.Status(), "at the next start")
		last := all[3]
		last.Appended = time.Now()
		r.say(last)
		r.rest(time.Minute)
		wanted(r.end(), "once a record came")
		r.rest(11 * 24 * time.Hour)
		r.begin()
		if s := r.end(); len(s.DeadLetters) != 0 {
			t.Errorf("after a month: %+v", s.DeadLetters)
		}
	})
}

// TestWhatWasSentAgainJustBeforeAKillIsNoDeadLetter: its receipts come again with the first record.
func TestWhatWasSentAgainJustBeforeAKillIsNoDeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.begin()
		r.end()
		all := answers(3)
		r.say(receipt(t, all[0], dodona.ReceiptDead), receipt(t, all[1], dodona.ReceiptDead), receipt(t, all[0], dodona.ReceiptDelivered))
		r.begin()
		r.say(all[2])
		if d := r.end().DeadLetters; len(d) != 1 || d[0].Record != all[1].ID {
			t.Errorf("dead letters %+v, want %s alone", d, all[1].ID)
		}
	})
}

// TestWhatIsSentAgainGoesBetweenOtherRecords, never beside one.
func TestWhatIsSentAgainGoesBetweenOtherRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		take, inside := r.deliver, 0
		r.deliver = func(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
			inside++
			defer func() { inside-- }()
			if inside > 1 {
				t.Error("two records at once")
			}
			time.Sleep(10 * time.Second)
			return take(ctx, recs)
		}
		r.begin()
		r.say(answers(3)...)
		time.Sleep(time.Second)
		begun := time.Now()
		if _, err := r.loop.Resend(t.Context(), answers(1)[0]); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < 19*time.Second {
			t.Errorf("it took %s, want the rest of the record before it and its own time", took)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.loop.Resend(short, answers(1)[0]); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while the sink is busy: %v", err)
		}
		r.end()
	})
}

// TestNothingIsSentAgainByASinkThatIsNotThere, and a stop does not wait for what is.
func TestNothingIsSentAgainByASinkThatIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.deliver = func(ctx context.Context, _ []dodona.Record) ([]dodona.Receipt, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		r.begin()
		r.rest(time.Second)
		failed := make(chan error)
		go func() {
			_, err := r.loop.Resend(t.Context(), answers(1)[0])
			failed <- err
		}()
		time.Sleep(time.Second)
		r.end()
		if err := <-failed; err == nil {
			t.Error("it was delivered by a sink that ended")
		}
		if _, err := r.loop.Resend(t.Context(), answers(1)[0]); err == nil || !strings.Contains(err.Error(), "has stopped") {
			t.Errorf("after the end: %v", err)
		}
	})
}

// pausing is a ledger whose scans of a topic end only once they may.
type pausing struct {
	*faulty
	topic dodona.Topic
	may   chan struct{}
}

func (p *pausing) Scan(ctx context.Context, topic dodona.Topic, key string, before func(dodona.Record) bool) iter.Seq2[dodona.Record, error] {
	return func(yield func(dodona.Record, error) bool) {
		for rec, err := range p.faulty.Scan(ctx, topic, key, before) {
			if !yield(rec, err) {
				return
			}
		}
		if topic == p.topic {
			<-p.may
		}
	}
}

// TestWhatIsSentAgainWhileTheSinkRecallsItsLettersIsNone: what it has read of them is older.
func TestWhatIsSentAgainWhileTheSinkRecallsItsLettersIsNone(t *testing.T) {
	for _, topic := range []dodona.Topic{dodona.TopicEvent, dodona.TopicReceipt} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.policy = sink.Policy{GiveUp: 1}
			mend := r.refuse()
			all := answers(2)
			r.begin()
			r.say(all[0])
			r.end()
			mend()
			ledger := &pausing{r.journal, topic, make(chan struct{})}
			loop := sink.New(sink.Config{
				Name: "s", Kind: r.kind, Settings: struct{}{}, Journal: r.journal, Reader: "sink-s", Policy: r.policy, Env: sink.Env{Ledger: ledger},
			})
			ctx, cancel := context.WithCancel(t.Context())
			ended, sent := make(chan error, 1), make(chan error, 1)
			go func() { ended <- loop.Run(ctx) }()
			synctest.Wait()
			if topic == dodona.TopicReceipt {
				r.say(all[1]) // with the first record they are read
			}
			go func() {
				_, err := loop.Resend(t.Context(), all[0])
				sent <- err
			}()
			synctest.Wait()
			close(ledger.may)
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if d := loop.Status().DeadLetters; len(d) != 0 {
				t.Errorf("while %s records are read: %+v is a dead letter still", topic, d)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}
