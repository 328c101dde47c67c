package feed

import (
	"errors"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/dodona-oracle/dodona"
	"pgregory.net/rapid"
)

func decimal(t testing.TB, s string) dodona.Decimal {
	t.Helper()
	d, err := dodona.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func decimals(t testing.TB, list ...string) []dodona.Decimal {
	t.Helper()
	values := make([]dodona.Decimal, len(list))
	for i, s := range list {
		values[i] = decimal(t, s)
	}
	return values
}

func TestAggregatesRoundHalfToEvenOnce(t *testing.T) {
	for _, c := range []struct {
		how      Combine
		decimals uint8
		values   []string
		want     string
	}{
		{CombineMedian, 2, []string{"3", "1", "2"}, "200"},
		{CombineMedian, 0, []string{"1", "2"}, "2"},
		{CombineMedian, 0, []string{"2", "3"}, "2"},
		{CombineMedian, 0, []string{"-1", "-2"}, "-2"},
		{CombineMedian, 0, []string{"-2", "-3"}, "-2"},
		{CombineMedian, 1, []string{"1.25"}, "12"},
		{CombineMedian, 1, []string{"1.35"}, "14"},
		{CombineMedian, 8, []string{"43218.10", "43218.55", "432190.00"}, "4321855000000"},
		{CombineMedian, 0, []string{"0.5", "0.49"}, "0"}, // 0.495: rounding the inputs first would say otherwise
		{CombineMean, 0, []string{"0.5", "0.5", "0.5"}, "0"},
		{CombineMean, 0, []string{"1", "1", "2"}, "1"},
		{CombineMean, 3, []string{"1", "0", "0"}, "333"},
		{CombineMean, 3, []string{"-2", "0", "0"}, "-667"},
		{CombineMean, 0, []string{"3138550867693340381917894711603833208051177722232017256447", "3138550867693340381917894711603833208051177722232017256447"}, "3138550867693340381917894711603833208051177722232017256447"},
		{CombineMin, 57, []string{"1", "2"}, "1000000000000000000000000000000000000000000000000000000000"},
		{CombineMin, 1, []string{"2", "-0.05", "7"}, "0"},
		{CombineMin, 1, []string{"2", "-0.15", "7"}, "-2"},
		{CombineMax, 0, []string{"2", "2.5", "-7"}, "2"},
	} {
		got, err := aggregate(c.how, rationals(decimals(t, c.values...)), c.decimals)
		if err != nil || got.String() != c.want {
			t.Errorf("%s of %v at %d decimals: got %v (%v), want %s", c.how, c.values, c.decimals, got, err, c.want)
		}
	}
}

func TestAggregatesOfNothingAndTooMuchAreErrors(t *testing.T) {
	for how := range aggregators {
		if _, err := aggregate(how, nil, 0); !errors.Is(err, ErrNoValues) {
			t.Errorf("%s of nothing: got %v", how, err)
		}
		if _, err := aggregate(how, rationals(decimals(t, "1")), dodona.MaxScale+1); !errors.Is(err, dodona.ErrRange) {
			t.Errorf("%s at 58 decimals: got %v", how, err)
		}
		if _, err := aggregate(how, rationals(decimals(t, "10")), dodona.MaxScale); !errors.Is(err, dodona.ErrRange) {
			t.Errorf("%s of 10 at 57 decimals: got %v", how, err)
		}
	}
}

// values draws decimals whose scaled form fits at any drawn number of decimals.
var values = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) dodona.Decimal {
	d, err := dodona.NewDecimal(big.NewInt(rapid.Int64().Draw(t, "coefficient")), rapid.IntRange(0, 24).Draw(t, "scale"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}), 1, 9)

func TestAggregatesIgnoreOrderAndStayInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs, places := values.Draw(t, "values"), rapid.Uint8Range(0, 30).Draw(t, "decimals")
		ordered, shuffled := rationals(vs), rationals(vs)
		seed := rapid.Uint64().Draw(t, "seed")
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(vs), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		least, err := aggregate(CombineMin, ordered, places)
		if err != nil {
			t.Fatal(err)
		}
		most, err := aggregate(CombineMax, ordered, places)
		if err != nil {
			t.Fatal(err)
		}
		for how := range aggregators {
			got, err := aggregate(how, ordered, places)
			if err != nil {
				t.Fatalf("%s of %v: %v", how, vs, err)
			}
			if again, err := aggregate(how, shuffled, places); err != nil || again != got {
				t.Fatalf("%s of %v is %v, of %v %v (%v)", how, vs, got, shuffled, again, err)
			}
			if got.Big().Cmp(least.Big()) < 0 || got.Big().Cmp(most.Big()) > 0 {
				t.Fatalf("%s of %v is %v, outside %v to %v", how, vs, got, least, most)
			}
		}
		if !slices.EqualFunc(ordered, rationals(vs), func(a, b *big.Rat) bool { return a.Cmp(b) == 0 }) {
			t.Fatalf("the arguments became %v, were %v", ordered, vs)
		}
	})
}

// TestRoundingIsToTheNearestAndTiesToEven checks scaled against its definition: |10^d·r − q| ≤ ½, and q is even if = ½.
func TestRoundingIsToTheNearestAndTiesToEven(t *testing.T) {
	half := big.NewRat(1, 2)
	rapid.Check(t, func(t *rapid.T) {
		vs, places := values.Draw(t, "values"), rapid.Uint8Range(0, 20).Draw(t, "decimals")
		for name, exact := range map[string]*big.Rat{"mean": mean(rationals(vs)), "median": median(rationals(vs))} {
			q, err := scaled(exact, places)
			if err != nil {
				t.Fatal(err)
			}
			power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
			distance := new(big.Rat).Mul(exact, new(big.Rat).SetInt(power))
			distance.Abs(distance.Sub(distance, new(big.Rat).SetInt(q.Big())))
			if c := distance.Cmp(half); c > 0 || (c == 0 && q.Big().Bit(0) == 1) {
				t.Fatalf("%s of %v at %d decimals is %v, rounded to %v", name, vs, places, exact, q)
			}
		}
	})
}

func TestMedianOfOddCountIsOneOfThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs := values.Draw(t, "values")
		if len(vs)%2 == 0 {
			vs = vs[1:]
		}
		m := median(rationals(vs))
		if !slices.ContainsFunc(vs, func(v dodona.Decimal) bool { return rational(v).Cmp(m) == 0 }) {
			t.Fatalf("median of %v is %v", vs, m)
		}
	})
}

func TestMajorityIsMoreThanHalf(t *testing.T) {
	for _, c := range []struct {
		values []string
		want   string
	}{
		{nil, ""},
		{[]string{"1"}, "1"},
		{[]string{"1", "0"}, ""},
		{[]string{"1", "0", "1.0"}, "1"},
		{[]string{"1", "1", "0", "0"}, ""},
		{[]string{"0", "1", "2"}, ""},
	} {
		got, found := Majority(decimals(t, c.values...))
		if found != (c.want != "") || (found && got.String() != c.want) {
			t.Errorf("majority of %v: got %v %v, want %q", c.values, got, found, c.want)
		}
	}
}

func TestScalesReachToTheLast(t *testing.T) {
	if v, err := scaled(new(big.Rat), dodona.MaxScale); err != nil || v != dodona.NewInt192(0) {
		t.Errorf("with %d decimals: %s, %v, want 0", dodona.MaxScale, v, err)
	}
	if v, err := scaled(new(big.Rat), dodona.MaxScale+1); !errors.Is(err, dodona.ErrRange) {
		t.Errorf("with %d decimals: %s, %v, want ErrRange", dodona.MaxScale+1, v, err)
	}
}
