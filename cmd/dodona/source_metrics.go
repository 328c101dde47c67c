package main

import (
	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/sparkplug"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/node"
)

// metricsMedia is the content type of a reading that is one metric of Sparkplug B.
const metricsMedia = "application/x-sparkplug-b"

// listsMetrics reports whether a trial is of somebody who looks what edge nodes have: no metric is named, and metrics came.
func listsMetrics(t node.SourceTrial) bool {
	if t.Err != nil || len(t.Source.Decoded) > 0 || len(t.Readings) == 0 {
		return false
	}
	for point, rule := range t.Source.Rules {
		if point != "" || rule.Item != "" || rule.Finds() {
			return false
		}
	}
	for _, r := range t.Readings {
		if r.ContentType != metricsMedia {
			return false
		}
	}
	return true
}

// metricTable lists the metrics that came, by the items that rules name; of several readings of one the last.
func metricTable(readings []dodona.Reading) table.Table {
	out := table.Table{Margin: 2, Columns: []table.Column{{Name: "metric", Whole: true}, {Name: "value", Right: true, Whole: true}, {Name: "type", Rank: 1}, {Name: "quality"}}}
	rows := map[string]int{}
	for _, r := range readings {
		value, of := metricOf(r)
		style := table.Green
		if r.Quality != dodona.Good {
			style = table.Yellow
		}
		cells := []table.Cell{{Text: r.Item}, {Text: value}, {Text: of}, {Text: r.Quality.String(), Style: style}}
		if at, has := rows[r.Item]; has {
			out.Rows[at].Cells = cells
			continue
		}
		rows[r.Item] = len(out.Rows)
		out.Add(cells)
	}
	return out
}

// metricOf returns the value of a reading that is one metric, and its type.
func metricOf(r dodona.Reading) (value, of string) {
	p, err := sparkplug.Decode(r.Body)
	if err != nil || len(p.Metrics) != 1 || p.Metrics[0].Err != nil {
		return "–", ""
	}
	m := p.Metrics[0]
	d, err := m.Value.Decimal(m.Type)
	switch {
	case m.Null:
		return "–", m.Type.String()
	case err == nil:
		return d.String(), m.Type.String()
	case m.Value.Kind == sparkplug.InString:
		return plain.Quote(m.Value.Text, mostName), m.Type.String()
	}
	return "–", m.Type.String()
}
