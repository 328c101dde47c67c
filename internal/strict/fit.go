package strict

import (
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

// Fit returns mistakes with excerpts that take no more than so many columns: a line that folds has its caret under another place. 0 leaves them
// as wide as they are.
func Fit(list []Mistake, columns int) []Mistake {
	if columns <= 0 {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].Excerpt = fitExcerpt(list[i].Excerpt, max(leastExcerpt, columns-marginWidth))
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
