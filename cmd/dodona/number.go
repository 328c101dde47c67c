package main

import (
	"math/big"
	"strings"

	"github.com/dodona-oracle/dodona"
)

const (
	mostDigits = 26 // of a number that is shown as it is, with its separators: as many as 64 bits have
	fewDigits  = 12 // of one that is not
)

// shownNumber is a number for people: one that is so small or large that nobody would read its digits has twelve of them and an exponent. The
// exact one is in --json. Far reports that it is such a number.
func shownNumber(d dodona.Decimal) (text string, far bool) {
	_, decimals := d.Parts()
	if text = d.Grouped(decimals); len(text) <= mostDigits {
		return text, false
	}
	exact, ok := new(big.Rat).SetString(d.String())
	if !ok {
		return text, false
	}
	float := new(big.Float).SetPrec(1024).SetRat(exact)
	mantissa, exponent, _ := strings.Cut(float.Text('e', fewDigits-1), "e")
	far = len(exponent) > 3 || exponent[1:] > "14" // sign and two digits, or three
	if !far {
		return text, false
	}
	return strings.TrimSuffix(strings.TrimRight(mantissa, "0"), ".") + "e" + exponent, true
}
