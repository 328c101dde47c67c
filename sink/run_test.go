package sink_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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

func TestEveryRecordIsCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.policy = sink.Policy{Policy: sink.Latest, GiveUp: 1, Anchors: true}
		r.say(answers(1)...) // older than the sink
		r.rest(time.Second)
		r.begin()
		take, fails := r.deliver, 1
		r.deliver = func(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
			time.Sleep(3 * time.Second)
			if recs[0].ID == answers(8)[7].ID {
				return nil, dodona.Permanent(errors.New("no"))
			}
			if fails--; fails >= 0 {
				return nil, errors.New("busy")
			}
			return take(ctx, recs)
		}
		r.say(answers(4)[1:]...) // two are superseded
		r.rest(time.Minute)
		r.say(answers(3)[2], answers(8)[7], dodona.Record{Topic: dodona.TopicAnchor, Key: "day", ID: "a"}, dodona.Record{Topic: dodona.TopicAnchor, Key: "day", ID: "b"})
		r.rest(time.Minute)
		s := r.end()
		if s.Delivered != 3 || s.Superseded != 2 || s.Skipped != 1 || s.Failures != 1 || s.Dead != 1 || s.Queue != 0 {
			t.Errorf("status %+v", s)
		}
		counted, want := r.recorder.Counts(), map[telemetry.Counter]uint64{
			telemetry.SinkDelivered.Of("s"): 3, telemetry.SinkSuperseded.Of("s"): 2, telemetry.SinkSkipped.Of("s"): 1,
			telemetry.SinkFailures.Of("s"): 1, telemetry.SinkDead.Of("s"): 1,
		}
		if !maps.Equal(counted, want) {
			t.Errorf("counted %v, want %v", counted, want)
		}
		levels := slices.Compact(r.recorder.Levels(telemetry.SinkQueue.Of("s")))
		if want := []int64{0, 1, 0, 3, 2, 1, 0}; !slices.Equal(levels, want) {
			t.Errorf("the queue was %v, want %v", levels, want)
		}
		if got, want := r.recorder.Times(telemetry.SinkExchange.Of("s")), slices.Repeat([]time.Duration{3 * time.Second}, 5); !slices.Equal(got, want) {
			t.Errorf("exchanges took %v, want %v", got, want)
		}
		ups := slices.Compact(r.recorder.Levels(telemetry.SinkUp.Of("s")))
		if want := []int64{1, 0, 1, 0, 1, 0}; !slices.Equal(ups, want) { // busy, refused, and at last it has stopped
			t.Errorf("up was %v, want %v", ups, want)
		}
		var took []time.Duration // from the append to the arrival
		for _, d := range r.recorder.Times(telemetry.SinkDelivery.Of("s")) {
			took = append(took, d.Round(time.Second))
		}
		if want := []time.Duration{6 * time.Second, 6 * time.Second, 9 * time.Second}; !slices.Equal(took, want) {
			t.Errorf("deliveries took %v, want %v", took, want)
		}
		if got, want := fmt.Sprint(r.recorder.Passages()), "[deliver s: busy deliver s: <nil> deliver s: no deliver s: <nil> deliver s: <nil>]"; got != want {
			t.Errorf("passages %s, want %s", got, want)
		}
	})
}

func TestAStatusSaysWhatWasDeliveredLastAndThatItWasLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, own := range []time.Time{{}, time.Unix(1795349070, 0).UTC()} { // whether the sink says when
			r := newRig(t)
			r.begin()
			if s := r.loop.Status(); s.Name != "s" || s.Kind != "peer" || s.State != sink.Starting || s.Policy != sink.Every || s.Last != nil {
				t.Errorf("at first: %+v", s)
			}
			began, mends := time.Now(), time.Now().Add(time.Minute+1)
			r.backoff = backoff.Backoff{Min: time.Second, Max: time.Second}
			r.deliver = func(context.Context, []dodona.Record) ([]dodona.Receipt, error) {
				if time.Now().Before(mends) {
					return nil, asking{errors.New("busy"), time.Until(mends)}
				}
				return []dodona.Receipt{{Status: dodona.ReceiptDelivered, At: own, Detail: "POST"}}, nil
			}
			r.say(answers(1)...)
			if s := r.loop.Status(); s.State != sink.Retrying || s.Attempt != 1 || !s.NextTry.Equal(mends) || !s.ErrorTime.Equal(began) || s.Queue != 1 || s.LastError != "busy" {
				t.Errorf("while it waits: %+v", s)
			}
			r.rest(2 * time.Minute)
			at, late := own, true
			if own.IsZero() {
				at = mends
			}
			want := sink.Delivered{Topic: dodona.TopicData, Feed: "f", Record: answers(1)[0].ID, At: at, Late: late}
			if s := r.loop.Status(); s.State != sink.OK || s.Attempt != 0 || !s.NextTry.IsZero() || s.Last == nil || *s.Last != want || s.LastError != "busy" {
				t.Errorf("afterwards: %+v, last %+v; want %+v", s, s.Last, want)
			}
			if all := r.receipts(); len(all) != 1 || !all[0].At.Equal(at) || all[0].Late != late || all[0].Detail != "POST" || all[0].Sink != "s" ||
				all[0].Topic != dodona.TopicData || all[0].Key != "f" || all[0].Record != want.Record {
				t.Errorf("receipts %+v", all)
			}
			if s := r.end(); s.State != sink.Stopped {
				t.Errorf("a loop that ended is %s", s.State)
			}
		}
	})
}

// asking is an error that says when to come again.
type asking struct {
	error
	d time.Duration
}

func (a asking) RetryAfter() time.Duration { return a.d }

func TestALoopThatEndsWhileItWaitsHasNoNextTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.begin()
		r.deliver = func(context.Context, []dodona.Record) ([]dodona.Receipt, error) {
			return nil, asking{errors.New("busy"), time.Minute}
		}
		r.say(answers(1)...)
		began := time.Now()
		if s := r.end(); !s.NextTry.IsZero() || s.State != sink.Stopped || s.Attempt != 1 {
			t.Errorf("status %+v", s)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %s to end", took)
		}
	})
}

// TestFailuresInARowAreCountedFromTheLastSuccess: a success ends a row of failures, whatever it was of.
func TestFailuresInARowAreCountedFromTheLastSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.policy.GiveUp = 3
		r.begin()
		var attempts []int
		no, busy := dodona.Permanent(errors.New("no")), errors.New("busy")
		script := []error{busy, busy, nil, busy, no, no, nil, no, no, no, no, nil} // of four records: the third is a dead letter
		take := r.deliver
		r.deliver = func(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
			attempts = append(attempts, r.loop.Status().Attempt)
			err := script[0]
			script = script[1:]
			if err != nil {
				return nil, err
			}
			return take(ctx, recs)
		}
		r.say(answers(4)...)
		r.rest(time.Second)
		if want := []int{0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 2, 1}; !slices.Equal(attempts, want) {
			t.Errorf("failures in a row at each try: %v, want %v", attempts, want)
		}
		if s := r.end(); s.Dead != 1 || s.Delivered != 3 || len(script) != 0 {
			t.Errorf("status %+v, left %v", s, script)
		}
		ids := idsOf(answers(4))
		if want := slices.Concat(slices.Repeat(ids[:1], 3), slices.Repeat(ids[1:2], 4), slices.Repeat(ids[2:3], 3), slices.Repeat(ids[3:], 2)); !slices.Equal(r.given, want) {
			t.Errorf("given %v, want %v", r.given, want)
		}
	})
}

// TestASinkWhosePeerRefusesSaysSo until something is taken, whether or not a record is tried more than once: nothing waits, and nothing is tried
// again.
func TestASinkWhosePeerRefusesSaysSo(t *testing.T) {
	for _, giveUp := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.policy.GiveUp = giveUp
			r.begin()
			take := r.deliver
			refuse := func(context.Context, []dodona.Record) ([]dodona.Receipt, error) {
				return nil, dodona.Permanent(errors.New("HTTP status 400"))
			}
			r.deliver = refuse
			for i, rec := range answers(2) {
				r.say(rec)
				r.rest(time.Second)
				if s := r.loop.Status(); s.State != sink.Refused || !s.NextTry.IsZero() || s.Queue != 0 || s.Dead != uint64(i+1) || !strings.Contains(s.LastError, "HTTP status 400") {
					t.Errorf("after %d of %d tries each: %+v", i+1, giveUp, s)
				}
			}
			if up := r.recorder.Levels(telemetry.SinkUp.Of("s")); len(up) == 0 || up[len(up)-1] != 0 {
				t.Errorf("the gauge says %v", up)
			}
			r.deliver = take
			if _, err := r.loop.Resend(t.Context(), answers(1)[0]); err != nil || r.loop.Status().State != sink.OK {
				t.Errorf("once one was taken again: %v, %+v", err, r.loop.Status())
			}
			r.deliver = refuse
			r.say(answers(3)[2])
			r.rest(time.Second)
			r.deliver = take
			r.say(answers(4)[3])
			if s := r.loop.Status(); s.State != sink.OK || s.Dead != 3 {
				t.Errorf("once another one was taken: %+v", s)
			}
			r.end()
		})
	}
}

func TestADeadLetterSaysWhatItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.policy.GiveUp = 3
		r.begin()
		refusal := "no such thing"
		r.deliver = func(context.Context, []dodona.Record) ([]dodona.Receipt, error) {
			time.Sleep(25 * time.Second)
			return nil, dodona.Permanent(errors.New(refusal))
		}
		r.say(answers(1)...)
		r.rest(2 * time.Minute)
		refusal = strings.Repeat("x", 5000)
		r.say(answers(2)[1])
		r.rest(2 * time.Minute)
		s, id := r.end(), answers(1)[0].ID
		const detail = "refused 3 times: no such thing"
		all := r.receipts()
		if len(all) != 2 || len(s.DeadLetters) != 2 {
			t.Fatalf("receipts %+v, status %+v", all, s)
		}
		if a := all[0]; a.Status != dodona.ReceiptDead || a.Detail != detail || !a.Late || a.Sink != "s" || a.Topic != dodona.TopicData || a.Key != "f" || a.Record != id || a.At.IsZero() {
			t.Errorf("receipt %+v", a)
		}
		if d := s.DeadLetters[0]; d != (sink.DeadLetter{Topic: dodona.TopicData, Key: "f", Record: id, At: d.At, Detail: detail}) || !d.At.Equal(all[0].At) {
			t.Errorf("dead letter %+v", d)
		}
		if n := len(all[1].Detail); n != 4096+len("…") || s.DeadLetters[1].Detail != all[1].Detail || s.LastError != all[1].Detail || !s.ErrorTime.Equal(all[1].At) {
			t.Errorf("%d bytes are told of a refusal of 5000; status %+v", n, s)
		}
		if events := r.events(); len(events) != 2 || events[0] != "dead: f "+id+": "+detail {
			t.Errorf("events %q", events)
		}
	})
}

// TestATroubleIsToldEachTimeItBegins, and its end as often.
func TestATroubleIsToldEachTimeItBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.begin()
		take := r.deliver
		stalled, busy := sink.Stalled(errors.New("who are you")), errors.New("busy")
		script := []error{busy, nil, stalled, stalled, busy, stalled, nil, nil, stalled, nil}
		r.deliver = func(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
			time.Sleep(time.Second)
			err := script[0]
			if script = script[1:]; err != nil {
				return nil, err
			}
			return take(ctx, recs)
		}
		r.say(answers(4)...)
		r.rest(time.Minute)
		r.end()
		pair := []string{"stalled: who are you", "mended: its peer takes records again"}
		if got, want := r.events(), slices.Concat(pair, pair); !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
	})
}

// TestATroubleIsToldEvenAsTheLoopEnds: the event comes before the end, and nothing is tried after it.
func TestATroubleIsToldEvenAsTheLoopEnds(t *testing.T) {
	for _, mended := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.begin()
			take := r.deliver
			r.deliver = func(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
				if len(r.given) == 1 {
					if !mended {
						r.journal.next()
						r.journal.fails = func(int) error { r.cancel(); r.journal.fails = nil; return errors.New("full") }
					}
					return nil, sink.Stalled(errors.New("who are you"))
				}
				receipts, err := take(ctx, recs)
				r.journal.fails = func(call int) error { // the receipt is taken, the event waits
					r.journal.fails = func(int) error { r.cancel(); r.journal.fails = nil; return errors.New("full") }
					return nil
				}
				return receipts, err
			}
			r.say(answers(2)...)
			r.rest(time.Second)
			r.end()
			want := []string{"stalled: who are you"}
			given := answers(1)
			if mended {
				want = append(want, "mended: its peer takes records again")
				given = append(given, given[0])
			}
			if got := r.events(); !slices.Equal(got, want) || !slices.Equal(r.given, idsOf(given)) {
				t.Errorf("events %q, want %q; given %v", got, want, r.given)
			}
		})
	}
}

// TestNothingIsGivenAfterTheEnd: the loop is told to end while it writes a dead letter, a receipt or an event.
func TestNothingIsGivenAfterTheEnd(t *testing.T) {
	for what, err := range map[string]error{"a dead letter": dodona.Permanent(errors.New("no")), "a receipt": nil, "an event": sink.Stalled(errors.New("who are you"))} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.policy.GiveUp = 1
			r.begin()
			r.deliver = func(_ context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
				r.journal.fails = func(int) error { r.cancel(); return nil }
				if err != nil {
					return nil, err
				}
				return []dodona.Receipt{{Status: dodona.ReceiptDelivered}}, nil
			}
			r.say(answers(3)...)
			r.rest(time.Second)
			s := r.end()
			if len(r.given) != 1 || s.Failures > 1 || s.NextTry != (time.Time{}) {
				t.Errorf("%s: given %v, %+v", what, r.given, s)
			}
			if n := len(r.receipts()) + len(r.events()); n == 0 {
				t.Errorf("%s is not written", what)
			}
		})
	}
}

// TestAFailureAsTheLoopEndsIsNone: a peer is left because its context ended.
func TestAFailureAsTheLoopEndsIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.policy.GiveUp = 1
		r.begin()
		r.deliver = func(ctx context.Context, _ []dodona.Record) ([]dodona.Receipt, error) {
			<-ctx.Done()
			return nil, dodona.Permanent(ctx.Err())
		}
		r.say(answers(1)...)
		if s := r.end(); s.Failures != 0 || s.Dead != 0 || s.LastError != "" || len(r.receipts()) != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestWhatOpensAsTheLoopEndsIsClosed: a sink that holds something must give it back.
func TestWhatOpensAsTheLoopEndsIsClosed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := &beside{run: func(ctx context.Context) error { <-ctx.Done(); return nil }}
	kind := sink.NewStream("peer", func(context.Context, struct{}, sink.Env) (dodona.Sink, error) { cancel(); return b, nil })
	loop := sink.New(sink.Config{Name: "s", Kind: kind, Settings: struct{}{}, Journal: sinktest.NewJournal()})
	if err := loop.Run(ctx); err != nil || b.closed != 1 {
		t.Errorf("%v, closed %d times", err, b.closed)
	}
}

func TestASinkThatPanicsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.backoff = backoff.Backoff{Min: time.Minute, Max: time.Minute}
		r.begin()
		take := r.deliver
		r.deliver = func(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
			if len(r.given) == 1 {
				panic("a bad record")
			}
			return take(ctx, recs)
		}
		r.say(answers(1)...)
		if s := r.loop.Status(); s.State == sink.Retrying && s.LastError != "panic: a bad record" {
			t.Errorf("status %+v", s)
		}
		r.rest(time.Minute)
		if s := r.end(); s.Delivered != 1 || s.Failures != 1 || s.LastError != "panic: a bad record" {
			t.Errorf("status %+v", s)
		}
	})
}

// beside is a sink that runs by itself, is closed, and reports.
type beside struct {
	*rig
	run    func(ctx context.Context) error
	runs   int
	closed int
}

func (b *beside) Run(ctx context.Context) error { b.runs++; return b.run(ctx) }
func (b *beside) Close() error                  { b.closed++; return errors.New("it was not open") }
func (b *beside) Report(s *sink.Status)         { s.Detail = "reported" }

func TestWhatASinkDoesByItselfIsBegunAgainAndEndsWithTheLoop(t *testing.T) {
	for name, c := range map[string]struct {
		run  func() error
		want string
	}{
		"ends":   {func() error { return nil }, "ended by itself"},
		"fails":  {func() error { return errors.New("broken") }, "broken"},
		"panics": {func() error { panic("at the disco") }, "panic: at the disco"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.backoff = backoff.Backoff{Min: time.Second, Max: time.Second}
			b := &beside{rig: r}
			ended := 0
			b.run = func(ctx context.Context) error {
				if b.runs <= 2 {
					return c.run()
				}
				<-ctx.Done()
				time.Sleep(time.Second) // the loop waits for it
				ended++
				return nil
			}
			r.kind = sink.NewStream("peer", func(context.Context, struct{}, sink.Env) (dodona.Sink, error) { return b, nil })
			r.begin()
			if s := r.loop.Status(); s.LastError != c.want || s.Failures == 0 || s.Detail != "reported" {
				t.Errorf("%s: %+v", name, s)
			}
			r.rest(time.Minute)
			r.say(answers(1)...)
			if s := r.end(); s.Failures != 2 || s.Delivered != 1 || b.runs != 3 || ended != 1 || b.closed != 1 {
				t.Errorf("%s: %d runs, %d ended, %d closed, %+v", name, b.runs, ended, b.closed, s)
			}
		})
	}
}

func TestAnEndIsNoFailureOfWhatASinkDoesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		b := &beside{rig: r, run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		r.kind = sink.NewStream("peer", func(context.Context, struct{}, sink.Env) (dodona.Sink, error) { return b, nil })
		r.begin()
		if s := r.end(); s.Failures != 0 || s.LastError != "" || b.closed != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestASinkIsOpenedUntilItOpens: a permanent error is tried again after half of the longest wait, the others sooner.
func TestASinkIsOpenedUntilItOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.backoff = backoff.Backoff{Min: time.Second, Max: time.Hour}
		script := []error{errors.New("busy"), dodona.Permanent(errors.New("no password")), nil}
		var at []time.Time
		var env sink.Env
		r.kind = sink.NewStream("peer", func(_ context.Context, _ struct{}, e sink.Env) (dodona.Sink, error) {
			env, at = e, append(at, time.Now())
			err := script[0]
			script = script[1:]
			return r, err
		})
		r.policy.Feeds = []string{"f"}
		r.begin()
		for range 3 {
			r.rest(time.Second)
		}
		if s := r.loop.Status(); s.State != sink.Retrying || s.LastError != "no password" || s.Attempt != 2 || s.NextTry.Sub(s.ErrorTime) < 30*time.Minute {
			t.Errorf("%+v", s)
		}
		r.rest(time.Hour)
		r.say(answers(1)...)
		if s := r.end(); len(at) != 3 || s.Delivered != 1 || at[1].Sub(at[0]) > time.Second || at[2].Sub(at[1]) < 30*time.Minute || at[2].Sub(at[1]) > time.Hour {
			t.Errorf("opened at %v, %+v", at, s)
		}
		if env.Sink != "s" || env.Policy.Policy != sink.Every || env.Policy.GiveUp != 5 || env.Recorder != r.recorder || env.Now == nil || env.Log == nil {
			t.Errorf("it was given %+v", env)
		}
	})
}

func TestALoopThatNeverOpensEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.backoff = backoff.Backoff{} // 1 s to 1 min
		r.kind = sink.NewStream("peer", func(context.Context, struct{}, sink.Env) (dodona.Sink, error) {
			return nil, dodona.Permanent(errors.New("no password"))
		})
		r.begin()
		if s := r.loop.Status(); s.NextTry.Sub(s.ErrorTime) < 30*time.Second || s.NextTry.Sub(s.ErrorTime) > time.Minute {
			t.Errorf("it waits %s, want half a minute to one", s.NextTry.Sub(s.ErrorTime))
		}
		if s := r.end(); s.State != sink.Stopped || s.Failures != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestWhatASinkBeganWithIsRemembered: after a restart, what was attested before its first start still is not meant for it, and
// what was attested while it was away is.
func TestWhatASinkBeganWithIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.say(answers(1)...)
		r.rest(time.Second)
		r.begin()
		r.end()
		r.say(answers(2)[1])
		r.rest(time.Second)
		r.begin()
		if s := r.end(); !slices.Equal(r.given, idsOf(answers(2)[1:])) || s.Skipped != 0 {
			t.Errorf("given %v, %+v", r.given, s)
		}
		if all := r.journal.All(dodona.TopicIntent, "s"); len(all) != 1 || all[0].ID != "begin" {
			t.Errorf("intents %+v", all)
		}
	})
}

// TestAJournalThatHasForgottenTheBeginningHasOnlyWhatIsMeant: where the oldest intent is another one, everything goes.
func TestAJournalThatHasForgottenTheBeginningHasOnlyWhatIsMeant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		at, _ := json.Marshal(time.Now().Add(time.Hour))
		r.say(answers(1)[0], dodona.Record{Topic: dodona.TopicIntent, Key: "s", ID: "tx", Body: []byte("{}")},
			dodona.Record{Topic: dodona.TopicIntent, Key: "s", ID: "begin", Body: at})
		r.begin()
		if s := r.end(); !slices.Equal(r.given, idsOf(answers(1))) {
			t.Errorf("given %v, %+v", r.given, s)
		}
	})
}

// TestASliceThatIsDeliveredAsTheLoopEndsIsFinished: only what was not given comes again.
func TestASliceThatIsDeliveredAsTheLoopEndsIsFinished(t *testing.T) {
	for _, slot := range []bool{false, true} {
		for at := 1; at <= 4; at++ {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				if slot {
					r.kind = sink.NewSlot("peer", func(context.Context, struct{}, sink.Env) (dodona.Sink, error) { return r, nil })
				}
				r.begin()
				take := r.deliver
				r.deliver = func(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
					if len(r.given) >= at {
						r.cancel()
					}
					if slot {
						return nil, nil
					}
					return take(ctx, recs)
				}
				r.say(answers(4)...)
				r.end()
				r.deliver = take
				if slot {
					r.deliver = func(context.Context, []dodona.Record) ([]dodona.Receipt, error) { return nil, nil }
				}
				r.begin()
				r.end()
				if !slices.Equal(r.given, idsOf(answers(4))) {
					t.Errorf("slot %t, ended at %d: given %v", slot, at, r.given)
				}
			})
		}
	}
}

// TestASlotIsGivenAllOfASliceAndWritesItsReceiptsItself, whatever it returns.
func TestASlotIsGivenAllOfASliceAndWritesItsReceiptsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.kind = sink.NewSlot("peer", func(context.Context, struct{}, sink.Env) (dodona.Sink, error) { return r, nil })
		r.begin()
		var slices []int
		take, fails := r.deliver, 1
		r.deliver = func(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
			slices = append(slices, len(recs))
			receipts, _ := take(ctx, recs)
			if fails--; fails >= 0 {
				return receipts[:1], errors.New("busy")
			}
			return receipts, nil
		}
		scans := r.journal.calls
		r.say(answers(4)...)
		r.rest(time.Second)
		if got := fmt.Sprint(slices); got != "[4 4]" || len(r.receipts()) != 0 {
			t.Errorf("given slices of %s, receipts %+v", got, r.receipts())
		}
		if s := r.end(); s.Policy != sink.Latest || s.Failures != 1 || s.Delivered != 0 || s.State != sink.Stopped {
			t.Errorf("%+v", s)
		}
		if r.journal.calls != scans {
			t.Errorf("%d calls of the journal for a slot", r.journal.calls-scans)
		}
	})
}

// TestAReceiptCountsEvenBesideAnError: a record with a receipt is not given again, and the next one is not blamed.
func TestAReceiptCountsEvenBesideAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.policy.GiveUp = 1
		r.begin()
		take := r.deliver
		r.deliver = func(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
			receipts, _ := take(ctx, recs)
			if len(r.given) == 1 {
				return append(receipts, receipts...), dodona.Permanent(errors.New("and more"))
			}
			return receipts, nil
		}
		r.say(answers(3)...)
		if s := r.end(); s.Delivered != 3 || s.Dead != 0 || !slices.Equal(r.given, idsOf(answers(3))) {
			t.Errorf("%+v, given %v", s, r.given)
		}
	})
}

// TestAReceiptThatCannotBeWrittenKeepsNothingBack: a time that JSON cannot say is the sink's fault, and the record went.
func TestAReceiptThatCannotBeWrittenKeepsNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.begin()
		take := r.deliver
		r.deliver = func(ctx context.Context, recs []dodona.Record) ([]dodona.Receipt, error) {
			receipts, err := take(ctx, recs)
			if len(r.given) == 1 {
				receipts[0].At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
			}
			return receipts, err
		}
		r.say(answers(2)...)
		if s := r.end(); s.Delivered != 1 || s.Failures != 0 || !slices.Equal(r.given, idsOf(answers(2))) || len(r.receipts()) != 1 {
			t.Errorf("%+v, given %v, receipts %v", s, r.given, r.receipts())
		}
	})
}

func TestALoopLeavesTheFeedsThatItIsNotGiven(t *testing.T) {
	anchor := func(id string) dodona.Record { return dodona.Record{Topic: dodona.TopicAnchor, Key: "day", ID: id} }
	f, g := asked, dodona.Feed{Name: "g", Kind: dodona.Number}
	for _, c := range []struct {
		policy sink.Policy
		want   string
	}{
		{sink.Policy{}, "f0 g0 f1"},
		{sink.Policy{Anchors: true}, "f0 a g0 f1 b"},
		{sink.Policy{Anchors: true, Feeds: []string{"g"}}, "a g0 b"},
		{sink.Policy{Feeds: []string{"f"}}, "f0 f1"},
		{sink.Policy{Feeds: []string{"f", "g"}, Policy: sink.Latest}, "g0 f1"},
		{sink.Policy{Anchors: true, Policy: sink.Latest}, "a g0 f1 b"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.policy = c.policy
			r.begin()
			r.say(sinktest.Answer(f, 0), anchor("a"), sinktest.Answer(g, 0), sinktest.Answer(f, 1))
			r.say(anchor("b"))
			r.end()
			var got []string
			for _, receipt := range r.receipts() {
				name := receipt.Record
				if receipt.Topic == dodona.TopicData {
					name = fmt.Sprint(receipt.Key, slices.Index(idsOf(answers(2)), receipt.Record))
				}
				got = append(got, name)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%+v: delivered %v, want %s", c.policy, got, c.want)
			}
		})
	}
}

// TestAnAnswerThatCannotBeReadIsDue: what it says is its reader's matter.
func TestAnAnswerThatCannotBeReadIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.policy.Policy = sink.Latest
		r.begin()
		unread := answers(1)[0]
		unread.Body = []byte("rubbish")
		r.say(answers(2)[1])
		r.say(unread)
		r.say(answers(3)[2])
		if r.end(); !slices.Equal(r.given, []string{answers(2)[1].ID, unread.ID, answers(3)[2].ID}) {
			t.Errorf("given %v", r.given)
		}
	})
}
