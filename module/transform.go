package module

import (
	"bytes"
	"context"
	"fmt"

	"github.com/dodona-oracle/dodona"
)

// Transform returns the transform that runs the module on what a feed's sources gave. From are the ids of the points that
// the feed asks its sources for; inner makes them of the readings before the module sees both, and may be nil.
//
// Its version is the module's digest. Its error is an [*Error] if the module failed: the result then has no points, but
// the fuel, the transcript and the state of the failed event. A call without readings does not run the module.
func (m *Module) Transform(from []string, inner dodona.Transform) dodona.Transform {
	return &transform{module: m, from: from, inner: inner}
}

// Replaying returns the transform that [Module.Transform] returns, but with capabilities that answer from a transcript.
// It fails with [CauseReplay] unless the module asks for just what is in it, and leaves the same output.
func Replaying(m *Module, from []string, inner dodona.Transform, transcript []byte) dodona.Transform {
	return &transform{module: m, from: from, inner: inner, replay: true, recorded: transcript}
}

type transform struct {
	module   *Module
	from     []string
	inner    dodona.Transform
	replay   bool
	recorded []byte
}

// Apply returns the points that the module makes, in its order.
func (t *transform) Apply(ctx context.Context, c dodona.Call) (dodona.Result, error) {
	ev := Event{
		Feed: c.Feed, Round: c.Round, Readings: c.Readings, From: t.from,
		Recorded: t.recorded, Replay: t.replay,
	}
	if len(c.Readings) == 0 {
		return t.idle(ev)
	}
	if t.inner != nil {
		inner, err := t.inner.Apply(ctx, c)
		if err != nil {
			kept, _ := t.idle(ev) // what it knew outlives the round
			return dodona.Result{State: kept.State}, fmt.Errorf("extract points for module %s: %w", t.module.label, err)
		}
		ev.Points = inner.Points
	}
	out, err := t.module.Run(ctx, ev)
	r := dodona.Result{
		Points: out.Points, Version: t.module.Digest(), Fuel: out.Fuel, Transcript: out.Transcript, State: out.State,
	}
	if err == nil && t.replay && !bytes.Equal(out.Transcript, t.recorded) {
		err = t.module.failed(CauseReplay, "what it was told or put out differs from the transcript")
	}
	if err != nil {
		r.Points = nil
		if r.State == nil { // the event never began
			kept, _ := t.idle(ev)
			r.State = kept.State
		}
		return r, err
	}
	return r, nil
}

// idle answers a call that the module is not run for: it says nothing, and keeps what it knew.
func (t *transform) idle(ev Event) (dodona.Result, error) {
	var none event
	none.begin(t.module, ev)
	if failed := t.module.ended(&none, 0); failed != nil {
		return dodona.Result{Version: t.module.Digest()}, failed
	}
	return dodona.Result{Version: t.module.Digest(), Transcript: none.record.bytes(nil), State: none.before}, nil
}
