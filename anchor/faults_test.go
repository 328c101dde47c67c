package anchor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/internal/signtest"
	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/telemetry"
)

// third is when the window is due that past leaves open: a minute after its end, and what answers take on their way.
var third = noon.Add(4*time.Minute + 10*time.Second)

// past returns a world with two anchors, a late answer and gaps of two feeds, and one window that is due.
func past(t testing.TB) *world {
	t.Helper()
	w := newWorld(time.Minute, gridOf("a", 10*time.Second), gridOf("b", 20*time.Second))
	w.attest(noon, "a", at(0))
	w.attest(noon, "b", at(20*time.Second))
	w.miss("a", at(10*time.Second), "off")
	w.mustAdvance(t, noon.Add(2*time.Minute+10*time.Second))
	w.attest(noon.Add(2*time.Minute+10*time.Second), "a", at(50*time.Second)) // late
	w.attest(noon, "a", at(60*time.Second))
	w.attest(noon, "a", at(70*time.Second))
	w.miss("b", at(60*time.Second), "broken")
	w.mustAdvance(t, noon.Add(3*time.Minute+10*time.Second))
	w.attest(noon, "b", at(120*time.Second))
	w.miss("a", at(130*time.Second), "off")
	w.restart(t)
	w.ledger.calls = 0
	return w
}

// TestWhateverFailsIsToldAndMended: each call of the journal and the signer fails once. The series says so, seals nothing, and
// goes on when it is asked again, as if it had not been.
func TestWhateverFailsIsToldAndMended(t *testing.T) {
	w := past(t)
	want := w.mustAdvance(t, third)
	calls := w.ledger.calls
	if len(want) != 1 || calls < 10 {
		t.Fatalf("%d anchors after %d calls", len(want), calls)
	}
	means := func(w *world) anchor.Means {
		return anchor.Means{Signer: w.signer, Ledger: w.ledger, Refused: refused}
	}
	for fuse := 1; fuse <= calls; fuse++ {
		for _, c := range []struct{ after, once bool }{{false, true}, {false, false}, {true, false}} {
			w := past(t)
			w.ledger.fuse, w.ledger.after, w.ledger.once = fuse, c.after, c.once
			w.ledger.at = third
			_, sealed, err := w.series.Advance(t.Context(), means(w), third, w.grids)
			if err == nil && sealed && c.after { // by one call, of which only the answer to the next question is cut
				continue
			}
			if !errors.Is(err, errCrash) || sealed {
				t.Errorf("call %d fails (after it was done: %t, once: %t): %t, %v", fuse, c.after, c.once, sealed, err)
			}
			w.ledger.fuse = -1
			if _, err := w.advance(t, third); err != nil {
				t.Errorf("call %d failed, then: %v", fuse, err)
			}
			anchors, _ := w.audit(t)
			if len(anchors) != 3 || anchors[2].Anchor != want[0] {
				t.Errorf("call %d failed: %d anchors, the last is %+v, want %+v", fuse, len(anchors), anchors[len(anchors)-1].Anchor, want[0])
			}
		}
	}
}

// TestASeriesGoesOnThoughItsPlanIsNoLongerKept, or a part of it.
func TestASeriesGoesOnThoughItsPlanIsNoLongerKept(t *testing.T) {
	for _, key := range []string{anchor.KeyPlan, anchor.KeyPart} {
		w := past(t)
		w.ledger.recs[string(dodona.TopicLeaf)+" "+key] = nil
		if got := w.mustAdvance(t, third); len(got) != 1 || got[0].To != at(3*time.Minute) {
			t.Errorf("without any %s: anchors %+v, want the third", key, got)
		}
	}
}

// TestAPlanThatIsAnchoredIsNotReadAgain, so that its damage ends no series that knows where it stands.
func TestAPlanThatIsAnchoredIsNotReadAgain(t *testing.T) {
	w := past(t)
	w.mustAdvance(t, third)
	plans := w.ledger.of(dodona.TopicLeaf, anchor.KeyPlan)
	plans[len(plans)-1].Body = []byte("{")
	w.attest(third, "a", at(190*time.Second))
	if got := w.mustAdvance(t, third.Add(time.Minute)); len(got) != 1 {
		t.Errorf("%d anchors, want one", len(got))
	}
}

// TestNothingIsReadBeforeAWindowIsDue, of a series that knows where it stands.
func TestNothingIsReadBeforeAWindowIsDue(t *testing.T) {
	w := past(t)
	w.mustAdvance(t, third)
	for wait, want := range map[time.Duration]bool{0: false, 51 * time.Second: false, 52 * time.Second: true} {
		w.ledger.calls = 0
		if _, due := w.series.Window(third.Add(wait), 0, w.grids); due != want {
			t.Errorf("%s later a window is due: %t, want %t", wait, due, want)
		}
		if !want {
			w.mustAdvance(t, third.Add(wait))
		}
		if w.ledger.calls > 0 {
			t.Errorf("%s later: %d looks into the journal", wait, w.ledger.calls)
		}
	}
}

// looks are all questions about what past has anchored, each with whether it finds something.
func looks(t testing.TB, w *world) map[string]func() (anchor.Place, error) {
	anchors, _ := w.audit(t)
	a := func(name string, r dodona.Round, appended time.Time) func() (anchor.Place, error) {
		return func() (anchor.Place, error) {
			return anchor.Find(t.Context(), w.ledger, answerOf(feed(name), r, int64(r%100000)-50000).Attestation, appended)
		}
	}
	gap := func(name string, r dodona.Round) func() (anchor.Place, error) {
		return func() (anchor.Place, error) {
			p, f, err := anchor.FindGap(t.Context(), w.ledger, name, r)
			if err == nil && f.Name != name {
				t.Errorf("a gap of %s is one of %s", name, f.Name)
			}
			return p, err
		}
	}
	return map[string]func() (anchor.Place, error){
		"an answer":               a("a", at(0), noon),
		"an answer of the second": a("a", at(70*time.Second), noon),
		"one of a window's begin": a("a", at(60*time.Second), noon),
		"a late one":              a("a", at(50*time.Second), noon.Add(2*time.Minute+10*time.Second)),
		"a gap":                   gap("a", at(10*time.Second)),
		"a gap at a window's end": gap("b", at(60*time.Second)),
		"leaves": func() (anchor.Place, error) {
			leaves, err := anchor.Leaves(t.Context(), w.ledger, anchors[1].Anchor)
			if err == nil && uint64(len(leaves)) != anchors[1].Anchor.Count {
				t.Errorf("%d leaves, want %d", len(leaves), anchors[1].Anchor.Count)
			}
			return anchor.Place{Anchored: anchors[1]}, err
		},
	}
}

// TestALookThatFailsIsNotOneThatFindsNothing: each call of the journal fails once.
func TestALookThatFailsIsNotOneThatFindsNothing(t *testing.T) {
	w := past(t)
	for name, look := range looks(t, w) {
		w.ledger.fuse, w.ledger.calls, w.ledger.once = -1, 0, true
		place, err := look()
		if err != nil || place.Anchored.Anchor.To == 0 {
			t.Errorf("%s: %+v, %v", name, place, err)
		}
		if place.Number > 0 && (place.Proof.Root() != place.Anchored.Anchor.Root || !place.Sealed.After(noon)) {
			t.Errorf("%s: leaf %d leads to another root, or was sealed at %s", name, place.Number, place.Sealed)
		}
		calls := w.ledger.calls
		for fuse := 1; fuse <= calls; fuse++ {
			w.ledger.fuse, w.ledger.calls = fuse, 0
			if place, err := look(); !errors.Is(err, errCrash) || errors.Is(err, dodona.ErrNotFound) || place.Number != 0 {
				t.Errorf("%s, call %d of %d fails: %+v, %v", name, fuse, calls, place, err)
			}
		}
	}
}

// TestWhatIsNotAnchoredIsNotFound, with as few looks into the journal as that takes.
func TestWhatIsNotAnchoredIsNotFound(t *testing.T) {
	w := past(t)
	w.audit(t)
	find := func(name string, r dodona.Round, appended time.Time) error {
		_, err := anchor.Find(t.Context(), w.ledger, answerOf(feed(name), r, 1).Attestation, appended)
		return err
	}
	gap := func(name string, r dodona.Round) error {
		_, _, err := anchor.FindGap(t.Context(), w.ledger, name, r)
		return err
	}
	for name, c := range map[string]struct {
		look  func() error
		calls int
	}{
		"after the last anchor":      {func() error { return find("a", at(3*time.Minute), noon.Add(3*time.Minute)) }, 4}, // the last may be of a later clock, and has a late one
		"another answer":             {func() error { return find("a", at(0), noon.Add(time.Hour)) }, 4},                 // the anchor, its plan, one part; nothing later
		"before all windows":         {func() error { return find("a", at(-time.Minute), noon.Add(time.Hour)) }, 2},
		"a gap before all windows":   {func() error { return gap("a", at(-10*time.Second)) }, 1},
		"a gap after the last":       {func() error { return gap("a", at(3*time.Minute)) }, 1},
		"a gap that was attested":    {func() error { return gap("a", at(70*time.Second)) }, 3}, // the anchor, its plan, its feeds; all its gaps are later
		"a gap beside the grid":      {func() error { return gap("a", at(11*time.Second)) }, 4}, // and its gaps
		"a gap of a feed of nobody":  {func() error { return gap("c", at(10*time.Second)) }, 3},
		"a gap of an earlier letter": {func() error { return gap("A", at(10*time.Second)) }, 3},
	} {
		w.ledger.calls = 0
		if err := c.look(); !errors.Is(err, dodona.ErrNotFound) || w.ledger.calls != c.calls {
			t.Errorf("%s: %v after %d looks, want %v after %d", name, err, w.ledger.calls, dodona.ErrNotFound, c.calls)
		}
	}
}

// TestWhatIsOfNoRoundIsPassedOver: a window is sealed as if it was not there.
func TestWhatIsOfNoRoundIsPassedOver(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", 10*time.Second))
	w.attest(noon, "a", at(0))
	w.mustAdvance(t, noon.Add(2*time.Minute))
	foreign := answerOf(feed("a"), at(70*time.Second), 7)
	foreign.Network.Name = "another"
	body, err := json.Marshal(foreign)
	if err != nil {
		t.Fatal(err)
	}
	w.ledger.put(noon, dodona.Record{Topic: dodona.TopicData, Key: "a", ID: at(70 * time.Second).ID(), Body: body})
	w.ledger.put(noon, dodona.Record{Topic: dodona.TopicData, Key: "a", ID: "x"})
	w.attest(noon, "a", at(130*time.Second))
	got := w.mustAdvance(t, noon.Add(7*time.Minute)) // of what came after, there are gaps alone
	if len(got) == 0 || got[0].From != at(time.Minute) || got[0].To != at(3*time.Minute) {
		t.Errorf("%+v, want a window first that ends with the first answer", got)
	}
	w.audit(t)
}

// TestAnAnchorWithoutGapsHasNone.
func TestAnAnchorWithoutGapsHasNone(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", time.Minute))
	w.attest(noon, "a", at(0))
	w.mustAdvance(t, noon.Add(3*time.Minute))
	if _, _, err := anchor.FindGap(t.Context(), w.ledger, "a", at(0)); !errors.Is(err, dodona.ErrNotFound) {
		t.Errorf("got %v, want %v", err, dodona.ErrNotFound)
	}
}

// TestALateAnswerIsLookedForInFourAnchors, for the clock that says when it came may be another one than that of the anchors.
func TestALateAnswerIsLookedForInFourAnchors(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", 10*time.Second), gridOf("b", 10*time.Second))
	sealed := func(minute int) time.Time { return noon.Add(time.Duration(minute+1)*time.Minute + 40*time.Second) }
	var late dodona.Answer // in the anchor of minute 5
	for minute := range 6 {
		w.attest(noon, "b", at(time.Duration(minute)*time.Minute))
		if minute == 0 {
			w.attest(noon, "a", at(0))
		}
		if minute == 5 {
			late = w.attest(sealed(5), "a", at(30*time.Second))
		}
		if got := w.mustAdvance(t, sealed(minute)); len(got) != 1 {
			t.Fatalf("minute %d: %d anchors", minute, len(got))
		}
	}
	for minute, want := range []bool{false, false, true, true, true, true} {
		place, err := anchor.Find(t.Context(), w.ledger, late.Attestation, sealed(minute))
		if want && (err != nil || place.Anchored.Anchor.To != at(6*time.Minute)) || !want && !errors.Is(err, dodona.ErrNotFound) {
			t.Errorf("came when minute %d was sealed: in the anchor at %s, %v, want it found %t", minute, place.Anchored.Anchor.To, err, want)
		}
	}
}

// TestDamageIsToldAndNeverFound: a record of an anchor is cut short, or gone.
func TestDamageIsToldAndNeverFound(t *testing.T) {
	for _, topic := range []dodona.Topic{dodona.TopicAnchor, dodona.TopicLeaf} {
		for _, key := range []string{anchor.KeySeries, anchor.KeyPlan, anchor.KeyPart} {
			for i := range past(t).ledger.of(topic, key) {
				for _, damage := range []string{"", "{", "null"} {
					w := past(t)
					all := looks(t, w)
					rec := &w.ledger.recs[string(topic)+" "+key][i]
					rec.Body = []byte(damage)
					told := 0
					for name, look := range all {
						place, err := look()
						switch {
						case err == nil && name != "leaves" && place.Proof.Root() != place.Anchored.Anchor.Root:
							t.Errorf("%s %s %d is %q: %s is found with a proof to another root", topic, key, i, damage, name)
						case err != nil && !errors.Is(err, dodona.ErrNotFound):
							told++
						}
					}
					if told == 0 && !(topic == dodona.TopicLeaf && key == anchor.KeyPart) {
						t.Errorf("%s %s %d is %q, and nobody is told", topic, key, i, damage)
					}
				}
			}
		}
	}
}

// TestAPlanOfFeedsAloneHasNoGaps, and no leaves.
func TestAPlanOfFeedsAloneHasNoGaps(t *testing.T) {
	w := past(t)
	all := looks(t, w)
	for i, rec := range w.ledger.of(dodona.TopicLeaf, anchor.KeyPlan) {
		var plan anchor.Plan
		if err := json.Unmarshal(rec.Body, &plan); err != nil {
			t.Fatal(err)
		}
		plan.Parts = plan.Parts[:1]
		if plan.Parts[0].Holds != "feeds" {
			t.Fatalf("the first part holds %s", plan.Parts[0].Holds)
		}
		cut, err := plan.Record()
		if err != nil {
			t.Fatal(err)
		}
		w.ledger.of(dodona.TopicLeaf, anchor.KeyPlan)[i].Body = cut.Body
	}
	if place, err := all["a gap"](); !errors.Is(err, dodona.ErrNotFound) {
		t.Errorf("a gap: %+v, %v", place, err)
	}
	if _, err := all["leaves"](); err == nil || !strings.Contains(err.Error(), "has 0 parts with leaves") {
		t.Errorf("leaves: %v", err)
	}
}

// fickle is a journal in which another process is faster, some times.
type fickle struct {
	*fakeLedger
	times int
}

func (f *fickle) Append(ctx context.Context, recs ...dodona.Record) error {
	if recs[0].Topic == dodona.TopicAnchor && f.times > 0 {
		f.times--
		return dodona.ErrConflict
	}
	return f.fakeLedger.Append(ctx, recs...)
}

func TestASeriesThatIsOutrunGivesUp(t *testing.T) {
	for times, want := range map[int]error{0: nil, 4: nil, 5: dodona.ErrConflict} {
		w := past(t)
		a, sealed, err := w.series.Advance(t.Context(), anchor.Means{Signer: w.signer, Ledger: &fickle{w.ledger, times}}, third, w.grids)
		if !errors.Is(err, want) || sealed != (want == nil) || sealed != (a.To == at(3*time.Minute)) {
			t.Errorf("outrun %d times: %+v, %t, %v, want %v", times, a, sealed, err, want)
		}
	}
}

// outrun is a journal in which another process seals the window while this one plans it.
type outrun struct {
	*fakeLedger
	rival func()
}

func (o *outrun) Append(ctx context.Context, recs ...dodona.Record) error {
	if rival := o.rival; rival != nil && recs[0].Key == anchor.KeyPlan {
		o.rival = nil
		rival()
	}
	return o.fakeLedger.Append(ctx, recs...)
}

func TestWhoComesSecondFindsTheWindowSealed(t *testing.T) {
	w := past(t)
	first := w.series
	w.restart(t)
	var sealed []dodona.Anchor
	l := &outrun{w.ledger, func() {
		w.attest(third, "a", at(140*time.Second)) // so that it seals something else
		sealed = w.mustAdvance(t, third.Add(time.Second))
	}}
	a, again, err := first.Advance(t.Context(), anchor.Means{Signer: w.signer, Ledger: l, Refused: refused}, third, w.grids)
	if last, _ := first.Last(); err != nil || again || len(sealed) != 1 || last != sealed[0] {
		t.Errorf("sealed again %t: %+v, %v, and its last is %+v, want %+v", again, a, err, last, sealed)
	}
	w.audit(t)
}

func TestAnchorsAreCounted(t *testing.T) {
	w := past(t)
	m := new(telemetrytest.Tally)
	s, err := anchor.New(anchor.Config{Network: network, Quorum: ones, Every: w.every, Scheme: dodona.ECDSA(signtest.Recover), Recorder: m})
	if err != nil {
		t.Fatal(err)
	}
	w.series = s
	if n, found := m.Counts()[telemetry.AnchorSealed]; !found || n != 0 {
		t.Errorf("before the first anchor %d are counted, or nothing (%t)", n, found)
	}
	w.attest(noon.Add(3*time.Minute), "a", at(100*time.Second)) // late, as is nothing else
	w.attest(noon.Add(3*time.Minute), "a", at(120*time.Second))
	w.mustAdvance(t, third)
	for name, want := range map[telemetry.Counter]uint64{
		telemetry.AnchorSealed: 1, telemetry.AnchorLeaves.Of("late"): 1, telemetry.AnchorLeaves.Of("attestation"): 2,
		telemetry.AnchorLeaves.Of("gap"): 3, // of a: 130 told, 140 to 170; of b: 140 to 160
	} {
		if counted := m.Counts(); counted[name] != want {
			t.Errorf("%s: %d, want %d of %v", name, counted[name], want, counted)
		}
	}
	if got := m.Times(telemetry.AnchorLag); !slices.Equal(got, []time.Duration{70 * time.Second}) {
		t.Errorf("sealed %s after its end, want 70 s", got)
	}
	w.mustAdvance(t, third.Add(time.Minute)) // gaps alone
	w.grids = []anchor.Grid{gridOf("a", time.Hour)}
	w.mustAdvance(t, third.Add(4*time.Minute)) // over nothing: it fails nobody
	w.ledger.fuse, w.ledger.calls = 5, 0
	if _, err := w.advance(t, third.Add(5*time.Minute)); err == nil {
		t.Error("a journal that fails is overlooked")
	}
	passages, well := m.Passages(), 0
	for _, p := range passages {
		if p.Over && p.Err == nil {
			well++
		}
	}
	if len(passages) < 3 || well != len(passages)-1 {
		t.Errorf("passages %v, want one of all to end with an error", passages)
	}
	if took := m.Times(telemetry.AnchorTime); len(took) == 0 || slices.Min(took) < 0 || slices.Max(took) > time.Minute {
		t.Errorf("it took %s", took)
	}
}

// TestGapsAreFoundInWhateverPartTheyAre: many are kept in several parts, by feed and round.
func TestGapsAreFoundInWhateverPartTheyAre(t *testing.T) {
	w := newWorld(time.Hour, gridOf("a", 2*time.Second), gridOf("b", 2*time.Second), gridOf("c", time.Hour))
	w.attest(noon, "c", at(0))
	for s := 0; s < 3600; s += 2 {
		for _, name := range []string{"a", "b"} {
			w.miss(name, at(time.Duration(s)*time.Second), fmt.Sprintf("%s in %d %s", name, s, strings.Repeat("x", 200)))
		}
	}
	w.mustAdvance(t, noon.Add(time.Hour+2*time.Minute))
	var plan anchor.Plan
	if err := json.Unmarshal(w.ledger.of(dodona.TopicLeaf, anchor.KeyPlan)[0].Body, &plan); err != nil {
		t.Fatal(err)
	}
	parts := 0
	for _, part := range plan.Parts {
		if part.Holds != "gaps" {
			continue
		}
		parts++
		for _, r := range []dodona.Round{part.Round - 2000, part.Round, part.Round + 2000} { // the last of the part before, the first two
			if r < at(0) {
				continue
			}
			place, f, err := anchor.FindGap(t.Context(), w.ledger, part.Feed, r)
			want := fmt.Sprintf("%s in %d ", part.Feed, (r-at(0))/1000)
			if err != nil || f.Name != part.Feed || place.Gap.Feed != part.Feed || place.Gap.First != r || place.Gap.Last != r || !strings.HasPrefix(place.Gap.Cause, want) {
				t.Errorf("%s at %s: %+v of %s, %v", part.Feed, r, place.Gap, f.Name, err)
			}
		}
	}
	if parts < 4 {
		t.Errorf("%d parts with gaps: this test tests nothing", parts)
	}
	if place, _, err := anchor.FindGap(t.Context(), w.ledger, "b", at(0)); err != nil || !strings.HasPrefix(place.Gap.Cause, "b in 0 ") { // behind gaps of a
		t.Errorf("the first of the second feed: %+v, %v", place.Gap, err)
	}
}
