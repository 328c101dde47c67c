package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// Reload reads the configuration again and changes what changed, unit by unit: equal sources, feeds and sinks go on
// untouched. If the new configuration is wrong, or a setting in it changed that only a restart changes, nothing changes, and the
// error says why: what comes new may rest on that setting. The former is an [api.Unchanged], the latter an [api.NeedsRestart].
func (n *Node) Reload(context.Context) (api.Reloaded, error) {
	if n.options.Load == nil {
		return api.Reloaded{}, &api.Unchanged{Err: errors.New("this node was not started from a file; restart it with the new configuration")}
	}
	n.reloading.Lock()
	defer n.reloading.Unlock()
	next, err := n.options.Load()
	if mistakes := (*strict.MistakesError)(nil); errors.As(err, &mistakes) {
		return api.Reloaded{}, &api.Unchanged{Err: errors.New(mistakes.Text("nothing was changed"))}
	}
	if err != nil {
		return api.Reloaded{}, &api.Unchanged{Err: fmt.Errorf("read the configuration again: %w; nothing was changed", err)}
	}
	old := n.config()
	changes := config.Diff(old, next)
	if len(changes.Restart) > 0 {
		return api.Reloaded{}, &api.NeedsRestart{Settings: changes.Restart}
	}
	changes.Feeds = n.modules.retried(changes.Feeds, next)
	if err := n.attester.learn(next); err != nil {
		return api.Reloaded{}, &api.Unchanged{Err: fmt.Errorf("take the new feeds: %w; nothing was changed", err)}
	}
	n.mu.Lock()
	n.cfg = next
	n.mu.Unlock()
	if n.options.Live != nil {
		n.options.Live(next)
	}
	var errs []error
	for _, r := range n.roles {
		if r.follow != nil {
			errs = append(errs, r.follow(next, changes))
		}
	}
	err = errors.Join(errs...)
	n.journal.Expect(n.readers(next)...) // what was removed has stopped
	if err != nil {
		return api.Reloaded{}, fmt.Errorf("the new configuration runs, but not all of it: %w", err)
	}
	n.log.Info("configuration reloaded", "changes", changes)
	for _, r := range changes.Renewed {
		n.log.Warn("this is another feed now: who has the old id gets nothing of it", "feed", r.Name, "changed", r.What, "was", r.Was, "is", r.Is)
	}
	done := summary(changes)
	for _, w := range next.Warnings {
		n.log.Warn("configuration", "place", fmt.Sprintf("%s:%d:%d", w.File, w.Line, w.Column), "where", w.Where, "warning", w.Message, "hint", w.Hint)
		w.Message = "warning: " + w.Message
		done.Warnings = append(done.Warnings, w.String())
	}
	return done, nil
}

// runs returns the file of the configuration, if it came from one, and the sum of what stood there when it was read.
func (n *Node) runs() (file, sum string) {
	c := n.config()
	if n.options.Load == nil {
		return "", c.SHA256
	}
	file, err := filepath.Abs(c.Name)
	if err != nil { // the folder is gone
		file = c.Name
	}
	return file, c.SHA256
}

func summary(c config.Changes) api.Reloaded {
	r := api.Reloaded{
		Started: make([]string, 0), Stopped: make([]string, 0), Replaced: make([]string, 0), Settings: append(make([]string, 0), c.Live...),
	}
	for _, f := range c.Renewed {
		r.Renewed = append(r.Renewed, api.Renewed(f))
	}
	for sort, units := range c.Units() {
		r.Kept += len(units.Equal)
		for _, name := range units.Added {
			r.Started = append(r.Started, sort+" "+name)
		}
		for _, name := range units.Removed {
			r.Stopped = append(r.Stopped, sort+" "+name)
		}
		for _, name := range units.Changed {
			r.Replaced = append(r.Replaced, sort+" "+name)
		}
	}
	return r
}
