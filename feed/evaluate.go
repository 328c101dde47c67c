package feed

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// An Absence says why a source gave a round no readings.
type Absence struct {
	Status dodona.InputStatus // failed or late
	Reason string
}

// An Outcome is what a round's points amount to.
type Outcome struct {
	Inputs  []dodona.Input // one for every point in Document.From and then Points, in their order; without readings
	Quality dodona.Quality // Good if every input is used and good, Bad if the round is missed, else Uncertain
	Value   *dodona.Int192 // scaled by the feed's decimals; nil if the round is missed
	Missed  string         // why there is no value
}

// Evaluate combines points by the rules of a document. It is a function of its arguments alone: nodes and replays that
// hold the same points get the same outcome, whatever the order of points with different ids.
//
// Absent names sources without readings; where a point is there all the same, the point counts. Each input is judged
// alone first (is there a value, does it fit the feed, is it fresh), then against the others (outliers, majority);
// what remains is counted against need and combined. In a missed round a used input is one that would have counted.
func Evaluate(doc Document, r dodona.Round, points []dodona.Point, absent map[string]Absence) Outcome {
	byID := map[string][]dodona.Point{}
	for _, p := range points {
		byID[p.ID] = append(byID[p.ID], p)
	}
	e := evaluation{doc: doc, round: r, exact: map[int]*big.Rat{}}
	e.inputs = e.given(absent)
	doubt := false
	for _, id := range doc.combined() {
		input, quality := e.input(id, byID[id], absent)
		doubt = doubt || quality != dodona.Good
		e.inputs = append(e.inputs, input)
	}
	value, err := e.combine()
	if err != nil {
		return Outcome{Inputs: e.inputs, Quality: dodona.Bad, Missed: err.Error()}
	}
	outcome := Outcome{Inputs: e.inputs, Quality: dodona.Good, Value: &value}
	for _, input := range e.inputs {
		if doubt || (input.Status != dodona.InputUsed && input.Status != dodona.InputGiven) {
			outcome.Quality = dodona.Uncertain
		}
	}
	return outcome
}

// An evaluation is one round being judged.
type evaluation struct {
	doc    Document
	round  dodona.Round
	inputs []dodona.Input
	exact  map[int]*big.Rat // by the index of an input: its number, where Input.Value is that rounded
}

// input judges what one source said, without regard to the others.
func (e *evaluation) input(id string, points []dodona.Point, absent map[string]Absence) (dodona.Input, dodona.Quality) {
	input := dodona.Input{Source: e.doc.madeSource(id), Point: id}
	if len(points) == 0 && input.Source == "" {
		input.Status, input.Reason = e.unmade(absent)
		return input, dodona.Bad
	}
	if len(points) == 0 {
		input.Status, input.Reason = dodona.InputBad, "its readings gave no point"
		if a, found := absent[input.Source]; found {
			input.Status, input.Reason = a.Status, a.Reason
		}
		return input, dodona.Bad
	}
	point, exact := e.reduce(points)
	input.Time, input.Reason = point.Time, point.Reason
	if point.Quality == dodona.Bad {
		input.Status, input.Reason = dodona.InputBad, cmp.Or(point.Reason, "the transform gives no reason")
		return input, dodona.Bad
	}
	input.Value = &point.Value
	if exact != nil {
		e.exact[len(e.inputs)] = exact
	}
	if err := e.fits(point); err != nil {
		input.Status, input.Reason = dodona.InputBad, err.Error()
		return input, dodona.Bad
	}
	if err := e.fresh(point.Time); err != nil {
		input.Status, input.Reason = dodona.InputStale, err.Error()
		return input, point.Quality
	}
	input.Status = dodona.InputUsed
	return input, point.Quality
}

// fits reports why a value can be none of the feed's.
func (e *evaluation) fits(p dodona.Point) error {
	f := e.doc.Feed
	if p.Unit != "" && f.Unit != "" && p.Unit != f.Unit {
		// Fault (point): a value is in another unit.
		return fmt.Errorf("is in %s, and the feed is in %s", p.Unit, f.Unit)
	}
	i, err := p.Value.Rescale(f.Decimals)
	if err != nil {
		return fmt.Errorf("%s with %d decimals: %w", p.Value, f.Decimals, err)
	}
	if f.CheckValue(i) != nil || f.Kind != dodona.Number && i.Decimal(0) != p.Value {
		return fmt.Errorf("%s is no value of a feed of kind %s, want 0 to %d", p.Value, f.Kind, f.Most())
	}
	return nil
}

// fresh reports why a value measured at t does not speak for the round.
func (e *evaluation) fresh(t time.Time) error {
	if t.IsZero() {
		// Fault (stale): a value has no time.
		return errors.New("does not say when it was measured")
	}
	age, side := e.round.Time().Sub(t), "before"
	if age < 0 {
		age, side = t.Sub(e.round.Time()), "after"
	}
	if age > e.doc.Stale() {
		// Fault (stale): the clock of a device lies, behind or ahead.
		return fmt.Errorf("measured %s %s the round, at most %s is allowed", unit.FormatDuration(age.Round(time.Millisecond)), side, unit.FormatDuration(e.doc.Stale()))
	}
	return nil
}

// combine judges the inputs against each other and returns the answer.
func (e *evaluation) combine() (dodona.Int192, error) {
	var answer dodona.Int192
	var err error
	if e.doc.Combine == CombineMajority {
		err = e.keepMajority()
	} else {
		e.leaveOutliers()
	}
	if err != nil {
		return answer, err
	}
	values := e.numbers()
	if len(values) < e.doc.Need {
		return answer, fmt.Errorf("need %s, %d remain: %s", unit.Count(e.doc.Need, "value"), len(values), e.reasons())
	}
	if e.doc.Combine == CombineMajority {
		return scaled(values[0], 0) // all are equal
	}
	if answer, err = aggregate(e.doc.Combine, values, e.doc.Feed.Decimals); err != nil {
		return answer, fmt.Errorf("take the %s of %d values: %w", e.doc.Combine, len(values), err)
	}
	return answer, nil
}

// number returns the exact value of an input that has one.
func (e *evaluation) number(i int) *big.Rat {
	if exact := e.exact[i]; exact != nil {
		return exact
	}
	return rational(*e.inputs[i].Value)
}

// numbers returns the exact values that still count.
func (e *evaluation) numbers() []*big.Rat {
	var values []*big.Rat
	for i, input := range e.inputs {
		if input.Status == dodona.InputUsed {
			values = append(values, e.number(i))
		}
	}
	return values
}

// used returns the values that still count, as they are shown.
func (e *evaluation) used() []dodona.Decimal {
	var values []dodona.Decimal
	for _, input := range e.inputs {
		if input.Status == dodona.InputUsed {
			values = append(values, *input.Value)
		}
	}
	return values
}

// keepMajority leaves out what differs from more than half of the values; it fails if no such half is there.
func (e *evaluation) keepMajority() error {
	values := e.used()
	winner, found := Majority(values)
	if !found && len(values) >= e.doc.Need {
		return fmt.Errorf("none of the %d values is that of more than half: %s", len(values), e.reasons())
	}
	for i := range e.inputs {
		if input := &e.inputs[i]; found && input.Status == dodona.InputUsed && *input.Value != winner {
			input.Status = dodona.InputOutlier
			input.Reason = fmt.Sprintf("said %s, the majority said %s", e.format(*input.Value), e.format(winner))
		}
	}
	return nil
}

// leaveOutliers leaves out values farther from the median than the document allows: |v − m| > share × |m|.
func (e *evaluation) leaveOutliers() {
	values := e.numbers()
	if e.doc.Outliers.IsZero() || len(values) == 0 {
		return
	}
	m := median(values)
	share := rational(e.doc.Outliers.Decimal())
	limit := new(big.Rat).Mul(share.Quo(share, big.NewRat(100, 1)), new(big.Rat).Abs(m))
	for i := range e.inputs {
		input := &e.inputs[i]
		if input.Status != dodona.InputUsed {
			continue
		}
		distance := new(big.Rat).Sub(e.number(i), m)
		if distance.Abs(distance).Cmp(limit) > 0 {
			input.Status, input.Reason = dodona.InputOutlier, e.distanceReason(distance, m)
		}
	}
}

// distanceReason says how far an outlier is from the median: "900 % from the median 43,218.55, at most 10 % is allowed".
func (e *evaluation) distanceReason(distance, m *big.Rat) string {
	if m.Sign() == 0 {
		return "differs from the median, which is 0"
	}
	share := new(big.Rat).Quo(distance, new(big.Rat).Abs(m))
	far := "more than 10^50"
	if percent, err := scaled(share.Mul(share, big.NewRat(100, 1)), 1); err == nil {
		far = percent.Decimal(1).String()
	}
	middle := m.FloatString(int(e.doc.Feed.Decimals)) // exact text of a rational; there is no float in it
	if v, err := scaled(m, e.doc.Feed.Decimals); err == nil {
		middle = v.Decimal(e.doc.Feed.Decimals).Grouped(e.doc.Feed.Decimals)
	}
	return fmt.Sprintf("%s %% from the median %s, at most %s %% is allowed", far, middle, e.doc.Outliers.Decimal())
}

// said writes the value of an input for people, as the feed does.
func (e *evaluation) said(i int) string {
	v, err := scaled(e.number(i), e.doc.Feed.Decimals)
	if err != nil {
		return e.inputs[i].Value.String()
	}
	return e.doc.Feed.Format(v)
}

// format writes a value for people, as the feed does.
func (e *evaluation) format(v dodona.Decimal) string {
	i, err := v.Rescale(e.doc.Feed.Decimals)
	if err != nil {
		return v.String()
	}
	return e.doc.Feed.Format(i)
}

// reasons says what became of every input, in a bounded text. What all have in common is said once.
func (e *evaluation) reasons() string {
	const most, longest = 16, 160
	var first dodona.Input
	count, common := 0, true
	var all []string
	for i, input := range e.inputs {
		if input.Status == dodona.InputGiven { // it says nothing of its own
			continue
		}
		if count++; count == 1 {
			first = input
		}
		reason := input.Reason
		if input.Status == dodona.InputUsed {
			reason = e.said(i)
		}
		common = common && input.Status == first.Status && input.Reason == first.Reason && input.Value == nil
		if count <= most {
			all = append(all, fmt.Sprintf("%s %s: %s", input.Point, input.Status, plain.Cut(reason, longest)))
		}
	}
	if common && count > 1 {
		return fmt.Sprintf("all %s: %s", first.Status, plain.Cut(first.Reason, longest))
	}
	if more := count - most; more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, "; ")
}
