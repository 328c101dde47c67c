package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/node"
)

// An outage pulls the plug of one device for a part of the run, puts it in again, and keeps what became of the feeds meanwhile.
type outage struct {
	device        device
	feeds         []string
	before, lasts time.Duration // until it begins, and how long at least
	most          time.Duration // how long at most, once a round was missed

	mu       sync.Mutex
	begun    dodona.Round
	mended   dodona.Round
	answered map[string]dodona.Round // the newest round of each feed that has an answer
	gap      gap
	moved    chan struct{} // full if a round came that nobody has looked at
}

// A gap is what an outage left, for the line at the end.
type gap struct {
	Device    string    `json:"device"`
	Protocol  string    `json:"protocol"`
	Feeds     []string  `json:"feeds"`
	Rounds    int       `json:"gap"` // that were missed
	From      time.Time `json:"from,omitzero"`
	Until     time.Time `json:"until,omitzero"` // the last of them
	Cause     string    `json:"cause"`          // of the first of them
	Recovered bool      `json:"recovered"`      // every feed answers again
	AfterMS   int64     `json:"recovered_ms"`   // from the plug to the last feed's first answer
}

// newOutage plans an outage within a run; 0 is a run without end.
func newOutage(d device, run time.Duration) *outage {
	o := &outage{
		device: d, feeds: feedsOf(d), before: 8 * time.Second, lasts: 5 * time.Second, most: 15 * time.Second,
		answered: map[string]dodona.Round{}, moved: make(chan struct{}, 1),
	}
	if run > 0 {
		o.before, o.lasts, o.most = min(o.before, run/5), min(o.lasts, run/6), min(o.most, run/3)
	}
	o.gap = gap{Device: d.Name, Protocol: d.Protocol, Feeds: o.feeds}
	return o
}

// fewest is how many rounds are missed before the device is mended, if that does not take too long.
const fewest = 3

// run pulls the plug once the feeds answer, and returns when they answer again, or when ctx ends; then the plug is in.
func (o *outage) run(ctx context.Context, d *devices) error {
	if !o.await(ctx, time.After(o.before), func() bool { return len(o.answered) == len(o.feeds) }) {
		return nil
	}
	o.mu.Lock()
	o.begun = dodona.RoundAt(time.Now())
	o.mu.Unlock()
	if err := d.plug(o.device.Name, false); err != nil {
		return fmt.Errorf("unplug %s: %w", o.device.Name, err)
	}
	late := time.Now().Add(o.most)
	o.await(ctx, time.After(o.lasts), func() bool {
		return o.gap.Rounds >= fewest || o.gap.Rounds > 0 && time.Now().After(late)
	})
	if err := d.plug(o.device.Name, true); err != nil {
		return fmt.Errorf("plug %s in: %w", o.device.Name, err)
	}
	o.mu.Lock()
	o.mended = dodona.RoundAt(time.Now())
	o.mu.Unlock()
	o.await(ctx, nil, func() bool { return o.gap.Recovered })
	return nil
}

// await waits until least is over, if there is one, and enough, which is asked after each round. It reports whether ctx still lasts.
func (o *outage) await(ctx context.Context, least <-chan time.Time, enough func() bool) bool {
	for {
		o.mu.Lock()
		fine := least == nil && enough()
		o.mu.Unlock()
		if fine {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-least:
			least = nil
		case <-o.moved:
		}
	}
}

// add takes a round that ended.
func (o *outage) add(r node.Outcome) {
	name := ""
	switch {
	case r.Answer != nil:
		name = r.Answer.Feed.Name
	case r.Bundle != nil:
		name = r.Bundle.Feed.Name
	}
	if !slices.Contains(o.feeds, name) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case r.Answer != nil:
		o.answered[name] = r.Round
		if o.mended > 0 && !o.gap.Recovered && o.again() {
			o.gap.Recovered, o.gap.AfterMS = true, int64(dodona.RoundAt(time.Now())-o.mended)
		}
	case o.begun > 0 && r.Round >= o.begun && !o.gap.Recovered:
		if o.gap.Rounds++; o.gap.Rounds == 1 {
			o.gap.From, o.gap.Cause = r.Round.Time(), r.Bundle.Missed
		}
		o.gap.Until = r.Round.Time()
	}
	select {
	case o.moved <- struct{}{}:
	default:
	}
}

// again reports whether every feed has an answer of a round after the plug was put in.
func (o *outage) again() bool {
	for _, feed := range o.feeds {
		if o.answered[feed] <= o.mended {
			return false
		}
	}
	return true
}

// left returns what it left.
func (o *outage) left() *gap {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	g := o.gap
	return &g
}

// complaint says what did not become of an outage that should have; nil if all did.
func (g *gap) complaint() error {
	switch {
	case g == nil || g.Rounds > 0 && g.Recovered:
		return nil
	case g.Rounds == 0:
		return fmt.Errorf("%s was to be unplugged, and no round was missed; is --for too short", g.Device)
	}
	return fmt.Errorf("%s was plugged in again, and %s did not answer again; is --for too short", g.Device, strings.Join(g.Feeds, " and "))
}

// told says how an outage goes, for people; empty before it begins.
func (o *outage) told() string {
	if o == nil {
		return ""
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	g, missed := o.gap, unit.Count(o.gap.Rounds, "round")+" missed"
	switch {
	case o.begun == 0:
		return ""
	case o.mended == 0:
		return fmt.Sprintf("%s is unplugged: %s", g.Device, missed)
	case !g.Recovered:
		return fmt.Sprintf("%s is plugged in again, and not heard of yet: %s", g.Device, missed)
	}
	return fmt.Sprintf("%s was unplugged: %s (%s), answers again %.1f s after it was plugged in", g.Device, missed, g.Cause, float64(g.AfterMS)/1000)
}
