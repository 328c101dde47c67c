package feed

import (
	"errors"
	"math/big"
	"slices"

	"github.com/dodona-oracle/dodona"
)

// ErrNoValues: there was nothing to aggregate. The round is missed.
var ErrNoValues = errors.New("no values")

// aggregators are the ways to combine numbers.
var aggregators = map[string]func([]dodona.Decimal, uint8) (dodona.Int192, error){
	CombineMedian: Median,
	CombineMean:   Mean,
	CombineMin:    Min,
	CombineMax:    Max,
}

// Median returns the middle value, or of an even number of values the mean of the two middle ones, scaled by the
// given decimals and rounded half to even, once. It returns [ErrNoValues] or [dodona.ErrRange].
func Median(values []dodona.Decimal, decimals uint8) (dodona.Int192, error) {
	if len(values) == 0 {
		return dodona.Int192{}, ErrNoValues
	}
	return scaled(median(values), decimals)
}

// Mean returns the arithmetic mean, scaled by the given decimals and rounded half to even, once.
// It returns [ErrNoValues] or [dodona.ErrRange].
func Mean(values []dodona.Decimal, decimals uint8) (dodona.Int192, error) {
	if len(values) == 0 {
		return dodona.Int192{}, ErrNoValues
	}
	return scaled(mean(values), decimals)
}

// Min returns the least value, scaled by the given decimals and rounded half to even.
// It returns [ErrNoValues] or [dodona.ErrRange].
func Min(values []dodona.Decimal, decimals uint8) (dodona.Int192, error) {
	if len(values) == 0 {
		return dodona.Int192{}, ErrNoValues
	}
	return slices.MinFunc(values, dodona.Decimal.Cmp).Rescale(decimals)
}

// Max returns the greatest value, scaled by the given decimals and rounded half to even.
// It returns [ErrNoValues] or [dodona.ErrRange].
func Max(values []dodona.Decimal, decimals uint8) (dodona.Int192, error) {
	if len(values) == 0 {
		return dodona.Int192{}, ErrNoValues
	}
	return slices.MaxFunc(values, dodona.Decimal.Cmp).Rescale(decimals)
}

// Majority returns the value that more than half of the values equal, and whether there is one.
func Majority(values []dodona.Decimal) (dodona.Decimal, bool) {
	count := map[dodona.Decimal]int{}
	for _, v := range values {
		if count[v]++; 2*count[v] > len(values) {
			return v, true
		}
	}
	return dodona.Decimal{}, false
}

// median returns the exact median of at least one value.
func median(values []dodona.Decimal) *big.Rat {
	sorted := slices.SortedFunc(slices.Values(values), dodona.Decimal.Cmp)
	n := len(sorted)
	return mean(sorted[(n-1)/2 : n/2+1])
}

// mean returns the exact mean of at least one value. Sums of values near the bounds leave 192 bits; a rational
// number does not mind.
func mean(values []dodona.Decimal) *big.Rat {
	sum := new(big.Rat)
	for _, v := range values {
		sum.Add(sum, rational(v))
	}
	return sum.Quo(sum, new(big.Rat).SetInt64(int64(len(values))))
}

func rational(d dodona.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		panic("a decimal prints as something else than a number: correct Decimal.String: " + d.String())
	}
	return r
}

// scaled returns r × 10^decimals rounded half to even, or [dodona.ErrRange].
func scaled(r *big.Rat, decimals uint8) (dodona.Int192, error) {
	if decimals > dodona.MaxScale {
		return dodona.Int192{}, dodona.ErrRange
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
	quotient, rest := new(big.Int).QuoRem(power.Mul(power, r.Num()), r.Denom(), new(big.Int))
	twice := rest.Lsh(rest, 1)
	if c := twice.CmpAbs(r.Denom()); c > 0 || (c == 0 && quotient.Bit(0) == 1) {
		quotient.Add(quotient, big.NewInt(int64(r.Sign())))
	}
	return dodona.Int192FromBig(quotient)
}
