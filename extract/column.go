package extract

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
)

// The bounds of a CSV document.
const (
	maxColumns = 4096 // of a row
	maxHeader  = 1024 // names in a rule's header
	maxCSVName = 256  // bytes of a name
)

// A column is a place in a row: a number from 1, or, if that is 0, a name of the header.
type column struct {
	number int
	name   string
}

// parseColumn reads a column. Digits are its number.
func parseColumn(s string) (c column, err error) {
	switch {
	case len(s) > maxCSVName:
		return c, fmt.Errorf("a name of %d bytes, at most %d are read", len(s), maxCSVName)
	case !utf8.ValidString(s):
		return c, errors.New("is not UTF-8")
	case trimmed(s) != s || s == "":
		return c, fmt.Errorf("%q: want a name without blanks around it, or a number from 1", s)
	case strings.Trim(s, "0123456789") != "":
		return column{name: s}, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxColumns || s[0] == '0' {
		return c, fmt.Errorf("%s: want a name, or a number from 1 to %d", s, maxColumns)
	}
	return column{number: n}, nil
}

// columns are a rule with a column, made ready.
type columns struct {
	value     column
	time      column // zero: none
	where     []cell // sorted by column
	delimiter rune
	header    []string // nil: see named
	named     bool     // the first row of the document is the header
}

// A cell is what must stand in a column.
type cell struct {
	place string // the column as it is written
	column
	want string
}

// columnsOf makes a rule with a column ready.
func columnsOf(r Rule) (c columns, err error) {
	if c.value, err = parseColumn(r.Column); err != nil {
		return c, err
	}
	if r.Time != "" {
		if c.time, err = parseColumn(r.Time); err != nil {
			return c, err
		}
	}
	c.named = c.value.name != "" || c.time.name != ""
	for _, place := range slices.Sorted(maps.Keys(r.Where)) {
		at, err := parseColumn(place)
		if err != nil {
			return c, err
		}
		c.named = c.named || at.name != ""
		c.where = append(c.where, cell{place, at, r.Where[place].text})
	}
	c.header = r.Header
	c.named = c.named && len(r.Header) == 0
	c.delimiter, err = delimiterOf(r.Delimiter)
	return c, err
}

// delimiterOf returns the character between two columns.
func delimiterOf(s string) (rune, error) {
	if s == "" {
		return ',', nil
	}
	c, size := utf8.DecodeRuneInString(s)
	if size != len(s) || c == utf8.RuneError || c == '"' || c == '\r' || c == '\n' || c == 0 {
		return 0, fmt.Errorf("%s: want one character, such as \";\" or \"\\t\", and neither a quote nor the end of a line", strconv.Quote(s))
	}
	return c, nil
}

// checkColumns tells the mistakes of a rule with a column.
func (r Rule) checkColumns(mistake func(field string, err error)) {
	names := map[string]bool{}
	for _, name := range r.Header {
		switch {
		case trimmed(name) != name || len(name) > maxCSVName || !utf8.ValidString(name):
			mistake("header", fmt.Errorf("%s: want names of at most %d bytes without blanks around them", printable(name), maxCSVName))
		case names[name]:
			mistake("header", fmt.Errorf("has %s twice", printable(name)))
		}
		names[name] = true
	}
	if len(r.Header) > maxHeader {
		mistake("header", fmt.Errorf("has %d names, at most %d are read", len(r.Header), maxHeader))
	}
	check := func(field, s string) {
		c, err := parseColumn(s)
		if err == nil && c.name != "" && len(r.Header) > 0 && !names[c.name] {
			err = fmt.Errorf("%s is not in header, which has %s", printable(s), listed(printables(r.Header)))
		}
		mistake(field, err)
	}
	check("column", r.Column)
	if r.Time != "" {
		check("time", r.Time)
	}
	if r.Time == r.Column {
		mistake("time", errors.New("is the column of the value itself; name the one that holds the time"))
	}
	if len(r.Where) > maxGuards {
		mistake("where", fmt.Errorf("has %d guards, at most %d are read", len(r.Where), maxGuards))
		return
	}
	for _, place := range slices.Sorted(maps.Keys(r.Where)) {
		check("where", place)
		mistake("where", checkMatch(place, r.Where[place]))
		if r.Where[place].null {
			mistake("where", fmt.Errorf("%s: a column holds a text; for an empty one write \"\"", printable(place)))
		}
	}
	_, err := delimiterOf(r.Delimiter)
	mistake("delimiter", err)
}

func printables(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = printable(name)
	}
	return out
}

// trimmed returns a field without the blanks around it.
func trimmed(s string) string { return strings.Trim(s, " \t") }

// fromTable takes a plan's value from the row of a CSV document that is meant.
func (t *taken) fromTable(p plan, r dodona.Reading) error {
	body, err := Text(r.Body, r.ContentType)
	if err == nil && len(bytes.TrimSpace(body)) == 0 {
		err = errors.New("the document is empty")
	}
	if err != nil {
		t.empty = true
		return err
	}
	row, err := p.columns.row(body)
	if err != nil {
		t.elsewhere = errors.Is(err, errNoRow)
		return err
	}
	value, err := row.at(p.columns.value)
	if err != nil {
		return err
	}
	value.place = "column " + p.rule.Column
	if value.text == "" {
		t.empty = true
		return fmt.Errorf("nothing stands in column %s", printable(p.rule.Column))
	}
	if t.point.Value, err = p.scalar(value); err != nil || p.rule.Time == "" {
		return err
	}
	at, err := row.at(p.columns.time)
	if err == nil {
		t.point.Time, err = p.clock.instant(at.text, r)
	}
	if err != nil {
		return fmt.Errorf("read time in column %s: %w", printable(p.rule.Time), err)
	}
	return nil
}

// errNoRow: the document has no row that is meant.
var errNoRow = errors.New("no row of the CSV document")

// A row is one of a CSV document, with its header.
type row struct {
	header []string
	fields []string
}

// at returns what stands in a column.
func (r row) at(c column) (target, error) {
	if c.number == 0 {
		i, err := r.index(c.name)
		if err != nil {
			return target{}, err
		}
		c.number = i + 1
	}
	if c.number > len(r.fields) {
		return target{}, fmt.Errorf("the row has %d columns, and column %d is looked for", len(r.fields), c.number)
	}
	return target{shape: text, text: trimmed(r.fields[c.number-1])}, nil
}

// index returns which column has a name.
func (r row) index(name string) (int, error) {
	i := slices.Index(r.header, name)
	switch {
	case i < 0:
		if d := r.otherDelimiter(name); d != "" {
			return 0, fmt.Errorf("no column is called %s, and %q parts the header so that one is: write delimiter: %q", printable(name), d, d)
		}
		return 0, fmt.Errorf("no column is called %s; the header has %s", printable(name), listed(printables(r.header)))
	case slices.Contains(r.header[i+1:], name):
		return 0, fmt.Errorf("the header has %s twice; say which column by its number", printable(name))
	}
	return i, nil
}

// otherDelimiter returns by which character a part of the header is the name: mostly the one that the document is written with; "" if there is none.
func (r row) otherDelimiter(name string) string {
	for _, d := range []string{";", "\t", "|", ","} {
		for _, field := range r.header {
			if parts := strings.Split(field, d); len(parts) > 1 && slices.ContainsFunc(parts, func(part string) bool { return trimmed(part) == name }) {
				return d
			}
		}
	}
	return ""
}

// row returns the last row for which every guard holds.
func (c columns) row(body []byte) (found row, err error) {
	if err := c.checkWidth(body); err != nil {
		return found, err
	}
	rows := csv.NewReader(bytes.NewReader(body))
	rows.Comma, rows.FieldsPerRecord, rows.ReuseRecord = c.delimiter, -1, true
	found.header = c.header
	if c.named {
		fields, err := rows.Read()
		if err != nil {
			return found, notCSV(err)
		}
		found.header = trimmedAll(fields)
	}
	unended := false
	for {
		fields, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return found, notCSV(err)
		}
		candidate := row{found.header, fields}
		if c.mayGoOn(body, rows.InputOffset(), candidate) {
			unended = true
			continue
		}
		if c.header != nil && slices.Equal(trimmedAll(fields), c.header) {
			continue
		}
		holds, err := c.hold(candidate)
		if err != nil {
			return found, err
		}
		if holds {
			found.fields = append(found.fields[:0], fields...)
		}
	}
	switch {
	case found.fields != nil:
		return found, nil
	case unended:
		return found, fmt.Errorf("%w %s; the last one has no end of line, so more may come of its last column", errNoRow, c.wanted())
	}
	return found, fmt.Errorf("%w %s", errNoRow, c.wanted())
}

// mayGoOn reports whether a row that ends at a place of the document may be half of one, as far as the rule looks at it: it is the last of
// several lines, nothing ends it, and a column that the rule names is its last.
func (c columns) mayGoOn(body []byte, end int64, r row) bool {
	if end < int64(len(body)) || body[len(body)-1] == '\n' || bytes.IndexByte(body, '\n') < 0 {
		return false
	}
	named := []column{c.value}
	if c.time != (column{}) {
		named = append(named, c.time)
	}
	for _, g := range c.where {
		named = append(named, g.column)
	}
	return slices.ContainsFunc(named, func(of column) bool {
		if of.number == 0 {
			i, err := r.index(of.name)
			return err == nil && i+1 >= len(r.fields)
		}
		return of.number >= len(r.fields)
	})
}

// checkWidth refuses rows that would take far more memory than their text.
func (c columns) checkWidth(body []byte) error {
	delimiter := []byte(string(c.delimiter))
	quoted, columns := false, 1
	for i, b := range body {
		switch {
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '\n':
			columns = 1
		case b == delimiter[0] && bytes.HasPrefix(body[i:], delimiter):
			columns++
		}
		if columns > maxColumns {
			return fmt.Errorf("a row of the CSV document has more than %d columns", maxColumns)
		}
	}
	return nil
}

// hold reports whether every guard holds for a row.
func (c columns) hold(r row) (bool, error) {
	for _, g := range c.where {
		at, err := r.at(g.column)
		if err != nil {
			return false, fmt.Errorf("guard %s: %w", printable(g.place), err)
		}
		if at.text != g.want {
			return false, nil
		}
	}
	return true, nil
}

// wanted says which row is looked for.
func (c columns) wanted() string {
	var wants []string
	for _, g := range c.where {
		wants = append(wants, fmt.Sprintf("%s %s", printable(g.place), printable(g.want)))
	}
	if len(wants) == 0 {
		return "follows its header"
	}
	return "has " + strings.Join(wants, " and ")
}

func trimmedAll(fields []string) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = trimmed(f)
	}
	return out
}

// notCSV says where a document is not CSV.
func notCSV(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w follows its header", errNoRow)
	}
	return fmt.Errorf("the document is not CSV: %w", err)
}
