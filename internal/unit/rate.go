package unit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Rate is so many in a time at most, written 10/1m. The zero value is no bound.
type Rate struct {
	N   int
	Per time.Duration
}

// maxRate is the greatest number of a rate: who keeps to one remembers so many instants.
const maxRate = 10_000

// ParseRate reads a number from 1 to 10000, a slash and a duration above zero.
func ParseRate(s string) (Rate, error) {
	digits, per, _ := strings.Cut(s, "/")
	n, err := strconv.ParseUint(digits, 10, 31)
	if per != "" && (per[0] < '0' || per[0] > '9') && per[0] != '.' {
		per = "1" + per // 10/s, 10/m
	}
	d, wrong := ParseDuration(per)
	if err != nil || wrong != nil || n < 1 || n > maxRate || d <= 0 {
		return Rate{}, fmt.Errorf("rate %q: want a number from 1 to %d and a time, such as 10/1m", s, maxRate)
	}
	return Rate{int(n), d}, nil
}

// IsZero reports whether there is no bound.
func (r Rate) IsZero() bool { return r == Rate{} }

// Below reports whether r lets through less than another one, in the long run.
func (r Rate) Below(other Rate) bool {
	if r.IsZero() || other.IsZero() {
		return !r.IsZero()
	}
	return float64(r.N)/float64(r.Per) < float64(other.N)/float64(other.Per)
}

// String writes r as [ParseRate] reads it.
func (r Rate) String() string {
	if r.IsZero() {
		return ""
	}
	return strconv.Itoa(r.N) + "/" + FormatDuration(r.Per)
}

// MarshalText writes r as String does.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what [ParseRate] reads.
func (r *Rate) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRate(string(text))
	return err
}
