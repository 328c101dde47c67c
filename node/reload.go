package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
)

// Reload reads the configuration again and changes what changed, unit by unit: equal sources, feeds and sinks go on
// untouched. If the new configuration is wrong nothing changes, and the error says why.
// Settings outside of sources, feeds and sinks keep their values and are listed as needing a restart.
func (n *Node) Reload(context.Context) (api.Reloaded, error) {
	if n.load == nil {
		return api.Reloaded{}, errors.New("this node was not started from a file; restart it with the new configuration")
	}
	n.reloading.Lock()
	defer n.reloading.Unlock()
	next, err := n.load()
	if mistakes := (*config.MistakesError)(nil); errors.As(err, &mistakes) {
		return api.Reloaded{}, errors.New(mistakes.Text("nothing was changed"))
	}
	if err != nil {
		return api.Reloaded{}, fmt.Errorf("read the configuration again: %w; nothing was changed", err)
	}
	old := n.config()
	changes := config.Diff(old, next)
	next = effective(old, next)
	changes.Feeds = n.modules.retried(changes.Feeds, next)
	// What the old feeds have signed and nobody has read yet must still be believed; only a restart forgets them.
	feeds := validated(next)
	for id, f := range n.known {
		if _, found := feeds[id]; !found {
			feeds[id] = f
		}
	}
	if err := n.validator.SetFeeds(feeds); err != nil {
		return api.Reloaded{}, fmt.Errorf("take the new feeds: %w; nothing was changed", err)
	}
	n.known = feeds
	n.observer.changing.Lock()
	defer n.observer.changing.Unlock()
	n.deliverer.changing.Lock()
	defer n.deliverer.changing.Unlock()
	n.mu.Lock()
	n.cfg = next
	n.mu.Unlock()
	if n.options.Live != nil {
		n.options.Live(next)
	}
	err = errors.Join(n.observer.apply(next, changes), n.deliverer.apply(next, changes.Sinks))
	n.journal.Expect(readers(next)...) // what was removed has stopped
	if err != nil {
		return api.Reloaded{}, fmt.Errorf("the new configuration runs, but not all of it: %w", err)
	}
	n.log.Info("configuration reloaded", "changes", changes)
	return summary(changes), nil
}

// effective returns next with the settings of old that only a restart can change.
func effective(old, next *config.Config) *config.Config {
	e := *next
	memory, level := next.Node.Memory, next.Log.Level
	e.Node, e.Network, e.Roles, e.Journal, e.Anchor = old.Node, old.Network, old.Roles, old.Journal, old.Anchor
	e.Modules, e.API, e.Log = old.Modules, old.API, old.Log
	e.Node.Memory, e.Log.Level = memory, level
	return &e
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

func summary(c config.Changes) api.Reloaded {
	r := api.Reloaded{
		Started: make([]string, 0), Stopped: make([]string, 0), Replaced: make([]string, 0), Restart: make([]string, 0),
		Kept: len(c.Sources.Equal) + len(c.Feeds.Equal) + len(c.Sinks.Equal),
	}
	for _, u := range []struct {
		what  string
		units config.Units
	}{{"source ", c.Sources}, {"feed ", c.Feeds}, {"sink ", c.Sinks}} {
		for _, name := range u.units.Added {
			r.Started = append(r.Started, u.what+name)
		}
		for _, name := range u.units.Removed {
			r.Stopped = append(r.Stopped, u.what+name)
		}
		for _, name := range u.units.Changed {
			r.Replaced = append(r.Replaced, u.what+name)
		}
	}
	r.Restart = append(r.Restart, c.Restart...)
	return r
}
