package explain_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/internal/observed"
)

// TestWhatBecameOfAnObservationIsToldByReceipts: of five records, one before the sink's beginning, one acknowledged, one perhaps twice, one refused for
// good, and one of which nothing is known but by the sink itself.
func TestWhatBecameOfAnObservationIsToldByReceipts(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	j := &fakeJournal{}
	j.put(t, dodona.TopicIntent, "plant", observed.Begin, at(1), at(1))
	ids := make([]string, 6)
	for n := range 6 {
		if n == 0 {
			continue
		}
		j.put(t, dodona.TopicReading, "boiler", fmt.Sprint(n), at(n-1), dodona.Exchange{Readings: []dodona.Reading{{Source: "boiler", Received: at(n - 1), Body: []byte("1")}}})
		rec := &j.recs[len(j.recs)-1]
		rec.Sequence = uint64(n)
		ids[n] = observed.ID(*rec, "boiler", 0)
	}
	receipt := func(r dodona.Receipt) {
		r.Sink, r.Topic = "plant", dodona.TopicReading
		j.put(t, dodona.TopicReceipt, "plant", "", r.At, r)
	}
	var tally observed.Tally
	tally.Add("gw-7", 2, false)
	receipt(dodona.Receipt{Status: dodona.ReceiptDelivered, At: at(11), Detail: tally.String()})
	receipt(dodona.Receipt{Status: dodona.ReceiptDead, At: at(12), Key: "boiler", Record: ids[4], Detail: "refused 5 times: no"})
	var more observed.Tally
	more.Add("gw-7", 3, true)
	receipt(dodona.Receipt{Status: dodona.ReceiptDelivered, At: at(21), Detail: more.String()})
	plant := explain.PointSink{
		Name: "plant", Sources: []string{"boiler"}, Points: []string{"boiler"},
		Made: func(_ context.Context, rec dodona.Record) ([]explain.Made, error) {
			return []explain.Made{{Point: dodona.Point{ID: "boiler"}, Event: observed.ID(rec, "boiler", 0), Topic: "a/b"}}, nil
		},
	}
	asks := 0
	ask := func(n int) string {
		asks++
		story, err := explain.Observed(t.Context(), j, ids[n], time.Time{}, at(30), explain.Options{Points: []explain.PointSink{plant}})
		if err != nil || len(story.Published) != 1 || story.Seq != uint64(n) {
			t.Fatalf("record %d: got %+v, %v", n, story, err)
		}
		text, _, _ := strings.Cut(story.Published[0].String(), "; id")
		return text
	}
	for n, want := range []string{
		1: "plant: boiler on a/b, seq 1, not meant for it: the sink began at 2026-11-22T12:01:00Z",
		2: "plant: boiler on a/b, seq 2, acknowledged by 2026-11-22T12:11:00Z",
		3: "plant: boiler on a/b, seq 3, acknowledged by 2026-11-22T12:21:00Z, perhaps sent more than once under its id",
		4: "plant: boiler on a/b, seq 4, dead since 2026-11-22T12:12:00Z: refused 5 times: no",
		5: "plant: boiler on a/b, seq 5, not acknowledged yet, as far as is known here",
	} {
		if n == 0 {
			continue
		}
		if got := ask(n); got != want {
			t.Errorf("record %d: got\n%s, want\n%s", n, got, want)
		}
	}
	plant.At = at(29)
	plant.Tally.Add("gw-7", 5, false)
	if got, want := ask(5), "plant: boiler on a/b, seq 5, acknowledged by 2026-11-22T12:29:00Z"; got != want {
		t.Errorf("by the sink itself: got\n%s, want\n%s", got, want)
	}
	plant.Tally.Part = true
	if got := ask(5); !strings.Contains(got, "not acknowledged yet") {
		t.Errorf("of a record whose rest is not acknowledged: got %s", got)
	}
	plant.Tally.Part, plant.Chooses = false, true
	if got := ask(5); !strings.Contains(got, "unless it said nothing new") {
		t.Errorf("of a sink that chooses: got %s", got)
	}
	_, err := explain.Observed(t.Context(), j, ids[2], at(2), at(30), explain.Options{Points: []explain.PointSink{plant}})
	if err != nil {
		t.Errorf("by its time: %v", err)
	}
	for what, when := range map[string]time.Time{ids[2]: at(300), strings.Repeat("0", 32): {}} {
		if _, err := explain.Observed(t.Context(), j, what, when, at(30), explain.Options{Points: []explain.PointSink{plant}}); !errors.Is(err, dodona.ErrNotFound) {
			t.Errorf("%s at %s: %v", what, when, err)
		}
	}
	if slices.Contains(ids[1:], "") || asks != 8 {
		t.Errorf("asked %d times of %q", asks, ids)
	}
}
