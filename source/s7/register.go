package s7

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/registers"
)

// A Register says where a point stands in the controller, and what its bytes mean: at an address in S7's own notation, or in an area at an offset.
type Register struct {
	// At is the address: DB1.DBX4.3 (a bit), DB1.DBB4, DB1.DBW4, DB1.DBD4 (one, two and four bytes), DB1.DBL4 (eight); M10.0, MB10, MW10, MD10 of the flags; I0.0, IB0 … of
	// the inputs (E in German), Q0.0, QB0 … of the outputs (A in German). A % before it, as TIA writes it, says nothing. Default: none; a register has at, or area and offset.
	At string `yaml:"at,omitempty"`
	// Area is that of the memory: db, m (flags), i (inputs) or q (outputs). Default: that of at; db where db is given.
	Area Area `yaml:"area,omitempty"`
	// DB is the number of the data block, 1 to 65535. Default: that of at.
	DB int `yaml:"db,omitempty"`
	// Offset is the first byte, as TIA shows it in the column Offset (before its point). Default: that of at, else 0.
	Offset int `yaml:"offset_byte,omitempty"`
	// Bit is the bit of the byte, 0 to 7, of a bool. Default: that of at, else 0.
	Bit int `yaml:"bit,omitempty"`
	// Type of the value: bool, byte, sint, usint, char, word, int, uint, bcd16, s5time, date, dword, dint, udint, real, time, bcd32, lword, lint, ulint, lreal, date_and_time, dtl, string.
	// A real or lreal becomes the shortest decimal that reads back as the same float; time and s5time are milliseconds; date is days since 1990-01-01;
	// date_and_time and dtl are milliseconds since 1970, taken as UTC. A string (and a char of some length) is looked up in enum, or is itself a number.
	// Default: bool, byte, word, dword or lword, by the size that at names.
	Type Type `yaml:"type,omitempty"`
	// Length of a string as it is declared, string[20] has 20; of a char how many follow each other. 1 to 254. Default: 1 for char; required with a string.
	Length int `yaml:"length,omitempty"`
	// Bits are the bits of an integer that are the value, counted from 0, the lowest: one, such as 3, or several, such as 4-7. Default: all.
	Bits registers.Bits `yaml:"bits,omitempty"`
	// Scale is what the value is multiplied by, exactly, such as 0.1. Default: 1.
	Scale dodona.Decimal `yaml:"scale,omitempty"`
	// Add is what is added after scaling, in the unit of the point, such as -273.15. Default: 0.
	Add dodona.Decimal `yaml:"offset,omitempty"`
	// Enum is a table from the value as a text to an integer, such as {0: 0, 3: 1}; a value that is not in it is bad. Default: none.
	Enum map[string]int64 `yaml:"enum,omitempty"`
	// Missing are the values, before scaling, by which the device says that it has none, such as [-32768]; the point is bad then. Default: none.
	Missing []dodona.Decimal `yaml:"missing,omitempty"`
	// Unit is the unit of measure of the point: a UCUM code such as Cel, or an ISO 4217 one. Default: none.
	Unit string `yaml:"unit,omitempty"`
}

// An Area is a part of a controller's memory.
type Area string

// The areas.
const (
	areaDB Area = "db"
	areaM  Area = "m"
	areaI  Area = "i"
	areaQ  Area = "q"
)

// Words returns the areas.
func (Area) Words() []string {
	return []string{string(areaDB), string(areaM), string(areaI), string(areaQ)}
}

var areaCodes = map[Area]byte{areaDB: 0x84, areaM: 0x83, areaI: 0x81, areaQ: 0x82}

// A Type is what bytes of a controller mean.
type Type string

// A meaning is how the bytes of a type become those of a format.
type meaning struct {
	size   int
	format registers.Type
	plain  func(b []byte) ([]byte, error) // nil: they are
}

var types = map[Type]meaning{
	"bool": {1, registers.Bool, nil},
	"byte": {1, registers.Uint8, nil}, "usint": {1, registers.Uint8, nil}, "sint": {1, registers.Int8, nil}, "char": {1, registers.String, nil},
	"word": {2, registers.Uint16, nil}, "uint": {2, registers.Uint16, nil}, "int": {2, registers.Int16, nil}, "bcd16": {2, registers.BCD16, nil}, "date": {2, registers.Uint16, nil},
	"s5time": {2, registers.Uint32, s5time},
	"dword":  {4, registers.Uint32, nil}, "udint": {4, registers.Uint32, nil}, "dint": {4, registers.Int32, nil}, "real": {4, registers.Float32, nil},
	"time": {4, registers.Int32, nil}, "bcd32": {4, registers.BCD32, nil},
	"lword": {8, registers.Uint64, nil}, "ulint": {8, registers.Uint64, nil}, "lint": {8, registers.Int64, nil}, "lreal": {8, registers.Float64, nil},
	"date_and_time": {8, registers.Int64, dateAndTime}, "dtl": {12, registers.Int64, dtl},
	"string": {2, registers.String, text}, // and the characters
}

// Words returns the types.
func (Type) Words() []string {
	return []string{
		"bool", "byte", "sint", "usint", "char", "word", "int", "uint", "bcd16", "s5time", "date", "dword", "dint", "udint", "real", "time", "bcd32",
		"lword", "lint", "ulint", "lreal", "date_and_time", "dtl", "string",
	}
}

// A Rule is what a register means, without whom to ask: it goes into the rules of feeds.
type Rule struct {
	Area   Area             `json:"area"`
	DB     int              `json:"db,omitempty"`
	At     int              `json:"at"`
	Bit    int              `json:"bit,omitempty"`
	Type   Type             `json:"type"`
	Length int              `json:"length,omitempty"`
	Format registers.Format `json:"format,omitzero"`
	Unit   string           `json:"unit,omitempty"`
}

const (
	maxOffset = 65535
	maxDB     = 65535
)

var (
	inDB   = regexp.MustCompile(`^DB([0-9]{1,5})\.DB([XBWDL])([0-9]{1,5})(?:\.([0-9]))?$`)
	inArea = regexp.MustCompile(`^([MIEQA])([XBWDL]?)([0-9]{1,5})(?:\.([0-9]))?$`)

	letters = map[string]Area{"M": areaM, "I": areaI, "E": areaI, "Q": areaQ, "A": areaQ}
	sized   = map[string]Type{"X": "bool", "": "bool", "B": "byte", "W": "word", "D": "dword", "L": "lword"}
)

// place reads an address.
func place(at string) (r Rule, err error) {
	bare := strings.TrimPrefix(strings.ToUpper(strings.ReplaceAll(at, " ", "")), "%") // as TIA writes absolute addresses
	fields := inDB.FindStringSubmatch(bare)
	if fields == nil {
		if fields = inArea.FindStringSubmatch(bare); fields == nil {
			return r, fmt.Errorf("at: %s: want an address such as DB1.DBD4, DB1.DBX4.3, MW10 or I0.0", plain.Quote(at, 40))
		}
		r.Area = letters[fields[1]]
	} else {
		r.Area = areaDB
		r.DB, _ = strconv.Atoi(fields[1]) // digits, which the expression holds to
	}
	r.Type = sized[fields[2]]
	r.At, _ = strconv.Atoi(fields[3])
	switch {
	case r.Type == "bool" && fields[4] == "":
		return r, fmt.Errorf("at: %s: a bit has a number, such as %[1]s.0", plain.Quote(at, 40))
	case r.Type != "bool" && fields[4] != "":
		return r, fmt.Errorf("at: %s: only a bit has a number after the point; of an integer set bits", plain.Quote(at, 40))
	}
	r.Bit, _ = strconv.Atoi(cmp.Or(fields[4], "0"))
	return r, nil
}

// rule returns what the register means.
func (r Register) rule() (rule Rule, err error) {
	switch {
	case r.At != "":
		if r.Area != "" || r.DB != 0 || r.Offset != 0 || r.Bit != 0 {
			return rule, errors.New("at: it says area, db, offset_byte and bit already")
		}
		if rule, err = place(r.At); err != nil {
			return rule, err
		}
		named := rule.Type
		rule.Type = cmp.Or(r.Type, named)
		if named == "bool" && rule.Type != "bool" {
			return rule, fmt.Errorf("type: %s: %s is a bit", rule.Type, r.At)
		}
		if want := types[named].size; named != "byte" && known(rule.Type) && (types[rule.Type].size != want || rule.Type == "string") && rule.Type != "dtl" && rule.Type != "date_and_time" {
			return rule, fmt.Errorf("type: %s has %d bytes, and %s names %d", rule.Type, types[rule.Type].size, r.At, want)
		}
	default:
		rule = Rule{Area: r.Area, DB: r.DB, At: r.Offset, Bit: r.Bit, Type: r.Type}
		if r.Area == "" && r.DB != 0 {
			rule.Area = areaDB
		}
		if rule.Area == "" {
			return rule, errors.New("at: missing, want an address such as DB1.DBD4 (or area and offset_byte)")
		}
		if rule.Type == "" {
			return rule, errors.New("type: missing, want one such as real")
		}
	}
	rule.Unit, rule.Length = r.Unit, r.Length
	if rule.Type == "char" && rule.Length == 0 {
		rule.Length = 1
	}
	rule.Format = registers.Format{Bits: r.Bits, Scale: r.Scale, Offset: r.Add, Enum: r.Enum, Missing: r.Missing}
	if err := rule.check(); err != nil {
		return rule, err
	}
	rule.Format = rule.format().Normal() // of its type, which the rule has already
	rule.Format.Type, rule.Format.Order, rule.Format.Length = "", "", 0
	return rule, nil
}

func known(t Type) bool { _, is := types[t]; return is }

// check says what is wrong with a rule.
func (r Rule) check() error {
	code := areaCodes[r.Area]
	switch {
	case code == 0:
		return fmt.Errorf("area: %s: want db, m, i or q", plain.Quote(string(r.Area), 20))
	case r.Area == areaDB && (r.DB < 1 || r.DB > maxDB):
		return fmt.Errorf("db: %d: want 1 to %d", r.DB, maxDB)
	case r.Area != areaDB && r.DB != 0:
		return fmt.Errorf("db: %d: area %s has none", r.DB, r.Area)
	case !known(r.Type):
		return fmt.Errorf("type: %s: want one of %s", plain.Quote(string(r.Type), 20), strings.Join(Type("").Words(), ", "))
	case r.Bit < 0 || r.Bit > 7:
		return fmt.Errorf("bit: %d: want 0 to 7", r.Bit)
	case r.Bit != 0 && r.Type != "bool":
		return fmt.Errorf("bit: goes with bool; of a %s set bits", r.Type)
	case (r.Type == "string" || r.Type == "char") && (r.Length < 1 || r.Length > registers.MaxLength):
		return fmt.Errorf("length: %d: want 1 to %d", r.Length, registers.MaxLength)
	case r.Type != "string" && r.Type != "char" && r.Length != 0:
		return fmt.Errorf("length: goes with string and char, not with %s", r.Type)
	case r.At < 0 || r.At+r.size() > maxOffset+1:
		return fmt.Errorf("offset_byte: %d: want 0 to %d", r.At, maxOffset+1-r.size())
	}
	return r.format().Check()
}

// size returns how many bytes the value takes.
func (r Rule) size() int {
	switch r.Type {
	case "string":
		return 2 + r.Length
	case "char":
		return r.Length
	}
	return types[r.Type].size
}

func (r Rule) format() registers.Format {
	f := r.Format
	f.Type = types[r.Type].format
	if f.Type.IsText() {
		f.Length = max(r.Length, 1)
	}
	return f
}

// decode returns the value of exactly size bytes, or why there is none.
func (r Rule) decode(b []byte) (dodona.Decimal, error) {
	if len(b) != r.size() {
		return dodona.Decimal{}, fmt.Errorf("%d bytes, want %d", len(b), r.size())
	}
	if r.Type == "bool" {
		return r.format().Decode([]byte{b[0] >> r.Bit & 1})
	}
	if change := types[r.Type].plain; change != nil {
		var err error
		if b, err = change(b); err != nil {
			return dodona.Decimal{}, err
		}
	}
	return r.format().Decode(b)
}

// text returns the characters of a string, whose first bytes say how many it may have and how many it has.
func text(b []byte) ([]byte, error) {
	declared, has := int(b[0]), int(b[1])
	if declared != len(b)-2 {
		// Fault (point): a text has another size than is configured.
		return nil, fmt.Errorf("the controller has a string[%d] there, and length says %d", declared, len(b)-2)
	}
	if has > declared {
		// Fault (point): a text says that it is longer than its room.
		return nil, fmt.Errorf("a string[%d] says that it has %d characters", declared, has)
	}
	out := make([]byte, declared)
	copy(out, b[2:2+has])
	return out, nil
}

// s5time returns milliseconds: three decimal digits by a base.
func s5time(b []byte) ([]byte, error) {
	digits, err := bcd(b[0]&0x0f, b[1])
	if err != nil {
		return nil, err
	}
	if b[0]&0xc0 != 0 {
		// Fault (point): bytes are no time.
		return nil, fmt.Errorf("0x%02x%02x is no S5TIME", b[0], b[1])
	}
	base := [4]uint32{10, 100, 1000, 10000}[b[0]>>4&3]
	return binary.BigEndian.AppendUint32(nil, uint32(digits)*base), nil
}

func bcd(bytes ...byte) (n int, err error) {
	for _, b := range bytes {
		if b>>4 > 9 || b&0x0f > 9 {
			return 0, fmt.Errorf("0x%02x are no decimal digits", b)
		}
		n = n*100 + int(b>>4)*10 + int(b&0x0f)
	}
	return n, nil
}

// dateAndTime returns milliseconds since 1970: years from 1990 to 2089, all in decimal digits, the last one being the day of the week.
func dateAndTime(b []byte) ([]byte, error) {
	n, err := make([]int, 6), error(nil)
	for i := range n {
		if n[i], err = bcd(b[i]); err != nil {
			return nil, err
		}
	}
	ms, err := bcd(b[6], b[7]&0xf0)
	if err != nil {
		return nil, err
	}
	year := 1900 + n[0]
	if n[0] < 90 {
		year += 100
	}
	return since1970(year, n[1], n[2], n[3], n[4], n[5], ms/10)
}

func dtl(b []byte) ([]byte, error) {
	ns := binary.BigEndian.Uint32(b[8:])
	if ns > 999_999_999 {
		return nil, fmt.Errorf("%d nanoseconds are more than a second", ns)
	}
	return since1970(int(binary.BigEndian.Uint16(b)), int(b[2]), int(b[3]), int(b[5]), int(b[6]), int(b[7]), int(ns/1_000_000))
}

func since1970(year, month, day, hour, minute, second, ms int) ([]byte, error) {
	at := time.Date(year, time.Month(month), day, hour, minute, second, ms*1_000_000, time.UTC)
	if at.Year() != year || at.Month() != time.Month(month) || at.Day() != day || hour > 23 || minute > 59 || second > 59 {
		// Fault (point): a clock shows a date or a time that there is not.
		return nil, fmt.Errorf("%04d-%02d-%02d %02d:%02d:%02d is no time", year, month, day, hour, minute, second)
	}
	return binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli())), nil
}
