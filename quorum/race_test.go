package quorum_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/quorum"
	"github.com/dodona-oracle/dodona/telemetry"
)

// shaky is a ledger and a signer of which the n-th call fails, whatever it is.
type shaky struct {
	*crashing
	calls, fails int
}

var errShaky = errors.New("it shakes")

func (s *shaky) call() error {
	if s.calls++; s.calls == s.fails {
		return errShaky
	}
	return nil
}

func (s *shaky) Append(ctx context.Context, recs ...dodona.Record) error {
	if err := s.call(); err != nil {
		return err
	}
	return s.crashing.Append(ctx, recs...)
}

func (s *shaky) Sign(ctx context.Context, claims ...dodona.Claim) ([][]byte, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	return s.crashing.Sign(ctx, claims...)
}

func (s *shaky) Last(ctx context.Context, topic dodona.Topic, key string) (dodona.Record, error) {
	if err := s.call(); err != nil {
		return dodona.Record{}, err
	}
	return s.fakeLedger.Last(ctx, topic, key)
}

func (s *shaky) Scan(ctx context.Context, topic dodona.Topic, key string, before func(dodona.Record) bool) iter.Seq2[dodona.Record, error] {
	return func(yield func(dodona.Record, error) bool) {
		if err := s.call(); err != nil {
			yield(dodona.Record{}, err)
			return
		}
		s.fakeLedger.Scan(ctx, topic, key, before)(yield)
	}
}

func newShaky(ledger *fakeLedger, fails int) *shaky {
	return &shaky{crashing: &crashing{ledger, &fakeSigner{address: member, claims: map[string]dodona.Claim{}}, 1 << 30}, fails: fails}
}

// TestASliceIsDoneAgainAfterAFailureOfAnyCall: whatever fails while two validators race, doing the slice again attests what
// the other has not, and nothing twice. The error says what was being done.
func TestASliceIsDoneAgainAfterAFailureOfAnyCall(t *testing.T) {
	var slice []dodona.Record
	for n := range 3 {
		slice = append(slice, observe(price, n, int64(n)), observe(door, n, 1))
	}
	said := map[string]bool{}
	for _, sameKey := range []bool{true, false} { // whether the claims of the other are known to this one's signer
		for fails := 1; ; fails++ {
			ledger := newFakeLedger()
			means := newShaky(ledger, 0)
			if _, err := newValidator(t).Attest(t.Context(), quorum.Means{Signer: means, Ledger: means}, start, slice[:4]); err != nil {
				t.Fatal(err)
			}
			if !sameKey {
				means = newShaky(ledger, 0)
			}
			means.calls, means.fails = 0, fails
			v := newValidator(t)
			counts, err := v.Attest(t.Context(), quorum.Means{Signer: means, Ledger: means}, start, slice)
			if failed := means.calls >= fails; failed != (err != nil) || err != nil && !errors.Is(err, errShaky) {
				t.Fatalf("call %d fails: %v", fails, err)
			}
			done := err == nil
			if !done {
				words, _, _ := strings.Cut(err.Error(), ": ")
				said[words] = true
				if counts, err = v.Attest(t.Context(), quorum.Means{Signer: means, Ledger: means}, start, slice); err != nil {
					t.Fatalf("call %d failed, and again: %v", fails, err)
				}
			}
			if n := audit(t, ledger); n != 6 || len(ledger.topic(dodona.TopicEvent)) != 0 || counts.Rejected != 0 {
				t.Errorf("call %d failed: %d attestations, want 6; events %s", fails, n, list(ledger.topic(dodona.TopicEvent)))
			}
			if done {
				break
			}
		}
	}
	for _, want := range []string{
		"sign 2 reports", "look for the newest answer of btc.usd", "look for round 1795349070000 of btc.usd", "append 2 attestations and rejections",
	} {
		if !said[want] {
			t.Errorf("no failure says %q: %v", want, said)
		}
	}
}

// TestAValidatorThatIsASliceBehindRaisesNoAlarm: another process with its key has attested all that it has to do, one round
// after another, but the last, which both may sign.
func TestAValidatorThatIsASliceBehindRaisesNoAlarm(t *testing.T) {
	ledger := newFakeLedger()
	means := newShaky(ledger, 0)
	var slice []dodona.Record
	for n := range 20 {
		slice = append(slice, observe(price, n, int64(n)))
	}
	for _, want := range []quorum.Counts{{Observations: 20, Attested: 20}, {Observations: 20, Attested: 1, Repeated: 19}} {
		counts, err := newValidator(t).Attest(t.Context(), quorum.Means{Signer: means, Ledger: means}, start, slice)
		if err != nil || counts != want {
			t.Errorf("%s, %v; want %s", counts, err, want)
		}
	}
	if events := ledger.topic(dodona.TopicEvent); len(events) != 0 {
		t.Errorf("got events:\n%s", list(events))
	}
}

// TestALongRaceCostsNoMoreARound: each round that another process has attested is refused twice, with others and alone, and
// looked up once; and nothing is assembled anew for it.
func TestALongRaceCostsNoMoreARound(t *testing.T) {
	race := func(rounds int) (allocations float64) {
		means := newShaky(newFakeLedger(), 0)
		var slice []dodona.Record
		for n := range rounds {
			slice = append(slice, observe(price, n, int64(n)))
		}
		attest := func() {
			means.calls = 0
			if _, err := newValidator(t).Attest(t.Context(), quorum.Means{Signer: means, Ledger: means}, start, slice); err != nil {
				t.Fatal(err)
			}
		}
		attest()
		allocations = testing.AllocsPerRun(1, attest)
		if want := 3*(rounds-1) + 2; means.calls != want { // the last one is signed at once, and appended
			t.Errorf("%d rounds take %d calls, want %d", rounds, means.calls, want)
		}
		return allocations
	}
	if short, long := race(40), race(160); long > 5*short {
		t.Errorf("%v allocations for 160 rounds, %v for 40", long, short)
	}
}

// forgetful is a ledger that always finds, and never knows of an answer that is later than others.
type forgetful struct{ *shaky }

func (f forgetful) Append(context.Context, ...dodona.Record) error {
	f.calls++
	return dodona.ErrConflict
}

func TestAValidatorGivesUpAfterFourRaces(t *testing.T) {
	ledger := forgetful{newShaky(newFakeLedger(), 0)}
	signer := newShaky(newFakeLedger(), 0)
	_, err := newValidator(t).Attest(t.Context(), quorum.Means{Signer: signer, Ledger: ledger}, start, []dodona.Record{observe(price, 0, 1), observe(door, 0, 2)})
	if !errors.Is(err, dodona.ErrConflict) || err.Error() != "append 2 attestations and rejections: "+dodona.ErrConflict.Error() {
		t.Errorf("%v", err)
	}
	if signer.calls != 5 {
		t.Errorf("it was signed %d times, want 5: once, and after each of four races", signer.calls)
	}
}

// full is a ledger that takes nothing.
type full struct{ *shaky }

func (full) Append(context.Context, ...dodona.Record) error { return errors.New("it is full") }

func TestWhatIsNoRaceIsTriedOnce(t *testing.T) {
	means := newShaky(newFakeLedger(), 0)
	v := newValidator(t)
	_, err := v.Attest(t.Context(), quorum.Means{Signer: means, Ledger: full{means}}, start, []dodona.Record{observe(price, 0, 1)})
	if err == nil || err.Error() != "append 1 attestations and rejections: it is full" || means.calls != 1 {
		t.Errorf("%v after %d calls", err, means.calls)
	}
	if _, found := v.Last(price.Name); found {
		t.Error("what was not appended is remembered")
	}
}

// TestNothingIsAppendedOfNothing: a slice without anything new asks neither the signer nor the ledger.
func TestNothingIsAppendedOfNothing(t *testing.T) {
	means := newShaky(newFakeLedger(), 0)
	v := newValidator(t)
	slice := []dodona.Record{observe(price, 0, 1), {Topic: dodona.TopicData}}
	for _, calls := range []int{2, 0} {
		means.calls = 0
		if _, err := v.Attest(t.Context(), quorum.Means{Signer: means, Ledger: means}, start, slice); err != nil || means.calls != calls {
			t.Errorf("%v, %d calls, want %d", err, means.calls, calls)
		}
	}
}

// batchless is a signer that refuses more than one claim, and gives for one what its function makes of the signatures.
type batchless struct {
	*fakeSigner
	of func(subject string, signatures [][]byte) ([][]byte, error)
}

func (b batchless) Sign(ctx context.Context, claims ...dodona.Claim) ([][]byte, error) {
	if len(claims) > 1 {
		return nil, dodona.ErrConflict
	}
	signatures, err := b.fakeSigner.Sign(ctx, claims...)
	if err != nil {
		return nil, err
	}
	return b.of(claims[0].Subject, signatures)
}

func TestClaimsAreSignedOneByOneAfterARefusal(t *testing.T) {
	for _, c := range []struct {
		of   func(string, [][]byte) ([][]byte, error)
		want string // the error; or else what became of the two observations
	}{
		{func(_ string, s [][]byte) ([][]byte, error) { return s, nil }, "2 attested 0 rejected"},
		{func(subject string, s [][]byte) ([][]byte, error) {
			if subject == door.Name {
				return nil, dodona.ErrConflict
			}
			return s, nil
		}, "1 attested 1 rejected"},
		{func(string, [][]byte) ([][]byte, error) { return nil, dodona.ErrConflict }, "0 attested 2 rejected"},
		{func(string, [][]byte) ([][]byte, error) { return nil, nil }, "sign report of btc.usd: 0 signatures of one claim"},
		{func(_ string, s [][]byte) ([][]byte, error) { return append(s, s...), nil }, "sign report of btc.usd: 2 signatures of one claim"},
		{func(_ string, s [][]byte) ([][]byte, error) { return [][]byte{s[0][:64]}, nil }, "assemble attestations: signature 0 has 64 bytes, want 65"},
		{func(string, [][]byte) ([][]byte, error) { return nil, errShaky }, "sign report of btc.usd: it shakes"},
	} {
		ledger := newFakeLedger()
		signer := batchless{&fakeSigner{address: member, claims: map[string]dodona.Claim{}}, c.of}
		counts, err := newValidator(t).Attest(t.Context(), quorum.Means{Signer: signer, Ledger: newShaky(ledger, 0)}, start,
			[]dodona.Record{observe(price, 0, 1), observe(door, 0, 1)})
		got := fmt.Sprintf("%d attested %d rejected", counts.Attested, counts.Rejected)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
		if n := len(ledger.topic(dodona.TopicData)); n != counts.Attested {
			t.Errorf("%s: %d answers", c.want, n)
		}
		for _, rec := range ledger.topic(dodona.TopicEvent) {
			if !strings.HasPrefix(rec.ID, "conflict-") {
				t.Errorf("%s: the event is %s", c.want, rec.ID)
			}
		}
	}
}

// TestRejectionsAreToldInTheirOrder, once each, of all steps of a slice.
func TestRejectionsAreToldInTheirOrder(t *testing.T) {
	means := newShaky(newFakeLedger(), 0)
	var told []quorum.Reason
	counts, err := newValidator(t).Attest(t.Context(), quorum.Means{
		Signer: means, Ledger: means, Rejected: func(r quorum.Rejection) { told = append(told, r.Reason) },
	}, start, []dodona.Record{
		observe(door, 0, 7), observe(price, 1, 1), observe(price, 2, 1), observe(price, 0, 1),
		altered(observe(price, 3, 1), func(o *dodona.Observation) { o.Signer = stranger }),
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []quorum.Reason{quorum.ReasonValue, quorum.ReasonMember, quorum.ReasonOrder}; !slices.Equal(told, want) || counts.Rejected != 3 || counts.Attested != 2 {
		t.Errorf("told %v, want %v; %s", told, want, counts)
	}
}

// TestAClaimedRoundIsTheLastOneOfItsStep: an older round of the same step is refused though nothing is remembered yet.
func TestAClaimedRoundIsTheLastOneOfItsStep(t *testing.T) {
	v := newValidator(t)
	e := v.Step(start, []dodona.Record{observe(price, 1, 1), observe(price, 0, 1), observe(price, 1, 1)})
	list := e.Rejections()
	if c := e.Counts(); c.Attested != 1 || c.Rejected != 1 || c.Repeated != 1 || list[0].Message != "round 1795349070000 is below round 1795349080000, the last one attested" {
		t.Errorf("%s, refused %+v", c, list)
	}
}

// TestAnAnswerComesAfterTheNewestOfItsFeed: whoever wrote that, and in whatever order it was restored.
func TestAnAnswerComesAfterTheNewestOfItsFeed(t *testing.T) {
	var out []dodona.Record
	v := newValidator(t)
	for n := range 3 {
		_, recs := attest(t, v, observe(price, n, 1))
		out = append(out, recs...)
	}
	for i, want := range []string{"", out[0].ID, out[1].ID} {
		if out[i].After != want {
			t.Errorf("answer %d comes after %q, want %q", i, out[i].After, want)
		}
	}
	strange := dodona.Record{Topic: dodona.TopicData, Key: price.Name, ID: "rubbish", Body: []byte("rubbish")}
	event := dodona.Record{Topic: dodona.TopicEvent, Key: price.Name, ID: observe(price, 5, 1).ID, Body: []byte("rubbish")}
	for _, c := range []struct {
		restored []dodona.Record
		want     string
	}{
		{[]dodona.Record{out[2], out[1]}, out[2].ID},
		{[]dodona.Record{out[1], out[2]}, out[2].ID},
		{[]dodona.Record{strange}, "rubbish"},
		{[]dodona.Record{strange, out[0]}, out[0].ID},
		{[]dodona.Record{out[0], strange}, out[0].ID},
		{[]dodona.Record{out[0], event}, out[0].ID},
		{[]dodona.Record{event}, ""},
	} {
		v := newValidator(t)
		_ = v.Restore(c.restored...)
		e := v.Step(start, []dodona.Record{observe(price, 5, 1)})
		recs, err := e.Records(signatures(e.Claims))
		if err != nil || len(recs) != 1 || recs[0].After != c.want {
			t.Errorf("after %s: %+v, %v; want it after %q", list(c.restored), recs, err, c.want)
		}
	}
}

// TestARefusalThatIsTakenBackIsNone: the effects of a step are made of the signatures that came last.
func TestARefusalThatIsTakenBackIsNone(t *testing.T) {
	v := newValidator(t)
	e := v.Step(start, []dodona.Record{observe(price, 0, 1)})
	refused, err := e.Records([][]dodona.Signature{nil})
	if err != nil || e.Counts() != (quorum.Counts{Observations: 1, Rejected: 1}) {
		t.Fatalf("%s, %v", e.Counts(), err)
	}
	var told []string
	for _, r := range e.Rejections() {
		told = append(told, r.Message)
	}
	if want := []string{"the signer refused: it has signed another answer of round 1795349070000, or a later round"}; !slices.Equal(told, want) || len(refused) != 1 {
		t.Errorf("told %q, want %q", told, want)
	}
	if _, err := e.Records(signatures(e.Claims)); err != nil || e.Counts() != (quorum.Counts{Observations: 1, Attested: 1}) || len(e.Rejections()) != 0 {
		t.Errorf("%s, %v", e.Counts(), err)
	}
	v.Commit(e)
	if last, found := v.Last(price.Name); !found || last.Time() != start {
		t.Errorf("last is %d, %t", last, found)
	}
}

// TestTheLongestWaitIsTheLag: it is measured once a slice, of what says when it was appended.
func TestTheLongestWaitIsTheLag(t *testing.T) {
	now := start.Add(every)
	at := func(rec dodona.Record, age time.Duration) dodona.Record {
		rec.Appended = now.Add(-age)
		return rec
	}
	never := observe(price, 0, 1)
	never.Appended = time.Time{}
	for _, c := range []struct {
		recs []dodona.Record
		want []time.Duration
	}{
		{nil, nil},
		{[]dodona.Record{never}, nil},
		{[]dodona.Record{at(observe(price, 0, 1), 0)}, nil},
		{[]dodona.Record{at(observe(price, 0, 1), -time.Second)}, nil},
		{[]dodona.Record{at(observe(price, 0, 1), 1)}, []time.Duration{1}},
		{[]dodona.Record{at(observe(price, 0, 1), 2*time.Second), at(observe(price, 1, 1), 3*time.Second), at(observe(price, 2, 1), time.Second), never}, []time.Duration{3 * time.Second}},
		{[]dodona.Record{{Topic: dodona.TopicData, Appended: now.Add(-time.Hour)}}, nil},
	} {
		r := new(telemetrytest.Tally)
		v := validator(t, func(c *quorum.Config) { c.Recorder = r })
		means := newShaky(newFakeLedger(), 0)
		if _, err := v.Attest(t.Context(), quorum.Means{Signer: means, Ledger: means}, now, c.recs); err != nil {
			t.Fatal(err)
		}
		if got := r.Times(telemetry.QuorumLag); !slices.Equal(got, c.want) {
			t.Errorf("%d records: measured %v, want %v", len(c.recs), got, c.want)
		}
	}
}

// TestARaceCountsAndMeasuresASliceOnce: what is decided anew is the same slice.
func TestARaceCountsAndMeasuresASliceOnce(t *testing.T) {
	ledger := newFakeLedger()
	means := newShaky(ledger, 0)
	if _, err := newValidator(t).Attest(t.Context(), quorum.Means{Signer: means, Ledger: means}, start, []dodona.Record{observe(price, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	r := new(telemetrytest.Tally)
	v := validator(t, func(c *quorum.Config) { c.Recorder = r })
	counts, err := v.Attest(t.Context(), quorum.Means{Signer: newShaky(newFakeLedger(), 0), Ledger: means}, start.Add(every),
		[]dodona.Record{observe(door, 0, 1), {Topic: dodona.TopicData}, observe(price, 1, 1)})
	if want := (quorum.Counts{Observations: 2, Attested: 2, Ignored: 1}); err != nil || counts != want {
		t.Errorf("%s, %v; want %s", counts, err, want)
	}
	if got, want := r.Times(telemetry.QuorumLag), []time.Duration{every - 3*time.Millisecond}; !slices.Equal(got, want) {
		t.Errorf("measured %v, want %v", got, want)
	}
}

// TestAnUnreadableAnswerSettlesNothing: the signer's refusal is told, as if there were none.
func TestAnUnreadableAnswerSettlesNothing(t *testing.T) {
	ledger := newFakeLedger()
	means := newShaky(ledger, 0)
	means.claims[price.Name] = dodona.Claim{Subject: price.Name, Round: dodona.RoundAt(start), Digest: dodona.Digest{9}}
	ledger.append(start, dodona.Record{Topic: dodona.TopicData, Key: price.Name, ID: observe(price, 0, 1).ID, Body: []byte("rubbish")})
	r := new(telemetrytest.Tally)
	v := validator(t, func(c *quorum.Config) { c.Recorder = r })
	var told []quorum.Rejection
	counts, err := v.Attest(t.Context(), quorum.Means{Signer: means, Ledger: means, Rejected: func(r quorum.Rejection) { told = append(told, r) }}, start, []dodona.Record{observe(price, 0, 1)})
	if err != nil || counts.Rejected != 1 || len(told) != 1 || !strings.HasPrefix(told[0].Message, "the signer refused: ") {
		t.Errorf("%s, %v; told %+v", counts, err, told)
	}
	if n := r.Counts()[telemetry.QuorumUnreadable.Of(price.Name)]; n != 1 {
		t.Errorf("counted %d times", n)
	}
}
