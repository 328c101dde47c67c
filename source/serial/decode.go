package serial

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/dodona-oracle/dodona"
)

// check returns what is wrong with a register, beginning with its setting.
func (r Register) check(most int) error {
	if r.At < 0 || r.At+r.Size() > most {
		return fmt.Errorf("at: %d: want 0 to %d", r.At, most-r.Size())
	}
	return r.Format.Check()
}

// decoder makes points of frames.
func decoder(rules map[string]Register) (dodona.Transform, error) {
	for _, point := range slices.Sorted(maps.Keys(rules)) {
		if err := rules[point].check(int(frameLimit)); err != nil {
			return nil, fmt.Errorf("registers.%s.%w", point, err)
		}
	}
	return points(rules), nil
}

type points map[string]Register

// Apply returns a point for each frame of its item: a feed that takes every reading counts each.
func (p points) Apply(_ context.Context, c dodona.Call) (r dodona.Result, err error) {
	if len(c.Readings) == 0 {
		return r, nil
	}
	for _, id := range slices.Sorted(maps.Keys(p)) {
		rule, came := p[id], false
		for _, reading := range c.Readings {
			if !rule.of(reading) {
				continue
			}
			came = true
			point := dodona.Point{ID: id, Unit: rule.Unit, Quality: dodona.Bad}
			rule.decode(reading, &point)
			r.Points = append(r.Points, point)
		}
		if !came {
			r.Points = append(r.Points, dodona.Point{
				ID: id, Unit: rule.Unit, Quality: dodona.Bad, Time: c.Readings[len(c.Readings)-1].Received, Reason: fmt.Sprintf("no frame of item %.40q came", rule.Item),
			})
		}
	}
	return r, nil
}

// Has reports whether a reading is a frame that a point stands in.
func (p points) Has(r dodona.Reading, point string) bool {
	rule, known := p[point]
	return known && rule.of(r)
}

// of reports whether the register is one of a frame's.
func (r Register) of(reading dodona.Reading) bool { return r.Item == "" || r.Item == reading.Item }

func (r Register) decode(from dodona.Reading, point *dodona.Point) {
	point.Time = from.Received
	if !from.SourceTime.IsZero() {
		point.Time = from.SourceTime
	}
	if from.Quality == dodona.Bad {
		point.Reason = cmp.Or(from.Detail, "the source says that its reading is bad")
		return
	}
	if r.At+r.Size() > len(from.Body) {
		// Fault (point): a frame is shorter than its value.
		point.Reason = fmt.Sprintf("the frame has %d bytes, and the value ends at byte %d", len(from.Body), r.At+r.Size())
		return
	}
	value, err := r.Decode(from.Body[r.At:][:r.Size()])
	if err != nil {
		point.Reason = err.Error()
		return
	}
	point.Value, point.Quality = value, from.Quality
	if from.Quality != dodona.Good {
		point.Reason = cmp.Or(from.Detail, "the source says that its reading is uncertain")
	}
}
