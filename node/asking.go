package node

import (
	"context"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/backoff"
)

// A source that is polled is asked when a feed asks it. One whose points a sink delivers is asked by itself as well: as often as its `every` says.

// usuallyAsked is how often a source is asked that does not say so itself.
const usuallyAsked = 10 * time.Second

// An asking is how often a source is asked that a sink of points delivers.
type asking struct {
	name  string
	every time.Duration
}

// askings returns which sources of a configuration are asked for the sake of a sink.
func (o *observer) askings(c *config.Config) (list []asking) {
	seen := make(map[string]bool)
	for _, sink := range c.Sinks {
		for _, s := range c.SinkSources(sink) {
			if seen[s.Name] || o.kinds[s.Kind].Pushed(s.Settings) {
				continue
			}
			seen[s.Name] = true
			every := o.kinds[s.Kind].Pace(s.Settings).Every
			if every <= 0 {
				every = usuallyAsked
			}
			list = append(list, asking{s.Name, every})
		}
	}
	return list
}

// startAskings has the sources asked that sinks deliver, and no others any more.
func (o *observer) startAskings(ctx context.Context) {
	o.askers.wait()
	for _, a := range o.askings(o.follows) {
		o.askers.start(ctx, a.name, a, func(ctx context.Context) { o.keepAsking(ctx, a) })
	}
}

// keepAsking asks a source at each of its instants, until ctx ends. What comes is in the journal, and why nothing comes in the source's status.
func (o *observer) keepAsking(ctx context.Context, a asking) {
	for {
		now := o.now()
		at := now.Truncate(a.every).Add(a.every)
		if !backoff.Wait(ctx, at.Sub(now)) {
			return
		}
		if pump, found := o.pumps.get(a.name); found {
			within, cancel := context.WithTimeout(ctx, a.every)
			_, _ = pump.Ask(within, dodona.RoundAt(at))
			cancel()
		}
	}
}
