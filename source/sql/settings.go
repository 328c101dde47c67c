// Package sql observes the rows of a database: PostgreSQL, MySQL, MariaDB or a file of SQLite. A row is a reading, a JSON object of its columns.
//
// Without watermark the query is asked once for each instant that a feed asks for, and its rows are the latest: let it end in ORDER BY and LIMIT, or
// name an item, so that it gives one row for each meter, say. With watermark each row is read once, in the order of the named columns, which only grow
// and are together different in each row: [id], or [ts, id] where a time alone is not. What is journaled is never asked for again, and what is not is,
// so a node that is killed between the two loses nothing and repeats nothing. A transaction that commits late, behind rows that were read, is found
// within look_back: of that last stretch every row that was read is remembered (the newest 2048 of them), and those that came meanwhile are read. Rows that
// are changed later, and rows with NULL in the watermark, are not read.
//
// The session only reads: BEGIN READ ONLY (PostgreSQL), START TRANSACTION READ ONLY (MySQL, MariaDB), mode=ro and query_only (SQLite). A query that writes
// is refused by the database, and that is told. Give Dodona a user of its own all the same, with SELECT on what it reads and nothing else.
//
// Numbers are exact, as the database writes them: numeric(20,6) comes with its twenty digits. What the database itself keeps as binary floating point (real,
// double; in SQLite also NUMERIC and DECIMAL columns with a fraction) is the shortest decimal that means the same binary number; SQLite keeps at most 15 to 17 digits
// of those, so declare such a column TEXT there. Booleans are true and false (in MySQL and MariaDB, which have none, 1 and 0), NULL is null, bytes are hexadecimal digits, json and jsonb stand in the object as they
// are; other types are text as the database writes it. Times with a zone are RFC 3339 in UTC; those without one (timestamp, DATETIME) get that of time_zone, and stay without where it
// is not given, so that nobody takes them for another instant. An hour that the clock of a zone shows twice, or not at all, stays without a zone too.
//
// What goes wrong has a name: a row larger than max_row is dropped and counted; a query that gives more rows than limit, or none, or two columns of one name, or more than 256
// columns, fails with a sentence; so do two rows with the same watermark; a newest row whose time is ahead of this clock, and a table whose newest row is before what was read already, are told in the log, for rows behind them are not read; a column of a type that is not read (GEOMETRY, VECTOR) is null, and named in the log; a row whose item or time is NULL or no time is a bad or an
// uncertain reading. A statement ends by timeout on the server and here, a connection that fails is made anew, and one that was kept too long is made anew at once.
package sql

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "sql". It is polled for the latest rows and pushed with a watermark.
var Kind = source.NewPolled("sql", open)

// Settings say which database, what to ask it, and how to go on.
type Settings struct {
	// Driver is the sort of database: postgres, mysql (MariaDB too) or sqlite. Required.
	Driver Driver `yaml:"driver"`
	// Address of the server, host:port, or the path of its socket. Without a port it is 5432 (postgres) or 3306 (mysql). Default: none; required but for sqlite.
	Address string `yaml:"address,omitempty"`
	// Path of the file of sqlite. It need not exist yet. One in WAL mode needs its -wal and -shm files beside it, which this user must be able to read and write. Default: none.
	Path string `yaml:"path,omitempty" path:"true"`
	// Database on the server. Default: none; required but for sqlite.
	Database string `yaml:"database,omitempty"`
	// User of the database, best one that may only SELECT. Default: none; required but for sqlite.
	User string `yaml:"user,omitempty"`
	// Password of the user, best as {file: PATH} or {env: NAME}. It is read anew for each connection. Default: none.
	Password secret.String `yaml:"password,omitempty"`
	// TLS says how the connection is encrypted. Default: verify, and off on this machine.
	TLS TLS `yaml:"tls,omitempty"`
	// Query is one SELECT (or WITH, VALUES, TABLE), without parameters. Required.
	Query string `yaml:"query"`
	// Watermark names the columns by which rows are read on: they only grow, and together are different in each row, such as [id] or [ts, id].
	// Default: none, the query is asked for the latest rows.
	Watermark []string `yaml:"watermark,omitempty"`
	// From is where to begin with a watermark at the first start: start (all rows that are there) or end (those that come). Later starts go on where the last one ended. Default: start.
	From From `yaml:"from,omitempty"`
	// LookBack is how far behind the newest row those are looked for that were committed late: a time, such as 1m, if the first column of the watermark is
	// one, or a number of its units if it is an integer, such as 100. It has to be longer than the longest transaction that writes such rows. Default: none.
	LookBack string `yaml:"look_back,omitempty"`
	// Item is the column that names whom a row is about, such as meter: each of its values is an item of the source. Default: none, the source is one item.
	Item string `yaml:"item,omitempty"`
	// Time is the column that says when a row was measured: a time, or a number since 1970. A rule can name its own as well: value: {pointer: /kwh, time: /ts}. Default: none, when it was read.
	Time string `yaml:"time,omitempty"`
	// TimeZone is that of times which name none: UTC, an offset such as +01:00, or a name such as Europe/Berlin. Default: none, they stay without.
	TimeZone string `yaml:"time_zone,omitempty"`
	// Every is the least time between two times that the latest rows are asked for, also after one that failed, and the time between two looks for new
	// rows with a watermark. Default: 0s, one for each instant a feed asks for; with a watermark 5s.
	Every time.Duration `yaml:"every,omitempty"`
	// Expect is how often new rows should come with a watermark: after three times that without any, the source is stale. Default: 0s, unknown.
	Expect time.Duration `yaml:"expect,omitempty"`
	// ConnectTimeout is how long a connection and its login may take. Default: 3s.
	ConnectTimeout time.Duration `yaml:"connect_timeout,omitempty"`
	// Timeout of one statement; the server is told, and ends it. Default: 5s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// Limit is how many rows are read at once. The latest rows must not be more; with a watermark the rest comes next. At most 10000. Default: 1000.
	Limit int `yaml:"limit,omitempty"`
	// MaxRow is the largest row, as JSON; a larger one is dropped and counted. At most 1MiB. Default: 64KiB.
	MaxRow unit.Size `yaml:"max_row,omitempty"`
}

// A Driver is a sort of database.
type Driver string

// The sorts of databases.
const (
	postgresDriver Driver = "postgres"
	mysqlDriver    Driver = "mysql"
	sqliteDriver   Driver = "sqlite"
)

// Words returns the sorts of databases.
func (Driver) Words() []string {
	return []string{string(postgresDriver), string(mysqlDriver), string(sqliteDriver)}
}

// From is where to begin.
type From string

// Where to begin.
const (
	fromStart From = "start"
	fromEnd   From = "end"
)

// Words returns where to begin.
func (From) Words() []string { return []string{string(fromStart), string(fromEnd)} }

const (
	defaultLook   = 5 * time.Second
	maxRows       = 10000
	maxColumns    = 256
	maxWatermark  = 4
	maxBatchBytes = 512 << 10 // after which a batch is closed
	rowLimit      = unit.MiB
	margin        = 2 * time.Second // beyond a statement's time, so that the server's word comes first
)

// Default fills in the defaults.
func (s *Settings) Default() {
	s.From = fromStart
	s.ConnectTimeout = 3 * time.Second
	s.Timeout = 5 * time.Second
	s.Limit = 1000
	s.MaxRow = 64 * unit.KiB
}

// Complete fills in the defaults that follow from other settings.
func (s *Settings) Complete() {
	if s.Pushed() && s.Every == 0 {
		s.Every = defaultLook
	}
}

// Pushed reports whether rows are read on by a watermark.
func (s *Settings) Pushed() bool { return len(s.Watermark) > 0 }

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace {
	if s.Pushed() {
		return source.Pace{Expect: s.Expect, Of: "new row"}
	}
	return source.Pace{Every: s.Every, Limit: 2*s.ConnectTimeout + s.Timeout + margin}
}

// Asks says what the source asks, to tell one from another.
func (s *Settings) Asks() string { return s.Peer() + " " + s.Query }

// Largest returns how many bytes one exchange may bring.
func (s *Settings) Largest() unit.Size {
	if s.Pushed() {
		return maxBatchBytes + s.MaxRow
	}
	return min(unit.Size(s.Limit)*s.MaxRow, largestPoll)
}

// largestPoll is what the latest rows may be together.
const largestPoll = 4 * unit.MiB

// Peer names whom the source asks.
func (s *Settings) Peer() string {
	if s.Driver == sqliteDriver {
		return s.Path
	}
	_, address := s.endpoint()
	return address
}

var ports = map[Driver]string{postgresDriver: "5432", mysqlDriver: "3306"}

// endpoint returns the network and the address of the server.
func (s *Settings) endpoint() (network, address string) {
	if strings.HasPrefix(s.Address, "/") {
		return "unix", s.Address
	}
	if _, _, err := net.SplitHostPort(s.Address); err != nil {
		return "tcp", net.JoinHostPort(strings.Trim(s.Address, "[]"), ports[s.Driver])
	}
	return "tcp", s.Address
}

// Check says what is wrong with the settings. It neither dials nor reads files.
func (s *Settings) Check() error {
	return errors.Join(s.checkPlace(), s.TLS.check(), checkQuery(s.Query, s.Driver), s.checkWatermark(), s.checkColumns(), s.checkNumbers())
}

func (s *Settings) checkPlace() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	switch s.Driver {
	case sqliteDriver:
		want(s.Path != "", "path: missing, want the path of the file")
		want(s.Address == "" && s.Database == "" && s.User == "" && s.Password.IsZero() && s.TLS.isZero(),
			"path: a file of sqlite has neither address nor database, user, password and tls")
	case postgresDriver, mysqlDriver:
		want(s.Address != "", "address: missing, want HOST:PORT, such as 10.0.0.5:%s", ports[s.Driver])
		want(s.Database != "", "database: missing, want the name of one on the server")
		want(s.User != "", "user: missing, want one that may SELECT")
		want(s.Path == "", "path: is for sqlite; of a server set address")
		want(!strings.Contains(s.Address, "@") && !strings.Contains(s.Address, "://"), "address: want HOST:PORT alone; user, password and database are settings of their own")
	case "":
		want(false, "driver: missing, want postgres, mysql or sqlite")
	default:
		want(false, "driver: %q: want postgres, mysql or sqlite", s.Driver)
	}
	return errors.Join(errs...)
}

func (s *Settings) checkWatermark() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(len(s.Watermark) <= maxWatermark, "watermark: %d columns, want at most %d", len(s.Watermark), maxWatermark)
	for i, name := range s.Watermark {
		want(name != "", "watermark: the name of a column is empty")
		want(!slices.Contains(s.Watermark[:i], name), "watermark: %q stands there twice", name)
	}
	want(s.From == fromStart || s.From == fromEnd || s.From == "", "from: %q: want start or end", s.From)
	want(s.LookBack == "" || s.Pushed(), "look_back: goes with watermark")
	want(s.Expect == 0 || s.Pushed(), "expect: goes with watermark")
	if _, err := parseLookBack(s.LookBack); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *Settings) checkColumns() error {
	if _, err := parseZone(s.TimeZone, nil); err != nil {
		return err
	}
	return nil
}

func (s *Settings) checkNumbers() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(s.Every == 0 || s.Every >= 10*time.Millisecond, "every: %s: want 0s, or at least 10ms", unit.FormatDuration(s.Every))
	want(s.Expect >= 0, "expect: %s: want 0s or more", unit.FormatDuration(s.Expect))
	want(s.ConnectTimeout > 0 && s.ConnectTimeout <= time.Minute, "connect_timeout: %s: want more than 0s and at most 1m", unit.FormatDuration(s.ConnectTimeout))
	want(s.Timeout >= time.Millisecond && s.Timeout <= 10*time.Minute, "timeout: %s: want 1ms to 10m", unit.FormatDuration(s.Timeout))
	want(s.Limit > 0 && s.Limit <= maxRows, "limit: %d: want 1 to %d", s.Limit, maxRows)
	want(s.MaxRow > 0 && s.MaxRow <= rowLimit, "max_row: %s: want 1B to %s", s.MaxRow, rowLimit)
	return errors.Join(errs...)
}
