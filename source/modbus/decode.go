package modbus

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

// A piece is a reading of a block, with what its item says.
type piece struct {
	span
	dodona.Reading
}

// Apply returns each point as the newest block that has it says.
func (p points) Apply(_ context.Context, c dodona.Call) (r dodona.Result, err error) {
	if len(c.Readings) == 0 {
		return r, nil
	}
	pieces := map[uint8][]piece{}
	var newest time.Time
	for _, reading := range c.Readings {
		if s, ok := spanOf(reading.Item); ok {
			pieces[s.unit] = append(pieces[s.unit], piece{s, reading})
		}
		if reading.Received.After(newest) {
			newest = reading.Received
		}
	}
	for _, of := range pieces {
		slices.SortStableFunc(of, func(a, b piece) int { return b.Received.Compare(a.Received) })
	}
	for _, id := range slices.Sorted(maps.Keys(p)) {
		rule := p[id]
		point := dodona.Point{ID: id, Unit: rule.Unit, Time: newest, Quality: dodona.Bad}
		wants := rule.span()
		of := slices.IndexFunc(pieces[rule.UnitID], func(have piece) bool { return have.has(wants) })
		if of < 0 {
			point.Reason = "nothing that was read has " + wants.item()
		} else {
			rule.decode(pieces[rule.UnitID][of], wants, &point)
		}
		r.Points = append(r.Points, point)
	}
	return r, nil
}

// Has reports whether a reading has the registers of a point.
func (p points) Has(r dodona.Reading, point string) bool {
	rule, known := p[point]
	if !known || !ofUnit(r.Item, rule.UnitID) { // a feed asks for each of its points of every block of all units
		return false
	}
	s, ok := spanOf(r.Item)
	return ok && s.has(rule.span())
}

// has reports whether a block has all of a field.
func (s span) has(wants span) bool {
	return s.unit == wants.unit && s.table == wants.table && s.at <= wants.at && s.at+s.n >= wants.at+wants.n
}

// decode fills in what one block says of a point.
func (r Rule) decode(from piece, wants span, point *dodona.Point) {
	point.Time = from.Received
	if !from.SourceTime.IsZero() {
		point.Time = from.SourceTime
	}
	if from.Quality == dodona.Bad {
		point.Reason = cmp.Or(from.Detail, "the source says that its reading is bad")
		return
	}
	if want := from.table.size(from.n); len(from.Body) != want {
		// Fault (point): a reading in the journal has another size than its block.
		point.Reason = fmt.Sprintf("%s has %d bytes, want %d", from.Item, len(from.Body), want)
		return
	}
	value, err := r.value(from.Body, wants.at-from.at)
	if err != nil {
		point.Reason = err.Error()
		return
	}
	point.Value, point.Quality = value, from.Quality
	if point.Quality != dodona.Good {
		point.Reason = cmp.Or(from.Detail, "the source says that its reading is uncertain")
	}
}

// value returns what stands from an entry of a block on.
func (r Rule) value(body []byte, entry int) (dodona.Decimal, error) {
	if r.Table.bits() {
		return r.Decode([]byte{body[entry/8] >> (entry % 8) & 1})
	}
	f := r.format()
	raw := body[2*entry:][:f.Size()]
	if r.Type == f.Type || !f.Bits.IsZero() {
		return f.Decode(raw)
	}
	if slices.ContainsFunc(raw, func(b byte) bool { return b != 0 }) { // a bool of a whole register
		return r.Decode([]byte{1})
	}
	return r.Decode([]byte{0})
}
