package mqtt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/sparkplug"
)

// A Rule says which value of which messages is a point. It stands in the rules of feeds: see source.Decoding.
type Rule struct {
	Topic   string           `json:"topic,omitempty"`   // a filter; or
	Metric  string           `json:"metric,omitempty"`  // the item of a metric of Sparkplug
	Pointer string           `json:"pointer,omitempty"` // in a message of topic
	Time    string           `json:"time,omitempty"`    // the place of its time there
	Down    string           `json:"down,omitempty"`    // the topic of whether the device is there
	Unit    string           `json:"unit,omitempty"`
	Scale   dodona.Decimal   `json:"scale,omitzero"`
	Offset  dodona.Decimal   `json:"offset,omitzero"`
	Enum    map[string]int64 `json:"enum,omitempty"`
}

// rules returns what values and metrics mean, by point.
func (s Settings) rules() map[string]Rule {
	rules := map[string]Rule{}
	for point, v := range s.Values {
		rules[point] = s.rule(v)
	}
	for point, m := range s.Metrics {
		rules[point] = Rule{Metric: itemOf(m.Group, m.Edge, m.Device, m.Metric), Unit: m.Unit, Scale: m.Scale, Offset: m.Offset, Enum: m.Enum}
	}
	if len(rules) == 0 {
		return nil
	}
	return rules
}

// A decoding makes the points of rules.
type decoding map[string]Rule

func decoder(rules map[string]Rule) (dodona.Transform, error) {
	for _, point := range slices.Sorted(maps.Keys(rules)) {
		if r := rules[point]; (r.Topic == "") == (r.Metric == "") {
			return nil, fmt.Errorf("point %q: want a topic or a metric", point)
		}
	}
	return decoding(rules), nil
}

// errSilent: a message says nothing of a value; another one may.
var errSilent = errors.New("the message says nothing of it")

// Has reports whether a reading speaks of a point.
func (d decoding) Has(r dodona.Reading, point string) bool {
	rule := d[point]
	switch {
	case rule.Metric != "":
		return r.Item == rule.Metric
	case rule.Down != "" && matches(rule.Down, r.Item):
		return true
	case !matches(rule.Topic, r.Item):
		return false
	}
	_, err := rule.of(r)
	return !errors.Is(err, errSilent)
}

// Speaks reports whether a reading says something of a point, be it null.
func (d decoding) Speaks(r dodona.Reading, point string) bool {
	return d.Has(r, point) || d[point].Metric == "" && matches(d[point].Topic, r.Item) && isNull(r.Body, d[point].Pointer)
}

// Time returns when a reading says that a point was measured.
func (d decoding) Time(r dodona.Reading, point string) time.Time {
	rule := d[point]
	if r.SourceTime.IsZero() && rule.Time == "" {
		return time.Time{}
	}
	r.Received = time.Time{} // which else is the time of what says none
	p, _ := rule.of(r)       // a value that is bad was measured too
	return p.Time
}

// Apply returns the points of the readings that speak of them. Where none does, each that might says why.
func (d decoding) Apply(ctx context.Context, c dodona.Call) (result dodona.Result, err error) {
	for _, point := range slices.Sorted(maps.Keys(d)) {
		if err := ctx.Err(); err != nil {
			return dodona.Result{}, err
		}
		result.Points = append(result.Points, d[point].points(point, c.Readings)...)
	}
	return result, nil
}

// points returns the points that one rule makes.
func (rule Rule) points(id string, readings []dodona.Reading) []dodona.Point {
	var said, silent []dodona.Point
	var down *dodona.Reading
	var newest time.Time
	for i, r := range readings {
		if rule.Down != "" && matches(rule.Down, r.Item) {
			if down == nil || down.Received.Before(r.Received) {
				down = &readings[i]
			}
			continue
		}
		if rule.Metric != "" && r.Item != rule.Metric || rule.Metric == "" && !matches(rule.Topic, r.Item) {
			continue
		}
		p, err := rule.of(r)
		p.ID = id
		if errors.Is(err, errSilent) {
			silent = append(silent, p)
			continue
		}
		said = append(said, p)
		if newest.Before(r.Received) {
			newest = r.Received
		}
	}
	if down != nil && isDown(down.Body) && !down.Received.Before(newest) {
		// Fault (point): a device says, or its will does, that it is offline.
		return []dodona.Point{{ID: id, Unit: rule.Unit, Time: down.Received, Quality: dodona.Bad, Reason: fmt.Sprintf("the device is offline: %s says so", down.Item)}}
	}
	if len(said) == 0 {
		return silent
	}
	return said
}

// isDown reports whether a message says that a device is not there.
func isDown(body []byte) bool {
	text := strings.TrimSpace(string(body))
	if strings.EqualFold(text, "offline") {
		return true
	}
	found, err := at(body, "/state")
	said, is := found.(string)
	return err == nil && is && strings.EqualFold(said, "offline")
}

// of returns the point of one reading.
func (rule Rule) of(r dodona.Reading) (p dodona.Point, err error) {
	p = dodona.Point{Unit: rule.Unit, Time: timeOf(r), Quality: r.Quality}
	if r.Quality != dodona.Good {
		p.Reason = cmp.Or(r.Detail, "the source says that its reading is "+r.Quality.String())
	}
	if r.Quality == dodona.Bad {
		return p, nil
	}
	if rule.Metric != "" {
		p.Value, err = rule.metric(r.Body)
	} else {
		err = rule.message(r, &p)
	}
	if err == nil {
		p.Value, err = rule.scaled(p.Value)
	}
	if err != nil {
		p.Value, p.Quality, p.Reason = dodona.Decimal{}, dodona.Bad, err.Error()
	}
	return p, err
}

// timeOf returns when a reading was measured, as extraction has it.
func timeOf(r dodona.Reading) time.Time {
	at := r.SourceTime
	if at.IsZero() {
		at = r.Received
	}
	if at.IsZero() || at.Equal(unknownTime) {
		return time.Time{} // which no feed calls fresh
	}
	return at.Truncate(time.Millisecond).UTC()
}

func (rule Rule) scaled(d dodona.Decimal) (dodona.Decimal, error) {
	var err error
	if rule.Scale != (dodona.Decimal{}) {
		if d, err = d.Mul(rule.Scale); err != nil {
			return d, fmt.Errorf("times %s: %w", rule.Scale, err)
		}
	}
	if d, err = d.Add(rule.Offset); err != nil {
		return d, fmt.Errorf("plus %s: %w", rule.Offset, err)
	}
	return d, nil
}

// metric returns the value of the one metric of a payload.
func (rule Rule) metric(body []byte) (dodona.Decimal, error) {
	p, err := sparkplug.Decode(body)
	if err != nil {
		return dodona.Decimal{}, err
	}
	if len(p.Metrics) != 1 {
		return dodona.Decimal{}, fmt.Errorf("a payload with %d metrics, want one", len(p.Metrics))
	}
	m := &p.Metrics[0]
	if m.Err != nil {
		return dodona.Decimal{}, m.Err
	}
	if n, found := rule.Enum[m.Value.Text]; found && m.Value.Kind == sparkplug.InString {
		return dodona.NewInt192(n).Decimal(0), nil
	}
	d, err := m.Value.Decimal(m.Type)
	if err != nil && m.Value.Kind == sparkplug.InString {
		return d, fmt.Errorf("%w: %s", err, plain.Quote(m.Value.Text, 40))
	}
	return d, err
}
