package source

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

func TestEachReadingIsHandedOutOnceBehindItsPosition(t *testing.T) {
	l := latest{hold: 4}
	var position uint64
	take := func(upTo dodona.Round) (got []int64) {
		var readings []dodona.Reading
		readings, position = l.since(position, upTo)
		for _, r := range readings {
			got = append(got, r.Received.UnixMilli())
		}
		return got
	}
	come := func(ms ...int64) {
		for _, ms := range ms {
			l.add([]dodona.Reading{{Item: "a", Received: time.UnixMilli(ms)}})
		}
	}
	come(1000, 2000, 3000, 4000)
	if got := take(3000); !slices.Equal(got, []int64{1000, 2000, 3000}) || l.taken != 3 {
		t.Errorf("up to 3000: %v, %d count as taken", got, l.taken)
	}
	come(2900) // received before the instant that was asked for, and not in the journal then
	if got := take(3000); !slices.Equal(got, []int64{4000, 2900}) {
		t.Errorf("what came late, with what came before it: %v", got)
	}
	come(5000, 5001, 5002, 5003, 5004)
	if got := take(6000); !slices.Equal(got, []int64{5001, 5002, 5003, 5004}) {
		t.Errorf("of five the four that are held: %v", got)
	}
	if got := take(6000); len(got) != 0 {
		t.Errorf("what was handed out comes again: %v", got)
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
	if got, _ := l.since(0, dodona.RoundAt(back)); len(got) != 2 {
		t.Errorf("up to the instant of the second reading %d are handed out, want both", len(got))
	}
}

func TestHeldReadingsAreBoundedInBytesAndNumber(t *testing.T) {
	half := make([]byte, maxHeldBytes/2)
	l := latest{hold: 3}
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
	l.since(0, dodona.RoundAt(time.Now()))
	if lost := add(nil); lost != 0 {
		t.Errorf("what somebody took counts as lost: %d", lost)
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
