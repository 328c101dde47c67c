package feed

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// Settings are what a configuration says about a feed. Empty fields have the defaults of [Settings.WithDefaults].
type Settings struct {
	// Kind is what the answer means: number, bool (true or false) or enum (one of labels).
	// Default: number.
	Kind dodona.Kind `yaml:"kind,omitempty" json:"kind,omitempty"`
	// Unit is the unit of the answer: a UCUM code such as Cel, or an ISO 4217 one such as USD. It is part of the
	// feed's id. Default: none.
	Unit string `yaml:"unit,omitempty" json:"unit,omitempty"`
	// Decimals is how many decimals the answer has, 0 to 57; the answer is rounded half to even. It is part of the
	// feed's id. Default: 18 for numbers, and always 0 for bool and enum.
	Decimals *uint8 `yaml:"decimals,omitempty" json:"decimals,omitempty"`
	// Labels are the names of an enum's values, in order: the first is 0. They are part of the feed's id.
	// Default: none, but an enum needs two.
	Labels []string `yaml:"labels,omitempty" json:"labels,omitempty"`
	// Every is the distance between rounds, in whole milliseconds. Rounds lie on its multiples since 1970, on every
	// node alike. Default: 10s.
	Every time.Duration `yaml:"every,omitempty" json:"every,omitempty"`
	// Deadline is how long a round waits for its sources; what arrives later is not used. At most every.
	// Default: half of every, at most 5s.
	Deadline time.Duration `yaml:"deadline,omitempty" json:"deadline,omitempty"`
	// From names the points that are asked: a source, or source.point where a source has several.
	// Required.
	From []string `yaml:"from" json:"from"`
	// Module is the Wasm module that makes the points out of the readings. Default: none; the points are taken from the
	// readings by the rules of their sources.
	Module *Module `yaml:"module,omitempty" json:"module,omitempty"`
	// Points names the points that are combined, where a module makes others than it is given: from asks the sources
	// [meter.voltage, meter.current], and points combines [power]. Default: those of from.
	Points []string `yaml:"points,omitempty" json:"points,omitempty"`
	// Combine is how the values become one. Default: median for numbers, else majority.
	Combine Combine `yaml:"combine,omitempty" json:"combine,omitempty"`
	// Need is how many values must remain, after stale ones and outliers are left out, for an answer.
	// With fewer the round is missed. Default: more than half of from, or of points.
	Need int `yaml:"need,omitempty" json:"need,omitempty"`
	// Outliers is how far from the median of all values a number may be, as a share of the median, such as 10%.
	// Farther ones are left out. Two values are equally far from their median, so both stay or both go; one value
	// is its own median and stays. Beside a median of 0 only 0 stays. Default: none, and nothing is left out.
	Outliers Percent `yaml:"outliers,omitempty" json:"outliers,omitzero"`
	// Stale is how long before (or after) the round a value may have been measured, in whole milliseconds.
	// Others are left out. Default: three times every, at least 1m.
	Stale time.Duration `yaml:"stale,omitempty" json:"stale,omitempty"`
	// Take is which readings of a source count. The values of several are combined to one value of the source first,
	// exactly: only the answer is rounded. With all, a reading waits for the next round where one has no answer, for ten rounds at most,
	// and is counted as dropped then. Default: latest.
	Take Take `yaml:"take,omitempty" json:"take,omitempty"`
	// OnChange lets sinks of this configuration deliver an answer only if its value is another than that of the one that they delivered last. Like
	// deadband and heartbeat it chooses what is sent: every round is signed and kept all the same. A sink with on_change, deadband, deviation, heartbeat or
	// policy: every of its own goes by that. Default: false, every answer.
	OnChange bool `yaml:"on_change,omitempty" json:"-"`
	// Deadband lets sinks deliver an answer only if its value differs from the one that they delivered last by so much or more: an amount in
	// the unit of the feed, 0.5, or a share of that value, 2%. Default: none.
	Deadband unit.Deadband `yaml:"deadband,omitempty" json:"-"`
	// Heartbeat lets sinks deliver an answer all the same when the one that they delivered last is this old, such as 1h. Default: 0s, none.
	Heartbeat time.Duration `yaml:"heartbeat,omitempty" json:"-"`
}

// Combine is how values become one.
type Combine string

// The ways to combine.
const (
	CombineMedian   Combine = "median"   // the middle value, or the mean of the two middle ones
	CombineMean     Combine = "mean"     // their sum by their number
	CombineMin      Combine = "min"      // the least
	CombineMax      Combine = "max"      // the greatest
	CombineMajority Combine = "majority" // for bool and enum: the value that more than half equal
)

// Words returns the ways to combine: those of numbers, and then the one of bool and enum.
func (Combine) Words() []string {
	return []string{string(CombineMedian), string(CombineMean), string(CombineMin), string(CombineMax), string(CombineMajority)}
}

// Take is which readings of a source count.
type Take string

// What to take.
const (
	TakeLatest Take = "latest" // for each point the newest of each item that has it, by when it was measured where readings say so
	TakeAll    Take = "all"    // all that no answer before counted
)

// Words returns what to take.
func (Take) Words() []string { return []string{string(TakeLatest), string(TakeAll)} }

// The bounds and defaults of settings.
const (
	defaultEvery    = 10 * time.Second
	maxEvery        = 366 * 24 * time.Hour
	maxDeadline     = 5 * time.Second // of the default; a longer one can be set
	minStale        = time.Minute     // of the default; a shorter one can be set
	defaultDecimals = 18
	maxLabels       = 256
)

// What a configuration may ask for at most.
const (
	MaxFrom    = 256                    // points
	leastEvery = 100 * time.Millisecond // of a node; rules that are replayed may have been made with less
)

// WithDefaults returns s with every empty field set to its default, which may follow from others, so it comes after the file is read, unlike
// the defaults of sections. It does not change s.
func (s Settings) WithDefaults() Settings {
	if s.Kind == "" {
		s.Kind = dodona.Number
	}
	if s.Decimals == nil {
		var decimals uint8
		if s.Kind == dodona.Number {
			decimals = defaultDecimals
		}
		s.Decimals = &decimals
	}
	if s.Every == 0 {
		s.Every = defaultEvery
	}
	if s.Deadline == 0 {
		s.Deadline = min(s.Every/2, maxDeadline)
	}
	if s.Combine == "" {
		s.Combine = CombineMajority
		if s.Kind == dodona.Number {
			s.Combine = CombineMedian
		}
	}
	if s.Need == 0 {
		s.Need = len(s.combined())/2 + 1
	}
	if s.Stale == 0 {
		s.Stale = max(3*s.Every, minStale)
	}
	if s.Take == "" {
		s.Take = TakeLatest
	}
	return s
}

// Identity returns what goes into the id of the feed called name.
func (s Settings) Identity(name string) dodona.Feed {
	s = s.WithDefaults()
	return dodona.Feed{Name: name, Kind: s.Kind, Unit: s.Unit, Decimals: *s.Decimals, Labels: slices.Clone(s.Labels)}
}

// Sources returns the sources that the feed asks, each once, in the order of From.
func (s Settings) Sources() []string { return sourcesOf(s.From) }

// A FieldError is a mistake in one setting.
type FieldError struct {
	Field string // the setting in the configuration, such as "need" or "module.allow.http_get[1]"
	Err   error
}

// Error writes the setting and what is wrong with it.
func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns what is wrong, without the setting.
func (e *FieldError) Unwrap() error { return e.Err }

// Check returns every mistake in s, after its defaults, each as a [*FieldError], joined; nil if there is none.
// Whether the points in From exist is for the configuration to say.
func (s Settings) Check() error {
	v := s.validated()
	v.module(s)
	v.want(s.Heartbeat >= 0, "heartbeat", "%s, want a duration above zero, such as 1h", unit.FormatDuration(s.Heartbeat))
	v.want(s.Deadband.IsZero() || s.Kind == "" || s.Kind == dodona.Number, "deadband", "%s is an amount or a share, and the answer of kind %s has none; take on_change", s.Deadband, s.Kind)
	v.want(s.Heartbeat == 0 || s.Heartbeat >= s.Every, "heartbeat", "%s is less than every (%s): every answer would go; leave both out", unit.FormatDuration(s.Heartbeat), unit.FormatDuration(s.WithDefaults().Every))
	v.want(s.Every <= 0 || s.Every >= leastEvery, "every", "%s, want at least %s", unit.FormatDuration(s.Every), unit.FormatDuration(leastEvery))
	return errors.Join(v.mistakes...)
}

// validated finds the mistakes for which no feed could have the settings, whenever its rules were made. What a module may be called
// and reach is not among them: rules that are replayed may know others.
func (s Settings) validated() (v validation) {
	s = s.WithDefaults()
	v.identity(s)
	v.times(s)
	v.from(s)
	v.points(s)
	v.rules(s)
	return v
}

type validation struct{ mistakes []error }

// want records a mistake in field unless ok.
func (v *validation) want(ok bool, field, format string, args ...any) {
	if !ok {
		v.mistakes = append(v.mistakes, &FieldError{field, fmt.Errorf(format, args...)})
	}
}

func (v *validation) identity(s Settings) {
	switch s.Kind {
	case dodona.Number:
		v.want(*s.Decimals <= dodona.MaxScale, "decimals", "%d, want 0 to %d", *s.Decimals, dodona.MaxScale)
	case dodona.Bool, dodona.Enum:
		v.want(*s.Decimals == 0, "decimals", "%d, but the answer of kind %s is an integer; leave it out", *s.Decimals, s.Kind)
	default:
		v.want(false, "kind", "%q, want number, bool or enum", s.Kind)
	}
	if s.Kind != dodona.Enum {
		v.want(len(s.Labels) == 0, "labels", "belong to kind enum, not to %s", s.Kind)
		return
	}
	v.want(len(s.Labels) >= 2 && len(s.Labels) <= maxLabels, "labels", "%d, an enum has 2 to %d", len(s.Labels), maxLabels)
	for i, label := range s.Labels {
		v.want(label != "" && len(label) <= 64, "labels", "label %d has %d bytes, want 1 to 64", i, len(label))
		v.want(!slices.Contains(s.Labels[:i], label), "labels", "%q is there twice", label)
	}
}

func (v *validation) times(s Settings) {
	whole := func(field string, d time.Duration) {
		v.want(d > 0, field, "%v, want more than 0", d)
		v.want(d%time.Millisecond == 0, field, "%v, want whole milliseconds", d)
		v.want(d <= maxEvery, field, "%s, want at most %s", unit.FormatDuration(d), unit.FormatDuration(maxEvery))
	}
	whole("every", s.Every)
	whole("stale", s.Stale)
	v.want(s.Deadline > 0, "deadline", "%v, want more than 0", s.Deadline)
	v.want(s.Deadline <= s.Every, "deadline", "%s, but the next round is due after %s (every)", unit.FormatDuration(s.Deadline), unit.FormatDuration(s.Every))
}

func (v *validation) from(s Settings) {
	v.want(len(s.From) > 0, "from", "names no source, such as from: [kraken]")
	v.want(len(s.From) <= MaxFrom, "from", "names %d points, at most %d are asked", len(s.From), MaxFrom)
	for i, id := range s.From {
		if err := dodona.CheckName(id, 2); err != nil {
			v.want(false, "from", "%w", err)
		}
		v.want(!slices.Contains(s.From[:i], id), "from", "names %q twice", id)
	}
}

func (v *validation) rules(s Settings) {
	if s.Kind == dodona.Number {
		_, known := aggregators[s.Combine]
		words := s.Combine.Words()
		v.want(known, "combine", "%q, want %s for a number", s.Combine, strict.Either(words[:len(words)-1]))
	} else {
		v.want(s.Combine == CombineMajority, "combine", "%q, want majority for kind %s", s.Combine, s.Kind)
		v.want(s.Outliers.IsZero(), "outliers", "mean nothing for kind %s; leave them out", s.Kind)
	}
	v.want(s.Need >= 1, "need", "%d, want at least 1", s.Need)
	named, what := len(s.combined()), "source"
	if len(s.Points) > 0 {
		what = "point"
	}
	is := "are"
	if named == 1 {
		is = "is"
	}
	v.want(s.Need <= named || named == 0, "need",
		"%d, but only %s %s named (need is the number of answers that must remain)", s.Need, unit.Count(named, what), is)
	takes := s.Take.Words()
	v.want(slices.Contains(takes, string(s.Take)), "take", "%q, want %s", s.Take, strict.Either(takes))
}

// sourcesOf returns the sources of points, each once, in their order.
func sourcesOf(ids []string) []string {
	var sources []string
	for _, id := range ids {
		if source, _ := dodona.SplitPointID(id); !slices.Contains(sources, source) {
			sources = append(sources, source)
		}
	}
	return sources
}
