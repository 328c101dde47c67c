package sql

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/source/sql/session"
)

// A shape is what one statement's columns are for. It is made once a statement.
type shape struct {
	settings *Settings
	zone     *time.Location
	keys     [][]byte // `"name":` of each column
	columns  []session.Column
	item, at int   // columns of them; -1: none
	mark     []int // columns of the watermark
	unread   func(session.Column)
	rounded  func(session.Column)
}

func (r *reader) shapeOf(columns []session.Column) (*shape, error) {
	if len(columns) > maxColumns {
		return nil, fmt.Errorf("%w: the query has %d columns, and %d are read; name those that matter", session.ErrHopeless, len(columns), maxColumns)
	}
	s := &shape{settings: &r.settings, zone: r.zone, columns: append([]session.Column(nil), columns...), item: -1, at: -1, unread: r.tellUnread, rounded: r.tellRounded}
	known := map[string]int{}
	for i, c := range s.columns {
		if _, twice := known[c.Name]; twice {
			return nil, fmt.Errorf("%w: two columns are called %s; give one another name (AS)", session.ErrHopeless, plain.Quote(c.Name, 60))
		}
		known[c.Name] = i
		s.keys = append(s.keys, append(quoted(c.Name), ':'))
	}
	find := func(setting, name string) (int, error) {
		if i, found := known[name]; found {
			return i, nil
		}
		return 0, fmt.Errorf("%w: %s: there is no column %s; there are %s", session.ErrHopeless, setting, plain.Quote(name, 60), plain.Line(namesOf(columns), 200))
	}
	var err error
	if r.settings.Item != "" {
		if s.item, err = find("item", r.settings.Item); err != nil {
			return nil, err
		}
	}
	if r.settings.Time != "" {
		if s.at, err = find("time", r.settings.Time); err != nil {
			return nil, err
		}
	}
	for _, name := range r.settings.Watermark {
		i, err := find("watermark", name)
		if err != nil {
			return nil, err
		}
		s.mark = append(s.mark, i)
	}
	return s, nil
}

func namesOf(columns []session.Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

// reading makes a row a reading; false if it is too large, of size bytes.
func (s *shape) reading(row []session.Value) (r dodona.Reading, size int, ok bool) {
	body := s.body(row)
	if len(body) > int(s.settings.MaxRow) {
		return r, len(body), false
	}
	r.Body, r.ContentType = body, "application/json"
	var faults []string
	if s.item >= 0 {
		r.Item = row[s.item].Text
		if row[s.item].Null || row[s.item].Text == "" {
			r.Quality = dodona.Bad
			faults = append(faults, fmt.Sprintf("item %s is NULL or empty", s.settings.Item))
		}
	}
	if s.at >= 0 {
		at, err := instantOf(row[s.at], s.zone)
		if r.SourceTime = at; err != nil {
			r.Quality = max(r.Quality, dodona.Uncertain)
			faults = append(faults, fmt.Sprintf("time %s %s", s.settings.Time, err))
		}
	}
	r.Detail = strings.Join(faults, "; ")
	return r, len(body), true
}

// body writes a row as a JSON object.
func (s *shape) body(row []session.Value) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, v := range row {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(s.keys[i])
		b.Write(s.value(i, v))
	}
	b.WriteByte('}')
	return b.Bytes()
}

var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func (s *shape) value(i int, v session.Value) []byte {
	if v.Null {
		return []byte("null")
	}
	switch v.Kind {
	case session.Integer, session.Decimal, session.Float:
		if v.Kind == session.Float && rounds(s.columns[i].Type) {
			s.rounded(s.columns[i])
		}
		if number.MatchString(v.Text) { // NaN and Infinity are none
			return []byte(v.Text)
		}
	case session.Boolean:
		return []byte(v.Text)
	case session.Bytes:
		return quoted(hex.EncodeToString([]byte(v.Text)))
	case session.JSON:
		if json.Valid([]byte(v.Text)) {
			return []byte(v.Text)
		}
	case session.Instant, session.Local:
		return quoted(rfc3339(v, s.zone))
	case session.Unread:
		s.unread(s.columns[i])
		return []byte("null")
	}
	return quoted(v.Text)
}

// exactDigits matches the declaration of an exact number, which SQLite keeps as a binary one where it has a fraction.
var exactDigits = regexp.MustCompile(`(?i)^(?:NUMERIC|DECIMAL) *\( *([0-9]{1,4})`)

// rounds reports whether a type promises more digits than a binary floating point number keeps.
func rounds(declared string) bool {
	fields := exactDigits.FindStringSubmatch(declared)
	if fields == nil {
		return false
	}
	digits, _ := strconv.Atoi(fields[1])
	return digits > 15
}

// quoted returns a text as a JSON string; what is not UTF-8 in it becomes U+FFFD.
func quoted(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string is encoded without an error, and a buffer takes it
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// key returns the values of a row's watermark.
func (s *shape) key(row []session.Value) []session.Value {
	key := make([]session.Value, len(s.mark))
	for i, at := range s.mark {
		key[i] = row[at]
	}
	return key
}
