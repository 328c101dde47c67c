// Package session is what a source of rows and the drivers of its databases say to each other: one connection that only reads.
package session

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// What became of a statement, where that decides what to do about it.
var (
	ErrWrites   = errors.New("the session is read-only") // the statement writes: never try it again as it is
	ErrSlow     = errors.New("the statement took too long")
	ErrHopeless = errors.New("this will not mend by itself") // a wrong password, an unknown table
	ErrTooLarge = errors.New("a row is larger than is read") // step over it
)

// Options say where a database is, and how patiently to talk to it.
type Options struct {
	Network, Address string // of the server; of SQLite empty
	Path             string // of SQLite
	Database         string
	User, Password   string
	TLS              *tls.Config   // nil: none
	Connect          time.Duration // for a connection and its login
	Statement        time.Duration // for one statement, told to the server too
	Largest          int           // bytes of a row that are read into memory
	Rows             int           // that are asked for at once, at most
	Program          string        // who asks, for the server's list of sessions
}

// A Kind is what a value is, as far as JSON and a cursor must know.
type Kind uint8

// The kinds of values. Numbers are text as the database writes them, exact.
const (
	Text    Kind = iota
	Integer      // digits with a sign
	Decimal      // exact, with a point
	Float        // the shortest decimal that is read back as the same binary number
	Boolean      // true or false
	Bytes        // Text holds them as they are
	JSON         // a JSON document
	Instant      // a time that says its zone
	Local        // a time that does not
	Unread       // of a type that is not read
)

// A Value is one column of a row.
type Value struct {
	Null bool
	Kind Kind
	Text string
}

// A Column is what a statement says of one.
type Column struct {
	Name string
	Type string // in the words of the database
}

// A Session is one connection. After an error of Select it is of no use: close it and open another.
type Session interface {
	// Select runs one statement in a transaction that may only read, and hands over its rows until take wants no more.
	Select(ctx context.Context, statement string, args []Value, take func([]Column, []Value) (more bool)) error
	Close()
}

// A Dialect is how one sort of database is reached and spoken to.
type Dialect struct {
	Open  func(ctx context.Context, o Options) (Session, error)
	Quote func(name string) string        // a name of a column
	Mark  func(n int, value Value) string // the n-th argument of a statement, from 1
	Rows  bool                            // it compares (a, b) > (c, d) by an index
	Limit bool                            // a statement of the user is bounded by a LIMIT around it; else the session bounds it
}

// Bounded is a connection that gives up when more comes between two calls of Row than a row may have.
type Bounded struct {
	net.Conn
	Most int
	read atomic.Int64
}

// Row says that a row has come whole.
func (b *Bounded) Row() { b.read.Store(0) }

// Exceeded reports whether a row was too large: drivers do not always pass the error on.
func (b *Bounded) Exceeded() bool { return b.read.Load() > int64(b.Most) }

// Read reads, as long as the row is not too large.
func (b *Bounded) Read(p []byte) (int, error) {
	if b.Exceeded() {
		return 0, ErrTooLarge
	}
	n, err := b.Conn.Read(p)
	b.read.Add(int64(n))
	return n, err
}
