package sparkplug

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/dodona-oracle/dodona"
)

// A Value is what stands in the one field that a metric or a property has for it.
type Value struct {
	Kind Kind
	Bits uint64 // of Int, Long, Float, Double and Boolean
	Text string // of a text
	Raw  []byte // of bytes, and of what is passed over
}

// A Kind is which field a value stands in.
type Kind uint8

// The kinds. A data set, a template and an extension are passed over.
const (
	None Kind = iota
	InInt
	InLong
	InFloat
	InDouble
	InBoolean
	InString
	InBytes
	InDataSet
	InTemplate
	InExtension
	InPropertySet
)

var kindNames = [...]string{"no value", "an int", "a long", "a float", "a double", "a boolean", "a text", "bytes", "a data set", "a template", "an extension", "a property set"}

// String returns a kind as a sentence calls it.
func (k Kind) String() string { return kindNames[k] }

// metricValues and propertyValues say in which fields values stand.
var (
	metricValues = map[protowire.Number]Kind{
		10: InInt, 11: InLong, 12: InFloat, 13: InDouble, 14: InBoolean, 15: InString, 16: InBytes, 17: InDataSet, 18: InTemplate, 19: InExtension,
	}
	propertyValues = map[protowire.Number]Kind{
		3: InInt, 4: InLong, 5: InFloat, 6: InDouble, 7: InBoolean, 8: InString, 9: InPropertySet, 10: InPropertySet, 11: InExtension,
	}
)

// wire returns how values of a kind stand on the wire.
func (k Kind) wire() protowire.Type {
	switch k {
	case InInt, InLong, InBoolean:
		return protowire.VarintType
	case InFloat:
		return protowire.Fixed32Type
	case InDouble:
		return protowire.Fixed64Type
	}
	return protowire.BytesType
}

// take reads a value; of several in one metric the last counts, as protobuf has it.
func (v *Value) take(f field, kind Kind) error {
	if err := f.want(kind.wire(), kind.String()); err != nil {
		return err
	}
	*v = Value{Kind: kind, Bits: f.bits}
	switch kind {
	case InInt:
		v.Bits = uint64(uint32(f.bits)) // some write a negative one with ten bytes
	case InString:
		v.Text = recordable(f.bytes)
	case InBytes:
		v.Raw = bytes.Clone(f.bytes)
	}
	return nil
}

// ErrNoNumber: a value is of a type that no number stands for. Its text may still mean one to who knows it.
var ErrNoNumber = errors.New("is no number")

// Decimal returns a value as a type has it: exact, and of a float the shortest decimal that is this float. A boolean is 0 or 1, a DateTime
// its milliseconds since 1970, a text the number it writes.
func (v Value) Decimal(t Type) (dodona.Decimal, error) {
	switch v.Kind {
	case None:
		return dodona.Decimal{}, errors.New("has no value")
	case InFloat, InDouble:
		return v.float(t)
	case InString:
		return v.number(t)
	case InInt, InLong, InBoolean:
		return v.integer(t)
	}
	return dodona.Decimal{}, fmt.Errorf("%w: %s", ErrNoNumber, v.Kind)
}

func (v Value) number(t Type) (dodona.Decimal, error) {
	switch t {
	case String, Text, Unknown:
		d, err := dodona.ParseDecimal(strings.TrimSpace(v.Text))
		if err != nil {
			return d, fmt.Errorf("%w: a text that writes none", ErrNoNumber)
		}
		return d, nil
	case UUID:
		return dodona.Decimal{}, fmt.Errorf("%w: a UUID", ErrNoNumber)
	}
	return dodona.Decimal{}, mismatch(v.Kind, t)
}

func (v Value) float(t Type) (dodona.Decimal, error) {
	size, number := 64, math.Float64frombits(v.Bits)
	switch {
	case v.Kind == InFloat && (t == Float || t == Unknown):
		size, number = 32, float64(math.Float32frombits(uint32(v.Bits)))
	case v.Kind == InDouble && (t == Double || t == Unknown):
	default:
		return dodona.Decimal{}, mismatch(v.Kind, t)
	}
	switch {
	case math.IsNaN(number):
		// Fault (point): a metric is NaN.
		return dodona.Decimal{}, errors.New("is NaN, no number")
	case math.IsInf(number, 0):
		return dodona.Decimal{}, errors.New("is infinite")
	}
	return dodona.ParseDecimal(strconv.FormatFloat(number, 'g', -1, size))
}

// signed are the types of numbers with a sign, by their bits, and unsigned those without.
var (
	signed   = map[Type]int{Int8: 8, Int16: 16, Int32: 32, Int64: 64}
	unsigned = map[Type]int{UInt8: 8, UInt16: 16, UInt32: 32, UInt64: 64, DateTime: 64}
)

// integer returns what stands in an int, a long or a boolean. A negative number of up to 32 bits stands in an int as the uint32 of the same
// bits, and one of 64 in a long as the uint64; one that does not fit its type is an error.
func (v Value) integer(t Type) (dodona.Decimal, error) {
	if v.Kind == InBoolean || t == Boolean {
		if v.Kind != InBoolean || t != Boolean && t != Unknown {
			return dodona.Decimal{}, mismatch(v.Kind, t)
		}
		return whole(min(v.Bits, 1)), nil
	}
	if bits := signed[t]; bits != 0 {
		number := int64(v.Bits)
		if v.Kind == InInt {
			number = int64(int32(uint32(v.Bits)))
		}
		if bits < 64 && (number < -1<<(bits-1) || number >= 1<<(bits-1)) {
			// Some write the bits of the type alone, without its sign.
			if number < 0 || number >= 1<<bits {
				return dodona.Decimal{}, fmt.Errorf("is %d, which is no %s", number, t)
			}
			number -= 1 << bits
		}
		return dodona.NewInt192(number).Decimal(0), nil
	}
	bits := unsigned[t]
	switch {
	case t == Unknown:
		return whole(v.Bits), nil
	case bits == 0:
		return dodona.Decimal{}, mismatch(v.Kind, t)
	case bits < 64 && v.Bits >= 1<<bits:
		return dodona.Decimal{}, fmt.Errorf("is %d, which is no %s", v.Bits, t)
	}
	return whole(v.Bits), nil
}

func whole(n uint64) dodona.Decimal {
	i, err := dodona.Int192FromBig(new(big.Int).SetUint64(n))
	if err != nil { // never: 64 bits fit
		return dodona.Decimal{}
	}
	return i.Decimal(0)
}

func mismatch(k Kind, t Type) error {
	// Fault (point): a metric has a value of another type than it says.
	return fmt.Errorf("is %s, and its type is %s", k, t)
}

// Of returns the value of a number in a type. Of a Float or Double it is the nearest one; an integer that does not fit its type, or has
// decimals, is an error, and so is a type that is none of numbers.
func Of(t Type, d dodona.Decimal) (Value, error) {
	switch t {
	case Float, Double:
		return ofFloat(t, d)
	case Boolean:
		if n, ok := integerOf(d); ok && (n.Sign() == 0 || n.Cmp(big.NewInt(1)) == 0) {
			return Value{Kind: InBoolean, Bits: n.Uint64()}, nil
		}
		return Value{}, fmt.Errorf("%s is no Boolean: want 0 or 1", d)
	case String, Text:
		return Value{Kind: InString, Text: d.String()}, nil
	}
	n, ok := integerOf(d)
	if bits := signed[t]; bits != 0 {
		half := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		if !ok || n.Cmp(half) >= 0 || n.Cmp(half.Neg(half)) < 0 {
			return Value{}, fmt.Errorf("%s is no %s", d, t)
		}
		if bits < 64 {
			return Value{Kind: InInt, Bits: uint64(uint32(n.Int64()))}, nil
		}
		return Value{Kind: InLong, Bits: uint64(n.Int64())}, nil
	}
	bits := unsigned[t]
	switch {
	case bits == 0:
		return Value{}, fmt.Errorf("a number is written as no %s", t)
	case !ok || n.Sign() < 0 || n.BitLen() > bits:
		return Value{}, fmt.Errorf("%s is no %s", d, t)
	case t == UInt8 || t == UInt16:
		return Value{Kind: InInt, Bits: n.Uint64()}, nil
	}
	return Value{Kind: InLong, Bits: n.Uint64()}, nil // UInt32 too: it stands in a long
}

func integerOf(d dodona.Decimal) (*big.Int, bool) {
	coefficient, decimals := d.Parts()
	return coefficient.Big(), decimals == 0
}

func ofFloat(t Type, d dodona.Decimal) (Value, error) {
	size := 64
	if t == Float {
		size = 32
	}
	f, err := strconv.ParseFloat(d.String(), size)
	if err != nil || math.IsInf(f, 0) {
		return Value{}, fmt.Errorf("%s is too large for a %s", d, t)
	}
	if t == Float {
		return Value{Kind: InFloat, Bits: uint64(math.Float32bits(float32(f)))}, nil
	}
	return Value{Kind: InDouble, Bits: math.Float64bits(f)}, nil
}

// TextOf returns the value of a text.
func TextOf(text string) Value { return Value{Kind: InString, Text: text} }

// FlagOf returns the value of a boolean.
func FlagOf(is bool) Value {
	if is {
		return Value{Kind: InBoolean, Bits: 1}
	}
	return Value{Kind: InBoolean}
}

// IntOf returns the value of a number of up to 32 bits, such as that of the property Quality.
func IntOf(n int32) Value { return Value{Kind: InInt, Bits: uint64(uint32(n))} }

// LongOf returns the value of a number of 64 bits without a sign.
func LongOf(n uint64) Value { return Value{Kind: InLong, Bits: n} }
