package dodona

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// anyInt192 draws integers of every length, the extremes included.
var anyInt192 = rapid.Custom(func(t *rapid.T) Int192 {
	switch rapid.IntRange(0, 9).Draw(t, "form") {
	case 0:
		i, _ := Int192FromBig(maxInt192)
		return i
	case 1:
		i, _ := Int192FromBig(minInt192)
		return i
	case 2, 3, 4:
		return NewInt192(rapid.Int64().Draw(t, "small"))
	}
	return Int192{rapid.Int64().Draw(t, "hi"), rapid.Uint64().Draw(t, "mid"), rapid.Uint64().Draw(t, "lo")}
})

var anyDecimal = rapid.Custom(func(t *rapid.T) Decimal {
	return anyInt192.Draw(t, "coefficient").Decimal(rapid.Uint8Range(0, MaxScale).Draw(t, "scale"))
})

func rat(d Decimal) *big.Rat {
	return new(big.Rat).SetFrac(d.coefficient.Big(), powers[d.scale])
}

func TestInt192IsABoundedBigInt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := anyInt192.Draw(t, "i")
		back, err := Int192FromBig(i.Big())
		if err != nil || back != i {
			t.Fatalf("through big.Int: got %v, %v; want %v", back, err, i)
		}
		parsed, err := ParseInt192(i.String())
		if err != nil || parsed != i {
			t.Fatalf("through text: got %v, %v; want %v", parsed, err, i)
		}
		word := i.Word()
		signed := new(big.Int).SetBytes(word[:])
		if word[0]&0x80 != 0 {
			signed.Sub(signed, new(big.Int).Lsh(big.NewInt(1), 256))
		}
		if signed.Cmp(i.Big()) != 0 {
			t.Fatalf("as an ABI word: got %v, want %v", signed, i)
		}
		if small, ok := i.Int64(); ok != i.Big().IsInt64() || (ok && small != i.Big().Int64()) {
			t.Fatalf("Int64: got %v, %v for %v", small, ok, i)
		}
	})
}

func TestInt192RefusesWhatDoesNotFit(t *testing.T) {
	one := big.NewInt(1)
	for _, v := range []*big.Int{new(big.Int).Add(maxInt192, one), new(big.Int).Sub(minInt192, one)} {
		if got, err := Int192FromBig(v); !errors.Is(err, ErrRange) {
			t.Errorf("Int192FromBig(%v) = %v, %v; want ErrRange", v, got, err)
		}
		if got, err := ParseInt192(v.String()); !errors.Is(err, ErrRange) {
			t.Errorf("ParseInt192(%v) = %v, %v; want ErrRange", v, got, err)
		}
	}
	for _, s := range []string{"", "-", "-0", "00", "01", "+1", "1.0", " 1", "1e3", "0x10", "--1", strings.Repeat("9", 65)} {
		if got, err := ParseInt192(s); err == nil {
			t.Errorf("ParseInt192(%q) = %v, want an error", s, got)
		}
	}
}

func TestParseDecimalReadsExactly(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "0.000": "0", "1": "1", "1.50": "1.5", "-0.5": "-0.5", "+7": "7", "007": "7",
		"43218.55": "43218.55", "1e3": "1000", "1E+3": "1000", "12.5e-1": "1.25", "1.2e1": "12", "100e-2": "1",
		"0e999999":                       "0",
		"123456789012345678901234567890": "123456789012345678901234567890",
		"0.1":                            "0.1", // the number that floats cannot hold
		"3138550867693340381917894711603833208051177722232017256447":  "3138550867693340381917894711603833208051177722232017256447",  // 2^191 − 1
		"-3138550867693340381917894711603833208051177722232017256448": "-3138550867693340381917894711603833208051177722232017256448", // −2^191
		"1e57":                                   "1" + strings.Repeat("0", 57),
		"1e-57":                                  "0." + strings.Repeat("0", 56) + "1",
		"1" + strings.Repeat("0", 100) + "e-100": "1",
	} {
		got, err := ParseDecimal(text)
		if err != nil || got.String() != want {
			t.Errorf("ParseDecimal(%q) = %v, %v; want %s", text, got, err, want)
		}
	}
}

func TestParseDecimalRefusesEverythingElse(t *testing.T) {
	for _, text := range []string{
		"", " ", "-", "+", ".", ".5", "5.", "1,5", "1 000", "NaN", "nan", "Inf", "-Infinity", "0x10", "1e", "1e+", "e5",
		"1e1.5", "--1", "1e+-3", "1e++3", "1_000", "1.2.3", "١", "1\n", "\x001", strings.Repeat("1", 257),
	} {
		if got, err := ParseDecimal(text); err == nil {
			t.Errorf("ParseDecimal(%q) = %v, want an error", text, got)
		}
	}
	for _, text := range []string{
		"1e400", "-1e58", "1e-58", "1e9999999", "1e-9999999", strings.Repeat("9", 58),
		"3138550867693340381917894711603833208051177722232017256448",
	} {
		if got, err := ParseDecimal(text); !errors.Is(err, ErrRange) {
			t.Errorf("ParseDecimal(%q) = %v, %v; want ErrRange", text, got, err)
		}
	}
}

func TestDecimalTextIsItsOnlyForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDecimal.Draw(t, "d")
		back, err := ParseDecimal(d.String())
		if err != nil || back != d {
			t.Fatalf("ParseDecimal(%v) = %v, %v", d, back, err)
		}
		var fromJSON Decimal
		text, _ := json.Marshal(d)
		if err := json.Unmarshal(text, &fromJSON); err != nil || fromJSON != d {
			t.Fatalf("through JSON %s: got %v, %v", text, fromJSON, err)
		}
	})
}

// exact fails unless got is want, or want does not fit and err says so.
func exact(t *rapid.T, operation string, got Decimal, err error, want *big.Rat) {
	if err == nil {
		if rat(got).Cmp(want) != 0 {
			t.Fatalf("%s = %v, want %v", operation, got, want)
		}
		return
	}
	if !errors.Is(err, ErrRange) {
		t.Fatalf("%s: %v, want ErrRange or nothing", operation, err)
	}
	scaled := new(big.Rat).Mul(want, new(big.Rat).SetInt(powers[MaxScale]))
	if !scaled.IsInt() {
		return // more than 57 decimals
	}
	for scale := MaxScale; scale >= 0; scale-- {
		c := new(big.Rat).Mul(want, new(big.Rat).SetInt(powers[scale]))
		if !c.IsInt() {
			return // no smaller scale can hold it, and the larger ones did not fit
		}
		if _, err := Int192FromBig(c.Num()); err == nil {
			t.Fatalf("%s was refused although %v fits", operation, want)
		}
	}
}

func TestDecimalPartsAreTheNumberInItsShortestForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i, scale := anyInt192.Draw(t, "coefficient"), rapid.Uint8Range(0, MaxScale).Draw(t, "scale")
		c, decimals := i.Decimal(scale).Parts()
		got := new(big.Rat).SetFrac(c.Big(), powers[decimals])
		if want := new(big.Rat).SetFrac(i.Big(), powers[scale]); got.Cmp(want) != 0 {
			t.Fatalf("%v × 10^-%d became %v × 10^-%d", i, scale, c, decimals)
		}
		if decimals > 0 && new(big.Int).Rem(c.Big(), big.NewInt(10)).Sign() == 0 {
			t.Fatalf("%v × 10^-%d has a trailing zero", c, decimals)
		}
	})
	if n := testing.AllocsPerRun(100, func() { NewInt192(-4_321_000).Decimal(5) }); n != 0 {
		t.Errorf("a decimal of an int64 takes %v allocations", n)
	}
}

func TestDecimalArithmeticIsExactOrRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyDecimal.Draw(t, "a"), anyDecimal.Draw(t, "b")
		sum, err := a.Add(b)
		exact(t, "a+b", sum, err, new(big.Rat).Add(rat(a), rat(b)))
		difference, err := a.Sub(b)
		exact(t, "a-b", difference, err, new(big.Rat).Sub(rat(a), rat(b)))
		product, err := a.Mul(b)
		exact(t, "a*b", product, err, new(big.Rat).Mul(rat(a), rat(b)))
		if got, want := a.Cmp(b), rat(a).Cmp(rat(b)); got != want {
			t.Fatalf("Cmp = %d, want %d", got, want)
		}
		if (a == b) != (a.Cmp(b) == 0) {
			t.Fatalf("== and Cmp disagree on %v and %v", a, b)
		}
	})
}

// halfEven rounds r to an integer by definition: the nearest one, the even one of two.
func halfEven(r *big.Rat) *big.Int {
	low := new(big.Int).Div(r.Num(), r.Denom()) // Euclidean, and the denominator is positive: the floor
	rest := new(big.Rat).Sub(r, new(big.Rat).SetInt(low))
	c := rest.Cmp(big.NewRat(1, 2))
	if c > 0 || (c == 0 && low.Bit(0) == 1) {
		low.Add(low, big.NewInt(1))
	}
	return low
}

func TestRescaleAndQuoRoundHalfToEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyDecimal.Draw(t, "a"), anyDecimal.Draw(t, "b")
		decimals := rapid.Uint8Range(0, MaxScale).Draw(t, "decimals")
		scale := new(big.Rat).SetInt(powers[decimals])
		want, wantErr := Int192FromBig(halfEven(new(big.Rat).Mul(rat(a), scale)))
		if got, err := a.Rescale(decimals); got != want || !errors.Is(err, wantErr) {
			t.Fatalf("%v.Rescale(%d) = %v, %v; want %v, %v", a, decimals, got, err, want, wantErr)
		}
		got, err := a.Quo(b, decimals)
		if b.Sign() == 0 {
			if !errors.Is(err, ErrDivision) {
				t.Fatalf("division by zero: %v, %v", got, err)
			}
			return
		}
		quotient := halfEven(new(big.Rat).Mul(new(big.Rat).Quo(rat(a), rat(b)), scale))
		exact(t, "a/b", got, err, new(big.Rat).SetFrac(quotient, powers[decimals]))
	})
}

func TestRescaleTies(t *testing.T) {
	for text, want := range map[string]string{"0.5": "0", "1.5": "2", "2.5": "2", "-0.5": "0", "-1.5": "-2", "-2.5": "-2", "2.51": "3", "-2.51": "-3"} {
		d, _ := ParseDecimal(text)
		if got, err := d.Rescale(0); err != nil || got.String() != want {
			t.Errorf("%s rounds to %v, %v; want %s", text, got, err, want)
		}
	}
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"1", "-0.5", "1e400", "1,5", "NaN", "123456789012345678901234567890.1e-7", "0e-999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDecimal(s)
		if err != nil {
			return
		}
		back, err := ParseDecimal(d.String())
		if err != nil || back != d {
			t.Errorf("ParseDecimal(%q) = %v, which reads back as %v, %v", s, d, back, err)
		}
		reference, ok := new(big.Rat).SetString(s)
		if !ok || reference.Cmp(rat(d)) != 0 {
			t.Errorf("ParseDecimal(%q) = %v, math/big says %v", s, d, reference)
		}
	})
}

func FuzzParseInt192(f *testing.F) {
	for _, s := range []string{"0", "-1", "00", "3138550867693340381917894711603833208051177722232017256447", "-0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		i, err := ParseInt192(s)
		if err != nil {
			return
		}
		if i.String() != s {
			t.Errorf("ParseInt192(%q) has another text: %s", s, i)
		}
	})
}

func TestInt192FromWordReadsWhatWordWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := anyInt192.Draw(t, "value")
		word := i.Word()
		if got, err := Int192FromWord(word); err != nil || got != i {
			t.Fatalf("%s: got %s, %v", i, got, err)
		}
		word[rapid.IntRange(0, 7).Draw(t, "byte")] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		if got, err := Int192FromWord(word); err == nil {
			t.Fatalf("%x is not an int192, but was read as %s", word, got)
		}
	})
}

// TestInt192IsAnInt64WhereThatIsEnough at its bounds, and at those of the words.
func TestInt192IsAnInt64WhereThatIsEnough(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 1 << 61, 1 << 62, -1 << 61, -1 << 62, math.MaxInt64, math.MinInt64} {
		i := NewInt192(v)
		if got, fits := i.Int64(); !fits || got != v || i.Big().Int64() != v || i.String() != strconv.FormatInt(v, 10) {
			t.Errorf("%d is %d, %t, %s", v, got, fits, i)
		}
		if back, err := Int192FromBig(big.NewInt(v)); err != nil || back != i {
			t.Errorf("%d through big.Int is %s, %v", v, back, err)
		}
	}
	for _, text := range []string{"9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616", "-18446744073709551616", "340282366920938463463374607431768211456", "-340282366920938463463374607431768211456"} {
		i, err := ParseInt192(text)
		if v, fits := i.Int64(); err != nil || fits || i.String() != text {
			t.Errorf("%s is %s, %v, or %d of 64 bits: %t", text, i, err, v, fits)
		}
	}
}

// TestTextIsBounded before any work is done, and says how long it was.
func TestTextIsBounded(t *testing.T) {
	var i Int192
	if err := i.UnmarshalText([]byte("0")); err != nil || !i.IsZero() {
		t.Errorf("0 is read as %s, %v", i, err)
	}
	if err := i.UnmarshalText([]byte("-12")); err != nil || i != NewInt192(-12) {
		t.Errorf("−12 is read as %s, %v", i, err)
	}
	for length, want := range map[int]bool{64: false, 65: true} {
		if _, err := ParseInt192(strings.Repeat("9", length)); !errors.Is(err, ErrRange) || strings.Contains(err.Error(), "characters") != want {
			t.Errorf("%d digits: %v, want it refused by its length: %t", length, err, want)
		}
	}
	for length, want := range map[int]bool{255: false, 256: false, 257: true} {
		d, err := ParseDecimal(strings.Repeat("0", length-1) + "7")
		if (err != nil) != want || !want && d.String() != "7" {
			t.Errorf("%d digits: %s, %v", length, d, err)
		}
	}
}

func TestSignAndAbsAtZero(t *testing.T) {
	for text, want := range map[string]int{"-7": -1, "-0.1": -1, "0": 0, "0.1": 1, "7": 1} {
		d, err := ParseDecimal(text)
		if err != nil {
			t.Fatal(err)
		}
		abs, err := d.Abs()
		if d.Sign() != want || err != nil || abs.String() != strings.TrimPrefix(text, "-") {
			t.Errorf("%s has the sign %d and is %s apart from it, %v", text, d.Sign(), abs, err)
		}
		if neg, err := d.Neg(); err != nil || neg.Sign() != -want {
			t.Errorf("the opposite of %s is %s, %v", text, neg, err)
		}
	}
	least := Int192{hi: math.MinInt64}.Decimal(0)
	if _, err := least.Abs(); !errors.Is(err, ErrRange) {
		t.Errorf("the one number without an opposite: %v, want %v", err, ErrRange)
	}
}

// TestDecimalsAreBounded at the most there may be.
func TestDecimalsAreBounded(t *testing.T) {
	small, err := ParseDecimal("1e-57")
	if err != nil {
		t.Fatal(err)
	}
	one := NewInt192(1).Decimal(0)
	if got, err := small.Rescale(57); err != nil || got != NewInt192(1) {
		t.Errorf("1e-57 at 57 decimals is %s, %v", got, err)
	}
	if _, err := small.Rescale(58); !errors.Is(err, ErrRange) {
		t.Errorf("at 58 decimals: %v, want %v", err, ErrRange)
	}
	if got, err := small.Quo(one, 57); err != nil || got != small {
		t.Errorf("1e-57 ÷ 1 at 57 decimals is %s, %v", got, err)
	}
	if _, err := one.Quo(one, 58); !errors.Is(err, ErrRange) {
		t.Errorf("1 ÷ 1 at 58 decimals: %v, want %v", err, ErrRange)
	}
	if got := NewInt192(1).Decimal(58); got != small {
		t.Errorf("58 decimals are %s, want 57 of them", got)
	}
	for scale, want := range map[int]bool{-57: true, -58: false, 57: true, 58: false} {
		if _, err := NewDecimal(big.NewInt(1), scale); (err == nil) != want {
			t.Errorf("1 with %d decimals: %v", scale, err)
		}
	}
}
