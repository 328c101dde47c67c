package extract

import (
	"time"

	"github.com/dodona-oracle/dodona"
)

// Has reports whether a reading has the point called id at all, be it good or bad: whoever follows lines that speak of
// different things looks for the latest one that does.
//
// It has it unless no rule of the point names its item, a guard says that it is about something else, nothing or null stands
// where the value is looked for, or the reading is no document: a blank, a banner, half a line. What stands there and is no
// number is the point, and bad: the sensor spoke. So is what nobody can tell, such as a guard whose name stands twice.
func (x *Extraction) Has(r dodona.Reading, id string) bool {
	for _, p := range x.plans[r.Source] {
		if p.id != id || p.rule.Item != "" && p.rule.Item != r.Item {
			continue
		}
		t := takeBy([]plan{p}, r)[0]
		return !t.elsewhere && !t.empty
	}
	return false
}

// Time returns when the point called id was measured, by what its reading says; zero if that says nothing of it, or nothing that can be read.
func (x *Extraction) Time(r dodona.Reading, id string) time.Time {
	for _, p := range x.plans[r.Source] {
		if p.id != id || p.rule.Item != "" && p.rule.Item != r.Item {
			continue
		}
		if r.SourceTime.IsZero() && p.rule.Time == "" && p.rule.SenML == "" && p.rule.Regex == "" {
			return time.Time{} // which saves reading it once more
		}
		now := r
		now.Received = time.Time{} // which else is the time of what says none
		if t := takeBy([]plan{p}, now)[0]; !t.elsewhere && !t.empty {
			return t.point.Time
		}
		return time.Time{}
	}
	return time.Time{}
}

// Points returns the ids of the points that the rules make.
func (x *Extraction) Points() (ids []string) {
	for _, plans := range x.plans {
		for _, p := range plans {
			ids = append(ids, p.id)
		}
	}
	return ids
}

// Rule returns the rule that makes the point called id.
func (x *Extraction) Rule(id string) (rule Rule, found bool) {
	source, point := dodona.SplitPointID(id)
	rule, found = x.rules[source][point]
	return rule, found
}

// A Take is what one rule took from one reading.
type Take struct {
	Point dodona.Point
	Has   bool // the reading has the point at all, be it good or bad: see [Extraction.Has]
}

// Take returns what every rule of its source takes from one reading that it names, sorted by id.
func (x *Extraction) Take(r dodona.Reading) []Take {
	taken := x.take(r)
	list := make([]Take, len(taken))
	for i, t := range taken {
		list[i] = Take{t.point, !t.elsewhere && !t.empty}
	}
	return list
}
