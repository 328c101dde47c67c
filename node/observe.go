package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/source"
)

// An observer is the role that asks sources, finds answers and signs them: a pump for each source, a loop for each feed.
type observer struct {
	n *Node

	changing sync.Mutex      // held while units start and stop, and while the configuration they follow changes
	ctx      context.Context // of the units, guarded by changing; nil before the role runs

	mu    sync.RWMutex // never held while a unit is waited for: units take it
	pumps map[string]*pumpUnit
	feeds map[string]*feedUnit
}

type pumpUnit struct {
	*unit
	pump *source.Pump
}

type feedUnit struct {
	*unit
	feed *feed.Feed
}

// observe runs all sources and feeds of the configuration until ctx ends.
func (n *Node) observe(ctx context.Context) error {
	defer n.observer.stop()
	if err := n.observer.start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (o *observer) start(ctx context.Context) error {
	o.changing.Lock()
	defer o.changing.Unlock()
	o.ctx = ctx
	c := o.n.config()
	for _, s := range c.Sources {
		o.startSource(s)
	}
	for _, f := range c.Feeds {
		if err := o.startFeed(c, f); err != nil {
			return err
		}
	}
	return nil
}

// stop ends every unit and waits. Nothing is started afterwards.
func (o *observer) stop() {
	o.changing.Lock() // a reload under way ends first, and later ones find the context ended
	defer o.changing.Unlock()
	o.mu.RLock()
	units := make([]*unit, 0, len(o.feeds)+len(o.pumps))
	for _, f := range o.feeds {
		units = append(units, f.unit)
	}
	for _, p := range o.pumps {
		units = append(units, p.unit)
	}
	o.mu.RUnlock()
	stopAll(units...) // without the lock, which feeds take to find their sources
}

func (o *observer) startSource(s config.Source) {
	n := o.n
	pump := source.NewPump(source.Config{
		Name:     s.Name,
		Kind:     n.kinds[s.Kind],
		Settings: s.Settings,
		Append:   func(ctx context.Context, b dodona.Batch) error { return n.keepBatch(ctx, s.Name, b) },
		Cursor:   func(ctx context.Context) ([]byte, error) { return n.cursor(ctx, s.Name) },
		Version:  n.version,
		Hold:     heldReadings,
		Recorder: n.recorder,
		Log:      n.log,
		Now:      n.now,
	})
	u := start(o.ctx, func(ctx context.Context) { _ = pump.Run(ctx) }) // returns nil when ctx ends
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pumps[s.Name] = &pumpUnit{u, pump}
}

// heldReadings bounds what a pushed source keeps for feeds that take all readings since their last round.
const heldReadings = 1024

func (o *observer) pump(name string) *source.Pump {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if u := o.pumps[name]; u != nil {
		return u.pump
	}
	return nil
}

// asker returns how one feed asks its sources. Feeds name sources, not pumps, so that a source can be replaced under them.
func (o *observer) asker(take string) func(context.Context, string, dodona.Round) ([]dodona.Reading, error) {
	var mu sync.Mutex
	before := make(map[string]dodona.Round) // by source: the round up to which this feed has taken everything
	return func(ctx context.Context, name string, r dodona.Round) ([]dodona.Reading, error) {
		pump := o.pump(name)
		if pump == nil {
			return nil, errors.New("the source is being replaced")
		}
		if take != feed.TakeAll {
			return pump.Ask(ctx, r)
		}
		mu.Lock()
		after := before[name]
		mu.Unlock()
		readings, err := pump.Since(ctx, after, r)
		if err == nil {
			mu.Lock()
			before[name] = r
			mu.Unlock()
		}
		return readings, err
	}
}

// sources returns the status of every pump, sorted by name.
func (o *observer) sources() []source.Status {
	o.mu.RLock()
	defer o.mu.RUnlock()
	list := make([]source.Status, 0, len(o.pumps))
	for _, name := range slices.Sorted(maps.Keys(o.pumps)) {
		list = append(list, o.pumps[name].pump.Status())
	}
	return list
}

func (o *observer) startFeed(c *config.Config, f config.Feed) error {
	n := o.n
	made, transform, g, err := n.program(c, f)
	if err != nil {
		return fmt.Errorf("feed %s: %w", f.Feed.Name, err)
	}
	loop, err := feed.New(feed.Options{
		Feed:       f.Feed,
		Settings:   f.Settings,
		Extraction: made.JSON(),
		Transform:  transform,
		Node:       c.Node.Name,
		Ask:        o.asker(f.Settings.Take),
		Salt:       n.id.salt,
		FirstNow:   len(n.id.quorum.Members) == 1 && c.TwoLine,
		Now:        n.now,
		Recorder:   n.recorder,
	})
	if err != nil {
		return fmt.Errorf("feed %s: %w", f.Feed.Name, err)
	}
	u := start(o.ctx, func(ctx context.Context) { n.runFeed(ctx, f, loop, g) })
	o.mu.Lock()
	defer o.mu.Unlock()
	o.feeds[f.Feed.Name] = &feedUnit{u, loop}
	return nil
}

// program returns what makes the points of a feed, and the guest that runs its module; that is nil for a feed without one.
func (n *Node) program(c *config.Config, f config.Feed) (*program.Program, dodona.Transform, *guest, error) {
	if f.Settings.Module == nil {
		made, err := program.New(f.Settings.From, c.Rules(), nil)
		if err != nil {
			return nil, nil, nil, err
		}
		return made, made.Running(nil), nil, nil
	}
	g, err := n.modules.newGuest(c, f)
	if err != nil {
		return nil, nil, nil, err
	}
	return g.program, g, g, nil
}

// runFeed makes rounds until ctx ends. A failure is told and the feed goes on: rounds must not stop. g is nil for a feed
// without a module.
func (n *Node) runFeed(ctx context.Context, f config.Feed, loop *feed.Feed, g *guest) {
	if g != nil {
		defer g.load(ctx)()
	}
	_ = retry(ctx, func() error {
		last, err := n.resume(ctx, f, g)
		loop.Known(last)
		if err != nil {
			return err
		}
		missing := false // the rounds before this one; a stretch of missed ones is told once
		return loop.Run(ctx, last, func(ctx context.Context, bundles []dodona.Bundle) error {
			for _, b := range bundles {
				switch missed := b.Value == nil; {
				case missed && !missing:
					n.log.Warn("a round was missed; the next ones are tried all the same", "feed", b.Feed.Name, "round", b.Round, "reason", b.Missed)
				case !missed && missing:
					n.log.Info("rounds have answers again", "feed", b.Feed.Name, "round", b.Round)
				}
				missing = b.Value == nil
			}
			if err := n.keepRounds(ctx, f.Settings.Every, bundles); err != nil {
				return err
			}
			g.restore(&bundles[len(bundles)-1])
			return nil
		})
	}, func(err error, wait time.Duration) {
		n.log.Error("a feed was interrupted", "feed", f.Feed.Name, "error", err, "again in", wait)
	})
}

// apply stops what goes, then closes, then opens, then starts: a serial port or a client id is free before its
// successor wants it. Feeds ask sources by name, so a replaced source needs no new feed.
// An observer that does not run has nothing to change: its start reads the configuration. The caller holds changing.
func (o *observer) apply(next *config.Config, c config.Changes) error {
	if o.ctx == nil || o.ctx.Err() != nil {
		return nil
	}
	var feeds, pumps []*unit
	o.mu.Lock()
	for _, name := range slices.Concat(c.Feeds.Removed, c.Feeds.Changed) {
		if u := o.feeds[name]; u != nil { // nil if it could not be started
			feeds = append(feeds, u.unit)
			delete(o.feeds, name)
		}
	}
	for _, name := range slices.Concat(c.Sources.Removed, c.Sources.Changed) {
		if u := o.pumps[name]; u != nil {
			pumps = append(pumps, u.unit)
			delete(o.pumps, name)
		}
	}
	o.mu.Unlock()
	stopAll(feeds...)
	stopAll(pumps...)
	for _, name := range slices.Concat(c.Sources.Changed, c.Sources.Added) {
		if s, found := next.Source(name); found {
			o.startSource(s)
		}
	}
	var errs []error
	for _, name := range slices.Concat(c.Feeds.Changed, c.Feeds.Added) {
		if f, found := next.Feed(name); found {
			errs = append(errs, o.startFeed(next, f))
		}
	}
	return errors.Join(errs...)
}
