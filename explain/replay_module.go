package explain

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/program"
)

// A Sandbox opens an engine for the module of a bundle; whoever gets the engine closes it. Nil: modules are not run.
type Sandbox func(context.Context) (*module.Engine, error)

// transform returns what makes the points of the bundle's readings, and a function that ends it. It is nil, and a step
// says why, if there is nothing to compute again.
func (p *replay) transform(ctx context.Context, doc feed.Document) (t dodona.Transform, end func(), err error) {
	end = func() {}
	if m := moduleIn(p.bundle); m != nil && p.missedThere(m.Module) {
		return nil, end, nil
	}
	made, err := program.Parse(doc.From, compact(doc.Extraction), p.decoders)
	if err != nil {
		if _, differs := p.Differs(); errors.Is(err, program.ErrNoDecoder) && !differs {
			err = hereError{err} // the rules are those of the round: another build can compute it
		}
		return nil, end, err
	}
	rules, found := made.Module()
	if !found {
		p.before = made.Overlooking().Running(nil)
		return made.Running(nil), end, nil
	}
	if got := dodona.Digest(sha256.Sum256(p.bundle.Module)); got != rules.Module.Digest {
		return nil, end, fmt.Errorf("the bundle carries %d bytes of Wasm with SHA-256 %s, its rules name the module %s %s, %s",
			len(p.bundle.Module), got.Short(), printable(rules.Module.Name), printable(rules.Module.Version), rules.Module.Digest.Short())
	}
	if p.open == nil {
		return nil, end, errors.New("a module made the points, and there is no sandbox here to run it")
	}
	engine, err := p.open(ctx)
	if err != nil {
		return nil, end, hereError{fmt.Errorf("make the sandbox: %w", err)}
	}
	end = func() { _ = engine.Close(context.WithoutCancel(ctx)) } // nothing of it is used any longer
	loaded, err := engine.Load(ctx, made.Spec(p.bundle.Module))
	if err != nil {
		end()
		if module.Local(err) {
			err = hereError{err}
		}
		return nil, func() {}, err
	}
	p.guest = &guest{Transform: made.Replaying(loaded, p.bundle.Transcript)}
	return p.guest, end, nil
}

// A hereError is a failure of this machine or build. It says nothing about the bundle.
type hereError struct{ error }

func (e hereError) Unwrap() error { return e.error }

// A guest runs the module of a bundle, and remembers if this machine could not.
type guest struct {
	dodona.Transform
	here error
}

// Apply runs the module.
func (g *guest) Apply(ctx context.Context, c dodona.Call) (dodona.Result, error) {
	r, err := g.Transform.Apply(ctx, c)
	if failed := (*module.Error)(nil); errors.As(err, &failed) && failed.Cause.Local() {
		g.here = err
	}
	return r, err
}

// missedThere notes a round that was missed for a reason of that node alone: its module did not run, or not in time.
// Nothing was signed, and there is nothing to compute again.
func (p *replay) missedThere(m dodona.Module) bool {
	b := p.bundle
	if b.Value != nil || b.Observation != nil {
		return false
	}
	local := b.Origin.Version.IsZero() || module.TellsOfLocal(b.Missed, m)
	if local {
		p.Missed = b.Missed
		p.compare(StepValue, "missed for a reason of that node", "missed for a reason of that node", "")
	}
	return local
}
