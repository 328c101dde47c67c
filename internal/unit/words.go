package unit

import (
	"slices"
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

// Readable writes the durations in a text that was recorded no finer than people read them: 48h0m6.281s is 2 days, 61.281s is 1m1s. One that would
// look like another one in the text, by which it is judged, stays as it is.
func Readable(text string) string {
	if !strings.ContainsAny(text, "0123456789") {
		return text
	}
	words := strings.Split(text, " ")
	type span struct{ exact, rounded time.Duration }
	spans := make([]span, len(words)) // zero: none
	short := make([]string, len(words))
	for i, word := range words {
		bare := strings.Trim(word, aroundWords)
		if d, err := ParseDuration(bare); err == nil {
			spans[i].exact = d
			short[i], spans[i].rounded = readable(d, bare)
		}
	}
	for i, word := range words {
		alike := func(s span) bool {
			return s.exact != spans[i].exact && (s.exact == spans[i].rounded || s.rounded == spans[i].rounded)
		}
		if spans[i].exact != 0 && !slices.ContainsFunc(spans, alike) {
			words[i] = strings.Replace(word, strings.Trim(word, aroundWords), short[i], 1)
		}
	}
	return strings.Join(words, " ")
}

const aroundWords = ",;:.()"

// readable writes a duration that stands in a text, and what it is rounded to. What somebody may have typed, in one unit or two without a fraction,
// stays.
func readable(d time.Duration, text string) (string, time.Duration) {
	seconds := strings.HasSuffix(text, "s") && !strings.HasSuffix(text, "ms")
	switch {
	case d >= 2*day && seconds && strings.Contains(text, "h"):
		days := d / day
		return Count(int64(days), "day"), days * day
	case strings.Contains(text, "."), d >= time.Hour && seconds && strings.Contains(text, "h"):
		short := Roughly(d)
		rounded, err := ParseDuration(short)
		if err != nil {
			return text, d
		}
		return short, rounded
	}
	return text, d
}
