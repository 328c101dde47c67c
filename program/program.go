// Package program makes one transform of the rules by which the points of a feed are made: the extraction from readings,
// and the module that sees both. Whoever answers a feed, computes a round again or tries a module has it from here, so
// that equal rules make equal points for all of them.
//
// How a module is found and loaded is theirs: a node loads it in its own time and tries again, a replay loads what its
// bundle carries, a trial gives it events one by one.
package program

import (
	"context"
	"encoding/json"

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

// New returns the program of a feed that asks for the points called from, with a module or, if that is nil, without one.
// Rules of other points are left out, and what m says of the extraction does not count.
func New(from []string, rules extract.Rules, m *module.Rules) (*Program, error) {
	x, err := extract.New(rules.For(from...))
	if err != nil {
		return nil, err
	}
	p := &Program{from: from, inner: x, json: x.JSON()}
	if m != nil {
		ask := *m
		ask.Extraction = x.JSON()
		p.ask, p.json = &ask, ask.JSON()
	}
	return p, nil
}

// Parse returns the program whose canonical JSON is raw, as [Program.JSON] wrote it for a feed that asks for the points
// called from.
func Parse(from []string, raw json.RawMessage) (*Program, error) {
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
	if p.inner, err = extract.Parse(extraction); err != nil {
		return nil, err
	}
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

// Running returns the transform that runs the program. Loaded is its module; nil for a program without one.
func (p *Program) Running(loaded *module.Module) dodona.Transform {
	if p.ask == nil {
		return p.inner
	}
	return loaded.Transform(p.from, p.inner)
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
