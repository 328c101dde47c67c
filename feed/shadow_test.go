package feed

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/dodona-oracle/dodona"
)

// split is a rollout's: the candidate runs on the same call, and what it says goes beside what the current one says.
type split struct{ current, candidate dodona.Transform }

func (s split) Apply(ctx context.Context, c dodona.Call) (dodona.Result, error) {
	r, err := s.current.Apply(ctx, c)
	beside, failed := s.candidate.Apply(ctx, c)
	r.Shadow = &dodona.Shadow{
		Rules: json.RawMessage(`{"rule":2}`), Version: beside.Version, Points: beside.Points,
		Fuel: 7, Transcript: []byte("told"), State: map[string][]byte{"n": {1}},
	}
	if failed != nil {
		r.Shadow.Failed = failed.Error()
	}
	return r, err
}

func TestAShadowRidesInTheBundleAndDecidesNothing(t *testing.T) {
	m := Material{Round: 20_000, Readings: []dodona.Reading{{Source: "a", Body: []byte("5"), Received: dodona.Round(20_000).Time()}}}
	two := uint8(2)
	doc, err := NewDocument("x", Settings{Decimals: &two, From: []string{"a"}, Need: 1}, json.RawMessage(`{"rule":1}`))
	if err != nil {
		t.Fatal(err)
	}
	current := versioned{version: dodona.Digest{1}}
	failing := transformFunc(func(context.Context, dodona.Call) (dodona.Result, error) {
		return dodona.Result{}, errors.New("out of fuel")
	})
	for name, candidate := range map[string]dodona.Transform{"well": versioned{version: dodona.Digest{2}}, "failing": failing} {
		alone := Compute(t.Context(), doc, current, m)
		with := Compute(t.Context(), doc, split{current, candidate}, m)
		if with.Shadow == nil || (with.Shadow.Failed != "") != (name == "failing") || string(with.Shadow.Transcript) != "told" {
			t.Errorf("%s: the shadow in the bundle is %+v", name, with.Shadow)
		}
		if alone.Value == nil {
			t.Fatalf("%s: the round has no value: %s", name, alone.Missed)
		}
		with.Shadow = nil
		if !reflect.DeepEqual(with, alone) {
			t.Errorf("%s: a shadow changed the round:\n%+v\n%+v", name, with, alone)
		}
	}
	if b := Compute(t.Context(), doc, split{failing, current}, m); b.Missed == "" || b.Shadow == nil || len(b.Shadow.Points) == 0 {
		t.Errorf("a shadow stood in for the one that must answer, or was dropped: %+v", b)
	}
}

type transformFunc func(context.Context, dodona.Call) (dodona.Result, error)

func (f transformFunc) Apply(ctx context.Context, c dodona.Call) (dodona.Result, error) {
	return f(ctx, c)
}
