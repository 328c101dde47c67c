package extract

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/dodona-oracle/dodona"
)

// A Rule says which value of a document is a point, and how its text becomes a number.
// The zero rule takes the only number in the document as it stands.
//
// Its JSON form is canonical: it goes into a feed's rules, which every node of a network must share,
// so it holds no address and no secret.
type Rule struct {
	// Item is the topic, node id or file the rule reads, where the source delivers several.
	// Default: every item of the source.
	Item string `yaml:"item,omitempty" json:"item,omitempty"`
	// Pointer is the place of the value in the JSON document, as a JSON Pointer (RFC 6901), such as
	// /result/XXBTZUSD/c/0. The value may be a number, a text that holds a number, true or false, or, with an
	// enum table, any text. Default: the only number in the document, if nothing else in it may be meant.
	Pointer string `yaml:"pointer,omitempty" json:"pointer,omitempty"`
	// Encoding of the document: json or cbor (RFC 8949). Pointer, time and where are places in CBOR as in JSON; a name that is an integer
	// is written in decimal. Default: json.
	Encoding Encoding `yaml:"encoding,omitempty" json:"encoding,omitempty"`
	// SenML is the name of a record of a SenML pack (RFC 8428) in JSON or CBOR, its base name in front of it, such as
	// urn:dev:ow:10e2073a01080063:temp. Base values and times are added; of several records with the name the newest counts, at its own
	// time. The point has the unit of its record; one that is not the unit given here is bad, unless scale or offset make it so.
	// Default: none.
	SenML string `yaml:"senml,omitempty" json:"senml,omitempty"`
	// Column is where the value stands in a row of a CSV document (RFC 4180): a name in its header, or a number from 1. The last row
	// counts, or with where the last one for which it holds: where and time name columns then, such as {station: "17"}.
	// A row that ends the document without an end of line may be half written: it counts only where it is the one line, or columns behind
	// those that the rule names are there. Default: none.
	Column string `yaml:"column,omitempty" json:"column,omitempty"`
	// Delimiter is the character between two columns, such as ";" or "\t". Default: that of the source where its settings name one, else a comma.
	Delimiter string `yaml:"delimiter,omitempty" json:"delimiter,omitempty"`
	// Header is the names of the columns where the document does not begin with them, such as [time, temperature, flow]. A row that
	// repeats them is passed over. Default: the first row, if a column is given by its name, else none.
	Header []string `yaml:"header,omitempty" json:"header,omitempty"`
	// Regex is a regular expression (RE2, as Go has it) that finds the value in a text: its group called value, else its first group, else
	// all of what matches; (?P<time>…) finds the time. It must match once, so anchor it, such as 'T=(-?[0-9.]+) °C$'. Default: none.
	Regex string `yaml:"regex,omitempty" json:"regex,omitempty"`
	// Decimal is the character before the fraction of a number in a column or what regex finds: "," where 1204,350 is written. Thousands
	// are not set apart. Default: a point.
	Decimal string `yaml:"decimal,omitempty" json:"decimal,omitempty"`
	// Scale is what the value is multiplied by, exactly, such as 0.1. Default: 1.
	Scale dodona.Decimal `yaml:"scale,omitempty" json:"scale,omitzero"`
	// Offset is what is added after scaling, in the unit of the point, such as -273.15. Default: 0.
	Offset dodona.Decimal `yaml:"offset,omitempty" json:"offset,omitzero"`
	// Unit is the unit of the point after scale and offset: a UCUM code such as Cel, or an ISO 4217 one such as
	// USD. Default: none.
	Unit string `yaml:"unit,omitempty" json:"unit,omitempty"`
	// Time is the place of the instant at which the value was measured, as a JSON Pointer: a text in RFC 3339 or ISO 8601 with its offset from UTC,
	// or a number of seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by its size.
	// Default: the source's own time of the reading if it has one, else the time of arrival.
	Time string `yaml:"time,omitempty" json:"time,omitempty"`
	// TimeFormat is how the text of the time is written, where that is not as time reads it: by the conversions of strptime, such as
	// "%d.%m.%Y %H:%M:%S" or "%m/%d/%y %I:%M %p". Default: none.
	TimeFormat string `yaml:"time_format,omitempty" json:"time_format,omitempty"`
	// TimeZone is whose clock the text of a time without an offset was read from: UTC, an offset such as +01:00, or a name such as Europe/Berlin. The
	// changes of its clocks are those of now, in all years. In the hour that they go through twice a value counts that came in the first
	// of the two, else it is bad. Default: none.
	TimeZone string `yaml:"time_zone,omitempty" json:"time_zone,omitempty"`
	// Where says what must stand elsewhere in the document for the value to count: a map from JSON Pointers to a text, a number,
	// true, false or null, such as {/symbol: BTCUSD}. All must hold. A text must be equal to the byte, a number in value, however
	// it is written; a document of which one does not hold has no such point. A * in the place of one name stands for the one
	// element of an array, or member of an object, for which all hold: pointer: /data/*/price with where: {/data/*/symbol: BTCUSD}.
	// It is the same wherever it stands, in the pointer and the time too. If it is none or several, the value is bad. Default: nothing.
	Where map[string]Match `yaml:"where,omitempty" json:"where,omitempty"`
	// Enum is a table from the text of the value (also true, false and plain numbers) to an integer.
	// A value that is not in the table is bad. Default: none.
	Enum map[string]int64 `yaml:"enum,omitempty" json:"enum,omitempty"`
}

// An Encoding is how the document is written that a pointer leads into.
type Encoding string

const inCBOR Encoding = "cbor"

// Words returns the encodings.
func (Encoding) Words() []string { return []string{"json", string(inCBOR)} }

// Shorthand names the setting that a single word stands for where a configuration has a rule.
func (Rule) Shorthand() string { return "pointer" }

// Rules are the rules of several sources: source → point → rule.
// The point is "" for a source with one.
type Rules map[string]map[string]Rule

// For returns the rules of the named points alone, so that a feed's rules do not change with
// sources it does not ask. Ids without a rule are left out.
func (r Rules) For(ids ...string) Rules {
	subset := Rules{}
	for _, id := range ids {
		source, point := dodona.SplitPointID(id)
		rule, found := r[source][point]
		if !found {
			continue
		}
		if subset[source] == nil {
			subset[source] = map[string]Rule{}
		}
		subset[source][point] = rule
	}
	return subset
}

// A FieldError is a mistake in one setting.
type FieldError struct {
	Field string // the setting's name in the configuration, such as "pointer"
	Err   error
}

// Error writes the setting and what is wrong with it.
func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns what is wrong, without the setting.
func (e *FieldError) Unwrap() error { return e.Err }

// Validate returns every mistake in r, each as a [*FieldError], joined; nil if there is none.
func (r Rule) Validate() error {
	var mistakes []error
	mistake := func(field string, err error) {
		if err != nil {
			mistakes = append(mistakes, &FieldError{field, err})
		}
	}
	mistake(r.checkOne())
	w := r.way()
	if w == tree {
		r.checkTree(mistake)
	} else {
		r.checkOther(w, mistake)
	}
	if w != table && r.Delimiter != "" {
		mistake("delimiter", errNoColumn)
	}
	if w != table && len(r.Header) > 0 {
		mistake("header", errNoColumn)
	}
	if r.Decimal != "" {
		mistake("decimal", r.checkDecimal(w))
	}
	r.checkClock(w, mistake)
	if len(r.Enum) > 0 && (r.Scale != dodona.Decimal{} || r.Offset != dodona.Decimal{}) {
		mistake("enum", errors.New("goes with neither scale nor offset: write the final integers into the table"))
	}
	return errors.Join(mistakes...)
}

// checkClock tells the mistakes of how the time is read.
func (r Rule) checkClock(w way, mistake func(field string, err error)) {
	if r.TimeFormat == "" && r.TimeZone == "" {
		return
	}
	field := "time_format"
	if r.TimeFormat == "" {
		field = "time_zone"
	}
	timed := r.Time != ""
	if w == match {
		p, err := patternOf(r.Regex)
		timed = err != nil || p.time >= 0
	}
	switch {
	case w == pack:
		mistake(field, errors.New("leave it out: a SenML record has its own time"))
		return
	case !timed && w == match:
		mistake(field, errors.New("there is no time to read: name it by a group of regex, (?P<time>…)"))
		return
	case !timed:
		mistake(field, errors.New("there is no time to read: say where it stands, such as time: /at, or of a column its name"))
		return
	}
	if r.TimeZone != "" {
		_, err := canonicalZone(r.TimeZone)
		mistake("time_zone", err)
	}
	if r.TimeFormat == "" {
		return
	}
	l, err := parseLayout(r.TimeFormat)
	switch {
	case err != nil:
		mistake("time_format", err)
	case l.zoned && r.TimeZone != "":
		mistake("time_zone", errors.New("leave it out: %z of time_format reads the offset from UTC"))
	case !l.zoned && r.TimeZone == "":
		mistake("time_format", errors.New("reads no offset from UTC (%z): say whose clock it is, such as time_zone: Europe/Berlin, or UTC"))
	}
}

// checkTree tells the mistakes of a rule with pointers.
func (r Rule) checkTree(mistake func(field string, err error)) {
	_, err := parsePointer(r.Pointer)
	mistake("pointer", err)
	_, err = parsePointer(r.Time)
	mistake("time", err)
	if r.Time != "" && r.Time == r.Pointer {
		mistake("time", errors.New("is the pointer of the value itself; name the field that holds the time"))
	}
	mistake("where", r.checkWhere())
	if len(r.Enum) > 0 && r.Pointer == "" {
		mistake("enum", errors.New("needs a pointer to the text, such as pointer: /state; of a payload that is the bare text, name it by a pattern, such as regex: '^(ON|OFF)$'"))
	}
}

// Validate returns every mistake in r with its source and point, joined; nil if there is none.
func (r Rules) Validate() error {
	var mistakes []error
	for _, source := range slices.Sorted(maps.Keys(r)) {
		if err := dodona.CheckName(source, 1); err != nil {
			mistakes = append(mistakes, fmt.Errorf("source %q: %w", source, err))
		}
		for _, point := range slices.Sorted(maps.Keys(r[source])) {
			if point != "" {
				if err := dodona.CheckName(point, 1); err != nil {
					mistakes = append(mistakes, fmt.Errorf("source %q: point %q: %w", source, point, err))
				}
			}
			if err := r[source][point].Validate(); err != nil {
				mistakes = append(mistakes, fmt.Errorf("point %q: %w", dodona.PointID(source, point), err))
			}
		}
	}
	return errors.Join(mistakes...)
}
