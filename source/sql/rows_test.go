//go:build integration

package sql

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/source"
)

// A reader that is open, with what it dropped.
type opened struct {
	dodona.Source
	dropped uint64
	cause   string
	log     logtest.Text
}

func openSource(t testing.TB, s *Settings, cursor []byte) *opened {
	t.Helper()
	o := &opened{}
	env := source.Env{Source: "plant", Version: "test", Cursor: cursor, Log: slog.New(slog.NewTextHandler(&o.log, nil)), Dropped: func(n uint64, cause string) { o.dropped, o.cause = o.dropped+n, cause }}
	var err error
	if o.Source, err = Kind.Open(t.Context(), s, env); err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

// observe makes one exchange within a minute.
func (o *opened) observe(t testing.TB) (dodona.Batch, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return o.Observe(ctx)
}

// rowsOf makes one exchange and returns its bodies.
func rowsOf(t testing.TB, o *opened) (bodies []string) {
	t.Helper()
	b, err := o.observe(t)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range b.Readings {
		if !json.Valid(r.Body) {
			t.Errorf("row %s is not JSON", r.Body)
		}
		bodies = append(bodies, string(r.Body))
	}
	return bodies
}

var kinds = map[Driver]struct{ create, want string }{
	postgresDriver: {
		`CREATE TABLE kinds (id bigint, n numeric(20,6), z numeric, nan numeric, r real, d double precision, big bigint, yes boolean, b bytea, j jsonb, t text, e text, tz timestamptz, ts timestamp, da date, ti interval, u uuid, a int[], no int);
		INSERT INTO kinds VALUES (1, 12345678901234.123456, 1.10, 'NaN', 0.1, 1e-7, 9223372036854775807, true, '\x00ff', '{"p": 1.10}', E'a"\\<é\n', '', '2026-11-30 12:00:00.25+02', '2026-11-30 12:00:00', '2026-11-30', '90 minutes', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{1,2}', NULL)`,
		`{"id":1,"n":12345678901234.123456,"z":1.10,"nan":"NaN","r":0.1,"d":1e-07,"big":9223372036854775807,"yes":true,"b":"00ff","j":{"p": 1.10},"t":"a\"\\<é\n","e":"","tz":"2026-11-30T10:00:00.25Z","ts":"2026-11-30T11:00:00Z","da":"2026-11-30","ti":"PT1H30M","u":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","a":"{1,2}","no":null}`,
	},
	mysqlDriver: {
		`CREATE TABLE kinds (id bigint, n numeric(20,6), z decimal(65,30), r float, d double, big bigint, ubig bigint unsigned, yes boolean, b varbinary(9), t varchar(20) character set utf8mb4, l varchar(9) character set latin1, x longtext, tz timestamp(3) NULL, ts datetime, da date, ti time(1), y year, bi bit(9), en enum('on','off'), no int, g geometry);
		SET time_zone='+02:00'; INSERT INTO kinds VALUES (1, 12345678901234.123456, 1.1, 0.1, 1e-7, 9223372036854775807, 18446744073709551615, true, X'00ff', 'a"\\<é
', 'é', 'x', '2026-11-30 12:00:00.25', '2026-11-30 12:00:00', '2026-11-30', '25:30:00.5', 2026, b'100000001', 'off', NULL, ST_GeomFromText('POINT(1 1)'))`,
		`{"id":1,"n":12345678901234.123456,"z":1.100000000000000000000000000000,"r":0.1,"d":1e-07,"big":9223372036854775807,"ubig":18446744073709551615,"yes":1,"b":"00ff","t":"a\"\\<é\n","l":"é","x":"x","tz":"2026-11-30T10:00:00.25Z","ts":"2026-11-30T11:00:00Z","da":"2026-11-30","ti":"25:30:00.5","y":2026,"bi":257,"en":"off","no":null,"g":null}`,
	},
	sqliteDriver: {
		`CREATE TABLE kinds (id INTEGER, n TEXT, z NUMERIC(20,6), d REAL, big INTEGER, yes BOOLEAN, b BLOB, t TEXT, tz DATETIME, ts TIMESTAMP, da DATE, sec DATETIME, no INTEGER);
		INSERT INTO kinds VALUES (1, '12345678901234.123456', 12.5, 1e-7, 9223372036854775807, 1, X'00ff', 'a"\<é
', '2026-11-30 12:00:00.25+02:00', '2026-11-30 12:00:00', '2026-11-30', 1796036400, NULL)`,
		`{"id":1,"n":"12345678901234.123456","z":12.5,"d":1e-07,"big":9223372036854775807,"yes":true,"b":"00ff","t":"a\"\\<é\n","tz":"2026-11-30T10:00:00.25Z","ts":"2026-11-30T11:00:00Z","da":"2026-11-30","sec":1796036400,"no":null}`,
	},
}

func everyTypeIsExact(t *testing.T, p *peer) {
	p.exec(t, kinds[p.driver].create)
	o := openSource(t, p.settings("SELECT * FROM kinds;", func(s *Settings) { s.TimeZone = "+01:00" }), nil)
	for range 2 { // the second time with the prepared statement
		if got, want := rowsOf(t, o), kinds[p.driver].want; len(got) != 1 || got[0] != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if told := o.log.Times("is null: its type GEOMETRY is not read; convert it in the query"); (told == 1) != (p.driver == mysqlDriver) {
		t.Errorf("%d lines say that a column is not read: %s", told, o.log.String())
	}
	followed := openSource(t, p.settings("SELECT * FROM kinds -- all of them", func(s *Settings) { s.TimeZone, s.Watermark = "+01:00", []string{"id"} }), nil)
	if got, want := rowsOf(t, followed), kinds[p.driver].want; len(got) != 1 || got[0] != want {
		t.Errorf("with a watermark got %s\nwant %s", got, want)
	}
	if told := followed.log.Times("15 to 17 digits"); (told > 0) != (p.driver == sqliteDriver) {
		t.Errorf("%d lines say that digits are lost", told)
	}
}
