package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/sign"
	"github.com/dodona-oracle/dodona/sink"
)

// A deliverer runs one loop for each sink.
type deliverer struct {
	n        *Node
	changing sync.Mutex // held by whoever starts and stops

	mu    sync.RWMutex
	ctx   context.Context // of the role while it runs
	sinks map[string]*sinkUnit
	held  map[string]string // what a sink has for itself alone, and its name
}

// A sinkUnit is a loop and its goroutine.
type sinkUnit struct {
	*unit
	loop *sink.Loop
}

// deliver is the role that gives answers to sinks.
func (n *Node) deliver(ctx context.Context) error {
	d := n.deliverer
	d.changing.Lock()
	d.mu.Lock()
	d.ctx = ctx
	d.mu.Unlock()
	var err error
	for _, s := range n.config().Sinks {
		if err = d.start(n.config(), s); err != nil {
			break
		}
	}
	d.changing.Unlock()
	if err == nil {
		<-ctx.Done()
	}
	d.changing.Lock()
	defer d.changing.Unlock()
	d.mu.Lock()
	d.ctx = nil
	running := make([]*unit, 0, len(d.sinks))
	for _, u := range d.sinks {
		running = append(running, u.unit)
	}
	d.mu.Unlock()
	stopAll(running...)
	return err
}

// start starts one sink. The caller holds changing.
func (d *deliverer) start(c *config.Config, s config.Sink) error {
	kind, found := d.n.sinkKinds[s.Kind]
	if !found {
		return fmt.Errorf("start sink %s: this build has no kind %q of sinks", s.Name, s.Kind)
	}
	loop := sink.New(sink.Config{
		Name: s.Name, Kind: kind, Settings: s.Settings, Policy: s.Policy, Env: d.env(c, s), Journal: d.n.journal,
		Now: d.n.now, Log: d.n.log, Recorder: d.n.recorder,
	})
	u := &sinkUnit{loop: loop}
	u.unit = start(d.ctx, func(ctx context.Context) {
		if err := loop.Run(ctx); err != nil && ctx.Err() == nil {
			d.n.log.Error("a sink has stopped; restart the node", "sink", s.Name, "error", err)
		}
	})
	d.mu.Lock()
	d.sinks[s.Name] = u
	d.mu.Unlock()
	return nil
}

// env returns what a sink may use.
func (d *deliverer) env(c *config.Config, s config.Sink) sink.Env {
	env := sink.Env{
		Version: d.n.version, Out: d.n.options.Out, Append: d.n.journal.Append,
		Ledger:      d.n.journal.Own(),
		Wallet:      d.wallet,
		Known:       d.feeds,
		AnchorEvery: func() time.Duration { return d.n.config().Anchor.Every },
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
	for _, f := range d.n.config().Feeds {
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

// wallet opens the key that a sink pays with.
func (d *deliverer) wallet(k sink.Key) (sink.Wallet, error) {
	switch {
	case !k.Hex.IsZero():
		text, err := k.Hex.RevealKey()
		if err != nil {
			return nil, err
		}
		return sign.ParseKey(text)
	case k.File != "":
		password, err := k.Password.RevealKey()
		if err != nil {
			return nil, err
		}
		return sign.ReadKeystore(k.File, password)
	}
	return d.n.id.key, nil
}

// apply stops the sinks that go or change, and then starts those that change or come: two must never write with one
// key. The caller holds changing.
func (d *deliverer) apply(next *config.Config, c config.Units) error {
	d.mu.RLock()
	running := d.ctx != nil && d.ctx.Err() == nil
	d.mu.RUnlock()
	if !running {
		return nil
	}
	var old []*unit
	d.mu.Lock()
	for _, name := range slices.Concat(c.Removed, c.Changed) {
		if u := d.sinks[name]; u != nil {
			old = append(old, u.unit)
			delete(d.sinks, name)
		}
	}
	d.mu.Unlock()
	stopAll(old...)
	for _, name := range slices.Concat(c.Changed, c.Added) {
		if s, found := next.Sink(name); found {
			if err := d.start(next, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// status returns how every sink stands, sorted by name.
func (d *deliverer) status() []sink.Status {
	d.mu.RLock()
	list := make([]sink.Status, 0, len(d.sinks))
	for _, u := range d.sinks {
		list = append(list, u.loop.Status())
	}
	d.mu.RUnlock()
	slices.SortFunc(list, func(a, b sink.Status) int { return strings.Compare(a.Name, b.Name) })
	return list
}
