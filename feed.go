package dodona

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Kind is what a feed's value means.
type Kind string

// The kinds of feeds. No free text is ever signed.
const (
	Number Kind = "number" // a fixed-point number with the feed's decimals
	Bool   Kind = "bool"   // 0 or 1, decimals 0
	Enum   Kind = "enum"   // an index into the feed's labels, decimals 0
)

// A Feed is the identity of a named question: everything that goes into its id, and nothing else.
// How the answer is found belongs to the feed's rules (package feed).
type Feed struct {
	Name     string   `json:"name"`
	Kind     Kind     `json:"kind"`
	Unit     string   `json:"unit"`
	Decimals uint8    `json:"decimals"`
	Labels   []string `json:"labels,omitempty"` // of an enum, in order
}

// Format writes a scaled value of this feed for people, with all of its decimals and its unit: "43,218.50 USD", "on", "true".
// Whoever shows a value to people shows it so.
func (f Feed) Format(v Int192) string {
	if word, found := f.word(v); found {
		return word
	}
	return f.withUnit(v.Decimal(f.Decimals))
}

// FormatExact writes what somebody else said of this feed for people, as [Feed.Format] does, and hides no digit that goes
// beyond the feed's decimals.
func (f Feed) FormatExact(d Decimal) string {
	if v, decimals := d.Parts(); decimals == 0 {
		if word, found := f.word(v); found {
			return word
		}
	}
	return f.withUnit(d)
}

// Text writes a scaled value of this feed for machines, with all of its decimals and without its unit: "43218.50", "on", "true".
func (f Feed) Text(v Int192) string {
	if word, found := f.word(v); found {
		return word
	}
	return v.Decimal(f.Decimals).Text(f.Decimals)
}

// word returns what a value is called where it is no number.
func (f Feed) word(v Int192) (word string, found bool) {
	switch f.Kind {
	case Bool:
		return strconv.FormatBool(!v.IsZero()), true
	case Enum:
		if i, ok := v.Int64(); ok && i >= 0 && i < int64(len(f.Labels)) {
			return f.Labels[i], true
		}
		return v.String(), true
	}
	return "", false
}

func (f Feed) withUnit(d Decimal) string {
	s := d.Grouped(f.Decimals)
	if f.Unit != "" {
		s += " " + f.Unit
	}
	return s
}

// CheckValue returns an error unless v can be an answer of f: anything for a number, 0 or 1 for a bool, the index of
// one of the labels for an enum.
func (f Feed) CheckValue(v Int192) error {
	switch f.Kind {
	case Number:
		return nil
	case Bool, Enum:
	default:
		return fmt.Errorf("a feed of kind %.40q has no values: want number, bool or enum", f.Kind)
	}
	if i, fits := v.Int64(); !fits || i < 0 || i > f.Most() {
		return fmt.Errorf("value %s of a feed of kind %s: want 0 to %d", v, f.Kind, f.Most())
	}
	return nil
}

// Most returns the highest value of a feed that is no number: 1 of a bool, the index of the last label of an enum.
func (f Feed) Most() int64 {
	if f.Kind == Enum {
		return int64(len(f.Labels)) - 1
	}
	return 1
}

// MaxNameParts is how many parts, joined by points, the name of a feed may have to a verifier; a node may configure fewer.
const MaxNameParts = 16

// CheckName returns an error unless name can be a subject of the bus: up to maxTokens tokens joined by
// points, each of a–z, 0–9 and hyphens, 63 at most, not beginning with a hyphen.
func CheckName(name string, maxTokens int) error {
	tokens := strings.Split(name, ".")
	if len(tokens) > maxTokens {
		return fmt.Errorf("name %q: %d parts, at most %d are allowed", name, len(tokens), maxTokens)
	}
	for _, token := range tokens {
		if !isToken(token) {
			return fmt.Errorf("name %q: each part must be 1 to 63 of a-z, 0-9 and hyphens, beginning with a letter or digit", name)
		}
	}
	return nil
}

func isToken(s string) bool {
	if len(s) == 0 || len(s) > 63 || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// A Round is the instant a feed's answer speaks for: Unix milliseconds on the feed's grid,
// sequence number and timestamp in one.
type Round uint64

// RoundAt returns the round that speaks for t. Times before 1970 give 0.
func RoundAt(t time.Time) Round {
	return Round(max(0, t.UnixMilli()))
}

// Time returns the instant of r in UTC.
func (r Round) Time() time.Time { return time.UnixMilli(int64(min(uint64(r), math.MaxInt64))).UTC() }

// ID returns r as the ID of its records: Unix milliseconds in decimal.
func (r Round) ID() string { return strconv.FormatUint(uint64(r), 10) }

// String returns r as RFC 3339 with milliseconds where it has any.
func (r Round) String() string { return r.Time().Format("2006-01-02T15:04:05.999Z07:00") }
