package strict

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestAnExcerptTakesNoMoreThanItsTerminal, and its caret stays under what it was under, wherever in the line that is.
func TestAnExcerptTakesNoMoreThanItsTerminal(t *testing.T) {
	var line strings.Builder
	for i := range 12 {
		fmt.Fprintf(&line, "käy%02d: 1, ", i)
	}
	whole := strings.TrimRight(line.String(), " ")
	for _, columns := range []int{1, 28, 40, 80, 100} {
		for i := range 12 {
			word := fmt.Sprintf("käy%02d", i)
			at := utf8.RuneCountInString(whole[:strings.Index(whole, word)])
			excerpt := fmt.Sprintf("%5d | %s\n%5s | %s^^^^^", 7, whole, "", strings.Repeat(" ", at))
			got := Fit([]Mistake{{Excerpt: excerpt}}, columns)[0].Excerpt
			shown, mark, _ := strings.Cut(got, "\n")
			if n := utf8.RuneCountInString(shown); n > max(28, columns) || len(mark) > max(28, columns) {
				t.Errorf("%d columns: it takes %d:\n%s", columns, max(n, len(mark)), got)
			}
			caret := strings.IndexByte(mark, '^')
			if under := string([]rune(shown)[caret:][:strings.Count(mark, "^")]); under != word || !strings.Contains(shown, "…") && len(shown) < len(whole) {
				t.Errorf("%d columns: the caret of %s is under %q:\n%s", columns, word, under, got)
			}
		}
	}
	wide := Mistake{Excerpt: "    7 | " + whole + "\n      | ^"}
	if got := Fit([]Mistake{wide}, 0)[0]; got != wide {
		t.Errorf("without a terminal it is cut to\n%s", got.Excerpt)
	}
	long := Fit([]Mistake{{Excerpt: "    7 | " + whole + "\n      | " + strings.Repeat("^", 90)}, {}}, 40)
	if _, mark, _ := strings.Cut(long[0].Excerpt, "\n"); len(mark) > 40 || long[1].Excerpt != "" {
		t.Errorf("a long place:\n%s", long[0].Excerpt)
	}
}

// TestAHintWithoutRoomBehindItsCaretStandsBelow, on lines as wide as the terminal, and loses no word.
func TestAHintWithoutRoomBehindItsCaretStandsBelow(t *testing.T) {
	const hint = "write {webhook: {url: https://hooks.example/answers}}, or a name that begins with a letter"
	for _, columns := range []int{40, 80, 120, 200} {
		m := Fit([]Mistake{{Message: "wrong", Hint: hint, Excerpt: "    7 | a: " + strings.Repeat("b", 20) + "\n      |    " + strings.Repeat("^", 20)}}, columns)[0]
		_, told, _ := strings.Cut(m.String(), "^ ")
		if columns < 130 {
			_, told, _ = strings.Cut(m.String(), "^\n")
			told = strings.ReplaceAll(told, "      | ", "")
		}
		for line := range strings.Lines(m.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > columns && strings.Contains(line[8:], " ") {
				t.Errorf("%d columns: a line takes %d: %s", columns, n, line)
			}
		}
		if strings.Join(strings.Fields(told), " ") != hint {
			t.Errorf("%d columns: got\n%s", columns, m)
		}
	}
}
