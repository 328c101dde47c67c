package file

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

const (
	maxColumns   = 4096     // of a row
	maxHeader    = 16 << 10 // bytes of a header; it stands in each reading
	maxNewHeader = 2 << 10  // bytes of one that comes in the middle of a file: it stands in the cursor
)

// A tableForm is how a CSV file is written.
type tableForm struct {
	delimiter string // one character
	named     bool   // its first row names the columns
	skip      int    // lines before that
}

// A table makes readings of the rows of one CSV file, each with the header that is in force.
type table struct {
	tableForm
	said    func(what string) // tells of a header that changed
	skipped int               // lines that were passed over
	header  []byte            // as it stands in the file; nil: not seen yet
	names   []string
	before  []byte // the header of the file before, whose writer may not know that it begins a new one
	begun   bool   // a line was seen that is not skipped
	changed bool   // the header is not the one that the file begins with
	wrong   string // why no row behind this one can be trusted; empty: they can
}

func newTable(f tableForm, said func(string)) *table { return &table{tableForm: f, said: said} }

// clone returns the table as it is now.
func (t *table) clone() *table {
	if t == nil {
		return nil
	}
	c := *t
	return &c
}

// A tableRow is what a row came to: the body of a reading, and why it is bad.
type tableRow struct {
	body   []byte
	reason string
}

// take returns the reading of a row without its end, if it is one: not a blank one, nor what is skipped, nor a header.
func (t *table) take(text []byte) (row tableRow, found bool) {
	text = bytes.TrimPrefix(text, []byte(plain.Mark))
	if t.skipped < t.skip {
		t.skipped++
		return row, false
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return row, false
	}
	if by, says := separator(text); says && !t.begun {
		t.begun = true
		if by != t.delimiter {
			t.wrong = fmt.Sprintf("the file says by its first line that its delimiter is %q, and it is read by %q: want delimiter: %q", by, t.delimiter, by)
		}
		return row, false
	}
	t.begun = true
	fields, err := t.fields(text)
	switch {
	case err != nil:
		return t.row(text, "the row is no CSV: "+err.Error()), true
	case !t.named, t.header == nil && t.wrong != "":
		return t.row(text, ""), true
	case t.header == nil:
		return t.first(text, fields)
	case slices.Equal(fields, t.names):
		return row, false // a writer that begins again says it again
	case t.isHeader(fields):
		t.change(text, fields)
		return row, false
	}
	return t.row(text, cmpWidth(fields, t.names)), true
}

// separator returns the delimiter that a line names as Excel reads and writes it before a table, sep=; say.
func separator(line []byte) (delimiter string, says bool) {
	const mark = "sep="
	line = bytes.Trim(line, "\"")
	if len(line) <= len(mark) || !strings.EqualFold(string(line[:len(mark)]), mark) {
		return "", false
	}
	return string(line[len(mark):]), utf8.RuneCount(line[len(mark):]) == 1
}

// first takes the row that should be the header.
func (t *table) first(text []byte, fields []string) (row tableRow, found bool) {
	switch {
	case isData(fields) && len(t.before) > 0 && len(t.before) <= maxNewHeader:
		t.resume(string(t.before))
		t.said(fmt.Sprintf("the file begins with no header; that of the file before is taken, %s", plain.Excerpt(t.before, 80)))
		return t.row(text, cmpWidth(fields, t.names)), true
	case isData(fields):
		t.wrong = "the first row begins with a number or a time, so it is no header: want header: none, or skip_lines as many as stand before the header"
	case len(text) > maxHeader:
		t.wrong = fmt.Sprintf("the header has %d bytes, at most %d are read", len(text), maxHeader)
	}
	if t.wrong != "" {
		return t.row(text, ""), true
	}
	t.header, t.names = bytes.Clone(text), fields
	return row, false
}

// change takes a header that stands in the middle of a file.
func (t *table) change(text []byte, fields []string) {
	if len(text) > maxNewHeader {
		t.wrong = fmt.Sprintf("a new header of %d bytes stands before it in the file; at most %d are read there", len(text), maxNewHeader)
		return
	}
	t.said(fmt.Sprintf("the header changed from %s to %s", plain.Excerpt(t.header, 80), plain.Excerpt(text, 80)))
	t.header, t.names, t.changed, t.wrong = bytes.Clone(text), fields, true, ""
}

// resume goes on behind a header that was taken before, which is not the one that the file begins with.
func (t *table) resume(header string) {
	fields, err := t.fields([]byte(header))
	if header == "" || err != nil {
		return
	}
	t.header, t.names, t.changed, t.skipped, t.begun = []byte(header), fields, true, t.skip, true
}

// cutBy returns the delimiter by which the next row is cut; none for lines that are skipped, in which a quote is just that.
func (t *table) cutBy() string {
	if t.skipped < t.skip {
		return ""
	}
	return t.delimiter
}

// learn reads the header that a file begins with, which is read on from a place behind it.
func (t *table) learn(f io.ReaderAt, upTo int64, max int) {
	b := make([]byte, min(int64(maxScan), upTo))
	if k, _ := f.ReadAt(b, 0); k < len(b) {
		return // what is read next says so
	}
	for len(b) > 0 && (!t.begun || t.named && t.header == nil && t.wrong == "" || t.skipped < t.skip) {
		took, text, _, _ := cutRow(b, t.cutBy(), true)
		t.take(text[:min(len(text), max+1)])
		b = b[took:]
	}
}

// newHeader returns the header in force, if the file does not begin with it.
func (t *table) newHeader() string {
	if t == nil || !t.changed {
		return ""
	}
	return string(t.header)
}

// row makes a reading of a row.
func (t *table) row(text []byte, reason string) tableRow {
	body := make([]byte, 0, len(t.header)+len(text)+2)
	if len(t.header) > 0 {
		body = append(append(body, t.header...), '\n')
	}
	if t.wrong != "" && reason == "" {
		reason = t.wrong
	}
	return tableRow{append(append(body, text...), '\n'), reason}
}

// fields returns what stands in the columns of a row, without the blanks around it.
func (t *table) fields(text []byte) ([]string, error) {
	delimiter, _ := utf8.DecodeRuneInString(t.delimiter)
	switch {
	case bytes.Count(text, []byte(t.delimiter)) >= maxColumns:
		return nil, fmt.Errorf("it has more than %d columns", maxColumns)
	case bytes.IndexByte(text, 0) >= 0:
		return nil, errors.New("it has NUL bytes, as a power cut leaves them")
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord = delimiter, -1
	fields, err := r.Read()
	if err != nil {
		var at *csv.ParseError
		if errors.As(err, &at) {
			err = at.Err
		}
		return nil, err
	}
	for i := range fields {
		fields[i] = strings.Trim(fields[i], " \t")
	}
	return fields, nil
}

// isData reports whether a row begins as no header does: with a digit or a sign before one.
func isData(fields []string) bool {
	for _, f := range fields {
		if f = strings.TrimLeft(f, "+-."); f != "" {
			return f[0] >= '0' && f[0] <= '9'
		}
	}
	return false
}

// isHeader reports whether a row in the middle of a file names columns: it begins with no number, and half of it or more are names
// of the header before it.
func (t *table) isHeader(fields []string) bool {
	if isData(fields) {
		return false
	}
	same, filled := 0, 0
	for _, f := range fields {
		if f == "" {
			continue
		}
		filled++
		if slices.Contains(t.names, f) {
			same++
		}
	}
	return same > 0 && same*2 >= filled
}

// cmpWidth returns why a row has not the columns of its header, or "". Empty ones behind the last are nothing.
func cmpWidth(fields, names []string) string {
	switch n := len(fields); {
	case n < len(names):
		return fmt.Sprintf("the row has %d columns and the header %d: it was cut, or is of another header", n, len(names))
	case n > len(names) && slices.ContainsFunc(fields[len(names):], func(f string) bool { return f != "" }):
		return fmt.Sprintf("the row has %d columns and the header %d: two rows ran into one, or it is of another header", n, len(names))
	}
	return ""
}

// cutRow takes the first row of a text, without its end. What took is 0: more is needed to know where it ends, which is so no more at the
// end of a file. Within quotes a line end is none; with quotes that nothing closes, the row ends with its first line all the same, and is open.
func cutRow(b []byte, delimiter string, last bool) (took int, text []byte, open, ended bool) {
	begins := delimiter != "" // a field, which may be quoted then
	for i := 0; i < len(b); {
		switch {
		case begins && b[i] == '"':
			end, known := quoted(b, i, last)
			if !known {
				return 0, nil, false, false
			}
			if end < 0 {
				took, text, _, ended = cutRow(b, "", true)
				return took, text, true, ended
			}
			i, begins = end, false
		case b[i] == '\n':
			return i + 1, b[:i], false, true
		case b[i] == '\r' && i+1 == len(b) && !last:
			return 0, nil, false, false
		case b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n':
			return i + 2, b[:i], false, true
		case b[i] == '\r':
			return i + 1, b[:i], false, true
		case delimiter != "" && bytes.HasPrefix(b[i:], []byte(delimiter)):
			i, begins = i+len(delimiter), true
		default:
			i, begins = i+1, false
		}
	}
	if last {
		return len(b), b, false, false
	}
	return 0, nil, false, false
}

// quoted returns the place behind a quoted field that begins at a place; -1 if nothing closes it.
func quoted(b []byte, at int, last bool) (end int, known bool) {
	for i := at + 1; i < len(b); i++ {
		if b[i] != '"' {
			continue
		}
		switch {
		case i+1 == len(b):
			return len(b), last
		case b[i+1] != '"':
			return i + 1, true
		}
		i++
	}
	return -1, last
}

// bad gives a reading that is not to be trusted its reason.
func bad(r dodona.Reading, reason string) dodona.Reading {
	r.Quality, r.Detail = dodona.Bad, reason+" ("+r.Detail+")"
	return r
}
