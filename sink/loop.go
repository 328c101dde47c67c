package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/patience"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/telemetry"
)

// Config is what a loop needs.
type Config struct {
	Name     string
	Kind     Kind
	Settings any
	Env      Env // Sink, Policy, Now, Log and Recorder are filled from here
	Policy   Policy

	Journal  dodona.Journal
	Reader   string // the name under which it reads Journal, where its position is kept
	Now      func() time.Time
	Log      *slog.Logger
	Recorder telemetry.Recorder
	Backoff  backoff.Backoff // between tries; zero: 1 s to 1 min
}

// A Loop gives one sink what the journal holds. Make it with New, then Run it once.
type Loop struct {
	c    Config
	sink dodona.Sink // nil until it is open

	turn   chan struct{} // full while the sink has a record that it gives receipts of
	ending chan struct{} // closed when Run ends

	mu      sync.Mutex
	status  Status            // but for the records that the sink holds itself
	held    int               // those
	passed  map[string]uint64 // by feed: records not delivered since its last receipt
	last    map[string]*Said  // by feed, for kinds that leave the policy to the loop
	stalled bool              // the peer's trouble has been told

	done *ended // what has a receipt of a former process; nil until the first records come, empty without one
}

// lateAfter is the age at which a record that could not go earlier is marked.
const lateAfter = time.Minute

// New returns a loop. It opens nothing.
func New(c Config) *Loop {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Recorder == nil {
		c.Recorder = telemetry.Nop
	}
	if c.Backoff == (backoff.Backoff{}) {
		c.Backoff = backoff.Backoff{Min: time.Second, Max: time.Minute}
	}
	c.Policy = c.Policy.With(c.Kind)
	c.Log = c.Log.With("sink", c.Name)
	c.Env.Sink, c.Env.Policy, c.Env.Now, c.Env.Log, c.Env.Recorder = c.Name, c.Policy, c.Now, c.Log, c.Recorder
	l := &Loop{
		c: c, turn: make(chan struct{}, 1), ending: make(chan struct{}), passed: make(map[string]uint64), last: make(map[string]*Said),
		status: Status{Name: c.Name, Kind: c.Kind.Name(), State: Starting, Policy: c.Policy.Policy, Feeds: c.Policy.Feeds},
	}
	l.c.Env.Holds = func(records int) { l.set(func(*Status) { l.held = records }) }
	return l
}

// Run opens the sink and delivers until ctx ends; then it closes the sink and returns nil. It returns an error only if
// the journal is closed or read wrongly.
func (l *Loop) Run(ctx context.Context) error {
	defer l.set(func(s *Status) { s.State, s.NextTry = Stopped, time.Time{} })
	defer l.close()
	defer close(l.ending)
	if !l.open(ctx) {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	if r, ok := l.sink.(interface{ Run(context.Context) error }); ok {
		beside.Go(func() { l.runBeside(ctx, r.Run) })
	}
	topics := []dodona.Topic{dodona.TopicData}
	if l.c.Policy.Anchors {
		topics = append(topics, dodona.TopicAnchor)
	}
	begin, ok := l.begin(ctx)
	if !ok || !l.recall(ctx) {
		return nil
	}
	for recs, err := range l.c.Journal.From(ctx, l.c.Reader, topics...) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read for sink %s: %w", l.c.Name, err)
		}
		if !l.lookBack(ctx, recs) || !l.deliver(ctx, l.done.without(l.chosen(recs, begin))) {
			return nil
		}
	}
	return nil
}

// open opens the sink, however long that takes; false: ctx ended.
func (l *Loop) open(ctx context.Context) bool {
	return l.again(ctx, "open", func() error {
		sink, err := l.c.Kind.Open(ctx, l.c.Settings, l.c.Env)
		if err == nil {
			l.mu.Lock()
			l.sink = sink
			l.mu.Unlock()
		}
		return err
	})
}

func (l *Loop) close() {
	l.turn <- struct{}{} // whoever has it hears that the loop ends
	defer func() { <-l.turn }()
	l.set(func(s *Status) { s.State = Stopped })
	if c, ok := l.sink.(io.Closer); ok {
		if err := c.Close(); err != nil {
			l.c.Log.Warn("close sink", "error", err)
		}
	}
}

// runBeside runs what a sink does by itself, again if it breaks.
func (l *Loop) runBeside(ctx context.Context, run func(context.Context) error) {
	l.again(ctx, "run", func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				l.c.Log.Error("a sink panicked", "panic", p, "stack", string(debug.Stack()))
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		if err = run(ctx); err == nil && ctx.Err() == nil {
			err = errors.New("ended by itself")
		}
		return err
	})
}

// begin returns when the sink was first there: what was attested before was not meant for it. It is journaled, so that
// a restart remembers it.
func (l *Loop) begin(ctx context.Context) (at time.Time, ok bool) {
	const id = "begin"
	ok = l.again(ctx, "begin", func() error {
		for rec, err := range l.c.Env.filled().Ledger.Scan(ctx, dodona.TopicIntent, l.c.Name, nil) {
			if err != nil {
				return fmt.Errorf("look for its first start: %w", err)
			}
			if rec.ID == id {
				return json.Unmarshal(rec.Body, &at)
			}
			return nil // so old that the journal has forgotten its beginning: everything is meant for it
		}
		at = l.c.Now()
		body, err := json.Marshal(at)
		if err != nil {
			return err
		}
		return l.c.Journal.Append(ctx, dodona.Record{Topic: dodona.TopicIntent, Key: l.c.Name, ID: id, Body: body})
	})
	return at, ok
}

// again calls f until it succeeds; false: ctx ended before.
func (l *Loop) again(ctx context.Context, what string, f func() error) bool {
	return patience.Retry(ctx, l.c.Backoff, f, l.failing(what)) == nil
}

// journal appends records, however long that takes; false: ctx ended. One that the journal can never take is given up, so
// that the sink goes on.
func (l *Loop) journal(ctx context.Context, what string, recs ...dodona.Record) bool {
	err := patience.Divide(recs, func(part []dodona.Record) error {
		return patience.RetryUnlessPermanent(ctx, l.c.Backoff, func() error { return l.c.Journal.Append(ctx, part...) }, l.failing(what))
	}, func(rec dodona.Record, never error) error {
		now := l.c.Now()
		l.c.Recorder.Count(telemetry.SinkUnkept.Of(l.c.Name), 1)
		l.c.Log.Error("the journal can never take this; it is dropped", "step", what, "record", rec.ID, "error", never)
		l.set(func(s *Status) {
			s.Failures++
			s.LastError, s.ErrorTime = what+": dropped: "+never.Error(), now
		})
		return nil
	})
	return err == nil
}

func (l *Loop) failing(what string) patience.Failed {
	return func(err error, attempt int, wait time.Duration) { l.failed(what, err, attempt, wait) }
}

func (l *Loop) failed(what string, err error, attempt int, wait time.Duration) {
	now := l.c.Now()
	l.c.Recorder.Count(telemetry.SinkFailures.Of(l.c.Name), 1)
	l.c.Log.Warn("delivery waits", "step", what, "error", err, "attempt", attempt, "again in", unit.Roughly(wait))
	state := Retrying
	if isStalled(err) {
		state = Stuck
	}
	l.set(func(s *Status) {
		s.Failures++
		s.State, s.LastError, s.ErrorTime, s.Attempt, s.NextTry = state, told(err.Error()), now, attempt, now.Add(wait)
	})
}

// chosen returns what of a slice is for this sink by its policy, and counts the rest.
func (l *Loop) chosen(recs []dodona.Record, begin time.Time) []dodona.Record {
	wanted := make([]dodona.Record, 0, len(recs))
	for _, rec := range recs {
		switch {
		case rec.Topic == dodona.TopicAnchor:
		case len(l.c.Policy.Feeds) > 0 && !slices.Contains(l.c.Policy.Feeds, rec.Key):
			continue
		}
		if l.foreign(rec) {
			continue
		}
		if rec.Appended.Before(begin) {
			l.pass(rec, telemetry.SinkSkipped, func(s *Status) { s.Skipped++ })
			continue
		}
		wanted = append(wanted, rec)
	}
	if l.c.Kind.slot || l.c.Policy.Policy == Every {
		return wanted
	}
	return l.newest(wanted)
}

// newest keeps the newest answer of each feed, if it is due.
func (l *Loop) newest(recs []dodona.Record) []dodona.Record {
	last := make(map[string]int)
	for i, rec := range recs {
		if rec.Topic == dodona.TopicData {
			last[rec.Key] = i
		}
	}
	kept := recs[:0]
	for i, rec := range recs {
		switch {
		case rec.Topic != dodona.TopicData:
		case last[rec.Key] != i:
			l.pass(rec, telemetry.SinkSuperseded, func(s *Status) { s.Superseded++ })
			continue
		case !l.due(rec):
			l.pass(rec, telemetry.SinkSkipped, func(s *Status) { s.Skipped++ })
			continue
		}
		kept = append(kept, rec)
	}
	return kept
}

func (l *Loop) due(rec dodona.Record) bool {
	said, err := SaidIn(rec)
	return err != nil || l.c.Policy.Due(l.last[rec.Key], said)
}

// pass counts a record that is not delivered.
func (l *Loop) pass(rec dodona.Record, c telemetry.Counters, count func(*Status)) {
	l.c.Recorder.Count(c.Of(l.c.Name), 1)
	l.set(count)
	l.passed[rec.Key]++
}

// deliver gives records to the sink until it is done with all; false: ctx ended. A sink that gives receipts has one
// record at a time, so that each receipt is written before the next record goes: whenever the process is killed, one
// record at most is without the receipt that it should have.
func (l *Loop) deliver(ctx context.Context, recs []dodona.Record) bool {
	refused := 0 // for good, of the first record
	for attempt := 1; len(recs) > 0; attempt++ {
		l.set(func(s *Status) { s.Queue, s.Oldest = len(recs), recs[0].Appended })
		if ctx.Err() != nil {
			return false
		}
		given := recs
		if !l.c.Kind.slot {
			given = recs[:1]
		}
		err, alive := l.give(ctx, given)
		if !alive {
			return false
		}
		if err == nil { // even if ctx has ended: what is done must not be given again
			recs = recs[len(given):]
			attempt, refused = 0, 0
			l.worked()
			if l.stalled && !l.tell(ctx, "mended", "its peer takes records again") {
				return false
			}
			continue
		}
		if ctx.Err() != nil {
			return false
		}
		if dodona.IsPermanent(err) {
			if refused++; refused >= l.c.Policy.GiveUp {
				if !l.bury(ctx, recs[0], err) {
					return false
				}
				recs, refused, attempt = recs[1:], 0, 0
				continue
			}
		}
		wait := l.wait(err, attempt)
		l.failed("deliver "+recs[0].Key+" "+recs[0].ID, err, attempt, wait)
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

// give gives records to the sink once, and writes the receipt, if it gives one; false: ctx ended.
func (l *Loop) give(ctx context.Context, recs []dodona.Record) (err error, alive bool) {
	if !l.c.Kind.slot {
		select {
		case l.turn <- struct{}{}:
			defer func() { <-l.turn }()
		case <-ctx.Done():
			return nil, false
		}
	}
	receipts, err := l.try(ctx, recs)
	if l.c.Kind.slot || len(receipts) == 0 {
		return err, true
	}
	return nil, l.write(ctx, recs[0], receipts[0]) // it is done with what it was given
}

// wait returns how long to wait after an error: what the peer asked for, or else by back-off.
func (l *Loop) wait(err error, attempt int) time.Duration {
	var asked interface{ RetryAfter() time.Duration }
	if errors.As(err, &asked) {
		if d := asked.RetryAfter(); d > 0 {
			return min(d, mostRetryAfter)
		}
	}
	return l.c.Backoff.Next(attempt, nil)
}

// mostRetryAfter bounds what a peer can ask for.
const mostRetryAfter = time.Hour

// try gives records to the sink once. A panic is an error: one bad record must not take the node down.
func (l *Loop) try(ctx context.Context, recs []dodona.Record) (receipts []dodona.Receipt, err error) {
	defer func() {
		if p := recover(); p != nil {
			l.c.Log.Error("a sink panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	begun := time.Now()
	defer func() {
		if len(receipts) > 0 || err != nil { // else it delivers in its own time
			l.c.Recorder.Time(telemetry.SinkExchange.Of(l.c.Name), time.Since(begun))
		}
	}()
	ctx, end := l.c.Recorder.Span(ctx, telemetry.Deliver(l.c.Name))
	defer func() { end(err) }()
	return l.sink.Deliver(ctx, recs)
}

func (l *Loop) worked() {
	l.set(func(s *Status) { s.State, s.Attempt, s.NextTry = OK, 0, time.Time{} })
}

// write journals the receipt of a record that was delivered.
func (l *Loop) write(ctx context.Context, rec dodona.Record, r dodona.Receipt) bool {
	r.Sink, r.Topic, r.Key, r.Record = l.c.Name, rec.Topic, rec.Key, rec.ID
	if r.At.IsZero() {
		r.At = l.c.Now()
	}
	r.Late = Late(rec, r.At)
	r.Passed = l.passed[rec.Key]
	written, err := ReceiptRecord(r)
	if err != nil {
		l.c.Log.Error("a receipt cannot be written", "error", err)
		return true
	}
	if !l.keep(ctx, "write receipts", written) {
		return false
	}
	delete(l.passed, rec.Key)
	l.c.Recorder.Count(telemetry.SinkDelivered.Of(l.c.Name), 1)
	if !rec.Appended.IsZero() {
		l.c.Recorder.Time(telemetry.SinkDelivery.Of(l.c.Name), r.At.Sub(rec.Appended))
	}
	if said, err := SaidIn(rec); err == nil && rec.Topic == dodona.TopicData {
		l.last[rec.Key] = &said
	}
	l.set(func(s *Status) {
		s.Delivered++
		s.Last = &Delivered{Feed: rec.Key, Record: rec.ID, At: r.At, Late: r.Late}
	})
	return true
}

// Late reports whether a record goes so much later than it was attested that its reader should know.
func Late(rec dodona.Record, now time.Time) bool {
	return !rec.Appended.IsZero() && now.Sub(rec.Appended) > lateAfter
}

// bury writes the receipt of a record that is refused for good and goes on with the next.
func (l *Loop) bury(ctx context.Context, rec dodona.Record, cause error) bool {
	now := l.c.Now()
	r := dodona.Receipt{
		Sink: l.c.Name, Topic: rec.Topic, Key: rec.Key, Record: rec.ID, Status: dodona.ReceiptDead,
		Detail: told(fmt.Sprintf("refused %d times: %s", l.c.Policy.GiveUp, cause)), At: now, Late: Late(rec, now),
	}
	written, err := ReceiptRecord(r)
	if err != nil {
		l.c.Log.Error("a receipt cannot be written", "error", err)
		return true
	}
	event, err := EventRecord(l.c.Name, "dead", rec.Key+" "+rec.ID+": "+r.Detail, now)
	if err != nil {
		l.c.Log.Error("an event cannot be written", "error", err)
		return true
	}
	if !l.keep(ctx, "write dead letter", written, event) {
		return false
	}
	l.c.Recorder.Count(telemetry.SinkDead.Of(l.c.Name), 1)
	l.c.Log.Error("a record is a dead letter", "feed", rec.Key, "record", rec.ID, "error", cause)
	l.set(func(s *Status) {
		s.Dead++
		s.LastError, s.ErrorTime = r.Detail, now
		s.DeadLetters = append(slices.Clone(s.DeadLetters[max(0, len(s.DeadLetters)+1-MostDeadLetters):]), LetterOf(r))
	})
	return true
}

func (l *Loop) set(change func(*Status)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.status)
	l.c.Recorder.Gauge(telemetry.SinkQueue.Of(l.c.Name), int64(l.status.Queue+l.held))
	up := int64(1)
	if l.status.State == Retrying || l.status.State == Stuck {
		up = 0
	}
	l.c.Recorder.Gauge(telemetry.SinkUp.Of(l.c.Name), up)
}

// Status returns how the sink stands.
func (l *Loop) Status() Status {
	l.mu.Lock()
	s, sink := l.status, l.sink
	s.Queue += l.held
	l.mu.Unlock()
	if r, ok := sink.(interface{ Report(*Status) }); ok {
		r.Report(&s)
	}
	return s
}
