package quorum_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/quorum"
	"github.com/dodona-oracle/dodona/telemetry"
)

// TestAnAnswerThatNobodyCanReadStopsNothing: any program that may write to the server can file rubbish under a round. That
// round has no answer then, which is told; the others of the slice, and later rounds, go on.
func TestAnAnswerThatNobodyCanReadStopsNothing(t *testing.T) {
	id := observe(price, 0, 1).ID
	for name, strange := range map[string]dodona.Record{
		"of the round itself":   {ID: id, Body: []byte("rubbish")},
		"of an earlier round":   {ID: "7", Body: []byte("rubbish")},
		"of a round far ahead":  {ID: "9223372036854775807", Body: []byte("rubbish")},
		"of the round, foreign": {ID: id, Body: []byte(`{"network":{"name":"old"}}`)},
		"of no round":           {ID: "rubbish", Body: nil},
	} {
		for _, known := range []bool{true, false} {
			for _, claimed := range []bool{true, false} { // the key has signed another answer for the round, from before a crash
				what := fmt.Sprintf("%s, known from the start %t, claimed otherwise %t", name, known, claimed)
				strange.Topic, strange.Key = dodona.TopicData, price.Name
				ledger, counted := newFakeLedger(), new(telemetrytest.Tally)
				signer := &fakeSigner{address: member, claims: map[string]dodona.Claim{}}
				c := &crashing{ledger, signer, 1 << 30}
				ledger.append(start, strange)
				v := validator(t, func(c *quorum.Config) { c.Recorder = counted })
				if known {
					_ = v.Restore(strange)
				}
				if claimed {
					signer.claims[price.Name] = dodona.Claim{Subject: price.Name, Round: dodona.RoundAt(start), Digest: dodona.Digest{9}}
				}
				var told []error
				counts, err := v.Attest(t.Context(), quorum.Means{Signer: c, Ledger: c, Unreadable: func(err error) { told = append(told, err) }}, start,
					[]dodona.Record{observe(price, 0, 1), observe(door, 0, 1), observe(price, 1, 2)})
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				lost := 0
				if claimed || strange.ID == id {
					lost = 1
				}
				if counts.Attested != 3-lost || counts.Rejected != lost {
					t.Errorf("%s: %s; want %d rejected", what, counts, lost)
				}
				if got := len(ledger.topic(dodona.TopicData)); got != 4-lost {
					t.Errorf("%s: %d data records, want %d", what, got, 4-lost)
				}
				wrong := string(strange.Body) != `{"network":{"name":"old"}}`
				if strange.ID == id && wrong && !known && (len(told) == 0 || !strings.Contains(told[0].Error(), id)) {
					t.Errorf("%s: told %v, want the record %s", what, told, id)
				}
				if n := counted.Counts()[telemetry.QuorumUnreadable.Of(price.Name)]; wrong && (known || strange.ID == id) && n == 0 {
					t.Errorf("%s: counted %v", what, counted.Counts())
				}
			}
		}
	}
}

// TestFeedsWhoseAnswersNobodyCouldReadBackAreRefused: what is appended must be restored after a restart.
func TestFeedsWhoseAnswersNobodyCouldReadBackAreRefused(t *testing.T) {
	wide := func(labels, size int) dodona.Feed {
		f := dodona.Feed{Name: "mode", Kind: dodona.Enum}
		for i := range labels {
			f.Labels = append(f.Labels, fmt.Sprintf("%04d%s", i, strings.Repeat("<", size-4))) // six bytes each in JSON
		}
		return f
	}
	most := wide(256, 64) // what a configuration allows
	v := newValidator(t)
	if err := v.SetFeeds(feeds(most)); err != nil {
		t.Fatal(err)
	}
	_, out := attest(t, v, observe(most, 0, 255))
	again := newValidator(t)
	if err := again.Restore(out...); err != nil {
		t.Errorf("%d bytes: %v", len(out[0].Body), err)
	}
	if _, found := again.Last("mode"); !found {
		t.Error("the largest answer is not remembered")
	}
	if err := v.SetFeeds(feeds(wide(1024, 255))); err == nil || !strings.Contains(err.Error(), "fewer or shorter labels") {
		t.Errorf("a feed whose answers are too large: %v", err)
	}
}

func TestOpennessEndsWithItsLastInstant(t *testing.T) {
	for away, want := range map[time.Duration]quorum.Reason{
		-500*time.Millisecond - 1: quorum.ReasonEarly, -500 * time.Millisecond: "", 30 * time.Second: "", 30*time.Second + 1: quorum.ReasonLate,
	} {
		rec := observe(price, 0, 1)
		rec.Appended = start.Add(away)
		e, _ := attest(t, newValidator(t), rec)
		got := quorum.Reason("")
		if list := e.Rejections(); len(list) == 1 {
			got = list[0].Reason
		}
		if got != want {
			t.Errorf("appended %v from the round: %q, want %q", away, got, want)
		}
	}
}

// TestObservationsOfAFeedKeepTheirOrder: one that has to wait holds back the later ones of its feed, whatever they are.
func TestObservationsOfAFeedKeepTheirOrder(t *testing.T) {
	v := newValidator(t)
	first := v.Step(start, []dodona.Record{observe(price, 1, 1), observe(price, 2, 2), observe(price, 0, 0), observe(door, 0, 1)})
	if c := first.Counts(); c.Observations != 2 || c.Attested != 2 {
		t.Fatalf("the first step decides %s; want round 1 and the door", c)
	}
	v.Commit(first)
	second := v.Next(first)
	if c := second.Counts(); c.Attested != 1 || c.Rejected != 1 {
		t.Errorf("the second step decides %s; want round 2, and the refusal of round 0", c)
	}
	if list := second.Rejections(); len(list) != 1 || !strings.Contains(list[0].Message, "is below round 1795349090000") {
		t.Errorf("refused %+v", list)
	}
}

func TestAnEnormousObservationIsNotRead(t *testing.T) {
	rec := observe(price, 0, 1)
	rec.Body = append(rec.Body, make([]byte, 4<<10+1-len(rec.Body))...)
	if r := rejected(t, newValidator(t), rec); r.Reason != quorum.ReasonMalformed || !strings.Contains(r.Message, "4097 bytes are more than") {
		t.Errorf("got %+v", r)
	}
	rec.Body = rec.Body[:4<<10]
	if r := rejected(t, newValidator(t), rec); strings.Contains(r.Message, "are more than") {
		t.Errorf("one byte less: got %+v", r)
	}
}

// TestARestoredValidatorKnowsWhatItDecided: an observation appended no later than the restored answer was decided before.
func TestARestoredValidatorKnowsWhatItDecided(t *testing.T) {
	_, out := attest(t, newValidator(t), observe(price, 5, 1))
	answer := out[0]
	for after, want := range map[time.Duration]string{-1: "repeated", 0: "repeated", 1: "rejected"} {
		v := newValidator(t)
		older := answer
		older.Appended = start.Add(25 * time.Second) // the newest one counts, whatever the order
		answer.Appended = start.Add(26 * time.Second)
		if err := v.Restore(answer, older); err != nil {
			t.Fatal(err)
		}
		rec := observe(price, 0, 1)
		rec.Appended = answer.Appended.Add(after)
		e, _ := attest(t, v, rec)
		got := "attested"
		switch c := e.Counts(); {
		case c.Repeated == 1:
			got = "repeated"
		case c.Rejected == 1:
			got = "rejected"
		}
		if got != want {
			t.Errorf("appended %v after the restored answer: %s, want %s", after, got, want)
		}
	}
}

// TestALaterAnswerIsNotThatOfTheRound: a claim that the signer refuses is looked up by its own round.
func TestALaterAnswerIsNotThatOfTheRound(t *testing.T) {
	ledger := newFakeLedger()
	signer := &fakeSigner{address: member, claims: map[string]dodona.Claim{}}
	c := &crashing{ledger, signer, 1 << 30}
	_, out := attest(t, newValidator(t), observe(price, 1, 1))
	ledger.append(start, out...)
	signer.claims[price.Name] = dodona.Claim{Subject: price.Name, Round: dodona.RoundAt(start), Digest: dodona.Digest{9}}
	v := newValidator(t)
	counts, err := v.Attest(t.Context(), quorum.Means{Signer: c, Ledger: c, Unreadable: func(err error) { t.Error(err) }}, start, []dodona.Record{observe(price, 0, 1)})
	if err != nil || counts.Rejected != 1 {
		t.Fatalf("%s, %v", counts, err)
	}
	if events := ledger.topic(dodona.TopicEvent); len(events) != 1 || !strings.Contains(string(events[0].Body), "conflict") {
		t.Errorf("events: %s", list(events))
	}
	if last, found := v.Last(price.Name); found {
		t.Errorf("round %d was learnt, which was not asked for", last)
	}
}

// TestAWindowOfRoundsIsRemembered: an observation that comes again is recognised as long as its round is one of the latest.
func TestAWindowOfRoundsIsRemembered(t *testing.T) {
	racetest.Spare(t)
	v := newValidator(t)
	var last []dodona.Record
	for n := range quorum.Window + 1 {
		_, last = attest(t, v, observe(price, n, 1))
	}
	for range quorum.Window { // the same once more takes no place
		if err := v.Restore(last...); err != nil {
			t.Fatal(err)
		}
	}
	e, _ := attest(t, v, observe(price, 0, 1), observe(price, 1, 1), observe(price, quorum.Window, 1))
	list := e.Rejections()
	if c := e.Counts(); c.Repeated != 2 || len(list) != 1 || list[0].Reason != quorum.ReasonOrder {
		t.Errorf("%s, refused %+v; want the oldest forgotten and the others known", c, list)
	}
}

func TestAnswersOfOthersAreNotRestored(t *testing.T) {
	_, out := attest(t, newValidator(t), observe(price, 5, 1))
	good := out[0]
	filed := good
	filed.Key = "door"
	padded := good
	padded.Body = append(append([]byte{}, good.Body...), strings.Repeat(" ", 256<<10+1-len(good.Body))...)
	for name, rec := range map[string]dodona.Record{"filed under another feed": filed, "padded beyond what is read": padded} {
		v := newValidator(t)
		if err := v.Restore(rec); err == nil {
			t.Errorf("%s: restored", name)
		}
	}
	padded.Body = padded.Body[:256<<10]
	if err := newValidator(t).Restore(padded); err != nil {
		t.Errorf("as long as can be: %v", err)
	}
	former := good
	former.Body = []byte(strings.Replace(string(good.Body), strings.ToLower(member.String()), strings.ToLower(stranger.String()), 1))
	v := newValidator(t)
	if err := v.Restore(former); err != nil || string(former.Body) == string(good.Body) {
		t.Errorf("of a former quorum: %v; it is passed over", err)
	}
	if _, found := v.Last("btc.usd"); found {
		t.Error("of a former quorum: remembered")
	}
}
