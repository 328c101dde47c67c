package dodona

// A Decimal is the number Mantissa × 10^Exponent, exactly. The zero value is 0.
// Arithmetic says whether the result fits in 64 bits and exponents of −57 to 57, and returns it without trailing zeros.
type Decimal struct {
	Mantissa int64
	Exponent int32
}

// maxExponent is the largest power of ten in a value of Dodona, and with a minus the smallest.
const maxExponent = 57

const (
	maxText = 256 // characters of a decimal

	maxInt64 = 1<<63 - 1
	minInt64 = -1 << 63
)

// ParseDecimal reads digits with at most one point, such as -12.5 or 3e2. Anything else is not ok,
// nor is what does not fit, nor more than 256 characters.
func ParseDecimal(s string) (d Decimal, ok bool) {
	at, negative := 0, false
	if len(s) > maxText {
		return Decimal{}, false
	}
	if at < len(s) && (s[at] == '-' || s[at] == '+') {
		negative = s[at] == '-'
		at++
	}
	// Zeros count only if another digit follows, so that 1.000 is 1 and 1000 is 1e3.
	mantissa, zeros, exponent := int64(0), int32(0), int32(0)
	digits, point := false, false
	for ; at < len(s); at++ {
		c := s[at]
		if c == '.' && digits && !point {
			point, digits = true, false
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		digits = true
		if point {
			exponent--
		}
		if zeros++; c == '0' {
			continue
		}
		for ; zeros > 0 && mantissa != 0; zeros-- {
			if mantissa > maxInt64/10 {
				return Decimal{}, false
			}
			mantissa *= 10
		}
		zeros = 0
		if mantissa > maxInt64-int64(c-'0') {
			return Decimal{}, false
		}
		mantissa += int64(c - '0')
	}
	if !digits {
		return Decimal{}, false
	}
	e, ok := parseExponent(s[at:])
	if !ok {
		return Decimal{}, false
	}
	if negative {
		mantissa = -mantissa
	}
	return Decimal{mantissa, exponent + zeros + e}.normal()
}

// parseExponent reads what follows the digits: nothing, or e and an integer of up to six digits.
func parseExponent(s string) (e int32, ok bool) {
	if s == "" {
		return 0, true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return 0, false
	}
	s = s[1:]
	negative := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	if s == "" || len(s) > 6 {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		e = e*10 + int32(s[i]-'0')
	}
	if negative {
		e = -e
	}
	return e, true
}

// normal returns d without trailing zeros, and whether its exponent is in range.
func (d Decimal) normal() (Decimal, bool) {
	if d.Mantissa == 0 {
		return Decimal{}, true
	}
	for d.Mantissa%10 == 0 {
		d.Mantissa /= 10
		d.Exponent++
	}
	return d, d.Exponent >= -maxExponent && d.Exponent <= maxExponent
}

// scaled returns m × 10^n and whether it fits.
func scaled(m int64, n int32) (int64, bool) {
	for ; n > 0 && m != 0; n-- {
		if m > maxInt64/10 || m < minInt64/10 {
			return 0, false
		}
		m *= 10
	}
	return m, true
}

// Mul returns d × e and whether it fits.
func (d Decimal) Mul(e Decimal) (Decimal, bool) {
	d, okD := d.normal()
	e, okE := e.normal()
	if !okD || !okE {
		return Decimal{}, false
	}
	if y := magnitude(e.Mantissa); y != 0 && magnitude(d.Mantissa) > maxInt64/y {
		return Decimal{}, false
	}
	return Decimal{d.Mantissa * e.Mantissa, d.Exponent + e.Exponent}.normal()
}

func magnitude(m int64) uint64 {
	if m < 0 {
		return -uint64(m)
	}
	return uint64(m)
}

// Add returns d + e and whether it fits.
func (d Decimal) Add(e Decimal) (Decimal, bool) {
	d, okD := d.normal()
	e, okE := e.normal()
	if !okD || !okE {
		return Decimal{}, false
	}
	if d.Mantissa == 0 {
		return e, true
	}
	if e.Mantissa == 0 {
		return d, true
	}
	if d.Exponent < e.Exponent {
		d, e = e, d
	}
	m, ok := scaled(d.Mantissa, d.Exponent-e.Exponent)
	sum := m + e.Mantissa
	if !ok || (m < 0) == (e.Mantissa < 0) && (sum < 0) != (m < 0) {
		return Decimal{}, false
	}
	return Decimal{sum, e.Exponent}.normal()
}

// Cmp returns −1, 0 or 1 as d is less than, equal to or greater than e.
func (d Decimal) Cmp(e Decimal) int {
	if d.Exponent < e.Exponent {
		return -e.Cmp(d)
	}
	m, ok := scaled(d.Mantissa, d.Exponent-e.Exponent)
	switch {
	case !ok && d.Mantissa < 0, ok && m < e.Mantissa:
		return -1
	case ok && m == e.Mantissa:
		return 0
	}
	return 1
}

// String writes d without exponent and without trailing zeros; "?" if its exponent is out of range.
func (d Decimal) String() string {
	d, ok := d.normal()
	if !ok {
		return "?"
	}
	m := magnitude(d.Mantissa)
	// From the right: 57 zeros or decimals, a point, 20 digits and a sign at most.
	var b [maxExponent + 22]byte
	at := len(b)
	for n := d.Exponent; n > 0; n-- {
		at--
		b[at] = '0'
	}
	for left := -d.Exponent; m > 0 || left >= 0; left-- {
		if left == 0 && d.Exponent < 0 {
			at--
			b[at] = '.'
		}
		at--
		b[at] = byte('0' + m%10)
		m /= 10
	}
	if d.Mantissa < 0 {
		at--
		b[at] = '-'
	}
	return string(b[at:])
}
