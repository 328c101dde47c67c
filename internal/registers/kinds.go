package registers

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Type is how bytes are a number.
type Type string

// The types.
const (
	Bool       Type = "bool"
	Int8       Type = "int8"
	Uint8      Type = "uint8"
	Int8High   Type = "int8_high"
	Int8Low    Type = "int8_low"
	Uint8High  Type = "uint8_high"
	Uint8Low   Type = "uint8_low"
	Int16      Type = "int16"
	Uint16     Type = "uint16"
	Int32      Type = "int32"
	Uint32     Type = "uint32"
	Int64      Type = "int64"
	Uint64     Type = "uint64"
	Float16    Type = "float16"
	Float32    Type = "float32"
	Float64    Type = "float64"
	BCD16      Type = "bcd16"
	BCD32      Type = "bcd32"
	BCD64      Type = "bcd64"
	String     Type = "string"
	StringHigh Type = "string_high"
	StringLow  Type = "string_low"
)

// Words returns the types.
func (Type) Words() []string {
	return []string{
		"bool", "int8", "uint8", "int8_high", "int8_low", "uint8_high", "uint8_low", "int16", "uint16", "int32", "uint32", "int64", "uint64",
		"float16", "float32", "float64", "bcd16", "bcd32", "bcd64", "string", "string_high", "string_low",
	}
}

// meant returns the type that people write otherwise: in capitals, or as controllers call it (IEC 61131-3) or programs do.
func (t Type) meant() Type {
	bare := strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(string(t)))
	for _, word := range t.Words() {
		if strings.ReplaceAll(word, "_", "") == bare {
			return Type(word)
		}
	}
	return map[string]Type{
		"bit": Bool, "boolean": Bool, "byte": Uint8, "usint": Uint8, "sint": Int8, "int": Int16, "short": Int16, "word": Uint16, "uint": Uint16, "ushort": Uint16,
		"dint": Int32, "long": Int32, "dword": Uint32, "udint": Uint32, "ulong": Uint32, "lint": Int64, "lword": Uint64, "ulint": Uint64,
		"real": Float32, "float": Float32, "single": Float32, "lreal": Float64, "double": Float64, "bcd": BCD16, "text": String,
	}[bare]
}

// IsText reports whether a value of the type is a text of a length that the format says.
func (t Type) IsText() bool { return kinds[t].text }

// typeOf returns the type of a format, that of the zero one included.
func typeOf(f Format) Type { return cmp.Or(f.Type, Uint16) }

// reads are the ways of bytes to be a number.
type reads uint8

const (
	integer reads = iota
	boolean
	float
	bcd
	characters
)

// halves are which byte of each two counts.
type halves uint8

const (
	whole halves = iota
	high
	low
)

// A kind is what a type is made of.
type kind struct {
	read   reads
	size   int // in bytes; 0 for a text
	signed bool
	half   halves
	text   bool
}

func (f Format) kind() (kind, bool) {
	k, known := kinds[typeOf(f)]
	return k, known
}

var kinds = map[Type]kind{
	Bool:       {read: boolean, size: 1},
	Int8:       {size: 1, signed: true},
	Uint8:      {size: 1},
	Int8High:   {size: 2, signed: true, half: high},
	Int8Low:    {size: 2, signed: true, half: low},
	Uint8High:  {size: 2, half: high},
	Uint8Low:   {size: 2, half: low},
	Int16:      {size: 2, signed: true},
	Uint16:     {size: 2},
	Int32:      {size: 4, signed: true},
	Uint32:     {size: 4},
	Int64:      {size: 8, signed: true},
	Uint64:     {size: 8},
	Float16:    {read: float, size: 2},
	Float32:    {read: float, size: 4},
	Float64:    {read: float, size: 8},
	BCD16:      {read: bcd, size: 2},
	BCD32:      {read: bcd, size: 4},
	BCD64:      {read: bcd, size: 8},
	String:     {read: characters, text: true},
	StringHigh: {read: characters, text: true, half: high},
	StringLow:  {read: characters, text: true, half: low},
}

// width returns how many bits of a number there are to choose from.
func (k kind) width() int {
	if k.half != whole {
		return 8
	}
	return 8 * k.size
}

// An Order is how the bytes of a number are arranged.
type Order string

// Words returns the orders.
func (Order) Words() []string { return slices.Clone(orders) }

var orders = []string{
	"AB", "BA", "ABCD", "DCBA", "BADC", "CDAB",
	"ABCDEFGH", "HGFEDCBA", "BADCFEHG", "GHEFCDAB", "CDABGHEF", "DCBAHGFE", "EFGHABCD", "FEHGBADC",
}

// ofEight are the orders of eight bytes that those of four say.
var ofEight = map[Order]Order{"DCBA": "HGFEDCBA", "BADC": "BADCFEHG", "CDAB": "GHEFCDAB"}

// swapsBytes reports whether an order swaps the bytes of each word.
func swapsBytes(o Order) bool { return len(o) > 1 && o[0] == 'B' || o == "DCBA" }

// normalOrder returns the one order that arranges the bytes of such a value as o does; "" is the highest first.
func normalOrder(o Order, k kind) Order {
	switch {
	case k.half != whole || k.size == 1 || o == "AB" || o == "ABCD" || o == "ABCDEFGH":
		return ""
	case k.text || k.size == 2:
		if swapsBytes(o) {
			return "BA"
		}
		return ""
	case k.size == 8 && len(o) == 4:
		return ofEight[o]
	}
	return o
}

// arranged writes the bytes of a number with the highest first.
func arranged(b []byte, o Order, k kind) (out [8]byte) {
	o = normalOrder(o, k)
	if o == "" {
		copy(out[:], b)
		return out
	}
	for i := range b {
		out[o[i]-'A'] = b[i]
	}
	return out
}

// Bits are a run of bits of an integer, from 0, the lowest. The zero value is all of them.
type Bits struct {
	low, high uint8
	set       bool
}

// BitsOf returns the bits from the lowest to the highest that count.
func BitsOf(low, high uint8) Bits { return Bits{low, high, true} }

var errBits = errors.New("want a bit from 0 to 63, such as 3, or several, such as 4-7")

// UnmarshalText reads one number, or two with a hyphen between them.
func (b *Bits) UnmarshalText(text []byte) error {
	first, last, several := strings.Cut(string(text), "-")
	if !several {
		last = first
	}
	from, errFrom := strconv.ParseUint(first, 10, 8)
	to, errTo := strconv.ParseUint(last, 10, 8)
	if errFrom != nil || errTo != nil || from > 63 || to > 63 {
		return errBits
	}
	if from > to {
		return fmt.Errorf("%d-%d: the lowest comes first: write %d-%d", from, to, to, from)
	}
	*b = BitsOf(uint8(from), uint8(to))
	return nil
}

// String writes what [Bits.UnmarshalText] reads, and nothing for all.
func (b Bits) String() string {
	switch {
	case !b.set:
		return ""
	case b.low == b.high:
		return strconv.Itoa(int(b.low))
	}
	return fmt.Sprintf("%d-%d", b.low, b.high)
}

// MarshalText writes b as String does.
func (b Bits) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// IsZero reports whether b is all bits.
func (b Bits) IsZero() bool { return b == Bits{} }

// Only returns the one bit that b is, and whether it is one.
func (b Bits) Only() (bit int, one bool) { return int(b.low), b.set && b.low == b.high }

// Highest returns the highest bit that counts; -1 for all.
func (b Bits) Highest() int {
	if !b.set {
		return -1
	}
	return int(b.high)
}
