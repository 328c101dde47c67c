package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/feed"
	quantity "github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/source"
)

// A Trial is one round of a feed as a node would make it, of which nothing is signed, journaled or acknowledged.
type Trial struct {
	Feed      dodona.Feed    `json:"feed"`
	Rules     TrialRules     `json:"rules"`
	Round     dodona.Round   `json:"round"`
	Exchanges []Exchanged    `json:"exchanges"`
	Points    []dodona.Point `json:"points"` // by the rules of the sources, before any module
	Module    *TriedModule   `json:"module,omitempty"`
	Inputs    []dodona.Input `json:"inputs"` // what became of each value
	Quality   dodona.Quality `json:"quality"`
	Value     *dodona.Int192 `json:"value,omitempty"` // scaled by the feed's decimals; nil if the round was missed
	Text      string         `json:"text,omitempty"`  // the value with its decimals
	Missed    string         `json:"missed,omitempty"`
	TookMS    int64          `json:"tookMs"`
}

// TrialRules are the rules by which values are judged and combined.
type TrialRules struct {
	DeadlineMS int64        `json:"deadlineMs"`
	StaleMS    int64        `json:"staleMs"`
	Outliers   string       `json:"outliers,omitempty"` // such as "10 %"; empty: none is left out
	Need       int          `json:"need"`
	Of         int          `json:"of"` // so many points
	Combine    feed.Combine `json:"combine"`
}

func trialRules(s feed.Settings) TrialRules {
	of := len(s.From)
	if len(s.Points) > 0 {
		of = len(s.Points)
	}
	r := TrialRules{DeadlineMS: s.Deadline.Milliseconds(), StaleMS: s.Stale.Milliseconds(), Need: s.Need, Of: of, Combine: s.Combine}
	if !s.Outliers.IsZero() {
		r.Outliers = s.Outliers.Decimal().String() + " %"
	}
	return r
}

// Exchanged is what one source said.
type Exchanged struct {
	Source   string           `json:"source"`
	Kind     string           `json:"kind"`
	Readings []dodona.Reading `json:"readings"`
	Error    string           `json:"error,omitempty"`
	TookMS   int64            `json:"tookMs"`
}

// TriedModule is what a feed's module did with the event.
type TriedModule struct {
	Name    string         `json:"name"`
	Version string         `json:"version"`
	Digest  dodona.Digest  `json:"digest"`
	Signed  bool           `json:"signed"`
	Fuel    uint64         `json:"fuel"`
	Limit   uint64         `json:"limit"` // of the fuel
	Points  []dodona.Point `json:"points"`
	Logs    []LoggedLine   `json:"logs"`
	Error   string         `json:"error,omitempty"` // why it made no points
}

// A LoggedLine is one line of a module.
type LoggedLine struct {
	Level string `json:"level"`
	Text  string `json:"text"`
}

// Try makes one round of a feed, now. It takes Config, Kinds, Version, Compile and Now of the options, writes nothing, and
// needs neither key nor data folder: a module begins with nothing kept from before, and sources from their beginning. The
// error is of a feed that no node would start; what goes wrong in a round is in the trial.
func Try(ctx context.Context, o Options, name string) (Trial, error) {
	f, found := o.Config.Feed(name)
	if !found {
		return Trial{}, fmt.Errorf("no feed %q", name)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &trying{options: o, feed: f}
	made, transform, end, err := t.transform(ctx)
	if err != nil {
		return Trial{}, err
	}
	defer end()
	t.program = made
	loop, err := feed.New(feed.Options{
		Feed: f.Feed, Settings: f.Settings, Node: o.Config.Node.Name, Now: o.Now, Ask: t.ask,
		Due: func(dodona.Round) (dodona.Transform, json.RawMessage) { return transform, made.JSON() },
	})
	if err != nil {
		return Trial{}, fmt.Errorf("feed %s: %w", name, err)
	}
	b := loop.Answer(ctx, dodona.RoundAt(o.Now()))
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), endsWithin)
	defer cancel()
	_ = loop.Wait(late) // what hangs is late in the round already
	return t.told(ctx, made, b)
}

// trying is a trial under way.
type trying struct {
	options Options
	feed    config.Feed
	program *program.Program

	mu        sync.Mutex
	exchanges []Exchanged
	module    *TriedModule
}

// ask makes the exchange of one source.
func (t *trying) ask(ctx context.Context, name string, _ dodona.Round) ([]dodona.Reading, error) {
	s, found := t.options.Config.Source(name)
	if !found {
		return nil, errors.New("there is no such source")
	}
	var want *source.Want
	if settings := t.feed.Settings.WithDefaults(); settings.Take == feed.TakeLatest {
		want = wantOf(settings, name, t.program)
	}
	began := time.Now()
	readings, err := t.options.exchange(ctx, s, want)
	e := Exchanged{Source: s.Name, Kind: s.Kind, Readings: readings, TookMS: time.Since(began).Milliseconds()}
	if err != nil {
		e.Error = err.Error()
	}
	if readings == nil {
		e.Readings = []dodona.Reading{}
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) { // one of its own is told by itself
		e.Error = fmt.Sprintf("no answer within %s", quantity.FormatDuration(t.feed.Settings.WithDefaults().Deadline))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.exchanges = append(t.exchanges, e)
	return readings, err
}

// last returns what a module finds if it reads a sensor: the newest reading of this round.
func (t *trying) last(_ context.Context, name string) (dodona.Reading, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.exchanges {
		if n := len(e.Readings); e.Source == name && n > 0 {
			return e.Readings[n-1], nil
		}
	}
	return dodona.Reading{}, dodona.ErrNotFound
}

// transform returns what makes the points of the feed, and how to end it.
func (t *trying) transform(ctx context.Context) (*program.Program, dodona.Transform, func(), error) {
	rules, decoders := rulesOf(t.options.Config, t.feed), program.DecodersOf(t.options.Kinds...)
	if t.feed.Settings.Module == nil {
		made, err := program.New(rules, decoders)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("feed %s: %w", t.feed.Feed.Name, err)
		}
		return made, made.Running(nil), func() {}, nil
	}
	g := t.guest()
	of := g.choose(ctx, *t.feed.Settings.Module)
	rules.Module = &of
	made, err := program.New(rules, decoders)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("feed %s: %w", t.feed.Feed.Name, err)
	}
	t.module = &TriedModule{
		Name: of.Module.Name, Version: of.Module.Version, Digest: of.Module.Digest, Signed: g.found.Signed,
		Limit: uint64(of.Limits.WithDefaults().Fuel), Points: []dodona.Point{}, Logs: []LoggedLine{},
	}
	end := func() {}
	if g.err == nil {
		end, g.err = t.load(ctx, g, made)
	}
	return made, g, end, nil
}

// guest returns the module of the feed as a node has it, without a journal and a memory of releases.
func (t *trying) guest() *guest {
	m := &modules{basics: basics{config: func() *config.Config { return t.options.Config }, now: t.options.Now}}
	return &guest{
		m: m, feed: t.feed.Feed.Name,
		look: func(context.Context) (manifest.Found, error) {
			return m.find(t.options.Config, *t.feed.Settings.Module)
		},
	}
}

// load makes the module ready for the one event.
func (t *trying) load(ctx context.Context, g *guest, made *program.Program) (end func(), err error) {
	wasm, err := g.found.Read()
	if err != nil {
		return func() {}, err
	}
	engine, err := module.New(ctx, module.Options{Worker: t.options.Compile, Memory: int64(t.options.Config.Modules.Memory)})
	if err != nil {
		return func() {}, fmt.Errorf("make the sandbox: %w", err)
	}
	end = func() { _ = engine.Close(context.WithoutCancel(ctx)) } // nothing of it is kept
	spec := g.spec
	spec.Wasm, spec.Host.Reading = wasm, t.last
	spec.Host.State = func(dodona.FeedID) map[string][]byte { return nil }
	spec.Host.Log = func(_ string, level slog.Level, text string) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.module.Logs = append(t.module.Logs, LoggedLine{strings.ToLower(level.String()), text})
	}
	loaded, err := engine.Load(ctx, spec)
	if err != nil {
		return end, err
	}
	g.program = made
	g.run(loaded)
	return end, nil
}

// told returns the trial that a round came to.
func (t *trying) told(ctx context.Context, made *program.Program, b dodona.Bundle) (Trial, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := Trial{
		Feed: b.Feed, Rules: trialRules(t.feed.Settings.WithDefaults()), Round: b.Round, Exchanges: slices.Clone(t.exchanges), Points: []dodona.Point{},
		Inputs: b.Inputs, Quality: b.Quality, Value: b.Value, Missed: b.Missed, TookMS: b.TookMS, Module: t.module,
	}
	out.Exchanges = t.inOrder(out.Exchanges)
	if b.Value != nil {
		out.Text = b.Feed.Text(*b.Value)
	}
	var readings []dodona.Reading
	for _, e := range out.Exchanges {
		readings = append(readings, e.Readings...)
	}
	ev, err := made.Event(ctx, dodona.Call{Feed: b.Feed.ID(), Round: b.Round, Readings: feed.Tidy(readings)})
	if err != nil {
		return out, fmt.Errorf("feed %s: %w", b.Feed.Name, err)
	}
	out.Points = append(out.Points, ev.Points...)
	if out.Module != nil {
		out.Module.Fuel = b.Fuel
		out.Module.Points = append(out.Module.Points, b.Points...)
		out.Module.Error = feed.TransformError(b)
	}
	return out, nil
}

// inOrder returns the exchanges in the order in which the feed names its sources, also those that did not end.
func (t *trying) inOrder(done []Exchanged) []Exchanged {
	list := make([]Exchanged, 0, len(done))
	for _, name := range t.feed.Settings.Sources() {
		i := slices.IndexFunc(done, func(e Exchanged) bool { return e.Source == name })
		if i >= 0 {
			list = append(list, done[i])
			continue
		}
		s, _ := t.options.Config.Source(name)
		list = append(list, Exchanged{Source: name, Kind: s.Kind, Readings: []dodona.Reading{}, Error: "no answer, and it does not end when told to"})
	}
	return list
}
