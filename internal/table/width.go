package table

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/dodona-oracle/dodona/internal/plain"
)

const (
	ellipsis = "…"
	// leftToRight stands behind a text that runs from right to left: without it a terminal that turns such texts turns
	// the columns behind them too. It takes no room.
	leftToRight = '\u200e'
)

// Measure returns how many columns of a terminal a text takes once it is made safe.
func Measure(text string) int { return measured(safe(text, maxOne)) }

// Cut returns text made safe, and cut with an ellipsis where it is wider than most.
func Cut(text string, most int) string {
	text = safe(text, maxOne)
	if measured(text) <= most {
		return text
	}
	if most < 1 {
		return ""
	}
	head, _ := split(text, most-1)
	return closed(strings.TrimRight(head, " ") + ellipsis)
}

// Wrap returns text made safe on lines of at most most columns, broken between words where there is a blank, and where
// there is none behind any character; 0 breaks only where text has a line feed. A character that is wider than most
// stands alone.
func Wrap(text string, most int) (lines []string) { return WrapFrom(text, most, most) }

// WrapFrom is [Wrap] for a text whose first line has other room than those below it, because it stands behind something.
func WrapFrom(text string, first, most int) (lines []string) {
	room := first
	put := func(line string) {
		lines, room = append(lines, line), most
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(safe(strings.TrimRight(line, "\r\n"), maxLine), " ")
		if room <= 0 {
			put(line)
			continue
		}
		for measured(line) > room {
			head, tail := split(line, room)
			if head == "" {
				_, size := utf8.DecodeRuneInString(line)
				head, tail = line[:size], line[size:]
			}
			if at := strings.LastIndexByte(head, ' '); at > 0 && !strings.HasPrefix(tail, " ") && strings.TrimSpace(head[:at]) != "" {
				head, tail = head[:at], line[at:]
			}
			put(closed(strings.TrimRight(head, " ")))
			line = strings.TrimLeft(tail, " ")
		}
		if line != "" {
			put(line)
		}
	}
	return lines
}

// Hang returns a text wrapped beside a name, or an indent, which is as wide as it is written: what follows stands under the text.
func Hang(name, text string, width int) []string {
	lines := Wrap(text, rest(width, measured(name)))
	for i := range lines {
		if lines[i] = name + lines[i]; i == 0 {
			name = strings.Repeat(" ", measured(name))
		}
	}
	return lines
}

// maxLine bounds, in bytes, what is wrapped of one line.
const maxLine = 16 << 10

// safe returns text on one line, without what terminals measure each in its own way: selectors of variants, and the
// colours of skins. What is wider than most bytes ends with an ellipsis. A text that is safe stays as it is.
func safe(text string, most int) string {
	text = plain.Line(opened(text), most)
	if isASCII(text) {
		return text
	}
	return closed(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Variation_Selector, r) || (r >= 0x1F3FB && r <= 0x1F3FF) {
			return -1
		}
		return r
	}, text))
}

// closed puts the mark behind a text that runs from right to left.
func closed(text string) string {
	if strings.ContainsFunc(text, rightToLeft) && !strings.HasSuffix(text, string(leftToRight)) {
		return text + string(leftToRight)
	}
	return text
}

// opened takes the mark away that closed has put there.
func opened(text string) string {
	if head, found := strings.CutSuffix(text, string(leftToRight)); found && strings.ContainsFunc(head, rightToLeft) {
		return head
	}
	return text
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// split returns as much of a safe text as most columns hold, marks with their character, and the rest.
func split(text string, most int) (head, tail string) {
	used := 0
	for i, r := range text {
		if used += columns(r); used > most {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

func measured(text string) (sum int) {
	for _, r := range text {
		sum += columns(r)
	}
	return sum
}

// columns returns how many columns a terminal gives to a character.
func columns(r rune) int {
	switch {
	case r < utf8.RuneSelf:
		return 1
	case r == leftToRight, unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case r >= 0x1160 && r <= 0x11FF, r >= 0xD7B0 && r <= 0xD7FF: // vowels and finals of Hangul join what is before them
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// rightToLeft reports whether r is of a script that runs from right to left.
func rightToLeft(r rune) bool {
	return (r >= 0x0590 && r <= 0x08FF) || (r >= 0xFB1D && r <= 0xFDFF) || (r >= 0xFE70 && r <= 0xFEFF) ||
		(r >= 0x10800 && r <= 0x10FFF) || (r >= 0x1E800 && r <= 0x1EFFF)
}
