package session

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
)

// Standard is a session over a driver of the standard library's database/sql.
type Standard struct {
	Value func(column Column, v any) Value
	Arg   func(v Value) any
	Row   func() // is told that a row has come whole; nil: nobody wants to know

	// Rewrite returns what to run for a statement, and the columns of that; nil: the statement, which tells its columns itself.
	Rewrite func(statement string) (string, []Column, error)

	db       *sql.DB
	conn     *sql.Conn
	prepared map[string]prepared
}

type prepared struct {
	*sql.Stmt
	columns []Column
}

// Open makes the one connection of s.
func (s *Standard) Open(ctx context.Context, connector driver.Connector) error {
	s.db = sql.OpenDB(connector)
	s.db.SetMaxOpenConns(1)
	conn, err := s.db.Conn(ctx)
	if err != nil {
		_ = s.db.Close() // there is no connection in it
		return err
	}
	s.conn, s.prepared = conn, map[string]prepared{}
	return nil
}

// Conn returns the connection, to prepare it.
func (s *Standard) Conn() *sql.Conn { return s.conn }

// Close ends the connection.
func (s *Standard) Close() {
	for _, stmt := range s.prepared {
		_ = stmt.Close()
	}
	_ = s.conn.Close()
	_ = s.db.Close()
}

// Select is that of [Session].
func (s *Standard) Select(ctx context.Context, statement string, args []Value, take func([]Column, []Value) bool) error {
	tx, err := s.conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	stmt, err := s.prepare(ctx, statement)
	if err != nil {
		return err
	}
	bound := make([]any, len(args))
	for i, a := range args {
		bound[i] = s.Arg(a)
	}
	rows, err := tx.StmtContext(ctx, stmt.Stmt).QueryContext(ctx, bound...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // its error is that of the rows
	columns := stmt.columns
	if columns == nil {
		if columns, err = columnsOf(rows); err != nil {
			return err
		}
	}
	return s.each(rows, columns, take)
}

func (s *Standard) prepare(ctx context.Context, statement string) (p prepared, err error) {
	if known, found := s.prepared[statement]; found {
		return known, nil
	}
	text := statement
	if s.Rewrite != nil {
		if text, p.columns, err = s.Rewrite(statement); err != nil {
			return p, err
		}
	}
	if p.Stmt, err = s.conn.PrepareContext(ctx, text); err != nil {
		return p, err
	}
	s.prepared[statement] = p
	return p, nil
}

func columnsOf(rows *sql.Rows) ([]Column, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	columns := make([]Column, len(types))
	for i, t := range types {
		columns[i] = Column{Name: t.Name(), Type: t.DatabaseTypeName()}
	}
	return columns, nil
}

func (s *Standard) each(rows *sql.Rows, columns []Column, take func([]Column, []Value) bool) error {
	raw, into, values := make([]any, len(columns)), make([]any, len(columns)), make([]Value, len(columns))
	for i := range raw {
		into[i] = &raw[i]
	}
	for rows.Next() {
		if s.Row != nil {
			s.Row()
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, v := range raw {
			values[i] = Value{Null: true}
			if v != nil {
				values[i] = s.Value(columns[i], v)
			}
		}
		if !take(columns, values) {
			return nil
		}
	}
	return rows.Err()
}
