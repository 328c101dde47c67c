package source

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A shelf is a queue with one taker, of readings that are told apart by when they came.
type shelf struct {
	latest
	t Taker
}

func (s *shelf) come(ms ...int64) (lost int) {
	for _, ms := range ms {
		lost += s.add([]dodona.Reading{{Item: "a", Received: time.UnixMilli(ms)}})
	}
	return lost
}

func (s *shelf) give(upTo dodona.Round) (got []int64, digests []dodona.Digest) {
	for _, r := range s.since(&s.t, upTo) {
		got, digests = append(got, r.Received.UnixMilli()), append(digests, r.Digest())
	}
	return got, digests
}

// take takes what is there up to a round.
func (s *shelf) take(upTo dodona.Round) []int64 {
	got, digests := s.give(upTo)
	s.t.Stand(upTo, digests)
	s.pass(&s.t)
	return got
}

func TestEachReadingIsTakenOnce(t *testing.T) {
	s := shelf{latest: latest{hold: 4}}
	s.come(1000, 2000, 3000, 4000)
	if got := s.take(3000); !slices.Equal(got, []int64{1000, 2000, 3000}) {
		t.Errorf("up to 3000: %v", got)
	}
	s.come(2900) // received before the instant that was asked for, and not in the journal then
	for range 2 {
		if got, _ := s.give(3000); !slices.Equal(got, []int64{4000, 2900}) {
			t.Errorf("what came late, with what came before it: %v; nobody took it", got)
		}
	}
	if got := s.take(3000); !slices.Equal(got, []int64{4000, 2900}) {
		t.Errorf("what came late: %v", got)
	}
	if lost := s.come(5000, 5001, 5002, 5003, 5004); lost != 1 {
		t.Errorf("of five where there is room for four %d are lost", lost)
	}
	if got := s.take(6000); !slices.Equal(got, []int64{5001, 5002, 5003, 5004}) {
		t.Errorf("of five the four that are held: %v", got)
	}
	if got := s.take(6000); len(got) != 0 {
		t.Errorf("what was taken comes again: %v", got)
	}
}

// TestWhatWasGivenAndNotTakenIsLostIfItIsPushedOut: and for each who was to take it, not only if nobody did.
func TestWhatWasGivenAndNotTakenIsLostIfItIsPushedOut(t *testing.T) {
	s := shelf{latest: latest{hold: 2}}
	if lost := s.come(1, 2, 3, 4); lost != 0 {
		t.Errorf("%d are lost to nobody", lost)
	}
	s.serve([]*Taker{&s.t})
	s.give(4)
	if lost := s.come(5); lost != 1 {
		t.Errorf("one was given, not taken and pushed out: %d lost", lost)
	}
	if got := s.take(5); !slices.Equal(got, []int64{4, 5}) {
		t.Errorf("%v are left", got)
	}
	if lost := s.come(6, 7); lost != 0 {
		t.Errorf("what was taken is pushed out: %d lost", lost)
	}
	other := new(Taker)
	s.serve([]*Taker{&s.t, other})
	s.take(7)
	if lost := s.come(8); lost != 1 {
		t.Errorf("another one was still to take it: %d lost", lost)
	}
	s.serve([]*Taker{&s.t})
	s.take(8)
	if lost := s.come(9); lost != 0 {
		t.Errorf("the other one went: %d lost", lost)
	}
}

// TestWhatIsGivenUpIsCounted: what is left of it in the queue, and nothing that was taken, pushed out or came since.
func TestWhatIsGivenUpIsCounted(t *testing.T) {
	s := shelf{latest: latest{hold: 4}}
	p := &Pump{pushed: true, cfg: Config{Name: "s", Recorder: telemetry.Nop, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, lost: make(chan struct{}, 1), latest: s.latest}
	p.Serve([]*Taker{&s.t})
	come := func(ms ...int64) {
		for _, ms := range ms {
			p.latest.add([]dodona.Reading{{Item: "a", Received: time.UnixMilli(ms)}})
		}
	}
	digests := func() (all []dodona.Digest) {
		for _, r := range p.left(dodona.RoundAt(time.UnixMilli(9000)), &s.t) {
			all = append(all, r.Digest())
		}
		return all
	}
	come(1000)
	p.Took(&s.t, 1000, digests())
	come(2000, 3000, 4000)
	given := digests()
	come(5000, 6000)
	p.GiveUp(&s.t, 4000, given, "in 10 rounds of f no answer counts them")
	if got := p.Status().Dropped; got != 2 {
		t.Errorf("of three that were given up one was pushed out before: %d are dropped, want 2", got)
	}
	if left := digests(); len(left) != 2 {
		t.Errorf("%d are left, want the two that came since", len(left))
	}
	p.GiveUp(&s.t, 4000, given, "again")
	p.GiveUp(new(Taker), 4000, given, "of somebody who takes nothing here")
	if got := p.Status().Dropped; got != 2 {
		t.Errorf("what is gone is given up again: %d are dropped", got)
	}
}

// TestATakerGoesOnInAnotherPump: what came before it was there in the same order, as the journal has it.
func TestATakerGoesOnInAnotherPump(t *testing.T) {
	was := shelf{latest: latest{hold: 10}}
	was.come(1, 2, 3, 4)
	was.take(3)
	s := shelf{latest: latest{hold: 10}}
	s.t.Stand(3, slices.Collect(maps.Keys(was.t.taken)))
	s.serve([]*Taker{&s.t})
	s.prime([]dodona.Reading{{Item: "a", Received: time.UnixMilli(2)}, {Item: "a", Received: time.UnixMilli(3)}, {Item: "a", Received: time.UnixMilli(4)}})
	s.come(5)
	if got := s.take(5); !slices.Equal(got, []int64{4, 5}) {
		t.Errorf("it goes on with %v, want 4 and 5", got)
	}
}

// TestTheLatestIsWhatCameLastThoughTheClockWasSetBack: a value of before must not speak in the place of what came since.
func TestTheLatestIsWhatCameLastThoughTheClockWasSetBack(t *testing.T) {
	now := time.Now()
	w := &Want{Points: []string{"a"}, Has: func(dodona.Reading, string) bool { return true }, Within: time.Minute}
	l := latest{hold: 10}
	l.watch(w, now)
	say := func(body string, at time.Time) { l.add([]dodona.Reading{{Body: []byte(body), Received: at}}) }
	say("of before", now)
	back := now.Add(-30 * time.Second)
	say("since", back)
	later := &Want{Points: w.Points, Has: w.Has, Within: w.Within}
	l.watch(later, now)
	for _, w := range []*Want{w, later} {
		if got := l.wanted(w, dodona.RoundAt(now.Add(time.Second))); len(got) != 1 || string(got[0].Body) != "since" {
			t.Errorf("got %q, want what came since", got)
		}
	}
	if got := l.since(new(Taker), dodona.RoundAt(back)); len(got) != 2 {
		t.Errorf("up to the instant of the second reading %d are handed out, want both", len(got))
	}
}

func TestHeldReadingsAreBoundedInBytesAndNumber(t *testing.T) {
	half := make([]byte, maxHeldBytes/2)
	l := latest{hold: 3}
	taker := new(Taker)
	l.serve([]*Taker{taker})
	add := func(body []byte) int { return l.add([]dodona.Reading{{Item: "a", Body: body}}) }
	if add(half)+add(half) != 0 || len(l.queue) != 2 {
		t.Errorf("of just the bytes that are held, %d are kept", len(l.queue))
	}
	if lost := add([]byte{1}); lost != 1 || l.bytes != maxHeldBytes/2+1 {
		t.Errorf("a byte more: %d lost, %d bytes held", lost, l.bytes)
	}
	if lost := add(nil) + add(nil); lost != 1 || len(l.queue) != 3 {
		t.Errorf("a fourth reading of three: %d lost, %d held", lost, len(l.queue))
	}
	if lost := add(make([]byte, maxHeldBytes+1)); lost != 3 || len(l.queue) != 1 {
		t.Errorf("one that is larger than all: %d lost, %d held; it stands alone", lost, len(l.queue))
	}
	l.stands[taker] = l.gone + 1
	if lost := add(nil); lost != 0 {
		t.Errorf("what somebody took counts as lost: %d", lost)
	}
}

// TestWhatEveryTakerTookIsLetGo: a node with many sources would else hold a thousand readings of each for nobody, and grow for as long as
// it takes to bring them.
func TestWhatEveryTakerTookIsLetGo(t *testing.T) {
	const hold = 8 * maxTaken
	nobody := latest{hold: hold}
	s := shelf{latest: latest{hold: hold}}
	other := new(Taker)
	s.serve([]*Taker{&s.t, other})
	var last dodona.Digest
	for ms := range int64(2 * hold) {
		r := dodona.Reading{Item: "a", Received: time.UnixMilli(ms)}
		last = r.Digest()
		nobody.add([]dodona.Reading{r})
		if lost := s.come(ms); lost != max(0, min(1, int(ms)-hold+1)) {
			t.Fatalf("reading %d of which the other taker took none: %d lost", ms, lost)
		}
		s.take(dodona.Round(ms))
	}
	if len(nobody.queue) != maxTaken || len(s.queue) != hold {
		t.Errorf("%d readings are held for nobody and %d for one of two takers, want %d and %d", len(nobody.queue), len(s.queue), maxTaken, hold)
	}
	other.Stand(2*hold, []dodona.Digest{last})
	s.pass(other)
	if lost := s.come(2 * hold); lost != 0 || len(s.queue) != maxTaken || len(s.at) != maxTaken {
		t.Errorf("once both took all, %d readings are held and %d lost, want %d and none", len(s.queue), lost, maxTaken)
	}
	if got := s.take(2 * hold); !slices.Equal(got, []int64{2 * hold}) {
		t.Errorf("a taker was given %v, want what came since", got)
	}
}

func TestAnItemThatIsGivenUpIsWantedByNobody(t *testing.T) {
	w := &Want{Points: []string{"a"}, Has: func(dodona.Reading, string) bool { return true }}
	now := time.Now()
	l := latest{}
	l.watch(w, now)
	for n := range maxItems + 1 {
		l.add([]dodona.Reading{{Item: strconv.Itoa(n), Body: []byte("1"), Received: now.Add(time.Duration(n) * time.Second)}})
	}
	got := l.wanted(w, dodona.RoundAt(now))
	if len(got) != maxItems || l.wants[w].bytes != maxItems {
		t.Errorf("%d readings of %d bytes, want those of the last %d items", len(got), l.wants[w].bytes, maxItems)
	}
}

// TestWhatWaitsWhenASourceIsReplacedWaitsForTheNextPump: no less of it than the queue before had room for.
func TestWhatWaitsWhenASourceIsReplacedWaitsForTheNextPump(t *testing.T) {
	var before []dodona.Reading
	for i := range 60 {
		before = append(before, dodona.Reading{Body: bytes.Repeat([]byte{byte(i)}, maxHeldBytes/64), Received: time.UnixMilli(int64(i + 1))})
	}
	taker := &Taker{Name: "f"}
	taker.Stand(1, []dodona.Digest{before[9].Digest()})
	all, latestOnly := latest{hold: 100}, latest{hold: 100}
	all.serve([]*Taker{taker})
	all.prime(before)
	latestOnly.prime(before)
	if got := all.since(taker, 100); len(got) != 50 || got[0].Body[0] != 10 {
		t.Errorf("%d readings, want the 50 that were not taken", len(got))
	}
	if latestOnly.bytes > maxBefore || all.bytes > maxHeldBytes {
		t.Errorf("it holds %d bytes for nobody and %d for who takes all", latestOnly.bytes, all.bytes)
	}
}

func TestTheLatestOfItemsIsBoundedInBytes(t *testing.T) {
	var l latest
	lost := 0
	for n := range 20 {
		lost += l.see(dodona.Reading{Item: fmt.Sprint(n), Body: make([]byte, maxItemBytes/10), Received: time.Unix(int64(n), 0)})
	}
	if len(l.items) != 10 || lost != 10 || l.size != 10*(maxItemBytes/10) {
		t.Errorf("%d items of %d bytes, %d lost; want 10 and 10", len(l.items), l.size, lost)
	}
	if _, there := l.items["19"]; !there {
		t.Error("the last one is gone")
	}
}
