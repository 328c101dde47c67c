package feed

import (
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"pgregory.net/rapid"
)

const instant dodona.Round = 1_795_349_070_000 // 2026-11-22 12:04:30 UTC

// document returns the rules of a feed "x" over sources a, b, c, … as many as needed.
func document(t testing.TB, sources int, change func(*Settings)) Document {
	t.Helper()
	places := uint8(2)
	s := Settings{Decimals: &places}
	for i := range sources {
		s.From = append(s.From, string(rune('a'+i)))
	}
	if change != nil {
		change(&s)
	}
	doc, err := NewDocument("x", s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// points returns good points of sources a, b, c, …; an empty text is a source without one.
func points(t testing.TB, values ...string) []dodona.Point {
	t.Helper()
	var list []dodona.Point
	for i, v := range values {
		if v != "" {
			list = append(list, dodona.Point{ID: string(rune('a' + i)), Value: decimal(t, v), Time: instant.Time()})
		}
	}
	return list
}

// summary writes an outcome in one line: "used outlier late → 1.5 uncertain".
func summary(o Outcome) string {
	var b strings.Builder
	for _, input := range o.Inputs {
		b.WriteString(string(input.Status) + " ")
	}
	if o.Value == nil {
		return b.String() + "→ missed " + o.Quality.String()
	}
	return b.String() + "→ " + o.Value.String() + " " + o.Quality.String()
}

func TestEvaluateCombinesWhatRemains(t *testing.T) {
	outliers := func(s *Settings) { s.Outliers = percent(t, "10%") }
	isBool := func(s *Settings) { s.Kind, s.Decimals = dodona.Bool, nil }
	isEnum := func(s *Settings) { s.Kind, s.Decimals, s.Labels = dodona.Enum, nil, []string{"open", "shut", "fault"} }
	for _, c := range []struct {
		name   string
		change func(*Settings)
		values []string
		want   string
	}{
		{"all agree", nil, []string{"1", "2", "3"}, "used used used → 200 good"},
		{"one is silent", nil, []string{"1", "", "2"}, "used bad used → 150 uncertain"},
		{"need is not met", nil, []string{"1", "", ""}, "used bad bad → missed bad"},
		{"one of three lies", outliers, []string{"100", "1000", "101"}, "used outlier used → 10050 uncertain"},
		{"just inside", outliers, []string{"100", "110", "100"}, "used used used → 10000 good"},
		{"just outside", outliers, []string{"100", "110.000000000000000001", "100"}, "used outlier used → 10000 uncertain"},
		{"negative values", outliers, []string{"-100", "-1000", "-101"}, "used outlier used → -10050 uncertain"},
		{"two that agree", outliers, []string{"100", "", "105"}, "used bad used → 10250 uncertain"},
		{"two that do not", outliers, []string{"100", "", "1000"}, "outlier bad outlier → missed bad"},
		{"one is its own median", func(s *Settings) { outliers(s); s.Need = 1 }, []string{"", "", "7"}, "bad bad used → 700 uncertain"},
		{"beside a median of 0", outliers, []string{"0", "0.001", "0"}, "used outlier used → 0 uncertain"},
		{"outliers are off", nil, []string{"1", "1000000", "1"}, "used used used → 100 good"},
		{"mean", func(s *Settings) { s.Combine = CombineMean }, []string{"1", "2", "2"}, "used used used → 167 good"},
		{"min", func(s *Settings) { s.Combine = CombineMin }, []string{"1", "2", "2"}, "used used used → 100 good"},
		{"max", func(s *Settings) { s.Combine = CombineMax }, []string{"1", "2", "3"}, "used used used → 300 good"},
		{"too large for the feed", nil, []string{"1e57", "1", "2"}, "bad used used → 150 uncertain"},
		{"agreed", isBool, []string{"1", "1", "1"}, "used used used → 1 good"},
		{"outvoted", isBool, []string{"1", "0", "1"}, "used outlier used → 1 uncertain"},
		{"no majority", isBool, []string{"1", "0", ""}, "used used bad → missed bad"},
		{"a majority below need", func(s *Settings) { isBool(s); s.Need = 3 }, []string{"1", "0", "1"}, "used outlier used → missed bad"},
		{"not a truth", isBool, []string{"1", "2", "0.5"}, "used bad bad → missed bad"},
		{"a label", isEnum, []string{"2", "2", "0"}, "used used outlier → 2 uncertain"},
		{"no label", isEnum, []string{"3", "-1", "1"}, "bad bad used → missed bad"},
		{"labels without majority", isEnum, []string{"0", "1", "2"}, "used used used → missed bad"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Evaluate(document(t, 3, c.change), instant, points(t, c.values...), nil)
			if summary(got) != c.want {
				t.Errorf("%v gave %s\nwant %s (%s)", c.values, summary(got), c.want, got.Missed)
			}
			if (got.Value == nil) != (got.Missed != "") {
				t.Errorf("value %v, missed %q", got.Value, got.Missed)
			}
			for _, input := range got.Inputs {
				if (input.Status == dodona.InputUsed) != (input.Reason == "") {
					t.Errorf("%s is %s because %q", input.Point, input.Status, input.Reason)
				}
			}
		})
	}
}

func TestReasonsHaveNumbers(t *testing.T) {
	places := uint8(2)
	doc, err := NewDocument("x", Settings{
		Unit: "USD", Decimals: &places, From: []string{"a", "b", "c", "d", "e", "f", "g"}, Need: 7, Outliers: percent(t, "10%"),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := points(t, "43218.55", "432185.5", "43218.55", "1", "1", "1")
	list[3].Time = instant.Time().Add(-2 * time.Minute)
	list[4].Time = instant.Time().Add(time.Hour)
	list[5].Unit = "EUR"
	got := Evaluate(doc, instant, list, map[string]Absence{"g": {dodona.InputLate, "no answer within 3s"}})
	want := "need 7 values, 2 remain: a used: 43,218.55 USD; " +
		"b outlier: 900 % from the median 43,218.55, at most 10 % is allowed; c used: 43,218.55 USD; " +
		"d stale: measured 2m before the round, at most 1m is allowed; " +
		"e stale: measured 1h after the round, at most 1m is allowed; " +
		"f bad: is in EUR, and the feed is in USD; g late: no answer within 3s"
	if got.Missed != want {
		t.Errorf("got  %s\nwant %s", got.Missed, want)
	}
}

func TestAValueIsFreshUpToTheLimit(t *testing.T) {
	doc := document(t, 1, func(s *Settings) { s.Stale = 90 * time.Second })
	for away, want := range map[time.Duration]dodona.InputStatus{
		0: dodona.InputUsed, 90 * time.Second: dodona.InputUsed, -90 * time.Second: dodona.InputUsed,
		90*time.Second + 1: dodona.InputStale, -90*time.Second - 1: dodona.InputStale,
	} {
		list := points(t, "1")
		list[0].Time = instant.Time().Add(away)
		if got := Evaluate(doc, instant, list, nil).Inputs[0]; got.Status != want {
			t.Errorf("%v from the round: %s (%s), want %s", away, got.Status, got.Reason, want)
		}
	}
}

func TestReasonsAreBounded(t *testing.T) {
	doc := document(t, 26, nil)
	absent := map[string]Absence{}
	for i, id := range doc.From {
		absent[id] = Absence{dodona.InputFailed, fmt.Sprint(i) + strings.Repeat("é", 1000)}
	}
	got := Evaluate(doc, instant, nil, absent).Missed
	if len(got) > 5000 || !strings.HasSuffix(got, "and 10 more") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	for id := range absent {
		absent[id] = Absence{dodona.InputFailed, "was not asked"}
	}
	if got := Evaluate(doc, instant, nil, absent).Missed; got != "need 14 values, 0 remain: all failed: was not asked" {
		t.Errorf("got %s", got)
	}
}

func TestQualityOfPointsReachesTheAnswer(t *testing.T) {
	doc := document(t, 3, nil)
	list := points(t, "1", "2", "3")
	list[1].Quality, list[1].Reason = dodona.Uncertain, "last usable value"
	got := Evaluate(doc, instant, list, nil)
	if summary(got) != "used used used → 200 uncertain" || got.Inputs[1].Reason != "last usable value" {
		t.Errorf("got %s, %q", summary(got), got.Inputs[1].Reason)
	}
	list[1].Quality, list[1].Reason = dodona.Bad, ""
	got = Evaluate(doc, instant, list, nil)
	if summary(got) != "used bad used → 200 uncertain" || got.Inputs[1].Value != nil || got.Inputs[1].Reason == "" {
		t.Errorf("got %s, %+v", summary(got), got.Inputs[1])
	}
	list[1].Quality, list[1].Time = dodona.Good, time.Time{}
	if got := Evaluate(doc, instant, list, nil); got.Inputs[1].Status != dodona.InputStale || got.Inputs[1].Reason != "does not say when it was measured" {
		t.Errorf("a point without time is %s: %s", got.Inputs[1].Status, got.Inputs[1].Reason)
	}
}

func TestTakeSaysWhichPointsOfASourceCount(t *testing.T) {
	at := func(seconds int, v string) dodona.Point {
		return dodona.Point{ID: "a", Value: decimal(t, v), Time: instant.Time().Add(time.Duration(seconds) * time.Second)}
	}
	bad := dodona.Point{ID: "a", Time: instant.Time(), Quality: dodona.Bad, Reason: "no number"}
	doubtful := at(-3, "6")
	doubtful.Quality, doubtful.Reason = dodona.Uncertain, "drifts"
	take := func(combine Combine) func(*Settings) {
		return func(s *Settings) { s.Take, s.Combine = TakeAll, combine }
	}
	majority := func(s *Settings) { s.Take, s.Kind, s.Decimals = TakeAll, dodona.Bool, nil }
	for _, c := range []struct {
		name   string
		change func(*Settings)
		points []dodona.Point
		want   string
	}{
		{"latest", nil, []dodona.Point{at(-2, "1"), at(-1, "3"), at(-3, "2")}, "used → 300 good"},
		{"latest of equals is the last", nil, []dodona.Point{at(0, "1"), at(0, "2")}, "used → 200 good"},
		{"latest is bad", nil, []dodona.Point{at(-2, "1"), bad}, "bad → missed bad"},
		{"all, median", take(CombineMedian), []dodona.Point{at(-2, "1"), at(-1, "5"), at(-3, "2")}, "used → 200 good"},
		{"all, mean", take(CombineMean), []dodona.Point{at(-2, "1"), at(-1, "1"), at(-3, "0")}, "used → 67 good"},
		{"all, min", take(CombineMin), []dodona.Point{at(-2, "1"), at(-1, "5")}, "used → 100 good"},
		{"all, max", take(CombineMax), []dodona.Point{at(-2, "1"), at(-1, "5")}, "used → 500 good"},
		{"all with a bad one", take(CombineMax), []dodona.Point{at(-2, "1"), bad}, "used → 100 uncertain"},
		{"all with a bad one amid", take(CombineMax), []dodona.Point{at(-2, "1"), bad, at(-1, "5")}, "used → 500 uncertain"},
		{"all with a doubtful one", take(CombineMax), []dodona.Point{at(-2, "1"), doubtful}, "used → 600 uncertain"},
		{"all bad", take(CombineMax), []dodona.Point{bad, bad}, "bad → missed bad"},
		{"all with a sum out of range", take(CombineMedian), []dodona.Point{at(0, "3e57"), at(0, "3e57")}, "bad → missed bad"},
		{"all, majority", majority, []dodona.Point{at(-2, "1"), at(-1, "0"), at(-3, "1")}, "used → 1 good"},
		{"all, no majority", majority, []dodona.Point{at(-2, "1"), at(-1, "0")}, "bad → missed bad"},
	} {
		got := Evaluate(document(t, 1, c.change), instant, c.points, nil)
		if summary(got) != c.want {
			t.Errorf("%s: got %s (%s), want %s", c.name, summary(got), got.Missed, c.want)
		}
	}
}

func TestWhoIsOutvotedIsToldInTheWordsOfTheFeed(t *testing.T) {
	doc := document(t, 3, func(s *Settings) { s.Kind, s.Labels, s.Decimals = dodona.Enum, []string{"open", "shut"}, nil })
	got := Evaluate(doc, instant, points(t, "1", "0", "1"), nil)
	if reason := got.Inputs[1].Reason; reason != "said open, the majority said shut" {
		t.Errorf("the reason is %q", reason)
	}
}

func TestPointsOfOneSourceCountEach(t *testing.T) {
	doc := document(t, 0, func(s *Settings) { s.From, s.Need = []string{"boiler.top", "boiler.bottom", "pump"}, 2 })
	list := []dodona.Point{
		{ID: "boiler.bottom", Value: decimal(t, "20"), Time: instant.Time()},
		{ID: "boiler.top", Value: decimal(t, "40"), Time: instant.Time()},
		{ID: "boiler.other", Value: decimal(t, "999"), Time: instant.Time()},
	}
	got := Evaluate(doc, instant, list, map[string]Absence{"pump": {dodona.InputFailed, "off"}, "boiler": {dodona.InputLate, "?"}})
	if summary(got) != "used used failed → 3000 uncertain" || got.Inputs[0].Source != "boiler" || got.Inputs[0].Point != "boiler.top" {
		t.Errorf("got %s, %+v", summary(got), got.Inputs)
	}
}

func TestEvaluateIgnoresOrderAndStaysInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs := values.Draw(t, "values")
		doc := drawDocument(t, len(vs))
		var list []dodona.Point
		for i, v := range vs {
			list = append(list, dodona.Point{ID: doc.From[i], Value: v, Time: instant.Time()})
		}
		got := Evaluate(doc, instant, list, nil)
		seed := rapid.Uint64().Draw(t, "seed")
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		if again := Evaluate(doc, instant, list, nil); summary(again) != summary(got) || again.Missed != got.Missed {
			t.Fatalf("%s became %s", summary(got), summary(again))
		}
		var used []dodona.Decimal
		for _, input := range got.Inputs {
			if input.Status == dodona.InputUsed {
				used = append(used, *input.Value)
			}
		}
		if got.Value == nil {
			if len(used) >= doc.Need {
				t.Fatalf("%d used, %d needed, and missed: %s", len(used), doc.Need, got.Missed)
			}
			return
		}
		least, err := aggregate(CombineMin, rationals(used), doc.Feed.Decimals)
		if err != nil {
			t.Fatal(err)
		}
		most, err := aggregate(CombineMax, rationals(used), doc.Feed.Decimals)
		if err != nil {
			t.Fatal(err)
		}
		if len(used) < doc.Need || got.Value.Big().Cmp(least.Big()) < 0 || got.Value.Big().Cmp(most.Big()) > 0 {
			t.Fatalf("%v of %v with need %d", got.Value, used, doc.Need)
		}
	})
}

func drawDocument(t *rapid.T, sources int) Document {
	places := rapid.Uint8Range(0, 20).Draw(t, "decimals")
	s := Settings{
		Decimals: &places, Combine: rapid.SampledFrom([]Combine{CombineMedian, CombineMean, CombineMin, CombineMax}).Draw(t, "combine"),
		Need: rapid.IntRange(1, sources).Draw(t, "need"),
	}
	for i := range sources {
		s.From = append(s.From, fmt.Sprintf("s%d", i))
	}
	var err error
	if s.Outliers, err = ParsePercent(rapid.SampledFrom([]string{"0%", "0.1%", "10%", "300%"}).Draw(t, "outliers")); err != nil {
		t.Fatal(err)
	}
	doc, err := NewDocument("x", s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestLiarsNeverMoveAnAnswerBeyondTheHonest: with more honest sources than liars, a spread of the honest below the
// limit, and any lie, an answer is within the honest values.
func TestLiarsNeverMoveAnAnswerBeyondTheHonest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		honest := rapid.IntRange(1, 4).Draw(t, "honest")
		liars := rapid.IntRange(0, honest-1).Draw(t, "liars")
		price := rapid.Int64Range(100_000, 1<<50).Draw(t, "price")
		places := uint8(2)
		s := Settings{Decimals: &places, Need: honest, Combine: CombineMedian}
		var list []dodona.Point
		least, most := new(big.Int), new(big.Int)
		for i := range honest + liars {
			cents := price + rapid.Int64Range(0, price/100).Draw(t, "spread")
			if i >= honest {
				cents = rapid.Int64().Draw(t, "lie")
			} else if c := big.NewInt(cents); i == 0 {
				least.Set(c)
				most.Set(c)
			} else {
				if c.Cmp(least) < 0 {
					least.Set(c)
				}
				if c.Cmp(most) > 0 {
					most.Set(c)
				}
			}
			v, err := dodona.NewDecimal(big.NewInt(cents), 2)
			if err != nil {
				t.Fatal(err)
			}
			s.From = append(s.From, fmt.Sprintf("s%d", i))
			list = append(list, dodona.Point{ID: s.From[i], Value: v, Time: instant.Time()})
		}
		doc, err := NewDocument("x", s, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := Evaluate(doc, instant, list, nil)
		if got.Value == nil {
			t.Fatalf("missed: %s", got.Missed)
		}
		if v := got.Value.Big(); v.Cmp(least) < 0 || v.Cmp(most) > 0 {
			t.Fatalf("answer %v outside the honest %v to %v; %s", v, least, most, summary(got))
		}
	})
}

func TestPointsThatAModuleMakesAreCombinedAndNotThoseItWasGiven(t *testing.T) {
	r := dodona.Round(1_700_000_000_000)
	doc, err := NewDocument("meter.power", Settings{
		Unit: "W", From: []string{"meter.voltage", "meter.current", "spare"}, Points: []string{"power"},
		Module: &Module{Name: "power", Version: "1.0.0"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	power, err := dodona.ParseDecimal("230.5")
	if err != nil {
		t.Fatal(err)
	}
	absent := map[string]Absence{"spare": {dodona.InputLate, "no answer within 5s"}}
	made := Evaluate(doc, r, []dodona.Point{{ID: "power", Value: power, Unit: "W", Time: r.Time()}}, absent)
	if made.Value == nil || made.Value.Decimal(18).String() != "230.5" {
		t.Fatalf("the value is %v: %s", made.Value, made.Missed)
	}
	var got []string
	for _, in := range made.Inputs {
		got = append(got, in.Point+" "+in.Source+" "+string(in.Status))
	}
	want := []string{"meter.voltage meter given", "meter.current meter given", "spare spare late", "power  used"}
	if !slices.Equal(got, want) {
		t.Errorf("the inputs are %q, want %q", got, want)
	}
	if made.Quality != dodona.Uncertain {
		t.Errorf("a source is late, and the quality is %s", made.Quality)
	}
	delete(absent, "spare")
	if full := Evaluate(doc, r, []dodona.Point{{ID: "power", Value: power, Time: r.Time()}}, absent); full.Quality != dodona.Good {
		t.Errorf("all is there, and the quality is %s: %+v", full.Quality, full.Inputs)
	}
	if none := Evaluate(doc, r, nil, absent); none.Value != nil || none.Inputs[3].Reason != "the module made no such point" ||
		!strings.HasPrefix(none.Missed, "need 1 value, 0 remain: ") || strings.Contains(none.Missed, "given") {
		t.Errorf("no point was made: %+v", none)
	}
}

func TestATranscriptIsALeafOfTheReadingsRoot(t *testing.T) {
	doc, err := NewDocument("x", Settings{From: []string{"a"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	compute := func(transcript string) dodona.Bundle {
		result := dodona.Result{State: map[string][]byte{"k": []byte("v")}}
		if transcript != "" {
			result.Transcript = []byte(transcript)
		}
		return Compute(t.Context(), doc, fixed{result}, Material{Round: 1})
	}
	none, one, other := compute(""), compute("1"), compute("other")
	if one.Origin.ReadingsRoot == none.Origin.ReadingsRoot || one.Origin.ReadingsRoot == other.Origin.ReadingsRoot {
		t.Error("the readings root does not bind what capabilities answered")
	}
	if string(one.State["k"]) != "v" {
		t.Errorf("the bundle's state is %v", one.State)
	}
}

// fixed is a transform that always says the same.
type fixed struct{ result dodona.Result }

func (f fixed) Apply(context.Context, dodona.Call) (dodona.Result, error) { return f.result, nil }

func TestCountsHaveTheirNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0 values", 1: "1 value", 2: "2 values"} {
		if got := unit.Count(n, "value"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestWhatIsSaidOnceIsTheSameOfAll: values are not, though what became of them is.
func TestWhatIsSaidOnceIsTheSameOfAll(t *testing.T) {
	doc := document(t, 2, nil)
	list := points(t, "1", "2")
	for i := range list {
		list[i].Time = instant.Time().Add(-time.Hour)
	}
	got := Evaluate(doc, instant, list, nil)
	if got.Inputs[0].Reason != got.Inputs[1].Reason || got.Inputs[0].Value == nil {
		t.Fatalf("%+v: want two values that are stale for one reason", got.Inputs)
	}
	if strings.Contains(got.Missed, "all stale") || strings.Count(got.Missed, " stale: ") != 2 {
		t.Errorf("got %s, want a word about each", got.Missed)
	}
}

// TestAMedianIsToldAsTheFeedWouldRoundIt, half to even.
func TestAMedianIsToldAsTheFeedWouldRoundIt(t *testing.T) {
	places := uint8(2)
	doc, err := NewDocument("x", Settings{
		Decimals: &places, From: []string{"a", "b", "c", "d"}, Need: 4, Outliers: percent(t, "100%"),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := Evaluate(doc, instant, points(t, "0", "0.12", "0.13", "9"), nil)
	if !strings.Contains(got.Missed, "from the median 0.12, at most") {
		t.Errorf("got %s, want the median 0.12", got.Missed)
	}
}

func TestABundleNamesTheVersionOfItsTransform(t *testing.T) {
	version := dodona.Keccak256([]byte("version"))
	got := Compute(t.Context(), document(t, 1, nil), fixed{dodona.Result{Version: version}}, Material{Round: instant})
	if got.Origin.Version != version {
		t.Errorf("got %s, want %s", got.Origin.Version, version)
	}
}

// TestWordsOfAReasonFitTheirNumbers.
func TestWordsOfAReasonFitTheirNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0 values", 1: "1 value", 2: "2 values"} {
		if got := unit.Count(n, "value"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	failed := map[string]Absence{"a": {dodona.InputFailed, "refused"}, "b": {dodona.InputFailed, "refused"}}
	for sources, want := range map[int]string{1: "need 1 value, 0 remain: a failed: refused", 2: "need 2 values, 0 remain: all failed: refused"} {
		if got := Evaluate(document(t, sources, nil), instant, nil, failed).Missed; got != want {
			t.Errorf("%d sources: %q, want %q", sources, got, want)
		}
	}
	failed["b"] = Absence{dodona.InputLate, "refused"}
	if got, want := Evaluate(document(t, 2, nil), instant, nil, failed).Missed, "need 2 values, 0 remain: a failed: refused; b late: refused"; got != want {
		t.Errorf("one failed, one late: %q, want %q", got, want)
	}
	failed["b"] = Absence{dodona.InputFailed, "gone"}
	if got, want := Evaluate(document(t, 2, nil), instant, nil, failed).Missed, "need 2 values, 0 remain: a failed: refused; b failed: gone"; got != want {
		t.Errorf("two reasons: %q, want %q", got, want)
	}
}

// TestReasonsNameSixteenInputs and count the others.
func TestReasonsNameSixteenInputs(t *testing.T) {
	for sources, want := range map[int]string{15: "o", 16: "p", 17: "and 1 more", 18: "and 2 more"} {
		absent := map[string]Absence{}
		for i := range sources {
			absent[string(rune('a'+i))] = Absence{dodona.InputFailed, fmt.Sprint(i)}
		}
		missed := Evaluate(document(t, sources, nil), instant, nil, absent).Missed
		parts := strings.Split(missed, "; ")
		if last := parts[len(parts)-1]; len(parts) != min(sources, 17) || !strings.HasPrefix(last, want) {
			t.Errorf("%d sources: %d parts, the last %q, want %q", sources, len(parts), last, want)
		}
	}
	for length, want := range map[int]bool{160: true, 161: false} {
		absent := map[string]Absence{"a": {dodona.InputFailed, strings.Repeat("x", length)}}
		if got := strings.HasSuffix(Evaluate(document(t, 1, nil), instant, nil, absent).Missed, "failed: "+strings.Repeat("x", length)); got != want {
			t.Errorf("a reason of %d bytes is there whole: %t, want %t", length, got, want)
		}
	}
}

// TestDistancesAreSaidHoweverFarTheyAre.
func TestDistancesAreSaidHoweverFarTheyAre(t *testing.T) {
	e := evaluation{doc: document(t, 3, func(s *Settings) { s.Outliers = percent(t, "10%") })}
	power := func(n uint8) *big.Rat { return new(big.Rat).SetInt(powerOfTen(n)) }
	for _, c := range []struct {
		distance, median *big.Rat
		want             string
	}{
		{big.NewRat(9, 1), big.NewRat(0, 1), "differs from the median, which is 0"},
		{big.NewRat(9, 1), big.NewRat(1, 1), "900 % from the median 1.00, at most 10 % is allowed"},
		{big.NewRat(9, 1), big.NewRat(-5, 2), "360 % from the median -2.50, at most 10 % is allowed"},
		{big.NewRat(1, 3), big.NewRat(1, 1), "33.3 % from the median 1.00, at most 10 % is allowed"},
		{power(60), big.NewRat(1, 1), "more than 10^50 % from the median 1.00, at most 10 % is allowed"},
		{power(56), power(56), "100 % from the median 1" + strings.Repeat("0", 56) + ".00, at most 10 % is allowed"},
	} {
		if got := e.distanceReason(c.distance, c.median); got != c.want {
			t.Errorf("%v from %v: %q, want %q", c.distance, c.median, got, c.want)
		}
	}
}

// TestShownHasAtLeastTheDecimalsOfTheAnswer: where even those do not fit, the value is bad.
func TestShownHasAtLeastTheDecimalsOfTheAnswer(t *testing.T) {
	e := evaluation{doc: takeAll(t, 1, 2, CombineMean, "0%")}
	for power, want := range map[uint8]bool{45: true, 46: true, 47: true, 54: true, 55: true, 56: false} {
		v, err := e.shown(new(big.Rat).SetInt(powerOfTen(power)))
		if (err == nil) != want || want && v.String() != powerOfTen(power).String() {
			t.Errorf("10^%d is shown as %s, %v", power, v, err)
		}
	}
	third := big.NewRat(1, 3)
	if v, err := e.shown(third); err != nil || v.String() != "0.33333333333" {
		t.Errorf("a third is shown as %s, %v, want it with 2 and 9 decimals", v, err)
	}
}

// TestValuesFitAtTheBoundOfTheirKind, and units are compared where both are named.
func TestValuesFitAtTheBoundOfTheirKind(t *testing.T) {
	e := evaluation{doc: document(t, 1, func(s *Settings) { s.Unit = "USD" })}
	for unit, want := range map[string]bool{"": true, "USD": true, "EUR": false} {
		if err := e.fits(dodona.Point{Value: decimal(t, "1"), Unit: unit}); (err == nil) != want {
			t.Errorf("unit %q: %v", unit, err)
		}
	}
	bare := evaluation{doc: document(t, 1, nil)}
	if err := bare.fits(dodona.Point{Value: decimal(t, "1"), Unit: "EUR"}); err != nil {
		t.Errorf("a unit where the feed has none: %v", err)
	}
	enum := evaluation{doc: document(t, 1, func(s *Settings) { s.Kind, s.Decimals, s.Labels = dodona.Enum, nil, []string{"a", "b", "c"} })}
	for text, want := range map[string]bool{"-1": false, "0": true, "2": true, "3": false, "0.5": false, "18446744073709551616": false} {
		if err := enum.fits(dodona.Point{Value: decimal(t, text)}); (err == nil) != want {
			t.Errorf("%s of three labels: %v", text, err)
		}
	}
}
