package journal

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/dodona-oracle/dodona"
)

// flightOf chains and encodes appends as the lane does, and lets them fly.
func flightOf(l *lane, group ...*pending) *flight {
	for _, p := range group {
		for i := range p.recs {
			p.recs[i].Node = "gw-1"
		}
	}
	return l.chain(takeOff(group))
}

// answerOf returns whether an append was answered, and how.
func answerOf(p *pending) (err error, answered bool) {
	select {
	case err := <-p.done:
		return err, true
	default:
		return nil, false
	}
}

// wantWaiting checks that appends wait again, unanswered, and no others.
func wantWaiting(t *testing.T, name string, got []*pending, want ...*pending) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d appends are to be tried again, want %d", name, len(got), len(want))
	}
	for i, p := range want {
		if err, answered := answerOf(p); answered || p.state.Load() != waiting {
			t.Errorf("%s: append %d is answered %t with %v, in state %d; want it to wait", name, i, answered, err, p.state.Load())
		}
	}
}

// foreign is a record of the other process that others write with in these tests.
const foreign = "ffffffff"

// write puts a record into the stream as a writer would, and returns its place.
func (l *lane) write(t *testing.T, r dodona.Record, writer string) uint64 {
	t.Helper()
	r.Appended = time.UnixMilli(1)
	if r.Node == "" {
		r.Node = "gw-1"
	}
	ack, err := l.j.js.PublishMsg(t.Context(), encode(r, writer, l.j.net))
	if err != nil {
		t.Fatal(err)
	}
	return ack.Sequence
}

func TestAFlightIsGuardedOnceASubject(t *testing.T) {
	j := &Journal{net: scopeOf(dodona.Digest{}), writer: "01020304"}
	l := &lane{j: j, seen: make(map[string]seen)}
	at := func(topic dodona.Topic, key string) dodona.Record {
		return dodona.Record{Topic: topic, Key: key, ID: "1", Node: "gw-1"}
	}
	claimed, unknown := at(dodona.TopicClaim, "report.a.ab"), at(dodona.TopicData, "new")
	event, other := at(dodona.TopicEvent, "e"), at(dodona.TopicReceipt, "f")
	for place, r := range map[uint64]dodona.Record{7: claimed, 5: event, 6: other} {
		l.seen[l.subjectOf(r)] = seen{place: place}
	}
	for _, c := range []struct {
		name string
		recs []dodona.Record
		want []string // what each message expects
	}{
		{"the first of any topic, and the first of each shared subject", []dodona.Record{event, other, claimed, claimed, unknown}, []string{"5", "", "7", "", "0"}},
		{"the first is shared itself", []dodona.Record{claimed, claimed, other}, []string{"7", "", ""}},
		{"alone", []dodona.Record{other}, []string{"6"}},
		{"nothing", nil, nil},
	} {
		f := &flight{recs: c.recs, guard: make(map[string]uint64)}
		want := make(map[string]uint64)
		for i, r := range c.recs {
			f.msgs = append(f.msgs, encode(r, j.writer, j.net))
			if c.want[i] != "" {
				want[l.subjectOf(r)] = l.seen[l.subjectOf(r)].place
			}
		}
		l.guardFlight(f)
		for i, m := range f.msgs {
			if got := m.Header.Get(headerExpected); got != c.want[i] {
				t.Errorf("%s: message %d expects %q, want %q", c.name, i, got, c.want[i])
			}
		}
		if fmt.Sprint(f.guard) != fmt.Sprint(want) {
			t.Errorf("%s: guarded %v, want %v", c.name, f.guard, want)
		}
	}
}

// TestWhoLeavesAFlight: what was withdrawn does not take off, and what its caller abandoned in the air is not tried again.
func TestWhoLeavesAFlight(t *testing.T) {
	in := func(states ...int32) (group []*pending) {
		for _, s := range states {
			p := waitingFor()
			p.state.Store(s)
			group = append(group, p)
		}
		return group
	}
	states := func(group []*pending) (list []int32) {
		for _, p := range group {
			list = append(list, p.state.Load())
		}
		return list
	}
	group := in(waiting, withdrawn, waiting, answered, flying)
	if got := takeOff(slices.Clone(group)); !slices.Equal(got, []*pending{group[0], group[2]}) {
		t.Errorf("%d took off, want those that waited", len(got))
	}
	if got := states(group); !slices.Equal(got, []int32{flying, withdrawn, flying, answered, flying}) {
		t.Errorf("after the start they are %d", got)
	}
	group = in(flying, abandoned, flying, answered, withdrawn)
	if got := ground(slices.Clone(group)); !slices.Equal(got, []*pending{group[0], group[2]}) {
		t.Errorf("%d are on the ground, want those that flew", len(got))
	}
	if got := states(group); !slices.Equal(got, []int32{waiting, abandoned, waiting, answered, withdrawn}) {
		t.Errorf("on the ground they are %d", got)
	}
}

// TestAFlightLandsWholeOrInPart: the chain goes on behind what is in the stream, and of the appends all are answered or none.
func TestAFlightLandsWholeOrInPart(t *testing.T) {
	j := open(t, Config{})
	for landed := range 4 {
		name := fmt.Sprintf("%d of 3", landed)
		l := aside(j, streamProof)
		l.head = head{Sequence: 10, Stream: 30}
		before := l.head
		mark := j.heads.read(streamProof)
		one, two, left := waitingFor(claim("report.a.ab", 0)), waitingFor(claim("report.a.ab", 1), claim("report.b.ab", 0)), waitingFor()
		f := flightOf(l, one, two, left)
		left.state.Store(abandoned)
		again := l.landed(f, landed, 41)
		want := before
		if landed > 0 {
			want = f.heads[landed-1]
			want.Stream, mark = 40+uint64(landed), want
			mark.Stream = want.Stream
		}
		if l.head != want || j.heads.read(streamProof).Sequence != mark.Sequence || j.heads.read(streamProof).Stream != mark.Stream || landed > 0 && l.stat.head != want {
			t.Errorf("%s: the chain goes on behind %+v, marked %+v, told %+v; want %+v", name, l.head, j.heads.read(streamProof), l.stat.head, want)
		}
		if l.stat.Records != uint64(landed) || l.stat.Flushes != uint64(min(landed, 1)) || (l.sinceRetain > 0) != (landed > 0) {
			t.Errorf("%s: counted %d records in %d flushes and %d bytes", name, l.stat.Records, l.stat.Flushes, l.sinceRetain)
		}
		places := make(map[string]uint64)
		for i, r := range f.recs {
			if i < landed {
				places[l.subjectOf(r)] = 41 + uint64(i)
			}
			if l.recent.has(l.recent.identity(r)) != (i < landed) {
				t.Errorf("%s: record %d is known: %t", name, i, i >= landed)
			}
		}
		for subject, place := range places {
			if l.seen[subject].place != place {
				t.Errorf("%s: %s was seen at %d, want %d", name, subject, l.seen[subject].place, place)
			}
		}
		if len(l.seen) != len(places) {
			t.Errorf("%s: %d subjects were seen, want %d", name, len(l.seen), len(places))
		}
		if landed < 3 {
			wantWaiting(t, name, again, one, two)
			continue
		}
		if again != nil {
			t.Errorf("%s: %d appends are to be tried again", name, len(again))
		}
		for i, p := range []*pending{one, two} {
			if err, answered := answerOf(p); err != nil || !answered {
				t.Errorf("%s: append %d is answered %t with %v", name, i, answered, err)
			}
		}
	}
}

// TestWhyAGuardRefused: a flight that was refused has landed before, or somebody else was there, or nobody can say so yet.
func TestWhyAGuardRefused(t *testing.T) {
	j := open(t, Config{})
	key := func(i int) string { return fmt.Sprintf("report.f%d.ab", i) }
	n := 0
	for _, c := range []struct {
		name  string
		doubt bool
		do    func(l *lane, f *flight) // between the flight and the refusal
		err   bool
		again bool // it is to be tried again
		moved int  // that many of its subjects are seen anew
	}{
		{"it landed, and the answer was lost", true, func(l *lane, f *flight) {
			if _, err := l.send(f); err != nil {
				t.Fatal(err)
			}
		}, false, false, 3},
		{"the first of it landed alone", true, func(l *lane, f *flight) { l.write(t, f.recs[0], j.writer) }, false, true, 1},
		{"two of it landed", true, func(l *lane, f *flight) {
			l.write(t, f.recs[0], j.writer)
			l.write(t, f.recs[1], j.writer)
		}, false, true, 2},
		{"somebody else was there", false, func(l *lane, f *flight) { l.write(t, f.recs[2], foreign) }, false, true, 1},
		{"somebody else was there, and no answer came", true, func(l *lane, f *flight) { l.write(t, f.recs[1], foreign) }, false, true, 1},
		{"nobody was there", false, func(*lane, *flight) {}, true, false, 0},
		{"nobody was there, and no answer came", true, func(*lane, *flight) {}, true, false, 0},
		{"what stands there cannot be read", false, func(l *lane, f *flight) { strange(t, l, f.recs[1]) }, false, true, 1},
		{"a replica does not have it yet", true, func(l *lane, f *flight) {
			l.head.Stream = l.write(t, f.recs[0], j.writer) // so that it is not found
		}, true, false, 0},
		{"an older record of this process, and no answer came", true, func(l *lane, f *flight) {
			old := f.recs[0]
			old.Sequence--
			l.write(t, old, j.writer)
		}, false, true, 1},
		{"the store does not answer", false, func(l *lane, f *flight) { l.bus = "NOBODY" }, true, false, 0},
		{"the store does not answer, and did not before", true, func(l *lane, f *flight) {
			l.write(t, f.recs[0], foreign)
			l.bus = "NOBODY"
		}, true, false, 0},
		{"the stream is another one", false, func(l *lane, f *flight) { l.born = l.born.Add(-time.Hour) }, false, true, 0},
		{"the stream is another one, and no answer came", true, func(l *lane, f *flight) { l.born = l.born.Add(-time.Hour) }, false, true, 0},
	} {
		l := aside(j, streamProof)
		info, err := l.stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		l.head = head{Sequence: 1000 * uint64(n+1), Stream: info.State.LastSeq}
		one, two, left := waitingFor(claim(key(n), 0)), waitingFor(claim(key(n+1), 0), claim(key(n+2), 0)), waitingFor()
		n += 3
		f := flightOf(l, one, two, left)
		c.do(l, f)
		left.state.Store(abandoned)
		again, err := l.outrun(f, c.doubt)
		if (err != nil) != c.err {
			t.Errorf("%s: %v, want an error: %t", c.name, err, c.err)
		}
		moved := 0
		for _, r := range f.recs {
			if l.seen[l.subjectOf(r)].place > 0 {
				moved++
			}
		}
		if moved != c.moved {
			t.Errorf("%s: %d subjects have something, want %d", c.name, moved, c.moved)
		}
		switch {
		case c.again:
			wantWaiting(t, c.name, again, one, two)
		case len(again) > 0 || one.state.Load() == waiting:
			t.Errorf("%s: %d appends are to be tried again, state %d, want none: they fly, or are answered", c.name, len(again), one.state.Load())
		default:
			if err, answered := answerOf(one); err != nil || answered == c.err {
				t.Errorf("%s: answered %t with %v", c.name, answered, err)
			}
		}
	}
}

// TestOneSubjectThatMovedIsEnough, and one that was emptied has moved.
func TestOneSubjectThatMovedIsEnough(t *testing.T) {
	j := open(t, Config{})
	for _, emptied := range []bool{false, true} {
		l := aside(j, streamProof)
		f := &flight{recs: []dodona.Record{claim("report.a.ab", 0)}, guard: make(map[string]uint64)}
		for i := range 16 {
			f.guard[l.subjectOf(claim(fmt.Sprintf("report.%t%d.ab", emptied, i), 0))] = 0
		}
		moved := claim(fmt.Sprintf("report.%t7.ab", emptied), 0)
		if emptied {
			f.guard[l.subjectOf(moved)] = 3
		} else {
			l.write(t, moved, foreign)
		}
		if _, err := l.outrun(f, false); err != nil {
			t.Errorf("emptied %t: %v", emptied, err)
		}
	}
}

func TestWhatLandedIsFoundByWriterAndSequence(t *testing.T) {
	j := open(t, Config{})
	l := aside(j, streamRaw)
	at := func(sequence uint64) dodona.Record {
		r := reading(int(sequence))
		r.Sequence, r.Node = sequence, "gw-1"
		return r
	}
	l.head.Stream = l.write(t, at(4), j.writer)
	odd := strange(t, l, at(0))
	others := l.write(t, at(5), foreign)
	first := l.write(t, at(5), j.writer)
	l.write(t, at(6), j.writer)
	l.write(t, at(8), j.writer)
	l.write(t, at(7), foreign)
	last := strange(t, l, at(0))
	for sequence, want := range map[uint64]uint64{4: 0, 5: first, 6: first + 1, 7: 0, 9: 0} {
		if got, err := l.placeOf(t.Context(), sequence); err != nil || got != want {
			t.Errorf("sequence %d is at %d, %v, want %d", sequence, got, err, want)
		}
	}
	l.head.Stream = first - 1 // the next place is looked at
	if got, err := l.placeOf(t.Context(), 5); err != nil || got != first {
		t.Errorf("the first behind the head is at %d, %v, want %d", got, err, first)
	}
	for _, c := range []struct {
		name  string
		first uint64
		recs  []dodona.Record
		want  int
	}{
		{"all", first, []dodona.Record{at(5), at(6)}, 2},
		{"one", first, []dodona.Record{at(5)}, 1},
		{"the first two, another one of this process behind them", first, []dodona.Record{at(5), at(6), at(7)}, 2},
		{"the first of two, of another process the second", first + 2, []dodona.Record{at(8), at(7)}, 1},
		{"none: it is another process's", others, []dodona.Record{at(5)}, 0},
		{"none: it cannot be read", odd, []dodona.Record{at(5)}, 0},
		{"none: it is another one", first + 1, []dodona.Record{at(7)}, 0},
		{"none: the stream ends before", last + 1, []dodona.Record{at(5), at(6)}, 0},
		{"the first, the second cannot be read", first + 3, []dodona.Record{at(7), at(8)}, 0},
	} {
		if got, err := l.countLanded(t.Context(), &flight{recs: c.recs}, c.first); err != nil || got != c.want {
			t.Errorf("%s: %d landed, %v, want %d", c.name, got, err, c.want)
		}
	}
	l.bus = "NOBODY"
	if got, err := l.placeOf(t.Context(), 5); err == nil {
		t.Errorf("without an answer: at %d, want an error", got)
	}
	if got, err := l.countLanded(t.Context(), &flight{recs: []dodona.Record{at(5)}}, first); err == nil {
		t.Errorf("without an answer: %d landed, want an error", got)
	}
}

// TestWhatDecidesIsAskedOfTheLeader: a replica that lags behind does not know what came in between.
func TestWhatDecidesIsAskedOfTheLeader(t *testing.T) {
	server := open(t, Config{Listen: "127.0.0.1:0"})
	j := join(t, server, "gw-2")
	l := aside(j, streamProof)
	direct, err := server.nc.SubscribeSync("$JS.API.DIRECT.GET." + l.bus + ".>")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := server.nc.SubscribeSync("$JS.API.DIRECT.GET." + l.bus)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	c := claim("report.a.ab", 0)
	c.Sequence = 1
	place := l.write(t, c, foreign)
	f := &flight{recs: []dodona.Record{c}, guard: map[string]uint64{l.subjectOf(c): 0}}
	if got, err := l.lastSeen(l.subjectOf(c), claim("report.a.ab", 1), nil); err != nil || got.place != place {
		t.Errorf("last: %+v, %v, want place %d", got, err, place)
	}
	if _, err := l.outrun(f, false); err != nil {
		t.Error(err)
	}
	if n, err := l.countLanded(t.Context(), f, place); err != nil || n != 0 {
		t.Errorf("%d landed, %v", n, err)
	}
	if err := server.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*nats.Subscription{direct, plain} {
		if n, _, err := s.Pending(); err != nil || n > 0 {
			t.Errorf("%d questions were for any replica, %v", n, err)
		}
	}
	// The watch sees what it is there to see.
	if _, err := l.fetch(t.Context(), query{Seq: place}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := plain.NextMsgWithContext(ctx); err != nil {
		t.Errorf("the watch sees no questions: %v", err)
	}
}
