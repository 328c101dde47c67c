// Package sqlite reads a file of SQLite.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/source/sql/session"
)

// Dialect is that of SQLite.
var Dialect = session.Dialect{Open: open, Quote: quote, Mark: func(int, session.Value) string { return "?" }, Rows: true}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

type conn struct {
	session.Standard
	path   string
	opened os.FileInfo
}

// errReplaced: another file stands at the path. Open that.
var errReplaced = errors.New("another file stands there now")

// open opens a file that is there, to read it: the driver ignores transactions that may only read, so the file is opened that way.
func open(ctx context.Context, o session.Options) (session.Session, error) {
	info, err := os.Stat(o.Path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%w: %s is a folder", session.ErrHopeless, o.Path)
	}
	query := url.Values{
		"mode": {"ro"}, "_dqs": {"0"},
		"_pragma": {"query_only(1)", "trusted_schema(0)", "busy_timeout(" + strconv.FormatInt(o.Statement.Milliseconds(), 10) + ")", "cache_size(-1024)"},
	}
	connector, err := sqlite.NewConnector("file:" + (&url.URL{Path: o.Path}).EscapedPath() + "?" + query.Encode())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", session.ErrHopeless, err)
	}
	c := &conn{path: o.Path, opened: info}
	c.Value, c.Arg, c.Rewrite = valueOf, argument, c.raw
	limited, cancel := context.WithTimeout(ctx, o.Connect)
	defer cancel()
	if err := c.Open(limited, connector); err != nil {
		return nil, judge(err)
	}
	if _, err := sqlite.Limit(c.Conn(), sqlite3.SQLITE_LIMIT_LENGTH, o.Largest); err != nil {
		c.Close()
		return nil, judge(err)
	}
	return c, nil
}

// Select is that of session.Session.
func (c *conn) Select(ctx context.Context, statement string, args []session.Value, take func([]session.Column, []session.Value) bool) error {
	if now, err := os.Stat(c.path); err != nil {
		return err
	} else if !os.SameFile(now, c.opened) {
		return errReplaced
	}
	err := c.Standard.Select(ctx, statement, args, take)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", session.ErrSlow, ctx.Err())
	}
	return judge(err)
}

// raw returns a statement whose columns have no declared type, because the driver would make times of some texts, and their columns.
func (c *conn) raw(statement string) (wrapped string, columns []session.Column, err error) {
	err = c.Conn().Raw(func(driver any) error {
		described, err := driver.(interface {
			ColumnInfo(query string) ([]sqlite.ColumnInfo, error)
		}).ColumnInfo(statement)
		for _, d := range described {
			columns = append(columns, session.Column{Name: d.Name, Type: d.DeclType})
		}
		return err
	})
	if err != nil {
		return "", nil, err
	}
	names, taken := make([]string, len(columns)), make([]string, len(columns))
	for i := range columns {
		names[i] = "c" + strconv.Itoa(i)
		taken[i] = "+" + names[i]
	}
	return fmt.Sprintf("WITH dodona_rows(%s) AS (%s\n) SELECT %s FROM dodona_rows", strings.Join(names, ","), statement, strings.Join(taken, ",")), columns, nil
}

// judge says what an error means for who asks.
func judge(err error) error {
	var told *sqlite.Error
	if !errors.As(err, &told) {
		return err
	}
	said := errors.New(plain.Line(told.Error(), 200))
	switch told.Code() & 0xff {
	case sqlite3.SQLITE_READONLY:
		return fmt.Errorf("%w: %w", session.ErrWrites, said)
	case sqlite3.SQLITE_INTERRUPT:
		return fmt.Errorf("%w: %w", session.ErrSlow, said)
	case sqlite3.SQLITE_TOOBIG:
		return session.ErrTooLarge
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_AUTH:
		return fmt.Errorf("%w: %w", session.ErrHopeless, said)
	}
	return said
}
