package sql

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source/sql/session"
)

// FuzzRowsAreJSON whatever a database says, and their times are in their zone or say none.
func FuzzRowsAreJSON(f *testing.F) {
	for _, text := range []string{"1", "-1.50", "1e9", "NaN", "Infinity", "01", "true", "2026-11-30 12:00:00+00", "2026-10-25 02:30:00", "2026-10-25  2:30:00", "\xff\x00\"", `{"a":1}`, "{", ""} {
		f.Add("ts", text, uint8(session.Instant))
	}
	s := Settings{MaxRow: unit.MiB}
	zone := time.FixedZone("", 3600)
	fuzztest.Run(f, func(t *testing.T, name, text string, kind uint8) {
		v := session.Value{Kind: session.Kind(kind % uint8(session.Unread+1)), Text: text}
		if v.Kind == session.Boolean {
			v.Text = "true" // drivers say nothing else
		}
		r := &reader{settings: s, zone: zone, told: map[string]bool{}}
		r.env.Log = discard
		made, err := r.shapeOf([]session.Column{{Name: name, Type: "x"}})
		if err != nil {
			t.Fatal(err)
		}
		reading, _, fits := made.reading([]session.Value{v})
		if fits && !json.Valid(reading.Body) {
			t.Errorf("%q is %s", text, reading.Body)
		}
		if _, err := instantOf(v, zone); err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q: %q", text, err)
		}
		back := lookBack{time: time.Minute}
		if low, err := back.behind("ts", v); err == nil {
			if _, ok := parseMoment(low.Text); !ok && !strings.HasPrefix(text, "0000") {
				t.Errorf("%q: a minute before is %q, which is no time", text, low.Text)
			}
		}
	})
}

// FuzzQueriesAndCursors are read without a panic.
func FuzzQueriesAndCursors(f *testing.F) {
	f.Add("SELECT 'a' FROM t -- x", []byte(`{"watermark":["id"],"mark":[{"kind":1,"text":"MQ=="}]}`))
	f.Add("SELECT $a$ ; $a$ /* /* */", []byte(`{}`))
	fuzztest.Run(f, func(t *testing.T, query string, cursor []byte) {
		for _, d := range []Driver{postgresDriver, mysqlDriver, sqliteDriver} {
			_ = checkQuery(query, d)
		}
		at, err := parsePlace(cursor, []string{"id"})
		if err != nil {
			return
		}
		if _, err := parsePlace(at.cursor([]string{"id"}), []string{"id"}); err != nil {
			t.Errorf("%s comes back as %v", cursor, err)
		}
	})
}

var discard = slog.New(slog.DiscardHandler)
