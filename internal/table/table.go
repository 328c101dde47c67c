// Package table lays out rows for people: columns stand under each other whatever the cells hold, and no line is wider
// than the terminal. Cells may quote strangers, who can neither steer the terminal nor push a column aside.
package table

import (
	"slices"
	"strings"
)

// A Table is rows of cells under named columns.
type Table struct {
	Columns []Column
	Rows    []Row
	Margin  int  // blanks before every line
	Color   bool // styles become escapes
}

// A Row is what stands under the columns.
type Row struct {
	Cells []Cell // as many as the columns, or fewer
	Below []Cell // texts that stand whole under them, wrapped
}

// A Column says how its cells are laid out.
type Column struct {
	Name  string // no name in any column: no header
	Right bool   // numbers: they end under each other, and are never cut
	Whole bool   // a text of which no part may be missing, such as a value: never cut
	Rank  int    // where not all fit, the highest goes first; 0 stays
	Least int    // where not all fit, the column becomes as narrow as this before any other goes; 0 does not
}

// A Cell is one text of a table.
type Cell struct {
	Text  string
	Style Style
}

// A Style is how a cell looks. It is never the only sign: many see no colours, and files have none.
type Style uint8

// The styles of cells.
const (
	Normal Style = iota
	Bold
	Dim
	Red
	Green
	Yellow
)

var escapes = [...]string{Bold: "\x1b[1m", Dim: "\x1b[2m", Red: "\x1b[31m", Green: "\x1b[32m", Yellow: "\x1b[33m"}

const (
	gap    = 2       // between columns
	under  = 2       // what stands below a row is indented by that much more
	least  = 4       // what is cut keeps so much if anything helps
	maxOne = 4 << 10 // bytes of a cell
)

// Cells returns plain cells of texts.
func Cells(texts ...string) []Cell {
	row := make([]Cell, 0, len(texts))
	for _, text := range texts {
		row = append(row, Cell{Text: text})
	}
	return row
}

// Add appends a row, and what stands below it.
func (t *Table) Add(cells []Cell, below ...Cell) { t.Rows = append(t.Rows, Row{cells, below}) }

// Paint returns text in a style, made safe to show.
func Paint(text string, style Style, color bool) string {
	return painted(safe(text, maxOne), style, color)
}

// Lines returns the lines of the table. None is wider than width, unless width is less than what one character takes; 0
// stands for as wide as need be. Columns go by rank, then texts are cut with an ellipsis; where even that does not
// help, each cell has a line of its own.
func (t Table) Lines(width int) []string {
	l := t.layout(width)
	if l.stacked {
		return t.stack(width)
	}
	var lines []string
	if t.named() {
		header := make([]Cell, 0, len(t.Columns))
		for _, c := range t.Columns {
			header = append(header, Cell{c.Name, Dim})
		}
		lines = append(lines, t.line(l, header))
	}
	for _, row := range t.Rows {
		lines = append(lines, t.line(l, row.Cells))
		lines = append(lines, t.below(row, width)...)
	}
	return lines
}

// A layout says which columns are shown, and how wide.
type layout struct {
	shown   []int // columns
	widths  []int // of all columns
	stacked bool
}

func (t Table) named() bool {
	return slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Name != "" })
}

// layout decides what of the table fits.
func (t Table) layout(width int) layout {
	l := layout{widths: make([]int, len(t.Columns))}
	for i, c := range t.Columns {
		l.shown = append(l.shown, i)
		l.widths[i] = Measure(c.Name)
		for _, row := range t.Rows {
			if i < len(row.Cells) {
				l.widths[i] = max(l.widths[i], Measure(row.Cells[i].Text))
			}
		}
	}
	l.shown = slices.DeleteFunc(l.shown, func(i int) bool { return l.widths[i] == 0 })
	if width <= 0 {
		return l
	}
	all := l.shown
	if t.narrow(&l, width, own) {
		return l
	}
	l.shown = t.most(l, width)
	if !t.narrow(&l, width, own) {
		l.shown = slices.DeleteFunc(all, func(i int) bool { return t.Columns[i].Rank > 0 })
		l.stacked = !t.narrow(&l, width, func(Column) int { return least })
	}
	return l
}

func own(c Column) int { return c.Least }

// most returns the columns that fit beside those that stay, by rank.
func (t Table) most(l layout, width int) []int {
	byRank := slices.Clone(l.shown)
	slices.SortStableFunc(byRank, func(a, b int) int { return t.Columns[a].Rank - t.Columns[b].Rank })
	var shown []int
	for _, i := range byRank {
		with := layout{shown: append(slices.Clone(shown), i), widths: slices.Clone(l.widths)}
		slices.Sort(with.shown)
		if t.Columns[i].Rank == 0 || t.narrow(&with, width, own) {
			shown = with.shown
		}
	}
	return shown
}

// over returns by how much the shown columns are wider than width.
func (t Table) over(l layout, width int) int {
	sum := t.Margin + gap*max(len(l.shown)-1, 0)
	for _, i := range l.shown {
		sum += l.widths[i]
	}
	return sum - width
}

// narrow makes texts as narrow as they may be, from the last one on, and reports whether that is enough. What does not
// help is left as it is.
func (t Table) narrow(l *layout, width int, least func(Column) int) bool {
	over, widths := t.over(*l, width), slices.Clone(l.widths)
	for _, i := range slices.Backward(l.shown) {
		c := t.Columns[i]
		if may := least(c); over > 0 && may > 0 && !c.Whole && !c.Right && widths[i] > may {
			by := min(over, widths[i]-may)
			widths[i] -= by
			over -= by
		}
	}
	if over > 0 {
		return false
	}
	l.widths = widths
	return true
}

// line writes the cells of one row.
func (t Table) line(l layout, row []Cell) string {
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", t.Margin))
	blanks := 0 // that are due before the next text: no line ends with them
	for at, i := range l.shown {
		if at > 0 {
			blanks += gap
		}
		cell := Cell{}
		if i < len(row) {
			cell = row[i]
		}
		text := Cut(cell.Text, l.widths[i])
		pad := l.widths[i] - measured(text)
		if text == "" {
			blanks += pad
			continue
		}
		if t.Columns[i].Right {
			blanks, pad = blanks+pad, 0
		}
		b.WriteString(strings.Repeat(" ", blanks))
		b.WriteString(painted(text, cell.Style, t.Color))
		blanks = pad
	}
	return strings.TrimRight(b.String(), " ")
}

// below writes the texts under a row.
func (t Table) below(row Row, width int) (lines []string) {
	indent := strings.Repeat(" ", t.Margin+under)
	for _, cell := range row.Below {
		for _, text := range Wrap(cell.Text, rest(width, len(indent))) {
			lines = append(lines, indent+painted(text, cell.Style, t.Color))
		}
	}
	return lines
}

// stack writes each cell on lines of its own, for terminals on which no row fits: a value is broken, but whole.
func (t Table) stack(width int) (lines []string) {
	margin := min(t.Margin, max(width-least, 0))
	for _, row := range t.Rows {
		first := true
		for n, c := range t.Columns {
			if n >= len(row.Cells) || row.Cells[n].Text == "" || c.Rank > 0 {
				continue
			}
			indent, cell := margin, row.Cells[n]
			if !first {
				indent = min(margin+under, max(width-least, 0))
			}
			first = false
			for _, part := range Wrap(cell.Text, rest(width, indent)) {
				lines = append(lines, strings.Repeat(" ", indent)+painted(part, cell.Style, t.Color))
			}
		}
		lines = append(lines, t.below(row, width)...)
	}
	return lines
}

// rest returns what an indent leaves of a width, 0 of one without end.
func rest(width, indent int) int {
	if width <= 0 {
		return 0
	}
	return max(width-indent, 1)
}

// painted writes a text that is safe in its style.
func painted(text string, style Style, color bool) string {
	if !color || style == Normal || int(style) >= len(escapes) || text == "" {
		return text
	}
	return escapes[style] + text + "\x1b[0m"
}
