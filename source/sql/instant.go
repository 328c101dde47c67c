package sql

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source/sql/session"
)

var (
	offset   = regexp.MustCompile(`^[+-][0-9]{2}:[0-9]{2}$`)
	zoneName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+/-]{0,63}$`)
)

// parseZone returns the zone of a setting; nil if there is none. Load reads a zone by its name; nil: its name is all that is looked at.
func parseZone(text string, load func(name string) (*time.Location, error)) (*time.Location, error) {
	switch {
	case text == "":
		return nil, nil
	case text == "UTC" || text == "Z":
		return time.UTC, nil
	case offset.MatchString(text):
		at, err := time.Parse("-07:00", text)
		if err != nil {
			return nil, fmt.Errorf("time_zone: %s: want an offset such as +01:00", plain.Quote(text, 40))
		}
		_, seconds := at.Zone()
		return time.FixedZone(text, seconds), nil
	case !zoneName.MatchString(text) || text == "Local":
		return nil, fmt.Errorf("time_zone: %s: want UTC, an offset such as +01:00, or a name such as Europe/Berlin", plain.Quote(text, 40))
	case load == nil:
		return nil, nil
	}
	zone, err := load(text)
	if err != nil {
		return nil, fmt.Errorf("time_zone: %s: this machine does not know it (Debian's package tzdata has them); an offset such as +01:00 needs none", text)
	}
	return zone, nil
}

// A moment is a time of a database.
type moment struct {
	wall  time.Time
	zoned bool // it says its zone, so wall is an instant
}

var layouts = []struct {
	layout string
	zoned  bool
}{
	{"2006-01-02 15:04:05.999999999", false},
	{"2006-01-02 15:04:05.999999999Z07", true},
	{"2006-01-02 15:04:05.999999999Z07:00", true},
	{"2006-01-02 15:04:05.999999999Z07:00:00", true},
	{"2006-01-02 15:04", false},
	{"2006-01-02", false},
}

const longestTime = 40

// parseMoment reads a time as databases write it; false if it is none, or none that RFC 3339 has (infinity, 0000-00-00, BC).
func parseMoment(text string) (moment, bool) {
	if len(text) < len("2006-01-02") || len(text) > longestTime {
		return moment{}, false
	}
	if text[10:] != "" && text[10] == 'T' {
		text = text[:10] + " " + text[11:]
	}
	for _, l := range layouts {
		if t, err := time.Parse(l.layout, text); err == nil {
			return moment{t, l.zoned}, true
		}
	}
	return moment{}, false
}

// in returns the moment as an instant of a zone; false where the clock of the zone shows it twice or never, or there is no zone.
func (m moment) in(zone *time.Location) (time.Time, bool) {
	if m.zoned {
		return m.wall.UTC(), true
	}
	if zone == nil {
		return time.Time{}, false
	}
	y, mo, d := m.wall.Date()
	h, mi, s := m.wall.Clock()
	at := time.Date(y, mo, d, h, mi, s, m.wall.Nanosecond(), zone)
	if !sameWall(at, m.wall) {
		return time.Time{}, false
	}
	_, here := at.Zone()
	for _, aside := range []time.Duration{-26 * time.Hour, 26 * time.Hour} { // where another offset may be in force
		_, there := at.Add(aside).Zone()
		if other := at.Add(time.Duration(here-there) * time.Second); there != here && sameWall(other, m.wall) {
			return time.Time{}, false
		}
	}
	return at.UTC(), true
}

func sameWall(at, wall time.Time) bool {
	return at.Format("2006-01-02 15:04:05.999999999") == wall.Format("2006-01-02 15:04:05.999999999")
}

// rfc3339 returns a time of the database in RFC 3339, without a zone where none is certain, and as it stands where it is no time.
func rfc3339(v session.Value, zone *time.Location) string {
	m, ok := parseMoment(v.Text)
	if !ok || len(v.Text) <= len("2006-01-02") {
		return v.Text
	}
	if v.Kind == session.Instant {
		m.zoned = true // the session's zone is UTC
	}
	if at, certain := m.in(zone); certain {
		return at.Format("2006-01-02T15:04:05.999999999Z07:00")
	}
	return m.wall.Format("2006-01-02T15:04:05.999999999")
}

// instantOf returns when a row was measured by one of its columns.
func instantOf(v session.Value, zone *time.Location) (time.Time, error) {
	switch {
	case v.Null:
		return time.Time{}, errors.New("is NULL")
	case v.Kind == session.Integer:
		return epoch(v.Text)
	}
	m, ok := parseMoment(v.Text)
	if !ok {
		return time.Time{}, fmt.Errorf("is %s, which is no time", plain.Quote(v.Text, 40))
	}
	if v.Kind == session.Instant {
		m.zoned = true
	}
	at, certain := m.in(zone)
	switch {
	case certain:
		return at, nil
	case zone == nil:
		return time.Time{}, fmt.Errorf("is %s, which says no zone; set time_zone", plain.Quote(v.Text, 40))
	}
	return time.Time{}, fmt.Errorf("is %s, which the clock of %s shows twice or never", plain.Quote(v.Text, 40), zone)
}

// epoch reads a number since 1970, whose size tells its unit.
func epoch(text string) (time.Time, error) {
	n, ok := new(big.Int).SetString(text, 10)
	if !ok || n.Sign() < 0 || !n.IsInt64() {
		return time.Time{}, fmt.Errorf("is %s, which is no time since 1970", plain.Quote(text, 40))
	}
	switch i := n.Int64(); {
	case i < 1e11:
		return time.Unix(i, 0).UTC(), nil
	case i < 1e14:
		return time.UnixMilli(i).UTC(), nil
	case i < 1e17:
		return time.UnixMicro(i).UTC(), nil
	default:
		return time.Unix(0, i).UTC(), nil
	}
}

// A lookBack is how far behind the newest row late ones are looked for. The zero value is nowhere.
type lookBack struct {
	time  time.Duration
	count int64
}

func parseLookBack(text string) (l lookBack, err error) {
	if text == "" {
		return l, nil
	}
	if n, ok := new(big.Int).SetString(text, 10); ok && n.IsInt64() && n.Sign() > 0 {
		return lookBack{count: n.Int64()}, nil
	}
	if l.time, err = unit.ParseDuration(text); err != nil || l.time <= 0 {
		return lookBack{}, fmt.Errorf("look_back: %s: want a time such as 1m, or a number such as 100 where the first column of the watermark is an integer", plain.Quote(text, 40))
	}
	return l, nil
}

// behind returns the value that lies l before v, as the database writes such values.
func (l lookBack) behind(column string, v session.Value) (session.Value, error) {
	if l.count > 0 {
		n, ok := new(big.Int).SetString(v.Text, 10)
		if !ok {
			return v, fmt.Errorf("look_back: %d is a number, and %s is none: %s; want a time such as 1m", l.count, column, plain.Quote(v.Text, 40))
		}
		return session.Value{Kind: v.Kind, Text: n.Sub(n, big.NewInt(l.count)).String()}, nil
	}
	m, ok := parseMoment(v.Text)
	if !ok {
		return v, fmt.Errorf("look_back: %s is a time, and %s is none: %s; want a number such as 100 of its units", unit.FormatDuration(l.time), column, plain.Quote(v.Text, 40))
	}
	return session.Value{Kind: v.Kind, Text: m.before(l.time, v.Text)}, nil
}

// before writes the moment that is d earlier in the form of like.
func (m moment) before(d time.Duration, like string) string {
	if len(like) == len("2006-01-02") {
		return m.wall.Add(-d).Format("2006-01-02")
	}
	layout := "2006-01-02" + string(like[10]) + "15:04"
	like = strings.TrimLeft(like[11:], " ") // an hour of one digit may be padded
	digits := strings.IndexFunc(like, func(r rune) bool { return r != ':' && r != '.' && (r < '0' || r > '9') })
	clock, zone := like, ""
	if digits >= 0 {
		clock, zone = like[:digits], like[digits:]
	}
	if strings.Count(clock, ":") > 1 {
		layout += ":05"
	}
	if _, fraction, found := strings.Cut(clock, "."); found {
		layout += "." + strings.Repeat("0", len(fraction))
	}
	return m.wall.Add(-d).Format(layout) + zone
}
