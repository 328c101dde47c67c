package knx

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/dodona-oracle/dodona"
)

// A rule is what a point is. It goes into the rules of feeds, and a replay decodes by it.
type rule struct {
	Address string         `json:"address"` // in three levels
	DPT     string         `json:"dpt"`
	From    string         `json:"from,omitempty"`
	Scale   dodona.Decimal `json:"scale,omitzero"`
	Offset  dodona.Decimal `json:"offset,omitzero"`
	Unit    string         `json:"unit,omitempty"`
}

// A decoder makes points of telegrams.
type decoder map[string]rule

func newDecoder(rules map[string]rule) (dodona.Transform, error) {
	for _, point := range slices.Sorted(maps.Keys(rules)) {
		r := rules[point]
		if _, err := formatOf(r.DPT); err != nil {
			return nil, fmt.Errorf("groups.%s.%w", point, err)
		}
		if address, err := parseGroup(r.Address); err != nil || groupText(address) != r.Address {
			return nil, fmt.Errorf("groups.%s.address: %q: want three levels, such as 1/2/3", point, r.Address)
		}
	}
	return decoder(rules), nil
}

// Apply returns a point for each telegram of its group.
func (d decoder) Apply(_ context.Context, c dodona.Call) (r dodona.Result, err error) {
	for _, point := range slices.Sorted(maps.Keys(d)) {
		for _, reading := range c.Readings {
			if p, has := d[point].point(point, reading); has {
				r.Points = append(r.Points, p)
			}
		}
	}
	return r, nil
}

// Has reports whether a telegram is to a point's group.
func (d decoder) Has(r dodona.Reading, point string) bool {
	rule, known := d[point]
	return known && r.Item == rule.Address
}

// point makes a point of a telegram, if it is of the rule's group.
func (r rule) point(id string, reading dodona.Reading) (p dodona.Point, has bool) {
	if reading.Item != r.Address {
		return p, false
	}
	p = dodona.Point{ID: id, Unit: r.Unit, Time: reading.Received, Quality: reading.Quality}
	t, err := parseTelegram(reading.Body)
	switch {
	case err != nil:
	case groupText(t.group) != r.Address:
		err = fmt.Errorf("the telegram is to %s", groupText(t.group))
	case t.command != groupWrite && t.command != groupResponse:
		err = fmt.Errorf("the telegram brings no value")
	case r.From != "" && individualText(t.source) != r.From:
		return p, false
	}
	if err == nil {
		var f format
		if f, err = formatOf(r.DPT); err == nil {
			p.Value, err = f.number(r.DPT, t)
		}
	}
	if err == nil && r.Scale.Sign() != 0 {
		p.Value, err = p.Value.Mul(r.Scale)
	}
	if err == nil {
		p.Value, err = p.Value.Add(r.Offset)
	}
	if err != nil {
		p.Value, p.Quality, p.Reason = dodona.Decimal{}, dodona.Bad, err.Error()
	} else if p.Quality != dodona.Good {
		p.Reason = cmp.Or(reading.Detail, "the source says that its reading is not good")
	}
	return p, true
}
