package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/node"
)

// mostPlaces is how many numbers of a document are looked at.
const mostPlaces = 1000

// shownPlaces is how many are shown where nobody asked for them.
const shownPlaces = 12

// placeTable lists numbers of a document with their pointers: those near to a rule that took nothing come first.
func placeTable(t node.SourceTrial, r dodona.Reading) table.Table {
	out := table.Table{Margin: 2, Columns: []table.Column{{Name: "pointer"}, {Name: "number", Right: true, Whole: true}, {Name: "taken by", Rank: 1}}}
	places, count, err := extract.Places(r, mostPlaces)
	if err != nil || len(t.Source.Decoded) > 0 {
		return table.Table{} // the points have said so, or the document is the kind's own
	}
	taken, sought := map[string]string{}, []string{}
	take := func(pointer, by string) {
		if before := taken[pointer]; before != "" {
			by = before + ", " + by
		}
		taken[pointer] = by
	}
	for _, point := range slices.Sorted(maps.Keys(t.Source.Rules)) {
		rule := t.Source.Rules[point]
		id := dodona.PointID(t.Source.Name, point)
		if rule.Item != "" && rule.Item != r.Item {
			continue // it looks elsewhere
		}
		rule = rule.Chosen(r)
		if t.Took(r, id) {
			take(rule.Pointer, id)
			if rule.Pointer == "" && count == 1 {
				take(places[0].Pointer, id)
			}
			if rule.Time != "" {
				take(rule.Time, id+" (time)")
			}
		}
		if slices.ContainsFunc(t.Bad(), func(p dodona.Point) bool { return p.ID == id }) {
			sought = append(sought, rule.Pointer)
		}
	}
	if len(sought) > 0 {
		slices.SortStableFunc(places, func(a, b extract.Place) int { return nearness(b.Pointer, sought) - nearness(a.Pointer, sought) })
	}
	for _, p := range places[:min(len(places), shownPlaces)] {
		out.Add(table.Cells(pointerText(p.Pointer), p.Text, taken[p.Pointer]))
	}
	more := count - len(out.Rows)
	leaves, _, _ := extract.Leaves(r, mostLeaves)
	for _, l := range leaves {
		if taken[l.Pointer] != "" && isBoolean(l) { // it is taken as 1 or 0
			out.Add(table.Cells(pointerText(l.Pointer), l.Text, taken[l.Pointer]))
		}
	}
	if more > 0 {
		out.Add(table.Cells(fmt.Sprintf("… and %d more", more)))
	}
	return out
}

// pointerText is a pointer for people: the whole document has an empty one.
func pointerText(pointer string) string {
	if pointer == "" {
		return "(the document itself)"
	}
	return pointer
}

// nearness grows with what a pointer has in common with one that led to nothing.
func nearness(pointer string, sought []string) (best int) {
	have := strings.Split(strings.ToLower(pointer), "/")
	for _, s := range sought {
		want, n := strings.Split(strings.ToLower(s), "/"), 0
		for i := 1; i < min(len(have), len(want)) && have[i] == want[i]; i++ {
			n++
		}
		for i := 1; i <= min(len(have), len(want)); i++ {
			if have[len(have)-i] != want[len(want)-i] {
				break
			}
			n += 2
		}
		for _, part := range want {
			if part != "" && strict.Nearest(part, have) != "" {
				n++
			}
		}
		best = max(best, n)
	}
	return best
}
