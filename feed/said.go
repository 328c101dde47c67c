package feed

import (
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// Said returns what the sources of a round said for its inputs, with unit and quality, sorted by id. Of several points of one id it is the newest,
// with the quality of all that were combined.
func Said(b *dodona.Bundle) []dodona.Point {
	newest := map[string]dodona.Point{}
	for _, p := range b.Points {
		if had, found := newest[p.ID]; !found || !p.Time.Before(had.Time) {
			newest[p.ID] = p
		}
	}
	var said []dodona.Point
	for _, in := range b.Inputs {
		p, found := newest[in.Point]
		if !found || in.Status == dodona.InputGiven {
			continue
		}
		delete(newest, in.Point)
		if in.Value != nil {
			p.Value = *in.Value
		}
		switch counts := in.Status == dodona.InputUsed || in.Status == dodona.InputOutlier; {
		case counts && p.Quality == dodona.Bad: // others of its id are not
			p.Quality, p.Reason = dodona.Uncertain, in.Reason
		case in.Status == dodona.InputUsed && in.Reason != "": // so says Evaluate of a point in doubt
			p.Quality, p.Reason = max(p.Quality, dodona.Uncertain), in.Reason
		}
		said = append(said, p)
	}
	slices.SortFunc(said, func(a, b dodona.Point) int { return strings.Compare(a.ID, b.ID) })
	return said
}
