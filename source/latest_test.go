package source

import (
	"strconv"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

func TestReadingsSinceAnInstantAreThoseAfterItUpToTheOther(t *testing.T) {
	l := latest{hold: 10}
	for _, ms := range []int64{1000, 2000, 2500, 3000, 4000} {
		l.add([]dodona.Reading{{Item: "a", Received: time.UnixMilli(ms)}})
	}
	var got []int64
	for _, r := range l.since(2000, 3000) {
		got = append(got, r.Received.UnixMilli())
	}
	if len(got) != 2 || got[0] != 2500 || got[1] != 3000 {
		t.Errorf("after 2000 up to 3000: %v", got)
	}
	if l.taken != 4 {
		t.Errorf("%d count as taken, want the four up to 3000", l.taken)
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
	if got := l.since(dodona.RoundAt(back.Add(-time.Second)), dodona.RoundAt(back)); len(got) != 2 {
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
