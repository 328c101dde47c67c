package extract

import (
	"fmt"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// parseRFC3339 reads a date-time of RFC 3339 §5.6. As its notes allow, t and z may stand for T and Z, and one blank for T. The
// fraction may have any length; what is finer than a nanosecond is cut. A leap second, 23:59:60 UTC at the end of a month, is the
// last nanosecond of the second before: no other clock here has a number for it, and it must not be after the midnight that follows.
//
// Of ISO 8601 it reads besides what can mean one instant alone, because loggers and databases write it: an offset without its colon
// or its minutes, a minute without its seconds, a comma before the fraction, and the basic form, without - and : in date and clock.
//
// The package time would also read hours of one digit and offsets beyond a day, and no leap second.
func parseRFC3339(s string) (time.Time, error) {
	at, ahead, zoned, err := parseDateTime(s)
	if err == nil && !zoned {
		err = fmt.Errorf("%s is not RFC 3339: it does not end with an offset from UTC, such as Z or +01:00; of a clock on the wall say where it hangs, such as time_zone: Europe/Berlin", plain.Quote(s, 64))
	}
	if err != nil {
		return time.Time{}, err
	}
	return at.Add(-ahead), nil
}

// parseDateTime is parseRFC3339 of a text that may lack its offset. It returns what a clock on the wall says, and by how much that is ahead of UTC.
func parseDateTime(s string) (wall time.Time, ahead time.Duration, zoned bool, err error) {
	r := clockReader{rest: s}
	year := r.digits(4, 0, 9999, "year")
	basic := r.err == "" && r.rest != "" && isDigit(r.rest[0])
	between := func(c string) {
		if !basic {
			r.one(c)
		}
	}
	between("-")
	meant := r.err == "" && !basic // for a date
	month := r.digits(2, 1, 12, "month")
	between("-")
	day := r.digits(2, 1, 31, "day")
	r.one("Tt ")
	meant = meant || r.err == ""
	hour := r.digits(2, 0, 23, "hour")
	between(":")
	minute := r.digits(2, 0, 59, "minute")
	second, nanosecond := 0, 0
	if r.rest != "" && !r.next("Zz+-") {
		between(":")
		second = r.digits(2, 0, 60, "second")
		nanosecond = r.fraction()
	}
	if zoned = r.rest != ""; zoned {
		ahead = r.offset()
	}
	if r.err == "" && r.rest != "" {
		r.err = "something follows the offset"
	}
	if r.err == "" && day > daysIn(year, month) {
		r.err = fmt.Sprintf("%04d-%02d has no day %d", year, month, day)
	}
	leap := second == 60
	if leap {
		second, nanosecond = 59, 999_999_999
	}
	wall = time.Date(year, time.Month(month), day, hour, minute, second, nanosecond, time.UTC)
	if r.err == "" && leap && (!zoned || !endsMonth(wall.Add(-ahead))) {
		r.err = "second 60 is a leap second, and those are at 23:59:60 UTC on the last day of a month alone"
	}
	switch {
	case r.err == "":
		return wall, ahead, zoned, nil
	case meant:
		return time.Time{}, 0, false, fmt.Errorf("%s is not RFC 3339: %s", plain.Quote(s, 64), r.err)
	}
	return time.Time{}, 0, false, fmt.Errorf("%s is neither RFC 3339, such as 2026-11-22T12:04:30Z, nor a number since 1970; another form is read by time_format, such as %%d.%%m.%%Y %%H:%%M:%%S", plain.Quote(s, 64))
}

// endsMonth reports whether an instant lies in the last second of a month, in UTC.
func endsMonth(at time.Time) bool {
	next := at.Truncate(time.Second).Add(time.Second)
	return next.Day() == 1 && next.Hour() == 0 && next.Minute() == 0 && next.Second() == 0
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// A clockReader reads a time from the left. After a mistake it reads nothing more.
type clockReader struct {
	rest string
	err  string // what is wrong
}

// digits reads exactly so many digits, whose number must be within the bounds.
func (r *clockReader) digits(count, least, most int, what string) (n int) {
	if r.err != "" {
		return least
	}
	end := 0
	for end < len(r.rest) && end < count && isDigit(r.rest[end]) {
		n = 10*n + int(r.rest[end]-'0')
		end++
	}
	switch {
	case end < count:
		r.err = fmt.Sprintf("want %d digits for the %s", count, what)
		return least
	case n < least || n > most:
		r.err = fmt.Sprintf("%s %d, want %d to %d", what, n, least, most)
		return least
	}
	r.rest = r.rest[end:]
	return n
}

// one reads one of the given characters, and returns it.
func (r *clockReader) one(of string) byte {
	if r.err != "" {
		return 0
	}
	if !r.next(of) {
		r.err = "want " + plain.Quote(of[:1], 1) + " after the " + map[string]string{"-": "year or month", ":": "hour or minute", "Tt ": "date"}[of]
		return 0
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c
}

// next reports whether one of the given characters follows.
func (r *clockReader) next(of string) bool {
	return r.rest != "" && strings.IndexByte(of, r.rest[0]) >= 0
}

// fraction reads the fraction of a second, if there is one, in nanoseconds.
func (r *clockReader) fraction() (nanosecond int) {
	switch {
	case r.err != "" || r.rest == "":
		return 0
	case !r.next(".,"):
		return 0
	}
	end := 1
	for unit := 100_000_000; end < len(r.rest) && isDigit(r.rest[end]); end++ {
		nanosecond += int(r.rest[end]-'0') * unit
		unit /= 10
	}
	if end == 1 {
		r.err = "want digits after the point of the second"
		return 0
	}
	r.rest = r.rest[end:]
	return nanosecond
}

// offset reads by how much the clock is ahead of UTC.
func (r *clockReader) offset() time.Duration {
	if r.err != "" {
		return 0
	}
	if !r.next("Zz+-") {
		r.err = "it does not end with an offset from UTC, such as Z or +01:00"
		return 0
	}
	sign := r.rest[0]
	r.rest = r.rest[1:]
	if sign == 'Z' || sign == 'z' {
		return 0
	}
	hours := r.digits(2, 0, 23, "hour of the offset")
	minutes := 0
	if r.err == "" && r.rest != "" {
		if r.next(":") {
			r.one(":")
		}
		minutes = r.digits(2, 0, 59, "minute of the offset")
	}
	by := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if sign == '-' {
		return -by
	}
	return by
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
