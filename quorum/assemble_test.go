package quorum

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"pgregory.net/rapid"
)

// said returns beliefs of members 1, 2, … of a feed of a kind, one for each value.
func said(kind dodona.Kind, values ...int64) []belief {
	f := dodona.Feed{Name: "f", Kind: kind}
	if kind == dodona.Enum {
		f.Labels = []string{"off", "on", "auto"}
	}
	beliefs := make([]belief, len(values))
	for i, v := range values {
		beliefs[i] = belief{f, dodona.Observation{
			Feed: f.ID(), Name: f.Name, Round: 1000, Value: dodona.NewInt192(v), Signer: dodona.Address{byte(i + 1)},
		}}
	}
	return beliefs
}

func TestWhatManyBelieveIsOneReport(t *testing.T) {
	const none = -1
	for _, c := range []struct {
		name   string
		kind   dodona.Kind
		values []int64
		want   int64
	}{
		{"one", dodona.Number, []int64{7}, 7},
		{"one below zero", dodona.Number, []int64{-7}, -7},
		{"the higher of two", dodona.Number, []int64{3, 9}, 9},
		{"the middle of three", dodona.Number, []int64{9, 3, 4}, 4},
		{"with signs", dodona.Number, []int64{-9, 3, -4}, -4},
		{"the upper middle of four", dodona.Number, []int64{1, 2, 3, 4}, 3},
		{"not the mean", dodona.Number, []int64{1, 2, 1_000_000}, 2},
		{"all differ", dodona.Number, []int64{5, 4, 3, 2, 1}, 3},
		{"one door", dodona.Bool, []int64{0}, 0},
		{"two doors that agree", dodona.Bool, []int64{1, 1}, 1},
		{"two that do not", dodona.Bool, []int64{0, 1}, none},
		{"two of three", dodona.Bool, []int64{1, 0, 1}, 1},
		{"two of four are not more than half", dodona.Bool, []int64{0, 1, 1, 0}, none},
		{"three of four", dodona.Bool, []int64{0, 1, 1, 1}, 1},
		{"three of four, the lowest", dodona.Enum, []int64{0, 0, 2, 0}, 0},
		{"half of the labels, never the middle one", dodona.Enum, []int64{0, 0, 2, 2}, none},
		{"each its own label", dodona.Enum, []int64{0, 1, 2}, none},
		{"three of five", dodona.Enum, []int64{2, 0, 2, 1, 2}, 2},
	} {
		beliefs := said(c.kind, c.values...)
		report, observed := assemble(dodona.Digest{1}, beliefs...)
		want := dodona.Report{Feed: beliefs[0].observation.Feed, Round: 1000, Value: dodona.NewInt192(c.want)}
		if c.want == none && c.kind != dodona.Number {
			want = dodona.Report{}
		}
		if report != want {
			t.Errorf("%s: got %+v, want %+v", c.name, report, want)
		}
		var observations []dodona.Observation
		for _, b := range beliefs {
			observations = append(observations, b.observation)
		}
		if observed != dodona.Observed(dodona.Digest{1}, observations...) {
			t.Errorf("%s: observed %s is not the digest of the %d observations", c.name, observed, len(beliefs))
		}
	}
}

// TestOneBeliefComesToWhatItSays: a network of one signs what its member observed.
func TestOneBeliefComesToWhatItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]dodona.Kind{dodona.Number, dodona.Bool, dodona.Enum}).Draw(t, "kind")
		b := said(kind, rapid.Int64().Draw(t, "value"))[0]
		b.observation.Round = dodona.Round(rapid.Uint64().Draw(t, "round"))
		report, observed := assemble(dodona.Digest{1}, b)
		want := dodona.Report{Feed: b.observation.Feed, Round: b.observation.Round, Value: b.observation.Value}
		if report != want || observed != dodona.Observed(dodona.Digest{1}, b.observation) {
			t.Fatalf("%+v comes to %+v, observed %s", b, report, observed)
		}
	})
}

// TestFewLiarsMoveNothingOutOfTheHonestRange: with less than half of them lying, whatever they say and in whatever order it
// comes, a number lies between two that honest members saw, and a label that all of those saw stands.
func TestFewLiarsMoveNothingOutOfTheHonestRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]dodona.Kind{dodona.Number, dodona.Bool}).Draw(t, "kind")
		honest := rapid.SliceOfN(rapid.Int64Range(-100, 100), 1, 16).Draw(t, "honest")
		if kind == dodona.Bool {
			honest = slices.Repeat([]int64{honest[0] & 1}, len(honest))
		}
		lies := rapid.SliceOfN(rapid.Int64(), 0, len(honest)-1).Draw(t, "lies")
		beliefs := said(kind, slices.Concat(honest, lies)...)
		report, observed := assemble(dodona.Digest{1}, beliefs...)
		if v, fits := report.Value.Int64(); !fits || report.Round != 1000 || v < slices.Min(honest) || v > slices.Max(honest) {
			t.Fatalf("%v and the lies %v come to %+v", honest, lies, report)
		}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		random.Shuffle(len(beliefs), func(i, j int) { beliefs[i], beliefs[j] = beliefs[j], beliefs[i] })
		if again, too := assemble(dodona.Digest{1}, beliefs...); again != report || too != observed {
			t.Fatalf("in another order %+v, observed %s; want %+v, %s", again, too, report, observed)
		}
	})
}

// TestAnAttestationTakesKOfN: what is assembled carries the signatures of the quorum, all of them checked.
func TestAnAttestationTakesKOfN(t *testing.T) {
	digest, by := dodona.Digest{7}, func(n byte) dodona.Signature { return dodona.Signature{0: n} }
	e := &Effects{
		quorum: dodona.Quorum{Scheme: "ecdsa", K: 3, Members: []dodona.Address{{1}, {2}, {3}, {4}}},
		scheme: dodona.ECDSA(func(d dodona.Digest, s dodona.Signature) (dodona.Address, error) {
			if d != digest {
				return dodona.Address{}, errors.New("another digest")
			}
			return dodona.Address{s[0]}, nil
		}),
		Claims: []dodona.Claim{{Digest: digest}, {Digest: digest}},
		outcomes: []outcome{
			{finding: finding{belief: said(dodona.Number, 1)[0]}, report: dodona.Report{Round: 1}, claim: 1},
			{finding: finding{belief: said(dodona.Number, 2)[0]}, report: dodona.Report{Round: 2}, claim: 2},
		},
	}
	good := []dodona.Signature{by(1), by(3), by(4)}
	for name, bad := range map[string][]dodona.Signature{
		"too few": {by(1), by(2)}, "one twice": {by(1), by(1), by(2)}, "out of order": {by(2), by(1), by(3)}, "a stranger's last": {by(1), by(2), by(5)},
	} {
		if recs, err := e.Records([][]dodona.Signature{good, bad}); err == nil || recs != nil {
			t.Errorf("the second list has %s: %d records, %v", name, len(recs), err)
		}
	}
	recs, err := e.Records([][]dodona.Signature{good, {by(2), by(3), by(4)}})
	if err != nil || len(recs) != 2 || recs[0].ID != "1" || recs[1].ID != "2" {
		t.Fatalf("got %+v, %v", recs, err)
	}
	for _, rec := range recs {
		if rec.Topic != dodona.TopicData {
			t.Errorf("got a record of topic %s", rec.Topic)
		}
	}
}

// TestARoundIsOpenByTheTimeOfReceipt: not by what its record says, which another member may have written, and not by when it is decided.
func TestARoundIsOpenByTheTimeOfReceipt(t *testing.T) {
	member, feed := dodona.Address{1}, dodona.Feed{Name: "f", Kind: dodona.Number}
	v := &Validator{
		quorum: dodona.Quorum{Members: []dodona.Address{member}}, feeds: map[dodona.FeedID]Feed{feed.ID(): {feed, 10 * time.Second}},
		recover: func(dodona.Digest, dodona.Signature) (dodona.Address, error) { return member, nil },
	}
	round := dodona.Round(1_795_349_070_000)
	rec := recordOf(t, dodona.Observation{Feed: feed.ID(), Name: "f", Round: round, Signer: member})
	for _, c := range []struct {
		received time.Duration
		want     Reason
	}{
		{-501 * time.Millisecond, ReasonEarly},
		{-500 * time.Millisecond, ""},
		{0, ""},
		{30 * time.Second, ""},
		{30*time.Second + time.Millisecond, ReasonLate},
	} {
		for _, said := range []time.Duration{-time.Hour, 0, time.Hour} {
			rec.Appended = round.Time().Add(said)
			if f := v.examine(rec, round.Time().Add(c.received)); f.reason != c.want {
				t.Errorf("received %s after its instant, and the record says %s: got %q, want %q", c.received, said, f.reason, c.want)
			}
		}
	}
}

func recordOf(t *testing.T, o dodona.Observation) dodona.Record {
	t.Helper()
	body, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return dodona.Record{Topic: dodona.TopicObservation, Key: o.Name, ID: o.Round.ID(), Body: body}
}
