package sql

import (
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/source/sql/session"
)

func TestAQueryIsOneThatReads(t *testing.T) {
	for _, c := range []struct {
		driver      Driver
		query, want string // part of the mistake; empty: none
	}{
		{postgresDriver, "SELECT 1", ""},
		{postgresDriver, " -- first\n/* a /* nested */ one */ with x as (select 1) select * from x ;\n", ""},
		{postgresDriver, "TABLE readings", ""},
		{postgresDriver, "SELECT 'into; DROP', \"into\", $$ into ; $$, $a$ ; $$ into $a$ FROM t", ""},
		{postgresDriver, `SELECT E'it\'s into ;' FROM t`, ""},
		{postgresDriver, "SELECT a FROM t WHERE b = $1 AND c ~ 'x$y' AND d = '$'", ""},
		{mysqlDriver, "SELECT `into`, 'it\\'s; into', \"it\\\"s into\" FROM t # into\n WHERE a > 0", ""},
		{sqliteDriver, "SELECT substr(t, 1) AS updated, update_time FROM t", ""},
		{postgresDriver, "", "missing"},
		{postgresDriver, "-- nothing", "nothing but comments"},
		{postgresDriver, "DELETE FROM t", "begins with"},
		{postgresDriver, "COPY t TO PROGRAM 'x'", "begins with"},
		{sqliteDriver, "PRAGMA query_only=0", "begins with"},
		{mysqlDriver, "SET GLOBAL x=1", "begins with"},
		{postgresDriver, "SELECT 1; DELETE FROM t", "second statement"},
		{mysqlDriver, "SELECT * FROM t INTO OUTFILE '/tmp/x'", "INTO"},
		{mysqlDriver, "SELECT 1 /*! INTO OUTFILE '/tmp/x' */", "/*!"},
		{mysqlDriver, "SELECT 1 /*M!100100 INTO OUTFILE '/tmp/x' */", "/*!"},
		{mysqlDriver, "SELECT '\\' INTO OUTFILE '/tmp/x' -- '", ""}, // text, as the session reads it
		{postgresDriver, "SELECT '\\' INTO x -- '", "INTO"},
		{postgresDriver, "select * into new from t", "INTO"},
		{postgresDriver, "SELECT * FROM t FOR UPDATE", "FOR UPDATE locks"},
		{mysqlDriver, "SELECT * FROM t LOCK IN SHARE MODE", "LOCK IN locks"},
		{postgresDriver, "SELECT 'a", "does not end"},
		{postgresDriver, "SELECT /* a", "does not end"},
		{postgresDriver, "SELECT $a$ b", "does not end"},
	} {
		err := checkQuery(c.query, c.driver)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v, want %q", c.driver, c.query, err, c.want)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	good := func() *Settings {
		s := Kind.Settings().(*Settings)
		s.Driver, s.Address, s.Database, s.User, s.Query = postgresDriver, "10.0.0.1", "plant", "dodona", "SELECT 1"
		s.Complete()
		return s
	}
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Settings){
		"driver: missing":             func(s *Settings) { s.Driver = "" },
		`driver: "oracle": want`:      func(s *Settings) { s.Driver = "oracle" },
		"address: missing":            func(s *Settings) { s.Address = "" },
		"address: want HOST:PORT":     func(s *Settings) { s.Address = "postgres://a@b/c" },
		"database: missing":           func(s *Settings) { s.Database = "" },
		"user: missing":               func(s *Settings) { s.User = "" },
		"path: is for sqlite":         func(s *Settings) { s.Path = "x" },
		"path: missing":               func(s *Settings) { *s = Settings{Driver: sqliteDriver, Query: "SELECT 1"} },
		"path: a file of sqlite has":  func(s *Settings) { s.Driver, s.Path = sqliteDriver, "x" },
		"watermark: 5 columns":        func(s *Settings) { s.Watermark = []string{"a", "b", "c", "d", "e"} },
		`watermark: "a" stands`:       func(s *Settings) { s.Watermark = []string{"a", "a"} },
		"look_back: goes with":        func(s *Settings) { s.LookBack = "1m" },
		`look_back: "a while"`:        func(s *Settings) { s.Watermark, s.LookBack = []string{"a"}, "a while" },
		"look_back: \"-1\"":           func(s *Settings) { s.Watermark, s.LookBack = []string{"a"}, "-1" },
		"expect: goes with":           func(s *Settings) { s.Expect = time.Second },
		`time_zone: "+1"`:             func(s *Settings) { s.TimeZone = "+1" },
		`time_zone: "Local"`:          func(s *Settings) { s.TimeZone = "Local" },
		"every: 1ms":                  func(s *Settings) { s.Every = time.Millisecond },
		"connect_timeout: 0s":         func(s *Settings) { s.ConnectTimeout = 0 },
		"timeout: 11m":                func(s *Settings) { s.Timeout = 11 * time.Minute },
		"limit: 10001":                func(s *Settings) { s.Limit = 10001 },
		"max_row: 2MiB":               func(s *Settings) { s.MaxRow = 2 << 20 },
		`tls.mode: "maybe"`:           func(s *Settings) { s.TLS.Mode = "maybe" },
		"tls.mode: off":               func(s *Settings) { s.TLS = TLS{Mode: modeOff, CA: "x"} },
		"tls.ca: nothing is verified": func(s *Settings) { s.TLS = TLS{Mode: modeRequire, CA: "x"} },
		"tls.cert: missing":           func(s *Settings) { s.TLS.Key = "x" },
	} {
		s := good()
		change(s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got %v", want, err)
		}
	}
}

func TestServersAreFoundByAddress(t *testing.T) {
	for _, c := range []struct {
		driver                   Driver
		address, network, wanted string
	}{
		{postgresDriver, "10.0.0.1", "tcp", "10.0.0.1:5432"},
		{mysqlDriver, "db.plant", "tcp", "db.plant:3306"},
		{postgresDriver, "[::1]:6000", "tcp", "[::1]:6000"},
		{postgresDriver, "::1", "tcp", "[::1]:5432"},
		{postgresDriver, "/run/postgresql/.s.PGSQL.5432", "unix", "/run/postgresql/.s.PGSQL.5432"},
	} {
		s := Settings{Driver: c.driver, Address: c.address}
		if network, address := s.endpoint(); network != c.network || address != c.wanted {
			t.Errorf("%s: got %s %s", c.address, network, address)
		}
	}
	for address, encrypted := range map[string]bool{"127.0.0.1:1": false, "localhost:1": false, "10.0.0.1:1": true} {
		if config, err := (TLS{}).config("tcp", address); err != nil || (config != nil) != encrypted {
			t.Errorf("%s without tls: %v, %v", address, config, err)
		}
	}
}

func TestTimesAreWrittenWithTheirZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("NOT TESTED HERE: this machine has no time zones: install tzdata")
	}
	for _, c := range []struct {
		kind session.Kind
		text string
		zone *time.Location
		want string
	}{
		{session.Instant, "2026-11-30 12:00:00.123456+00", nil, "2026-11-30T12:00:00.123456Z"},
		{session.Instant, "2026-11-30 12:00:00+05:30", nil, "2026-11-30T06:30:00Z"},
		{session.Instant, "1890-01-01 12:00:00+00:53:28", nil, "1890-01-01T11:06:32Z"},
		{session.Instant, "2026-11-30 12:00:00", nil, "2026-11-30T12:00:00Z"},
		{session.Instant, "infinity", nil, "infinity"},
		{session.Instant, "0044-03-15 12:00:00+00 BC", nil, "0044-03-15 12:00:00+00 BC"},
		{session.Local, "2026-11-30 12:00:00", nil, "2026-11-30T12:00:00"},
		{session.Local, "2026-11-30 12:00:00.5", berlin, "2026-11-30T11:00:00.5Z"},
		{session.Local, "2026-07-01 12:00:00", berlin, "2026-07-01T10:00:00Z"},
		{session.Local, "2026-10-25 02:30:00", berlin, "2026-10-25T02:30:00"}, // twice
		{session.Local, "2026-10-25 03:00:00", berlin, "2026-10-25T02:00:00Z"},
		{session.Local, "2026-10-25 01:59:59", berlin, "2026-10-24T23:59:59Z"},
		{session.Local, "2026-03-29 02:30:00", berlin, "2026-03-29T02:30:00"}, // never
		{session.Local, "2026-11-30T12:00:00Z", berlin, "2026-11-30T12:00:00Z"},
		{session.Local, "0000-00-00 00:00:00", berlin, "0000-00-00 00:00:00"},
		{session.Local, "2026-11-30", berlin, "2026-11-30"},
		{session.Local, "noon", berlin, "noon"},
	} {
		if got := rfc3339(session.Value{Kind: c.kind, Text: c.text}, c.zone); got != c.want {
			t.Errorf("%s in %v: got %s, want %s", c.text, c.zone, got, c.want)
		}
	}
}

func TestLookBackKeepsTheFormOfTheColumn(t *testing.T) {
	for _, c := range []struct{ back, value, want string }{
		{"1m", "2026-11-30 12:00:00.123456+00", "2026-11-30 11:59:00.123456+00"},
		{"1m", "2026-11-30 00:00:00", "2026-11-29 23:59:00"},
		{"90s", "2026-11-30T12:00:00.5Z", "2026-11-30T11:58:30.5Z"},
		{"1m", "2026-11-30T12:00:00+02:00", "2026-11-30T11:59:00+02:00"},
		{"1h", "2026-11-30 12:00", "2026-11-30 11:00"},
		{"1h", "2026-11-30", "2026-11-29"},
		{"100", "18446744073709551615", "18446744073709551515"},
		{"100", "5", "-95"},
	} {
		back, err := parseLookBack(c.back)
		if err != nil {
			t.Fatal(err)
		}
		got, err := back.behind("ts", session.Value{Text: c.value})
		if err != nil || got.Text != c.want {
			t.Errorf("%s behind %s: got %s, %v, want %s", c.back, c.value, got.Text, err, c.want)
		}
		if !below(got, session.Value{Text: c.value}) && c.value != c.want {
			t.Errorf("%s is not below %s", got.Text, c.value)
		}
	}
}

func TestCursorsComeBackAsTheyWere(t *testing.T) {
	names := []string{"ts", "id"}
	k := key{{Kind: session.Instant, Text: "2026-11-30 12:00:00+00"}, {Kind: session.Bytes, Text: "\xff\x00"}}
	at := place{mark: k, floor: k, seen: map[print]bool{k.print(): true, key{{Text: "a"}, {Text: "b"}}.print(): true}}
	cursor := at.cursor(names)
	back, err := parsePlace(cursor, names)
	if err != nil || !back.mark.equal(k) || !back.floor.equal(k) || len(back.seen) != 2 || string(back.cursor(names)) != string(cursor) {
		t.Errorf("got %+v, %v", back, err)
	}
	if (key{{Text: "a"}, {Text: "bc"}}).print() == (key{{Text: "ab"}, {Text: "c"}}).print() {
		t.Error("two keys have one fingerprint")
	}
	for _, bad := range []string{"", "{}", "null", `{"watermark":["id"]}`, `{"watermark":["ts","id"],"mark":[{"kind":0,"text":""}]}`, `{"watermark":["ts","id"],"seen":"AAAA"}`, `{"watermark":["ts","id"],"x":1}`} {
		if at, err := parsePlace([]byte(bad), names); err == nil {
			t.Errorf("%s: got %+v", bad, at)
		}
	}
}
