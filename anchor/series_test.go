package anchor_test

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/internal/signtest"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func at(offset time.Duration) dodona.Round { return dodona.RoundAt(noon.Add(offset)) }

const tenMinutes = 10 * time.Minute

func TestWindowIsSealedOnceItsRoundsAreClosed(t *testing.T) {
	w := newWorld(tenMinutes, gridOf("btc.usd", 10*time.Second))
	for i := range 60 {
		w.attest(noon.Add(time.Duration(i)*10*time.Second), "btc.usd", at(time.Duration(i)*10*time.Second))
	}
	if got := w.mustAdvance(t, noon.Add(tenMinutes+31*time.Second)); len(got) != 0 {
		t.Fatalf("%d anchors while the last round was open, want 0", len(got))
	}
	got := w.mustAdvance(t, noon.Add(tenMinutes+32*time.Second))
	if len(got) != 1 || got[0].Count != 60 || got[0].From != at(0) || got[0].To != at(tenMinutes) || !got[0].Previous.IsZero() {
		t.Fatalf("got %+v, want one anchor over 60 leaves", got)
	}
	w.attest(noon.Add(tenMinutes), "btc.usd", at(tenMinutes))
	next := w.mustAdvance(t, noon.Add(2*tenMinutes+time.Minute))
	if len(next) != 1 || next[0].Previous != got[0].Digest(network.ID()) || next[0].From != got[0].To {
		t.Fatalf("got %+v, want one anchor after %+v", next, got[0])
	}
	w.audit(t)
}

// gapsOf returns the gaps among leaves as "first-last cause?", in seconds after noon, sorted as they stand in time.
func gapsOf(leaves []dodona.Leaf) (gaps []string) {
	for _, l := range leaves {
		if l.Kind == dodona.LeafGap {
			last, _ := l.Value.Int64()
			from := time.Duration(l.Round-at(0)) * time.Millisecond
			gaps = append(gaps, from.String()+" "+(time.Duration(last-int64(at(0)))*time.Millisecond).String())
		}
	}
	return gaps
}

func TestGapsSayWhatIsMissingAndWhy(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", 10*time.Second))
	w.attest(noon, "a", at(0))
	w.miss("a", at(10*time.Second), "need 2, only 1 answered")
	w.miss("a", at(20*time.Second), "need 2, only 1 answered")
	w.miss("a", at(30*time.Second), "bell\x07")
	w.attest(noon, "a", at(50*time.Second))
	w.mustAdvance(t, noon.Add(2*time.Minute))
	_, leaves := w.audit(t)
	want := map[string]string{
		"10s 20s": "need 2, only 1 answered", "30s 30s": "bell·", "40s 40s": anchor.CauseSilent,
	}
	for _, l := range leaves[0] {
		if l.Kind != dodona.LeafGap {
			continue
		}
		name := gapsOf([]dodona.Leaf{l})[0]
		if cause, found := want[name]; !found || l.Observed != dodona.Keccak256([]byte(cause)) {
			t.Errorf("gap %s is not wanted, or has another cause than %q", name, cause)
		}
		delete(want, name)
	}
	if len(want) != 0 || len(leaves[0]) != 5 {
		t.Fatalf("missing %v in\n%s", want, lines(leaves[0]))
	}
}

func TestOutageIsOneGap(t *testing.T) {
	w := newWorld(tenMinutes, gridOf("a", time.Second), gridOf("b", 100*time.Millisecond))
	for i := range 600 {
		w.attest(noon, "a", at(time.Duration(i)*time.Second))
	}
	w.mustAdvance(t, noon.Add(tenMinutes+time.Minute))
	w.restart(t)
	back := 30 * 24 * time.Hour // off for a month
	w.attest(noon.Add(back), "a", at(back+time.Minute))
	w.mustAdvance(t, noon.Add(back+5*time.Minute))
	w.mustAdvance(t, noon.Add(back+12*time.Minute))
	anchors, leaves := w.audit(t)
	if len(anchors) != 3 || anchors[1].Anchor.To != at(back) || len(leaves[1]) != 2 {
		t.Fatalf("%d anchors, the second to %s over %d leaves; want 3, to %s over one gap a feed",
			len(anchors), anchors[1].Anchor.To, len(leaves[1]), at(back))
	}
}

func TestLateAttestationsAreAnchoredLaterAndOnce(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", 10*time.Second))
	for _, s := range []int{0, 10, 20} {
		w.attest(noon, "a", at(time.Duration(s)*time.Second))
	}
	w.mustAdvance(t, noon.Add(2*time.Minute)) // one window: [0, 60 s)
	late := []dodona.Answer{w.attest(noon.Add(2*time.Minute), "a", at(30*time.Second)), w.attest(noon.Add(2*time.Minute), "a", at(40*time.Second))}
	w.restart(t)
	w.attest(noon.Add(3*time.Minute), "a", at(150*time.Second))
	w.mustAdvance(t, noon.Add(4*time.Minute))
	w.mustAdvance(t, noon.Add(8*time.Minute))
	_, leaves := w.audit(t)
	seen := map[dodona.Leaf]int{}
	for _, list := range leaves {
		for _, l := range list {
			if l.Kind == dodona.LeafLate {
				seen[l]++
			}
		}
	}
	if len(seen) != 2 {
		t.Fatalf("late leaves %v, want 2", seen)
	}
	for _, a := range late {
		leaf := a.Attestation.Leaf()
		leaf.Kind = dodona.LeafLate
		if seen[leaf] != 1 {
			t.Errorf("%s is anchored %d times, want once", leaf.Round, seen[leaf])
		}
		place, err := anchor.Find(t.Context(), w.ledger, a.Attestation, noon.Add(2*time.Minute))
		if err != nil || place.Proof.Leaf != leaf || place.Proof.Root() != place.Anchored.Anchor.Root {
			t.Errorf("%s: %+v, %v", leaf.Round, place, err)
		}
	}
}

func TestWindowWithoutLeavesGrows(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", time.Hour))
	w.attest(noon, "a", at(0))
	if got := w.mustAdvance(t, noon.Add(30*time.Minute)); len(got) != 1 {
		t.Fatalf("got %+v, want one anchor", got)
	}
	w.attest(noon.Add(time.Hour), "a", at(time.Hour))
	got := w.mustAdvance(t, noon.Add(time.Hour+3*time.Minute))
	if len(got) != 1 || got[0].From != at(time.Minute) || got[0].To != at(time.Hour+time.Minute) || got[0].Count != 1 {
		t.Fatalf("got %+v, want one long window that ends with its leaf", got)
	}
	w.audit(t)
}

func TestNothingAttestedNothingAnchored(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", time.Second))
	w.miss("a", at(0), "no")
	if got := w.mustAdvance(t, noon.Add(time.Hour)); len(got) != 0 {
		t.Fatalf("got %+v, want no anchor before the first answer", got)
	}
}

func TestAnotherNetworksAnswersAreNotAnchored(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", time.Second))
	w.attest(noon, "a", at(0))
	w.mustAdvance(t, noon.Add(2*time.Minute))
	other := ones
	other.Members = []dodona.Address{{7}}
	s, err := anchor.New(anchor.Config{
		Network: dodona.Network{Name: "other", First: other.Digest()}, Quorum: other, Every: time.Minute, Scheme: dodona.ECDSA(signtest.Recover),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.attest(noon, "a", at(70*time.Second))
	signer := newFakeSigner(w.ledger)
	a, sealed, err := s.Advance(t.Context(), anchor.Means{Signer: signer, Ledger: w.ledger}, noon.Add(3*time.Minute), w.grids)
	if err == nil || sealed {
		t.Fatalf("got %+v, %v: a signature of another member must be refused", a, err)
	}
	if !strings.Contains(err.Error(), "not a member") {
		t.Fatal(err)
	}
}

// TestCrashAtEveryStep cuts the power at every call of journal and signer, before and after it takes effect, in a
// run with gaps, late answers and an outage, and lets answers come in while the node is down.
func TestCrashAtEveryStep(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	run := func(fuse int, after bool) (calls int) {
		w := newWorld(time.Minute, gridOf("a", 10*time.Second), gridOf("b", 20*time.Second))
		random := rand.New(rand.NewPCG(1, 2))
		attested := map[string][]dodona.Answer{}
		w.ledger.fuse, w.ledger.after = fuse, after
		crashed := false
		for s := 0; s < 600; s += 5 {
			now := noon.Add(time.Duration(s) * time.Second)
			for i, name := range []string{"a", "b"} {
				if every := []int{10, 20}[i]; s%every == 0 && random.IntN(4) > 0 && (s < 200 || s > 350) {
					r := at(time.Duration(s) * time.Second)
					if random.IntN(5) == 0 {
						w.miss(name, r, "why "+strconv.Itoa(random.IntN(2)))
						continue
					}
					attested[name] = append(attested[name], w.attest(now, name, r))
				}
			}
			if s >= 200 && s <= 350 {
				continue
			}
			if _, err := w.advance(t, now); err != nil {
				if !errors.Is(err, errCrash) || crashed {
					t.Fatalf("call %d after %v: %v", fuse, after, err)
				}
				crashed = true
				// The power is back later, with more answers than there were when the window was claimed.
				w.ledger.fuse = -1
				w.restart(t)
				late := at(time.Duration(s)*time.Second - 90*time.Second)
				if list := attested["b"]; len(list) > 0 && late > list[len(list)-1].Attestation.Report.Round {
					attested["b"] = append(attested["b"], w.attest(now, "b", late))
				}
			}
		}
		w.ledger.fuse = -1
		w.mustAdvance(t, noon.Add(20*time.Minute))
		anchors, leaves := w.audit(t)
		for i := 1; i < len(anchors); i++ {
			if anchors[i].Anchor.From != anchors[i-1].Anchor.To {
				t.Fatalf("call %d after %v: a hole in the series at %s", fuse, after, anchors[i].Anchor.From)
			}
		}
		once(t, attested, leaves)
		return w.ledger.calls
	}
	calls := run(-1, false)
	if calls < 100 {
		t.Fatalf("only %d calls: this test tests nothing", calls)
	}
	for fuse := 1; fuse <= calls; fuse++ {
		run(fuse, false)
		run(fuse, true)
	}
	t.Logf("%d calls, each cut before and after", calls)
}

// once checks that every attestation is in exactly one leaf.
func once(t testing.TB, attested map[string][]dodona.Answer, leaves [][]dodona.Leaf) {
	t.Helper()
	count := map[dodona.Leaf]int{}
	for _, list := range leaves {
		for _, l := range list {
			if l.Kind == dodona.LeafLate {
				l.Kind = dodona.LeafAttestation
			}
			count[l]++
		}
	}
	for name, list := range attested {
		for _, a := range list {
			if n := count[a.Attestation.Leaf()]; n != 1 {
				t.Errorf("round %s of %s is in %d leaves, want 1", a.Attestation.Report.Round, name, n)
			}
		}
	}
}

// TestTwoProcessesWithOneKeyMakeOneSeries lets two processes seal the same windows from what each has seen so far.
func TestTwoProcessesWithOneKeyMakeOneSeries(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", 10*time.Second))
	w.attest(noon, "a", at(0))
	w.restart(t)
	first := w.series
	w.restart(t)
	second := w.series
	for minute := range 5 {
		for _, s := range []*anchor.Series{second, first} {
			w.series = s
			w.mustAdvance(t, noon.Add(time.Duration(minute+2)*time.Minute))
			w.attest(noon, "a", at(time.Duration(minute)*time.Minute+10*time.Second))
		}
		first, second = second, first
	}
	anchors, _ := w.audit(t)
	if len(anchors) != 5 {
		t.Fatalf("%d anchors, want 5", len(anchors))
	}
}

// TestStepTakesOnlyWhatFollowsTheLastAnchor shows it plans that differ from a right one in one field.
func TestStepTakesOnlyWhatFollowsTheLastAnchor(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", 10*time.Second))
	w.restart(t)
	first := dodona.Anchor{Root: dodona.Digest{1}, From: at(0), To: at(time.Minute), Count: 1}
	if _, err := w.series.Step(&anchor.Plan{Anchor: first}); err != nil {
		t.Fatalf("the first anchor of a series: %v", err)
	}
	w.attest(noon, "a", at(0))
	sealed := w.mustAdvance(t, noon.Add(2*time.Minute))
	if len(sealed) != 1 {
		t.Fatalf("%d anchors, want one", len(sealed))
	}
	for _, c := range []struct {
		name   string
		change func(*dodona.Anchor)
		want   bool
	}{
		{"as it must be", func(*dodona.Anchor) {}, true},
		{"no previous", func(a *dodona.Anchor) { a.Previous = dodona.Digest{} }, false},
		{"another previous", func(a *dodona.Anchor) { a.Previous[31] ^= 1 }, false},
		{"a hole", func(a *dodona.Anchor) { a.From++ }, false},
		{"an overlap", func(a *dodona.Anchor) { a.From-- }, false},
		{"an empty window", func(a *dodona.Anchor) { a.To = a.From }, false},
		{"a window turned round", func(a *dodona.Anchor) { a.To = a.From - 1 }, false},
		{"the shortest window", func(a *dodona.Anchor) { a.To = a.From + 1 }, true},
		{"the window before", func(a *dodona.Anchor) { *a = sealed[0] }, false},
		{"a series begun anew", func(a *dodona.Anchor) { *a = first }, false},
		{"of the first, shifted", func(a *dodona.Anchor) { a.Previous, a.From = dodona.Digest{}, 0 }, false},
	} {
		a := dodona.Anchor{Root: dodona.Digest{2}, Previous: sealed[0].Digest(network.ID()), From: sealed[0].To, To: sealed[0].To + 60_000, Count: 1}
		c.change(&a)
		effects, err := w.series.Step(&anchor.Plan{Anchor: a})
		if (err == nil) != c.want {
			t.Errorf("%s: got %v, want taken %t", c.name, err, c.want)
		}
		if err == nil && (len(effects.Claims) != 1 || effects.Claims[0].Round != a.To || effects.Claims[0].Digest != a.Digest(network.ID())) {
			t.Errorf("%s: claims %+v", c.name, effects.Claims)
		}
	}
	w.restart(t) // before any anchor a window must not be empty either
	for _, to := range []dodona.Round{at(0), at(0) - 1} {
		if _, err := w.series.Step(&anchor.Plan{Anchor: dodona.Anchor{Root: dodona.Digest{1}, From: at(0), To: to, Count: 1}}); err == nil {
			t.Errorf("a first window to %s is taken", to)
		}
	}
}
