package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// exchange is a reading record of a source that says where it stopped.
func exchange(t testing.TB, source, id string, cursor []byte) dodona.Record {
	t.Helper()
	body, err := json.Marshal(dodona.Exchange{Readings: []dodona.Reading{{Source: source, Body: []byte("a row")}}, Cursor: cursor})
	if err != nil {
		t.Fatal(err)
	}
	return dodona.Record{Topic: dodona.TopicReading, Key: source, ID: id, Body: body}
}

func cursorOf(t testing.TB, j *Journal, source string) string {
	t.Helper()
	rec, err := j.Own().Last(t.Context(), dodona.TopicReading, source)
	if errors.Is(err, dodona.ErrNotFound) {
		return "none"
	}
	var e dodona.Exchange
	if err == nil {
		err = json.Unmarshal(rec.Body, &e)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(e.Cursor)
}

// TestPositionsOutliveTheirRecords: a source that says nothing while others fill the stream goes on where it stopped, of whatever node, and a module
// knows what it knew. What is no position goes.
func TestPositionsOutliveTheirRecords(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", Raw: Limits{Bytes: 2 * unit.MiB}}
	j := open(t, cfg)
	other := open(t, Config{Node: "gw-2", URL: "nats://" + j.Addr().String()})
	state := dodona.Record{Topic: dodona.TopicRound, Key: "f", ID: "7", Body: []byte(`{"round":7,"state":{"n":"AQ=="}}`)}
	for of, recs := range map[*Journal][]dodona.Record{
		j:     {exchange(t, "rows", "1", []byte("0")), exchange(t, "rows", "2", []byte("row 7")), exchange(t, "polled", "1", nil), state},
		other: {exchange(t, "rows", "1", []byte("row 9")), {Topic: dodona.TopicRound, Key: "f", ID: "8", Body: []byte(`{"round":8}`)}},
	} {
		if err := of.Append(t.Context(), recs...); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 { // four times the limit
		r := reading(i)
		r.Body = body8k
		if err := j.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string) {
		t.Helper()
		if got, of := cursorOf(t, j, "rows"), cursorOf(t, other, "rows"); got != "row 7" || of != "row 9" {
			t.Errorf("%s: it stands at %q, that of the other node at %q", when, got, of)
		}
		if got := cursorOf(t, j, "polled"); got != "none" {
			t.Errorf("%s: what is no position is kept: %q", when, got)
		}
		if rec, err := j.Own().Last(t.Context(), dodona.TopicRound, "f"); err != nil || !bytes.Equal(rec.Body, state.Body) || rec.ID != "7" {
			t.Errorf("%s: the module's state is %+v, %v", when, rec, err)
		}
		if rec, err := other.Own().Last(t.Context(), dodona.TopicRound, "f"); !errors.Is(err, dodona.ErrNotFound) {
			t.Errorf("%s: a round without state is kept: %+v, %v", when, rec, err)
		}
	}
	check("beside what fills the stream")
	if err := other.Append(t.Context(), exchange(t, "rows", "3", []byte("row 10"))); err != nil {
		t.Fatalf("its owner cannot go on behind it: %v", err)
	}
	if got := cursorOf(t, other, "rows"); got != "row 10" {
		t.Errorf("its owner went on, and it stands at %q", got)
	}
	for _, each := range []*Journal{other, j} {
		if err := each.Close(); err != nil {
			t.Fatal(err)
		}
	}
	j = open(t, cfg)
	if got := cursorOf(t, j, "rows"); got != "row 7" {
		t.Errorf("after a start it stands at %q", got)
	}
	if losses, err := j.Audit(t.Context()); err != nil || len(losses) != 0 {
		t.Errorf("audit: %+v, %v", losses, err)
	}
}

// TestAPositionIsNeverSetBack: whoever wrote after retention looked has moved on, this node's lane or another one's.
func TestAPositionIsNeverSetBack(t *testing.T) {
	j := open(t, Config{Listen: "127.0.0.1:0"})
	other := open(t, Config{Node: "gw-2", URL: "nats://" + j.Addr().String()})
	l := j.lanes[streamRaw]
	for _, of := range []*Journal{j, other} {
		if err := of.Append(t.Context(), exchange(t, "rows", "1", []byte("old"))); err != nil {
			t.Fatal(err)
		}
		last, err := l.fetch(t.Context(), query{LastFor: j.net.subject(dodona.TopicReading, "rows", of.cfg.Node)})
		if err != nil {
			t.Fatal(err)
		}
		rec, must := renewed(last.Record)
		if !must {
			t.Fatalf("no position: %+v", last.Record)
		}
		if err := of.Append(t.Context(), exchange(t, "rows", "2", []byte("new"))); err != nil {
			t.Fatal(err)
		}
		done := true
		if err := l.visit(t.Context(), func() { done, err = l.renew(last, rec) }); err != nil {
			t.Fatal(err)
		}
		if done || err != nil || cursorOf(t, of, "rows") != "new" {
			t.Errorf("%s: written %t, %v: it stands at %q", of.cfg.Node, done, err, cursorOf(t, of, "rows"))
		}
		info, err := l.stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := space{born: info.Created, bytes: info.State.Bytes, limit: uint64(info.Config.MaxBytes), said: uint64(info.Config.MaxBytes)}
		if err := l.keepPositions(t.Context(), &s, info.State.LastSeq+1); err != nil {
			t.Fatal(err)
		}
		after, err := of.Own().Last(t.Context(), dodona.TopicReading, "rows")
		if err != nil || cursorOf(t, of, "rows") != "new" || bytes.Contains(after.Body, []byte("source")) {
			t.Errorf("%s: it is %s (%v)", of.cfg.Node, after.Body, err)
		}
	}
}

// TestPositionsThatAreTooLargeDoNotFillTheStream: they would be written again and again.
func TestPositionsThatAreTooLargeDoNotFillTheStream(t *testing.T) {
	j := open(t, Config{Raw: Limits{Bytes: unit.MiB}})
	large := bytes.Repeat([]byte("x"), 150<<10) // 200 KiB as text
	for n := range 3 {
		if err := j.Append(t.Context(), exchange(t, "s"+strconv.Itoa(n), "1", large)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for i := range 400 {
		r := reading(i)
		r.Body = body8k
		if err := j.Append(ctx, r); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
	kept := 0
	for n := range 3 {
		if cursorOf(t, j, "s"+strconv.Itoa(n)) == string(large) {
			kept++
		}
	}
	if kept != 1 {
		t.Errorf("%d of 3 are kept, want 1 within a quarter of the limit", kept)
	}
}

// TestAReaderStandsOnceItRead, also after it was removed with something finished.
func TestAReaderStandsOnceItRead(t *testing.T) {
	j := open(t, Config{})
	want := func(name string, want bool) {
		t.Helper()
		if got, err := j.Stands(t.Context(), name); err != nil || got != want {
			t.Errorf("%s stands: %t, %v, want %t", name, got, err, want)
		}
	}
	want("me", false)
	fill(t, j, 0, 4)
	read(t, j, "me", 4, dodona.TopicReading)
	want("me", true)
	want("you", false)
	l := j.lanes[streamRaw]
	for try := 0; ; try++ { // the store notes what is finished a moment later
		c, err := l.stream.Consumer(t.Context(), reader("gw-1", "me"))
		if err != nil {
			t.Fatal(err)
		}
		if info := c.CachedInfo(); info.AckFloor.Stream == 4 {
			if _, err := l.judgeReader(t.Context(), info, false, time.Time{}, 0); err != nil { // without a grace
				t.Fatal(err)
			}
			break
		}
		if try > 1000 {
			t.Fatal("it has not finished")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := l.stream.Consumer(t.Context(), reader("gw-1", "me")); err == nil {
		t.Fatal("it is not removed")
	}
	want("me", true)
}

// TestPositionsShareTheirRoomWheneverTheyAreWrittenAgain: retention frees record by record, and comes to one position after the other.
func TestPositionsShareTheirRoomWheneverTheyAreWrittenAgain(t *testing.T) {
	j := open(t, Config{Raw: Limits{Bytes: unit.MiB}})
	l := j.lanes[streamRaw]
	large := bytes.Repeat([]byte("x"), 100<<10)
	for n := range 3 {
		if err := j.Append(t.Context(), exchange(t, "s"+strconv.Itoa(n), "1", large)); err != nil {
			t.Fatal(err)
		}
	}
	again := 0
	for n := range 3 {
		at, err := l.fetch(t.Context(), query{LastFor: j.net.subject(dodona.TopicReading, "s"+strconv.Itoa(n), j.cfg.Node)})
		if err != nil {
			t.Fatal(err)
		}
		info, err := l.stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := space{born: info.Created, bytes: info.State.Bytes, limit: uint64(info.Config.MaxBytes), said: uint64(info.Config.MaxBytes)}
		if err := l.keepPositions(t.Context(), &s, at.stream+1); err != nil {
			t.Fatal(err)
		}
		after, err := l.fetch(t.Context(), query{LastFor: j.net.subject(dodona.TopicReading, "s"+strconv.Itoa(n), j.cfg.Node)})
		if err != nil {
			t.Fatal(err)
		}
		if after.stream > at.stream {
			again++
		}
	}
	if again != 1 {
		t.Errorf("%d of 3 were written again, want the 1 that fits into a quarter of the limit", again)
	}
}

// TestAPositionGetsRoomWhateverWaitsToAppend: what was measured is old when the lane comes to write, for others appended meanwhile.
func TestAPositionGetsRoomWhateverWaitsToAppend(t *testing.T) {
	j := open(t, Config{Raw: Limits{Bytes: unit.MiB}})
	l := j.lanes[streamRaw]
	large := bytes.Repeat([]byte("x"), 150<<10)
	if err := j.Append(t.Context(), exchange(t, "rows", "1", large)); err != nil {
		t.Fatal(err)
	}
	before, err := l.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 80 { // up to where nothing is freed yet, and 200 KiB do not fit
		r := reading(i)
		r.Body = body8k
		if err := j.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	now, err := l.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if now.first != before.first || now.limit != before.limit || now.bytes+200<<10 < now.limit {
		t.Fatalf("the stream is not as this test wants it: %+v, then %+v", before, now)
	}
	if err := l.keepPositions(t.Context(), &before, now.last+1); err != nil {
		t.Fatal(err)
	}
	after, err := l.fetch(t.Context(), query{LastFor: j.net.subject(dodona.TopicReading, "rows", j.cfg.Node)})
	if err != nil || after.stream <= now.last {
		t.Errorf("it stands at %d (%v), want behind %d", after.stream, err, now.last)
	}
}
