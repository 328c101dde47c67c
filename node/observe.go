package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/patience"
	quantity "github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/source"
)

// An observer is the role that asks sources, finds answers and signs them: a pump for each source, a loop for each feed.
type observer struct {
	basics
	*desk
	version  string
	kinds    map[string]source.Kind
	decoders program.Decoders
	intake   *intake
	rounds   *rounds
	modules  *modules
	salt     func(feed dodona.FeedID, round dodona.Round, index int) dodona.Digest
	alone    bool // in the quorum
	judges   judgement
	takes    *takes
	peers    source.Peers // of the sources; the role's own

	pumps  *fleet[*source.Pump]
	feeds  *fleet[*computing]
	askers *fleet[asking]

	mark string // by which what the node's sinks delivered is known again

	follows *config.Config // what runs; the role's own
}

func newObserver(i *intake, m *modules, r *rounds, id identity, o Options) *observer {
	pumps := newFleet[*source.Pump]()
	return &observer{
		basics: i.basics, desk: newDesk(), version: o.Version, kinds: sourceKinds(o.Kinds), decoders: program.DecodersOf(o.Kinds...), intake: i, rounds: r, modules: m,
		mark: id.mark(i.config().Node.Name), salt: id.salt, alone: len(id.quorum.Members) == 1,
		pumps: pumps, feeds: newFleet[*computing](), askers: newFleet[asking](), takes: newTakes(pumps),
	}
}

// observe runs all sources and feeds of the configuration until ctx ends.
func (o *observer) observe(ctx context.Context) error {
	defer o.pumps.wait()
	defer o.feeds.wait()
	defer o.askers.wait()
	return o.work(ctx, func(ctx context.Context) error {
		o.follows = o.config()
		o.takes.follow(o.follows)
		turns := o.turns()
		for _, s := range o.follows.Sources {
			o.startSource(ctx, s, source.Remains{}, turns[s.Name])
		}
		for _, f := range o.follows.Feeds {
			if err := o.startFeed(ctx, o.follows, f); err != nil {
				return err
			}
		}
		o.startAskings(ctx)
		return nil
	})
}

// startSource starts a pump, with what the one before it leaves.
func (o *observer) startSource(ctx context.Context, s config.Source, before source.Remains, turn source.Turn) {
	within := countedFor(o.follows, s.Name)
	o.recorder.Know("source", s.Name)
	pump := source.NewPump(source.Config{
		Name:     s.Name,
		Kind:     o.kinds[s.Kind],
		Settings: s.Settings,
		Data:     o.follows.Node.Data,
		Append:   func(ctx context.Context, b dodona.Batch) error { return o.intake.keepBatch(ctx, s.Name, b) },
		Cursor:   func(ctx context.Context) ([]byte, error) { return o.intake.cursor(ctx, s.Name) },
		Before:   before,
		Node:     o.follows.Node.Name,
		Mark:     o.mark,
		Own:      func(edge string) bool { return o.config().PublishesAs(edge) },
		Version:  o.version,
		Recent:   func(ctx context.Context) ([]dodona.Reading, error) { return o.intake.recent(ctx, s.Name, within) },
		Lost:     func(ctx context.Context, n uint64, cause string) { o.intake.lost(ctx, s.Name, n, cause) },
		Takers:   o.takes.from(s.Name),
		Turn:     turn,
		Hold:     heldReadings,
		Recorder: o.recorder,
		Log:      o.log,
		Now:      o.now,
	})
	o.pumps.start(ctx, s.Name, pump, func(ctx context.Context) { _ = pump.Run(ctx) }) // returns nil when ctx ends
}

// countedFor returns how long before the last reading of a source one may have come that a feed is still to count.
func countedFor(c *config.Config, name string) (within time.Duration) {
	for _, f := range c.Feeds {
		if !slices.Contains(f.Settings.Sources(), name) {
			continue
		}
		if s := f.Settings.WithDefaults(); s.Take == feed.TakeAll {
			within = max(within, longest(s))
		} else {
			within = max(within, min(s.Stale, maxRecent))
		}
	}
	return within
}

// heldReadings bounds what a pushed source keeps for feeds that take all readings since their last round.
const heldReadings = 1024

func (o *observer) startFeed(ctx context.Context, c *config.Config, f config.Feed) error {
	o.recorder.Know("feed", f.Feed.Name)
	running := new(computing)
	if f.Settings.Module != nil {
		o.feeds.start(ctx, f.Feed.Name, running, func(ctx context.Context) { o.runModule(ctx, c, f, running) })
		return nil
	}
	made, err := program.New(rulesOf(c, f), o.decoders)
	if err != nil {
		return fmt.Errorf("feed %s: %w", f.Feed.Name, err)
	}
	loop, err := o.compose(c, f, program.Schedule{{Program: made, Transform: made.Running(nil)}}, nil)
	if err != nil {
		return err
	}
	running.set(loop)
	o.feeds.start(ctx, f.Feed.Name, running, func(ctx context.Context) { o.runFeed(ctx, f, running, nil) })
	return nil
}

// rulesOf returns the rules of a feed's points, but for its module.
func rulesOf(c *config.Config, f config.Feed) program.Rules {
	rules := program.Rules{
		From: f.Settings.From, Extract: make(extract.Rules), Decoded: make(map[string]program.Decoded),
		Latest: f.Settings.WithDefaults().Take == feed.TakeLatest,
	}
	for _, name := range f.Settings.Sources() { // of its own alone: there may be thousands of feeds, and hundreds of sources
		if s, found := c.Source(name); found {
			rules.Extract[name] = s.Rules
			rules.Decoded[name] = program.Decoded{Kind: s.Kind, Rules: s.Decoded}
		}
	}
	return rules
}

// compose makes the loop of a feed.
func (o *observer) compose(c *config.Config, f config.Feed, schedule program.Schedule, idle func() string) (*feed.Feed, error) {
	options := feed.Options{
		Feed:     f.Feed,
		Settings: f.Settings,
		Due: func(r dodona.Round) (dodona.Transform, json.RawMessage) {
			due := schedule.For(r)
			return due.Transform, due.Program.JSON()
		},
		Node:     c.Node.Name,
		Salt:     o.salt,
		FirstNow: o.alone && c.TwoLine,
		Idle:     idle,
		Now:      o.now,
		Recorder: o.recorder,
	}
	o.letAsk(&options, f.Settings, schedule)
	loop, err := feed.New(options)
	if err != nil {
		return nil, fmt.Errorf("feed %s: %w", f.Feed.Name, err)
	}
	return loop, nil
}

// runModule finds the module of a feed and makes rounds, and begins again once a module can be read that could not. What lets it
// wait, a share say, lets no other feed wait.
func (o *observer) runModule(ctx context.Context, c *config.Config, f config.Feed, running *computing) {
	for ctx.Err() == nil {
		began := time.Now()
		g, err := o.modules.newGuest(ctx, c, f)
		if ctx.Err() != nil {
			return
		}
		var loop *feed.Feed
		if err == nil {
			g.program = g.program.Noting(func(points []dodona.Point) { o.judges.given(f.Feed.Name, points, o.pumps.get) })
			loop, err = o.compose(c, f, program.Schedule{{Program: g.program, Transform: g}}, func() string {
				if time.Since(began) < f.Settings.Every {
					return ""
				}
				return "the node was not running, or its module was looked for or loaded"
			})
		}
		if err != nil {
			o.log.Error("a feed does not run; correct its configuration", "feed", f.Feed.Name, "error", err)
			return
		}
		running.set(loop)
		until, stop := g.untilRead(ctx)
		o.runFeed(until, f, running, g)
		stop()
	}
}

// runFeed makes rounds until ctx ends. A failure is told and the feed goes on: rounds must not stop. g is nil for a feed
// without a module.
func (o *observer) runFeed(ctx context.Context, f config.Feed, running *computing, g *guest) {
	loop := running.loop // set by this goroutine, or before it began
	if g != nil {
		defer g.load(ctx)()
	}
	_ = patience.Retry(ctx, pace, func() error {
		began := dodona.RoundAt(o.now())
		last, err := o.rounds.resume(ctx, f, g)
		loop.Known(last)
		if err != nil {
			return err
		}
		running.resumed()
		all := o.takes.of(f.Feed.Name)
		if err := o.rounds.stand(ctx, f, last, all); err != nil {
			return err
		}
		if last, err = o.goOnAfter(ctx, f.Feed.Name, last, began); err != nil {
			return err
		}
		missing := false // the rounds before this one; a stretch of missed ones is told once
		return loop.Run(ctx, last, func(ctx context.Context, bundles []dodona.Bundle) error {
			for _, b := range bundles {
				switch missed := b.Value == nil; {
				case missed && !missing:
					o.log.Warn("a round was missed; the next ones are tried all the same", "feed", b.Feed.Name, "round", b.Round, "reason", b.Missed)
				case !missed && missing:
					o.log.Info("rounds have values again", "feed", b.Feed.Name, "round", b.Round)
				}
				missing = b.Value == nil
			}
			if g == nil {
				o.judges.round(bundles[len(bundles)-1], o.pumps.get)
			}
			counts, err := o.rounds.keep(ctx, f.Settings.Every, bundles, began)
			if err != nil {
				return err
			}
			running.move()
			g.restore(&bundles[len(bundles)-1])
			all.kept(bundles[len(bundles)-1], counts)
			return nil
		})
	}, func(err error, _ int, wait time.Duration) {
		o.log.Error("a feed was interrupted", "feed", f.Feed.Name, "error", err, "again in", quantity.Roughly(wait))
	})
}

// follow stops what goes, then starts what comes: a serial port or a client id is free before its successor wants it. Feeds
// ask sources by name, so a replaced source needs no new feed.
func (o *observer) follow(next *config.Config, c config.Changes) error {
	return o.ask(func(ctx context.Context) error {
		if o.follows == next {
			return nil // the role began with it
		}
		before := o.remains(next, c.Sources.Changed)
		o.follows = next
		o.feeds.stop(slices.Concat(c.Feeds.Removed, c.Feeds.Changed)...)
		o.pumps.stop(slices.Concat(c.Sources.Removed, c.Sources.Changed)...)
		for _, name := range c.Feeds.Removed {
			o.recorder.Forget("feed", name)
		}
		for _, name := range c.Sources.Removed {
			o.recorder.Forget("source", name)
		}
		o.judges.forget(slices.Concat(c.Feeds.Removed, c.Feeds.Changed), slices.Concat(c.Sources.Removed, c.Sources.Changed))
		o.takes.follow(next)
		turns := o.turns()
		for _, name := range slices.Concat(c.Sources.Changed, c.Sources.Added) {
			if s, found := next.Source(name); found {
				o.startSource(ctx, s, before(name), turns[name])
			}
		}
		for name, pump := range o.pumps.all() {
			pump.Serve(o.takes.from(name))
			pump.SetTurn(turns[name])
		}
		var errs []error
		for _, name := range slices.Concat(c.Feeds.Changed, c.Feeds.Added) {
			if f, found := next.Feed(name); found {
				errs = append(errs, o.startFeed(ctx, next, f))
			}
		}
		o.startAskings(ctx)
		return errors.Join(errs...)
	})
}

// remains returns what sources leave, once they are stopped, to those of the same name that ask the same peer.
func (o *observer) remains(next *config.Config, names []string) func(name string) source.Remains {
	leave := make(map[string]*source.Pump)
	for _, name := range names {
		was, had := o.follows.Source(name)
		will, has := next.Source(name)
		if pump, runs := o.pumps.get(name); runs && had && has && was.Kind == will.Kind && o.asks(was) != "" && o.asks(was) == o.asks(will) {
			leave[name] = pump
		}
	}
	return func(name string) source.Remains {
		if pump, found := leave[name]; found {
			return pump.Remains()
		}
		return source.Remains{}
	}
}

// turns says in which order sources ask that have one peer.
func (o *observer) turns() map[string]source.Turn {
	var names []string
	asks := make(map[string]source.Asks, len(o.follows.Sources))
	for _, s := range o.follows.Sources {
		if o.kinds[s.Kind].Pushed(s.Settings) {
			continue
		}
		names = append(names, s.Name)
		kind := o.kinds[s.Kind]
		whom := "source " + s.Name // it shares its peer with nobody, as far as is known
		if peer := kind.Peer(s.Settings); peer != "" {
			whom = s.Kind + " " + strings.ToLower(peer)
		}
		asks[s.Name] = source.Asks{Peer: whom, Rate: kind.Rate(s.Settings)}
	}
	return o.peers.Turns(names, func(name string) source.Asks { return asks[name] })
}

// asks says what a source asks, if it asks anything.
func (o *observer) asks(s config.Source) string { return o.kinds[s.Kind].Asks(s.Settings) }

// A behind is a feed that waits for the clock, with the round that it must pass.
type behind struct {
	feed  string
	until dodona.Round
}

// waiting returns the feeds that wait for the clock, sorted by name. One whose round was under way when the clock was set back is
// interrupted, for nothing is signed of a round ahead of the clock, and tried again until then.
func (o *observer) waiting() (list []behind) {
	feeds := o.feeds.all()
	for _, name := range slices.Sorted(maps.Keys(feeds)) {
		status, found := feeds[name].status()
		switch {
		case !found:
		case status.State == feed.Behind:
			list = append(list, behind{name, status.Next})
		case status.State == feed.Stopped && status.Last.Time().After(o.now()):
			list = append(list, behind{name, status.Last})
		}
	}
	return list
}

// sources returns the status of every pump, sorted by name.
func (o *observer) sources() []source.Status {
	pumps := o.pumps.all()
	list := make([]source.Status, 0, len(pumps))
	for _, name := range slices.Sorted(maps.Keys(pumps)) {
		list = append(list, pumps[name].Status())
	}
	return list
}
