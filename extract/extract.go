// Package extract turns readings into points without code: a JSON Pointer names a value, and its text becomes an
// exact decimal. No float is ever between the two.
//
// A value that cannot be taken is a point of bad quality whose reason says what stands there instead, and which
// pointers would lead to numbers.
package extract

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/form"
)

// format is the version of the rules' meaning: it grows whenever equal rules over equal readings
// would give other points, so that nodes that compute differently are told apart by their origins.
const format = 1

// An Extraction applies rules. It is immutable and safe for concurrent use.
type Extraction struct {
	rules   Rules
	plans   map[string][]plan // by source, sorted by point id
	json    json.RawMessage
	version dodona.Digest
}

// A plan is a rule made ready.
type plan struct {
	id      string
	rule    Rule
	pointer pointer
	time    pointer
}

// document is the canonical form of rules.
type document struct {
	Format  int   `json:"extract"`
	Sources Rules `json:"sources"`
}

// New returns an extraction by the given rules, or every mistake in them.
func New(rules Rules) (*Extraction, error) {
	if err := rules.Validate(); err != nil {
		return nil, fmt.Errorf("check extraction rules: %w", err)
	}
	one, err := dodona.ParseDecimal("1")
	if err != nil {
		return nil, err
	}
	x := &Extraction{rules: Rules{}, plans: map[string][]plan{}}
	for source, points := range rules {
		x.rules[source] = map[string]Rule{}
		for point, rule := range points {
			if rule.Scale == one {
				rule.Scale = dodona.Decimal{} // one way to say it, hence one digest
			}
			rule.Enum = maps.Clone(rule.Enum)
			x.rules[source][point] = rule
			p := plan{id: dodona.PointID(source, point), rule: rule}
			if p.pointer, err = parsePointer(rule.Pointer); err != nil {
				return nil, err
			}
			if p.time, err = parsePointer(rule.Time); err != nil {
				return nil, err
			}
			x.plans[source] = append(x.plans[source], p)
		}
		slices.SortFunc(x.plans[source], func(a, b plan) int { return strings.Compare(a.id, b.id) })
	}
	if x.json, err = json.Marshal(document{format, x.rules}); err != nil {
		return nil, fmt.Errorf("write extraction rules: %w", err)
	}
	x.version = dodona.Keccak256(x.json)
	return x, nil
}

// Parse returns the extraction whose canonical JSON is raw, as [Extraction.JSON] wrote it. Rules of another format,
// unknown and repeated keys and trailing data are errors.
func Parse(raw json.RawMessage) (*Extraction, error) {
	var doc document
	if err := form.Of[document]().Read(raw, "the document", &doc); err != nil {
		return nil, fmt.Errorf("read extraction rules: %w", err)
	}
	if doc.Format != format {
		return nil, fmt.Errorf("read extraction rules: format %d, this build knows %d", doc.Format, format)
	}
	return New(doc.Sources)
}

// JSON returns the rules in canonical form: equal rules have equal bytes. The caller must not change them.
func (x *Extraction) JSON() json.RawMessage { return x.json }

// Version returns the Keccak-256 of the canonical rules.
func (x *Extraction) Version() dodona.Digest { return x.version }

// Apply returns one point for every reading and every rule of its source that names its item, sorted by id and then
// in the order of the readings. Sources without a reading have no point, and readings without a rule give none.
//
// Apply is a function of its call alone. It fails only if ctx ends.
func (x *Extraction) Apply(ctx context.Context, c dodona.Call) (dodona.Result, error) {
	var points []dodona.Point
	for _, r := range c.Readings {
		if err := ctx.Err(); err != nil {
			return dodona.Result{}, fmt.Errorf("extract points: %w", err)
		}
		points = append(points, x.points(r)...)
	}
	slices.SortStableFunc(points, func(a, b dodona.Point) int { return strings.Compare(a.ID, b.ID) })
	return dodona.Result{Points: points, Version: x.version}, nil
}

// points returns what the rules of its source take from one reading, in one pass over its body.
func (x *Extraction) points(r dodona.Reading) []dodona.Point {
	var plans []plan
	for _, p := range x.plans[r.Source] {
		if p.rule.Item == "" || p.rule.Item == r.Item {
			plans = append(plans, p)
		}
	}
	if len(plans) == 0 {
		return nil
	}
	points := make([]dodona.Point, len(plans))
	var found []target
	var broken error
	if r.Quality != dodona.Bad {
		found, broken = find(r.Body, plans)
	}
	for i, p := range plans {
		points[i] = dodona.Point{ID: p.id, Unit: p.rule.Unit, Time: readingTime(r), Quality: r.Quality}
		var err error
		switch {
		case r.Quality == dodona.Bad:
			err = errors.New(cmp.Or(r.Detail, "the source says that its reading is bad"))
		case broken != nil:
			err = broken
		default:
			err = p.fill(&points[i], r.Body, found[2*i], found[2*i+1])
		}
		if err != nil {
			points[i].Value, points[i].Quality, points[i].Reason = dodona.Decimal{}, dodona.Bad, err.Error()
		} else if r.Quality != dodona.Good {
			points[i].Reason = cmp.Or(r.Detail, "the source says that its reading is uncertain")
		}
	}
	return points
}

// fill sets value and time of a point from what was found.
func (p plan) fill(point *dodona.Point, body []byte, value, instant target) error {
	var err error
	if point.Value, err = p.value(body, value); err != nil {
		return err
	}
	if p.rule.Time == "" {
		return nil
	}
	point.Time, err = p.instant(body, instant)
	return err
}
