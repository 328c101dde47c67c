package journal

import (
	"context"
	"errors"
	"testing"

	"github.com/dodona-oracle/dodona"
)

// aside returns a lane beside the one that a journal runs, for a test to call: it writes to the same stream and has a memory of its own.
func aside(j *Journal, stream string) *lane {
	l := j.lanes[stream]
	return &lane{
		j: j, spec: l.spec, streamName: l.streamName, limits: l.limits, stream: l.stream, ownedBy: l.owner(), recent: newRecent(64), seen: make(map[string]seen), born: l.born,
		queue: make(chan *pending, queueLength), visits: make(chan func()), house: newHouse(), dead: make(chan struct{}),
	}
}

// strange publishes what is no record where the records of r stand, and returns its place.
func strange(t *testing.T, l *lane, r dodona.Record) uint64 {
	t.Helper()
	ack, err := l.j.js.Publish(t.Context(), l.subjectOf(r), []byte("no record"))
	if err != nil {
		t.Fatal(err)
	}
	return ack.Sequence
}

func waitingFor(recs ...dodona.Record) *pending {
	return &pending{recs: recs, done: make(chan error, 1)}
}

// TestABallotJudgesWhatIsSoByThen: on each subject the newest is what the append itself brings, else what the appends before it in the
// flight leave, else what the lane has seen. An append that is refused leaves nothing.
func TestABallotJudgesWhatIsSoByThen(t *testing.T) {
	l := &lane{j: &Journal{net: scopeOf(dodona.Digest{})}, recent: newRecent(8), seen: make(map[string]seen)}
	of := func(key, id, after, body string) dodona.Record {
		return dodona.Record{Topic: dodona.TopicData, Key: key, ID: id, After: after, Body: []byte(body)}
	}
	reading := dodona.Record{Topic: dodona.TopicReading, Key: "s", ID: "1", After: "another"}
	l.seen[l.subjectOf(reading)] = seen{place: 3, id: "0"}
	first := of("a", "1", "", "")
	l.seen[l.subjectOf(first)] = l.seenAt(first, 7)
	l.seen[l.subjectOf(of("odd", "1", "", ""))] = l.seenAt(dodona.Record{}, 8)
	judge := ballot{l, make(map[string]seen)}
	for _, c := range []struct {
		name  string
		again bool
		recs  []dodona.Record
		want  bool
	}{
		{"the first of a key that has one", false, []dodona.Record{of("a", "2", "", "")}, true},
		{"after what was seen", false, []dodona.Record{of("a", "2", "1", "")}, false},
		{"after what was seen, too late", false, []dodona.Record{of("a", "2x", "1", "")}, true},
		{"after the append before", false, []dodona.Record{of("a", "3", "2", "")}, false},
		{"the second of an append is too late", false, []dodona.Record{of("a", "4", "3", ""), of("a", "5", "3", "")}, true},
		{"a refused append has left nothing", false, []dodona.Record{of("a", "4", "3", ""), of("a", "5", "4", "")}, false},
		{"the same as the newest, whatever it was decided on", false, []dodona.Record{of("a", "5", "1", "")}, false},
		{"another one under the id of the newest", false, []dodona.Record{of("a", "5", "1", "x")}, true},
		{"nobody decided: it is there already and written again", true, []dodona.Record{of("a", "1", "", "")}, false},
		{"after what was written again", false, []dodona.Record{of("a", "6", "5", "")}, true},
		{"of another key, after what is not there", false, []dodona.Record{of("b", "2", "1", "")}, true},
		{"the first of another key", false, []dodona.Record{of("b", "1", "", "")}, false},
		{"one key is too late, so none of the append is left", false, []dodona.Record{of("b", "2", "1", ""), of("a", "7", "6", "")}, true},
		{"the other key goes on", false, []dodona.Record{of("b", "3", "1", "")}, false},
		{"the first where something stands that cannot be read", false, []dodona.Record{of("odd", "1", "", "")}, true},
		{"a reading, which follows nothing", false, []dodona.Record{reading, reading}, false},
	} {
		p := waitingFor(c.recs...)
		p.again = c.again
		if got := judge.conflict(p); (got != "") != c.want {
			t.Errorf("%s: conflict on %q, want one: %t", c.name, got, c.want)
		}
	}
	if _, found := judge.tail[l.subjectOf(reading)]; found {
		t.Error("a reading is remembered as the newest of a shared subject")
	}
}

// TestAMemoryThatADecisionContradictsIsAskedFor: the store is asked unless the lane's memory is what the record was decided on.
func TestAMemoryThatADecisionContradictsIsAskedFor(t *testing.T) {
	j := open(t, Config{})
	l := aside(j, streamProof)
	stands, none, odd := claim("report.a.ab", 0), claim("report.none.ab", 0), claim("report.odd.ab", 0)
	if err := j.Append(t.Context(), stands); err != nil {
		t.Fatal(err)
	}
	last, err := j.Last(t.Context(), dodona.TopicClaim, stands.Key)
	if err != nil {
		t.Fatal(err)
	}
	inStore := l.seenAt(last, j.lanes[streamProof].stat.head.Stream)
	oddPlace := strange(t, l, odd)
	next := func(r dodona.Record, id, after string) dodona.Record {
		r.ID, r.After = id, after
		return r
	}
	memory := seen{place: 999, id: "7", same: l.recent.identity(next(stands, "7", ""))}
	observation := dodona.Record{Topic: dodona.TopicObservation, Key: "a", ID: "9", After: "x", Node: "gw-1"}
	for _, c := range []struct {
		name   string
		known  bool // the memory is there
		rec    dodona.Record
		before []dodona.Record
		want   seen
	}{
		{"decided on the memory", true, next(stands, "8", "7"), nil, memory},
		{"it is what is remembered", true, next(stands, "7", "x"), nil, memory},
		{"decided on one of its own append", true, next(stands, "9", "8"), []dodona.Record{next(stands, "8", "7")}, memory},
		{"decided on another one", true, next(stands, "8", "6"), nil, inStore},
		{"of a topic that nobody shares", true, observation, nil, memory},
		{"nothing is remembered", false, next(stands, "8", "7"), nil, inStore},
		{"nothing is there", true, next(none, "8", "6"), nil, seen{}},
		{"what is there cannot be read", true, next(odd, "8", "6"), nil, seen{place: oddPlace, id: unreadable}},
	} {
		subject := l.subjectOf(c.rec)
		clear(l.seen)
		if c.known {
			l.seen[subject] = memory
		}
		got, err := l.lastSeen(subject, c.rec, c.before)
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", c.name, got, err, c.want)
		}
		if remembered, found := l.seen[subject]; !found || remembered != c.want {
			t.Errorf("%s: it remembers %+v (%t), want %+v", c.name, remembered, found, c.want)
		}
	}
	clear(l.seen)
	l.streamName = "NOBODY" // answers for it
	subject := l.subjectOf(stands)
	if got, err := l.lastSeen(subject, stands, nil); err == nil || got != (seen{}) || len(l.seen) > 0 {
		t.Errorf("without an answer: got %+v, %v, and %d are remembered, want an error alone", got, err, len(l.seen))
	}
	// Nothing of an append is lost when the store does not answer.
	p := waitingFor(claim("report.b.ab", 0), stands)
	l.seen[l.subjectOf(p.recs[0])] = seen{}
	if fresh, err := l.fresh(p); err == nil || !fresh || len(p.recs) != 2 {
		t.Errorf("an append without an answer: fresh %t, %v, %d records left, want all", fresh, err, len(p.recs))
	}
}

func TestWhatIsSeenSaysWhereAndWhat(t *testing.T) {
	l := &lane{recent: newRecent(8)}
	r := dodona.Record{Topic: dodona.TopicData, Key: "a", ID: "1", Body: body8k}
	for _, c := range []struct {
		name  string
		rec   dodona.Record
		place uint64
		want  seen
	}{
		{"a record", r, 7, seen{7, "1", l.recent.identity(r), sizeOnDisk(r)}},
		{"nothing", r, 0, seen{}},
		{"what cannot be read", dodona.Record{}, 7, seen{place: 7, id: unreadable}},
	} {
		if got := l.seenAt(c.rec, c.place); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if size := sizeOnDisk(r); size < len(body8k) {
		t.Errorf("a record of %d bytes takes %d on the disk", len(body8k), size)
	}
	// A place that is not there is no record that something could be the same as.
	p := waitingFor(dodona.Record{})
	l.j = &Journal{net: scopeOf(dodona.Digest{})}
	l.seen = map[string]seen{l.subjectOf(p.recs[0]): {same: l.recent.identity(p.recs[0])}}
	if fresh, err := l.fresh(p); err != nil || !fresh {
		t.Errorf("what is nowhere is taken for there: %v", err)
	}
}

// TestAnEndedContextDoesNotQueue: an append with an ended context does not even wait in the queue.
func TestAnEndedContextDoesNotQueue(t *testing.T) {
	j := open(t, Config{})
	l := aside(j, streamRaw) // nobody takes from its queue
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 32 {
		if err := l.append(ctx, []dodona.Record{reading(1)}); !errors.Is(err, context.Canceled) {
			t.Fatalf("append: %v, want %v", err, context.Canceled)
		}
	}
	if len(l.queue) != 0 {
		t.Errorf("%d of 32 appends with an ended context are queued", len(l.queue))
	}
}
