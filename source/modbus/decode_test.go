package modbus

import (
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/internal/registers"
)

func tenth(t testing.TB) dodona.Decimal {
	t.Helper()
	return decimal(t, "0.1")
}

func decimal(t testing.TB, s string) dodona.Decimal {
	t.Helper()
	d, err := dodona.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func TestPointsAreWhatTheirBlocksSay(t *testing.T) {
	of := func(item string, after time.Duration, body ...byte) dodona.Reading {
		return dodona.Reading{Source: "plc", Item: item, Received: noon.Add(after), Body: body}
	}
	bad := of("4/holding/0-9", 0)
	bad.Quality, bad.Detail = dodona.Bad, "no answer within the timeout"
	doubtful := of("5/holding/0", 0, 0, 1)
	doubtful.Quality, doubtful.Detail = dodona.Uncertain, "why"
	readings := []dodona.Reading{
		of("3/coil/0-9", 0, 0b1000_0001, 0b10),
		of("3/holding/100-103", 0, 0, 215, 0x41, 0x48, 0, 0, 0, 0x80),
		of("3/holding/100-103", time.Second, 0, 216, 0x41, 0x48, 0, 0, 0, 0x80),
		of("3/holding/200", 0, 1),
		bad, doubtful, of("x", 0, 1, 2),
	}
	f := func(format registers.Format) registers.Format { return format }
	rules := map[string]Rule{
		"temperature": {3, holding, 100, f(registers.Format{Type: registers.Int16, Scale: tenth(t)}), "Cel"},
		"level":       {3, holding, 101, f(registers.Format{Type: registers.Float32}), ""},
		"alarm":       {3, holding, 103, f(registers.Format{Type: registers.Bool, Bits: registers.BitsOf(7, 7)}), ""},
		"any":         {3, holding, 103, f(registers.Format{Type: registers.Bool}), ""},
		"low":         {3, holding, 103, f(registers.Format{Type: registers.Int8Low}), ""},
		"first":       {3, coil, 0, f(registers.Format{Type: registers.Bool}), ""},
		"second":      {3, coil, 1, f(registers.Format{Type: registers.Bool}), ""},
		"ninth":       {3, coil, 9, f(registers.Format{Type: registers.Bool}), ""},
		"cut":         {3, holding, 200, f(registers.Format{Type: registers.Uint16}), ""},
		"over":        {3, holding, 103, f(registers.Format{Type: registers.Uint32}), ""},
		"silent":      {4, holding, 5, f(registers.Format{Type: registers.Uint16}), ""},
		"doubtful":    {5, holding, 0, f(registers.Format{Type: registers.Uint16}), ""},
		"digits":      {3, holding, 100, f(registers.Format{Type: registers.BCD16}), ""},
	}
	transform, err := decoder(rules)
	if err != nil {
		t.Fatal(err)
	}
	result, err := transform.Apply(t.Context(), dodona.Call{Readings: readings})
	if err != nil || len(result.Points) != len(rules) {
		t.Fatalf("got %v, %v", result.Points, err)
	}
	want := map[string]string{
		"temperature": "21.6 good", "level": "12.5 good", "alarm": "1 good", "any": "1 good", "low": "-128 good", "first": "1 good", "second": "0 good",
		"ninth": "1 good", "cut": "0 bad 3/holding/200 has 1 bytes, want 2", "over": "0 bad nothing that was read has 3/holding/103-104",
		"silent": "0 bad no answer within the timeout", "doubtful": "1 uncertain why", "digits": "0 bad 00D8 is not BCD: D is no digit",
	}
	for _, p := range result.Points {
		got := strings.TrimSpace(p.Value.String() + " " + p.Quality.String() + " " + p.Reason)
		if got != want[p.ID] {
			t.Errorf("%s is %s, want %s", p.ID, got, want[p.ID])
		}
		if p.ID == "temperature" && (p.Unit != "Cel" || !p.Time.Equal(noon.Add(time.Second))) {
			t.Errorf("got %+v", p)
		}
	}
	if empty, err := transform.Apply(t.Context(), dodona.Call{}); err != nil || len(empty.Points) != 0 {
		t.Errorf("of no readings: %v, %v", empty, err)
	}
}

func TestABlockHasThePointsOfItsRegisters(t *testing.T) {
	p := points{"level": {3, holding, 101, registers.Format{Type: registers.Float32}, ""}, "run": {4, coil, 7, registers.Format{Type: registers.Bool}, ""}}
	for item, want := range map[string]bool{
		"3/holding/101-102": true, "3/holding/90-120": true, "3/holding/101": false, "3/input/101-102": false, "4/holding/101-102": false,
		"4/coil/0-9": true, "4/coil/8-9": false, "": false,
	} {
		if got := p.Has(dodona.Reading{Item: item}, "level") || p.Has(dodona.Reading{Item: item}, "run"); got != want {
			t.Errorf("%q has one: %v, want %v", item, got, want)
		}
	}
}

func TestRulesOfNobodyAreRefused(t *testing.T) {
	for _, rule := range []Rule{
		{},
		{Table: "writing"},
		{Table: coil, Format: registers.Format{Type: registers.Int16}},
		{Table: holding, At: 65535, Format: registers.Format{Type: registers.Int64}},
		{Table: holding, Format: registers.Format{Type: "x"}},
		{Table: holding, Format: registers.Format{Type: registers.Int8}},
	} {
		if _, err := decoder(map[string]Rule{"p": rule}); err == nil {
			t.Errorf("%+v is taken", rule)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("3/holding/100-103", []byte{0, 1, 2, 3, 4, 5, 6, 7}, uint16(100), uint8(7))
	f.Add("3/coil/0-9", []byte{1, 2}, uint16(9), uint8(0))
	types := registers.Type("").Words()
	fuzztest.Run(f, func(t *testing.T, item string, body []byte, at uint16, which uint8) {
		for _, table := range tables {
			rule := Rule{UnitID: 3, Table: table, At: at, Format: registers.Format{Type: registers.Type(types[int(which)%len(types)])}}
			if rule.Type.IsText() {
				rule.Length = 5
			}
			transform, err := decoder(map[string]Rule{"p": rule})
			if err != nil {
				continue
			}
			r, err := transform.Apply(t.Context(), dodona.Call{Readings: []dodona.Reading{{Item: item, Body: body, Received: noon}}})
			if err != nil || len(r.Points) != 1 || r.Points[0].Quality == dodona.Bad && r.Points[0].Reason == "" {
				t.Fatalf("%+v of %s: %+v, %v", rule, item, r.Points, err)
			}
		}
	})
}
