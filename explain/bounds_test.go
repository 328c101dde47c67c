package explain_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
)

// TestAnswersFiledUnderAnotherNameAreBroken: each verifies, and is not what was asked for.
func TestAnswersFiledUnderAnotherNameAreBroken(t *testing.T) {
	p, b := three(t)
	other := b
	other.Feed.Name = "gold"
	later := b
	later.Round += 10_000
	for name, wrong := range map[string]dodona.Bundle{"holds round 1795349080000 of gold": other, "holds round 1795349090000 of btc.usd": later} {
		q := *p
		q.recs = nil
		for _, rec := range p.recs {
			if rec.Topic != dodona.TopicData {
				q.recs = append(q.recs, rec)
			}
		}
		q.attest(t, wrong)
		q.recs[len(q.recs)-1].ID = roundID(b.Round)
		if s := explained(t, &q, b.Round); !strings.Contains(strings.Join(s.Broken, "\n"), name) || !s.Attestation.Verdict.Valid {
			t.Errorf("got broken %q, want one that it %s", s.Broken, name)
		}
	}
}

// TestTheObservationBehindTheAnswerIsTold: of several, the one that the attestation names, whichever came first.
func TestTheObservationBehindTheAnswerIsTold(t *testing.T) {
	for _, first := range []bool{true, false} {
		p, b := three(t)
		strange := b
		value := dodona.NewInt192(1)
		strange.Value = &value
		p.put(t, dodona.TopicObservation, btc, roundID(b.Round), b.Round.Time().Add(43*time.Millisecond), p.sign(strange))
		if first {
			last := len(p.recs) - 1
			at := slices.IndexFunc(p.recs, func(r dodona.Record) bool { return r.Topic == dodona.TopicObservation && r.ID == roundID(b.Round) })
			p.recs = slices.Insert(p.recs[:last], at, p.recs[last])
		}
		want := p.sign(b)
		if s := explained(t, p, b.Round); s.Observation == nil || s.Observation.Digest != want.Digest(p.network.ID()) || len(s.Broken) != 0 {
			t.Errorf("the other one first %t: got %+v, broken %q", first, s.Observation, s.Broken)
		}
	}
}

func TestRejectionsOfOtherRoundsAndTimesAreNotTold(t *testing.T) {
	for name, c := range map[string]struct {
		round int
		after time.Duration
		feed  string
		want  int
	}{
		"its own":        {0, time.Second, btc, 1},
		"another round":  {1, time.Second, btc, 0},
		"another feed":   {0, time.Second, "gold", 0},
		"within the day": {0, 10 * time.Minute, btc, 1},
		"long after":     {0, 10*time.Minute + 1, btc, 0},
	} {
		p, _ := three(t)
		b := p.observe(t, 3)
		since := b.Round.Time().Add(43 * time.Millisecond) // when the observation was appended
		r := b.Round + dodona.Round(10_000*c.round)
		p.put(t, dodona.TopicEvent, dodona.EventRejected, "late-1", since.Add(c.after), explain.Rejection{
			Reason: "late", Message: "appended after the round closed", Feed: c.feed, Round: r, ID: roundID(r), Node: "gw-7",
		})
		if s := explained(t, p, b.Round); len(s.Rejections) != c.want {
			t.Errorf("%s: %d rejections, want %d", name, len(s.Rejections), c.want)
		}
	}
}

// TestAReadingThatNobodyNamesIsTold: one more in the bundle is tampering, as one less is.
func TestAReadingThatNobodyNamesIsTold(t *testing.T) {
	p, b := three(t)
	more := carried(t, exported(t, p, b.Round))
	added := more.Readings[0]
	added.Body = []byte(`{"price":"1"}`)
	more.Readings = append(more.Readings, added)
	r := replayed(t, more)
	if step, differs := r.Differs(); !differs || step.Name != explain.StepReadings || !strings.Contains(step.Detail, "is named by no input") {
		t.Errorf("got %s", r)
	}
}

// TestAnEarlierAnswerIsNotThatWhichWentInstead: only a later one can have gone in place of a round's.
func TestAnEarlierAnswerIsNotThatWhichWentInstead(t *testing.T) {
	p, b := three(t)
	at := b.Round.Time().Add(time.Hour)
	for i, c := range []struct {
		sink  string
		round dodona.Round
	}{{"earlier", b.Round - 10_000}, {"later", b.Round + 10_000}} {
		p.put(t, dodona.TopicReceipt, c.sink, string(rune('a'+i)), at, dodona.Receipt{
			Sink: c.sink, Topic: dodona.TopicData, Key: btc, Record: c.round.ID(), Status: dodona.ReceiptDelivered, Passed: 1, At: at,
		})
	}
	s, err := explain.Round(t.Context(), p, btc, b.Round, explain.Options{Sinks: []string{"earlier", "later"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Deliveries) != 1 || s.Deliveries[0].Instead != b.Round+10_000 {
		t.Errorf("got %+v, want the later one alone", s.Deliveries)
	}
}

func TestAWindowOfADayIsToldByTheClockAlone(t *testing.T) {
	from := dodona.RoundAt(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	for length, want := range map[time.Duration]string{
		10 * time.Minute:             "window 12:00–12:10,",
		24 * time.Hour:               "window 12:00–12:00,",
		24*time.Hour + time.Minute:   "window 2026-11-22 12:00–2026-11-23 12:01,",
		90 * time.Second:             "window 12:00:00–12:01:30,",
		48*time.Hour + 1*time.Second: "window 2026-11-22 12:00:00–2026-11-24 12:00:01,",
	} {
		a := explain.Anchoring{From: from, To: from + dodona.Round(length.Milliseconds())}
		if got := a.String(); !strings.HasPrefix(got, want) {
			t.Errorf("%s long: %q, want %q …", length, got, want)
		}
	}
}

// TestRejectionsAreLookedForInABoundedNumber: among the first 512 after the observation.
func TestRejectionsAreLookedForInABoundedNumber(t *testing.T) {
	for _, c := range []struct{ before, want int }{{0, 1}, {511, 1}, {512, 0}} {
		p, _ := three(t)
		b := p.observe(t, 3)
		at := b.Round.Time().Add(time.Second)
		for i := range c.before + 1 {
			r := explain.Rejection{Reason: "late", Message: "appended after the round closed", Feed: "gold", Round: b.Round, ID: roundID(b.Round), Node: "gw-7"}
			if i == c.before {
				r.Feed = btc
			}
			p.put(t, dodona.TopicEvent, dodona.EventRejected, strconv.Itoa(i), at, r)
		}
		if s := explained(t, p, b.Round); len(s.Rejections) != c.want {
			t.Errorf("after %d of others: %d rejections, want %d", c.before, len(s.Rejections), c.want)
		}
	}
}

// TestReceiptsAreLookedForInABoundedNumber: among the first 4096 of a sink after the answer.
func TestReceiptsAreLookedForInABoundedNumber(t *testing.T) {
	for _, c := range []struct{ before, want int }{{0, 1}, {4095, 1}, {4096, 0}} {
		p, b := three(t)
		at := b.Round.Time().Add(time.Hour)
		for i := range c.before + 1 {
			r := dodona.Receipt{Sink: "main", Topic: dodona.TopicData, Key: "gold", Record: b.Round.ID(), Status: dodona.ReceiptDelivered, At: at}
			if i == c.before {
				r.Key = btc
			}
			p.put(t, dodona.TopicReceipt, "main", strconv.Itoa(i), at, r)
		}
		s, err := explain.Round(t.Context(), p, btc, b.Round, explain.Options{Sinks: []string{"main"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Deliveries) != c.want {
			t.Errorf("after %d of others: %d deliveries, want %d", c.before, len(s.Deliveries), c.want)
		}
	}
}
