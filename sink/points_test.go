package sink_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A pointsRig is a rig whose peer takes points.
type pointsRig struct {
	*rig
	mu        sync.Mutex // what follows
	sent      []string   // as they were given, each with its marks
	send      func(events []sink.ObservationEvent) (sink.Sent, error)
	overtaken sink.Overtaken
	backlog   func(context.Context) (uint64, error)
	left      []sink.Left
	since     time.Time
	mark      string              // of the node
	via       map[string][]string // by point: the trail that it came with
}

func (r *pointsRig) Send(_ context.Context, events []sink.ObservationEvent) (sink.Sent, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range events {
		text := e.Point + " " + strconv.FormatUint(e.Seq, 10)
		if e.Value != nil {
			text += " " + e.Value.String()
		}
		if e.Late {
			text += " late"
		}
		if e.Resent {
			text += " resent"
		}
		r.sent = append(r.sent, text)
	}
	return r.send(events)
}

func newPointsRig(t *testing.T) *pointsRig {
	r := &pointsRig{rig: newRig(t)}
	r.backoff.Min, r.backoff.Max = time.Second, time.Second
	r.send = func(events []sink.ObservationEvent) (sink.Sent, error) {
		return sink.Sent{Done: len(events), Tried: len(events)}, nil
	}
	r.kind = sink.NewPoints("peer", func(context.Context, struct{}, sink.Env) (sink.PointSink, error) { return r, nil })
	return r
}

func (r *pointsRig) begin() {
	r.loop = sink.New(sink.Config{
		Name: "s", Kind: r.kind, Settings: struct{}{}, Journal: r.journal, Reader: "points-s", Policy: r.policy, Recorder: r.recorder, Backoff: r.backoff,
		Env: sink.Env{Ledger: r.journal, Mark: r.mark, Points: func(ctx context.Context, rec dodona.Record) ([]sink.ObservationEvent, error) {
			events, err := pointsOf(ctx, rec)
			for i := range events {
				events[i].Via = r.via[events[i].Point]
			}
			return events, err
		}},
		Backlog: r.backlog,
		Overtaken: func(context.Context) (o sink.Overtaken, err error) {
			r.with(func() { o = r.overtaken })
			return o, nil
		},
		Newest: func(context.Context) (time.Time, error) {
			last, err := r.journal.Last(r.t.Context(), dodona.TopicReading, "boiler")
			if errors.Is(err, dodona.ErrNotFound) {
				err = nil
			}
			return last.Appended, err
		},
		Since: r.since,
		Left:  func(context.Context) ([]sink.Left, error) { return r.left, nil },
	})
	ctx, cancel := context.WithCancel(r.t.Context())
	r.cancel, r.ended = cancel, make(chan error, 1)
	go func() { r.ended <- r.loop.Run(ctx) }()
	synctest.Wait()
}

// pointsOf makes the points of a reading whose body is such as "t=20 p=bad".
func pointsOf(_ context.Context, rec dodona.Record) (events []sink.ObservationEvent, err error) {
	for _, part := range strings.Fields(string(rec.Body)) {
		name, text, found := strings.Cut(part, "=")
		if !found {
			return nil, errors.New("no points")
		}
		p := dodona.Point{ID: name}
		if p.Value, err = dodona.ParseDecimal(text); err != nil {
			p.Quality, p.Reason = dodona.Bad, err.Error()
		}
		events = append(events, sink.NewObservation(rec, p, 0, rec.Appended))
	}
	return events, nil
}

// reading is the n-th reading of a source.
func reading(n int, body string) dodona.Record {
	return dodona.Record{Topic: dodona.TopicReading, Key: "boiler", ID: strconv.Itoa(n), Node: "gw-7", Sequence: uint64(n), Body: []byte(body)}
}

func (r *pointsRig) count() (n int) {
	r.with(func() { n = len(r.sent) })
	return n
}

// with does something while the loop does nothing.
func (r *pointsRig) with(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
}

func (r *pointsRig) want(what string, want ...string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.sent, want) {
		r.t.Errorf("%s: sent %q, want %q", what, r.sent, want)
	}
	r.sent = nil
}

func TestPointsGoInOrderFromTheSinksBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPointsRig(t)
		r.say(reading(1, "t=1"))
		r.rest(time.Second)
		r.begin()
		r.say(reading(2, "t=2 p=5"), reading(3, "broken"), reading(4, "t=x"), sinkAnswer())
		r.want("what was read before it, and what is no reading, is not its own", "t 2 2", "p 2 5", "t 4")
		s := r.end()
		if s.Delivered != 3 || s.Skipped != 2 || s.Last.Feed != "t" || !strings.Contains(s.LastError, "reading 3 of boiler is passed over") {
			t.Errorf("status %+v", s)
		}
		if receipts := r.receipts(); len(receipts) != 1 || receipts[0].Topic != dodona.TopicReading || receipts[0].Record != "4" ||
			receipts[0].Detail != "3 observations, the last of record 4 of node gw-7" {
			t.Errorf("receipts %+v, want one of all", receipts)
		}
	})
}

// TestTheQueueOfPointsCountsAllThatWaits: also what is not in hand, and while the peer takes nothing.
func TestTheQueueOfPointsCountsAllThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPointsRig(t)
		var waits uint64
		r.backlog = func(context.Context) (n uint64, err error) {
			r.with(func() { n = waits })
			return n, nil
		}
		take, frozen := r.send, make(chan struct{})
		r.send = func(events []sink.ObservationEvent) (sink.Sent, error) {
			r.mu.Unlock()
			<-frozen
			r.mu.Lock()
			return take(events)
		}
		r.begin()
		r.say(reading(1, "t=1"))
		r.with(func() { waits = 1001 }) // of which one is in hand
		r.rest(10 * time.Second)
		level := func() int64 {
			levels := r.recorder.Levels(telemetry.SinkQueue.Of("s"))
			return levels[len(levels)-1]
		}
		if got := level(); got != 1001 {
			t.Errorf("while it is frozen the queue is %d, want 1001", got)
		}
		r.with(func() { waits = 0 })
		close(frozen)
		r.rest(10 * time.Second)
		if got := level(); got != 0 {
			t.Errorf("at last the queue is %d", got)
		}
		r.end()
	})
}

func sinkAnswer() dodona.Record { return answers(1)[0] }

// TestWhatMayHaveBeenSentBeforeSaysSo: after a try without an acknowledgement, and after a restart; what has waited says that.
func TestWhatMayHaveBeenSentBeforeSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPointsRig(t)
		r.backoff.Min, r.backoff.Max = 24*time.Hour, 24*time.Hour // of which chance takes a part, and two take minutes
		r.begin()
		take, fails := r.send, []sink.Sent{{}, {Done: 1, Tried: 2}}
		r.send = func(events []sink.ObservationEvent) (sink.Sent, error) {
			if len(fails) == 0 {
				return take(events)
			}
			s := fails[0]
			fails = fails[1:]
			return s, errors.New("lost")
		}
		r.say(reading(1, "a=1 b=2 c=3"))
		r.want("at first", "a 1 1", "b 1 2", "c 1 3")
		if s := r.loop.Status(); s.State != sink.Retrying || s.Queue != 3 || s.LastError != "lost" {
			t.Errorf("status %+v", s)
		}
		r.rest(49 * time.Hour)
		r.with(func() {
			for _, text := range r.sent[len(r.sent)-2:] {
				if !strings.Contains(text, " late") {
					t.Errorf("after minutes %q went, without the mark", text)
				}
			}
			for i, text := range r.sent {
				r.sent[i] = strings.Replace(text, " late", "", 1)
			}
		})
		r.want("after a try that did not come so far, and one that lost an acknowledgement", "a 1 1", "b 1 2", "c 1 3", "b 1 2 resent", "c 1 3")
		r.end()
		if said := r.receipts(); len(said) != 2 || said[0].Detail != "1 observation, the last of record 1 of node gw-7, which has more" ||
			said[1].Detail != "2 observations, the last of record 1 of node gw-7; perhaps sent more than once: gw-7 1" {
			t.Errorf("receipts %+v", said)
		}
		r.journal.Journal.Forget() // what was finished is forgotten, as by a kill
		r.begin()
		r.want("after a restart", "a 1 1 late resent", "b 1 2 late resent", "c 1 3 late resent")
		r.say(reading(2, "a=2"))
		r.want("what is new is not", "a 2 2")
		r.end()
	})
}

// TestAllThatAStartFindsMayHaveBeenSent, however many slices it is: a kill takes the positions of several with it.
func TestAllThatAStartFindsMayHaveBeenSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPointsRig(t)
		r.begin()
		var want []string
		for n := 1; n <= 20; n++ {
			r.say(reading(n, "t=1"))
			want = append(want, fmt.Sprintf("t %d 1 resent", n))
		}
		r.want("at first", strings.Split(strings.ReplaceAll(strings.Join(want, ","), " resent", ""), ",")...)
		r.end()
		r.journal.Journal.Forget()
		r.rest(time.Second)
		r.begin()
		r.want("after a kill", want...)
		r.say(reading(21, "t=1"))
		r.want("what is new", "t 21 1")
		r.end()
	})
}

// TestAClockThatIsSetRightSilencesNoHeartbeat: the clock was a year ahead.
func TestAClockThatIsSetRightSilencesNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPointsRig(t)
		r.policy.OnChange, r.policy.Heartbeat = true, 3*time.Minute
		r.begin()
		ahead := reading(1, "t=1")
		ahead.Appended = time.Now().AddDate(1, 0, 0)
		r.say(ahead)
		for n := 2; n <= 8; n++ {
			r.say(reading(n, "t=1"))
			r.rest(time.Minute)
		}
		r.want("one at once, then each three minutes", "t 1 1", "t 2 1", "t 5 1", "t 8 1")
		r.end()
	})
}

// TestWhatIsNotDeliveredAnyMoreIsToldAndCounted once.
func TestWhatIsNotDeliveredAnyMoreIsToldAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPointsRig(t)
		at := time.Date(2026, 12, 1, 4, 0, 0, 0, time.UTC)
		r.left = []sink.Left{{Source: "press", Records: 100, From: at, Until: at.Add(time.Minute)}}
		r.begin()
		if s := r.end(); s.Skipped != 0 { // it was never there
			t.Errorf("status %+v", s)
		}
		r.begin()
		s := r.end()
		want := "press is not among what this sink delivers any more: at most 100 exchanges from 2026-12-01T04:00:00Z to 2026-12-01T04:01:00Z, each with all values that were read at once, waited"
		if s.Skipped != 100 || !strings.HasPrefix(s.LastError, want) {
			t.Errorf("status %+v, want %q", s, want)
		}
		if events := r.events(); len(events) != 1 || !strings.HasPrefix(events[0], "left: "+want) {
			t.Errorf("events %q", events)
		}
		r.recorder.Want(t, "passed over", []telemetry.Counters{telemetry.SinkSkipped}, 100)
	})
}

// TestAClockThatWasAheadAtTheFirstStartMakesNothingOlderThanTheSink: what was there before it is not its own, and what comes once the clock is right is.
func TestAClockThatWasAheadAtTheFirstStartMakesNothingOlderThanTheSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPointsRig(t)
		r.say(reading(1, "t=1"))
		r.rest(time.Second)
		r.since = time.Now().Add(time.Hour)
		r.begin()
		r.say(reading(2, "t=2"))
		r.end()
		r.say(reading(3, "t=3"))
		r.rest(time.Second)
		r.begin()
		r.say(reading(4, "t=4"))
		r.want("what is read then", "t 2 2", "t 3 3 resent", "t 4 4")
		if s := r.end(); s.Skipped != 0 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestAnObservationThatIsRefusedForGoodBecomesADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPointsRig(t)
		r.policy.GiveUp = 2
		r.begin()
		take := r.send
		r.send = func(events []sink.ObservationEvent) (sink.Sent, error) {
			for i, e := range events {
				if e.Point == "b" {
					return sink.Sent{Done: i, Tried: len(events)}, dodona.Permanent(errors.New("no such topic"))
				}
			}
			return take(events)
		}
		r.say(reading(1, "a=1 b=2 c=3"))
		r.rest(time.Minute)
		s := r.end()
		if s.Delivered != 2 || s.Dead != 1 || len(s.DeadLetters) != 1 || s.DeadLetters[0].Key != "b" || !strings.Contains(s.DeadLetters[0].Detail, "no such topic") {
			t.Errorf("status %+v", s)
		}
		if _, err := r.loop.Resend(t.Context(), reading(1, "")); err == nil {
			t.Error("a point is sent again by hand")
		}
	})
}

func TestPointsGoOnlyIfTheySaySomethingNew(t *testing.T) {
	band := func(text string) (d unit.Deadband) {
		if err := d.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return d
	}
	for name, c := range map[string]struct {
		policy sink.Policy
		says   string // a minute apart
		want   string // those that went
	}{
		"everything":                 {sink.Policy{}, "1 1 2", "1 1 2"},
		"on change":                  {sink.Policy{OnChange: true}, "1 1 2 2 bad bad 2 1.0 1", "1 2 bad 2 1.0"},
		"a deadband in the unit":     {sink.Policy{Deadband: band("0.5")}, "10 10.4 10.49 10.5 10.9 10 9.51", "10 10.5 10"},
		"a share of the last value":  {sink.Policy{Deadband: band("2%")}, "-100 -101.9 -102 -104 -104.04", "-100 -102 -104.04"},
		"from zero any other":        {sink.Policy{Deadband: band("50%")}, "0 0 0.001", "0 0.001"},
		"its own deadband":           {sink.Policy{Deadband: band("100"), Deadbands: map[string]unit.Deadband{"t": band("1")}}, "1 1.5 2", "1 2"},
		"no deadband of another one": {sink.Policy{Deadbands: map[string]unit.Deadband{"p": band("1")}}, "1 1.5 1.5", "1 1.5"},
		"a heartbeat":                {sink.Policy{Heartbeat: 3 * time.Minute}, "1 1 1 1 1 1 1", "1 1 1"},
		"a heartbeat after a change": {sink.Policy{OnChange: true, Heartbeat: 3 * time.Minute}, "1 1 2 2 2 2 2", "1 2 2"},
		"the quality alone":          {sink.Policy{Deadband: band("1000")}, "1 bad 1", "1 bad 1"},
		"a deadband of nothing":      {sink.Policy{Deadband: band("0")}, "1 1 1.1", "1 1.1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newPointsRig(t)
			r.policy = c.policy
			r.begin()
			for i, value := range strings.Fields(c.says) {
				r.say(reading(i+1, "t="+value))
				r.rest(time.Minute)
			}
			s := r.end()
			var got []string
			for _, text := range r.sent {
				parts := strings.Fields(text)
				if len(parts) == 2 {
					parts = append(parts, "bad")
				}
				got = append(got, parts[2])
			}
			want := strings.Fields(strings.ReplaceAll(c.want, "1.0", "1"))
			if !slices.Equal(got, want) || s.Delivered+s.Skipped != uint64(len(strings.Fields(c.says))) {
				t.Errorf("%s: of %s went %v, want %v (%d delivered, %d skipped)", name, c.says, got, want, s.Delivered, s.Skipped)
			}
		})
	}
	for _, text := range []string{"-1", "-2%", "x", "", "1 %%"} {
		if err := new(unit.Deadband).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is a deadband", text)
		}
	}
}

// TestABacklogGoesNoFasterThanItMay: what is new does.
func TestABacklogGoesNoFasterThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPointsRig(t)
		r.policy.Drain = 10
		r.begin()
		take := r.send
		r.send = func([]sink.ObservationEvent) (sink.Sent, error) { return sink.Sent{}, errors.New("away") }
		for n := 1; n <= 1000; n++ {
			r.say(reading(n, "t=1"))
		}
		r.rest(time.Minute)
		r.with(func() { r.send, r.sent = take, nil })
		r.rest(30 * time.Second)
		if n := r.count(); n < 256 || n > 256+310 {
			t.Errorf("%d went in half a minute, at 10 a second behind a burst of 256", n)
		}
		r.rest(10 * time.Minute)
		if n := r.count(); n != 1000 {
			t.Errorf("%d went, want 1000", n)
		}
		r.end()
	})
}

// TestABacklogEndsThoughMoreComesThanItMayDrain: what comes while it waits is no backlog.
func TestABacklogEndsThoughMoreComesThanItMayDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPointsRig(t)
		r.policy.Drain = 10
		r.begin()
		take := r.send
		const each, seconds = 40, 600
		body := strings.TrimSpace(strings.Repeat("t=1 ", each))
		for n := 1; n <= seconds; n++ {
			switch n {
			case 20:
				r.with(func() {
					r.send = func([]sink.ObservationEvent) (sink.Sent, error) { return sink.Sent{}, errors.New("away") }
				})
			case 60:
				r.with(func() { r.send, r.sent = take, nil })
			}
			r.say(reading(n, body))
			r.rest(time.Second)
		}
		if s := r.end(); s.Delivered != each*seconds || s.Last.Late {
			t.Errorf("of %d observations %d went, the last one late: %v", each*seconds, s.Delivered, s.Last.Late)
		}
	})
}

// TestWhatRetentionFreedIsNamed in the status, in a count, and once.
func TestWhatRetentionFreedIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPointsRig(t)
		r.begin()
		take := r.send
		r.send = func([]sink.ObservationEvent) (sink.Sent, error) { return sink.Sent{}, errors.New("away") }
		r.say(reading(1, "t=1"))
		from := time.Now()
		overtaken := sink.Overtaken{Records: 5, From: from, Until: from.Add(time.Second)} // that in hand is among them
		r.with(func() { r.overtaken = overtaken })
		r.rest(time.Minute)
		s := r.loop.Status()
		if s.Overtaken == nil || s.Overtaken.Records != 5 {
			t.Fatalf("status %+v", s)
		}
		r.with(func() { r.send = take })
		r.rest(time.Hour)
		if s := r.end(); s.Overtaken == nil || s.Overtaken.Records != 4 || s.Delivered != 1 {
			t.Errorf("it went all the same: overtaken %+v of %+v", s.Overtaken, s)
		}
		r.recorder.Want(t, "freed before it was delivered", []telemetry.Counters{telemetry.SinkOvertaken}, 5)
	})
}

// TestAPeerThatIsAwayAtTheFirstStartMissesNothing: a sink begins when it is started, not once it is open.
func TestAPeerThatIsAwayAtTheFirstStartMissesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPointsRig(t)
		tries := 0
		r.kind = sink.NewPoints("peer", func(context.Context, struct{}, sink.Env) (sink.PointSink, error) {
			if tries++; tries < 5 {
				return nil, errors.New("nobody is there")
			}
			return r, nil
		})
		r.say(reading(1, "t=1"))
		r.rest(time.Second)
		r.begin()
		r.say(reading(2, "t=2"))
		r.rest(time.Minute)
		r.want("what was read while nobody was there", "t 2 2")
		r.end()
	})
}
