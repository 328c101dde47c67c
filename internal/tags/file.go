package tags

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/strict"
)

const (
	maxFile   = 4 << 20 // bytes
	maxPoints = 10_000
)

// name is the column with the names of points.
const name = "name"

// notes are columns for people; what stands there counts for nothing.
var notes = []string{"note", "notes", "comment", "description"}

// read returns the text of a file, without the mark that spreadsheets put before it.
func read(path string) (src string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", secret.Denied(err, path)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no file", path)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(raw) > maxFile {
		return "", fmt.Errorf("%s is larger than 4 MiB, which no list of points is", path)
	}
	src = strings.TrimPrefix(string(raw), "\ufeff")
	return strings.ReplaceAll(src, "\r\n", "\n"), nil
}

// rowsOf returns the rows of a file as the entries of a map from names to settings; nil after a mistake that leaves no sense to the others.
func rowsOf(d *strict.Decoder, src string, of reflect.Type) []strict.Entry {
	r := d.Report
	if r.Unprintable(d.Where) {
		return nil
	}
	t := table{d: d, src: src, settings: strict.Fields(of)}
	t.known = append([]string{name}, strict.Names(t.settings)...)
	lines := csv.NewReader(strings.NewReader(src))
	lines.Comma, lines.Comment, lines.FieldsPerRecord = comma(src), '#', -1
	lines.TrimLeadingSpace = lines.Comma != '\t' // which is one of them
	if !t.head(lines) {
		return nil
	}
	var rows []strict.Entry
	first := map[string]int{} // lines
	for {
		cells, ok := t.next(lines)
		if !ok {
			break
		}
		if len(rows) == maxPoints {
			r.Mistake(cells[0].At, d.Where, fmt.Sprintf("more than %d points, which one source has at most: give some of them to another one", maxPoints))
			return nil
		}
		row, ok := t.row(cells)
		if !ok {
			continue
		}
		if line, twice := first[row.Key]; twice {
			r.Mistake(row.At, d.Where, fmt.Sprintf("point %s stands twice, first on line %d", strict.Quote(row.Key), line))
			continue
		}
		line, _ := lines.FieldPos(0)
		first[row.Key] = line
		rows = append(rows, row)
	}
	if len(rows) == 0 && r.Count() == 0 {
		r.Mistake(nil, d.Where, "no point stands below the names of the columns")
	}
	return rows
}

// comma returns what sets the columns of a file apart: what its first line has most of.
func comma(src string) rune {
	head := src
	for line := range strings.Lines(src) {
		if head = line; strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#") {
			break
		}
	}
	best, most := ',', 0
	for _, c := range ",;\t" {
		if n := strings.Count(head, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

// A table reads the lines of one file.
type table struct {
	d        *strict.Decoder
	src      string
	settings []strict.Field
	known    []string

	columns []string // what each column is; "" if nobody knows
	starts  []int    // byte offset of each line, as far as was read
}

// next returns the cells of the next line; false: there is none, or it cannot be read.
func (t *table) next(lines *csv.Reader) (cells []*strict.Node, ok bool) {
	fields, err := lines.Read()
	var broken *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, false
	case errors.As(err, &broken):
		from := t.start(broken.StartLine)
		t.d.Report.Add(strict.Mistake{Where: t.d.Where, Message: "no line of comma-separated values: " + broken.Err.Error(), Hint: `text with a comma or a quote stands in quotes, and "" is a quote in it`},
			t.d.Report.Place(from, from))
		return nil, false
	case err != nil:
		t.d.Report.Mistake(nil, t.d.Where, err.Error())
		return nil, false
	}
	for i, text := range fields {
		line, column := lines.FieldPos(i)
		from := min(t.start(line)+column-1, len(t.src))
		to := min(from+len(text), len(t.src))
		if quoted := from < len(t.src) && t.src[from] == '"'; quoted {
			to = min(to+2, len(t.src))
		}
		cells = append(cells, &strict.Node{Kind: strict.Scalar, Text: strings.TrimSpace(text), At: t.d.Report.Place(from, to)})
	}
	return cells, true
}

// start returns where a line begins, from 1.
func (t *table) start(line int) int {
	if t.starts == nil {
		t.starts = []int{0}
	}
	for len(t.starts) < line {
		last := t.starts[len(t.starts)-1]
		end := strings.IndexByte(t.src[last:], '\n')
		if end < 0 {
			return last
		}
		t.starts = append(t.starts, last+end+1)
	}
	return t.starts[line-1]
}

// head reads the names of the columns.
func (t *table) head(lines *csv.Reader) bool {
	cells, ok := t.next(lines)
	if !ok {
		if t.d.Report.Count() == 0 {
			t.d.Report.Add(strict.Mistake{Where: t.d.Where, Message: "the file is empty", Hint: "its first line names the columns: " + strings.Join(t.known, ",")}, nil)
		}
		return false
	}
	names := &strict.Node{Kind: strict.Mapping, At: cells[0].At}
	var at []int
	for i, cell := range cells {
		if cell.Text == "" || slices.Contains(notes, strings.ToLower(cell.Text)) && !slices.Contains(t.known, cell.Text) {
			cell.At.Show = true
			continue
		}
		at = append(at, i)
		names.Entries = append(names.Entries, strict.Entry{Key: cell.Text, At: cell.At, Value: &strict.Node{Kind: strict.Scalar, At: cell.At}})
	}
	t.columns = make([]string, len(cells))
	for j := range names.Entries {
		t.d.Rename(names, j, "", t.known)
		if key := names.Entries[j].Key; slices.Contains(t.known, key) {
			if slices.Contains(t.columns, key) {
				t.d.Report.Mistake(names.Entries[j].At, t.d.Where, fmt.Sprintf("column %q stands twice", key))
				continue
			}
			names.Entries[j].At.Show = true
			t.columns[at[j]] = key
		}
	}
	if !slices.Contains(t.columns, name) {
		t.d.Report.Add(strict.Mistake{Where: t.d.Where, Message: "no column is called name", Hint: "its first line names the columns: " + strings.Join(t.known, ",")}, cells[0].At)
		return false
	}
	return true
}

// row returns a line as a point's name and its settings; false after a mistake.
func (t *table) row(cells []*strict.Node) (row strict.Entry, ok bool) {
	row.Value = &strict.Node{Kind: strict.Mapping, At: cells[0].At}
	for i, cell := range cells {
		switch {
		case i >= len(t.columns) && cell.Text != "":
			t.d.Report.Add(strict.Mistake{Where: t.d.Where, Message: fmt.Sprintf("%d cells, and %d columns have a name", len(cells), len(t.columns)), Hint: "text with a comma stands in quotes"}, cell.At)
			return row, false
		case i >= len(t.columns) || t.columns[i] == "" || cell.Text == "":
		case t.columns[i] == name:
			row.Key, row.At = cell.Text, cell.At
			row.At.Show = strict.LooksLikeWord(cell.Text)
		default:
			value := cell
			if f, found := strict.Find(t.settings, t.columns[i]); found && isNested(f.Type) {
				value = t.d.Report.Flow(cell.Text, cell.At)
			}
			row.Value.Entries = append(row.Value.Entries, strict.Entry{Key: t.columns[i], At: cell.At, Value: value})
		}
	}
	if row.Key == "" {
		t.d.Report.Mistake(cells[0].At, t.d.Where, "a point without a name")
		return row, false
	}
	if dodona.CheckName(row.Key, 1) != nil {
		t.d.Report.Add(strict.Mistake{
			Where: t.d.Where, Message: "name " + strict.Quote(row.Key) + ": want 1 to 63 of a-z, 0-9 and hyphens, beginning with a letter or digit",
			Hint: "write small letters, and hyphens for whatever else there is: boiler-temp for Boiler Temp",
		}, row.At)
		row.Key = named(row.Key) // so that what else is wrong with the point is told too
		return row, dodona.CheckName(row.Key, 1) == nil
	}
	return row, true
}

// named makes a name of what a maker's program calls a point.
func named(text string) string {
	return strings.Trim(notOfNames.ReplaceAllString(strings.ToLower(text), "-"), "-")
}

var notOfNames = regexp.MustCompile(`[^a-z0-9]+`)

// isNested reports whether a setting is a map or a list.
func isNested(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch strict.ShapeOf(t) {
	case strict.ShapeStruct, strict.ShapeMap, strict.ShapeList:
		return true
	}
	return false
}
