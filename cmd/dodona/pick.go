package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
)

// A pick is a number of the document that becomes a feed.
type pick struct {
	extract.Place
	feed     string
	unit     string
	decimals uint8
}

// now writes the number as its feed will.
func (p pick) now() string {
	value, err := dodona.ParseDecimal(p.Text)
	if err != nil {
		return p.Text
	}
	return dodona.Feed{Kind: dodona.Number, Unit: p.unit, Decimals: p.decimals}.FormatExact(value)
}

// take completes a pick with what the document has there; an error says why no rule could take it.
func (p *pick) take(r dodona.Reading, places []extract.Place) error {
	if _, err := extract.Number(r, p.Pointer); err != nil {
		_, all, _ := extract.Places(r, 0)
		var near []string
		ordered := slices.Clone(places)
		slices.SortStableFunc(ordered, func(a, b extract.Place) int {
			return nearness(b.Pointer, []string{p.Pointer}) - nearness(a.Pointer, []string{p.Pointer})
		})
		for _, place := range ordered[:min(len(ordered), 5)] {
			near = append(near, pointerText(place.Pointer))
		}
		return fmt.Errorf("%w (of %s, the nearest: %s)", err, count(all, "number"), strings.Join(near, ", "))
	}
	if i := slices.IndexFunc(places, func(place extract.Place) bool { return place.Pointer == p.Pointer }); i >= 0 {
		p.Text = places[i].Text
	}
	return nil
}
