package unit

import (
	"strconv"
	"strings"
	"time"
)

// Count writes how many there are of a noun with a regular plural: "1 value", "2 values", "2 entries".
func Count[N int | int64 | uint64](n N, noun string) string {
	if n != 1 {
		stem, ends := strings.CutSuffix(noun, "y")
		if noun += "s"; ends && !strings.HasSuffix(stem, "e") {
			noun = stem + "ies"
		}
	}
	return strconv.FormatInt(int64(min(uint64(n), 1<<63-1)), 10) + " " + noun
}

// Roughly writes a duration that was computed, no finer than anybody needs to know: 108ms, 2.4s, 21s, 3m20s, 2h10m.
func Roughly(d time.Duration) string {
	to := time.Minute
	switch size := d.Abs(); {
	case size < time.Millisecond:
		to = time.Microsecond
	case size < time.Second:
		to = time.Millisecond
	case size < 10*time.Second:
		to = 100 * time.Millisecond
	case size < time.Hour:
		to = time.Second
	}
	return FormatDuration(d.Round(to))
}
