package extract

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// A clock is how a rule reads the text of a time.
type clock struct {
	layout layout // zero: RFC 3339, ISO 8601 or a number, as parseInstant does
	zone   *zone  // of a text without an offset; nil: such a text is none
}

func clockOf(r Rule) (c clock, err error) {
	if r.TimeFormat != "" {
		if c.layout, err = parseLayout(r.TimeFormat); err != nil {
			return c, err
		}
	}
	if r.TimeZone != "" {
		z, err := parseZone(r.TimeZone)
		c.zone = &z
		return c, err
	}
	return c, nil
}

// instant reads a time out of a reading, in UTC and whole milliseconds; what is finer is cut.
func (c clock) instant(text string, r dodona.Reading) (time.Time, error) {
	var wall time.Time
	var ahead time.Duration
	var zoned bool
	var err error
	switch {
	case c.layout.format != "":
		zoned = c.layout.zoned
		wall, ahead, err = c.layout.read(text)
	case c.zone == nil || isNumber(text):
		return parseInstant(text)
	default:
		wall, ahead, zoned, err = parseDateTime(text)
	}
	if err == nil && !zoned {
		came := r.Received
		if came.IsZero() {
			came = r.SourceTime
		}
		wall, err = c.zone.instant(wall, came)
	}
	if err != nil {
		return time.Time{}, err
	}
	return checkInstant(wall.Add(-ahead).UnixMilli(), text)
}

func isNumber(text string) bool {
	_, err := dodona.ParseDecimal(text)
	return err == nil || errors.Is(err, dodona.ErrRange)
}

// A layout is how a text says a time, by the conversions of strptime (POSIX.1): %d.%m.%Y %H:%M:%S. Numbers may lack their leading zero, a blank stands for
// blanks and tabs, and names are English in any case.
type layout struct {
	format string
	steps  []step
	zoned  bool // the text says its offset from UTC
}

// A step reads one conversion, or one character that stands for itself.
type step struct {
	conversion byte // 0: literal
	literal    byte
}

// maxLayout bounds the text of a layout, in bytes.
const maxLayout = 100

// shorts are conversions that stand for several.
var shorts = strings.NewReplacer("%%", "%%", "%T", "%H:%M:%S", "%R", "%H:%M", "%F", "%Y-%m-%d", "%D", "%m/%d/%y", "%e", "%d", "%B", "%b", "%h", "%b", "%A", "%a", "%n", " ", "%t", " ")

// what conversions are numbers of.
var conversions = map[byte]struct {
	most        int // digits
	least, last int
	what        string
}{
	'Y': {4, 0, 9999, "year"}, 'y': {2, 0, 99, "year"}, 'm': {2, 1, 12, "month"}, 'd': {2, 1, 31, "day"}, 'j': {3, 1, 366, "day of the year"},
	'H': {2, 0, 23, "hour"}, 'I': {2, 1, 12, "hour"}, 'M': {2, 0, 59, "minute"}, 'S': {2, 0, 59, "second"},
}

// parseLayout reads a layout, and says what keeps it from meaning one instant.
func parseLayout(format string) (layout, error) {
	if len(format) > maxLayout || !plain.Is(format) {
		return layout{}, fmt.Errorf("want at most %d bytes, and no characters that steer", maxLayout)
	}
	l := layout{format: format}
	has := map[byte]bool{}
	for rest := shorts.Replace(format); rest != ""; rest = rest[1:] {
		if rest[0] != '%' {
			l.steps = append(l.steps, step{literal: rest[0]})
			continue
		}
		if rest = rest[1:]; rest == "" {
			return layout{}, errors.New("ends with a %; %% stands for itself")
		}
		c := rest[0]
		if c == '%' {
			l.steps = append(l.steps, step{literal: c})
			continue
		}
		if _, number := conversions[c]; !number && strings.IndexByte("fpbaz", c) < 0 {
			return layout{}, fmt.Errorf("%s: want a conversion of strptime, such as %%d.%%m.%%Y %%H:%%M:%%S; there are %%Y %%y %%m %%b %%d %%j %%a, %%H %%I %%p %%M %%S %%f, %%z, %%F %%T %%R and %%D", plain.Quote("%"+rest[:1], 8))
		}
		if has[c] {
			return layout{}, fmt.Errorf("says %%%c twice", c)
		}
		has[c] = true
		l.steps = append(l.steps, step{conversion: c})
	}
	l.zoned = has['z']
	return l, whole(has)
}

// whole says what is missing, or said twice, in conversions.
func whole(has map[byte]bool) error {
	both := func(a, b byte) bool { return has[a] && has[b] }
	switch {
	case len(has) == 0:
		return errors.New("has no conversion of strptime, such as %d.%m.%Y %H:%M:%S")
	case !has['Y'] && !has['y']:
		return errors.New("has no year, such as %Y")
	case !has['j'] && !((has['m'] || has['b']) && has['d']):
		return errors.New("has no day: want %m and %d, or %j")
	case both('Y', 'y'), both('m', 'b'), both('H', 'I'), has['j'] && (has['m'] || has['b'] || has['d']):
		return errors.New("says the year, the day or the hour twice")
	case has['I'] != has['p']:
		return errors.New("%I, an hour of 1 to 12, and %p, AM or PM, go together")
	case has['M'] && !has['H'] && !has['I'], has['S'] && !has['M'], has['f'] && !has['S']:
		return errors.New("has minutes without hours, or seconds without minutes")
	}
	return nil
}

// read returns what a text says: the time of a clock on a wall, and by how much that is ahead of UTC if the text says so.
func (l layout) read(text string) (wall time.Time, ahead time.Duration, err error) {
	r := clockReader{rest: strings.Trim(text, " \t")}
	n := map[byte]int{'m': 1, 'd': 1}
	for _, s := range l.steps {
		switch s.conversion {
		case 0:
			r.literal(s.literal)
		case 'f':
			n['f'] = r.parts()
		case 'p':
			n['p'] = r.word([]string{"am", "pm"}, "AM or PM")
		case 'b':
			n['m'] = 1 + r.word(months, "the name of a month, such as Dec")
		case 'a':
			r.word(weekdays, "the name of a weekday, such as Tue")
		case 'z':
			ahead = r.offset()
		default:
			c := conversions[s.conversion]
			n[s.conversion] = r.number(c.most, c.least, c.last, c.what)
		}
	}
	if r.err == "" && r.rest != "" {
		r.err = "more follows"
	}
	year, hour := n['Y'], n['H']
	if y, short := n['y']; short {
		if year = 1900 + y; y < 69 { // as POSIX says
			year += 100
		}
	}
	if of12, is := n['I']; is {
		hour = of12%12 + 12*n['p']
	}
	day, last := n['d'], daysIn(year, n['m'])
	if of, is := n['j']; is {
		day, last = of, 337+daysIn(year, 2)
	}
	if r.err == "" && day > last {
		r.err = fmt.Sprintf("%04d-%02d has no day %d", year, n['m'], day)
	}
	if r.err != "" {
		return time.Time{}, 0, fmt.Errorf("%s is no time by time_format %s: %s", plain.Quote(text, 64), plain.Quote(l.format, maxLayout), r.err)
	}
	return time.Date(year, time.Month(n['m']), day, hour, n['M'], n['S'], n['f'], time.UTC), ahead, nil
}

var (
	months   = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}
	weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
)

// literal reads a character that stands for itself; a blank stands for one or more blanks and tabs.
func (r *clockReader) literal(c byte) {
	switch {
	case r.err != "":
	case c == ' ' || c == '\t':
		if !r.next(" \t") {
			r.err = "want a blank " + r.where()
		}
		r.rest = strings.TrimLeft(r.rest, " \t")
	case r.rest == "" || r.rest[0] != c:
		r.err = fmt.Sprintf("want %s %s", plain.Quote(string([]byte{c}), 1), r.where())
	default:
		r.rest = r.rest[1:]
	}
}

// number reads one digit or more.
func (r *clockReader) number(most, least, last int, what string) int {
	have := 0
	for have < len(r.rest) && have < most && isDigit(r.rest[have]) {
		have++
	}
	if r.err == "" && (have == 0 || most == 4 && have < most) {
		r.err = fmt.Sprintf("want digits for the %s %s", what, r.where())
		return least
	}
	return r.digits(have, least, last, what)
}

// parts reads the fraction of a second behind its point, in nanoseconds; what is finer is cut.
func (r *clockReader) parts() int {
	if r.err == "" && (r.rest == "" || !isDigit(r.rest[0])) {
		r.err = "want digits for the fraction of the second " + r.where()
		return 0
	}
	r.rest = "." + r.rest
	return r.fraction()
}

// word reads one of some words, or its first three letters, and returns which.
func (r *clockReader) word(words []string, what string) int {
	if r.err != "" {
		return 0
	}
	lower := strings.ToLower(r.rest[:min(len(r.rest), 9)])
	for i, w := range words {
		for _, s := range []string{w, w[:min(len(w), 3)]} {
			if strings.HasPrefix(lower, s) {
				r.rest = r.rest[len(s):]
				return i
			}
		}
	}
	r.err = fmt.Sprintf("want %s %s", what, r.where())
	return 0
}

// where says where a reader is.
func (r *clockReader) where() string {
	if r.rest == "" {
		return "at its end"
	}
	return "at " + plain.Quote(r.rest, 16)
}
