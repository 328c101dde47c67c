package sink

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/observed"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/telemetry"
)

const (
	mostSent     = 256              // observations that a sink is given at once
	drainsAfter  = 10 * time.Second // at this age an observation has waited, and goes no faster than it came and the policy adds
	receiptEvery = 10 * time.Minute // between receipts: one for each point would be more than the evidence
	lookEvery    = 5 * time.Second  // for what retention freed
)

// An outgoing is an observation with the record that it is of.
type outgoing struct {
	key, id  string // of the record
	node     string
	sequence uint64
	appended time.Time
}

// A points is what the loop of a sink of points keeps beside what every loop does.
type points struct {
	make  func(context.Context, dodona.Record) ([]ObservationEvent, error)
	drain *rate.Limiter
	came  arrivals // of what was delivered

	overtaken Overtaken // as the journal counted it last
	saved     uint64    // of that: records which were in hand, and were delivered all the same
	looked    time.Time
	failed    bool // since it was looked for last

	unsaid   observed.Tally // of what was delivered since the last receipt
	last     outgoing       // of them
	receipts time.Time
}

// runPoints delivers the points of readings until ctx ends.
func (l *Loop) runPoints(ctx context.Context) error {
	begin, fresh, ok := l.begin(ctx, observed.Begin)
	if !ok {
		return nil
	}
	if !fresh && !l.sayLeft(ctx) { // before its reader forgets of what it was
		return nil
	}
	p := &points{make: l.c.Env.filled().Points, drain: rate.NewLimiter(rate.Limit(l.c.Policy.Drain), mostSent), receipts: l.c.Now()}
	defer func() { l.receiptOfPoints(ctx, p) }()
	l.lookForOvertaken(ctx, p, true)
	started := l.c.Now()
	for recs, err := range l.c.Journal.From(ctx, l.c.Reader, dodona.TopicReading) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read for sink %s: %w", l.c.Name, err)
		}
		l.set(func(s *Status) { s.Unfinished = len(recs) })
		// What a start finds may have been sent, however many slices it is: the store notes a position some time after it was told.
		again := func(rec dodona.Record) bool { return !fresh && rec.Appended.Before(started) }
		if !l.deliverPoints(ctx, p, recs, begin, again) {
			return nil
		}
		l.save(ctx, p, recs)
		l.set(func(s *Status) { s.Unfinished = 0 })
	}
	return nil
}

// deliverPoints delivers the points of some records, a part of them at a time; false: ctx ended.
func (l *Loop) deliverPoints(ctx context.Context, p *points, recs []dodona.Record, begin time.Time, again func(dodona.Record) bool) bool {
	var events []ObservationEvent
	var of []outgoing
	for _, rec := range recs {
		if rec.Appended.Before(begin) {
			l.pass(rec, telemetry.SinkSkipped, func(s *Status) { s.Skipped++ })
			continue
		}
		made, err := p.make(ctx, rec)
		if ctx.Err() != nil {
			return false
		}
		if err != nil {
			l.unmade(rec, err)
			continue
		}
		for _, e := range made {
			if l.circles(rec, &e) {
				continue
			}
			if !l.reports(e) {
				l.pass(rec, telemetry.SinkSkipped, func(s *Status) { s.Skipped++ })
				continue
			}
			e.Resent = again(rec)
			events, of = append(events, e), append(of, outgoing{key: rec.Key, id: rec.ID, node: rec.Node, sequence: rec.Sequence, appended: rec.Appended})
		}
		if len(events) >= mostSent {
			if !l.send(ctx, p, events, of) {
				return false
			}
			events, of = events[:0], of[:0]
		}
	}
	return l.send(ctx, p, events, of)
}

// unmade counts a reading of which no points can be made.
func (l *Loop) unmade(rec dodona.Record, err error) {
	l.c.Log.Error("no points can be made of a reading; it is passed over", "source", rec.Key, "record", rec.ID, "error", err)
	l.pass(rec, telemetry.SinkSkipped, func(s *Status) {
		s.Skipped++
		s.LastError, s.ErrorTime = told(fmt.Sprintf("reading %s of %s is passed over: %v", rec.ID, rec.Key, err)), l.c.Now()
	})
}

// send gives observations to the sink until it is done with all; false: ctx ended.
func (l *Loop) send(ctx context.Context, p *points, events []ObservationEvent, of []outgoing) bool {
	refused, attempt := 0, 0 // of the first
	for len(events) > 0 {
		l.set(func(s *Status) { s.Queue, s.Oldest = len(events), of[0].appended })
		given := events[:min(len(events), mostSent)]
		if !l.pace(ctx, p, of[:len(given)]) {
			return false
		}
		for i := range given {
			given[i].Late = l.c.Now().Sub(of[i].appended) > lateAfter
		}
		sent, err := l.sendOnce(ctx, given)
		for i := sent.Done; i < sent.Tried; i++ {
			given[i].Resent = true
		}
		l.took(p, given[:sent.Done], of)
		if events, of = events[sent.Done:], of[sent.Done:]; sent.Done > 0 {
			refused, attempt = 0, 0
		}
		if ctx.Err() != nil {
			return false
		}
		l.receiptWhenDue(ctx, p)
		if err == nil {
			l.worked()
			if l.stalled && !l.tell(ctx, "mended", "its peer takes points again") {
				return false
			}
			continue
		}
		attempt++
		p.failed = true
		l.lookForOvertaken(ctx, p, false)
		if dodona.IsPermanent(err) {
			if refused++; refused >= l.c.Policy.GiveUp || isNever(err) {
				if !l.buryPoint(ctx, events[0], of[0], refused, err) {
					return false
				}
				events, of, refused, attempt = events[1:], of[1:], 0, 0
				continue
			}
		}
		wait := l.wait(err, attempt)
		l.failed("deliver "+events[0].Point, err, attempt, wait)
		if isStalled(err) && !l.stalled && !l.tell(ctx, "stalled", err.Error()) {
			return false
		}
		if !backoff.Wait(ctx, wait) {
			return false
		}
	}
	l.set(func(s *Status) { s.Queue, s.Oldest = 0, time.Time{} })
	return true
}

// pace waits until observations that have waited may go; false: ctx ended.
func (l *Loop) pace(ctx context.Context, p *points, of []outgoing) bool {
	waited, now := 0, l.c.Now()
	for _, o := range of {
		if now.Sub(o.appended) > drainsAfter {
			waited++
		}
	}
	p.drain.SetLimit(rate.Limit(float64(l.c.Policy.Drain) + p.came.rate)) // else what comes meanwhile waits in its turn, and it never ends
	return waited == 0 || p.drain.WaitN(ctx, waited) == nil
}

// arrivals is how fast observations came that go now, by when they were kept: of what was kept in less than arrivesIn nobody knows yet.
type arrivals struct {
	rate  float64 // a second
	since time.Time
	n     int
}

const arrivesIn = 5 * time.Second

func (a *arrivals) note(at time.Time) {
	switch took := at.Sub(a.since); {
	case a.since.IsZero(), took < 0: // a clock was set back
		a.since, a.n = at, 0
	case took >= arrivesIn:
		a.rate, a.since, a.n = float64(a.n)/took.Seconds(), at, 0
	}
	a.n++
}

// sendOnce gives observations to the sink once. A panic is an error.
func (l *Loop) sendOnce(ctx context.Context, events []ObservationEvent) (sent Sent, err error) {
	returned := l.watch(ctx, "deliver "+events[0].Point, l.pending)
	defer returned()
	begun := time.Now()
	ctx, end := l.c.Recorder.Span(ctx, telemetry.Deliver(l.c.Name))
	defer func() { end(err) }()
	defer func() {
		if v := recover(); v != nil {
			l.c.Log.Error("a sink panicked", "panic", v, "stack", string(debug.Stack()))
			sent, err = Sent{Tried: len(events)}, fmt.Errorf("panic: %v", v)
		}
		l.c.Recorder.Time(telemetry.SinkExchange.Of(l.c.Name), time.Since(begun))
	}()
	sent, err = l.sink.(PointSink).Send(ctx, events)
	sent.Done = min(max(sent.Done, 0), len(events))
	sent.Tried = min(max(sent.Tried, sent.Done), len(events))
	if err == nil && sent.Done == 0 {
		err = errors.New("the sink ended without an error before anything was acknowledged")
	}
	return sent, err
}

// took counts what the peer has acknowledged.
func (l *Loop) took(p *points, done []ObservationEvent, of []outgoing) {
	if len(done) == 0 {
		return
	}
	now := l.c.Now()
	for i := range done {
		l.c.Recorder.Time(telemetry.SinkDelivery.Of(l.c.Name), now.Sub(of[i].appended))
		p.came.note(of[i].appended)
	}
	l.c.Recorder.Count(telemetry.SinkDelivered.Of(l.c.Name), uint64(len(done)))
	for i, e := range done {
		p.unsaid.Add(of[i].node, of[i].sequence, e.Resent)
	}
	p.last = of[len(done)-1]
	p.unsaid.Part = len(of) > len(done) && of[len(done)].key == p.last.key && of[len(done)].id == p.last.id
	last, unsaid := done[len(done)-1], p.unsaid
	unsaid.Again = slices.Clone(unsaid.Again)
	l.set(func(s *Status) {
		s.Delivered += uint64(len(done))
		s.Unsaid = unsaid
		s.Last = &Delivered{Topic: dodona.TopicReading, Feed: last.Point, Record: last.ID, At: now, Late: last.Late}
	})
}

// receiptWhenDue writes a receipt of what was delivered since the last one, now and then.
func (l *Loop) receiptWhenDue(ctx context.Context, p *points) {
	if l.c.Now().Sub(p.receipts) >= receiptEvery {
		l.receiptOfPoints(ctx, p)
	}
}

// receiptOfPoints writes a receipt of all that was delivered since the last one: it names the last record. What a sink has delivered its reader's
// position says; receipts are for people, and for the years after the readings are gone.
func (l *Loop) receiptOfPoints(ctx context.Context, p *points) {
	p.receipts = l.c.Now()
	if p.unsaid.Count == 0 {
		return
	}
	r := dodona.Receipt{
		Sink: l.c.Name, Topic: dodona.TopicReading, Key: p.last.key, Record: p.last.id, Status: dodona.ReceiptDelivered, At: p.receipts,
		Detail: p.unsaid.String(),
	}
	rec, err := ReceiptRecord(r)
	if p.unsaid.Part {
		rec.ID += ".part" // so that the receipt of all of the record is another one
	}
	if err == nil && l.keep(ctx, "write receipt", rec) {
		p.unsaid = observed.Tally{}
	}
}

// buryPoint writes the receipt of an observation that is refused for good, and tells of it.
func (l *Loop) buryPoint(ctx context.Context, e ObservationEvent, of outgoing, times int, cause error) bool {
	return l.bury(ctx, dodona.Record{Topic: dodona.TopicReading, Key: e.Point, ID: e.ID, Appended: of.appended}, times, cause)
}

// measure counts what waits behind the records in hand, now and then until ctx ends, also while the peer does not answer.
func (l *Loop) measure(ctx context.Context) {
	if l.c.Backlog == nil {
		return
	}
	for again := true; again; again = backoff.Wait(ctx, lookEvery) {
		if n, err := l.c.Backlog(ctx); err == nil { // else as it was: whoever reads the journal says why
			l.set(func(s *Status) { l.behind = max(int64(min(n, math.MaxInt32))-int64(s.Unfinished), 0) })
		}
	}
}

// lookForOvertaken asks the journal, now and then or at once, what retention freed before it was delivered, and tells what is new.
func (l *Loop) lookForOvertaken(ctx context.Context, p *points, now bool) {
	if l.c.Overtaken == nil || !now && l.c.Now().Sub(p.looked) < lookEvery {
		return
	}
	p.looked = l.c.Now()
	o, err := l.c.Overtaken(ctx)
	if err != nil {
		if ctx.Err() == nil {
			l.c.Log.Warn("what retention freed before it was delivered is not known now", "error", err)
		}
		return
	}
	if o.Records <= p.overtaken.Records {
		return
	}
	l.c.Recorder.Count(telemetry.SinkOvertaken.Of(l.c.Name), o.Records-p.overtaken.Records)
	p.overtaken = o
	l.set(func(s *Status) {
		s.LastError, s.ErrorTime = fmt.Sprintf("the journal kept no room: at most %s from %s to %s, each with all values that were read at once, were freed before they were delivered; journal.raw says how much is kept",
			unit.Count(o.Records, "exchange"), o.From.UTC().Format(time.RFC3339), o.Until.UTC().Format(time.RFC3339)), l.c.Now()
	})
	l.tellOvertaken(p)
}

func (l *Loop) tellOvertaken(p *points) {
	o := p.overtaken
	o.Records -= min(p.saved, o.Records)
	l.set(func(s *Status) { s.Overtaken = &o })
}

// save counts which of the records that are delivered now retention had freed meanwhile.
func (l *Loop) save(ctx context.Context, p *points, recs []dodona.Record) {
	l.lookForOvertaken(ctx, p, p.failed)
	p.failed = false
	if p.overtaken.Records == 0 {
		return
	}
	for _, rec := range recs {
		if !rec.Appended.After(p.overtaken.Until) {
			p.saved++
		}
	}
	l.tellOvertaken(p)
}
