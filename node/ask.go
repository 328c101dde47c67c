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

// letAsk sets how one feed asks its sources. Feeds name sources, not pumps, so that a source can be replaced under them.
func (o *observer) letAsk(f *feed.Options, s feed.Settings, schedule program.Schedule) {
	if s.Take == feed.TakeAll {
		all := &askerOfAll{pumps: o.pumps, places: map[string]place{}, given: map[string]given{}}
		f.Ask, f.Took = all.ask, all.took
		return
	}
	f.Ask = o.askerOfLatest(s, schedule)
}

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

// An askerOfAll asks for a feed that takes all that arrived since its round before. It goes on behind what a round took: one that
// was over before the readings came leaves them to the next.
type askerOfAll struct {
	pumps *fleet[*source.Pump]

	mu     sync.Mutex
	places map[string]place // by source: up to where this feed has taken everything
	given  map[string]given // by source: what was given last
}

// A place is a position of what a pump has brought; a source that was replaced begins anew.
type place struct {
	pump  *source.Pump
	taken uint64
}

type given struct {
	round dodona.Round
	place place
}

func (a *askerOfAll) ask(ctx context.Context, name string, r dodona.Round) ([]dodona.Reading, error) {
	pump, found := a.pumps.get(name)
	if !found {
		return nil, errors.New("the source is being replaced")
	}
	a.mu.Lock()
	from := a.places[name]
	a.mu.Unlock()
	if from.pump != pump {
		from = place{pump: pump}
	}
	readings, taken, err := pump.Since(ctx, from.taken, r)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.given[name] = given{r, place{pump, taken}}
	return readings, nil
}

func (a *askerOfAll) took(name string, r dodona.Round) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last := a.given[name]; last.round == r {
		a.places[name] = last.place
	}
}
