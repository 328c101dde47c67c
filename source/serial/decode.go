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

// Apply returns each point as the newest frame of its item says.
func (p points) Apply(_ context.Context, c dodona.Call) (r dodona.Result, err error) {
	if len(c.Readings) == 0 {
		return r, nil
	}
	for _, id := range slices.Sorted(maps.Keys(p)) {
		rule := p[id]
		newest := -1
		for i, reading := range c.Readings {
			if (rule.Item == "" || reading.Item == rule.Item) && (newest < 0 || !reading.Received.Before(c.Readings[newest].Received)) {
				newest = i
			}
		}
		point := dodona.Point{ID: id, Unit: rule.Unit, Quality: dodona.Bad}
		if newest < 0 {
			point.Time, point.Reason = c.Readings[len(c.Readings)-1].Received, fmt.Sprintf("no frame of item %.40q came", rule.Item)
		} else {
			rule.decode(c.Readings[newest], &point)
		}
		r.Points = append(r.Points, point)
	}
	return r, nil
}

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
