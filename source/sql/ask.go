package sql

import (
	"fmt"
	"strings"

	"github.com/dodona-oracle/dodona/source/sql/session"
)

// A statement is one in the making.
type statement struct {
	dialect session.Dialect
	columns []string // of the watermark, quoted
	query   string
	where   []string
	args    []session.Value
}

func (r *reader) statement() *statement {
	s := &statement{dialect: r.dialect, query: r.query}
	for _, name := range r.settings.Watermark {
		s.columns = append(s.columns, r.dialect.Quote(name))
	}
	return s
}

func (s *statement) arg(v session.Value) string {
	s.args = append(s.args, v)
	return s.dialect.Mark(len(s.args), v)
}

// known wants rows whose watermark says where they stand.
func (s *statement) known() *statement {
	for _, c := range s.columns {
		s.where = append(s.where, c+" IS NOT NULL")
	}
	return s
}

// behind wants rows that follow a key; upTo those that do not; from those that are not before it.
func (s *statement) behind(k key) *statement { return s.compare(">", ">", k) }
func (s *statement) upTo(k key) *statement   { return s.compare("<", "<=", k) }
func (s *statement) from(k key) *statement   { return s.compare(">", ">=", k) }

// compare orders rows as their watermarks are ordered, column by column.
func (s *statement) compare(before, last string, k key) *statement {
	if len(k) == 0 {
		return s.known()
	}
	if s.dialect.Rows {
		marks := make([]string, len(k))
		for i, v := range k {
			marks[i] = s.arg(v)
		}
		s.where = append(s.where, fmt.Sprintf("(%s) %s (%s)", strings.Join(s.columns, ", "), last, strings.Join(marks, ", ")))
		return s
	}
	s.where = append(s.where, fmt.Sprintf("%s %s= %s", s.columns[0], before, s.arg(k[0]))) // for the index
	s.where = append(s.where, s.longhand(before, last, k))
	return s
}

// longhand is (a, b) > (c, d) for databases that find no index for it: a > c OR (a = c AND b > d).
func (s *statement) longhand(before, last string, k key) string {
	at := len(s.columns) - len(k)
	if len(k) == 1 {
		return fmt.Sprintf("%s %s %s", s.columns[at], last, s.arg(k[0]))
	}
	further := fmt.Sprintf("%s %s %s", s.columns[at], before, s.arg(k[0]))
	equal := fmt.Sprintf("%s = %s", s.columns[at], s.arg(k[0]))
	return fmt.Sprintf("(%s OR (%s AND %s))", further, equal, s.longhand(before, last, k[1:]))
}

// least wants rows whose first column is not below a value.
func (s *statement) least(v session.Value) *statement {
	s.where = append(s.where, s.columns[0]+" >= "+s.arg(v))
	return s
}

// is wants the rows of a key.
func (s *statement) is(k key) *statement {
	for i, v := range k {
		s.where = append(s.where, s.columns[i]+" = "+s.arg(v))
	}
	return s
}

// text returns the statement that takes some rows in their order, or from the last one back.
func (s *statement) text(what string, order string, limit int) string {
	where := ""
	if len(s.where) > 0 {
		where = " WHERE " + strings.Join(s.where, " AND ")
	}
	ordered := make([]string, len(s.columns))
	for i, c := range s.columns {
		ordered[i] = c + order
	}
	return fmt.Sprintf("SELECT %s FROM (%s\n) AS dodona_rows%s ORDER BY %s LIMIT %d", what, s.query, where, strings.Join(ordered, ", "), limit)
}

func (s *statement) keys() string { return strings.Join(s.columns, ", ") }
