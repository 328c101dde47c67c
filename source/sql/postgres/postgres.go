// Package postgres reads from PostgreSQL, whose every type has an exact text.
package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/dodona-oracle/dodona/internal/expiry"
	"github.com/dodona-oracle/dodona/internal/handshake"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/source/sql/session"
)

// Dialect is that of PostgreSQL.
var Dialect = session.Dialect{Open: open, Quote: quote, Mark: mark, Rows: true, Limit: true}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func mark(n int, _ session.Value) string { return "$" + strconv.Itoa(n) }

// text of times, numbers and bytes does not depend on what the server or the role was set to. It is set in each transaction,
// because a pooler may give the next one another connection.
const text = "SET LOCAL TimeZone='UTC'; SET LOCAL DateStyle='ISO, YMD'; SET LOCAL IntervalStyle='iso_8601'; " +
	"SET LOCAL extra_float_digits=3; SET LOCAL bytea_output='hex'"

type conn struct {
	pg    *pgconn.PgConn
	begin string

	ended  context.Context // after Close
	end    context.CancelFunc
	mu     sync.Mutex
	watch  expiry.Watch
	dialed []net.Conn // also those by which the library asks the server to stop a statement
}

// open connects. Nothing of the environment (PGHOST and its kin) and of the home folder counts.
func open(ctx context.Context, o session.Options) (session.Session, error) {
	config, err := pgconn.ParseConfig("host=127.0.0.1 port=5432 user=- dbname=- password=- sslmode=disable sslcertmode=allow passfile=/dev/null")
	if err != nil {
		return nil, fmt.Errorf("%w: read the settings of PostgreSQL in the environment (unset PGSERVICE and its kin): %w", session.ErrHopeless, err)
	}
	config.Fallbacks, config.RuntimeParams = nil, map[string]string{"client_encoding": "UTF8", "application_name": o.Program}
	c := &conn{begin: fmt.Sprintf("BEGIN READ ONLY; SET LOCAL statement_timeout=%d; %s", o.Statement.Milliseconds(), text)}
	config.User, config.Password, config.Database, config.TLSConfig = o.User, o.Password, o.Database, c.watch.Config(o.TLS)
	config.ValidateConnect, config.ConnectTimeout, config.MaxProtocolMessageBodyLen = nil, o.Connect, o.Largest
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil } // the dialer below looks up
	c.ended, c.end = context.WithCancel(context.Background())
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx, o.Network, o.Address) }
	limited, cancel := context.WithTimeout(ctx, o.Connect)
	defer cancel()
	if c.pg, err = pgconn.ConnectConfig(limited, config); err != nil {
		c.hangUp()
		return nil, judge(withoutConfig(err))
	}
	return c, nil
}

func (c *conn) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ended, cancel)()
	dialed, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ended.Err(); err != nil {
		_ = dialed.Close() // nobody waits for it
		return nil, err
	}
	dialed = c.watch.Conn(dialed)
	c.dialed = append(c.dialed, dialed)
	return dialed, nil
}

// hangUp ends whatever is under way.
func (c *conn) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end()
	for _, dialed := range c.dialed {
		_ = dialed.Close() // it may be closed already
	}
}

// farewell is how long the server has to stop a statement and to hear that the session ends.
const farewell = time.Second

// Close ends the session, and does not wait long for a server that does not answer: the library would, for 15 seconds.
func (c *conn) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = c.pg.Close(ctx) // the server finds out as well
	select {
	case <-c.pg.CleanupDone():
	case <-ctx.Done():
	}
	c.hangUp()
	<-c.pg.CleanupDone()
}

// Select is that of session.Session.
func (c *conn) Select(ctx context.Context, statement string, args []session.Value, take func([]session.Column, []session.Value) bool) error {
	if _, err := c.pg.Exec(ctx, c.begin).ReadAll(); err != nil {
		return judge(fmt.Errorf("begin to read: %w", err))
	}
	if err := c.rows(ctx, statement, args, take); err != nil {
		return judge(err)
	}
	_, err := c.pg.Exec(ctx, "ROLLBACK").ReadAll() // nothing was written
	return judge(err)
}

// rows prepares the statement without a name, in the transaction that runs it: a name would be of a server's session, and a pooler may give
// each transaction another one.
func (c *conn) rows(ctx context.Context, statement string, args []session.Value, take func([]session.Column, []session.Value) bool) error {
	bound := make([][]byte, len(args))
	for i, a := range args {
		bound[i] = []byte(argument(a))
	}
	result := c.pg.ExecParams(ctx, statement, bound, nil, nil, nil)
	var columns []session.Column
	var values []session.Value
	for more := true; more && result.NextRow(); {
		fields := result.FieldDescriptions()
		if columns == nil {
			for _, f := range fields {
				columns = append(columns, session.Column{Name: f.Name, Type: typeName(f.DataTypeOID)})
			}
			values = make([]session.Value, len(columns))
		}
		for i, raw := range result.Values() {
			values[i] = session.Value{Null: true}
			if raw != nil {
				values[i] = valueOf(fields[i].DataTypeOID, raw)
			}
		}
		more = take(columns, values)
	}
	_, err := result.Close()
	return err
}

// judge says what an error means for who asks.
func judge(err error) error {
	var server *pgconn.PgError
	var large *pgproto3.ExceededMaxBodyLenErr
	switch {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return fmt.Errorf("%w: %d bytes", session.ErrTooLarge, large.ActualBodyLen)
	case !errors.As(err, &server):
		return err
	}
	said := fmt.Errorf("%s (%s)", plain.Line(server.Message, 200), plain.Line(server.Code, 10))
	switch class := (server.Code + "  ")[:2]; {
	case server.Code == "25006", server.Code == "25001":
		return fmt.Errorf("%w: %w", session.ErrWrites, said)
	case server.Code == "57014":
		return fmt.Errorf("%w: %w", session.ErrSlow, said)
	case class == "28", class == "3D", class == "3F", class == "42", class == "0A", class == "0L", class == "0P":
		return fmt.Errorf("%w: %w", session.ErrHopeless, said)
	}
	return said
}

// withoutConfig takes from an error of a connection what it repeats of the settings, and the address that stands for ours.
func withoutConfig(err error) error {
	var server *pgconn.PgError
	var certificate *tls.CertificateVerificationError
	var connecting *pgconn.ConnectError
	switch {
	case errors.As(err, &server):
		return server
	case errors.As(err, &certificate):
		return fmt.Errorf("%w: connect: %w", session.ErrHopeless, handshake.Explain(certificate, time.Now()))
	case !errors.As(err, &connecting):
		return err
	}
	failed := failure{strings.ReplaceAll(connecting.Unwrap().Error(), standIn, ""), connecting.Unwrap()}
	if strings.Contains(failed.text, "refused TLS") {
		return fmt.Errorf("%w: connect: %w; set tls: off if nobody is in between", session.ErrHopeless, failed)
	}
	return fmt.Errorf("connect: %w", failed)
}

// standIn is what the library calls every server that it is given a dialer for.
const standIn = "127.0.0.1:5432 (127.0.0.1): "

// A failure is an error in other words.
type failure struct {
	text string
	error
}

func (f failure) Error() string { return f.text }
func (f failure) Unwrap() error { return f.error }
