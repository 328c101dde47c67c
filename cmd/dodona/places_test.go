package main

import (
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/node"
)

// TestANumberIsTakenByTheRuleOfItsItem: a rule of another item has no part in what is shown, whichever of them is looked at first.
func TestANumberIsTakenByTheRuleOfItsItem(t *testing.T) {
	r := dodona.Reading{Source: "press", Item: "plant/press", Body: []byte(`{"kN":12.1}`)}
	trial := node.SourceTrial{
		Source: config.Source{Name: "press", Rules: map[string]extract.Rule{
			"force": {Item: "plant/press", Pointer: "/kN"}, "kept": {Item: "plant/kept"}, "other": {Item: "plant/kept", Pointer: "/kN"},
			"none": {Pointer: "/kN"},
		}},
		Readings: []dodona.Reading{r},
		Points:   []dodona.Point{{ID: "press.force"}, {ID: "press.kept"}, {ID: "press.other"}, {ID: "press.none", Quality: dodona.Bad}},
	}
	var rows []string
	for _, row := range placeTable(trial, r).Rows {
		var cells []string
		for _, c := range row.Cells {
			cells = append(cells, c.Text)
		}
		rows = append(rows, strings.Join(cells, " "))
	}
	if got, want := strings.Join(rows, "; "), "/kN 12.1 press.force"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
