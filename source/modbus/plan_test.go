package modbus

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/registers"
)

// at returns the address of a register.
func at(n int) *int { return &n }

// settings returns good ones with these registers.
func settings(points map[string]Register, change ...func(*Settings)) Settings {
	s := Settings{}
	s.Default()
	s.Address, s.Registers = "127.0.0.1:1", points
	for _, f := range change {
		f(&s)
	}
	s.Complete()
	return s
}

func TestRegistersThatStandTogetherAreReadTogether(t *testing.T) {
	several := func(of ...Register) map[string]Register {
		points := map[string]Register{}
		for i, r := range of {
			points[fmt.Sprintf("p%02d", i)] = r
		}
		return points
	}
	h := func(n int, of ...registers.Type) Register {
		return Register{Holding: at(n), Format: registers.Format{Type: append(of, registers.Uint16)[0]}}
	}
	for name, c := range map[string]struct {
		registers map[string]Register
		change    func(*Settings)
		want      string
	}{
		"neighbours":                   {several(h(1), h(0), h(2)), nil, "1/holding/0-2"},
		"with what lies between":       {several(h(0), h(2)), nil, "1/holding/0 1/holding/2"},
		"with a gap":                   {several(h(0), h(2)), func(s *Settings) { s.Gap = 1 }, "1/holding/0-2"},
		"not over a hole":              {several(h(0), h(2)), func(s *Settings) { s.Gap, s.Holes = 5, []string{"holding/1"} }, "1/holding/0 1/holding/2"},
		"over a hole of another unit":  {several(h(0), h(2)), func(s *Settings) { s.Gap, s.Holes = 5, []string{"2/holding/1"} }, "1/holding/0-2"},
		"not over a hole of its unit":  {several(h(0), h(2)), func(s *Settings) { s.Gap, s.Holes = 5, []string{"1/holding/1-1"} }, "1/holding/0 1/holding/2"},
		"over a hole of another table": {several(h(0), h(2)), func(s *Settings) { s.Gap, s.Holes = 5, []string{"input/1"} }, "1/holding/0-2"},
		"a limit":                      {several(h(0), h(1), h(2)), func(s *Settings) { s.MaxRegisters = 2 }, "1/holding/0-1 1/holding/2"},
		"a limit within a value":       {several(h(0), h(1, registers.Float32), h(3)), func(s *Settings) { s.MaxRegisters = 2 }, "1/holding/0 1/holding/1-2 1/holding/3"},
		"a value longer than allowed":  {several(h(0, registers.Float64), h(4)), func(s *Settings) { s.MaxRegisters = 2 }, "1/holding/0-3 1/holding/4"},
		"one by one":                   {several(h(0), h(1), h(2, registers.Int32)), func(s *Settings) { s.OneByOne = true }, "1/holding/0 1/holding/1 1/holding/2-3"},
		"one register, two points":     {several(h(7), h(7, registers.Int16)), nil, "1/holding/7"},
		"values that overlap":          {several(h(7, registers.Int32), h(8)), nil, "1/holding/7-8"},
		"tables":                       {several(h(0), Register{Input: at(1)}, Register{Coil: at(2)}, Register{Discrete: at(3)}), nil, "1/coil/2 1/discrete/3 1/holding/0 1/input/1"},
		"units":                        {several(h(0), Register{Holding: at(1), UnitID: at(2)}), nil, "1/holding/0 2/holding/1"},
		"coils":                        {several(Register{Coil: at(0)}, Register{Coil: at(1999)}, Register{Coil: at(2000)}), func(s *Settings) { s.Gap = 2000 }, "1/coil/0-1999 1/coil/2000"},
		"the last register there is":   {several(h(65535), h(65534)), nil, "1/holding/65534-65535"},
		"counted from one":             {several(h(1), h(65536)), func(s *Settings) { s.Base = 1 }, "1/holding/0 1/holding/65535"},
		"numbers of five digits":       {several(Register{At: "40001"}, Register{At: "30005"}, Register{At: "00001"}, Register{At: "10002"}, Register{At: "465536"}), nil, "1/coil/0 1/discrete/1 1/holding/0 1/holding/65535 1/input/4"},
	} {
		s := settings(c.registers)
		if c.change != nil {
			c.change(&s)
		}
		if err := s.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		fields, _ := s.fields()
		var got []string
		for _, b := range s.plan(fields) {
			got = append(got, b.item())
			if back, ok := spanOf(b.item()); !ok || back != b.span {
				t.Errorf("%s: %s is read as %v", name, b.item(), back)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: read is %s, want %s", name, strings.Join(got, " "), c.want)
		}
	}
}

func TestHalvesHaveAllFields(t *testing.T) {
	var fields []span
	for i := range 7 {
		fields = append(fields, span{1, holding, 4 * i, 2})
	}
	var got []string
	var split func(b block)
	split = func(b block) {
		if len(b.fields) == 1 {
			got = append(got, b.item())
			return
		}
		for _, half := range b.halves() {
			split(half)
		}
	}
	split(blockOf(fields))
	want := []string{"1/holding/0-1", "1/holding/4-5", "1/holding/8-9", "1/holding/12-13", "1/holding/16-17", "1/holding/20-21", "1/holding/24-25"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestItemsOfNobodyAreNone(t *testing.T) {
	for _, item := range []string{"", "3", "3/holding", "3/holding/", "3/holding/5-4", "256/holding/1", "3/holding/65536", "3/writing/1", "3/holding/1-x", "a/holding/1", "3/holding/1/2"} {
		if s, ok := spanOf(item); ok {
			t.Errorf("%q is read as %v", item, s)
		}
	}
}
