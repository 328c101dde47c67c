package extract

import (
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// maxInstant is the end of the year 9999 in Unix milliseconds, the last that RFC 3339 can write.
const maxInstant = 253_402_300_799_999

// units are the units of a number since 1970, told apart by its size: 10^11 seconds would be the year 5138,
// and 10^11 milliseconds was in 1973, so no instant that a source could mean is read in two ways.
var units = []struct{ below, milliseconds dodona.Decimal }{
	{constant("1e11"), constant("1e3")},  // seconds
	{constant("1e14"), constant("1")},    // milliseconds
	{constant("1e17"), constant("1e-3")}, // microseconds
	{constant("1e20"), constant("1e-6")}, // nanoseconds
}

func constant(s string) dodona.Decimal {
	d, err := dodona.ParseDecimal(s)
	if err != nil {
		panic("constant " + s + " is not a decimal: correct its text: " + err.Error())
	}
	return d
}

// parseInstant reads RFC 3339, or a number since 1970 whose size tells its unit. The time is in UTC and in whole
// milliseconds, as readings are signed: RFC 3339 is cut there, a number is rounded to the nearest, halves to the even one.
func parseInstant(s string) (time.Time, error) {
	n, err := dodona.ParseDecimal(s)
	if errors.Is(err, dodona.ErrRange) {
		return time.Time{}, fmt.Errorf("read the number %s since 1970: %w", plain.Quote(s, 64), dodona.ErrRange)
	}
	if err != nil {
		at, err := parseRFC3339(s)
		if err != nil {
			return time.Time{}, err
		}
		return checkInstant(at.UnixMilli(), s)
	}
	if n.Sign() < 0 {
		return checkInstant(-1, s)
	}
	for _, unit := range units {
		if n.Cmp(unit.below) >= 0 {
			continue
		}
		ms, err := n.Mul(unit.milliseconds)
		if err != nil {
			return time.Time{}, fmt.Errorf("read %s: %w", s, err)
		}
		whole, err := ms.Rescale(0)
		if err != nil {
			return time.Time{}, fmt.Errorf("read %s: %w", s, err)
		}
		at, _ := whole.Int64() // at most 10^14
		return checkInstant(at, s)
	}
	return checkInstant(maxInstant+1, s)
}

func checkInstant(ms int64, s string) (time.Time, error) {
	if ms < 0 || ms > maxInstant {
		return time.Time{}, fmt.Errorf("%s is not between the years 1970 and 9999", plain.Quote(s, 64))
	}
	return time.UnixMilli(ms).UTC(), nil
}

// readingTime returns when a reading was measured as far as it says so itself, else when it arrived.
func readingTime(r dodona.Reading) time.Time {
	at := r.SourceTime
	if at.IsZero() {
		at = r.Received
	}
	if at.IsZero() || at.Equal(nobodyKnows) {
		return time.Time{}
	}
	return at.Truncate(time.Millisecond).UTC()
}

// nobodyKnows is the source's time of a reading that came later than anybody can tell, such as a message that a broker kept: its points are
// of no time, unless the document says one.
var nobodyKnows = time.Unix(0, 0)
