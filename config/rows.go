package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// takeDelimiter gives the rules with a column the delimiter that the source's settings name, where they name none themselves.
func (l *loader) takeDelimiter(s Source, where string, n *strict.Node) {
	own, tells := s.Settings.(interface{ BetweenColumns() string }) // "": the settings say nothing
	if !tells || own.BetweenColumns() == "" {
		return
	}
	by := own.BetweenColumns()
	for _, point := range slices.Sorted(maps.Keys(s.Rules)) {
		r, key := s.Rules[point], "value.delimiter"
		if point != "" {
			key = "points." + point + ".delimiter"
		}
		switch {
		case r.Column == "":
		case r.Delimiter == "":
			r.Delimiter = by
			s.Rules[point] = r
		case r.Delimiter != by:
			_, at := n.Descend(n.At, key)
			l.report.Warn(at, where, fmt.Sprintf("%s: %q, and the source parts its rows by %q", key, r.Delimiter, by), "leave it out: the rule has that of the source")
		}
	}
}
