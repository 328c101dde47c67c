package dodona

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Int192 is a signed integer of 192 bits, two's complement: the width of a value on the wire and on chain.
// The zero value is 0, and == compares.
type Int192 struct {
	hi      int64
	mid, lo uint64
}

// MaxScale is the most decimals a [Decimal] or a feed may have: 10^57 is the largest power of ten in an int192.
const MaxScale = 57

// ErrRange: the number does not fit in 192 bits or has more than [MaxScale] decimals. Treat the value as bad.
var ErrRange = errors.New("out of the range of 192 bits and 57 decimals")

var (
	maxInt192 = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 191), big.NewInt(1))
	minInt192 = new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 191))
	powers    = func() (p [MaxScale + 1]*big.Int) {
		for i := range p {
			p[i] = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(i)), nil)
		}
		return p
	}()
)

// NewInt192 returns v.
func NewInt192(v int64) Int192 {
	sign := v >> 63
	return Int192{hi: sign, mid: uint64(sign), lo: uint64(v)}
}

// Int192FromBig returns v, or [ErrRange].
func Int192FromBig(v *big.Int) (Int192, error) {
	if v.Cmp(maxInt192) > 0 || v.Cmp(minInt192) < 0 {
		return Int192{}, ErrRange
	}
	if v.IsInt64() {
		return NewInt192(v.Int64()), nil
	}
	var b [24]byte
	new(big.Int).Abs(v).FillBytes(b[:])
	i := Int192{
		hi:  int64(binary.BigEndian.Uint64(b[0:])),
		mid: binary.BigEndian.Uint64(b[8:]),
		lo:  binary.BigEndian.Uint64(b[16:]),
	}
	if v.Sign() < 0 {
		i = i.negate()
	}
	return i, nil
}

// ParseInt192 reads an optional minus and decimal digits without leading zeros, the one form that
// [Int192.String] writes.
func ParseInt192(s string) (Int192, error) {
	if len(s) > 64 {
		return Int192{}, fmt.Errorf("parse integer of %d characters: %w", len(s), ErrRange)
	}
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" || (digits[0] == '0' && s != "0") {
		return Int192{}, fmt.Errorf("parse integer %q: want decimal digits", s)
	}
	v, _ := new(big.Int).SetString(s, 10)
	i, err := Int192FromBig(v)
	if err != nil {
		return Int192{}, fmt.Errorf("parse integer %q: %w", s, err)
	}
	return i, nil
}

func (i Int192) negate() Int192 {
	lo := ^i.lo + 1
	mid, hi := ^i.mid, ^i.hi
	if lo == 0 {
		if mid++; mid == 0 {
			hi++
		}
	}
	return Int192{hi, mid, lo}
}

// Big returns i as a new big integer.
func (i Int192) Big() *big.Int {
	if v, ok := i.Int64(); ok {
		return big.NewInt(v)
	}
	negative := i.hi < 0
	if negative {
		i = i.negate()
	}
	var b [24]byte
	binary.BigEndian.PutUint64(b[0:], uint64(i.hi))
	binary.BigEndian.PutUint64(b[8:], i.mid)
	binary.BigEndian.PutUint64(b[16:], i.lo)
	v := new(big.Int).SetBytes(b[:])
	if negative {
		v.Neg(v)
	}
	return v
}

// Int64 returns i and whether it fits.
func (i Int192) Int64() (int64, bool) {
	v := int64(i.lo)
	return v, i.hi == v>>63 && i.mid == uint64(v>>63)
}

// IsZero reports whether i is 0.
func (i Int192) IsZero() bool { return i == Int192{} }

// Word returns i as the 32-byte big-endian word that abi.encode gives an int192 (Solidity ABI).
func (i Int192) Word() [32]byte {
	var w [32]byte
	if i.hi < 0 {
		binary.BigEndian.PutUint64(w[0:], ^uint64(0))
	}
	binary.BigEndian.PutUint64(w[8:], uint64(i.hi))
	binary.BigEndian.PutUint64(w[16:], i.mid)
	binary.BigEndian.PutUint64(w[24:], i.lo)
	return w
}

// Int192FromWord reads what [Int192.Word] writes, or returns [ErrRange].
func Int192FromWord(w [32]byte) (Int192, error) {
	i := Int192{
		hi:  int64(binary.BigEndian.Uint64(w[8:])),
		mid: binary.BigEndian.Uint64(w[16:]),
		lo:  binary.BigEndian.Uint64(w[24:]),
	}
	if i.Word() != w {
		return Int192{}, ErrRange
	}
	return i, nil
}

// String writes i in decimal.
func (i Int192) String() string {
	if v, ok := i.Int64(); ok {
		return strconv.FormatInt(v, 10)
	}
	return i.Big().String()
}

// Decimal returns i × 10^−decimals.
func (i Int192) Decimal(decimals uint8) Decimal {
	return Decimal{i, min(decimals, MaxScale)}.normal()
}

// MarshalText writes i in decimal; in JSON it is a string, because JSON numbers lose digits.
func (i Int192) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (i *Int192) UnmarshalText(text []byte) (err error) {
	*i, err = ParseInt192(string(text))
	return err
}

// A Decimal is an exact decimal number: an integer of 192 bits and up to [MaxScale] decimals.
// It is kept without trailing zeros, so == compares by value. The zero value is 0.
// Arithmetic returns [ErrRange] rather than a wrong digit; only Rescale and Quo round, half to even.
type Decimal struct {
	coefficient Int192
	scale       uint8 // value = coefficient × 10^−scale
}

// NewDecimal returns coefficient × 10^−scale, or [ErrRange].
func NewDecimal(coefficient *big.Int, scale int) (Decimal, error) {
	c := new(big.Int).Set(coefficient)
	if c.Sign() == 0 {
		return Decimal{}, nil
	}
	if scale < 0 {
		if -scale > MaxScale {
			return Decimal{}, ErrRange
		}
		c.Mul(c, powers[-scale])
		scale = 0
	}
	// Trailing zeros may hide a number that fits, so they go before the bounds are checked.
	ten, rest := big.NewInt(10), new(big.Int)
	for quo := new(big.Int); scale > 0; scale-- {
		if quo.QuoRem(c, ten, rest); rest.Sign() != 0 {
			break
		}
		c.Set(quo)
	}
	if scale > MaxScale {
		return Decimal{}, ErrRange
	}
	i, err := Int192FromBig(c)
	if err != nil {
		return Decimal{}, err
	}
	return Decimal{i, uint8(scale)}, nil
}

// maxDecimalText is far above what any exact value needs and bounds the work of parsing.
const maxDecimalText = 256

// ParseDecimal reads an exact decimal in the grammar of a JSON number (RFC 8259 §6), with an optional plus and
// leading zeros: "43218.55", "-0.5", "1e3". NaN, infinities, separators and blanks are errors;
// a number that does not fit is [ErrRange].
func ParseDecimal(s string) (Decimal, error) {
	if len(s) > maxDecimalText {
		return Decimal{}, fmt.Errorf("parse decimal of %d characters: at most %d are read", len(s), maxDecimalText)
	}
	d, err := parseDecimal(s)
	if err != nil {
		return Decimal{}, fmt.Errorf("parse decimal %q: %w", s, err)
	}
	return d, nil
}

var errGrammar = errors.New("want digits with at most one point, such as -12.5 or 3e2")

func parseDecimal(s string) (Decimal, error) {
	mantissa, exponent := s, 0
	if at := strings.IndexAny(s, "eE"); at >= 0 {
		mantissa = s[:at]
		text := s[at+1:]
		digits := text
		if digits != "" && (digits[0] == '-' || digits[0] == '+') {
			digits = digits[1:]
		}
		if digits == "" || strings.Trim(digits, "0123456789") != "" {
			return Decimal{}, errGrammar
		}
		if len(digits) > 6 {
			return Decimal{}, ErrRange
		}
		exponent, _ = strconv.Atoi(text) // a sign and up to six digits: cannot fail
	}
	sign := ""
	if mantissa != "" && (mantissa[0] == '-' || mantissa[0] == '+') {
		sign, mantissa = mantissa[:1], mantissa[1:]
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	if whole == "" || (point && fraction == "") || strings.Trim(whole+fraction, "0123456789") != "" {
		return Decimal{}, errGrammar
	}
	c, _ := new(big.Int).SetString(whole+fraction, 10)
	if sign == "-" {
		c.Neg(c)
	}
	return NewDecimal(c, len(fraction)-exponent)
}

// normal returns d without trailing zeros.
func (d Decimal) normal() Decimal {
	if d.scale == 0 {
		return d
	}
	if v, fits := d.coefficient.Int64(); fits { // most numbers, and without an allocation
		for ; d.scale > 0 && v%10 == 0; d.scale-- {
			v /= 10
		}
		return Decimal{NewInt192(v), d.scale}
	}
	n, err := NewDecimal(d.coefficient.Big(), int(d.scale))
	if err != nil {
		panic("a decimal in range left it by losing zeros: " + err.Error()) // cannot happen: the coefficient shrinks
	}
	return n
}

// Parts returns the integer and the number of decimals that d is: coefficient × 10^−decimals, with as few decimals as
// can be.
func (d Decimal) Parts() (coefficient Int192, decimals uint8) { return d.coefficient, d.scale }

// String writes d without exponent and without trailing zeros. ParseDecimal of it gives d.
func (d Decimal) String() string {
	s := d.coefficient.String()
	if d.scale == 0 {
		return s
	}
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	s = strings.Repeat("0", max(0, int(d.scale)+1-len(s))) + s
	at := len(s) - int(d.scale)
	return sign + s[:at] + "." + s[at:]
}

// Text writes d as String does, with at least so many decimals: zeros follow, nothing is rounded.
func (d Decimal) Text(decimals uint8) string {
	s, more := d.String(), int(min(decimals, MaxScale))-int(d.scale)
	if more <= 0 {
		return s
	}
	if d.scale == 0 {
		s += "."
	}
	return s + strings.Repeat("0", more)
}

// Grouped writes d as Text does, for people: its thousands set apart, as in "43,218.50".
func (d Decimal) Grouped(decimals uint8) string {
	whole, fraction, point := strings.Cut(d.Text(decimals), ".")
	first := 0 // where the digits begin
	if whole[0] == '-' {
		first = 1
	}
	for at := len(whole) - 3; at > first; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if point {
		whole += "." + fraction
	}
	return whole
}

// Thousands writes a count for people: "31,039".
func Thousands(n uint64) string {
	return Decimal{coefficient: Int192{lo: n}}.Grouped(0)
}

// MarshalText writes d as String does.
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what [ParseDecimal] reads.
func (d *Decimal) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDecimal(string(text))
	return err
}

// Sign returns −1, 0 or 1.
func (d Decimal) Sign() int {
	switch {
	case d.coefficient.hi < 0:
		return -1
	case d.coefficient.IsZero():
		return 0
	}
	return 1
}

// aligned returns the coefficients of d and e at their larger scale.
func aligned(d, e Decimal) (x, y *big.Int, scale int) {
	x, y = d.coefficient.Big(), e.coefficient.Big()
	switch {
	case d.scale < e.scale:
		x.Mul(x, powers[e.scale-d.scale])
	case e.scale < d.scale:
		y.Mul(y, powers[d.scale-e.scale])
	}
	return x, y, int(max(d.scale, e.scale))
}

// Cmp returns −1, 0 or 1 as d is less than, equal to or greater than e.
func (d Decimal) Cmp(e Decimal) int {
	x, y, _ := aligned(d, e)
	return x.Cmp(y)
}

// Neg returns −d, or [ErrRange] for the one number without an opposite.
func (d Decimal) Neg() (Decimal, error) {
	c := d.coefficient.Big()
	return NewDecimal(c.Neg(c), int(d.scale))
}

// Abs returns |d|, or [ErrRange] for the one number without an opposite.
func (d Decimal) Abs() (Decimal, error) {
	if d.Sign() < 0 {
		return d.Neg()
	}
	return d, nil
}

// Add returns d + e exactly, or [ErrRange].
func (d Decimal) Add(e Decimal) (Decimal, error) {
	x, y, scale := aligned(d, e)
	return NewDecimal(x.Add(x, y), scale)
}

// Sub returns d − e exactly, or [ErrRange].
func (d Decimal) Sub(e Decimal) (Decimal, error) {
	x, y, scale := aligned(d, e)
	return NewDecimal(x.Sub(x, y), scale)
}

// Mul returns d × e exactly, or [ErrRange].
func (d Decimal) Mul(e Decimal) (Decimal, error) {
	x := d.coefficient.Big()
	return NewDecimal(x.Mul(x, e.coefficient.Big()), int(d.scale)+int(e.scale))
}

// ErrDivision: a division by zero. Treat the value as bad.
var ErrDivision = errors.New("division by zero")

// Quo returns d ÷ e rounded half to even at the given number of decimals, or [ErrRange] or [ErrDivision].
func (d Decimal) Quo(e Decimal, decimals uint8) (Decimal, error) {
	if e.Sign() == 0 {
		return Decimal{}, ErrDivision
	}
	if decimals > MaxScale {
		return Decimal{}, ErrRange
	}
	x, y, _ := aligned(d, e)
	q := divideHalfEven(x.Mul(x, powers[decimals]), y)
	return NewDecimal(q, int(decimals))
}

// Rescale returns d × 10^decimals as an integer, rounded half to even, or [ErrRange].
func (d Decimal) Rescale(decimals uint8) (Int192, error) {
	if decimals > MaxScale {
		return Int192{}, ErrRange
	}
	c := d.coefficient.Big()
	if d.scale <= decimals {
		return Int192FromBig(c.Mul(c, powers[decimals-d.scale]))
	}
	return Int192FromBig(divideHalfEven(c, powers[d.scale-decimals]))
}

// divideHalfEven returns x ÷ y rounded to the nearest integer, ties to the even one.
func divideHalfEven(x, y *big.Int) *big.Int {
	quo, rest := new(big.Int).QuoRem(x, y, new(big.Int))
	twice := rest.Abs(rest).Lsh(rest, 1)
	if c := twice.CmpAbs(y); c > 0 || (c == 0 && quo.Bit(0) == 1) {
		if x.Sign()*y.Sign() < 0 {
			return quo.Sub(quo, big.NewInt(1))
		}
		return quo.Add(quo, big.NewInt(1))
	}
	return quo
}
