package sink_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
)

// TestASinkThatSaysNothingUsefulIsTriedAgainWithPauses: it did nothing without an error, or says that it did more than it was given.
func TestASinkThatSaysNothingUsefulIsTriedAgainWithPauses(t *testing.T) {
	for name, says := range map[string]struct {
		sent sink.Sent
		err  error
	}{
		"nothing, and no error": {},
		"less than nothing":     {sink.Sent{Done: -1, Tried: -5}, errors.New("lost")},
		"more tried than given": {sink.Sent{Tried: 99}, errors.New("lost")},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newPointsRig(t)
			r.begin()
			take, tries := r.send, 0
			r.send = func([]sink.ObservationEvent) (sink.Sent, error) { tries++; return says.sent, says.err }
			r.say(reading(1, "t=1"))
			r.rest(time.Minute)
			r.with(func() {
				if tries == 0 || tries > 10_000 {
					t.Errorf("%s: %d tries in a minute", name, tries)
				}
				r.send = take
			})
			r.rest(time.Minute)
			if s := r.end(); s.Delivered != 1 || s.Failures == 0 {
				t.Errorf("%s: status %+v", name, s)
			}
		})
	}
}

// TestRefusalsOfOneObservationCountForNoOther: what goes between sets them back.
func TestRefusalsOfOneObservationCountForNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPointsRig(t)
		r.policy.GiveUp = 3
		r.begin()
		take, refused := r.send, map[string]int{}
		r.send = func(events []sink.ObservationEvent) (sink.Sent, error) {
			if p := events[0].Point; refused[p] < 2 {
				refused[p]++
				return sink.Sent{Tried: 1}, dodona.Permanent(errors.New("not now"))
			}
			return take(events[:1])
		}
		r.say(reading(1, "a=1 b=2 c=3"))
		r.rest(10 * time.Minute)
		if s := r.end(); s.Delivered != 3 || s.Dead != 0 {
			t.Errorf("each was refused twice of three times: %+v", s)
		}
	})
}

// TestReceiptsOfPointsAreWrittenNowAndThenAndCountEachOnce, while the sink goes on.
func TestReceiptsOfPointsAreWrittenNowAndThenAndCountEachOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPointsRig(t)
		r.begin()
		for n := 1; n <= 25; n++ {
			r.say(reading(n, "t=1"))
			r.rest(time.Minute)
		}
		var got []string
		for _, receipt := range r.receipts() {
			got = append(got, strings.SplitN(receipt.Detail, ",", 2)[0])
		}
		if want := "11 observations, 10 observations"; strings.Join(got, ", ") != want {
			t.Errorf("receipts %q, want %q before the end", got, want)
		}
		r.end()
	})
}
