package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/plain"
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

	has func(r dodona.Reading, id string) bool // nil: it failed before
}

// PointsOf returns the points that were made of the reading with an index: of the last that has them, where several do.
func (t SourceTrial) PointsOf(i int) (list []dodona.Point) {
	for _, p := range t.Points {
		of := len(t.Readings) - 1 // where none has it, the last says why
		for j := len(t.Readings) - 1; j >= 0 && t.has != nil; j-- {
			if r := t.Readings[j]; t.has(r, p.ID) && (p.Time.IsZero() || p.Time.Equal(r.Received) || p.Time.Equal(r.SourceTime)) {
				of = j
				break
			}
		}
		if of == i {
			list = append(list, p)
		}
	}
	return list
}

// Took reports whether a point was taken, and a reading is one that has it.
func (t SourceTrial) Took(r dodona.Reading, id string) bool {
	good := slices.ContainsFunc(t.Points, func(p dodona.Point) bool { return p.ID == id && p.Quality != dodona.Bad })
	return good && (t.has == nil || t.has(r, id))
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

// TrySource makes one exchange with a source, and applies its rules. It takes Kinds and Version of the options, and of Config the data folder, if there is one. ctx must have a
// deadline; once that has passed, the error of the trial wraps ctx's.
func TrySource(ctx context.Context, o Options, s config.Source) SourceTrial {
	made, err := o.programOf(s)
	if err != nil {
		return SourceTrial{Source: s, Err: err}
	}
	readings, err := o.exchange(ctx, s, wantAll(s, made))
	if err == nil && len(readings) == 0 {
		err = errors.New("it answered without a reading")
	}
	t := tried(ctx, s, made, readings, err)
	for _, id := range s.Points() {
		if t.Err == nil && !slices.ContainsFunc(t.Points, func(p dodona.Point) bool { return p.ID == id }) {
			t.Points = append(t.Points, dodona.Point{ID: id, Quality: dodona.Bad, Reason: whyNone(t.Readings, made.Item(id))})
		}
	}
	return t
}

// What is shown of items.
const (
	mostItem  = 100 // bytes of one
	mostItems = 12
)

// whyNone says why no reading has a point, whose rule is of an item; empty: of any.
func whyNone(readings []dodona.Reading, item string) string {
	if item == "" || slices.ContainsFunc(readings, func(r dodona.Reading) bool { return r.Item == item }) {
		return "no reading has it"
	}
	var came []string
	for _, r := range readings {
		if item := plain.Quote(r.Item, mostItem); r.Item != "" && !slices.Contains(came, item) && len(came) < mostItems {
			came = append(came, item)
		}
	}
	if len(came) == 0 {
		return "nothing came of " + plain.Quote(item, mostItem)
	}
	slices.Sort(came)
	return fmt.Sprintf("nothing came of %s; something came of %s", plain.Quote(item, mostItem), strings.Join(came, ", "))
}

// FollowSource tells what a source brings, exchange by exchange or, of one that speaks by itself, reading by reading: n times, or until ctx ends or
// tell returns an error, which it returns. Nothing is journaled or acknowledged. It takes of the options what [TrySource] does.
func FollowSource(ctx context.Context, o Options, s config.Source, n int, tell func(SourceTrial) error) error {
	made, err := o.programOf(s)
	if err != nil {
		return err
	}
	cfg, err := o.pumpOf(s)
	if err != nil {
		return err
	}
	cfg.Backoff = backoff.Backoff{Min: time.Second, Max: 5 * time.Second} // somebody watches
	return source.Each(ctx, cfg, wantAll(s, made), n, time.Second, func(readings []dodona.Reading, err error) error {
		return tell(tried(ctx, s, made, readings, err))
	})
}

// programOf returns what makes all points of a source.
func (o Options) programOf(s config.Source) (*program.Program, error) {
	return program.New(program.Rules{
		From: s.Points(), Extract: extract.Rules{s.Name: s.Rules}, Latest: true,
		Decoded: map[string]program.Decoded{s.Name: {Kind: s.Kind, Rules: s.Decoded}},
	}, program.DecodersOf(o.Kinds...))
}

// wantAll wants all points of a source.
func wantAll(s config.Source, made *program.Program) *source.Want {
	return &source.Want{Points: s.Points(), Has: made.Has, Older: made.Older, Item: made.Item, Within: ever}
}

// tried applies the rules of a source to what came.
func tried(ctx context.Context, s config.Source, made *program.Program, readings []dodona.Reading, err error) SourceTrial {
	t := SourceTrial{Source: s, Readings: readings, Err: err, has: made.Has}
	if err != nil {
		return t
	}
	dodona.SortReadings(t.Readings)
	result, err := made.Running(nil).Apply(ctx, dodona.Call{Round: dodona.RoundAt(time.Now()), Readings: t.Readings})
	t.Points, t.Err = result.Points, err
	return t
}

// exchange makes one exchange with a source, of which nothing is kept.
func (o Options) exchange(ctx context.Context, s config.Source, want *source.Want) ([]dodona.Reading, error) {
	cfg, err := o.pumpOf(s)
	if err != nil {
		return nil, err
	}
	return source.Once(ctx, cfg, want)
}

// pumpOf returns what a pump of a source needs of which nothing is kept.
func (o Options) pumpOf(s config.Source) (source.Config, error) {
	i := slices.IndexFunc(o.Kinds, func(k source.Kind) bool { return k.Name() == s.Kind })
	if i < 0 {
		return source.Config{}, fmt.Errorf("this build has no kind %q", s.Kind)
	}
	c := source.Config{
		Name: s.Name, Kind: o.Kinds[i], Settings: s.Settings, Version: o.Version, Trial: true, Hold: heldReadings, Now: o.Now, Grace: time.Second,
	}
	if o.Config != nil {
		c.Data = o.Config.Node.Data
	}
	return c, nil
}
