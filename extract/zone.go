package extract

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A zone says by how much the clocks of a place are ahead of UTC: the same all year, or by a rule that holds each year, as POSIX.1 §8.3 writes
// it (TZ) and RFC 9636 §3.3.1 puts it into its files. Nothing else about a zone goes into a rule: so it means the same on every machine, whatever that
// knows of zones, and for ever.
type zone struct {
	standard, summer int  // seconds ahead of UTC
	begins, ends     edge // of summer time; zero: there is none
}

// An edge is when clocks are changed: on a weekday (0: Sunday) of a month, counted within it (5: the last), so many seconds after midnight.
type edge struct{ month, week, weekday, at int }

// maxChange bounds how far from midnight clocks are changed (RFC 9636 §3.3.1), in hours.
const maxChange = 167

var (
	fixedOffset = regexp.MustCompile(`^[+-][0-9]{2}:[0-9]{2}$`)
	zoneName    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`)
	yearlyRule  = regexp.MustCompile(`^(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)([+-]?[0-9:]+)(?:(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)([+-]?[0-9:]+)?,([^,]+),([^,]+))?$`)
	yearlyEdge  = regexp.MustCompile(`^M([0-9]{1,2})\.([1-5])\.([0-6])(?:/([+-]?[0-9:]+))?$`)
	hoursOf     = regexp.MustCompile(`^([+-]?)([0-9]{1,3})(?::([0-5][0-9]))?(?::([0-5][0-9]))?$`)
)

// errUnknownZone: a zone that only its name says.
var errUnknownZone = errors.New("want UTC, an offset such as +01:00, or a name such as Europe/Berlin")

// maxZone bounds the text of a zone, in bytes.
const maxZone = 100

// parseZone reads UTC, an offset such as +01:00, or a yearly rule such as CET-1CEST,M3.5.0,M10.5.0/3. A name is errUnknownZone.
func parseZone(text string) (zone, error) {
	switch {
	case text == "UTC" || text == "Z":
		return zone{}, nil
	case fixedOffset.MatchString(text):
		hours, _ := strconv.Atoi(text[1:3])
		minutes, _ := strconv.Atoi(text[4:])
		if hours > 23 || minutes > 59 {
			return zone{}, errors.New("want an offset from -23:59 to +23:59")
		}
		ahead := (hours*60 + minutes) * 60
		if text[0] == '-' {
			ahead = -ahead
		}
		return zone{standard: ahead}, nil
	case len(text) > maxZone || !strings.ContainsAny(text, ",<"):
		return zone{}, errUnknownZone
	}
	return parseRule(text)
}

// parseRule reads a yearly rule, or one of clocks that are never changed, such as EST5.
func parseRule(text string) (z zone, err error) {
	parts := yearlyRule.FindStringSubmatch(text)
	if parts == nil {
		return zone{}, errUnknownZone
	}
	var errs [4]error
	west, err := seconds(parts[1], 24)
	z.standard, errs[0] = -west, err
	if parts[3] != "" {
		z.summer = z.standard + 3600
		if parts[2] != "" {
			west, errs[1] = seconds(parts[2], 24)
			z.summer = -west
		}
		z.begins, errs[2] = parseEdge(parts[3])
		z.ends, errs[3] = parseEdge(parts[4])
	}
	return z, errors.Join(errs[:]...)
}

// seconds reads a time of hours with a sign, and minutes and seconds if they are there.
func seconds(text string, most int) (int, error) {
	parts := hoursOf.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("%s: want hours, such as 2 or 2:30", printable(text))
	}
	n := 0
	for i, unit := range []int{3600, 60, 1} {
		if parts[2+i] != "" {
			of, _ := strconv.Atoi(parts[2+i])
			n += of * unit
		}
	}
	if n > most*3600 {
		return 0, fmt.Errorf("%s: more than %d hours", printable(text), most)
	}
	if parts[1] == "-" {
		n = -n
	}
	return n, nil
}

func parseEdge(text string) (edge, error) {
	parts := yearlyEdge.FindStringSubmatch(text)
	if parts == nil {
		return edge{}, fmt.Errorf("%s: want a day such as M3.5.0, the last Sunday of March", printable(text))
	}
	e := edge{at: 2 * 3600}
	for i, to := range []*int{&e.month, &e.week, &e.weekday} {
		*to, _ = strconv.Atoi(parts[1+i])
	}
	if e.month < 1 || e.month > 12 {
		return edge{}, fmt.Errorf("%s: there is no month %d", printable(text), e.month)
	}
	var err error
	if parts[4] != "" {
		e.at, err = seconds(parts[4], maxChange)
	}
	return e, err
}

// String writes the zone in the one form that is canonical: names of clocks are of no meaning, so they are their offsets.
func (z zone) String() string {
	if z.begins == (edge{}) {
		sign, ahead := '+', z.standard
		if ahead < 0 {
			sign, ahead = '-', -ahead
		}
		if ahead%60 == 0 {
			return fmt.Sprintf("%c%02d:%02d", sign, ahead/3600, ahead/60%60)
		}
		return "<std>" + span(-z.standard)
	}
	return fmt.Sprintf("<std>%s<dst>%s,%s,%s", span(-z.standard), span(-z.summer), z.begins, z.ends)
}

func (e edge) String() string {
	return fmt.Sprintf("M%d.%d.%d/%s", e.month, e.week, e.weekday, span(e.at))
}

// span writes seconds as POSIX does.
func span(n int) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	switch {
	case n%3600 == 0:
		return fmt.Sprintf("%s%d", sign, n/3600)
	case n%60 == 0:
		return fmt.Sprintf("%s%d:%02d", sign, n/3600, n/60%60)
	}
	return fmt.Sprintf("%s%d:%02d:%02d", sign, n/3600, n/60%60, n%60)
}

// in returns when clocks are changed in a year, as a wall clock says it, in Unix seconds of a wall clock that stands at UTC.
func (e edge) in(year int) int64 {
	first := time.Date(year, time.Month(e.month), 1, 0, 0, 0, 0, time.UTC)
	day := 1 + (e.weekday-int(first.Weekday())+7)%7 + 7*(e.week-1)
	for day > daysIn(year, e.month) {
		day -= 7
	}
	return first.Unix() + int64(day-1)*86400 + int64(e.at)
}

// ahead returns by how much the clocks are ahead of UTC at an instant, in seconds.
func (z zone) ahead(unix int64) int {
	if z.begins == (edge{}) {
		return z.standard
	}
	year := time.Unix(unix+int64(z.standard), 0).UTC().Year()
	begins, ends := z.begins.in(year)-int64(z.standard), z.ends.in(year)-int64(z.summer)
	if begins < ends && begins <= unix && unix < ends || begins > ends && (unix < ends || begins <= unix) {
		return z.summer
	}
	return z.standard
}

// slack is how much later than its arrival a reading may say that it was measured: clocks differ.
const slack = time.Minute

// instant returns when a wall clock stood so. In the hour that it stands so twice it is the last time before the reading came, and none if both
// were: nobody can tell them apart then.
func (z zone) instant(wall, came time.Time) (time.Time, error) {
	var found []time.Time
	for _, ahead := range []int{z.summer, z.standard} {
		at := wall.Add(-time.Duration(ahead) * time.Second)
		if z.ahead(at.Unix()) == ahead && (len(found) == 0 || !found[0].Equal(at)) {
			found = append(found, at)
		}
	}
	if z.begins == (edge{}) {
		found = []time.Time{wall.Add(-time.Duration(z.standard) * time.Second)}
	}
	clock := wall.Format("2006-01-02 15:04:05")
	switch {
	case len(found) == 0:
		return time.Time{}, fmt.Errorf("no clock of the time zone stands at %s: it is set forward then", clock)
	case len(found) == 2 && !found[1].After(came.Add(slack)):
		return time.Time{}, fmt.Errorf("the clocks of the time zone stand twice at %s, when they are set back, and the reading came after both", clock)
	}
	return found[0], nil
}

// canonicalZone returns the canonical text of a zone: one that is named is looked up in the files of this machine.
func canonicalZone(text string) (string, error) {
	z, err := parseZone(text)
	if errors.Is(err, errUnknownZone) && len(text) <= maxZone && text != "Local" && zoneName.MatchString(text) {
		z, err = namedZone(text)
	}
	if err != nil {
		return "", err
	}
	return z.String(), nil
}

// zoneFolders is where systems keep their zones.
var zoneFolders = []string{"/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/locale/TZ", "/etc/zoneinfo"}

// namedZone reads the yearly rule that a file of RFC 9636 ends with.
func namedZone(name string) (zone, error) {
	var data []byte
	var err error
	for _, folder := range zoneFolders {
		if data, err = os.ReadFile(filepath.Join(folder, filepath.FromSlash(name))); err == nil {
			break
		}
	}
	if err != nil {
		return zone{}, fmt.Errorf("%s: this machine does not know it (Debian's package tzdata has them); an offset such as +01:00 needs none", name)
	}
	data, ended := bytes.CutSuffix(data, []byte("\n"))
	begin := bytes.LastIndexByte(data, '\n')
	if !ended || begin < 0 || !bytes.HasPrefix(data, []byte("TZif")) {
		return zone{}, fmt.Errorf("%s: the machine's file of it ends with no rule; give an offset such as +01:00", name)
	}
	z, err := parseRule(string(data[begin+1:]))
	location, errLoad := time.LoadLocationFromTZData(name, append(data, '\n'))
	if err != nil || errLoad != nil || !z.agrees(location) {
		return zone{}, fmt.Errorf("%s: its clocks are changed by no rule that holds each year; give the offset that holds now, such as +01:00", name)
	}
	return z, nil
}

// The years for which a rule must say what the machine's file does.
const firstYear, lastYear = 2026, 2037

func (z zone) agrees(location *time.Location) bool {
	same := func(unix int64) bool {
		_, ahead := time.Unix(unix, 0).In(location).Zone()
		return z.ahead(unix) == ahead
	}
	for week := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC); week.Year() <= lastYear; week = week.AddDate(0, 0, 7) {
		if !same(week.Unix()) {
			return false
		}
	}
	for year := firstYear; z.begins != (edge{}) && year <= lastYear; year++ {
		begins, ends := z.begins.in(year)-int64(z.standard), z.ends.in(year)-int64(z.summer)
		if !same(begins-1) || !same(begins) || !same(ends-1) || !same(ends) {
			return false
		}
	}
	return true
}
