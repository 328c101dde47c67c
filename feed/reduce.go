package feed

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/dodona-oracle/dodona"
)

// reduce makes one point of the points that one source gave under one id: the newest, or with take: all,
// the good ones combined as the document combines sources. Where that number is no short decimal, exact is it, and the
// point's value is what a record and a person see of it.
func (e *evaluation) reduce(points []dodona.Point) (one dodona.Point, exact *big.Rat) {
	newest := points[0]
	for _, p := range points[1:] {
		if !p.Time.Before(newest.Time) {
			newest = p
		}
	}
	if e.doc.Take == TakeLatest || len(points) == 1 {
		return newest, nil
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
		return newest, nil
	}
	if bad := len(points) - len(values); bad > 0 {
		newest.Quality = dodona.Uncertain
		newest.Reason = fmt.Sprintf("%d of %d values are bad", bad, len(points))
	}
	value, exact, err := e.combineOwn(values)
	if err != nil {
		newest.Quality, newest.Reason = dodona.Bad, err.Error()
		return newest, nil
	}
	newest.Value = value
	return newest, exact
}

// combineOwn combines the values of one source. Exact is nil where the decimal is exact.
func (e *evaluation) combineOwn(values []dodona.Decimal) (shown dodona.Decimal, exact *big.Rat, err error) {
	switch e.doc.Combine {
	case CombineMin:
		return slices.MinFunc(values, dodona.Decimal.Cmp), nil, nil
	case CombineMax:
		return slices.MaxFunc(values, dodona.Decimal.Cmp), nil, nil
	case CombineMajority:
		if v, found := Majority(values); found {
			return v, nil, nil
		}
		return shown, nil, fmt.Errorf("none of its %d values is that of more than half", len(values))
	}
	exact = aggregators[e.doc.Combine](rationals(values))
	if shown, err = e.shown(exact); err != nil {
		return shown, nil, fmt.Errorf("take the %s of its %d values: %w", e.doc.Combine, len(values), err)
	}
	if e.doc.Format == formatRounded {
		exact = nil
	}
	return shown, exact, nil
}

// shownDigits is how many decimals the combined value of one source is shown with, beyond the answer's.
const shownDigits = 9

// shown returns r rounded half to even for the record: with the decimals of the answer and nine more, if that fits.
func (e *evaluation) shown(r *big.Rat) (dodona.Decimal, error) {
	decimals := min(e.doc.Feed.Decimals+shownDigits, dodona.MaxScale)
	v, err := scaled(r, decimals)
	for err != nil && decimals > e.doc.Feed.Decimals && e.doc.Format != formatRounded {
		decimals--
		v, err = scaled(r, decimals)
	}
	return v.Decimal(decimals), err
}
