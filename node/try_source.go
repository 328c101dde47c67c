package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/source"
)

// A SourceTrial is one exchange with a source as a node would make it, and what its rules make of it; nothing is journaled or
// acknowledged.
type SourceTrial struct {
	Source   config.Source
	Readings []dodona.Reading // at least one unless it failed
	Points   []dodona.Point   // one at least of each of its points
	Err      error
}

// Bad returns the points that were not taken.
func (t SourceTrial) Bad() (list []dodona.Point) {
	for _, p := range t.Points {
		if p.Quality == dodona.Bad {
			list = append(list, p)
		}
	}
	return list
}

// ever is how old a reading of a tried source may be: it counts, whatever its age.
const ever = 100 * 365 * 24 * time.Hour

// TrySource makes one exchange with a source, and applies its rules. It takes Kinds and Version of the options. ctx must have a
// deadline; once that has passed, the error of the trial wraps ctx's.
func TrySource(ctx context.Context, o Options, s config.Source) SourceTrial {
	t := SourceTrial{Source: s}
	made, err := program.New(program.Rules{
		From: s.Points(), Extract: extract.Rules{s.Name: s.Rules}, Latest: true,
		Decoded: map[string]program.Decoded{s.Name: {Kind: s.Kind, Rules: s.Decoded}},
	}, program.DecodersOf(o.Kinds...))
	if err != nil {
		t.Err = err
		return t
	}
	t.Readings, t.Err = o.exchange(ctx, s, &source.Want{Points: s.Points(), Has: made.Has, Within: ever})
	if t.Err == nil && len(t.Readings) == 0 {
		t.Err = errors.New("it answered without a reading")
	}
	if t.Err != nil {
		return t
	}
	dodona.SortReadings(t.Readings)
	result, err := made.Running(nil).Apply(ctx, dodona.Call{Round: dodona.RoundAt(time.Now()), Readings: t.Readings})
	t.Points, t.Err = result.Points, err
	for _, id := range s.Points() {
		if t.Err == nil && !slices.ContainsFunc(t.Points, func(p dodona.Point) bool { return p.ID == id }) {
			t.Points = append(t.Points, dodona.Point{ID: id, Quality: dodona.Bad, Reason: "no reading has it"})
		}
	}
	return t
}

// exchange makes one exchange with a source, of which nothing is kept.
func (o Options) exchange(ctx context.Context, s config.Source, want *source.Want) ([]dodona.Reading, error) {
	i := slices.IndexFunc(o.Kinds, func(k source.Kind) bool { return k.Name() == s.Kind })
	if i < 0 {
		return nil, fmt.Errorf("this build has no kind %q", s.Kind)
	}
	return source.Once(ctx, source.Config{
		Name: s.Name, Kind: o.Kinds[i], Settings: s.Settings, Version: o.Version, Hold: heldReadings, Now: o.Now, Grace: time.Second,
	}, want)
}
