package unit

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// A Percent is an exact share, written with its sign: 10%, 0.5%. The zero value is 0%.
type Percent struct{ hundredths dodona.Decimal }

var errPercent = errors.New("want a number and a percent sign, such as 10% or 0.5%")

// ParsePercent reads digits and a percent sign. Negative shares, and numbers without the sign, are errors.
func ParsePercent(s string) (Percent, error) {
	digits, found := strings.CutSuffix(s, "%")
	if !found {
		return Percent{}, fmt.Errorf("percentage %q: %w", s, errPercent)
	}
	d, err := dodona.ParseDecimal(strings.TrimSuffix(digits, " "))
	if err != nil || d.Sign() < 0 {
		return Percent{}, fmt.Errorf("percentage %q: %w", s, errPercent)
	}
	return Percent{d}, nil
}

// IsZero reports whether p is 0%.
func (p Percent) IsZero() bool { return p.hundredths.Sign() == 0 }

// Decimal returns the number before the percent sign.
func (p Percent) Decimal() dodona.Decimal { return p.hundredths }

// String writes p as [ParsePercent] reads it.
func (p Percent) String() string { return p.hundredths.String() + "%" }

// MarshalText writes p as String does.
func (p Percent) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what [ParsePercent] reads.
func (p *Percent) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePercent(string(text))
	return err
}
