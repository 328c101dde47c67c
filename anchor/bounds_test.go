package anchor_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/internal/signtest"
)

// These tests stand at the bounds of what a signer accepts: everything else about each proposal is right.

func TestWindowsEndBeforeTheirEnd(t *testing.T) {
	w := anchor.Window{From: 1000, To: 2000}
	for r, want := range map[dodona.Round]bool{999: false, 1000: true, 1999: true, 2000: false} {
		if got := w.Contains(r); got != want {
			t.Errorf("round %d: %t, want %t", uint64(r), got, want)
		}
	}
}

func TestWindowsAreOfWholeSecondsWithinADay(t *testing.T) {
	for every, want := range map[time.Duration]bool{
		0: false, -time.Second: false, time.Second - time.Millisecond: false, time.Second: true, 1500 * time.Millisecond: false, 24 * time.Hour: true, 24*time.Hour + time.Second: false,
	} {
		_, err := anchor.New(anchor.Config{Network: network, Quorum: ones, Every: every, Scheme: dodona.ECDSA(signtest.Recover)})
		if (err == nil) != want {
			t.Errorf("every %s: %v", every, err)
		}
		if err := (&anchor.Settings{Every: every}).Check(); (err == nil) != want {
			t.Errorf("every %s as a setting: %v", every, err)
		}
	}
	var s anchor.Settings
	if s.Default(); s.Every != 10*time.Minute {
		t.Errorf("the default is %s, want 10 minutes", s.Every)
	}
}

func TestSignersRefuseWindowsThatAreWrongInNothingElse(t *testing.T) {
	a := feed("a")
	leaf := func(kind dodona.LeafKind, second int) dodona.Leaf {
		l := answerOf(a, at(time.Duration(second)*time.Second), 7).Attestation.Leaf()
		l.Kind = kind
		return l
	}
	gap := func(first, last int) dodona.Leaf {
		l := leaf(dodona.LeafGap, first)
		l.Value = dodona.NewInt192(int64(at(time.Duration(last) * time.Second)))
		return l
	}
	const attested = dodona.LeafAttestation
	rules := anchor.Rules{Every: time.Minute, Grids: []anchor.Grid{gridOf("a", 30*time.Second)}}
	before := dodona.Anchor{Root: dodona.Digest{1}, From: at(-time.Minute), To: at(0), Count: 1}
	for name, c := range map[string]struct {
		last     dodona.Anchor
		from, to int // seconds
		leaves   []dodona.Leaf
		want     string
	}{
		"the first":                        {dodona.Anchor{}, 0, 60, []dodona.Leaf{leaf(attested, 0), gap(30, 30)}, ""},
		"the next":                         {before, 0, 60, []dodona.Leaf{leaf(attested, 0), gap(30, 30), leaf(dodona.LeafLate, -30)}, ""},
		"with a hole before it":            {before, 60, 120, []dodona.Leaf{leaf(attested, 60), gap(90, 90)}, "the window begins at"},
		"over the end of the one before":   {before, -30, 60, []dodona.Leaf{gap(-30, 0), leaf(attested, 30)}, "the window begins at"},
		"the end is not on the grid":       {before, 0, 90, []dodona.Leaf{gap(0, 30), leaf(attested, 60)}, "does not end on the grid"},
		"the first begins beside the grid": {dodona.Anchor{}, 30, 60, []dodona.Leaf{leaf(attested, 30)}, "not on the grid"},
		"late in its first instant":        {before, 0, 60, []dodona.Leaf{leaf(dodona.LeafLate, 0), gap(0, 30)}, "late round"},
		"an answer of its end":             {before, 0, 60, []dodona.Leaf{gap(0, 30), leaf(attested, 60)}, "outside the window"},
		"a gap that begins beside":         {before, 0, 60, []dodona.Leaf{leaf(attested, 0), gap(15, 30)}, "a gap begins at"},
		"a gap to its end":                 {before, 0, 60, []dodona.Leaf{leaf(attested, 0), gap(30, 60)}, "a gap ends at"},
	} {
		tree, err := anchor.NewTree(c.leaves)
		if err != nil {
			t.Fatal(err)
		}
		p := dodona.Anchor{
			Root: tree.Root(), Count: uint64(tree.Len()), From: at(time.Duration(c.from) * time.Second), To: at(time.Duration(c.to) * time.Second),
		}
		if !c.last.Root.IsZero() {
			p.Previous = c.last.Digest(network.ID())
		}
		err = anchor.Check(p, c.last, network.ID(), c.leaves, rules)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// TestTheFinestGridIsAGrid: of a millisecond.
func TestTheFinestGridIsAGrid(t *testing.T) {
	f := feed("a")
	gap := func(first, last dodona.Round) dodona.Leaf {
		return dodona.Leaf{Kind: dodona.LeafGap, Feed: f.ID(), Round: at(0) + first, Value: dodona.NewInt192(int64(at(0) + last)), Observed: dodona.Keccak256([]byte("off"))}
	}
	answer := answerOf(f, at(0)+499, 7).Attestation.Leaf()
	beyond := gap(500, 999)
	huge := beyond.Value.Big()
	beyond.Value, _ = dodona.Int192FromBig(huge.Add(huge, new(big.Int).Lsh(big.NewInt(1), 64))) // the same, as far as 64 bits go
	negative := gap(500, 999)
	negative.Value = dodona.NewInt192(-1)
	for name, c := range map[string]struct {
		leaves []dodona.Leaf
		want   string
	}{
		"tiled":                 {[]dodona.Leaf{gap(0, 498), answer, gap(500, 999)}, ""},
		"a hole":                {[]dodona.Leaf{gap(0, 497), answer, gap(500, 999)}, "nothing is said of round"},
		"a hole behind":         {[]dodona.Leaf{gap(0, 498), answer, gap(501, 999)}, "a gap begins at"},
		"a hole at the end":     {[]dodona.Leaf{gap(0, 498), answer, gap(500, 998)}, "nothing is said of round"},
		"a gap beyond 64 bits":  {[]dodona.Leaf{gap(0, 498), answer, beyond}, "without an end"},
		"a gap that ends at −1": {[]dodona.Leaf{gap(0, 498), answer, negative}, "a gap ends at"},
	} {
		tree, err := anchor.NewTree(c.leaves)
		if err != nil {
			t.Fatal(err)
		}
		p := dodona.Anchor{Root: tree.Root(), Count: uint64(tree.Len()), From: at(0), To: at(time.Second)}
		err = anchor.Check(p, dodona.Anchor{}, network.ID(), c.leaves, anchor.Rules{Every: time.Second, Grids: []anchor.Grid{gridOf("a", time.Millisecond)}})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestAPlanOfAnotherAnchorIsNotGoneOnWith: what a plan says of feeds is believed only if it is the plan of the last anchor.
func TestAPlanOfAnotherAnchorIsNotGoneOnWith(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", 10*time.Second))
	w.attest(noon, "a", at(0))
	w.mustAdvance(t, noon.Add(2*time.Minute))
	rec := w.ledger.of(dodona.TopicAnchor, anchor.KeySeries)[0]
	plan := anchor.PlanOfFeeds(w.mustLast(t), "gone", at(10*time.Second))
	for name, c := range map[string]struct {
		change func(*anchor.Plan)
		want   bool
	}{
		"its own":          {func(*anchor.Plan) {}, true},
		"of another root":  {func(p *anchor.Plan) { p.Anchor.Root[0] ^= 1 }, false},
		"of another count": {func(p *anchor.Plan) { p.Anchor.Count++ }, false},
	} {
		p := *plan
		c.change(&p)
		w.restart(t)
		if err := w.series.Restore(rec, &p); err != nil {
			t.Fatal(err)
		}
		_, wanted := w.series.Draft(anchor.Window{From: at(time.Minute), To: at(2 * time.Minute)}, w.grids).Wanted()["gone"]
		if wanted != c.want {
			t.Errorf("%s: a feed that only the plan knows is asked for: %t, want %t", name, wanted, c.want)
		}
	}
}

// TestAnAttemptIsHigherThanAllBefore, though the clock was ahead when plans were made that cannot be gone on with.
func TestAnAttemptIsHigherThanAllBefore(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", 10*time.Second))
	w.attest(noon, "a", at(0))
	now := noon.Add(2 * time.Minute)
	ahead := uint64(dodona.RoundAt(now)) + 1000
	plan := anchor.Plan{Anchor: dodona.Anchor{Root: dodona.Digest{1}, Previous: dodona.Digest{1}, From: at(0), To: at(time.Minute), Count: 1}}
	for _, plan.Attempt = range []uint64{ahead, ahead + 5} {
		rec, err := plan.Record()
		if err != nil {
			t.Fatal(err)
		}
		w.ledger.put(noon, rec)
	}
	if got := w.mustAdvance(t, now); len(got) != 1 {
		t.Fatalf("%d anchors, want one", len(got))
	}
	plans := w.ledger.of(dodona.TopicLeaf, anchor.KeyPlan)
	if err := json.Unmarshal(plans[len(plans)-1].Body, &plan); err != nil || len(plans) != 3 || plan.Attempt != ahead+6 {
		t.Errorf("attempt %d of %d plans, %v, want %d", plan.Attempt, len(plans), err, ahead+6)
	}
	w.audit(t)
}

// TestAPlanThatFitsIsGoneOnWith, though one before it does not.
func TestAPlanThatFitsIsGoneOnWith(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", 10*time.Second))
	w.attest(noon, "a", at(0))
	plans := func() []dodona.Record { return w.ledger.of(dodona.TopicLeaf, anchor.KeyPlan) }
	now := noon.Add(2 * time.Minute)
	other := anchor.Plan{Anchor: dodona.Anchor{Root: dodona.Digest{1}, Previous: dodona.Digest{1}, From: at(0), To: at(time.Minute), Count: 1}}
	rec, err := other.Record()
	if err != nil {
		t.Fatal(err)
	}
	w.ledger.put(noon, rec)
	for fuse := 1; len(plans()) < 2; fuse++ { // until the power is cut when the plan is there
		w.restart(t)
		w.ledger.fuse, w.ledger.calls, w.ledger.after = fuse, 0, true
		if _, err := w.advance(t, now); err == nil {
			t.Fatal("the power was not cut")
		}
	}
	w.ledger.fuse = -1
	w.restart(t)
	w.attest(now, "a", at(30*time.Second))
	if got := w.mustAdvance(t, now.Add(time.Second)); len(got) != 1 || len(plans()) != 2 {
		t.Errorf("%d anchors of %d plans, want one of two", len(got), len(plans()))
	}
	w.audit(t)
}

func (w *world) mustLast(t testing.TB) dodona.Anchor {
	t.Helper()
	a, found := w.series.Last()
	if !found {
		t.Fatal("there is no anchor")
	}
	return a
}

func TestAGapCoversItsFirstAndItsLastRound(t *testing.T) {
	gap := anchor.Gap{First: 1100, Last: 3100, Every: 500}
	for r, want := range map[dodona.Round]bool{
		600: false, 1099: false, 1100: true, 1101: false, 2600: true, 3099: false, 3100: true, 3101: false, 3600: false,
	} {
		if got := gap.Covers(r); got != want {
			t.Errorf("round %d: covered %t, want %t", uint64(r), got, want)
		}
	}
	if (anchor.Gap{First: 1000, Last: 3000}).Covers(1000) {
		t.Error("a gap without a grid covers a round")
	}
}

// TestRecordsFiledUnderAnotherNameAreRefused: what a record says of itself is what it is asked for by.
func TestRecordsFiledUnderAnotherNameAreRefused(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", 10*time.Second))
	w.attest(noon, "a", at(0))
	a := w.mustAdvance(t, noon.Add(2*time.Minute))[0]
	rec := w.ledger.of(dodona.TopicAnchor, anchor.KeySeries)[0]
	for id, want := range map[string]string{
		a.To.ID(): "", (a.To + 1).ID(): "its window ends at", a.To.ID() + "0": "its window ends at", "": "its window ends at",
	} {
		other := rec
		other.ID = id
		w.restart(t)
		err := w.series.Restore(other, nil)
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("anchor %q: got %v, want %q", id, err, want)
		}
	}
	nothing, err := json.Marshal(dodona.Anchored{Network: dodona.Network{Name: "another"}})
	if err != nil {
		t.Fatal(err)
	}
	w.restart(t)
	if err := w.series.Restore(dodona.Record{ID: dodona.Round(0).ID(), Body: nothing}, nil); err == nil || !strings.Contains(err.Error(), "its window ends at 0") {
		t.Errorf("an anchor without a window: got %v", err)
	}
	for name, c := range map[string]struct {
		to    dodona.Round // of the record's name
		count uint64
		want  string
	}{
		"its own":         {a.To, 1, "has 0 parts with leaves"},
		"of another end":  {a.To + 1, 1, "filed under another name"},
		"of nothing":      {a.To, 0, "over 0 leaves"},
		"of 2^28 leaves":  {a.To, 1 << 28, "has 0 parts with leaves"},
		"of one too many": {a.To, 1<<28 + 1, "over 268435457 leaves"},
	} {
		p := anchor.Plan{Anchor: a}
		p.Anchor.Count = c.count
		rec, err := p.Record()
		if err != nil {
			t.Fatal(err)
		}
		rec.ID = c.to.ID() + "-0"
		l := newFakeLedger()
		l.put(noon, rec)
		if _, err := anchor.Leaves(t.Context(), l, p.Anchor); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("a plan %s: got %v, want %q", name, err, c.want)
		}
	}
}

// TestAnAnchorUnderAnotherNameIsToldToWhoLooks, though all that it says is right.
func TestAnAnchorUnderAnotherNameIsToldToWhoLooks(t *testing.T) {
	w := past(t)
	all := looks(t, w)
	w.ledger.of(dodona.TopicAnchor, anchor.KeySeries)[0].ID += "0"
	for _, name := range []string{"an answer", "a gap"} {
		if _, err := all[name](); err == nil || !strings.Contains(err.Error(), "its window ends at") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnchorsTakeTheSignaturesOfTheirQuorum: each list differs from the right one in one thing.
func TestAnchorsTakeTheSignaturesOfTheirQuorum(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", 10*time.Second))
	w.restart(t)
	e, err := w.series.Step(&anchor.Plan{Anchor: dodona.Anchor{Root: dodona.Digest{1}, From: at(0), To: at(time.Minute), Count: 1}})
	if err != nil {
		t.Fatal(err)
	}
	digest := e.Claims[0].Digest
	own, foreign := signtest.Sign(member, digest), signtest.Sign(dodona.Address{9}, digest)
	for want, list := range map[string][]dodona.Signature{
		"":                      {own},
		"0 signatures, want 1":  nil,
		"2 signatures, want 1":  {own, own},
		"which is not a member": {foreign},
		"recover signer":        {signtest.Sign(member, dodona.Digest{9})},
	} {
		rec, err := e.Record(list)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if err == nil && (rec.Topic != dodona.TopicAnchor || rec.ID != at(time.Minute).ID()) {
			t.Errorf("got %+v", rec)
		}
	}
	frost := anchor.Config{Network: network, Quorum: ones, Scheme: dodona.Scheme{Name: "frost"}, Every: time.Minute}
	if _, err := anchor.New(frost); err == nil || !strings.Contains(err.Error(), "want frost") {
		t.Errorf("a quorum of another scheme than the one that is given: %v", err)
	}
}
