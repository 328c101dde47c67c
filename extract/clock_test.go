package extract

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

const central = "CET-1CEST,M3.5.0,M10.5.0/3"

func TestTimesOfClocksOnWallsAreRead(t *testing.T) {
	for _, c := range []struct{ format, zone, text, want string }{
		{"%d.%m.%Y %H:%M:%S", central, "01.12.2026 15:04:05", "2026-12-01T14:04:05Z"},
		{"%d.%m.%Y %H:%M:%S", central, " 1.7.2026  5:04:05\t", "2026-07-01T03:04:05Z"},
		{"%m/%d/%y %I:%M %p", "-05:00", "12/1/26 12:05 am", "2026-12-01T05:05:00Z"},
		{"%m/%d/%y %I:%M%p", "-05:00", "12/1/68 12:05PM", "2068-12-01T17:05:00Z"},
		{"%D %R", "UTC", "12/01/69 23:59", ""}, // before 1970
		{"%Y%m%d%H%M%S", "UTC", "20261201150405", "2026-12-01T15:04:05Z"},
		{"%Y-%j %T", "UTC", "2028-366 00:00:01", "2028-12-31T00:00:01Z"},
		{"%Y-%j", "UTC", "2027-366", "2027-01 has no day 366"},
		{"%F", "+09:30", "2026-12-01", "2026-11-30T14:30:00Z"},
		{"%a, %d %b %Y %H:%M:%S %z", "", "Tue, 01 Dec 2026 15:04:05 +0100", "2026-12-01T14:04:05Z"},
		{"%A %e %B %Y %H:%M:%S.%f %z", "", "tuesday 1 december 2026 15:04:05.98765 Z", "2026-12-01T15:04:05.987Z"},
		{"%H:%M:%S,%f|%d-%b-%y", "UTC", "15:04:05,5|29-FEB-28", "2028-02-29T15:04:05.5Z"},
		{"100%% %Y-%m-%d", "UTC", "100% 2026-12-01", "2026-12-01T00:00:00Z"},
		{"%d.%m.%Y %H:%M", central, "31.06.2026 10:00", "2026-06 has no day 31"},
		{"%d.%m.%Y %H:%M", central, "1.13.2026 10:00", "month 13, want 1 to 12"},
		{"%d.%m.%Y %H:%M", central, "1.12.26 10:00", `want digits for the year at "26 10:00"`},
		{"%d.%m.%Y %H:%M", central, "1.12.2026 10:00:00", "more follows"},
		{"%d.%m.%Y %H:%M", central, "1.12.2026", "want a blank at its end"},
		{"%d.%m.%Y %H:%M", central, "1/12/2026 10:00", `want "." at "/12/2026 10:00"`},
		{"%d.%m.%Y %H:%M", central, "1.12.2026 24:00", "hour 24, want 0 to 23"},
		{"%d.%b.%Y", "UTC", "1.Dez.2026", `want the name of a month, such as Dec at "Dez.2026"`},
		{"%d.%m.%Y %I:%M %p", "UTC", "1.12.2026 0:30 am", "hour 0, want 1 to 12"},
		{"%Y-%m-%d", "UTC", "\x1b[31m2026", `is no time by time_format "%Y-%m-%d"`},
		{"%Y-%m-%d", "UTC", "", "is no time by time_format"},
		// Without a format: RFC 3339 and ISO 8601, and the zone only where they say no offset.
		{"", central, "2026-12-01 15:04", "2026-12-01T14:04:00Z"},
		{"", central, "20260701T050405,25", "2026-07-01T03:04:05.25Z"},
		{"", central, "2026-07-01T05:04:05Z", "2026-07-01T05:04:05Z"},
		{"", central, "2026-07-01T05:04:05+01:00", "2026-07-01T04:04:05Z"},
		{"", central, "1795349070.5", "2026-11-22T12:04:30.5Z"},
		{"", central, "2016-12-31T23:59:60", "second 60 is a leap second"},
		{"", central, "01.12.2026 15:04", "another form is read by time_format, such as %d.%m.%Y %H:%M:%S"},
		{"", "", "2026-12-01 15:04:05", "such as time_zone: Europe/Berlin"},
		// An hour is left out, and one stands twice.
		{"", central, "2026-03-29 02:30:00", "no clock of the time zone stands at 2026-03-29 02:30:00"},
		{"", central, "2026-03-29 03:00:00", "2026-03-29T01:00:00Z"},
		{"", central, "2026-10-25 03:00:00", "2026-10-25T02:00:00Z"},
		{"", "AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-12-31 23:30", "2026-12-31T12:30:00Z"},
		{"", "AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-07-01 00:30", "2026-06-30T14:30:00Z"},
	} {
		rule := Rule{Pointer: "/v", Time: "/t", TimeFormat: c.format, TimeZone: c.zone}
		x, err := New(Rules{"s": {"": rule}})
		if err != nil {
			t.Errorf("%q in %q: %v", c.format, c.zone, err)
			continue
		}
		body := `{"v": 1, "t": ` + quoted(c.text) + `}`
		came := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
		got := apply(t, rule, dodona.Reading{Source: "s", Body: []byte(body), Received: came})[0]
		switch {
		case got.Quality == dodona.Good && got.Time.Format(time.RFC3339Nano) == c.want:
		case got.Quality == dodona.Bad && (strings.Contains(got.Reason, c.want) && !strings.HasSuffix(c.want, "Z") || c.want == "" && strings.Contains(got.Reason, "1970")):
		default:
			t.Errorf("%q by %q in %q: %+v, want %s", c.text, c.format, c.zone, got, c.want)
		}
		if got.Reason != "" {
			checkReason(t, printable(got.Reason))
		}
		again, err := Parse(x.JSON())
		if err != nil || again.Version() != x.Version() {
			t.Errorf("%s is read as %v, %v", x.JSON(), again, err)
		}
	}
}

func quoted(s string) string {
	return `"` + strings.NewReplacer("\x1b", `\u001b`, "\t", `\t`, `"`, `\"`).Replace(s) + `"`
}

// TestAnHourThatStandsTwiceIsTheOneBeforeTheReadingCame: and where both were, nobody can tell.
func TestAnHourThatStandsTwiceIsTheOneBeforeTheReadingCame(t *testing.T) {
	first := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC) // 02:30 CEST
	for _, c := range []struct {
		came time.Time
		want time.Time
	}{
		{first.Add(time.Second), first},
		{first.Add(58 * time.Minute), first},
		{first.Add(-time.Minute), first}, // its clock is ahead, which others judge
		{first.Add(time.Hour), time.Time{}},
		{first.Add(59 * time.Minute), time.Time{}},
		{first.Add(24 * time.Hour), time.Time{}},
	} {
		got := apply(t, Rule{Column: "v", Time: "t", TimeZone: central}, dodona.Reading{Source: "s", Body: []byte("t,v\n2026-10-25 02:30:00,5\n"), Received: c.came})[0]
		if c.want.IsZero() != (got.Quality == dodona.Bad) || got.Quality == dodona.Good && !got.Time.Equal(c.want) || got.Quality == dodona.Bad && !strings.Contains(got.Reason, "stand twice at 2026-10-25 02:30:00") {
			t.Errorf("came %s: %+v, want %s", c.came, got, c.want)
		}
	}
}

func TestClocksInColumnsAndMatches(t *testing.T) {
	for name, c := range map[string]struct {
		rule Rule
		body string
	}{
		"a column": {Rule{Column: "T", Time: "at", TimeFormat: "%d.%m.%Y %H:%M", TimeZone: central, Delimiter: ";", Decimal: ","}, "at;T\n01.12.2026 15:04;21,5\n"},
		"a match":  {Rule{Regex: `^(?P<time>\S+ \S+) T=(?P<value>[0-9.]+)$`, TimeFormat: "%d.%m.%Y %H:%M", TimeZone: central}, "01.12.2026 15:04 T=21.5"},
		"a number": {Rule{Pointer: "/T", Time: "/at", TimeFormat: "%Y%m%d%H%M", TimeZone: central}, `{"T": 21.5, "at": 202612011504}`},
	} {
		got := apply(t, c.rule, reading(c.body))[0]
		if got.Quality != dodona.Good || got.Value != decimal(t, "21.5") || got.Time.Format(time.RFC3339) != "2026-12-01T14:04:00Z" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestClocksThatMeanNoInstantAreRefused(t *testing.T) {
	for _, c := range []struct {
		rule  Rule
		field string
		want  string
	}{
		{Rule{Pointer: "/v", TimeZone: "UTC"}, "time_zone", "say where it stands"},
		{Rule{Column: "v", TimeFormat: "%F"}, "time_format", "say where it stands"},
		{Rule{Regex: "T=([0-9]+)", TimeZone: "UTC"}, "time_zone", "(?P<time>…)"},
		{Rule{SenML: "a", TimeZone: "UTC"}, "time_zone", "a SenML record has its own time"},
		{Rule{Time: "/t", TimeFormat: "%F"}, "time_format", "say whose clock it is"},
		{Rule{Time: "/t", TimeFormat: "%F %z", TimeZone: "UTC"}, "time_zone", "%z of time_format"},
		{Rule{Time: "/t", TimeFormat: "2006-01-02", TimeZone: "UTC"}, "time_format", "has no conversion of strptime"},
		{Rule{Time: "/t", TimeFormat: "DD.MM.YYYY HH:mm", TimeZone: "UTC"}, "time_format", "has no conversion of strptime"},
		{Rule{Time: "/t", TimeFormat: "%H:%M", TimeZone: "UTC"}, "time_format", "has no year"},
		{Rule{Time: "/t", TimeFormat: "%Y %H", TimeZone: "UTC"}, "time_format", "has no day"},
		{Rule{Time: "/t", TimeFormat: "%F %I:%M", TimeZone: "UTC"}, "time_format", "go together"},
		{Rule{Time: "/t", TimeFormat: "%F %M", TimeZone: "UTC"}, "time_format", "minutes without hours"},
		{Rule{Time: "/t", TimeFormat: "%F %T.%f %f", TimeZone: "UTC"}, "time_format", "says %f twice"},
		{Rule{Time: "/t", TimeFormat: "%F %y", TimeZone: "UTC"}, "time_format", "twice"},
		{Rule{Time: "/t", TimeFormat: "%F %Q", TimeZone: "UTC"}, "time_format", "%Q"},
		{Rule{Time: "/t", TimeFormat: "%F %", TimeZone: "UTC"}, "time_format", "ends with a %"},
		{Rule{Time: "/t", TimeFormat: strings.Repeat("%", 200), TimeZone: "UTC"}, "time_format", "at most 100 bytes"},
		{Rule{Time: "/t", TimeZone: "Europe/Atlantis"}, "time_zone", "Europe/Atlantis: this machine does not know it"},
		{Rule{Time: "/t", TimeZone: "Berlin?"}, "time_zone", "a name such as Europe/Berlin"},
		{Rule{Time: "/t", TimeZone: "../../etc/passwd"}, "time_zone", "a name such as Europe/Berlin"},
		{Rule{Time: "/t", TimeZone: "/etc/passwd"}, "time_zone", "a name such as Europe/Berlin"},
		{Rule{Time: "/t", TimeZone: "Local"}, "time_zone", "a name such as Europe/Berlin"},
		{Rule{Time: "/t", TimeZone: "+24:00"}, "time_zone", "-23:59 to +23:59"},
		{Rule{Time: "/t", TimeZone: "CET-1CEST,M13.5.0,M10.5.0"}, "time_zone", "no month 13"},
		{Rule{Time: "/t", TimeZone: "CET-1CEST,M3.5.0/168,M10.5.0"}, "time_zone", "more than 167 hours"},
		{Rule{Time: "/t", TimeZone: "CET-1CEST,J60,J300"}, "time_zone", "want a day such as M3.5.0"},
		{Rule{Time: "/t", TimeZone: "<" + strings.Repeat("x", 100) + ">-1"}, "time_zone", "a name such as Europe/Berlin"},
	} {
		err := c.rule.Validate()
		var field *FieldError
		if !errors.As(err, &field) || field.Field != c.field || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s: … %s", c.rule, err, c.field, c.want)
		}
	}
}

// TestAZoneInRulesIsItsRule: it means the same where nobody knows its name, and equal clocks are equal rules.
func TestAZoneInRulesIsItsRule(t *testing.T) {
	version := func(zone string) (dodona.Digest, string) {
		x, err := New(Rules{"s": {"": {Time: "/t", TimeZone: zone}}})
		if err != nil {
			t.Fatal(err)
		}
		return x.Version(), string(x.JSON())
	}
	rule, text := version(central)
	if !strings.Contains(text, `"time_zone":"\u003cstd\u003e-1\u003cdst\u003e-2,M3.5.0/2,M10.5.0/3"`) {
		t.Errorf("the rules are %s", text)
	}
	if named, _ := version("<+01>-1<+02>,M3.5.0/2:00:00,M10.5.0/3"); named != rule {
		t.Error("other names of clocks are other rules")
	}
	for _, foreign := range []string{"Europe/Berlin", central, "UTC"} {
		if _, err := Parse([]byte(strings.Replace(text, `\u003cstd\u003e-1\u003cdst\u003e-2,M3.5.0/2,M10.5.0/3`, foreign, 1))); err == nil || !strings.Contains(err.Error(), "canonical") {
			t.Errorf("%s is read as rules: %v", foreign, err)
		}
	}
}

// TestEveryZoneOfThisMachineIsReadAsTheMachineDoes, but those whose clocks follow no rule that holds each year.
func TestEveryZoneOfThisMachineIsReadAsTheMachineDoes(t *testing.T) {
	const folder = "/usr/share/zoneinfo"
	if _, err := os.Stat(filepath.Join(folder, "Europe/Berlin")); err != nil {
		t.Skip("NOT TESTED HERE: this machine has no time zones: install tzdata")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	read := 0
	var refused []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(folder, path)
		if d.IsDir() && (name == "posix" || name == "right") {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() || !zoneName.MatchString(name) {
			return err
		}
		location, err := time.LoadLocation(name)
		if err != nil {
			return nil // a table, and no zone
		}
		text, err := canonicalZone(name)
		if err != nil {
			refused = append(refused, name)
			return nil
		}
		read++
		z, err := parseZone(text)
		if err != nil || z.String() != text {
			t.Errorf("%s is %s, which is read as %v, %v", name, text, z, err)
		}
		for range 300 {
			at := time.Unix(1767225600+rng.Int64N(12*365*86400), 0)
			wall := at.In(location)
			clock := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, time.UTC)
			if got, err := z.instant(clock, at); err == nil && !got.Equal(at) || err != nil && !strings.Contains(err.Error(), "stand twice") {
				t.Errorf("%s at %s: %v, %v", name, wall, got, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if read < 300 || !slices.Contains(refused, "Africa/Casablanca") || len(refused) > 10 {
		t.Errorf("%d zones are read, and refused are %v", read, refused)
	}
}

func FuzzClock(f *testing.F) {
	f.Add("%d.%m.%Y %H:%M:%S", "01.12.2026 15:04:05", central)
	f.Add("%a, %d %b %Y %I:%M:%S.%f %p %z", "Tue, 01 Dec 2026 03:04:05.25 PM +0100", "")
	f.Add("", "2026-10-25 02:30", "AEST-10AEDT,M10.1.0,M4.1.0/3")
	f.Add("%y%j", "26335", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0")
	fuzztest.Run(f, func(t *testing.T, format, text, zone string) {
		fuzzClock(t, format, text, zone)
	})
}

// FuzzClockText is FuzzClock in the layout and the zone that most have.
func FuzzClockText(f *testing.F) {
	f.Add("01.12.2026 15:04:05")
	f.Add("25.10.2026 02:30:00")
	fuzztest.Run(f, func(t *testing.T, text string) {
		fuzzClock(t, "%d.%m.%Y %H:%M:%S", text, central)
		fuzzClock(t, "", text, central)
	})
}

func fuzzClock(t *testing.T, format, text, zone string) {
	rule := Rule{Time: "/t", TimeFormat: format, TimeZone: zone}
	if rule.Validate() != nil || zone != "" && !strings.ContainsAny(zone, ",<:") {
		return
	}
	c, err := clockOf(rule)
	if err != nil {
		t.Fatalf("%+v is valid, and no clock: %v", rule, err)
	}
	at, err := c.instant(text, dodona.Reading{Received: arrival})
	if err != nil {
		checkReason(t, printable(err.Error()))
		return
	}
	if ms := at.UnixMilli(); ms < 0 || ms > maxInstant || at.Nanosecond()%1e6 != 0 {
		t.Fatalf("%q by %+v became %v", text, rule, at)
	}
}
