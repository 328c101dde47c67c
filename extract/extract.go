// Package extract turns readings into points without code: a body is decoded to a JSON document, a JSON Pointer names a value
// in it, guards say whether it is the one that is meant, and its text becomes an exact decimal. No float is ever between.
// A document in CBOR is one in JSON after an exact conversion; other ways to a value are the record of a SenML pack, the column of a
// CSV document and a regular expression.
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

// format is the version of the rules' meaning: it grows whenever equal rules over equal readings would give another
// value, so that nodes that compute differently are told apart by their origins. It does not where a reading that gave
// none gives one, or the other way round.
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
	where   []guard // sorted by place
	columns columns // of a rule with a column
	pattern pattern // of a rule with a regular expression
	clock   clock   // by which a time is read

	overlooks bool // without a pointer the only number is taken, whatever stands beside it

	// Of a plan that chooses, for one document:
	unchosen  error // why no element is chosen
	elsewhere bool  // because none is there, not because several are
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
			if rule.Encoding == "json" {
				rule.Encoding = ""
			}
			if rule.TimeZone != "" {
				zone, err := canonicalZone(rule.TimeZone)
				if err != nil {
					return nil, err // it was valid a moment ago
				}
				rule.TimeZone = zone
			}
			rule.Enum, rule.Where, rule.Header = maps.Clone(rule.Enum), maps.Clone(rule.Where), slices.Clone(rule.Header)
			x.rules[source][point] = rule
			p, err := planOf(dodona.PointID(source, point), rule)
			if err != nil {
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

// planOf makes a rule ready.
func planOf(id string, rule Rule) (p plan, err error) {
	p = plan{id: id, rule: rule}
	if p.clock, err = clockOf(rule); err != nil {
		return plan{}, err
	}
	switch rule.way() {
	case pack:
		return p, nil
	case table:
		p.columns, err = columnsOf(rule)
		return p, err
	case match:
		p.pattern, err = patternOf(rule.Regex)
		return p, err
	}
	if p.pointer, err = parsePointer(rule.Pointer); err != nil {
		return plan{}, err
	}
	if p.time, err = parsePointer(rule.Time); err != nil {
		return plan{}, err
	}
	p.where, err = guardsOf(rule.Where)
	return p, err
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
	for source, points := range doc.Sources {
		for point, rule := range points {
			if zone, err := parseZone(rule.TimeZone); rule.TimeZone != "" && (err != nil || zone.String() != rule.TimeZone) {
				return nil, fmt.Errorf("read extraction rules: point %q: time_zone: %s is not its canonical form", dodona.PointID(source, point), printable(rule.TimeZone))
			}
		}
	}
	return New(doc.Sources)
}

// JSON returns the rules in canonical form: equal rules have equal bytes. The caller must not change them.
func (x *Extraction) JSON() json.RawMessage { return x.json }

// Version returns the Keccak-256 of the canonical rules.
func (x *Extraction) Version() dodona.Digest { return x.version }

// Overlooking returns the extraction that takes the only number of a document by a rule without a pointer, whatever stands beside it
// and whatever it is called. Releases did so before that was refused; it is for what they signed, and for nothing else.
func (x *Extraction) Overlooking() *Extraction {
	was := *x
	was.plans = map[string][]plan{}
	for source, plans := range x.plans {
		was.plans[source] = slices.Clone(plans)
		for i := range plans {
			was.plans[source][i].overlooks = true
		}
	}
	return &was
}

// Apply returns one point for every reading and every rule of its source that names its item, sorted by id and then
// in the order of the readings. Sources without a reading have no point, and readings without a rule give none.
//
// A reading of which a guard says that it is about something else has no point if another reading of the source has one.
// If none has, each says so in a bad point.
//
// Apply is a function of its call alone. It fails only if ctx ends.
func (x *Extraction) Apply(ctx context.Context, c dodona.Call) (dodona.Result, error) {
	var all []taken
	found := map[string]bool{}
	for _, r := range c.Readings {
		if err := ctx.Err(); err != nil {
			return dodona.Result{}, fmt.Errorf("extract points: %w", err)
		}
		for _, t := range x.take(r) {
			all = append(all, t)
			found[t.point.ID] = found[t.point.ID] || !t.elsewhere
		}
	}
	var points []dodona.Point
	for _, t := range all {
		if !t.elsewhere || !found[t.point.ID] {
			points = append(points, t.point)
		}
	}
	slices.SortStableFunc(points, func(a, b dodona.Point) int { return strings.Compare(a.ID, b.ID) })
	return dodona.Result{Points: points, Version: x.version}, nil
}

// A taken is what one rule took from one reading.
type taken struct {
	point     dodona.Point
	elsewhere bool // a guard says that the reading is about something else; the point is bad
	empty     bool // the reading is no document, or nothing or null stands where the value would be; the point is bad
}

// take returns what the rules of its source take from one reading.
func (x *Extraction) take(r dodona.Reading) []taken {
	var plans []plan
	for _, p := range x.plans[r.Source] {
		if p.rule.Item == "" || p.rule.Item == r.Item {
			plans = append(plans, p)
		}
	}
	if len(plans) == 0 {
		return nil
	}
	return takeBy(plans, r)
}

// takeBy returns what each plan takes from one reading.
func takeBy(plans []plan, r dodona.Reading) []taken {
	all := make([]taken, len(plans))
	for i, p := range plans {
		all[i].point = dodona.Point{ID: p.id, Unit: p.rule.Unit, Time: readingTime(r), Quality: r.Quality}
	}
	for i, err := range fill(all, plans, r) {
		point := &all[i].point
		if err != nil {
			point.Value, point.Quality, point.Reason = dodona.Decimal{}, dodona.Bad, err.Error()
		} else if r.Quality != dodona.Good {
			point.Reason = cmp.Or(r.Detail, "the source says that its reading is uncertain")
		}
	}
	return all
}

// fill sets value and time of the points of plans, or returns why it cannot, by plan.
func fill(all []taken, plans []plan, r dodona.Reading) []error {
	errs := make([]error, len(plans))
	if r.Quality == dodona.Bad {
		for i := range errs {
			errs[i] = errors.New(cmp.Or(r.Detail, "the source says that its reading is bad"))
		}
		return errs
	}
	for _, cbor := range []bool{false, true} {
		fillTrees(cbor, all, plans, r, errs)
	}
	for i, p := range plans {
		switch p.rule.way() {
		case pack:
			errs[i] = all[i].fromPack(p, r)
		case table:
			errs[i] = all[i].fromTable(p, r)
		case match:
			errs[i] = all[i].fromMatch(p, r)
		}
	}
	return errs
}

// fillTrees does so for the plans whose document is JSON, or else CBOR. It is read once for all of them.
func fillTrees(cbor bool, all []taken, plans []plan, r dodona.Reading, errs []error) {
	var which []int
	var own []plan
	for i, p := range plans {
		if p.rule.way() == tree && (p.rule.Encoding == inCBOR) == cbor {
			which, own = append(which, i), append(own, p)
		}
	}
	if len(own) == 0 {
		return
	}
	var body []byte
	var broken error
	if cbor {
		body, broken = fromCBOR(r.Body)
	} else {
		body, broken = documentOf(r)
	}
	empty := broken != nil
	var found []finding
	if !empty {
		own = choose(body, own)
		found, broken = find(body, own)
	} else if !cbor {
		broken = otherwise(own, broken, r)
	}
	for i, at := range which {
		if broken != nil {
			all[at].empty, errs[at] = empty, broken
			continue
		}
		errs[at] = all[at].fill(own[i], r, body, found[i])
	}
}

// fill sets value and time of a point from what was found.
func (t *taken) fill(p plan, r dodona.Reading, body []byte, found finding) error {
	if p.unchosen != nil {
		t.elsewhere = p.elsewhere
		return p.unchosen
	}
	for i, g := range p.where {
		if err := g.check(found.where[i]); err != nil {
			t.elsewhere = !found.where[i].ambiguous
			return err
		}
	}
	var err error
	if t.point.Value, err = p.value(body, found.value); err != nil {
		t.empty = !found.value.ambiguous && (found.value.shape == nothing || found.value.shape == null)
		return err
	}
	if p.rule.Time == "" {
		return nil
	}
	t.point.Time, err = p.instant(r, body, found.time)
	return err
}
