package sink_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/observed"
	"github.com/dodona-oracle/dodona/sink"
)

// TestAnObservationThatWasHereBeforeIsNotDeliveredAgain: it is counted and said, and what comes of others goes on with this node in its trail.
func TestAnObservationThatWasHereBeforeIsNotDeliveredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := observed.Mark("gw-7", dodona.Address{1}), observed.Mark("gw-8", dodona.Address{2})
		r := newPointsRig(t)
		r.mark = here
		trails := map[string][]string{"a": nil, "b": {there}, "c": {there, here}, "e": {here}}
		for i := range observed.MostVia {
			trails["d"] = append(trails["d"], observed.Mark(fmt.Sprint(i), dodona.Address{3}))
		}
		r.via = trails
		got := map[string]string{}
		r.send = func(events []sink.ObservationEvent) (sink.Sent, error) {
			for _, e := range events {
				got[e.Point] = strings.Join(e.Via, " ")
			}
			return sink.Sent{Done: len(events), Tried: len(events)}, nil
		}
		r.begin()
		r.say(reading(1, "a=1 b=2 c=3 d=4 e=5 a=6"))
		time.Sleep(time.Second)
		r.want("what has not been here goes", "a 1 1", "b 1 2", "a 1 6")
		for point, want := range map[string]string{"a": here, "b": there + " " + here} {
			if got[point] != want {
				t.Errorf("%s has the trail %s, want %s", point, got[point], want)
			}
		}
		if s := r.loop.Status(); s.Skipped != 3 || s.Delivered != 3 || !strings.Contains(s.LastError, "e is not delivered: this node delivered it before") {
			t.Errorf("status %+v", s)
		}
		r.say(reading(2, "d=1"))
		time.Sleep(time.Second)
		if s := r.end(); s.Skipped != 4 || !strings.Contains(s.LastError, "has passed 16 nodes") {
			t.Errorf("status %+v", s)
		}
		if len(trails["b"]) != 1 {
			t.Error("the trail that an observation came with was changed in place")
		}
	})
}
