package sql

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/loopback"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/source/sql/session"
)

// dialects are those of this build; a file for each driver fills in its own.
func dialects() map[Driver]session.Dialect {
	return map[Driver]session.Dialect{postgresDriver: postgresDialect, mysqlDriver: mysqlDialect, sqliteDriver: sqliteDialect}
}

// largestMessage is what is read of a row before it is given up: far more than a row may have.
const largestMessage = 4 << 20

// A reader is one connection to a database, which is made when it is needed.
type reader struct {
	settings Settings
	env      source.Env
	dialect  session.Dialect
	query    string
	zone     *time.Location

	mu      sync.Mutex // held by an exchange, and by Close
	session session.Session
	closing chan struct{} // closed by Close, so that an exchange ends
	once    sync.Once
	told    map[string]bool // what the log has already
}

func open(_ context.Context, s Settings, env source.Env) (dodona.Source, error) {
	if err := s.Check(); err != nil {
		return nil, dodona.Permanent(err)
	}
	dialect := dialects()[s.Driver]
	if dialect.Open == nil {
		return nil, dodona.Permanent(fmt.Errorf("this build has no %s; it was built with -tags no.source.sql.%[1]s", s.Driver))
	}
	zone, err := parseZone(s.TimeZone, time.LoadLocation)
	if err != nil {
		return nil, dodona.Permanent(err)
	}
	r := &reader{settings: s, env: env, dialect: dialect, query: bare(s.Query), zone: zone, closing: make(chan struct{}), told: map[string]bool{}}
	r.warn()
	if s.Pushed() {
		return openFollower(r)
	}
	return &latest{reader: r}, nil
}

// warn says what of the settings is no mistake and yet a danger.
func (r *reader) warn() {
	if r.settings.Driver == sqliteDriver || r.settings.Password.IsZero() {
		return
	}
	network, address := r.settings.endpoint()
	host, _ := splitHost(address)
	switch {
	case network == "unix" || loopback.Is(host):
	case r.settings.TLS.Mode == modeOff:
		r.tell("the password goes without tls, where anybody on the way reads it; set tls: verify")
	case r.settings.TLS.Mode == modeRequire:
		r.tell("tls: require believes whoever answers, also with the password; set tls: {ca: FILE}")
	}
}

// tell warns once.
func (r *reader) tell(what string) {
	if !r.told[what] && len(r.told) < 100 {
		r.told[what] = true
		r.env.Log.Warn(r.env.Source+": "+what, "source", r.env.Source)
	}
}

func (r *reader) tellUnread(c session.Column) {
	// Fault (log): a column is of a type that is not read.
	r.tell(fmt.Sprintf("column %s is null: its type %s is not read; convert it in the query, with CAST or a function of that type", plain.Quote(c.Name, 60), cmp.Or(plain.Line(c.Type, 60), "has no name and")))
}

func (r *reader) tellRounded(c session.Column) {
	r.tell(fmt.Sprintf("column %s is %s, of which SQLite itself keeps 15 to 17 digits, as a binary floating point number; declare it TEXT where more count", plain.Quote(c.Name, 60), plain.Line(c.Type, 60)))
}

// errClosed: Observe was called, or was waiting, when the source was closed. Open it again.
var errClosed = errors.New("the source is closed")

// Close ends the connection, and the exchange that is under way.
func (r *reader) Close() error {
	r.once.Do(func() { close(r.closing) })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop()
	return nil
}

func (r *reader) drop() {
	if r.session != nil {
		r.session.Close()
		r.session = nil
	}
}

// exchange runs ask on a connection. One that was kept and is dead is made anew at once, if ask came to nothing; after any error the connection is given up.
// Ask may be called twice, and must begin anew.
func (r *reader) exchange(ctx context.Context, ask func(ctx context.Context) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // ends with the exchange
		select {
		case <-r.closing:
			cancel()
		case <-stop:
		}
	}()
	select {
	case <-r.closing:
		return errClosed
	default:
	}
	kept := r.session != nil
	err := r.attempt(ctx, ask)
	if kept && err != nil && ctx.Err() == nil && !told(err) {
		err = r.attempt(ctx, ask)
	}
	select {
	case <-r.closing:
		return errClosed
	default:
	}
	return r.judge(err)
}

// told reports whether it was the database that refused, or time that ran out: another connection would change nothing.
func told(err error) bool {
	for _, is := range []error{session.ErrWrites, session.ErrSlow, session.ErrHopeless, session.ErrTooLarge, context.DeadlineExceeded, errQuery} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

func (r *reader) attempt(ctx context.Context, ask func(ctx context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the driver panicked: %v", v)
		}
		if err != nil {
			r.drop()
		}
	}()
	if r.session == nil {
		if err := r.connect(ctx); err != nil {
			return err
		}
	}
	return ask(ctx)
}

func (r *reader) connect(ctx context.Context) error {
	s := r.settings
	o := session.Options{
		Path: s.Path, Database: s.Database, User: s.User, Connect: s.ConnectTimeout, Statement: s.Timeout,
		Largest: largestMessage, Rows: s.Limit, Program: "dodona " + r.env.Source,
	}
	if s.Driver != sqliteDriver {
		o.Network, o.Address = s.endpoint()
		var err error
		if o.Password, err = s.Password.Reveal(); err != nil {
			return fmt.Errorf("%w: password: %w", session.ErrHopeless, err)
		}
		if o.TLS, err = s.TLS.config(o.Network, o.Address); err != nil {
			return fmt.Errorf("%w: %w", session.ErrHopeless, err)
		}
	}
	opened, err := r.dialect.Open(ctx, o)
	if err != nil {
		return err
	}
	r.session = opened
	return nil
}

// run runs one statement, which has its time.
func (r *reader) run(ctx context.Context, text string, args []session.Value, take func([]session.Column, []session.Value) bool) error {
	ctx, cancel := context.WithTimeout(ctx, r.settings.Timeout+margin)
	defer cancel()
	err := r.session.Select(ctx, text, args, take)
	if err != nil && ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && !errors.Is(err, session.ErrSlow) {
		// Fault (exchange): a server does not answer in time, or byte by byte.
		return fmt.Errorf("the server did not answer in %v: %w", r.settings.Timeout+margin, ctx.Err())
	}
	return err
}

// errQuery marks what is wrong with the rows that a query gives, whichever connection they come by.
var errQuery = errors.New("query")

// judge says what an error of an exchange means to the pump, and to people.
func (r *reader) judge(err error) error {
	where := "SELECT from " + r.place()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, session.ErrWrites):
		// Fault (exchange): a query writes: it is never tried again as it is.
		return dodona.Permanent(fmt.Errorf("%s: the query writes, and this source only reads; leave out what writes: %w", where, err))
	case errors.Is(err, session.ErrSlow):
		// Fault (exchange): a query takes too long.
		return fmt.Errorf("%s: ended after timeout (%v); an index on what the query asks by may help: %w", where, r.settings.Timeout, err)
	case errors.Is(err, session.ErrHopeless):
		return dodona.Permanent(fmt.Errorf("%s: %w", where, err))
	}
	return fmt.Errorf("%s: %w", where, err)
}

// place names the database, without a secret.
func (r *reader) place() string {
	s := r.settings
	if s.Driver == sqliteDriver {
		return plain.Line(s.Path, 100)
	}
	return plain.Line(s.Peer()+"/"+s.Database, 100)
}

// detail describes an exchange in the readings that it brought.
func (r *reader) detail(readings []dodona.Reading, began time.Time) {
	took := r.env.Now().Sub(began)
	said := fmt.Sprintf("SELECT from %s %s, %s, %d ms", r.settings.Driver, r.place(), unit.Count(len(readings), "row"), took.Milliseconds())
	now := r.env.Now()
	for i := range readings {
		readings[i].Source = r.env.Source
		readings[i].Received = now.Add(time.Duration(i)) // of rows that came together the later one is the later
		if fault := readings[i].Detail; fault != "" {
			readings[i].Detail = plain.Line(fault+"; "+said, 200)
			continue
		}
		readings[i].Detail = said
	}
}
