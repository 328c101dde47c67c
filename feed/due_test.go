package feed

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/dodona-oracle/dodona"
)

// versioned is a transform that says which it is.
type versioned struct {
	simple
	version dodona.Digest
}

func (v versioned) Apply(ctx context.Context, c dodona.Call) (dodona.Result, error) {
	r, err := v.simple.Apply(ctx, c)
	r.Version = v.version
	return r, err
}

func TestARoundIsComputedByTheRulesThatAreDue(t *testing.T) {
	due := func(r dodona.Round) (dodona.Transform, json.RawMessage) {
		if r < 20_000 {
			return versioned{version: dodona.Digest{1}}, json.RawMessage(`{"rule":1}`)
		}
		return versioned{version: dodona.Digest{2}}, json.RawMessage(`{"rule":2}`)
	}
	f := newFeed(t, Options{Due: due, Ask: says(map[string]string{"a": "1", "b": "2", "c": "3"})}, nil)
	for _, c := range []struct {
		round dodona.Round
		rule  string
		want  byte
	}{{10_000, `{"rule":1}`, 1}, {20_000, `{"rule":2}`, 2}, {10_000, `{"rule":1}`, 1}, {30_000, `{"rule":2}`, 2}} {
		for name, b := range map[string]dodona.Bundle{"answered": f.Answer(t.Context(), c.round), "missed": f.missed(t.Context(), c.round, "of a test")} {
			doc, err := ParseDocument(b.Rules)
			if err != nil {
				t.Fatal(err)
			}
			if string(doc.Extraction) != c.rule || b.Origin.Version != (dodona.Digest{c.want}) || b.Origin.Rules != dodona.Keccak256(b.Rules) {
				t.Errorf("round %d, %s: rules %s, origin %+v; want %s", c.round, name, doc.Extraction, b.Origin, c.rule)
			}
		}
	}
}
