package feed

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/dodona-oracle/dodona"
)

// reduce makes one point of the points that one source gave under one id: the newest, or with take: all,
// the good ones combined as the document combines sources.
func (e *evaluation) reduce(points []dodona.Point) dodona.Point {
	newest := points[0]
	for _, p := range points[1:] {
		if !p.Time.Before(newest.Time) {
			newest = p
		}
	}
	if e.doc.Take == TakeLatest || len(points) == 1 {
		return newest
	}
	var values []dodona.Decimal
	for _, p := range points {
		if p.Quality == dodona.Bad {
			continue
		}
		if values = append(values, p.Value); p.Quality == dodona.Uncertain {
			newest.Quality, newest.Reason = dodona.Uncertain, p.Reason
		}
	}
	if len(values) == 0 {
		return newest
	}
	if bad := len(points) - len(values); bad > 0 {
		newest.Quality = dodona.Uncertain
		newest.Reason = fmt.Sprintf("%d of %d values are bad", bad, len(points))
	}
	value, err := e.combineOwn(values)
	if err != nil {
		newest.Quality, newest.Reason = dodona.Bad, err.Error()
		return newest
	}
	newest.Value = value
	return newest
}

// combineOwn combines the values of one source.
func (e *evaluation) combineOwn(values []dodona.Decimal) (dodona.Decimal, error) {
	switch e.doc.Combine {
	case CombineMin:
		return slices.MinFunc(values, dodona.Decimal.Cmp), nil
	case CombineMax:
		return slices.MaxFunc(values, dodona.Decimal.Cmp), nil
	case CombineMajority:
		if v, found := Majority(values); found {
			return v, nil
		}
		return dodona.Decimal{}, fmt.Errorf("none of its %d values is that of more than half", len(values))
	case CombineMean:
		return e.toDecimal(mean(values), len(values))
	}
	return e.toDecimal(median(values), len(values))
}

// guardDigits is how many decimals the combined value of one source has beyond the answer's.
const guardDigits = 9

// toDecimal returns r rounded half to even with the guard digits.
func (e *evaluation) toDecimal(r *big.Rat, count int) (dodona.Decimal, error) {
	decimals := min(e.doc.Feed.Decimals+guardDigits, dodona.MaxScale)
	v, err := scaled(r, decimals)
	if err != nil {
		return dodona.Decimal{}, fmt.Errorf("take the %s of its %d values: %w", e.doc.Combine, count, err)
	}
	return v.Decimal(decimals), nil
}
