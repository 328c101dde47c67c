package feed

import "github.com/dodona-oracle/dodona/internal/unit"

// A Percent is an exact share, written with its sign: 10%, 0.5%. The zero value is 0%.
type Percent = unit.Percent

// ParsePercent reads digits and a percent sign. Negative shares, and numbers without the sign, are errors.
func ParsePercent(s string) (Percent, error) { return unit.ParsePercent(s) }
