package journal

import (
	"fmt"
	"slices"
	"testing"
	"time"

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
		again := l.landed(f, reach{}, landed, 41)
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
