// Package unit reads quantities as people write them in a configuration, and writes them for people.
package unit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Size is a number of bytes, written with a unit: 64MiB, 1MB, 512KiB, 100B.
type Size int64

// The units of a size.
const (
	KiB Size = 1 << (10 * (iota + 1))
	MiB
	GiB
)

var sizes = []struct {
	suffix string
	bytes  int64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
}

// ParseSize reads a whole number and a unit. A number without unit is an error, because nobody can tell what it meant.
func ParseSize(s string) (Size, error) {
	for _, u := range sizes {
		digits, found := strings.CutSuffix(s, u.suffix)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/u.bytes {
			return 0, fmt.Errorf("size %q: want a whole number and a unit, such as 64MiB", s)
		}
		return Size(n * u.bytes), nil
	}
	return 0, fmt.Errorf("size %q: want a whole number and one of B, KiB, MiB, GiB, kB, MB, GB", s)
}

// String writes the size in the largest binary unit that divides it.
func (s Size) String() string {
	for _, u := range []struct {
		name string
		size Size
	}{{"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}} {
		if s >= u.size && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// MarshalText writes the size as String does.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what [ParseSize] reads.
func (s *Size) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSize(string(text))
	return err
}

// About writes a number of bytes for people, in MiB or KiB, with one digit after the point of MiB that are not whole; fewer than 1 KiB as they are.
func About(bytes int64) string {
	switch {
	case bytes >= int64(MiB) && bytes%int64(MiB) == 0:
		return fmt.Sprintf("%d MiB", bytes/int64(MiB))
	case bytes >= int64(MiB):
		return fmt.Sprintf("%.1f MiB", float64(bytes)/float64(MiB))
	case bytes > -int64(KiB) && bytes < int64(KiB):
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%d KiB", bytes/int64(KiB))
}
