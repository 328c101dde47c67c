package journal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/nats-io/nats.go"
)

// stored7 is a message of the store that holds a record.
func stored7() *nats.Msg {
	m := encode(dodona.Record{
		Topic: dodona.TopicReading, Key: "kraken", ID: "1", Node: "gw-1", Body: []byte("{}"), Sequence: 3, Appended: time.Unix(1795349070, 0),
	}, "w", scope{})
	m.Header.Set("Nats-Subject", m.Subject)
	m.Header.Set("Nats-Sequence", "7")
	return m
}

func TestWhatAStoreAnswersIsARecordOrWhyThereIsNone(t *testing.T) {
	for _, c := range []struct {
		change func(*nats.Msg)
		place  uint64
		want   string // the error
	}{
		{func(*nats.Msg) {}, 7, ""},
		{func(m *nats.Msg) { m.Header.Set("Status", "404") }, 0, dodona.ErrNotFound.Error()},
		{func(m *nats.Msg) { m.Header.Set("Status", "408"); m.Header.Set("Description", "Bad Request") }, 0, "read record: 408 Bad Request"},
		{func(m *nats.Msg) { m.Header.Del("Nats-Sequence") }, 0, "read record: no place in the stream: "},
		{func(m *nats.Msg) { m.Header.Set("Nats-Sequence", "-1") }, 0, "read record: no place in the stream: "},
		{func(m *nats.Msg) { m.Header.Set(headerID, "") }, 7, "record on "},
	} {
		m := stored7()
		c.change(m)
		s, err := storedOf(m)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) || s.stream != c.place {
			t.Errorf("%v: place %d, %v; want %d, %q", m.Header, s.stream, err, c.place, c.want)
		}
		if err == nil && (s.ID != "1" || s.writer != "w" || s.Sequence != 3 || s.bad != nil) {
			t.Errorf("it is %+v", s)
		}
	}
}

func TestARecordIsReadWithAllThatItSays(t *testing.T) {
	for name, change := range map[string]func(*nats.Msg){
		"another node":       func(m *nats.Msg) { m.Header.Set(headerSource, "/gw-2/w/reading/kraken") },
		"no writer":          func(m *nats.Msg) { m.Header.Set(headerSource, "/gw-1//reading/kraken") },
		"no node":            func(m *nats.Msg) { m.Header.Set(headerSource, "//w/reading/kraken") },
		"four parts":         func(m *nats.Msg) { m.Header.Set(headerSource, "/gw-1/w/reading") },
		"six parts":          func(m *nats.Msg) { m.Header.Set(headerSource, "/gw-1/w/reading/kraken/x") },
		"no ID":              func(m *nats.Msg) { m.Header.Del(headerID) },
		"no sequence":        func(m *nats.Msg) { m.Header.Del(headerSequence) },
		"no time":            func(m *nats.Msg) { m.Header.Del(headerTime) },
		"a short digest":     func(m *nats.Msg) { m.Header.Set(headerPrevious, strings.Repeat("a", 62)) },
		"a long digest":      func(m *nats.Msg) { m.Header.Set(headerPrevious, strings.Repeat("a", 66)) },
		"a digest of no hex": func(m *nats.Msg) { m.Header.Set(headerPrevious, strings.Repeat("g", 64)) },
		"another subject":    func(m *nats.Msg) { m.Subject = "other" },
	} {
		m := stored7()
		change(m)
		if r, writer, err := decode(m.Subject, m.Header, m.Data); err == nil || writer != "" || r.ID != "" {
			t.Errorf("%s: %+v of %q, %v", name, r, writer, err)
		}
	}
}

func TestWhatCannotBeKeptIsRefusedBeforeItIsSent(t *testing.T) {
	good := dodona.Record{Topic: dodona.TopicReading, Key: "kraken", ID: "1"}
	for _, c := range []struct {
		change func(*dodona.Record)
		want   string
	}{
		{func(*dodona.Record) {}, ""},
		{func(r *dodona.Record) { r.Node = "gw-1" }, ""},
		{func(r *dodona.Record) { r.Node = "gw-2" }, `node "gw-2": this journal writes only for "gw-1"`},
		{func(r *dodona.Record) { r.Topic = "x" }, `topic "x": no stream keeps it`},
		{func(r *dodona.Record) { r.Key = "" }, "key: "},
		{func(r *dodona.Record) { r.ID = "" }, fmt.Sprintf("id of 0 bytes: want 1 to %d", maxIDLength)},
		{func(r *dodona.Record) { r.ID = strings.Repeat("x", maxIDLength) }, ""},
		{func(r *dodona.Record) { r.ID = strings.Repeat("x", maxIDLength+1) }, fmt.Sprintf("want 1 to %d", maxIDLength)},
		{func(r *dodona.Record) { r.ID = "!~" }, ""},
		{func(r *dodona.Record) { r.ID = "a b" }, "want printable ASCII without spaces"},
		{func(r *dodona.Record) { r.ID = "a\x7f" }, "want printable ASCII without spaces"},
	} {
		r := good
		c.change(&r)
		err := check(r, "gw-1")
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", r, err, c.want)
		}
	}
}
