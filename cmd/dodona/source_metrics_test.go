package main

import (
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/sparkplug"
	"github.com/dodona-oracle/dodona/node"
)

// TestMetricsAreListedWhereNoneIsNamed: whoever looks what edge nodes have sees items and values, and no fault of a rule that nobody wrote.
func TestMetricsAreListedWhereNoneIsNamed(t *testing.T) {
	of := func(item string, q dodona.Quality, m sparkplug.Metric) dodona.Reading {
		return dodona.Reading{
			Source: "line", Item: item, ContentType: metricsMedia, Quality: q,
			Body: (&sparkplug.Payload{Metrics: []sparkplug.Metric{m}}).Append(nil),
		}
	}
	trial := node.SourceTrial{
		Source: config.Source{Name: "line", Kind: "mqtt", Rules: map[string]extract.Rule{"": {}}},
		Readings: []dodona.Reading{
			of("plant/e/pump//speed", dodona.Good, sparkplug.Metric{Name: "speed", Type: sparkplug.Int32, Value: sparkplug.IntOf(1)}),
			of("plant/e//name", dodona.Good, sparkplug.Metric{Name: "name", Type: sparkplug.String, Value: sparkplug.TextOf("a b")}),
			of("plant/e//none", dodona.Bad, sparkplug.Metric{Name: "none", Type: sparkplug.Int32, Null: true}),
			of("plant/e/pump//speed", dodona.Good, sparkplug.Metric{Name: "speed", Type: sparkplug.Int32, Value: sparkplug.IntOf(1364)}),
		},
		Points: []dodona.Point{{ID: "line", Quality: dodona.Bad, Reason: "the document is not UTF-8"}},
	}
	var out, talk strings.Builder
	term := terminal{out: &out, err: &talk}
	if err := printSourceTrials(term, []node.SourceTrial{trial}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"plant/e/pump//speed   1364  Int32   good", `plant/e//name        "a b"  String  good`, "plant/e//none            –  Int32   bad"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got\n%s, which lacks %q", out.String(), want)
		}
	}
	if strings.Contains(out.String(), "UTF-8") {
		t.Errorf("got\n%s", out.String())
	}
	if err := untaken(term, []node.SourceTrial{trial}, false, false); err != nil {
		t.Errorf("got %v, though all metrics came", err)
	}
	trial.Source.Rules = map[string]extract.Rule{"speed": {Item: "plant/e/pump//speed"}}
	if err := untaken(term, []node.SourceTrial{trial}, false, false); err == nil {
		t.Error("a rule that takes nothing is no fault")
	}
}
