package registers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// Decode returns the value that exactly Size bytes have, or why there is none: a reason for a bad point.
func (f Format) Decode(b []byte) (dodona.Decimal, error) {
	var none dodona.Decimal
	k, known := f.kind()
	if !known {
		return none, fmt.Errorf("type %.40q is not known", f.Type)
	}
	if size := f.Size(); len(b) != size || size == 0 {
		return none, fmt.Errorf("%d bytes came, %s has %d", len(b), typeOf(f), size)
	}
	if err := f.checkOrder(k); err != nil { // for rules that nobody checked
		return none, err
	}
	if k.text {
		return f.text(b, k)
	}
	v, err := f.number(b, k)
	if err != nil {
		return none, err
	}
	if slices.Contains(f.Missing, v) {
		// Fault (point): a device says by an agreed value that it has none.
		return none, fmt.Errorf("the device says by %s that it has no value", v)
	}
	if len(f.Enum) > 0 {
		return f.label(v.String())
	}
	return f.scaled(v)
}

// number returns what the bytes are before scaling.
func (f Format) number(b []byte, k kind) (dodona.Decimal, error) {
	a := arranged(b, f.Order, k)
	switch k.half {
	case high:
		a = [8]byte{a[0]}
	case low:
		a = [8]byte{a[1]}
	}
	bits := k.width()
	raw := binary.BigEndian.Uint64(a[:]) >> (64 - bits)
	switch k.read {
	case float:
		return decimalOf(raw, k.size)
	case bcd:
		return digits(raw, bits)
	}
	if f.Bits.set {
		if int(f.Bits.high) >= bits {
			return dodona.Decimal{}, fmt.Errorf("bits %s: %s has the bits 0 to %d", f.Bits, typeOf(f), bits-1)
		}
		bits = int(f.Bits.high-f.Bits.low) + 1
		raw = raw >> f.Bits.low & (1<<bits - 1) // a shift by 64 gives 0, and all bits less one
	}
	switch {
	case k.read == boolean && raw != 0:
		return one, nil
	case k.signed && (bits > 1 || !f.Bits.set):
		return dodona.NewInt192(int64(raw<<(64-bits)) >> (64 - bits)).Decimal(0), nil
	case raw > math.MaxInt64:
		return dodona.NewDecimal(new(big.Int).SetUint64(raw), 0)
	}
	return dodona.NewInt192(int64(raw)).Decimal(0), nil
}

// digits reads a decimal digit in each half byte.
func digits(raw uint64, bits int) (dodona.Decimal, error) {
	var v int64
	for at := bits - 4; at >= 0; at -= 4 {
		digit := int64(raw >> at & 0xF)
		if digit > 9 {
			// Fault (point): bytes are no decimal digits.
			return dodona.Decimal{}, fmt.Errorf("%0*X is not BCD: %X is no digit", bits/4, raw, digit)
		}
		v = 10*v + digit
	}
	return dodona.NewInt192(v).Decimal(0), nil
}

// decimalOf returns the shortest decimal that reads back as the same float.
func decimalOf(raw uint64, size int) (dodona.Decimal, error) {
	v, text := floatOf(raw, size)
	switch {
	case math.IsNaN(v):
		// Fault (point): a value is no number: NaN.
		return dodona.Decimal{}, errors.New("the float is NaN: the device has no value")
	case math.IsInf(v, 0):
		// Fault (point): a value is infinite.
		return dodona.Decimal{}, errors.New("the float is an infinity: the device has no value")
	}
	d, err := dodona.ParseDecimal(text)
	if err != nil {
		return dodona.Decimal{}, fmt.Errorf("the float %s is %w", text, dodona.ErrRange)
	}
	return d, nil
}

// floatOf returns a float of the wire and how it is written.
func floatOf(raw uint64, size int) (v float64, text string) {
	switch size {
	case 2:
		v = half(uint16(raw))
		return v, halfText(uint16(raw), v)
	case 4:
		v = float64(math.Float32frombits(uint32(raw)))
		return v, strconv.FormatFloat(v, 'e', -1, 32)
	}
	v = math.Float64frombits(raw)
	return v, strconv.FormatFloat(v, 'e', -1, 64)
}

// half returns the value of a float of IEEE 754 with 16 bits.
func half(raw uint16) float64 {
	sign, exponent, fraction := 1.0, int(raw>>10&0x1F), float64(raw&0x3FF)
	if raw>>15 == 1 {
		sign = -1
	}
	switch {
	case exponent == 0x1F && fraction != 0:
		return math.NaN()
	case exponent == 0x1F:
		return math.Inf(int(sign))
	case exponent == 0:
		return sign * math.Ldexp(fraction, -24)
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// halfText writes a half float with as few digits as tell it from its neighbours. Five always do.
func halfText(raw uint16, v float64) string {
	const most = 5
	magnitude := raw & 0x7FFF
	if magnitude == 0 || magnitude >= 0x7C00 {
		return "0"
	}
	a := math.Abs(v)
	below := (a + half(magnitude-1)) / 2
	above := a + (a - below) // of the largest, which has no finite neighbour
	if magnitude+1 < 0x7C00 {
		above = (a + half(magnitude+1)) / 2
	}
	even := magnitude%2 == 0 // what is half way between two is read as the even one
	for digits := range most {
		text := strconv.FormatFloat(v, 'e', digits, 64)
		w, _ := strconv.ParseFloat(text, 64) // what FormatFloat wrote
		w = math.Abs(w)
		if w > below && w < above || even && (w == below || w == above) {
			return text
		}
	}
	return strconv.FormatFloat(v, 'e', -1, 64)
}

// text looks up what the bytes spell, or reads it as a number.
func (f Format) text(b []byte, k kind) (dodona.Decimal, error) {
	said := f.spelled(b, k)
	if len(f.Enum) > 0 {
		return f.label(said)
	}
	v, err := dodona.ParseDecimal(said)
	if err != nil {
		// Fault (point): a text is no number.
		return v, fmt.Errorf("the text %s is no number", plain.Quote(said, 40))
	}
	if slices.Contains(f.Missing, v) {
		return dodona.Decimal{}, fmt.Errorf("the device says by %s that it has no value", v)
	}
	return f.scaled(v)
}

// spelled returns the text that the bytes are: up to the first zero byte, without blanks around it. What is not UTF-8 is ISO 8859-1.
func (f Format) spelled(b []byte, k kind) string {
	var out []byte
	switch {
	case k.half == high || k.half == low:
		for at := int(k.half - high); at < len(b); at += 2 {
			out = append(out, b[at])
		}
	case swapsBytes(f.Order):
		for at := 0; at+1 < len(b); at += 2 {
			out = append(out, b[at+1], b[at])
		}
		out = out[:f.Length]
	default:
		out = b
	}
	out, _, _ = bytes.Cut(out, []byte{0})
	if !utf8.Valid(out) {
		runes := make([]rune, len(out))
		for i, c := range out {
			runes[i] = rune(c)
		}
		return strings.TrimSpace(string(runes))
	}
	return strings.TrimSpace(string(out))
}

// label looks a value up in the table.
func (f Format) label(said string) (dodona.Decimal, error) {
	if code, found := f.Enum[said]; found {
		return dodona.NewInt192(code).Decimal(0), nil
	}
	const most = 10
	known, more := slices.Sorted(maps.Keys(f.Enum)), ""
	if len(known) > most {
		known, more = known[:most], fmt.Sprintf(" and %d more", len(known)-most)
	}
	for i := range known {
		known[i] = plain.Line(known[i], 40)
	}
	// Fault (point): a value stands for nothing that is known.
	return dodona.Decimal{}, fmt.Errorf("%s is not in the enum table, which has %s%s", plain.Quote(said, 40), strings.Join(known, ", "), more)
}

// scaled returns v × scale + offset, exactly.
func (f Format) scaled(v dodona.Decimal) (scaled dodona.Decimal, err error) {
	scaled = v
	if f.Scale.Sign() != 0 {
		if scaled, err = scaled.Mul(f.Scale); err != nil {
			return dodona.Decimal{}, fmt.Errorf("scale %s by %s: %w", v, f.Scale, err)
		}
	}
	if f.Offset.Sign() == 0 {
		return scaled, nil
	}
	if scaled, err = scaled.Add(f.Offset); err != nil {
		return dodona.Decimal{}, fmt.Errorf("add %s to %s: %w", f.Offset, v, err)
	}
	return scaled, nil
}
