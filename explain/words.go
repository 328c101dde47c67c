package explain

import (
	"regexp"
	"strings"

	"github.com/dodona-oracle/dodona/internal/unit"
)

// numeral finds numbers as any version of Dodona wrote them in a reason.
var numeral = regexp.MustCompile(`[0-9]+(,[0-9]{3})*(\.[0-9]+)?`)

// sameWords reports whether two reasons say the same. How their numbers are written is not compared: a node of another
// version may set no thousands apart, end decimals at the last one that is not zero, and write 2m0s for 2m.
func sameWords(a, b string) bool {
	return a == b || plainNumbers(plainSpans(a)) == plainNumbers(plainSpans(b))
}

// plainSpans writes the durations of a text in one way: 2m is 2m0s.
func plainSpans(s string) string {
	words := strings.Split(s, " ")
	for i, word := range words {
		text := strings.TrimRight(word, ",;.")
		if d, err := unit.ParseDuration(text); err == nil && text != "0" {
			words[i] = unit.FormatDuration(d) + word[len(text):]
		}
	}
	return strings.Join(words, " ")
}

// plainNumbers writes the numbers of a text without commas and without zeros at the end of decimals. What only looks like
// a number (an address, a version, part of a word) stays.
func plainNumbers(s string) string {
	var out strings.Builder
	end := 0
	for _, at := range numeral.FindAllStringIndex(s, -1) {
		number := s[at[0]:at[1]]
		if alone(s[:at[0]], s[at[1]:]) {
			whole, fraction, _ := strings.Cut(strings.ReplaceAll(number, ",", ""), ".")
			if number = whole; strings.TrimRight(fraction, "0") != "" {
				number += "." + strings.TrimRight(fraction, "0")
			}
		}
		out.WriteString(s[end:at[0]] + number)
		end = at[1]
	}
	return out.String() + s[end:]
}

// alone reports whether what stands between two texts is a number by itself: at most a sign before it, at most a comma
// or a full stop and then no digit behind it.
func alone(before, after string) bool {
	if before = strings.TrimSuffix(before, "-"); before != "" && !strings.ContainsAny(before[len(before)-1:], " (") {
		return false
	}
	if after != "" && strings.ContainsAny(after[:1], ",.") && (len(after) == 1 || after[1] == ' ') {
		return true
	}
	return after == "" || strings.ContainsAny(after[:1], " ;:)")
}
