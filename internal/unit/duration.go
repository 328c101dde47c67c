package unit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// ParseDuration reads what [time.ParseDuration] reads, and whole days in front of it: 250ms, 10s, 1h30m, 7d, 1d12h.
// A number without unit is an error, because nobody can tell what it meant; so is anything below zero.
// The only number that needs no unit is 0.
func ParseDuration(s string) (time.Duration, error) {
	rest, days := s, int64(0)
	if digits, after, found := strings.Cut(s, "d"); found {
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || n > math.MaxInt64/uint64(day) {
			return 0, durationError(s)
		}
		days, rest = int64(n), after
	}
	var d time.Duration
	if rest != "" || days == 0 && s != "0d" {
		var err error
		if d, err = time.ParseDuration(rest); err != nil || strings.HasPrefix(rest, "+") {
			return 0, durationError(s)
		}
	}
	if d < 0 || d > math.MaxInt64-time.Duration(days)*day {
		return 0, durationError(s)
	}
	return time.Duration(days)*day + d, nil
}

func durationError(s string) error {
	return fmt.Errorf("duration %q: want a number and a unit (ms, s, m, h, d), such as 10s or 7d", s)
}

// FormatDuration writes d so that [ParseDuration] reads it back, without zero parts: 7d, 1h30m, 250ms.
// Days are used only where nothing smaller is left.
func FormatDuration(d time.Duration) string {
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
