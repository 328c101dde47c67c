package config_test

import (
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
)

type rowsSettings struct {
	Path      string `yaml:"path"`
	Delimiter string `yaml:"delimiter,omitempty"`
}

func (s *rowsSettings) BetweenColumns() string { return s.Delimiter }

func TestTheDelimiterOfASourceHoldsForItsRules(t *testing.T) {
	kinds := config.KindsOf(kind{"rows", func() any { return new(rowsSettings) }})
	load := func(settings, point string) (*config.Config, error) {
		return config.Load(strings.NewReader(`node: {name: gate, key: {file: k}}
sources:
  meter:
    rows: {path: /a.csv`+settings+`}
    points: {energy: `+point+`, json: /e}
feeds:
  energy: {decimals: 1, every: 1s, from: [meter.energy]}
`), "f.yaml", kinds)
	}
	for _, c := range []struct{ settings, point, want, doubt string }{
		{`, delimiter: ";"`, "{column: kWh}", ";", ""},
		{`, delimiter: ";"`, `{column: kWh, delimiter: ";"}`, ";", ""},
		{`, delimiter: ";"`, `{column: kWh, delimiter: ","}`, ",", `points.energy.delimiter: ",", and the source parts its rows by ";"`},
		{`, delimiter: ";"`, `{regex: "kWh=(.*)"}`, "", ""},
		{"", "{column: kWh}", "", ""},
		{"", `{column: kWh, delimiter: ";"}`, ";", ""},
	} {
		got, err := load(c.settings, c.point)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := got.Source("meter")
		if s.Rules["energy"].Delimiter != c.want || s.Rules["json"].Delimiter != "" {
			t.Errorf("%s and %s: got %+v, want %q", c.settings, c.point, s.Rules, c.want)
		}
		var doubts []string
		for _, w := range got.Warnings {
			if strings.Contains(w.Message, "delimiter") {
				doubts = append(doubts, w.Message)
			}
		}
		if strings.Join(doubts, "\n") != c.doubt {
			t.Errorf("%s and %s: doubts %q, want %q", c.settings, c.point, doubts, c.doubt)
		}
	}
}
