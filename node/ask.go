package node

import (
	"context"
	"errors"
	"sync"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/source"
)

// asker returns how one feed asks its sources. Feeds name sources, not pumps, so that a source can be replaced under them.
func (o *observer) asker(s feed.Settings, schedule program.Schedule) func(context.Context, string, dodona.Round) ([]dodona.Reading, error) {
	if s.Take == feed.TakeAll {
		return o.askerOfAll()
	}
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
			return nil, errors.New("the source is being replaced")
		}
		return pump.AskFor(ctx, r, wants[name][schedule.For(r).Program])
	}
}

// wantOf returns what a feed needs of one source where it takes the latest.
func wantOf(s feed.Settings, name string, of *program.Program) *source.Want {
	w := &source.Want{Has: of.Has, Within: s.Stale, Every: s.Every}
	for _, id := range s.From {
		if of, _ := dodona.SplitPointID(id); of == name {
			w.Points = append(w.Points, id)
		}
	}
	return w
}

// askerOfAll returns how a feed asks that takes all that arrived since its round before.
func (o *observer) askerOfAll() func(context.Context, string, dodona.Round) ([]dodona.Reading, error) {
	type place struct {
		pump  *source.Pump // a source that was replaced begins anew
		taken uint64
	}
	var mu sync.Mutex
	places := make(map[string]place) // by source: up to where this feed has taken everything
	return func(ctx context.Context, name string, r dodona.Round) ([]dodona.Reading, error) {
		pump, found := o.pumps.get(name)
		if !found {
			return nil, errors.New("the source is being replaced")
		}
		mu.Lock()
		before := places[name]
		mu.Unlock()
		if before.pump != pump {
			before = place{pump: pump}
		}
		readings, taken, err := pump.Since(ctx, before.taken, r)
		if err == nil {
			err = ctx.Err() // the round is over, and takes none
		}
		if err != nil {
			return nil, err
		}
		mu.Lock()
		places[name] = place{pump, taken}
		mu.Unlock()
		return readings, nil
	}
}
