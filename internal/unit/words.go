package unit

import (
	"strconv"
	"strings"
	"time"
)

// Count writes how many there are of a noun: "1 value", "2 values", "2 entries", "2 leaves".
func Count[N int | int64 | uint64](n N, noun string) string {
	if n != 1 {
		noun = plural(noun)
	}
	return strconv.FormatInt(int64(min(uint64(n), 1<<63-1)), 10) + " " + noun
}

// plural returns the plural of a noun.
func plural(noun string) string {
	if many, irregular := plurals[noun]; irregular {
		return many
	}
	if stem, found := strings.CutSuffix(noun, "y"); found && !strings.HasSuffix(stem, "a") && !strings.HasSuffix(stem, "e") && !strings.HasSuffix(stem, "o") {
		return stem + "ies"
	}
	for _, hiss := range []string{"s", "x", "z", "ch", "sh"} {
		if strings.HasSuffix(noun, hiss) {
			return noun + "es"
		}
	}
	return noun + "s"
}

// plurals are those that no rule makes.
var plurals = map[string]string{"leaf": "leaves", "file and folder": "files and folders", "source, feed or sink": "sources, feeds and sinks"}

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
