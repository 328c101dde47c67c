package feed

import (
	"errors"
	"math/big"
	"slices"

	"github.com/dodona-oracle/dodona"
)

// ErrNoValues: there was nothing to aggregate. The round is missed.
var ErrNoValues = errors.New("no values")

// aggregators are the ways to combine at least one number, exactly. The arguments stay as they are.
var aggregators = map[Combine]func([]*big.Rat) *big.Rat{
	CombineMedian: median,
	CombineMean:   mean,
	CombineMin:    least,
	CombineMax:    greatest,
}

// aggregate combines values exactly, and then scales by the given decimals and rounds half to even, once.
// It returns [ErrNoValues] or [dodona.ErrRange].
func aggregate(how Combine, values []*big.Rat, decimals uint8) (dodona.Int192, error) {
	if len(values) == 0 {
		return dodona.Int192{}, ErrNoValues
	}
	return scaled(aggregators[how](values), decimals)
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

// median returns the middle value, or of an even number of values the mean of the two middle ones.
func median(values []*big.Rat) *big.Rat {
	sorted := slices.SortedFunc(slices.Values(values), (*big.Rat).Cmp)
	n := len(sorted)
	return mean(sorted[(n-1)/2 : n/2+1])
}

// mean returns the arithmetic mean. Sums of values near the bounds leave 192 bits; a rational number does not mind.
func mean(values []*big.Rat) *big.Rat {
	if len(values) == 1 {
		return values[0]
	}
	sum := new(big.Rat)
	for _, v := range values {
		sum.Add(sum, v)
	}
	return sum.Quo(sum, new(big.Rat).SetInt64(int64(len(values))))
}

func least(values []*big.Rat) *big.Rat    { return slices.MinFunc(values, (*big.Rat).Cmp) }
func greatest(values []*big.Rat) *big.Rat { return slices.MaxFunc(values, (*big.Rat).Cmp) }

// rational returns the number that d is.
func rational(d dodona.Decimal) *big.Rat {
	coefficient, decimals := d.Parts()
	return new(big.Rat).SetFrac(coefficient.Big(), powerOfTen(decimals))
}

func rationals(values []dodona.Decimal) []*big.Rat {
	list := make([]*big.Rat, len(values))
	for i, v := range values {
		list[i] = rational(v)
	}
	return list
}

func powerOfTen(n uint8) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// scaled returns r × 10^decimals rounded half to even, or [dodona.ErrRange].
func scaled(r *big.Rat, decimals uint8) (dodona.Int192, error) {
	if decimals > dodona.MaxScale {
		return dodona.Int192{}, dodona.ErrRange
	}
	power := powerOfTen(decimals)
	quotient, rest := new(big.Int).QuoRem(power.Mul(power, r.Num()), r.Denom(), new(big.Int))
	twice := rest.Lsh(rest, 1)
	if c := twice.CmpAbs(r.Denom()); c > 0 || (c == 0 && quotient.Bit(0) == 1) {
		quotient.Add(quotient, big.NewInt(int64(r.Sign())))
	}
	return dodona.Int192FromBig(quotient)
}
