package explain_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/module"
)

// An indexer stands for a module: it makes one point of whatever it is given.
type indexer struct{}

func (indexer) Apply(_ context.Context, c dodona.Call) (dodona.Result, error) {
	v, err := dodona.ParseDecimal("12.5")
	return dodona.Result{Version: dodona.Digest{1}, Points: []dodona.Point{{ID: "index", Value: v, Time: c.Round.Time()}}}, err
}

func TestWhatAModuleWasGivenIsShownWithItsValue(t *testing.T) {
	p := plantThatNeeds(t, 1, func(p *plant, x *extract.Extraction, s *feed.Settings) {
		rules := module.Rules{Module: dodona.Module{Name: "index", Version: "1.0.0", Digest: dodona.Digest{1}}, Extraction: x.JSON()}.JSON()
		s.Points, s.Module = []string{"index"}, &feed.Module{Name: "index", Version: "1.0.0"}
		p.due = func(dodona.Round) (dodona.Transform, json.RawMessage) { return indexer{}, rules }
	})
	delete(p.bodies, "coingecko")
	b := p.observe(t, 0)
	p.attest(t, b)
	s := explained(t, p, b.Round)
	text := s.String()
	for _, want := range []string{
		"├ kraken 43,218.1 → given to the module, GET api.kraken.com 200", "├ binance 43,218.55 → given to the module, GET api.binance.com 200",
		"├ coingecko — ✗ failed: dial tcp", "└ index 12.50000000 ✓ made by index",
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	for _, in := range s.Inputs {
		if given := in.Status == dodona.InputGiven; given != (in.Value != nil && in.Point != "index") {
			t.Errorf("%s is %s with the value %v", in.Point, in.Status, in.Value)
		}
	}
	raw, err := json.Marshal(s)
	if err != nil || !strings.Contains(string(raw), `"status":"given","value":"43218.55"`) {
		t.Errorf("the story as JSON has not the value: %s, %v", raw, err)
	}

	p.drop(func(r dodona.Record) bool { return r.Topic == dodona.TopicReading })
	for _, in := range explained(t, p, b.Round).Inputs {
		if in.Status == dodona.InputGiven && in.Value != nil {
			t.Errorf("the bytes are gone, and %s is said to be %v", in.Point, in.Value)
		}
	}
	if replay, err := explain.Round(t.Context(), p, btc, b.Round, explain.Options{}); err != nil || len(replay.Broken) != 0 {
		t.Errorf("broken: %q, %v", replay.Broken, err)
	}
}
