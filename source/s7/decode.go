package s7

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
)

// decoder makes points of blocks.
func decoder(rules map[string]Rule) (dodona.Transform, error) {
	for _, point := range slices.Sorted(maps.Keys(rules)) {
		if err := rules[point].check(); err != nil {
			return nil, under("registers."+point, err)
		}
	}
	return points(rules), nil
}

type points map[string]Rule

// A piece is a reading of a block.
type piece struct {
	block
	dodona.Reading
}

// Apply returns each point as the newest block that has it says.
func (p points) Apply(_ context.Context, c dodona.Call) (r dodona.Result, err error) {
	if len(c.Readings) == 0 {
		return r, nil
	}
	var pieces []piece
	var newest time.Time
	for _, reading := range c.Readings {
		if b, ok := blockOf(reading.Item); ok {
			pieces = append(pieces, piece{b, reading})
		}
		if reading.Received.After(newest) {
			newest = reading.Received
		}
	}
	slices.SortStableFunc(pieces, func(a, b piece) int { return b.Received.Compare(a.Received) })
	for _, id := range slices.Sorted(maps.Keys(p)) {
		rule := p[id]
		point := dodona.Point{ID: id, Unit: rule.Unit, Time: newest, Quality: dodona.Bad}
		wants := rule.block()
		if at := slices.IndexFunc(pieces, func(have piece) bool { return have.has(wants) }); at >= 0 {
			rule.fill(pieces[at], &point)
		} else {
			point.Reason = "nothing that was read has " + wants.item()
		}
		r.Points = append(r.Points, point)
	}
	return r, nil
}

// Has reports whether a reading has the bytes of a point.
func (p points) Has(r dodona.Reading, point string) bool {
	b, ok := blockOf(r.Item)
	rule, known := p[point]
	return ok && known && b.has(rule.block())
}

// fill says of a point what one block says of it.
func (r Rule) fill(from piece, point *dodona.Point) {
	point.Time = from.Received
	if !from.SourceTime.IsZero() {
		point.Time = from.SourceTime
	}
	switch {
	case from.Quality == dodona.Bad:
		point.Reason = cmp.Or(from.Detail, "the source says that its reading is bad")
		return
	case len(from.Body) != from.n:
		// Fault (point): a reading in the journal has another size than its block.
		point.Reason = fmt.Sprintf("%s has %d bytes, want %d", from.Item, len(from.Body), from.n)
		return
	}
	value, err := r.decode(from.Body[r.At-from.at:][:r.size()])
	if err != nil {
		point.Reason = err.Error()
		return
	}
	point.Value, point.Quality = value, from.Quality
	if point.Quality != dodona.Good {
		point.Reason = cmp.Or(from.Detail, "the source says that its reading is uncertain")
	}
}
