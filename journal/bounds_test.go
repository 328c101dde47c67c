package journal

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// These tests stand at the bounds of what a lane decides without asking the store.

func TestALaneIsPatientAfterTwentyFlushesWithinASecond(t *testing.T) {
	now := time.Unix(1795349070, 0)
	busy := func(flushes int) *pace {
		p := &pace{wait: longestWait}
		for range flushes {
			p.flushed(now)
		}
		return p
	}
	for _, c := range []struct {
		flushes int
		after   time.Duration // the first of them
		want    time.Duration
	}{
		{0, 0, 0},
		{19, 0, 0},
		{20, 0, 250 * time.Millisecond},
		{20, 750 * time.Millisecond, 250 * time.Millisecond},
		{20, 751 * time.Millisecond, 249 * time.Millisecond}, // until the first is a second old
		{20, time.Second - 1, 1},
		{20, time.Second, 0},
		{21, 0, 250 * time.Millisecond},
	} {
		if got := busy(c.flushes).patience(now.Add(c.after)); got != c.want {
			t.Errorf("%d flushes, the first %v ago: patience %v, want %v", c.flushes, c.after, got, c.want)
		}
	}
}

func TestPatienceHalvesWhenNobodyComesAndDoublesWhenSomebodyDoes(t *testing.T) {
	p := &pace{wait: longestWait}
	for _, c := range []struct {
		company bool
		want    time.Duration
	}{{false, 125 * time.Millisecond}, {true, 250 * time.Millisecond}, {true, 250 * time.Millisecond}, {false, 125 * time.Millisecond}} {
		if p.waited(c.company); p.wait != c.want {
			t.Errorf("company %t: the next wait is %v, want %v", c.company, p.wait, c.want)
		}
	}
}

// TestPatienceThatWasGivenUpIsTriedAgainEachSecond: else a lane that was alone for a while would never gather again.
func TestPatienceThatWasGivenUpIsTriedAgainEachSecond(t *testing.T) {
	now := time.Unix(1795349070, 0)
	p := &pace{wait: probeWait - 1}
	for _, c := range []struct{ after, want time.Duration }{
		{0, probeWait}, {time.Second - 1, 0}, {time.Second, probeWait}, {time.Second + 1, 0}, {2 * time.Second, probeWait},
	} {
		at := now.Add(c.after)
		for range busyFlushes {
			p.flushed(at)
		}
		if got := p.patience(at); got != c.want {
			t.Errorf("after %v: patience %v, want %v", c.after, got, c.want)
		}
		p.waited(false)
	}
}

func TestAGroupTakesWhatItHasRoomFor(t *testing.T) {
	l := &lane{limits: Limits{Bytes: 2 * unit.MiB}}
	room := l.groupBytes()
	if want := min(maxGroupBytes, int(unit.MiB)); room != want {
		t.Fatalf("a group of a stream of 2 MiB takes %d bytes, want %d", room, want)
	}
	for _, c := range []struct {
		name                  string
		records, bytes        int // in the group
		moreRecords, moreSize int
		joins, more           bool
	}{
		{"room is left", 1, 100, 1, 100, true, true},
		{"the last byte", 1, room - 100, 1, 100, true, false},
		{"a byte too much", 1, room - 100, 1, 101, false, false},
		{"the last record", maxGroup - 2, 100, 2, 100, true, false},
		{"a record too much", maxGroup - 2, 100, 3, 100, false, false},
		{"all but one record", maxGroup - 3, 100, 2, 100, true, true},
	} {
		l.carry = nil
		g := group{list: []*pending{{}}, records: c.records, bytes: c.bytes}
		p := &pending{recs: make([]dodona.Record, c.moreRecords), bytes: c.moreSize, claim: true}
		more := l.join(&g, p)
		if joined := len(g.list) == 2; more != c.more || joined != c.joins || joined != (l.carry == nil) || g.claim != c.joins {
			t.Errorf("%s: joined %t, more %t, carried %t, claim %t; want joined %t, more %t", c.name, joined, more, l.carry != nil, g.claim, c.joins, c.more)
		}
		if c.joins && (g.records != c.records+c.moreRecords || g.bytes != c.bytes+c.moreSize) {
			t.Errorf("%s: the group counts %d records and %d bytes", c.name, g.records, g.bytes)
		}
	}
}

func TestRecentForgetsTheOldestAlone(t *testing.T) {
	r := newRecent(4)
	same := func(i int) identity { return r.identity(reading(i)) }
	for i := range 6 {
		r.add(same(i))
		r.add(same(i)) // takes no second place
	}
	r.add(same(3))
	for i := range 6 {
		if got, want := r.has(same(i)), i >= 2; got != want {
			t.Errorf("record %d of 6, of which 4 are remembered: %t, want %t", i, got, want)
		}
	}
	if len(r.known) != 4 || len(r.ring) != 4 {
		t.Errorf("%d known in a ring of %d, want 4", len(r.known), len(r.ring))
	}
}

func TestWhatMakesRecordsTheSame(t *testing.T) {
	r := newRecent(4)
	of := func(topic dodona.Topic, key, id, body string) dodona.Record {
		return dodona.Record{Topic: topic, Key: key, ID: id, Body: []byte(body)}
	}
	for _, c := range []struct {
		name string
		a, b dodona.Record
		want bool
	}{
		{"a reading with another body", of(dodona.TopicReading, "a", "1", "x"), of(dodona.TopicReading, "a", "1", "y"), true},
		{"an answer with another body", of(dodona.TopicData, "a", "1", "x"), of(dodona.TopicData, "a", "1", "y"), false},
		{"an answer with the same body", of(dodona.TopicData, "a", "1", "x"), of(dodona.TopicData, "a", "1", "x"), true},
		{"another topic", of(dodona.TopicReading, "a", "1", ""), of(dodona.TopicRound, "a", "1", ""), false},
		{"another key", of(dodona.TopicReading, "a", "1", ""), of(dodona.TopicReading, "b", "1", ""), false},
		{"another id", of(dodona.TopicReading, "a", "1", ""), of(dodona.TopicReading, "a", "2", ""), false},
		{"a letter that moved from key to id", of(dodona.TopicReading, "ab", "c", ""), of(dodona.TopicReading, "a", "bc", ""), false},
	} {
		if got := r.identity(c.a) == r.identity(c.b); got != c.want {
			t.Errorf("%s: the same %t, want %t", c.name, got, c.want)
		}
	}
}

func TestADecisionFollowsARecordOfItsOwnAppend(t *testing.T) {
	r := dodona.Record{Topic: dodona.TopicClaim, Key: "report.a", ID: "2", After: "1"}
	for _, c := range []struct {
		name   string
		before []dodona.Record
		want   bool
	}{
		{"nothing", nil, false},
		{"the one before", []dodona.Record{{Topic: dodona.TopicClaim, Key: "report.a", ID: "1"}}, true},
		{"among others", []dodona.Record{{Topic: dodona.TopicClaim, Key: "report.a", ID: "1"}, {Topic: dodona.TopicEvent, Key: "b", ID: "7"}}, true},
		{"of another key", []dodona.Record{{Topic: dodona.TopicClaim, Key: "report.b", ID: "1"}}, false},
		{"of another topic", []dodona.Record{{Topic: dodona.TopicData, Key: "report.a", ID: "1"}}, false},
		{"another one", []dodona.Record{{Topic: dodona.TopicClaim, Key: "report.a", ID: "0"}}, false},
	} {
		if got := follows(r, c.before); got != c.want {
			t.Errorf("after %s: follows %t, want %t", c.name, got, c.want)
		}
	}
}

func TestAStreamIsCrowdedAboveSevenEighths(t *testing.T) {
	const limit = 800
	l := &lane{limits: Limits{Bytes: limit}}
	for _, c := range []struct {
		bytes   uint64
		waiting int64
		cut     uint64 // of records 101 to 200; 0: nothing has to go
	}{
		{700, 0, 0},
		{701, 0, 101 + 14 + 1}, // three quarters are left: 101 of 701 bytes go, 14.4 records, and the one that is cut through
		{800, 0, 101 + 25 + 1},
		{600, 200, 0},
		{600, 201, 101 + 0 + 1}, // 599 may stay
		{600, 400, 101 + 33 + 1},
		{600, 801, 101 + 100 + 1}, // all of it is too much
		{0, 0, 0},
	} {
		l.needs.Store(c.waiting)
		s := space{first: 101, last: 200, count: 100, bytes: c.bytes, said: limit}
		if got := l.cutByBytes(s); got != c.cut || l.crowded(s) != (c.cut > 0) {
			t.Errorf("%d bytes of %d and %d waiting: crowded %t, cut at %d, want %d", c.bytes, limit, c.waiting, l.crowded(s), got, c.cut)
		}
	}
}

func TestObserversLeaveRoomForEachReader(t *testing.T) {
	l := &lane{limits: Limits{Bytes: 1200}}
	var marks []uint64
	for readers := range 5 {
		marks = append(marks, l.roomMark(space{readers: readers, said: unlimited}))
	}
	if want := []uint64{600, 480, 400, 342, 300}; !slices.Equal(marks, want) {
		t.Errorf("marks of 0 to 4 readers of 1200 bytes: %d, want %d", marks, want)
	}
}

func TestTheUnfinishedIsWhatTheSlowestReaderHasBeforeIt(t *testing.T) {
	for _, c := range []struct {
		cut     uint64
		slowest string
		want    uint64
	}{
		{101, "a", 1000}, {1, "a", 1000}, {102, "a", 990}, {151, "a", 500}, {200, "a", 10}, {201, "a", 0}, {202, "a", 0}, {151, "", 0},
	} {
		s := space{first: 101, last: 200, count: 100, bytes: 1000, cut: c.cut, slowest: c.slowest}
		if got := s.unfinished(); got != c.want {
			t.Errorf("reader %q at %d of 101 to 200: %d bytes unfinished, want %d", c.slowest, c.cut, got, c.want)
		}
	}
	if got := (space{cut: 1, slowest: "a", last: 1}).unfinished(); got != 0 {
		t.Errorf("of an empty stream %d bytes are unfinished", got)
	}
}

func TestSlicesOfReadersFitIntoWhatIsLeft(t *testing.T) {
	for _, c := range []struct {
		stream string
		limit  unit.Size
		want   int
	}{
		{streamRaw, 2 * unit.MiB, sliceBytes}, {streamProof, 2 * unit.MiB, 128 << 10}, {streamProof, 16 * unit.MiB, 1 << 20}, {streamProof, 1 << 30, sliceBytes},
	} {
		l := &lane{spec: streamSpec{name: c.stream}, limits: Limits{Bytes: c.limit}}
		if got := l.sliceBytes(); got != c.want {
			t.Errorf("%s of %s: slices of %s bytes, want %d", c.stream, c.limit, strconv.Itoa(got), c.want)
		}
	}
}

func TestOnlyObservationsAndTheirClaimsWaitAtTheMark(t *testing.T) {
	claim := func(key string) dodona.Record { return dodona.Record{Topic: dodona.TopicClaim, Key: key} }
	of := func(topic dodona.Topic) dodona.Record { return dodona.Record{Topic: topic, Key: "a"} }
	for _, c := range []struct {
		name string
		recs []dodona.Record
		want bool
	}{
		{"an observation", []dodona.Record{of(dodona.TopicObservation)}, true},
		{"its claim", []dodona.Record{claim("observation.a.abc")}, true},
		{"both", []dodona.Record{claim("observation.a.abc"), of(dodona.TopicObservation)}, true},
		{"a report's claim", []dodona.Record{claim("report.a.abc")}, false},
		{"a claim of a longer name", []dodona.Record{claim("observations.a")}, false},
		{"an answer behind it", []dodona.Record{of(dodona.TopicObservation), of(dodona.TopicData)}, false},
		{"a receipt", []dodona.Record{of(dodona.TopicReceipt)}, false},
		{"an intent", []dodona.Record{of(dodona.TopicIntent)}, false},
	} {
		if got := observes(c.recs); got != c.want {
			t.Errorf("%s: waits %t, want %t", c.name, got, c.want)
		}
	}
}
