//go:build integration

package sql

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dodona-oracle/dodona"
)

// meters makes a table with a time and an id, in the words of each database.
func (p *peer) meters(t testing.TB, name string) {
	t.Helper()
	times := map[Driver]string{postgresDriver: "timestamptz", mysqlDriver: "datetime(6)", sqliteDriver: "DATETIME"}[p.driver]
	p.exec(t, fmt.Sprintf("CREATE TABLE %s (ts %s NOT NULL, id bigint PRIMARY KEY, kwh numeric(20,6), note varchar(9000)); CREATE INDEX %[1]s_ts ON %[1]s (ts, id)", name, times))
}

const noon = "2026-11-30 12:00:00"

func row(ts string, id int) string { return fmt.Sprintf("('%s', %d, %d.5, 'x')", ts, id, id) }

func (p *peer) insert(t testing.TB, table string, rows ...string) {
	t.Helper()
	p.exec(t, "INSERT INTO "+table+" VALUES "+strings.Join(rows, ","))
}

func following(table string, more ...func(*Settings)) (query string, change func(*Settings)) {
	return "SELECT * FROM " + table, func(s *Settings) {
		s.Watermark, s.Every = []string{"ts", "id"}, 20*time.Millisecond
		for _, m := range more {
			m(s)
		}
	}
}

// ids returns those of a batch.
func ids(t testing.TB, b dodona.Batch) (all []int) {
	t.Helper()
	for _, r := range b.Readings {
		var row struct{ ID int }
		if err := json.Unmarshal(r.Body, &row); err != nil {
			t.Fatal(err)
		}
		all = append(all, row.ID)
	}
	return all
}

// until reads batches until it has n ids, and returns them and the last cursor.
func (o *opened) until(t testing.TB, n int) (all []int, cursor []byte) {
	t.Helper()
	for len(all) < n {
		b, err := o.observe(t)
		if err != nil {
			t.Fatalf("after %d of %d rows: %v", len(all), n, err)
		}
		all = append(all, ids(t, b)...)
		if b.Cursor != nil {
			cursor = b.Cursor
		}
	}
	return all, cursor
}

// quiet fails if something comes in a while.
func (o *opened) quiet(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	for ctx.Err() == nil {
		if b, err := o.Observe(ctx); err == nil && len(b.Readings) > 0 {
			t.Errorf("%v came again", ids(t, b))
		}
	}
}

func count(from, to int) (all []int) {
	for i := from; i <= to; i++ {
		all = append(all, i)
	}
	return all
}

func rowsOfOneInstantAreEachReadOnce(t *testing.T, p *peer) {
	p.meters(t, "ties")
	var rows []string
	for i := 1; i <= 250; i++ {
		rows = append(rows, row(noon, i))
	}
	p.insert(t, "ties", rows...)
	query, change := following("ties", func(s *Settings) { s.Limit = 100 })
	o := openSource(t, p.settings(query, change), nil)
	got, cursor := o.until(t, 250)
	p.insert(t, "ties", row(noon, 251))
	more, _ := o.until(t, 1)
	if want := count(1, 251); !slices.Equal(append(got, more...), want) {
		t.Errorf("got %v and %v", got, more)
	}
	again := openSource(t, p.settings(query, change), cursor)
	if more, _ := again.until(t, 1); !slices.Equal(more, []int{251}) {
		t.Errorf("from the cursor came %v", more)
	}
	again.quiet(t)
}

func whatWasNotJournaledIsReadAgainAndNothingElse(t *testing.T, p *peer) {
	p.meters(t, "kept")
	for i := 1; i <= 5; i++ {
		p.insert(t, "kept", row(noon, i))
	}
	query, change := following("kept", func(s *Settings) { s.Limit, s.LookBack = 2, "1m" })
	var cursor []byte // of what is journaled
	var journaled []int
	for killed := range 6 {
		o := openSource(t, p.settings(query, change), cursor)
		b, err := o.observe(t)
		if err != nil {
			t.Fatal(err)
		}
		if killed%2 == 1 { // else it is killed between read and publish
			cursor, journaled = b.Cursor, append(journaled, ids(t, b)...)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(journaled, count(1, 5)) {
		t.Errorf("the journal has %v", journaled)
	}
}

// pending begins a transaction that inserts a row, and returns what commits it.
func (p *peer) pending(t testing.TB, table, row string) (commit func()) {
	t.Helper()
	insert := "INSERT INTO " + table + " VALUES " + row
	s := p.settings("SELECT 1")
	if p.driver == postgresDriver {
		c, err := pgconn.Connect(t.Context(), fmt.Sprintf("host=127.0.0.1 port=%s user=edge password='%s' dbname=postgres sslmode=disable", s.Address[len("127.0.0.1:"):], password))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exec(t.Context(), "BEGIN; "+insert).ReadAll(); err != nil {
			t.Fatal(err)
		}
		return func() {
			if _, err := c.Exec(t.Context(), "COMMIT").ReadAll(); err != nil {
				t.Fatal(err)
			}
			_ = c.Close(t.Context())
		}
	}
	db, err := stdsql.Open("mysql", "root@tcp("+s.Address+")/plant")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(insert); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		_ = db.Close()
	}
}

// rowsThatCommitLateAreReadOnce reads rows whose transaction ends after later ones were read; SQLite has one writer, so there
// a row simply comes later with an earlier time.
func rowsThatCommitLateAreReadOnce(t *testing.T, p *peer) {
	p.meters(t, "late")
	p.insert(t, "late", row("2026-11-30 11:59:30", 1))
	commit := func() { p.insert(t, "late", row("2026-11-30 11:59:40", 2)) }
	if p.driver != sqliteDriver {
		commit = p.pending(t, "late", row("2026-11-30 11:59:40", 2))
	}
	p.insert(t, "late", row("2026-11-30 12:00:00", 3))
	query, change := following("late", func(s *Settings) { s.LookBack = "1m" })
	o := openSource(t, p.settings(query, change), nil)
	got, _ := o.until(t, 2)
	commit()
	late, cursor := o.until(t, 1)
	if !slices.Equal(got, []int{1, 3}) || !slices.Equal(late, []int{2}) {
		t.Errorf("got %v, and late %v; want 1 and 3, then 2", got, late)
	}
	o.quiet(t)
	_ = o.Close()
	again := openSource(t, p.settings(query, change), cursor)
	again.quiet(t)
	p.insert(t, "late", row("2026-11-30 11:58:00", 4), row("2026-11-30 12:00:30", 5)) // 4 is behind the window
	if more, _ := again.until(t, 1); !slices.Equal(more, []int{5}) {
		t.Errorf("after the restart came %v, want 5", more)
	}
	again.quiet(t)
}

func lookBackOfNumbersFindsGapsThatFill(t *testing.T, p *peer) {
	p.meters(t, "gaps")
	p.insert(t, "gaps", row(noon, 1), row(noon, 3))
	query, change := following("gaps", func(s *Settings) { s.Watermark, s.LookBack, s.From = []string{"id"}, "10", fromEnd })
	o := openSource(t, p.settings(query, change), nil)
	if b, err := o.observe(t); err != nil || len(b.Readings) != 0 || b.Cursor == nil {
		t.Fatalf("the first look from the end gave %v, %v; want a cursor alone", b, err)
	}
	p.insert(t, "gaps", row(noon, 2), row(noon, 4))
	if got, _ := o.until(t, 2); !slices.Equal(got, []int{2, 4}) {
		t.Errorf("got %v", got)
	}
	o.quiet(t)
}

func aWindowOfMoreRowsThanAreRememberedRepeatsNothing(t *testing.T, p *peer) {
	p.meters(t, "many")
	const n = maxSeen + 700
	var rows []string
	for i := 1; i <= n; i++ {
		rows = append(rows, row(noon, 2*i))
	}
	p.insert(t, "many", rows...)
	query, change := following("many", func(s *Settings) { s.LookBack = "1h" })
	o := openSource(t, p.settings(query, change), nil)
	got, cursor := o.until(t, n)
	slices.Sort(got)
	if len(slices.Compact(got)) != n {
		t.Errorf("%d of %d rows came, some of them twice", len(got), n)
	}
	p.exec(t, fmt.Sprintf("DELETE FROM many WHERE id > %d", 2*n-20)) // so that older rows move into what is looked at
	o.quiet(t)
	again := openSource(t, p.settings(query, change), cursor)
	again.quiet(t)
	p.insert(t, "many", row(noon, 2*n-201))
	if late, _ := again.until(t, 1); !slices.Equal(late, []int{2*n - 201}) {
		t.Errorf("late came %v", late)
	}
	again.quiet(t)
	fresh := openSource(t, p.settings(query, change, func(s *Settings) { s.From = fromEnd }), nil) // it knows of none of them
	fresh.quiet(t)
	if !strings.Contains(fresh.log.String(), "look_back holds more than 2048 rows; among the newest of them alone those that come late are found") {
		t.Errorf("it is not told that look_back holds more than is remembered: %s", fresh.log.String())
	}
}

func rowsThatAreTooLargeAreSteppedOverAndCounted(t *testing.T, p *peer) {
	text := map[Driver]string{postgresDriver: "text", mysqlDriver: "longtext", sqliteDriver: "TEXT"}[p.driver]
	p.exec(t, "CREATE TABLE large (id bigint PRIMARY KEY, t "+text+")")
	huge := map[Driver]string{postgresDriver: "repeat('x', 9000000)", mysqlDriver: "repeat('x', 9000000)", sqliteDriver: "printf('%.*c', 9000000, 'x')"}[p.driver]
	p.exec(t, "INSERT INTO large VALUES (1,'a'); INSERT INTO large VALUES (2,"+strings.Replace(huge, "9000000", "100000", 1)+"); INSERT INTO large VALUES (3,'c'); INSERT INTO large VALUES (4,"+huge+
		"); INSERT INTO large VALUES (5,"+huge+"); INSERT INTO large VALUES (6,'f')")
	o := openSource(t, p.settings("SELECT * FROM large", func(s *Settings) { s.Watermark, s.LookBack, s.Every = []string{"id"}, "100", 20*time.Millisecond }), nil)
	got, cursor := o.until(t, 3)
	if !slices.Equal(got, []int{1, 3, 6}) || o.dropped != 3 || !strings.Contains(o.cause, "larger than max_row (64KiB)") {
		t.Errorf("got %v, and %d dropped (%s)", got, o.dropped, o.cause)
	}
	p.exec(t, "INSERT INTO large VALUES (0,"+huge+"); INSERT INTO large VALUES (-1,'z')") // late ones
	if late, _ := o.until(t, 1); !slices.Equal(late, []int{-1}) || o.dropped != 4 {
		t.Errorf("late came %v, and %d were dropped", late, o.dropped)
	}
	o.quiet(t)
	again := openSource(t, p.settings("SELECT * FROM large", func(s *Settings) { s.Watermark, s.Every = []string{"id"}, 20*time.Millisecond }), cursor)
	again.quiet(t)
}

// watermarksOfEveryOrderedTypeGoOn by the database's own order, without a loss of digits.
func watermarksOfEveryOrderedTypeGoOn(t *testing.T, p *peer) {
	columns := map[Driver][]string{
		postgresDriver: {"bigint", "numeric(30,6)", "timestamptz", "timestamp", "uuid", "text", "bytea", "double precision", "date"},
		mysqlDriver:    {"bigint", "bigint unsigned", "decimal(30,6)", "timestamp(6)", "datetime(6)", "varchar(36)", "varbinary(36)", "double", "date"},
		sqliteDriver:   {"INTEGER", "TEXT", "DATETIME", "BLOB", "REAL"},
	}[p.driver]
	values := func(column string) []string {
		switch c := strings.ToLower(column); {
		case strings.Contains(c, "unsigned"):
			return []string{"18446744073709551613", "18446744073709551614", "18446744073709551615"}
		case strings.Contains(c, "int"):
			return []string{"9007199254740992", "9007199254740993", "9007199254740994"}
		case strings.HasPrefix(c, "num"), strings.HasPrefix(c, "dec"):
			return []string{"12345678901234567890.123456", "12345678901234567890.123457", "12345678901234567890.123458"}
		case strings.Contains(c, "time"):
			return []string{"'2026-11-30 12:00:00.000001'", "'2026-11-30 12:00:00.000002'", "'2026-11-30 12:00:00.000003'"}
		case c == "date":
			return []string{"'2026-11-28'", "'2026-11-29'", "'2026-11-30'"}
		case c == "bytea":
			return []string{`'\x00ff'`, `'\x01ff'`, `'\xffff'`}
		case strings.Contains(c, "binary"), c == "blob":
			return []string{"X'00ff'", "X'01ff'", "X'ffff'"}
		case c == "double", c == "double precision", c == "real":
			return []string{"0.1", "0.30000000000000004", "1e300"}
		}
		return []string{"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a13'"}
	}
	for i, column := range columns {
		table := fmt.Sprintf("w%d", i)
		p.exec(t, fmt.Sprintf("CREATE TABLE %s (w %s, id int)", table, column))
		for id, v := range values(column) {
			p.exec(t, fmt.Sprintf("INSERT INTO %s VALUES (%s, %d)", table, v, id+1))
		}
		settings := p.settings("SELECT * FROM "+table, func(s *Settings) { s.Watermark, s.Limit, s.Every = []string{"w"}, 1, 20*time.Millisecond })
		o := openSource(t, settings, nil)
		got, cursor := o.until(t, 3)
		if !slices.Equal(got, []int{1, 2, 3}) {
			t.Errorf("%s: got %v", column, got)
		}
		o.quiet(t)
		openSource(t, settings, cursor).quiet(t)
	}
}

// rowsThatWouldBeLostAreTold where the mark is ahead of what comes: a clock that lies, and a table that is numbered anew.
func rowsThatWouldBeLostAreTold(t *testing.T, p *peer) {
	p.meters(t, "ahead")
	p.insert(t, "ahead", row("2199-01-01 00:00:00", 7))
	query, change := following("ahead", func(s *Settings) { s.TimeZone = "UTC" })
	settings := p.settings(query, change)
	o := openSource(t, settings, nil)
	_, cursor := o.until(t, 1)
	if !strings.Contains(o.log.String(), "ahead of this clock") || !strings.Contains(o.log.String(), "2199-01-01") {
		t.Errorf("a row of the far future is not told: %s", o.log.String())
	}
	p.exec(t, "DELETE FROM ahead")
	openSource(t, settings, cursor).quiet(t) // nothing is there: nothing to tell
	p.insert(t, "ahead", row(noon, 8))
	again := openSource(t, settings, cursor)
	again.quiet(t)
	if !strings.Contains(again.log.String(), "restored or numbered anew") || again.log.Times("WARN") != 1 {
		t.Errorf("a table that is numbered anew is not told, or too often: %s", again.log.String())
	}
}
