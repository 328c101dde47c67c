package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/sign"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/source"
)

// A deliverer is the role that gives answers to sinks: a loop for each.
type deliverer struct {
	basics
	*desk
	version string
	out     *sink.Out
	kinds   map[string]sink.Kind
	journal *journal.Journal

	sources  map[string]source.Kind
	decoders program.Decoders
	id       identity
	opened   time.Time // before any source was read

	sinks *fleet[*sink.Loop]

	follows *config.Config // what runs; the role's own

	mu   sync.Mutex
	held map[string]string // what a sink has for itself alone, and its name
}

func newDeliverer(b basics, j *journal.Journal, id identity, o Options) *deliverer {
	kinds := make(map[string]sink.Kind)
	for _, k := range o.Sinks {
		kinds[k.Name()] = k
	}
	return &deliverer{
		basics: b, desk: newDesk(), version: o.Version, out: sink.NewOut(o.Out), kinds: kinds, journal: j, id: id, sources: sourceKinds(o.Kinds), decoders: program.DecodersOf(o.Kinds...),
		opened: b.now(), sinks: newFleet[*sink.Loop](), held: make(map[string]string),
	}
}

func (d *deliverer) readers(c *config.Config) (names []string) {
	for _, s := range c.Sinks {
		names = append(names, readerOfSink(s))
	}
	return names
}

// deliver runs all sinks of the configuration until ctx ends.
func (d *deliverer) deliver(ctx context.Context) error {
	defer d.sinks.wait()
	return d.work(ctx, func(ctx context.Context) error {
		d.follows = d.config()
		for _, s := range d.follows.Sinks {
			if err := d.start(ctx, d.follows, s, nil, d.opened); err != nil {
				return err
			}
		}
		return nil
	})
}

// start starts a sink, which begins at an instant if it was never there. Gone are the points of each source that it delivered before.
func (d *deliverer) start(ctx context.Context, c *config.Config, s config.Sink, gone map[string][]string, since time.Time) error {
	kind, found := d.kinds[s.Kind]
	if !found {
		return fmt.Errorf("start sink %s: this build has no kind %q of sinks", s.Name, s.Kind)
	}
	d.recorder.Know("sink", s.Name)
	d.recorder.Know("reader", readerOfSink(s))
	with := sink.Config{
		Name: s.Name, Kind: kind, Settings: s.Settings, Policy: s.Policy, Env: d.env(c, s), Reader: sinkReader(s.Name),
		Journal: d.journal.Only(dodona.TopicData, s.Policy.Feeds...), Now: d.now, Log: d.log, Recorder: d.recorder, Since: since,
	}
	if s.OfPoints {
		if err := d.feedPoints(c, s, gone, &with); err != nil {
			return fmt.Errorf("start sink %s: %w", s.Name, err)
		}
	}
	with.Stands = func(ctx context.Context) (bool, error) { return d.journal.Stands(ctx, with.Reader) }
	loop := sink.New(with)
	d.sinks.start(ctx, s.Name, loop, func(ctx context.Context) {
		if err := loop.Run(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("a sink has stopped; restart the node", "sink", s.Name, "error", err)
		}
	})
	return nil
}

// env returns what a sink may use.
func (d *deliverer) env(c *config.Config, s config.Sink) sink.Env {
	env := sink.Env{
		Node: c.Node.Name, Mark: d.id.mark(c.Node.Name), Version: d.version, Network: d.id.network.ID(), Out: d.out, Append: d.journal.Append,
		Ledger:      d.journal.Own(),
		Wallet:      func(k keyfile.Key) (sink.Wallet, error) { return d.wallet("sinks."+s.Name+"."+s.Kind+".key", k) },
		Known:       d.feeds,
		AnchorEvery: func() time.Duration { return d.config().Anchor.Every },
		Hold:        func(what string) (func(), error) { return d.hold(s.Name, what) },
	}
	for _, name := range c.SinkFeeds(s) {
		if f, found := c.Feed(name); found {
			env.Feeds = append(env.Feeds, f.Feed)
		}
	}
	return env
}

// feeds returns all that are configured by now.
func (d *deliverer) feeds() (list []dodona.Feed) {
	for _, f := range d.config().Feeds {
		list = append(list, f.Feed)
	}
	return list
}

// hold keeps something for one sink alone until it is released.
func (d *deliverer) hold(sink, what string) (release func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if holder, held := d.held[what]; held {
		return nil, fmt.Errorf("sink %q has %s for itself", holder, what)
	}
	d.held[what] = sink
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.held, what)
	}, nil
}

// wallet opens the key that a sink pays with, by the setting that names it.
func (d *deliverer) wallet(setting string, k keyfile.Key) (sink.Wallet, error) {
	if k.IsZero() {
		return d.id.key, nil
	}
	return sign.Open(setting, k)
}

// follow stops the sinks that go, then starts those that come.
func (d *deliverer) follow(next *config.Config, c config.Changes) error {
	return d.ask(func(ctx context.Context) error {
		if d.follows == next {
			return nil // the role began with it
		}
		old := d.follows
		d.follows = next
		d.sinks.stop(slices.Concat(c.Sinks.Removed, c.Sinks.Changed)...)
		for _, name := range c.Sinks.Removed {
			d.recorder.Forget("sink", name)
			d.recorder.Forget("reader", sinkReader(name))
			d.recorder.Forget("reader", pointsReader(name))
		}
		for _, name := range slices.Concat(c.Sinks.Changed, c.Sinks.Added) {
			if s, found := next.Sink(name); found {
				if err := d.start(ctx, next, s, gonePoints(old, next, name), d.now()); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// resend gives an answer, or an anchor, to a sink once more.
func (d *deliverer) resend(ctx context.Context, name string, topic dodona.Topic, key string, round dodona.Round) (dodona.Receipt, error) {
	loop, found := d.sinks.get(name)
	if !found {
		return dodona.Receipt{}, fmt.Errorf("sink %q: %w: this process runs %s", name, dodona.ErrNotFound, d.names())
	}
	rec, err := dodona.Find(ctx, d.journal.Own(), topic, key, round)
	if errors.Is(err, dodona.ErrNotFound) {
		return dodona.Receipt{}, unkeptError{topic, key, round}
	}
	if err != nil {
		return dodona.Receipt{}, fmt.Errorf("%s of %s: %w", round, key, err)
	}
	return loop.Resend(ctx, rec)
}

// An unkeptError says of a record that is sought by its round that the journal has it no more, or never had it.
type unkeptError struct {
	topic dodona.Topic
	key   string
	round dodona.Round
}

func (e unkeptError) Error() string {
	what := fmt.Sprintf("no answer of %s for round %s", e.key, e.round)
	if e.topic == dodona.TopicAnchor {
		what = fmt.Sprintf("no anchor of %s whose window ends at %s", e.key, e.round)
	}
	return "the journal keeps " + what + ": it was missed or never due, or is older than journal.proof lets it be"
}

func (unkeptError) Unwrap() error { return dodona.ErrNotFound }

// names lists the sinks that run.
func (d *deliverer) names() string {
	names := slices.Sorted(maps.Keys(d.sinks.all()))
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// status returns how every sink stands, sorted by name.
func (d *deliverer) status() []sink.Status {
	list := make([]sink.Status, 0)
	for _, loop := range d.sinks.all() {
		list = append(list, loop.Status())
	}
	slices.SortFunc(list, func(a, b sink.Status) int { return strings.Compare(a.Name, b.Name) })
	return list
}
