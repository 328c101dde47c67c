package unit

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// A Deadband is how much a value must differ from the one that was sent last: an amount in its unit, 0.5, or a share of that value, 2%. The zero
// value is none.
type Deadband struct {
	amount dodona.Decimal
	share  Percent
	set    bool
}

// UnmarshalText reads a number, or a number and a percent sign; negative ones are errors.
func (d *Deadband) UnmarshalText(text []byte) error {
	s := string(text)
	if strings.HasSuffix(s, "%") {
		share, err := ParsePercent(s)
		if err != nil {
			return err
		}
		*d = Deadband{share: share, set: true}
		return nil
	}
	amount, err := dodona.ParseDecimal(s)
	if err != nil || amount.Sign() < 0 {
		return errors.New("want a number in the unit of the value, such as 0.5, or a share of it, such as 2%")
	}
	*d = Deadband{amount: amount, set: true}
	return nil
}

// String writes the deadband as UnmarshalText reads it; empty if it is none.
func (d Deadband) String() string {
	switch {
	case !d.set:
		return ""
	case !d.share.IsZero():
		return d.share.String()
	}
	return d.amount.String()
}

// MarshalText writes the deadband as String does.
func (d Deadband) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// IsZero reports whether there is none.
func (d Deadband) IsZero() bool { return !d.set }

// Exceeded reports, exactly, whether a value differs from the last one by the deadband or more; without one whether it differs. From zero, any
// other value differs by any share.
func (d Deadband) Exceeded(last, next *big.Rat) bool {
	if last.Cmp(next) == 0 {
		return false
	}
	if !d.set {
		return true
	}
	difference, base := new(big.Rat).Sub(next, last), new(big.Rat).Set(last)
	difference.Abs(difference)
	bound := Rat(d.amount)
	if !d.share.IsZero() {
		bound = Rat(d.share.Decimal())
		bound.Mul(bound, base.Abs(base)).Quo(bound, big.NewRat(100, 1))
	}
	return difference.Cmp(bound) >= 0
}

// Share returns a deadband that is a share of the value.
func Share(p Percent) Deadband { return Deadband{share: p, set: true} }

// Rat returns a decimal as a fraction.
func Rat(d dodona.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		panic(fmt.Sprintf("unit: decimal %q is no number: this is a bug", d))
	}
	return r
}
