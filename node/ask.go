package node

import (
	"context"
	"errors"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/source"
)

// letAsk sets how one feed asks its sources. Feeds name sources, not pumps, so that a source can be replaced under them.
func (o *observer) letAsk(f *feed.Options, s feed.Settings, schedule program.Schedule) {
	f.WhyLate = func(name string) string {
		if pump, found := o.pumps.get(name); found {
			return pump.Crowd(s.WithDefaults().Deadline)
		}
		return ""
	}
	if s.Take == feed.TakeAll {
		f.Ask = askerOfAll(o.takes.of(f.Feed.Name), schedule)
		return
	}
	f.Ask = o.askerOfLatest(s, schedule)
}

func askerOfAll(all *takerOfAll, schedule program.Schedule) func(context.Context, string, dodona.Round) ([]dodona.Reading, error) {
	return func(ctx context.Context, name string, r dodona.Round) ([]dodona.Reading, error) {
		readings, err := all.ask(ctx, name, r)
		if err != nil {
			return nil, err
		}
		needed := schedule.For(r).Program.Needed(readings)
		if len(needed) == 0 {
			all.pass(name, r, readings)
			return nil, errNotOfItsPoints
		}
		return needed, nil
	}
}

var errNotOfItsPoints = errors.New("no new reading has a point of the feed")

func (o *observer) askerOfLatest(s feed.Settings, schedule program.Schedule) func(context.Context, string, dodona.Round) ([]dodona.Reading, error) {
	wants := make(map[string]map[*program.Program]*source.Want) // by source
	for _, name := range s.Sources() {
		wants[name] = make(map[*program.Program]*source.Want)
		for _, due := range schedule {
			wants[name][due.Program] = wantOf(s.WithDefaults(), name, due.Program)
		}
	}
	return func(ctx context.Context, name string, r dodona.Round) ([]dodona.Reading, error) {
		pump, found := o.pumps.get(name)
		if !found {
			return nil, errReplaced
		}
		due := schedule.For(r).Program
		readings, err := pump.AskFor(ctx, r, wants[name][due])
		if needed := due.Needed(readings); len(needed) > 0 {
			return needed, err
		}
		return readings, err // none has a point, and says so
	}
}

var errReplaced = errors.New("the source is being replaced")

// wantOf returns what a feed needs of one source where it takes the latest.
func wantOf(s feed.Settings, name string, of *program.Program) *source.Want {
	w := &source.Want{Has: of.Has, Older: of.Older, Item: of.Item, Within: s.Stale, Every: s.Every}
	for _, id := range s.From {
		if of, _ := dodona.SplitPointID(id); of == name {
			w.Points = append(w.Points, id)
		}
	}
	return w
}
