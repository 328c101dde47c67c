package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

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
		{"it landed, and the head before it is gone", true, func(l *lane, f *flight) {
			ack, err := l.send(f)
			if err != nil {
				t.Fatal(err)
			}
			l.head.Stream = ack.Sequence + 30 // which stood there
		}, false, false, 3},
		{"it landed, others followed, and the head before it is gone", true, func(l *lane, f *flight) {
			ack, err := l.send(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range f.recs {
				r.ID += "-next"
				l.write(t, r, foreign)
			}
			l.head.Stream = ack.Sequence + 1 // another one stands there
		}, false, false, 3},
		{"an older record of this process, and no answer came", true, func(l *lane, f *flight) {
			old := f.recs[0]
			old.Sequence--
			l.write(t, old, j.writer)
		}, false, true, 1},
		{"somebody else was there under this process's name", false, func(l *lane, f *flight) {
			for _, r := range f.recs {
				l.write(t, r, j.writer)
			}
		}, false, true, 3},
		{"the store does not answer", false, func(l *lane, f *flight) {
			for subject := range f.guard {
				f.guard[subject] = 3
			}
			l.streamName = "NOBODY"
		}, true, false, 0},
		{"the store does not answer, and did not before", true, func(l *lane, f *flight) {
			l.write(t, f.recs[0], foreign)
			l.streamName = "NOBODY"
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
		again, err := l.outrun(f, reach{}, c.doubt)
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
		if _, err := l.outrun(f, reach{}, false); err != nil {
			t.Errorf("emptied %t: %v", emptied, err)
		}
	}
}

// TestWhatLandedIsFoundByWhatItSays: the number of a record and its writer are not enough, for a copy of the data folder has both.
func TestWhatLandedIsFoundByWhatItSays(t *testing.T) {
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
	behind := l.head.Stream + 1
	for sequence, want := range map[uint64]uint64{4: 0, 5: first, 6: first + 1, 7: 0, 9: 0} {
		if got, err := l.seek(t.Context(), at(sequence), behind); err != nil || got != want {
			t.Errorf("sequence %d is at %d, %v, want %d", sequence, got, err, want)
		}
	}
	copied := at(9)
	copied.Node = "gw-2"
	l.write(t, copied, j.writer)
	if got, err := l.seek(t.Context(), at(9), behind); err != nil || got != 0 {
		t.Errorf("the record of a copy of this folder is taken for ours, at %d, %v", got, err)
	}
	if got, err := l.seek(t.Context(), at(5), first); err != nil || got != first {
		t.Errorf("the first that is looked at is at %d, %v, want %d", got, err, first)
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
	l.streamName = "NOBODY"
	if got, err := l.seek(t.Context(), at(5), behind); err == nil {
		t.Errorf("without an answer: at %d, want an error", got)
	}
	if got, err := l.countLanded(t.Context(), &flight{recs: []dodona.Record{at(5)}}, first); err == nil {
		t.Errorf("without an answer: %d landed, want an error", got)
	}
}

// TestWhereAFlightIsLookedFor: behind the head, or, if another record or none stands there, behind what the flight expected.
func TestWhereAFlightIsLookedFor(t *testing.T) {
	j := open(t, Config{})
	l := aside(j, streamRaw)
	r := reading(1)
	r.Sequence, r.Node, r.Appended = 4, "gw-1", time.UnixMilli(1)
	place := l.write(t, r, j.writer)
	f := &flight{guard: map[string]uint64{"a": 7, "b": 5, "c": 0}}
	for name, c := range map[string]struct {
		head head
		want uint64
	}{
		"the head stands":            {head{Stream: place, Digest: digestOf(r, j.writer)}, place + 1},
		"another one stands there":   {head{Stream: place, Digest: dodona.Digest{1}}, 8},
		"the stream ends before":     {head{Stream: place + 30, Digest: digestOf(r, j.writer)}, 8},
		"nothing was written so far": {head{}, 8},
	} {
		l.head = c.head
		if got, err := l.behind(t.Context(), f); err != nil || got != c.want {
			t.Errorf("%s: from place %d, %v, want %d", name, got, err, c.want)
		}
	}
	l.streamName = "NOBODY"
	if got, err := l.behind(t.Context(), f); err == nil {
		t.Errorf("without an answer: from place %d, want an error", got)
	}
}

// TestWhatDecidesIsAskedOfTheLeader: a replica that lags behind does not know what came in between.
func TestWhatDecidesIsAskedOfTheLeader(t *testing.T) {
	server := open(t, Config{Listen: "127.0.0.1:0"})
	j := join(t, server, "gw-2")
	l := aside(j, streamProof)
	anyReplica, err := server.nc.SubscribeSync("$JS.API.DIRECT.GET." + l.streamName)
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
	if _, err := l.outrun(f, reach{}, false); err != nil {
		t.Error(err)
	}
	if n, err := l.countLanded(t.Context(), f, place); err != nil || n != 0 {
		t.Errorf("%d landed, %v", n, err)
	}
	if err := server.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	// The watch sees what it is there to see: this question, and none of those before. Others ask for whole pages at the same time.
	if _, err := l.fetch(t.Context(), query{Seq: place + 1000}); !errors.Is(err, dodona.ErrNotFound) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		msg, err := anyReplica.NextMsgWithContext(ctx)
		if err != nil {
			t.Fatalf("the watch sees no questions: %v", err)
		}
		var q query
		if err := json.Unmarshal(msg.Data, &q); err != nil {
			t.Fatal(err)
		}
		switch {
		case q.Batch > 0:
		case q.LastFor == l.subjectOf(c), q.Seq == place:
			t.Errorf("any replica is asked: %s", msg.Data)
		case q.Seq == place+1000:
			return
		}
	}
}
