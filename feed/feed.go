// Package feed asks sources together, round by round, and makes one answer of what they say.
//
// Everything that decides an answer is a function of its arguments: the rules ([Document]), the readings and the round
// ([Compute], [Evaluate]). The clock and the asking stand apart ([Feed]), so a round can be replayed anywhere.
package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/telemetry"
)

// Options are what a feed is made of.
type Options struct {
	Feed     dodona.Feed // the identity; at least the name, and no more than Settings say
	Settings Settings    // empty fields have their defaults
	Node     string      // name of this node, for bundles

	// Due returns what makes the points that Settings.From names in a round, and its rules in canonical JSON for the
	// document; nil if it has none. It says the same of a round whenever it is asked: rules are what the members of a
	// network share, so all of them change in the same round.
	Due func(dodona.Round) (t dodona.Transform, extraction json.RawMessage)
	// Ask returns the readings of a source for a round, the very ones that count: of a feed that takes the latest they may be several
	// of one item, of which each has another point; of one that takes all, what no round before took. It is called once a round and source, from a goroutine of its own, and must
	// return soon after ctx ends. The readings are journaled before it returns.
	Ask func(ctx context.Context, source string, r dodona.Round) ([]dodona.Reading, error)
	// WhyLate returns why a source had no answer in time, if that is known; nil or "": nothing is.
	WhyLate func(source string) string
	// Salt returns the salt of the reading at an index of a round's sorted readings. Nil salts with zeros.
	Salt func(feed dodona.FeedID, r dodona.Round, index int) dodona.Digest

	Recorder telemetry.Recorder // nil: nobody listens
	Now      func() time.Time   // the node's clock, which may step; nil: time.Now
	Idle     func() string      // why rounds passed before Run began, as it is asked then; nil or "": the node was not running
	FirstNow bool               // Run makes its first round at once, off the grid, but once in the life of a Feed; only for 1 of 1
}

// A Feed answers one question, round by round. Its methods are safe for concurrent use, but one Run or Answer at a time
// is all that makes sense: sources still being asked by one are late to the other.
type Feed struct {
	o       Options
	doc     Document // of the first rules that were ever due; see due
	id      dodona.FeedID
	sources []string

	asks   sync.WaitGroup
	mu     sync.Mutex
	asking map[string]dodona.Round // by source: the round of an ask that has not returned
	status Status
	inARow int64        // rounds asked and missed since the last answer
	known  dodona.Round // made before, as who keeps the rounds says
}

// New returns a feed that has asked nobody yet, or every mistake in its options.
func New(o Options) (*Feed, error) {
	if o.Ask == nil || o.Due == nil {
		return nil, fmt.Errorf("make feed %q: Ask and Due are required", o.Feed.Name)
	}
	_, extraction := o.Due(0)
	doc, err := NewDocument(o.Feed.Name, o.Settings, extraction)
	if err != nil {
		return nil, err
	}
	if o.Feed.Kind != "" && o.Feed.ID() != doc.Feed.ID() {
		return nil, fmt.Errorf("make feed %q: its identity is not that of its settings", o.Feed.Name)
	}
	if o.Salt == nil {
		o.Salt = func(dodona.FeedID, dodona.Round, int) dodona.Digest { return dodona.Digest{} }
	}
	if o.Recorder == nil {
		o.Recorder = telemetry.Nop
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Settings = o.Settings.WithDefaults()
	return &Feed{
		o: o, doc: doc, id: doc.Feed.ID(), sources: sourcesOf(doc.From),
		asking: map[string]dodona.Round{},
		status: Status{Name: doc.Feed.Name, State: Stopped},
	}, nil
}

// due returns the rules of a round, and what makes its points.
func (f *Feed) due(r dodona.Round) (Document, dodona.Transform) {
	t, extraction := f.o.Due(r)
	doc := f.doc
	doc.Extraction = extraction
	return doc, t
}

// Answer asks every source in parallel, waits for them until the deadline, and returns the round's bundle, which says
// what became of each. It never fails: a round without an answer is a bundle with Missed.
//
// A source that has not returned from an earlier round is not asked again; it is late. If ctx ends meanwhile, the bundle
// says so as the reason of what is absent, and is not worth keeping.
func (f *Feed) Answer(ctx context.Context, r dodona.Round) dodona.Bundle {
	started := time.Now()
	m := f.gather(ctx, r)
	doc, transform := f.due(r)
	inside, end := f.o.Recorder.Span(ctx, telemetry.Compute(doc.Feed.Name))
	b := Compute(inside, doc, followed{f, transform}, m)
	end(nil)
	took := time.Since(started)
	b.TookMS = took.Milliseconds()
	f.record(b, took)
	return b
}

// followed is what is due in a feed, with its span.
type followed struct {
	*Feed
	transform dodona.Transform
}

func (f followed) Apply(ctx context.Context, c dodona.Call) (result dodona.Result, err error) {
	ctx, end := f.o.Recorder.Span(ctx, telemetry.Transform(f.doc.Feed.Name))
	defer func() { end(err) }()
	return f.transform.Apply(ctx, c)
}

// May reports whether a reading may have a point, as far as the transform tells.
func (f followed) May(r dodona.Reading, point string) bool {
	told, tells := f.transform.(interface {
		May(r dodona.Reading, point string) bool
	})
	return !tells || told.May(r, point)
}

// A delivery is what one ask brought.
type delivery struct {
	source   string
	readings []dodona.Reading
	err      error
}

// gather asks the sources and returns what a round is computed from.
func (f *Feed) gather(ctx context.Context, r dodona.Round) Material {
	ctx, cancel := context.WithTimeout(ctx, f.o.Settings.Deadline)
	defer cancel()
	m := Material{
		Round: r, Node: f.o.Node, Absent: map[string]Absence{},
		Salt: func(index int) dodona.Digest { return f.o.Salt(f.id, r, index) },
	}
	deliveries := make(chan delivery, len(f.sources)) // holds all, so that a late ask never blocks
	waiting := map[string]struct{}{}
	for _, source := range f.sources {
		if since, free := f.ask(ctx, source, r, deliveries); free {
			waiting[source] = struct{}{}
		} else {
			m.Absent[source] = Absence{dodona.InputLate, fmt.Sprintf("still has not answered round %v", since)}
		}
	}
	for len(waiting) > 0 {
		select {
		case d := <-deliveries:
			delete(waiting, d.source)
			f.take(ctx, &m, d)
			continue
		default: // what is there counts, even if the deadline has just passed
		}
		select {
		case d := <-deliveries:
			delete(waiting, d.source)
			f.take(ctx, &m, d)
		case <-ctx.Done():
			if len(deliveries) > 0 {
				continue
			}
			for source := range waiting {
				m.Absent[source] = f.late(ctx, source)
			}
			clear(waiting)
		}
	}
	return m
}

// ask starts an ask of its own goroutine unless one is still out; then it returns the round that one is for.
func (f *Feed) ask(ctx context.Context, source string, r dodona.Round, to chan<- delivery) (since dodona.Round, free bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if since, busy := f.asking[source]; busy {
		return since, false
	}
	f.asking[source] = r
	f.asks.Go(func() {
		d := f.exchange(ctx, source, r)
		f.mu.Lock()
		delete(f.asking, source)
		f.mu.Unlock()
		to <- d
	})
	return r, true
}

// exchange calls Ask; its panic is a failure of that source alone.
func (f *Feed) exchange(ctx context.Context, source string, r dodona.Round) (d delivery) {
	d.source = source
	defer func() {
		if p := recover(); p != nil {
			f.o.Recorder.Count(telemetry.FeedPanics.Of(f.doc.Feed.Name), 1)
			d.readings, d.err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	d.readings, d.err = f.o.Ask(ctx, source, r)
	return d
}

// take adds one delivery to a round.
func (f *Feed) take(ctx context.Context, m *Material, d delivery) {
	switch {
	case d.err != nil && ctx.Err() != nil && (errors.Is(d.err, context.DeadlineExceeded) || errors.Is(d.err, context.Canceled)):
		m.Absent[d.source] = f.late(ctx, d.source)
		return
	case d.err != nil:
		m.Absent[d.source] = Absence{dodona.InputFailed, plain.Cut(d.err.Error(), 512)}
		return
	}
	own := make([]dodona.Reading, 0, len(d.readings))
	for _, reading := range d.readings {
		if reading.Source == d.source {
			own = append(own, reading)
		}
	}
	kept, dropped := newest(Tidy(own), maxReadings)
	if dropped > 0 {
		f.o.Recorder.Count(telemetry.FeedDropped.Of(f.doc.Feed.Name), uint64(dropped))
	}
	m.Readings = append(m.Readings, kept...)
}

// late is the absence of a source that did not answer in time.
func (f *Feed) late(ctx context.Context, source string) Absence {
	if errors.Is(ctx.Err(), context.Canceled) {
		return Absence{dodona.InputFailed, "the node stopped before it answered"}
	}
	reason := fmt.Sprintf("no answer within %v", f.o.Settings.Deadline)
	if f.o.WhyLate != nil {
		if why := f.o.WhyLate(source); why != "" {
			reason += ": " + plain.Cut(why, 512)
		}
	}
	return Absence{dodona.InputLate, reason}
}

// Wait returns when every ask has returned, or with an error that names the sources still out when ctx ends.
func (f *Feed) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		f.asks.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the sources of feed %q: %v: %w", f.doc.Feed.Name, f.out(), ctx.Err())
	}
}
