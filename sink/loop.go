package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"strings"
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

	// Since is the beginning of a sink that was never there: what was kept before is not meant for it. Zero: the call of New. A peer that is away at the first
	// start misses nothing.
	Since time.Time
	// Newest returns when the newest record was kept that a sink of points would be given, zero if there is none: a clock that was ahead at the first start,
	// and is set right, must not make what comes then older than the sink. Nil: nobody knows.
	Newest func(ctx context.Context) (time.Time, error)
	// Stands reports whether its reader has a position, because the sink was there before; nil: nobody knows.
	Stands func(ctx context.Context) (bool, error)
	// Backlog returns how many records its reader has not finished, those in hand among them, for the metric of a sink of points; nil: nobody counts.
	Backlog func(ctx context.Context) (uint64, error)
	// Overtaken returns what retention freed before a sink of points had delivered it, since its reader was made; nil: nobody counts.
	Overtaken func(ctx context.Context) (Overtaken, error)
	// Left returns what waits for a sink of points and is not delivered any more; nil: nobody counts.
	Left func(ctx context.Context) ([]Left, error)
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
	behind  int64             // records that wait behind those in hand, of a sink of points, as they were measured last
	passed  map[string]uint64 // by feed: records not delivered since its last receipt
	last    map[string]*Said  // by feed, for kinds that leave the policy to the loop
	stalled bool              // the peer's trouble has been told

	reported map[string]reported // by point, of a sink of points
	circled  uint64              // observations that came back to a sink of points

	done *ended // what has a receipt of a former process; nil until the first records come, empty without one
}

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
	if c.Since.IsZero() {
		c.Since = c.Now()
	}
	c.Policy = c.Policy.With(c.Kind)
	c.Log = c.Log.With("sink", c.Name)
	c.Env.Sink, c.Env.Policy, c.Env.Now, c.Env.Log, c.Env.Recorder = c.Name, c.Policy, c.Now, c.Log, c.Recorder
	l := &Loop{
		c: c, turn: make(chan struct{}, 1), ending: make(chan struct{}), passed: make(map[string]uint64), last: make(map[string]*Said), reported: make(map[string]reported),
		status: Status{Name: c.Name, Kind: c.Kind.Name(), State: Starting, Policy: c.Policy.Policy, Feeds: c.Policy.Feeds},
	}
	l.c.Env.Holds = func(records int) { l.set(func(*Status) { l.held = records }) }
	if c.Kind.OfPoints(c.Policy) {
		l.status.Policy = Every
	}
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
	if l.c.Kind.OfPoints(l.c.Policy) {
		beside.Go(func() { l.measure(ctx) })
		return l.runPoints(ctx)
	}
	topics := []dodona.Topic{dodona.TopicData}
	if l.c.Policy.Anchors {
		topics = append(topics, dodona.TopicAnchor)
	}
	begin, _, ok := l.begin(ctx, "begin")
	if !ok || !l.recall(ctx) || !l.recallLetters(ctx) {
		return nil
	}
	for recs, err := range l.c.Journal.From(ctx, l.c.Reader, topics...) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read for sink %s: %w", l.c.Name, err)
		}
		l.set(func(s *Status) { s.Unfinished = len(recs) })
		if !l.lookBack(ctx, recs) || !l.deliver(ctx, l.done.without(l.chosen(recs, begin))) {
			return nil
		}
		l.set(func(s *Status) { s.Unfinished = 0 })
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
	_ = patience.Retry(ctx, l.c.Backoff, func() (err error) {
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
	}, l.failing("run")) // until ctx ends
}

// begin returns when the sink was first there, and whether that is now: what was attested or read before was not meant for it. It is journaled,
// so that a restart remembers it. The journal forgets in the end, and the position of its reader stays: whoever has one was there, and what waits is
// meant for it.
func (l *Loop) begin(ctx context.Context, id string) (at time.Time, fresh, ok bool) {
	ok = l.again(ctx, "begin", func() error {
		for rec, err := range l.c.Env.filled().Ledger.Scan(ctx, dodona.TopicIntent, l.c.Name, nil) {
			if err != nil {
				return fmt.Errorf("look for its first start: %w", err)
			}
			if rec.ID == id {
				return json.Unmarshal(rec.Body, &at)
			}
			if strings.HasPrefix(rec.ID, "begin") {
				continue // of what it delivered under another policy
			}
			return nil // so old that the journal has forgotten its beginning: everything is meant for it
		}
		if l.c.Stands != nil {
			if stands, err := l.c.Stands(ctx); err != nil || stands {
				return err
			}
		}
		at, fresh = l.c.Since.Truncate(time.Millisecond), true // as records are
		if l.c.Newest != nil {
			newest, err := l.c.Newest(ctx)
			if err != nil {
				return err
			}
			if behind := newest.Add(time.Millisecond); behind.Before(at) {
				at = behind
			}
		}
		body, err := json.Marshal(at)
		if err != nil {
			return err
		}
		return l.c.Journal.Append(ctx, dodona.Record{Topic: dodona.TopicIntent, Key: l.c.Name, ID: id, Body: body})
	})
	return at, fresh, ok
}

// again calls f, a step before the first delivery, until it succeeds; false: ctx ended before.
func (l *Loop) again(ctx context.Context, what string, f func() error) bool {
	return patience.Retry(ctx, l.c.Backoff, func() error {
		before := l.Status().State
		returned := l.watch(ctx, what, l.slow)
		err := f()
		if returned() {
			l.set(func(s *Status) { s.State = before })
		}
		return err
	}, l.failing(what)) == nil
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

func (l *Loop) set(change func(*Status)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.status)
	l.c.Recorder.Gauge(telemetry.SinkQueue.Of(l.c.Name), int64(l.status.Queue+l.held)+l.behind)
	up := int64(1)
	switch l.status.State {
	case Retrying, Refused, Stuck, Stopped:
		up = 0
	}
	l.c.Recorder.Gauge(telemetry.SinkUp.Of(l.c.Name), up)
}

// TopicOf returns where the sink delivers an observation; empty if that is not known, or it has no such places.
func (l *Loop) TopicOf(e ObservationEvent) string {
	if t, ok := l.opened().(interface {
		TopicOf(ObservationEvent) string
	}); ok {
		return t.TopicOf(e)
	}
	return ""
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
	if n := len(s.DeadLetters); l.c.Kind.slot && s.State == OK && s.Dead > 0 && n > 0 && (s.Last == nil || s.Last.At.Before(s.DeadLetters[n-1].At)) {
		s.State = Refused // a kind that writes its own receipts
	}
	return s
}
