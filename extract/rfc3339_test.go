package extract

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

func TestRFC3339IsReadAsItIsWritten(t *testing.T) {
	for s, want := range map[string]string{
		"1985-04-12T23:20:50.52Z":                                     "1985-04-12T23:20:50.52Z", // the examples of §5.8
		"1996-12-19T16:39:57-08:00":                                   "1996-12-20T00:39:57Z",
		"1990-12-31T23:59:60Z":                                        "1990-12-31T23:59:59.999999999Z",
		"1990-12-31T15:59:60-08:00":                                   "1990-12-31T23:59:59.999999999Z",
		"1937-01-01T12:00:27.87+00:20":                                "1937-01-01T11:40:27.87Z",
		"2016-12-31T23:59:60.5Z":                                      "2016-12-31T23:59:59.999999999Z",
		"2017-01-01T00:59:60+01:00":                                   "2016-12-31T23:59:59.999999999Z",
		"2017-01-01T05:29:60+05:30":                                   "2016-12-31T23:59:59.999999999Z",
		"2026-11-30T23:59:60-00:00":                                   "2026-11-30T23:59:59.999999999Z",
		"2026-11-22t12:04:30z":                                        "2026-11-22T12:04:30Z",
		"2026-11-22 12:04:30Z":                                        "2026-11-22T12:04:30Z",
		"2026-11-22T12:04:30-00:00":                                   "2026-11-22T12:04:30Z",
		"2026-11-22T12:04:30+23:59":                                   "2026-11-21T12:05:30Z",
		"2026-11-22T12:04:30.1Z":                                      "2026-11-22T12:04:30.1Z",
		"2026-11-22T12:04:30.123456789999999Z":                        "2026-11-22T12:04:30.123456789Z",
		"2024-02-29T00:00:00Z":                                        "2024-02-29T00:00:00Z",
		"2000-02-29T00:00:00Z":                                        "2000-02-29T00:00:00Z",
		"0000-01-01T00:00:00Z":                                        "0000-01-01T00:00:00Z",
		"9999-12-31T23:59:60Z":                                        "9999-12-31T23:59:59.999999999Z",
		"2026-11-22T12:04:30." + strings.Repeat("9", 1000) + "+01:00": "2026-11-22T11:04:30.999999999Z",

		// Of ISO 8601, as others write it.
		"2026-11-22T12:04:30,5Z":     "2026-11-22T12:04:30.5Z",
		"2026-11-22 12:04:30,123+02": "2026-11-22T10:04:30.123Z",
		"2026-11-22T12:04:30+01":     "2026-11-22T11:04:30Z",
		"2026-11-22T12:04:30+0100":   "2026-11-22T11:04:30Z",
		"2026-11-22T12:04:30-0330":   "2026-11-22T15:34:30Z",
		"2026-11-22T12:04Z":          "2026-11-22T12:04:00Z",
		"2026-11-22 12:04+01:00":     "2026-11-22T11:04:00Z",
		"20261122T120430Z":           "2026-11-22T12:04:30Z",
		"20261122T120430.25+0100":    "2026-11-22T11:04:30.25Z",
		"20261122T1204-08":           "2026-11-22T20:04:00Z",
		"20161231T235960Z":           "2016-12-31T23:59:59.999999999Z",
	} {
		got, err := parseRFC3339(s)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%.60s is %v, %v; want %s", s, got, err, want)
		}
	}
}

func TestWhatIsNoRFC3339SaysWhy(t *testing.T) {
	for s, want := range map[string]string{
		"2026-11-22T12:04:60Z":                "second 60 is a leap second",
		"2026-11-22T23:59:60Z":                "second 60 is a leap second", // no month ends then
		"1990-12-31T23:59:60-08:00":           "second 60 is a leap second",
		"1990-12-31T23:58:60Z":                "second 60 is a leap second",
		"1990-12-31T23:59:61Z":                "second 61, want 0 to 60",
		"2026-11-22T24:00:00Z":                "hour 24, want 0 to 23",
		"2026-11-22T12:60:00Z":                "minute 60, want 0 to 59",
		"2026-13-22T12:04:30Z":                "month 13, want 1 to 12",
		"2026-00-22T12:04:30Z":                "month 0, want 1 to 12",
		"2026-11-31T12:04:30Z":                "2026-11 has no day 31",
		"2026-11-00T12:04:30Z":                "day 0, want 1 to 31",
		"2023-02-29T12:04:30Z":                "2023-02 has no day 29",
		"1900-02-29T12:04:30Z":                "1900-02 has no day 29",
		"2026-11-22T12:04:30":                 "it does not end with an offset from UTC",
		"2026-11-22 12:04:30":                 "it does not end with an offset from UTC",
		"2026-11-22T12:04:30.Z":               "want digits after the point",
		"2026-11-22T12:04:30+24:00":           "hour of the offset 24, want 0 to 23",
		"2026-11-22T12:04:30+01:60":           "minute of the offset 60, want 0 to 59",
		"2026-11-22T12:04:30+1:00":            "want 2 digits for the hour of the offset",
		"2026-11-22T12:04:30UTC":              "it does not end with an offset from UTC",
		"2026-11-22T12:04:30ZZ":               "something follows the offset",
		"2026-11-22T12:04:30Z ":               "something follows the offset",
		"2026-11-22T1:04:30Z":                 "want 2 digits for the hour",
		"2026-11-22T120430Z":                  `want ":" after the hour or minute`,
		"2026-11-22_12:04:30Z":                `want "T" after the date`,
		"2026-11-22  12:04:30Z":               "want 2 digits for the hour",
		"2026-11-22":                          `want "T" after the date`,
		"2026-11-2T12:04:30Z":                 "want 2 digits for the day",
		"2026-1-22T12:04:30Z":                 "want 2 digits for the month",
		"2026-11-22T12Z":                      `want ":" after the hour or minute`,
		"2026-11-22T12:04.5Z":                 `want ":" after the hour or minute`,
		"2026-11-22T12:04":                    "it does not end with an offset from UTC",
		"2026-11-22T12:04:30,Z":               "want digits after the point",
		"2026-11-22T12:04:30+010":             "want 2 digits for the minute of the offset",
		"2026-11-22T12:04:30+01:":             "want 2 digits for the minute of the offset",
		"2026-11-22T12:04:30+01000":           "something follows the offset",
		"2026-11-22T12:04:30+0160":            "minute of the offset 60, want 0 to 59",
		"20261122T12:04:30Z":                  "want 2 digits for the minute",
		"20261122T120430":                     "it does not end with an offset from UTC",
		"20260229T120430Z":                    "2026-02 has no day 29",
		"202611-22T12:04:30Z":                 "neither RFC 3339",
		"20261122120430Z":                     "neither RFC 3339",
		"26-11-22T12:04:30Z":                  "neither RFC 3339",
		"+2026-11-22T12:04:30Z":               "neither RFC 3339",
		" 2026-11-22T12:04:30Z":               "neither RFC 3339",
		"Sun, 22 Nov 2026 12:04:30 GMT":       "neither RFC 3339",
		"２０２６-11-22T12:04:30Z":                "neither RFC 3339",
		"":                                    "neither RFC 3339",
		"\x1b[31m" + strings.Repeat("a", 500): "neither RFC 3339",
	} {
		got, err := parseRFC3339(s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q is %v, %v; want an error with %q", s, got, err, want)
			continue
		}
		checkReason(t, err.Error())
		if len(err.Error()) > 400 {
			t.Errorf("the error has %d bytes", len(err.Error()))
		}
	}
}

func TestALeapSecondIsBeforeTheMidnightThatFollows(t *testing.T) {
	before, err := parseInstant("2016-12-31T23:59:59.5Z")
	if err != nil {
		t.Fatal(err)
	}
	leap, err := parseInstant("2016-12-31T23:59:60.25Z")
	if err != nil {
		t.Fatal(err)
	}
	after, err := parseInstant("2017-01-01T00:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	if !before.Before(leap) || !leap.Before(after) || leap.UnixMilli() != after.UnixMilli()-1 {
		t.Errorf("%v, %v, %v", before, leap, after)
	}
}

func TestNumbersSince1970AtTheirEdges(t *testing.T) {
	for s, want := range map[string]string{
		"99999999999":                  "5138-11-16T09:46:39Z", // seconds
		"99999999999.9994":             "5138-11-16T09:46:39.999Z",
		"100000000000":                 "1973-03-03T09:46:40Z", // milliseconds
		"99999999999999":               "5138-11-16T09:46:39.999Z",
		"100000000000000":              "1973-03-03T09:46:40Z", // microseconds
		"99999999999999999":            "5138-11-16T09:46:40Z",
		"100000000000000000":           "1973-03-03T09:46:40Z", // nanoseconds
		"9223372036854775807":          "2262-04-11T23:47:16.855Z",
		"99999999999999999999":         "5138-11-16T09:46:40Z",
		"0.0005":                       "1970-01-01T00:00:00Z", // half a millisecond, to the even one
		"0.0015":                       "1970-01-01T00:00:00.002Z",
		"-0":                           "1970-01-01T00:00:00Z",
		"100000000000000000000":        "",
		"-1":                           "",
		"-0.0001":                      "",
		"1e400":                        "",
		"0." + strings.Repeat("1", 58): "",
	} {
		got, err := parseInstant(s)
		if want == "" {
			if err == nil {
				t.Errorf("%s is %v", s, got)
			}
			continue
		}
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s is %v, %v; want %s", s, got.Format(time.RFC3339Nano), err, want)
		}
	}
}

// grammar is RFC 3339 §5.6 with its notes and what is read of ISO 8601 besides, as one pattern; basic is ISO 8601's form without - and :.
var (
	grammar = regexp.MustCompile(`^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d|60)([.,]\d+)?)?([Zz]|[+-]([01]\d|2[0-3])(?::?([0-5]\d))?)$`)
	basic   = regexp.MustCompile(`^(\d{4})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])[Tt ]([01]\d|2[0-3])([0-5]\d)(?:([0-5]\d|60)([.,]\d+)?)?([Zz]|[+-]([01]\d|2[0-3])(?::?([0-5]\d))?)$`)
)

// byGrammar reads a time by the pattern and calendar arithmetic in days, sharing nothing with parseRFC3339: it returns the
// milliseconds since 1970.
func byGrammar(s string) (int64, bool) {
	m := grammar.FindStringSubmatch(s)
	if m == nil {
		m = basic.FindStringSubmatch(s)
	}
	if m == nil {
		return 0, false
	}
	n := func(i int) int64 { v, _ := strconv.ParseInt("0"+m[i], 10, 64); return v }
	year, month, day, second := n(1), n(2), n(3), n(6)
	days := []int64{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	isLeap := func(y int64) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }
	if isLeap(year) {
		days[1] = 29
	}
	if day > days[month-1] {
		return 0, false
	}
	since := int64(-719_528) // the first day of the year 0
	for y := int64(0); y < year; y++ {
		since += 365
		if isLeap(y) {
			since++
		}
	}
	for _, d := range days[:month-1] {
		since += d
	}
	at := (since+day-1)*86400 + n(4)*3600 + n(5)*60 + second
	offset := n(9)*3600 + n(10)*60
	if m[8][0] == '-' {
		offset = -offset
	}
	at -= offset
	ms, _ := strconv.ParseInt((m[7] + "0000")[min(len(m[7]), 1):][:3], 10, 64)
	if second == 60 {
		if next := time.Unix(at, 0).UTC(); next.Day() != 1 || at%86400 != 0 {
			return 0, false
		}
		return at*1000 - 1, true
	}
	return at*1000 + ms, true
}

func FuzzRFC3339AgreesWithItsGrammar(f *testing.F) {
	for _, seed := range []string{
		"1990-12-31T23:59:60Z", "1990-12-31T15:59:60-08:00", "2024-02-29t00:00:00.123456z", "0000-01-01 00:00:00-23:59", "9999-12-31T23:59:59+00:01",
		"20261122T120430,5+0100", "2026-11-22 12:04+01", "2026-11-22T12:04:30,5Z", "2026-11-22T24:00:00Z", "2026-02-30T12:04:30Z", "2026-11-22T12:04:30+24:00",
	} {
		f.Add(seed)
	}
	fuzztest.Run(f, func(t *testing.T, s string) { agree(t, s) })
}

func agree(t interface{ Fatalf(string, ...any) }, s string) {
	want, ok := byGrammar(s)
	got, err := parseRFC3339(s)
	if ok != (err == nil) || (ok && got.UnixMilli() != want) {
		t.Fatalf("%q is %v (%d), %v; by the grammar %d, %v", s, got, got.UnixMilli(), err, want, ok)
	}
}

func TestDrawnTimesAgreeWithTheGrammar(t *testing.T) {
	two := func(t *rapid.T, most int, what string) string {
		return fmt.Sprintf("%02d", rapid.IntRange(0, most).Draw(t, what))
	}
	rapid.Check(t, func(t *rapid.T) {
		date := fmt.Sprintf("%04d-", rapid.IntRange(0, 9999).Draw(t, "year")) + two(t, 13, "month") + "-" + two(t, 32, "day")
		if rapid.Bool().Draw(t, "end of a month") {
			date = rapid.SampledFrom([]string{"2016-12-31", "2015-06-30", "2017-01-01", "2016-12-30", "2024-02-29", "2023-02-28"}).Draw(t, "date")
		}
		clock := two(t, 24, "hour") + ":" + two(t, 60, "minute") + ":" + two(t, 61, "second")
		if rapid.Bool().Draw(t, "without seconds") {
			clock = clock[:5]
		}
		if rapid.Bool().Draw(t, "leap") {
			clock = rapid.SampledFrom([]string{"23:59:60", "00:59:60", "15:59:60", "05:29:60", "23:58:60"}).Draw(t, "clock")
		}
		fraction := rapid.SampledFrom([]string{"", ".0", ".5", ".999999999999", ".", ",5"}).Draw(t, "fraction")
		if rapid.Bool().Draw(t, "basic") {
			date, clock = strings.ReplaceAll(date, "-", ""), strings.ReplaceAll(clock, ":", "")
		}
		offset := rapid.SampledFrom([]string{"Z", "z", "+00:00", "-00:00", "+01:00", "-08:00", "+05:30", "+23:59", "-24:00", "+0100", "-0860", "+01", "+1", "+01:", ""}).Draw(t, "offset")
		agree(t, date+rapid.SampledFrom([]string{"T", "t", " ", "_"}).Draw(t, "between")+clock+fraction+offset)
	})
}
