package feed

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"pgregory.net/rapid"
)

// takeAll returns rules over sources a, b, … that combine all values of each.
func takeAll(t testing.TB, sources int, places uint8, combine Combine, outliers string) Document {
	t.Helper()
	return document(t, sources, func(s *Settings) {
		s.Take, s.Combine, s.Decimals, s.Outliers, s.Need = TakeAll, combine, &places, percent(t, outliers), 1
	})
}

// many returns good points: each text lists the values of one source.
func many(t testing.TB, sources ...string) []dodona.Point {
	t.Helper()
	var list []dodona.Point
	for i, values := range sources {
		for _, v := range strings.Fields(values) {
			list = append(list, dodona.Point{ID: string(rune('a' + i)), Value: decimal(t, v), Time: instant.Time()})
		}
	}
	return list
}

func TestValuesOfASourceAreRoundedOnceAtTheEnd(t *testing.T) {
	for _, c := range []struct {
		name     string
		combine  Combine
		outliers string
		decimals uint8
		sources  []string
		want     string
		shown    string // the value of source a
	}{
		{"just above a half", CombineMean, "0%", 0, []string{"0.5 0.5 0.5000000001"}, "used → 1 good", "0.5"},
		{"just below a half", CombineMean, "0%", 0, []string{"1.5 1.5 1.4999999999"}, "used → 1 good", "1.5"},
		{"just below a half, negative", CombineMean, "0%", 0, []string{"-0.5 -0.5 -0.5000000001"}, "used → -1 good", "-0.5"},
		{"the middle of two", CombineMedian, "0%", 0, []string{"0.5 0.5000000001"}, "used → 1 good", "0.5"},
		{"a third is not cut", CombineMean, "0%", 0, []string{"0 0 1", "0.6666666666666"}, "used used → 0 good", "0.333333333"},
		{"thirds make a whole", CombineMean, "0%", 0, []string{"0 0 1", "0 1 1", "0.5"}, "used used used → 0 good", "0.333333333"},
		{"a half that is none", CombineMean, "0%", 0, []string{"0 0 1", "0 1 1", "0.50000000000001"}, "used used used → 1 good", "0.333333333"},
		{"middles make a half", CombineMedian, "0%", 0, []string{"0 1", "0.4999999999999 0.5000000000001"}, "used used → 0 good", "0.5"},
		{"an outlier by a hair", CombineMean, "10%", 2, []string{"110 110.0000000000001", "100", "100"}, "outlier used used → 10000 uncertain", "110"},
		{"inside by a hair", CombineMean, "10%", 2, []string{"110 109.9999999999999", "100", "100"}, "used used used → 10333 good", "110"},
		{"more decimals than can be shown", CombineMean, "0%", 50, []string{"2000000 1"}, "used → 100000050000000000000000000000000000000000000000000000000 good", "1000000.5"},
	} {
		got := Evaluate(takeAll(t, len(c.sources), c.decimals, c.combine, c.outliers), instant, many(t, c.sources...), nil)
		if summary(got) != c.want {
			t.Errorf("%s: got %s (%s)\nwant %s", c.name, summary(got), got.Missed, c.want)
		}
		if v := got.Inputs[0].Value; v == nil || v.String() != c.shown {
			t.Errorf("%s: source a is shown with %v, want %s", c.name, v, c.shown)
		}
	}
}

func TestReasonsShowTheValueThatCounts(t *testing.T) {
	doc := takeAll(t, 1, 0, CombineMean, "0%")
	doc.Need = 2 // no document has it; it makes the round a missed one with reasons
	if got := Evaluate(doc, instant, many(t, "0.5 0.5 0.5000000001"), nil); got.Missed != "need 2 values, 1 remain: a used: 1" {
		t.Errorf("got %q", got.Missed)
	}
}

// TestAnswersAreTheExactOnesRoundedOnce compares with the definition, over rational numbers alone.
func TestAnswersAreTheExactOnesRoundedOnce(t *testing.T) {
	half := big.NewRat(1, 2)
	rapid.Check(t, func(t *rapid.T) {
		own := rapid.SliceOfN(values, 1, 4).Draw(t, "values by source")
		places := rapid.Uint8Range(0, 20).Draw(t, "decimals")
		combine := rapid.SampledFrom([]Combine{CombineMean, CombineMedian}).Draw(t, "combine")
		s := Settings{Decimals: &places, Take: TakeAll, Combine: combine, Need: 1}
		var list []dodona.Point
		var all []*big.Rat
		for i, vs := range own {
			s.From = append(s.From, string(rune('a'+i)))
			var one []*big.Rat
			for _, v := range vs {
				list = append(list, dodona.Point{ID: s.From[i], Value: v, Time: instant.Time()})
				r, _ := new(big.Rat).SetString(v.String())
				one = append(one, r)
			}
			all = append(all, defined(combine, one))
		}
		doc, err := NewDocument("x", s, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := Evaluate(doc, instant, list, nil)
		if got.Value == nil {
			t.Fatalf("missed: %s", got.Missed)
		}
		power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
		distance := new(big.Rat).Mul(defined(combine, all), new(big.Rat).SetInt(power))
		distance.Abs(distance.Sub(distance, new(big.Rat).SetInt(got.Value.Big())))
		if c := distance.Cmp(half); c > 0 || (c == 0 && got.Value.Big().Bit(0) == 1) {
			t.Fatalf("the %s of %v at %d decimals is %v", combine, own, places, got.Value)
		}
	})
}

// defined is the mean or median, by its definition.
func defined(combine Combine, values []*big.Rat) *big.Rat {
	sorted := slices.Clone(values)
	slices.SortFunc(sorted, (*big.Rat).Cmp)
	if combine == CombineMedian {
		for len(sorted) > 2 {
			sorted = sorted[1 : len(sorted)-1]
		}
	}
	sum := new(big.Rat)
	for _, v := range sorted {
		sum.Add(sum, v)
	}
	return sum.Mul(sum, big.NewRat(1, int64(len(sorted))))
}

// TestOldRulesRoundAsTheyDid: a bundle from before rounding was exact still replays to what was signed.
func TestOldRulesRoundAsTheyDid(t *testing.T) {
	doc := takeAll(t, 1, 0, CombineMean, "0%")
	raw, err := doc.JSON()
	if err != nil {
		t.Fatal(err)
	}
	old, err := ParseDocument(json.RawMessage(strings.Replace(string(raw), `"format":2`, `"format":1`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	list := many(t, "0.5 0.5 0.5000000001")
	if got := Evaluate(old, instant, list, nil); summary(got) != "used → 0 good" {
		t.Errorf("old rules: %s", summary(got))
	}
	if got := Evaluate(doc, instant, list, nil); summary(got) != "used → 1 good" {
		t.Errorf("new rules: %s", summary(got))
	}
	// Values that did not fit with nine more decimals were bad.
	wide := takeAll(t, 1, 50, CombineMean, "0%")
	wide.Format = formatRounded
	if got := Evaluate(wide, instant, many(t, "2000000 1"), nil); summary(got) != "bad → missed bad" {
		t.Errorf("old rules, wide: %s", summary(got))
	}
}

func TestOnlyRulesThatMeanSomethingElseHaveANewFormat(t *testing.T) {
	for _, c := range []struct {
		take    Take
		combine Combine
		want    int
	}{
		{TakeLatest, CombineMean, 1},
		{TakeLatest, CombineMedian, 1},
		{TakeAll, CombineMin, 1},
		{TakeAll, CombineMax, 1},
		{TakeAll, CombineMean, 2},
		{TakeAll, CombineMedian, 2},
	} {
		doc := document(t, 1, func(s *Settings) { s.Take, s.Combine = c.take, c.combine })
		if doc.Format != c.want {
			t.Errorf("take %s, %s: format %d, want %d", c.take, c.combine, doc.Format, c.want)
		}
	}
}
