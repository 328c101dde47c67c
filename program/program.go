// Package program makes one transform of the rules by which the points of a feed are made: the extraction from readings,
// what the kinds of its sources decode themselves, and the module that sees readings and points. Whoever answers a feed, computes a round again or tries a module has it from here, so
// that equal rules make equal points for all of them.
//
// How a module is found and loaded is theirs: a node loads it in its own time and tries again, a replay loads what its
// bundle carries, a trial gives it events one by one.
package program

import (
	"context"
	"encoding/json"
	"os"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/module"
)

// A Program is what makes the points of a feed. It is immutable and safe for concurrent use.
type Program struct {
	from  []string
	inner dodona.Transform // before the module; nil: the module sees readings alone
	ask   *module.Rules    // nil: no module
	json  json.RawMessage
}

// Rules are all that decides what points a feed's readings make.
type Rules struct {
	From    []string           // ids of the points that the feed asks for; what is said of others does not count
	Extract extract.Rules      // of the configuration
	Decoded map[string]Decoded // by source: what its kind decodes itself, where Extract has no rule
	Module  *module.Rules      // nil: none; what it says of the extraction does not count
	Latest  bool               // the feed takes the latest: of each point the latest reading that has it
}

// New returns the program of rules. Decoders are needed for the kinds of [Rules.Decoded] alone.
func New(r Rules, decoders Decoders) (*Program, error) {
	x, err := extract.New(r.Extract.For(r.From...))
	if err != nil {
		return nil, err
	}
	made, err := makeInner(x, decodedOf(r.Decoded, r.Extract, r.From), decoders)
	if err != nil {
		return nil, err
	}
	p := &Program{from: r.From, inner: made, json: made.json}
	if r.Latest && severalOfOne(made.extraction.Points()) {
		chosen, err := makeLatest(made, byTime)
		if err != nil {
			return nil, err
		}
		p.inner, p.json = chosen, chosen.json
	}
	if r.Module != nil {
		ask := *r.Module
		ask.Extraction = p.json
		p.ask, p.json = &ask, ask.JSON()
	}
	return p, nil
}

// severalOfOne reports whether two points are of one source.
func severalOfOne(ids []string) bool {
	seen := map[string]bool{}
	for _, id := range ids {
		source, _ := dodona.SplitPointID(id)
		if seen[source] {
			return true
		}
		seen[source] = true
	}
	return false
}

// Parse returns the program whose canonical JSON is raw, as [Program.JSON] wrote it for a feed that asks for the points
// called from. Kinds that decode their readings themselves must be among decoders.
func Parse(from []string, raw json.RawMessage, decoders Decoders) (*Program, error) {
	rules, found, err := module.ParseRules(raw)
	if err != nil {
		return nil, err
	}
	p := &Program{from: from, json: raw}
	extraction := raw
	if found {
		p.ask, extraction = &rules, rules.Extraction
	}
	if found && extraction == nil {
		return p, nil
	}
	chosen, err := parseLatest(extraction, decoders)
	if err != nil {
		return nil, err
	}
	if chosen != nil {
		p.inner = chosen
		return p, nil
	}
	made, err := parseInner(extraction, decoders)
	if err != nil {
		return nil, err
	}
	p.inner = made
	return p, nil
}

// JSON returns the rules in canonical form: equal rules have equal bytes. They are the part of a feed's document that is
// the transform's own. The caller must not change them.
func (p *Program) JSON() json.RawMessage { return p.json }

// Module returns the rules of the module, and whether there is one.
func (p *Program) Module() (module.Rules, bool) {
	if p.ask == nil {
		return module.Rules{}, false
	}
	return *p.ask, true
}

// Spec returns what the program's module is loaded from to replay its events: everything that decides its answers. There
// must be one.
func (p *Program) Spec(code []byte) module.Spec {
	r := *p.ask
	s := module.Spec{
		Name: r.Module.Name, Version: r.Module.Version, Wasm: code, Limits: r.Limits, Params: r.Params, Capabilities: r.Capabilities,
		Metering: r.Metering, Replay: true,
	}
	s.Host.Number = extract.Number
	if r.Capabilities.Files {
		s.Dir = os.DevNull // no directory: nothing is read there
	}
	return s
}

// Running returns the transform that runs the program. Loaded is its module; nil for a program without one.
func (p *Program) Running(loaded *module.Module) dodona.Transform {
	if p.ask == nil {
		return p.inner
	}
	return loaded.Transform(p.from, p.inner)
}

// Noting returns the program, which now also tells note of the points that its module is given, in each round that gets so far.
func (p *Program) Noting(note func(points []dodona.Point)) *Program {
	noted := *p
	if p.inner != nil {
		noted.inner = noting{p.inner, note}
	}
	return &noted
}

type noting struct {
	dodona.Transform
	note func(points []dodona.Point)
}

// Apply makes the points.
func (n noting) Apply(ctx context.Context, c dodona.Call) (dodona.Result, error) {
	made, err := n.Transform.Apply(ctx, c)
	if err == nil {
		n.note(made.Points)
	}
	return made, err
}

// Replaying returns the transform that [Program.Running] returns, but with capabilities that answer from a transcript.
func (p *Program) Replaying(loaded *module.Module, transcript []byte) dodona.Transform {
	if p.ask == nil {
		return p.inner
	}
	return module.Replaying(loaded, p.from, p.inner, transcript)
}

// Event returns what the module is given of a call.
func (p *Program) Event(ctx context.Context, c dodona.Call) (module.Event, error) {
	ev := module.Event{Feed: c.Feed, Round: c.Round, Readings: c.Readings, From: p.from}
	if p.inner == nil {
		return ev, nil
	}
	taken, err := p.inner.Apply(ctx, c)
	ev.Points = taken.Points
	return ev, err
}
