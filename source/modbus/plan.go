package modbus

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A span is a run of entries of one table of one unit.
type span struct {
	unit  uint8
	table table
	at, n int
}

// item names the span: 3/holding/100-119, or 3/holding/100 if it is one.
func (s span) item() string {
	if s.n == 1 {
		return fmt.Sprintf("%d/%s/%d", s.unit, s.table, s.at)
	}
	return fmt.Sprintf("%d/%s/%d-%d", s.unit, s.table, s.at, s.at+s.n-1)
}

// spanOf reads what item writes.
func spanOf(item string) (s span, ok bool) {
	id, rest, _ := strings.Cut(item, "/")
	name, run, _ := strings.Cut(rest, "/")
	first, last, several := strings.Cut(run, "-")
	if !several {
		last = first
	}
	unit, errUnit := strconv.ParseUint(id, 10, 8)
	from, errFrom := strconv.ParseUint(first, 10, 16)
	to, errTo := strconv.ParseUint(last, 10, 16)
	s = span{uint8(unit), table(name), int(from), int(to) - int(from) + 1}
	return s, errUnit == nil && errFrom == nil && errTo == nil && from <= to && s.table.known()
}

// ofUnit reports whether an item begins as those of a unit do, which is most of what spanOf is asked for and less work.
func ofUnit(item string, unit uint8) bool {
	id, _, _ := strings.Cut(item, "/")
	n, err := strconv.ParseUint(id, 10, 8)
	return err == nil && uint8(n) == unit
}

// A block is what is read in one request: one field or several.
type block struct {
	span
	fields []span // by address; each is read whole
}

func (b block) request() request { return request{b.table, uint16(b.at), b.n} }

// halves returns two blocks that have the fields of b, which has several.
func (b block) halves() [2]block {
	middle := len(b.fields) / 2
	return [2]block{blockOf(b.fields[:middle]), blockOf(b.fields[middle:])}
}

// blockOf returns the block of fields that are sorted.
func blockOf(fields []span) block {
	b := block{span: fields[0], fields: fields}
	for _, f := range fields {
		b.n = max(b.n, f.at+f.n-b.at)
	}
	return b
}

// plan returns the blocks that have all fields: as few as the limits and the holes allow, in the order of units.
func (s *Settings) plan(fields []field) (blocks []block) {
	var spans []span
	for _, f := range fields {
		spans = append(spans, f.rule.span())
	}
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.unit, b.unit), cmp.Compare(a.table, b.table), cmp.Compare(a.at, b.at), cmp.Compare(a.n, b.n))
	})
	holes := s.holes()
	for _, next := range slices.Compact(spans) {
		if last := len(blocks) - 1; last >= 0 && s.joins(blocks[last], next, holes) {
			blocks[last] = blockOf(append(blocks[last].fields, next))
			continue
		}
		blocks = append(blocks, blockOf([]span{next}))
	}
	return blocks
}

// joins reports whether a field may be read in one request with a block before it.
func (s *Settings) joins(b block, next span, holes []hole) bool {
	most := s.MaxRegisters
	if b.table.bits() {
		most = s.MaxBits
	}
	end := b.at + b.n
	whole := max(end, next.at+next.n) - b.at
	if b.unit != next.unit || b.table != next.table || whole > most {
		return false
	}
	if next.at < end { // they overlap
		return true
	}
	if s.OneByOne || next.at-end > s.Gap {
		return false
	}
	return !slices.ContainsFunc(holes, func(h hole) bool { return h.covers(b.unit, b.table, end, next.at) })
}

// A hole is a run of addresses that no request may touch.
type hole struct {
	unit     int // -1: of every unit
	table    table
	from, to int // the last included
}

// covers reports whether the hole has one of the addresses from first up to, and without, end.
func (h hole) covers(unit uint8, t table, first, end int) bool {
	return (h.unit < 0 || h.unit == int(unit)) && h.table == t && h.from < end && h.to >= first
}

// holeOf reads a hole as people write it: holding/120-129, or 3/holding/120-129, counted from base.
func holeOf(text string, base int) (h hole, err error) {
	h.unit = -1
	item := text
	if strings.Count(text, "/") < 2 {
		item = "0/" + text
	}
	unit, rest, _ := strings.Cut(item, "/")
	name, run, _ := strings.Cut(rest, "/")
	first, last, several := strings.Cut(run, "-")
	if !several {
		last = first
	}
	id, errID := strconv.ParseUint(unit, 10, 8)
	from, errFrom := strconv.Atoi(first)
	to, errTo := strconv.Atoi(last)
	h.table, h.from, h.to = table(name), from-base, to-base
	if errID != nil || errFrom != nil || errTo != nil || !h.table.known() || h.from < 0 || h.to > 65535 || h.from > h.to {
		return h, fmt.Errorf("%.40q: want a table and addresses, such as holding/120-129, or 3/holding/120-129 for unit 3 alone", text)
	}
	if item == text {
		h.unit = int(id)
	}
	return h, nil
}

func (s *Settings) holes() (holes []hole) {
	for _, text := range s.Holes {
		if h, err := holeOf(text, s.Base); err == nil { // Check tells of others
			holes = append(holes, h)
		}
	}
	return holes
}
