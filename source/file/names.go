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

// isRotated reports whether name is what rotation makes of base: app.log.1, app.log-20261122, app-20261122.log. A short number
// without an extension before it is the name of another log: boiler-2.jsonl, boiler-2.
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
	return found && isMark(mark) && (mark[0] == '.' || len(mark) >= 7)
}

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
