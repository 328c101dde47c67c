package strict

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	marginWidth  = 8  // columns before the line of an excerpt
	leastExcerpt = 20 // columns of the line that are shown however narrow a terminal is
)

// Fit returns the mistakes with excerpts that take no more than so many columns; 0 leaves them as wide as they are.
func (e *MistakesError) Fit(columns int) *MistakesError {
	return &MistakesError{Mistakes: Fit(e.Mistakes, columns), More: e.More, Warnings: Fit(e.Warnings, columns)}
}

// Fit returns mistakes with excerpts that take no more than so many columns: a line that folds has its caret under another place. A hint that has
// no room behind the caret stands below it. 0 leaves them as wide as they are.
func Fit(list []Mistake, columns int) []Mistake {
	if columns <= 0 {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		m := &list[i]
		m.Excerpt = fitExcerpt(m.Excerpt, max(leastExcerpt, columns-marginWidth))
		if mark := m.Excerpt[strings.LastIndexByte(m.Excerpt, '\n')+1:]; m.Excerpt != "" && m.Hint != "" && len(mark)+1+utf8.RuneCountInString(m.Hint) > columns {
			m.Excerpt, m.Hint = m.Excerpt+below(m.Hint, max(leastExcerpt, columns-marginWidth)), ""
		}
	}
	return list
}

// fitExcerpt cuts the line of an excerpt around its caret, and the caret with it.
func fitExcerpt(excerpt string, width int) string {
	line, mark, found := strings.Cut(excerpt, "\n")
	if !found || len(line) < marginWidth || len(mark) < marginWidth || utf8.RuneCountInString(line)-marginWidth <= width {
		return excerpt
	}
	caret := strings.IndexByte(mark, '^') - marginWidth
	text, at := clip(line[marginWidth:], caret, width-2) // room for both cuts
	carets := min(len(mark)-marginWidth-caret, utf8.RuneCountInString(text)-at)
	return line[:marginWidth] + text + "\n" + mark[:marginWidth] + strings.Repeat(" ", at) + strings.Repeat("^", max(1, carets))
}

// below returns a hint on lines of its own, as those of an excerpt begin. A word that is longer than a line stays whole, to be copied.
func below(hint string, width int) string {
	var b strings.Builder
	left := 0
	for _, word := range strings.Fields(hint) {
		n := utf8.RuneCountInString(word)
		if n+1 > left {
			fmt.Fprintf(&b, "\n%5s | %s", "", word)
			left = width - n
			continue
		}
		b.WriteString(" " + word)
		left -= n + 1
	}
	return b.String()
}
