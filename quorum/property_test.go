package quorum_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/internal/signtest"
	"github.com/dodona-oracle/dodona/quorum"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// drawRecord draws honest observations, repeats, contradictions, late ones, strangers' and noise.
func drawRecord(t *rapid.T) dodona.Record {
	f := rapid.SampledFrom([]dodona.Feed{price, door, mode, {Name: "gold", Kind: dodona.Number}}).Draw(t, "feed")
	rec := observe(f, rapid.IntRange(0, 12).Draw(t, "round"), rapid.Int64Range(-1, 3).Draw(t, "value"))
	switch rapid.IntRange(0, 12).Draw(t, "mischief") {
	case 0:
		rec.Appended = rec.Appended.Add(time.Duration(rapid.Int64Range(-60, 60).Draw(t, "shift")) * time.Second)
	case 1:
		rec = altered(rec, func(o *dodona.Observation) { o.Signer = stranger })
	case 2:
		if at := rapid.IntRange(0, len(rec.Body)-1).Draw(t, "at"); at >= 0 {
			rec.Body[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		}
	case 3:
		rec.Body = rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "noise")
	case 4:
		rec.Topic = rapid.SampledFrom([]dodona.Topic{dodona.TopicData, dodona.TopicClaim, "", "x"}).Draw(t, "topic")
	case 5:
		rec.Key = rapid.String().Draw(t, "key")
	}
	return rec
}

func TestEveryObservationHasOneFate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, err := quorum.New(quorum.Config{Network: network, Quorum: group, Scheme: dodona.ECDSA(signtest.Recover), Feeds: feeds(price, door, mode), Recover: signtest.Recover, Workers: 3})
		if err != nil {
			t.Fatal(err)
		}
		last := map[string]dodona.Round{}
		for range rapid.IntRange(1, 4).Draw(t, "slices") {
			recs := rapid.SliceOfN(rapid.Custom(drawRecord), 0, 24).Draw(t, "slice")
			total, observations := quorum.Counts{}, 0
			for _, r := range recs {
				if r.Topic == dodona.TopicObservation {
					observations++
				}
			}
			for e := v.Step(start, recs); e != nil; e = v.Next(e) {
				perform(t, v, e, last)
				total = total.Plus(e.Counts())
			}
			if total.Observations != observations || total.Ignored != len(recs)-observations ||
				total.Attested+total.Repeated+total.Rejected != observations {
				t.Fatalf("%d observations of %d records, got %v", observations, len(recs), total)
			}
			// Done again, the slice brings nothing new.
			for e := v.Step(start, recs); e != nil; e = v.Next(e) {
				if len(e.Claims) != 0 {
					t.Fatalf("done again: %d claims", len(e.Claims))
				}
			}
		}
	})
}

// perform signs and commits e, and fails unless each feed's rounds rise and each rejection has a listed reason.
func perform(t *rapid.T, v *quorum.Validator, e *quorum.Effects, last map[string]dodona.Round) {
	for _, c := range e.Claims {
		if c.Round <= last[c.Subject] {
			t.Fatalf("%s: round %d after %d", c.Subject, c.Round, last[c.Subject])
		}
		last[c.Subject] = c.Round
	}
	out, err := e.Records(signatures(e.Claims))
	if err != nil {
		t.Fatal(err)
	}
	if c := e.Counts(); len(out) != c.Attested+c.Rejected || c.Attested != len(e.Claims) {
		t.Fatalf("%d records of %v", len(out), c)
	}
	for _, r := range e.Rejections() {
		if !known(r.Reason) {
			t.Fatalf("reason %q is not listed", r.Reason)
		}
	}
	v.Commit(e)
}

func known(r quorum.Reason) bool {
	for _, k := range quorum.Reasons() {
		if r == k {
			return true
		}
	}
	return false
}

func TestWorkersDoNotChangeTheOutcome(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var slice []dodona.Record
	for range 256 {
		slice = append(slice, observe([]dodona.Feed{price, door, mode}[rng.IntN(3)], rng.IntN(40), rng.Int64N(3)))
	}
	var want []dodona.Record
	for workers := 1; workers <= 4; workers++ {
		v, err := quorum.New(quorum.Config{Network: network, Quorum: group, Scheme: dodona.ECDSA(signtest.Recover), Feeds: feeds(price, door, mode), Recover: signtest.Recover, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		var got []dodona.Record
		for e := v.Step(start, slice); e != nil; e = v.Next(e) {
			out, err := e.Records(signatures(e.Claims))
			if err != nil {
				t.Fatal(err)
			}
			v.Commit(e)
			got = append(got, out...)
		}
		if want == nil {
			want = got
		}
		if !sameRecords(got, want) {
			t.Errorf("%d workers: %d records differ from those of one worker", workers, len(got))
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	racetest.Spare(t)
	v := newValidator(t)
	for i := range 3 * quorum.Window {
		attest(t, v, observe(price, i, int64(i)))
	}
	oldest := 2 * quorum.Window
	if e, _ := attest(t, v, observe(price, oldest, int64(oldest))); e.Counts().Repeated != 1 {
		t.Errorf("inside the window: got %v", e.Counts())
	}
	if r := rejected(t, v, observe(price, oldest-1, int64(oldest-1))); r.Reason != quorum.ReasonOrder {
		t.Errorf("below the window: got %s", r.Reason)
	}
}

func TestAReloadKeepsTheOrder(t *testing.T) {
	v := newValidator(t)
	attest(t, v, observe(price, 5, 1))
	if err := v.SetFeeds(feeds(door)); err != nil {
		t.Fatal(err)
	}
	if r := rejected(t, v, observe(price, 6, 1)); r.Reason != quorum.ReasonFeed {
		t.Errorf("a feed that went: got %s", r.Reason)
	}
	finer := price
	finer.Decimals = 10
	if err := v.SetFeeds(feeds(door, finer)); err != nil {
		t.Fatal(err)
	}
	if r := rejected(t, v, observe(finer, 4, 1)); r.Reason != quorum.ReasonOrder {
		t.Errorf("a feed that came back under its name: got %s", r.Reason)
	}
	if e, _ := attest(t, v, observe(finer, 6, 1)); e.Counts().Attested != 1 {
		t.Errorf("its next round: got %v", e.Counts())
	}
}

func FuzzStep(f *testing.F) {
	good := observe(price, 0, 100)
	f.Add("observation", good.Key, good.ID, good.Body, int64(0))
	f.Add("observation", "door", "1", []byte(`{"feed":null}`), int64(-1))
	f.Add("", "", "", []byte{}, int64(1)<<62)
	f.Add("observation", "\xff", "\x00", []byte(fmt.Sprintf(`{"round":%d}`, uint64(1)<<63)), int64(9))
	fuzztest.Run(f, func(t *testing.T, topic, key, id string, body []byte, shift int64) {
		v := newValidator(t)
		rec := dodona.Record{Topic: dodona.Topic(topic), Key: key, ID: id, Body: body, Appended: good.Appended.Add(time.Duration(shift))}
		e := v.Step(start, []dodona.Record{rec, good})
		c := e.Counts()
		if c.Observations+c.Ignored != 2 || c.Attested+c.Repeated+c.Rejected != c.Observations || c.Attested != 1 {
			t.Fatalf("got %v", c)
		}
		out, err := e.Records(signatures(e.Claims))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out {
			if len(r.Body) > 4096 || len(r.ID) > 64 {
				t.Fatalf("a record of %d bytes, id %q", len(r.Body), r.ID)
			}
		}
	})
}

func FuzzRestore(f *testing.F) {
	_, out := attest(f, newValidator(f), observe(price, 0, 1))
	f.Add(out[0].Key, out[0].Body)
	f.Add("", []byte("{}"))
	fuzztest.Run(f, func(t *testing.T, key string, body []byte) {
		v := newValidator(t)
		err := v.Restore(dodona.Record{Topic: dodona.TopicData, Key: key, Body: body})
		if _, found := v.Last(key); found && err != nil {
			t.Fatalf("restored in spite of %v", err)
		}
	})
}

func BenchmarkSlice(b *testing.B) {
	var slice []dodona.Record
	set := []dodona.Feed{}
	for i := range 256 {
		feed := dodona.Feed{Name: fmt.Sprintf("f%d", i), Kind: dodona.Number}
		set = append(set, feed)
		slice = append(slice, observe(feed, 0, int64(i)))
	}
	v, err := quorum.New(quorum.Config{Network: network, Quorum: group, Scheme: dodona.ECDSA(signtest.Recover), Feeds: feeds(set...), Recover: signtest.Recover})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		e := v.Step(start, slice)
		if _, err := e.Records(signatures(e.Claims)); err != nil || len(e.Claims) != 256 {
			b.Fatal(err, len(e.Claims))
		}
	}
}
