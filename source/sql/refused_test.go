//go:build integration

package sql

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/source/sql/session"
)

func theLatestRowsAreItems(t *testing.T, p *peer) {
	p.meters(t, "latest")
	p.insert(t, "latest", row("2026-11-30 11:00:00", 1), row("2026-11-30 12:00:00", 2))
	p.exec(t, "UPDATE latest SET note='west' WHERE id=2")
	o := openSource(t, p.settings("SELECT note AS meter, ts, kwh FROM latest ORDER BY ts DESC", func(s *Settings) { s.Item, s.Time, s.TimeZone = "meter", "ts", "UTC" }), nil)
	b, err := o.observe(t)
	if err != nil || len(b.Readings) != 2 || b.Cursor != nil {
		t.Fatalf("got %v, %v", b, err)
	}
	r := b.Readings[0]
	if r.Item != "west" || !r.SourceTime.Equal(time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)) || r.ContentType != "application/json" || r.Quality != dodona.Good || !strings.Contains(r.Detail, "2 rows") {
		t.Errorf("got %+v", r)
	}
	p.exec(t, "UPDATE latest SET note=NULL WHERE id=2; UPDATE latest SET note='east' WHERE id=1")
	if b, err = o.observe(t); err != nil || len(b.Readings) != 2 {
		t.Fatalf("got %v, %v", b, err)
	}
	if r := b.Readings[0]; r.Quality != dodona.Bad || !strings.HasPrefix(r.Detail, "item meter is NULL") || b.Readings[1].Quality != dodona.Good {
		t.Errorf("a row without its item is %+v", r)
	}
	p.exec(t, "DELETE FROM latest")
	if _, err = o.observe(t); err == nil || !strings.Contains(err.Error(), "gave no row") {
		t.Errorf("no rows: %v", err)
	}
	p.insert(t, "latest", row(noon, 3))
	if b, err = o.observe(t); err != nil || len(b.Readings) != 1 {
		t.Errorf("after that came %v, %v", b, err)
	}
}

func whatIsWrongWithAQueryIsTold(t *testing.T, p *peer) {
	p.meters(t, "wrong")
	p.insert(t, "wrong", row(noon, 1), row(noon, 2))
	var wide []string
	for i := range maxColumns + 1 {
		wide = append(wide, fmt.Sprintf("1 AS c%d", i))
	}
	for _, c := range []struct {
		query, want string
		permanent   bool
		change      func(*Settings)
	}{
		{"SELECT kwh FROM wrung", "wrung", true, nil},
		{"SELECT kwhh FROM wrong", "kwhh", true, nil},
		{"SELECT 1 AS a, 2 AS a", `two columns are called "a"`, true, nil},
		{"SELECT " + strings.Join(wide, ","), "257 columns, and 256 are read", true, nil},
		{"SELECT * FROM wrong", "it gives more than 1 rows (limit), so which are the latest is not known", false, func(s *Settings) { s.Limit = 1 }},
		{"SELECT id FROM wrong", `item: there is no column "meter"; there are id`, true, func(s *Settings) { s.Item = "meter" }},
		{"SELECT id FROM wrong", `time: there is no column "ts"; there are id`, true, func(s *Settings) { s.Time = "ts" }},
		{"SELECT id FROM wrong", "ts", true, func(s *Settings) { s.Watermark = []string{"ts"} }},
		{"SELECT * FROM wrong", "two rows have the same watermark, ", true, func(s *Settings) { s.Watermark = []string{"ts"} }},
		{"SELECT * FROM wrong", "look_back: 10 is a number, and ts is none", true, func(s *Settings) { s.Watermark, s.LookBack = []string{"ts", "id"}, "10" }},
		{"SELECT * FROM wrong", "look_back: 10s is a time, and id is none", true, func(s *Settings) { s.Watermark, s.LookBack = []string{"id"}, "10s" }},
	} {
		s := p.settings(c.query)
		if c.change != nil {
			c.change(s)
		}
		o := openSource(t, s, nil)
		for range 2 { // the first look of a watermark has no mark to look back from
			b, err := o.observe(t)
			if err == nil && len(b.Readings) > 0 && s.LookBack != "" {
				continue
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || dodona.IsPermanent(err) != c.permanent {
				t.Errorf("%.60s: got %v (permanent %t), want %s", c.query, err, dodona.IsPermanent(err), c.want)
			}
		}
	}
}

// theSessionOnlyReads asks the database itself, past what a query's words are checked for, and as a user who may write.
func theSessionOnlyReads(t *testing.T, p *peer) {
	p.meters(t, "safe")
	p.insert(t, "safe", row(noon, 1))
	owner := p.settings("SELECT 1", func(s *Settings) {
		if p.driver != sqliteDriver {
			s.User = "edge"
		}
	})
	statements := []string{"DELETE FROM safe", "INSERT INTO safe SELECT ts, id+1, kwh, note FROM safe", "CREATE TABLE unsafe (id int)"}
	queries := []string{}
	switch p.driver {
	case postgresDriver:
		p.exec(t, "CREATE SEQUENCE safe_seq; CREATE FUNCTION empties() RETURNS int LANGUAGE sql AS 'DELETE FROM safe; SELECT 1'")
		queries = append(queries, "SELECT nextval('safe_seq')", "SELECT empties()", "SELECT set_config('transaction_read_only','off',false), empties()")
		statements = append(statements, "WITH gone AS (DELETE FROM safe RETURNING *) SELECT * FROM gone")
	case mysqlDriver:
		p.exec(t, "CREATE FUNCTION empties() RETURNS int BEGIN DELETE FROM safe; RETURN 1; END")
		queries = append(queries, "SELECT empties()")
	}
	for _, statement := range append(statements, queries...) {
		r := &reader{settings: *owner, dialect: dialects()[p.driver]}
		if err := r.connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := r.session.Select(t.Context(), statement, nil, func([]session.Column, []session.Value) bool { return true })
		if !errors.Is(err, session.ErrWrites) && !errors.Is(err, session.ErrHopeless) {
			t.Errorf("%s: %v", statement, err)
		}
		r.drop()
	}
	for _, query := range queries {
		owner.Query = query
		_, err := openSource(t, owner, nil).observe(t)
		if !dodona.IsPermanent(err) || !strings.Contains(err.Error(), "the query writes, and this source only reads; leave out what writes: ") && !strings.Contains(err.Error(), "cannot") {
			t.Errorf("%s: %v", query, err)
		}
	}
	if got := rowsOf(t, openSource(t, p.settings("SELECT id FROM safe"), nil)); len(got) != 1 || got[0] != `{"id":1}` {
		t.Errorf("the table has %v", got)
	}
}

func aStatementEndsInTime(t *testing.T, p *peer) {
	slow := map[Driver]string{
		postgresDriver: "SELECT pg_sleep(120)::text AS t", mysqlDriver: "SELECT count(*) AS n FROM seq_1_to_100000000 a, seq_1_to_100000000 b",
		sqliteDriver: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) AS n FROM n",
	}[p.driver]
	o := openSource(t, p.settings(slow, func(s *Settings) { s.Timeout = 300 * time.Millisecond }), nil)
	began := time.Now()
	_, err := o.observe(t)
	if err == nil || dodona.IsPermanent(err) || !strings.Contains(err.Error(), "ended after timeout (300ms)") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
}

// aServerThatSaysNothingIsLeft once its own time-out must have been over, though the connection stands.
func aServerThatSaysNothingIsLeft(t *testing.T, p *peer) {
	if p.driver == sqliteDriver {
		return // a file says what it has
	}
	s := p.settings("SELECT 1 AS a", func(s *Settings) { s.Timeout = 100 * time.Millisecond })
	relay := nettest.NewRelay(t, s.Address)
	s.Address = relay.Address
	o := openSource(t, s, nil)
	if _, err := o.observe(t); err != nil {
		t.Fatal(err)
	}
	relay.Freeze()
	if _, err := o.observe(t); err == nil || dodona.IsPermanent(err) || !strings.Contains(err.Error(), "the server did not answer in ") {
		t.Errorf("got %v", err)
	}
}

// aConnectionThatEndedIsMadeAnewAtOnce because servers and firewalls end those that are idle; no exchange fails for it.
func aConnectionThatEndedIsMadeAnewAtOnce(t *testing.T, p *peer) {
	query := map[Driver]string{postgresDriver: "SELECT pg_backend_pid() AS id", mysqlDriver: "SELECT CONNECTION_ID() AS id"}[p.driver]
	if query == "" {
		return // a file has no connection
	}
	end := map[Driver]string{postgresDriver: "SELECT pg_terminate_backend(%d)", mysqlDriver: "KILL %d"}[p.driver]
	o := openSource(t, p.settings(query), nil)
	before := 0
	for range 3 {
		b, err := o.observe(t)
		if err != nil {
			t.Fatal(err)
		}
		now := ids(t, b)[0]
		if now == before {
			t.Errorf("the connection %d goes on", now)
		}
		p.exec(t, fmt.Sprintf(end, now))
		before = now
	}
}
