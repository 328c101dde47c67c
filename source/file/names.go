package file

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// dateMark matches a date that sorts as its text does.
var dateMark = regexp.MustCompile(`[.\-_]20\d\d[.\-_]?(0[1-9]|1[0-2])`)

// numberOf returns which turn of rotation a file is of; 0 if its name does not say.
func numberOf(base string, g generation) int {
	n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(g.path), base+"."))
	if err != nil || n > 9999 {
		return 0
	}
	return n
}

// isRotated reports whether name is what rotation makes of base: app.log.1, app.log-20261122, app-20261122.log. A number without an
// extension before it that is no date is the name of another log: boiler-2.jsonl, boiler-2, meter-100200.jsonl.
func isRotated(base, name string) bool {
	ext := filepath.Ext(base)
	mark, found := strings.CutPrefix(name, base)
	if found && ext != "" {
		return isMark(mark)
	}
	if !found {
		if mark, found = strings.CutPrefix(name, strings.TrimSuffix(base, ext)); !found || ext == "" {
			return false
		}
		mark, found = strings.CutSuffix(mark, ext)
	}
	return found && isMark(mark) && (mark[0] == '.' && len(mark) <= len(".9999") || isDate(mark))
}

// isDate reports whether a mark is a date as rotation writes one: the year first or last, with the time behind it or not, or the seconds
// since 1970. Six digits are one only if they can be a day; the number of a device rarely can.
func isDate(mark string) bool { return dateOf.MatchString(mark) }

var dateOf = func() *regexp.Regexp {
	const (
		sep, year       = `[.\-_:]?`, `(19|20)\d\d`
		month, day      = `(0[1-9]|1[0-2])`, `(0[1-9]|[12]\d|3[01])`
		behind          = `([T.\-_:]?\d[0-9.\-_:TZ]*)?`
		short, ofSplits = `\d\d` + month + day, `[.\-_]\d[0-9.\-_:TZ]*`
	)
	return regexp.MustCompile(`^[.\-_](` + strings.Join([]string{
		year + sep + month + sep + day + behind,           // 20261122, 2026-11-22T10:00:00Z, 2026112210
		year + sep + month,                                // 202611
		year + `[.\-_]\d{1,3}`,                            // the week or the day of a year
		day + `[.\-_]` + month + `[.\-_]` + year + behind, // 22-11-2026
		short + `(` + ofSplits + `|\d{4}(\d\d)?)?`,        // 261122, 261122-1, 261122100000
		`1\d{9}(\d{3})?`,                                  // 1796019250
	}, "|") + `)$`)
}()

// isMark reports whether s is a separator and then a number or a date.
func isMark(s string) bool {
	return len(s) >= 2 && strings.IndexByte(".-_", s[0]) >= 0 && s[1] >= '0' && s[1] <= '9' &&
		strings.Trim(s[1:], "0123456789.-_:TZ") == ""
}

// isPacked reports whether name is one of a compressed file.
func isPacked(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzma", ".lzo", ".z", ".zip", ".br":
		return true
	}
	return false
}

// shape returns name with every digit as 0.
func shape(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= '1' && r <= '9' {
			return '0'
		}
		return r
	}, name)
}
