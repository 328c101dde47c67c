package modbus

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/dodona-oracle/dodona/internal/registers"
)

// A Register says where a point stands in a unit, and what its bits mean. It is in one of four tables, or at an address as manuals write it.
type Register struct {
	// Holding is the address of a holding register (function 3), 0 to 65535; the first one is what base says. Default: none.
	Holding *int `yaml:"holding,omitempty"`
	// Input is the address of an input register (function 4). Default: none.
	Input *int `yaml:"input,omitempty"`
	// Coil is the address of a coil (function 1), which is one bit. Default: none.
	Coil *int `yaml:"coil,omitempty"`
	// Discrete is the address of a discrete input (function 2), which is one bit. Default: none.
	Discrete *int `yaml:"discrete,omitempty"`
	// At is the number of the register in the notation of five or six digits, whatever base says: 40001 (or 400001) is the first
	// holding register, 30001 the first input register, 10001 the first discrete input, 00001 the first coil. Default: none.
	At string `yaml:"at,omitempty"`
	// UnitID is the unit that has the register, where that is not the source's own. Default: unit of the source.
	UnitID           *int `yaml:"unit_id,omitempty"`
	registers.Format `yaml:",inline"`
	// Unit is the unit of measure of the point after scale and offset: a UCUM code such as Cel, or an ISO 4217 one such as USD. Default: none.
	Unit string `yaml:"unit,omitempty"`
}

// A Rule is what a register means, without whom to ask: it goes into the rules of feeds.
type Rule struct {
	UnitID uint8  `json:"unit_id"`
	Table  table  `json:"table"`
	At     uint16 `json:"at"`
	registers.Format
	Unit string `json:"unit,omitempty"`
}

// entries returns how many entries of its table the value takes.
func (r Rule) entries() int {
	if r.Table.bits() {
		return 1
	}
	return (r.format().Size() + 1) / 2
}

// span returns where the value stands.
func (r Rule) span() span { return span{r.UnitID, r.Table, int(r.At), r.entries()} }

// format returns how the bytes of the entries are decoded: a bit of a register is one of the whole register.
func (r Rule) format() registers.Format {
	f := r.Format
	if !r.Table.bits() && f.Type == registers.Bool {
		f.Type = registers.Uint16
	}
	return f
}

// check says what is wrong with the rule, beginning with the setting.
func (r Rule) check() error {
	switch {
	case !r.Table.known():
		return fmt.Errorf("table: %.20q: want coil, discrete, holding or input", r.Table)
	case r.Table.bits() && r.Type != registers.Bool:
		return fmt.Errorf("type: %s: a %s is one bit; leave type out", r.Type, r.Table)
	case r.Table.bits() && !r.Bits.IsZero():
		return fmt.Errorf("bits: a %s is one bit", r.Table)
	case !r.Table.bits() && (r.Type == registers.Int8 || r.Type == registers.Uint8):
		return fmt.Errorf("type: %s: a register has two bytes; want %s_high or %s_low", r.Type, r.Type, r.Type)
	}
	if err := r.format().Check(); err != nil {
		return err
	}
	const most = 125
	switch n := r.entries(); {
	case n > most:
		return fmt.Errorf("length: %d: want at most %d registers, which are %d", r.Length, most, n)
	case int(r.At)+n > 1<<16:
		return fmt.Errorf("%s: %d: it takes %d registers, and the last there can be is 65535", r.Table, r.At, n)
	}
	return nil
}

// rule returns what a register means in a source with these settings.
func (r Register) rule(s *Settings) (Rule, error) {
	rule := Rule{Format: r.Format, Unit: r.Unit}
	rule.Order = cmp.Or(rule.Order, s.Order)
	id := s.Unit
	if r.UnitID != nil {
		id = *r.UnitID
	}
	if r.UnitID != nil && (id < 0 || id > 255) { // unit is told of where it stands
		return rule, fmt.Errorf("unit_id: %d: want 0 to 255", id)
	}
	rule.UnitID = uint8(id)
	at, err := r.place(s.Base, &rule)
	if err != nil {
		return rule, err
	}
	rule.At = uint16(at)
	if rule.Type == "" && rule.Table.bits() {
		rule.Type = registers.Bool
	}
	if rule.Type == "" {
		rule.Type = registers.Uint16
	}
	if err := rule.check(); err != nil {
		return rule, err
	}
	rule.Format = rule.Normal()
	return rule, nil
}

// place finds the one table and address that are given.
func (r Register) place(base int, rule *Rule) (at int, err error) {
	given := 0
	for t, address := range map[table]*int{holding: r.Holding, input: r.Input, coil: r.Coil, discrete: r.Discrete} {
		if address == nil {
			continue
		}
		given++
		rule.Table = t
		if at = *address - base; at < 0 || at > 65535 {
			if err = fmt.Errorf("%s: %d: want %d to %d", t, *address, base, 65535+base); base == 1 {
				err = fmt.Errorf("%w, for base is 1", err)
			}
		}
	}
	if r.At != "" {
		given++
		rule.Table, at, err = numbered(r.At)
	}
	switch {
	case given > 1:
		return 0, errors.New("a point has one of holding, input, coil, discrete and at, and there are several")
	case given == 0:
		return 0, errors.New("want one of holding, input, coil, discrete and at, with an address")
	}
	return at, err
}

// Doubts tells of addresses that look like the notation of five digits, which is for at.
func (s *Settings) Doubts(tell func(key, message, hint string)) {
	points := s.points()
	for _, point := range slices.Sorted(maps.Keys(points)) {
		r := points[point]
		for _, c := range []struct {
			table   table
			address *int
			digit   int
		}{{holding, r.Holding, 4}, {input, r.Input, 3}, {discrete, r.Discrete, 1}} {
			if c.address == nil || *c.address/10_000 != c.digit || *c.address%10_000 == 0 {
				continue
			}
			n := *c.address
			tell("registers."+point+"."+string(c.table), fmt.Sprintf("%d is asked for as the address %d, which manuals of five digits do not mean", n, n-s.Base),
				fmt.Sprintf("if the manual says %d write at: %d; if the address is meant, at: %d%05d says so", n, n, c.digit, n-s.Base+1))
		}
	}
}

// numbered reads the notation of five or six digits.
func numbered(text string) (t table, at int, err error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || len(text) < 5 || len(text) > 6 {
		return "", 0, fmt.Errorf("at: %.20q: want five or six digits, such as 40001 for the first holding register", text)
	}
	of := map[byte]table{'0': coil, '1': discrete, '3': input, '4': holding}
	t, found := of[text[0]]
	number, _ := strconv.Atoi(text[1:]) // digits, as above
	switch {
	case !found:
		return "", 0, fmt.Errorf("at: %d: want 0 (coil), 1 (discrete input), 3 (input register) or 4 (holding register) in front", n)
	case number < 1 || number > 1<<16:
		return "", 0, fmt.Errorf("at: %s: the number behind the first digit is 1 to 65536", text)
	}
	return t, number - 1, nil
}

// A field is a point with its rule.
type field struct {
	point string
	rule  Rule
}

// fields returns what is to be read, in the order of points, and every mistake, each with its point.
func (s *Settings) fields() (fields []field, err error) {
	var mistakes []error
	for _, point := range slices.Sorted(maps.Keys(s.points())) {
		rule, err := s.points()[point].rule(s)
		if err != nil {
			mistakes = append(mistakes, under("registers."+point, err))
			continue
		}
		fields = append(fields, field{point, rule})
	}
	return fields, errors.Join(mistakes...)
}

// under returns the mistakes of settings that stand below another: "baud: …" becomes "serial.baud: …".
func under(setting string, err error) error {
	if err == nil {
		return nil
	}
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		if begins.MatchString(err.Error()) {
			return fmt.Errorf("%s.%w", setting, err)
		}
		return fmt.Errorf("%s: %w", setting, err)
	}
	var all []error
	for _, one := range several.Unwrap() {
		all = append(all, under(setting, one))
	}
	return errors.Join(all...)
}

// begins matches a mistake that begins with its setting.
var begins = regexp.MustCompile(`^[a-z][a-z0-9_.]*: `)

// rules are what the points mean: see [source.Decoding].
func (s Settings) rules() map[string]Rule {
	fields, _ := s.fields() // Check tells of mistakes
	rules := make(map[string]Rule, len(fields))
	for _, f := range fields {
		rules[f.point] = f.rule
	}
	return rules
}
