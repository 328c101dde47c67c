// Package registers turns the bytes of a device's memory into exact decimals: integers, floats, BCD, texts and bit fields in
// the orders of bytes and words that devices have, with scale, offset and tables of meanings.
//
// A float of the wire becomes the shortest decimal that reads back as the same float, so 0.1 is 0.1 and not
// 0.100000001490116. NaN and the infinities are no values.
package registers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// A Format says how bytes are a number. The zero Format is an unsigned integer of 16 bits.
//
// A kind of source embeds it in what its configuration calls a register. Its JSON goes into a feed's rules:
// that of [Format.Normal] is the same for all formats that mean the same.
type Format struct {
	// Type is how the bytes are a number: int16, uint16, int32, uint32, int64, uint64, float16, float32, float64, or one of those that follow. bool is 1 for
	// anything but zero. int8 and uint8 are one byte; those with _high and
	// _low are one byte of a register of two, high being the one that comes first. bcd16, bcd32 and bcd64 have a decimal digit
	// in each half byte. string is a text that ends at its length or at a zero byte, and either is looked up in enum or is
	// itself a number; string_high and string_low have one character per register of two bytes. A float becomes the
	// shortest decimal that reads back as the same float; NaN and the infinities are bad. Default: uint16, or bool where a
	// register is one bit.
	Type Type `yaml:"type,omitempty" json:"type,omitempty"`
	// Order is how bytes and words are arranged, with A as the highest byte: ABCD (big-endian), DCBA (little-endian), BADC
	// (the bytes of each word swapped) or CDAB (words swapped). Each also says it of two bytes (AB or BA) and of eight
	// (ABCDEFGH, HGFEDCBA, BADCFEHG, GHEFCDAB), of which there are four more: CDABGHEF, DCBAHGFE, EFGHABCD and FEHGBADC.
	// Of a text only the bytes of a word are ever swapped. Default: ABCD.
	Order Order `yaml:"order,omitempty" json:"order,omitempty"`
	// Bits are the bits of an integer that are the value, counted from 0, the lowest: one, such as 3, or several, such as 4-7.
	// They are a number of their own: several of a type with a sign have one too. Default: all.
	Bits Bits `yaml:"bits,omitempty" json:"bits,omitzero"`
	// Length of a string in characters, 1 to 254. Default: none; required with a string.
	Length int `yaml:"length,omitempty" json:"length,omitempty"`
	// Scale is what the value is multiplied by, exactly, such as 0.1. Default: 1.
	Scale dodona.Decimal `yaml:"scale,omitempty" json:"scale,omitzero"`
	// Offset is what is added after scaling, in the unit of the point, such as -273.15. Default: 0.
	Offset dodona.Decimal `yaml:"offset,omitempty" json:"offset,omitzero"`
	// Enum is a table from the value as a text (a number before scaling, or a string) to an integer, such as {0: 0, 3: 1}. A
	// value that is not in the table is bad. Default: none.
	Enum map[string]int64 `yaml:"enum,omitempty" json:"enum,omitempty"`
	// Missing are the values, before scaling, by which the device says that it has none, such as [-32768]; the point is bad then.
	// Default: none.
	Missing []dodona.Decimal `yaml:"missing,omitempty" json:"missing,omitempty"`
}

// Size returns how many bytes the format takes, 0 for a type that nobody knows.
func (f Format) Size() int {
	k, _ := f.kind()
	switch {
	case k.text && k.half != whole:
		return 2 * f.Length
	case k.text && swapsBytes(f.Order):
		return (f.Length + 1) / 2 * 2
	case k.text:
		return f.Length
	}
	return k.size
}

// Normal returns the format in the one form that all have that mean the same.
func (f Format) Normal() Format {
	k, known := f.kind()
	if !known {
		return f
	}
	f.Type = typeOf(f)
	f.Order = normalOrder(f.Order, k)
	if f.Bits == BitsOf(0, uint8(k.width()-1)) {
		f.Bits = Bits{}
	}
	if f.Scale == one {
		f.Scale = dodona.Decimal{}
	}
	if len(f.Enum) == 0 {
		f.Enum = nil
	}
	f.Missing = slices.Clone(f.Missing)
	slices.SortFunc(f.Missing, dodona.Decimal.Cmp)
	f.Missing = slices.Compact(f.Missing)
	return f
}

var one = func() dodona.Decimal { d, _ := dodona.ParseDecimal("1"); return d }() // digits: cannot fail

// Check returns every mistake, each beginning with the name of its setting, joined; nil if there is none.
func (f Format) Check() error {
	k, known := f.kind()
	if !known {
		if meant := f.Type.meant(); meant != "" {
			return fmt.Errorf("type: %.40q: write %s", f.Type, meant)
		}
		return fmt.Errorf("type: %.40q: want one of %s", f.Type, strings.Join(f.Type.Words(), ", "))
	}
	return errors.Join(f.checkOrder(k), f.checkBits(k), f.checkLength(k), f.checkMeaning(k))
}

func (f Format) checkOrder(k kind) error {
	letters := len(f.Order)
	switch {
	case f.Order == "":
		return nil
	case !slices.Contains(orders, string(f.Order)):
		return fmt.Errorf("order: %.40q: want one of %s", f.Order, strings.Join(orders, ", "))
	case letters == 8 && k.size != 8:
		return fmt.Errorf("order: %s is of eight bytes, %s has %d; want AB, BA or one of ABCD, DCBA, BADC, CDAB", f.Order, typeOf(f), f.Size())
	case letters == 2 && k.size > 2:
		return fmt.Errorf("order: %s is of two bytes, %s has %d; want one of ABCD, DCBA, BADC, CDAB", f.Order, typeOf(f), k.size)
	}
	return nil
}

func (f Format) checkBits(k kind) error {
	switch {
	case !f.Bits.set:
		return nil
	case k.read != integer && k.read != boolean:
		return fmt.Errorf("bits: %s has none to choose from; want an integer type", typeOf(f))
	case int(f.Bits.high) >= k.width():
		return fmt.Errorf("bits: %s: %s has the bits 0 to %d", f.Bits, typeOf(f), k.width()-1)
	}
	return nil
}

// MaxLength is the longest text, in characters.
const MaxLength = 254

func (f Format) checkLength(k kind) error {
	switch {
	case k.text && (f.Length < 1 || f.Length > MaxLength):
		return fmt.Errorf("length: %d: want the characters of the string, 1 to %d", f.Length, MaxLength)
	case !k.text && f.Length != 0:
		return fmt.Errorf("length: %s has the length that it has; only strings say theirs", typeOf(f))
	}
	return nil
}

func (f Format) checkMeaning(k kind) error {
	var errs []error
	if len(f.Enum) > 0 && (f.Scale != dodona.Decimal{} || f.Offset != dodona.Decimal{}) {
		errs = append(errs, errors.New("enum: goes with neither scale nor offset: write the final integers into the table"))
	}
	if !k.text {
		for text := range f.Enum {
			if d, err := dodona.ParseDecimal(text); err != nil || d.String() != text {
				errs = append(errs, fmt.Errorf("enum: %.40q is not how a value of type %s is written; want a number such as 3", text, typeOf(f)))
				break
			}
		}
	}
	return errors.Join(errs...)
}
