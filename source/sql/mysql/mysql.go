// Package mysql reads from MySQL and MariaDB.
package mysql

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dodona-oracle/dodona/internal/expiry"
	"github.com/dodona-oracle/dodona/internal/handshake"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/source/sql/session"
)

// Dialect is that of MySQL and MariaDB.
var Dialect = session.Dialect{Open: open, Quote: quote, Mark: mark}

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// mark casts exact decimals, which the server would compare as binary floating point if they came as text.
func mark(_ int, v session.Value) string {
	if v.Kind == session.Decimal {
		return "CAST(? AS DECIMAL(65,30))"
	}
	return "?"
}

type conn struct {
	session.Standard
	most    int // milliseconds of a statement
	bounded *session.Bounded
}

func open(ctx context.Context, o session.Options) (session.Session, error) {
	c := &conn{most: int(o.Statement.Milliseconds())}
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = o.User, o.Password, o.Database
	var watch expiry.Watch
	config.Net, config.Addr, config.TLS, config.Timeout = o.Network, o.Address, watch.Config(o.TLS), o.Connect
	config.ConnectionAttributes = "program_name:" + strings.Map(attribute, o.Program)
	config.Logger = log.New(io.Discard, "", 0) // what matters is an error
	config.MaxAllowedPacket = 1 << 20          // of what is sent: a statement
	config.Params = map[string]string{"time_zone": "'+00:00'", "sql_select_limit": strconv.Itoa(o.Rows + 1), "autocommit": "1", "sql_mode": "REPLACE(@@sql_mode,'NO_BACKSLASH_ESCAPES','')"}
	if err := config.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return nil, err
	}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c.bounded = &session.Bounded{Conn: watch.Conn(dialed), Most: o.Largest}
		return c.bounded, nil
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", session.ErrHopeless, err)
	}
	c.Value, c.Arg, c.Row = valueOf, argument, func() { c.bounded.Row() }
	limited, cancel := context.WithTimeout(ctx, o.Connect)
	defer cancel()
	if err := c.Open(limited, connector); err != nil {
		return nil, judge(connecting(limited, err))
	}
	if err := c.limit(limited); err != nil {
		c.Close()
		return nil, judge(connecting(limited, err))
	}
	return c, nil
}

// limit has the server end a statement that takes too long: MariaDB and MySQL have each their own word for it.
func (c *conn) limit(ctx context.Context) error {
	seconds := fmt.Sprintf("%d.%03d", c.most/1000, c.most%1000)
	if _, err := c.Conn().ExecContext(ctx, "SET SESSION max_statement_time="+seconds); err == nil {
		return nil
	}
	_, err := c.Conn().ExecContext(ctx, "SET SESSION max_execution_time="+strconv.Itoa(c.most))
	return err
}

// Select is that of session.Session.
func (c *conn) Select(ctx context.Context, statement string, args []session.Value, take func([]session.Column, []session.Value) bool) error {
	c.bounded.Row()
	err := c.Standard.Select(ctx, statement, args, take)
	if err != nil && c.bounded.Exceeded() {
		return fmt.Errorf("%w: %w", session.ErrTooLarge, err)
	}
	return judge(err)
}

func attribute(r rune) rune {
	if r == ',' || r == ':' {
		return '_'
	}
	return r
}

// connecting says that it was the connection that took too long.
func connecting(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn)) {
		err = ctx.Err()
	}
	return fmt.Errorf("connect: %w", err)
}

// judge says what an error means for who asks.
func judge(err error) error {
	var server *mysql.MySQLError
	var certificate *tls.CertificateVerificationError
	switch {
	case err == nil, errors.Is(err, session.ErrTooLarge):
		return err
	case errors.As(err, &certificate):
		return fmt.Errorf("%w: connect: %w", session.ErrHopeless, handshake.Explain(certificate, time.Now()))
	case errors.Is(err, mysql.ErrNoTLS), errors.Is(err, mysql.ErrOldPassword), errors.Is(err, mysql.ErrCleartextPassword):
		return fmt.Errorf("%w: %w", session.ErrHopeless, err)
	case !errors.As(err, &server):
		return err
	}
	said := fmt.Errorf("%s (%d)", plain.Line(server.Message, 200), server.Number)
	switch server.Number {
	case 1792, 1290, 1836:
		return fmt.Errorf("%w: %w", session.ErrWrites, said)
	case 1969, 3024, 1317:
		return fmt.Errorf("%w: %w", session.ErrSlow, said)
	case 1044, 1045, 1049, 1054, 1064, 1142, 1143, 1146, 1227, 1305, 1370, 1698, 3118, 3159, 4151:
		return fmt.Errorf("%w: %w", session.ErrHopeless, said)
	}
	return said
}
