//go:build integration

package s7

import (
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// readOnce makes one exchange, and returns the points and the readings.
func readOnce(t testing.TB, s *Settings) (map[string]dodona.Point, []dodona.Reading) {
	t.Helper()
	opened, err := Kind.Open(t.Context(), s, source.Env{Source: "mixer"})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	return observe(t, s, opened)
}

func observe(t testing.TB, s *Settings, opened dodona.Source) (map[string]dodona.Point, []dodona.Reading) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	b, err := opened.Observe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	made, err := decoder(s.rules())
	if err != nil {
		t.Fatal(err)
	}
	result, err := made.Apply(ctx, dodona.Call{Readings: b.Readings})
	if err != nil {
		t.Fatal(err)
	}
	points := map[string]dodona.Point{}
	for _, p := range result.Points {
		points[p.ID] = p
	}
	return points, b.Readings
}

// TestEveryTypeIsReadFromAController with its address in S7's notation.
func TestEveryTypeIsReadFromAController(t *testing.T) {
	t.Parallel()
	c := startController(t)
	for area, writes := range map[string]map[int]string{
		"DB1": {
			0: "3dcccccd", 4: "fffe", 6: "fffffffe", 10: "08", 12: "3fb999999999999a", 20: "8000000000000001", 28: "ff", 30: "0a03" + "312e35" + "00000000000000",
			42: "2127", 44: "26113012305912 3" + "1", 52: "07ea0b1e020c1e3b1dcd6500", 64: "ffffffff", 68: "1234", 70: "41", 1000: "000102030405", 2044: "0000002a",
		},
		"M": {10: "81", 12: "0102"}, "I": {0: "80"}, "Q": {4: "00000007"},
	} {
		for offset, data := range writes {
			b, err := hex.DecodeString(strings.ReplaceAll(data, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			c.set(t, area, offset, b)
		}
	}
	want := map[string]struct {
		register Register
		value    string
	}{
		"real":   {Register{At: "DB1.DBD0", Type: "real"}, "0.1"},
		"int":    {Register{At: "DB1.DBW4", Type: "int"}, "-2"},
		"word":   {Register{At: "DB1.DBW4"}, "65534"},
		"dint":   {Register{At: "DB1.DBD6", Type: "dint"}, "-2"},
		"bit":    {Register{At: "DB1.DBX10.3"}, "1"},
		"clear":  {Register{At: "db1.dbx10.2"}, "0"},
		"lreal":  {Register{At: "DB1.DBL12", Type: "lreal"}, "0.1"},
		"ulint":  {Register{At: "DB1.DBL20", Type: "ulint"}, "9223372036854775809"},
		"sint":   {Register{At: "DB1.DBB28", Type: "sint"}, "-1"},
		"string": {Register{Area: areaDB, DB: 1, Offset: 30, Type: "string", Length: 10}, "1.5"},
		"s5time": {Register{At: "DB1.DBW42", Type: "s5time"}, "127000"},
		"dt":     {Register{At: "DB1.DBL44", Type: "date_and_time"}, "1796041859123"},
		"dtl":    {Register{At: "DB1.DBB52", Type: "dtl"}, "1796041859500"},
		"dword":  {Register{At: "DB1.DBD64"}, "4294967295"},
		"bcd":    {Register{At: "DB1.DBW68", Type: "bcd16"}, "1234"},
		"char":   {Register{At: "DB1.DBB70", Type: "char", Enum: map[string]int64{"A": 7}}, "7"},
		"bits":   {Register{At: "DB1.DBW1002"}, "515"},
		"last":   {Register{At: "DB1.DBD2044", Type: "udint"}, "42"},
		"flag":   {Register{At: "M10.7"}, "1"},
		"flags":  {Register{At: "MW12"}, "258"},
		"input":  {Register{At: "E0.7"}, "1"},
		"output": {Register{At: "QD4"}, "7"},
	}
	registers := map[string]Register{}
	for name, w := range want {
		registers[name] = w.register
	}
	s := c.settings(registers)
	points, readings := readOnce(t, s)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if p := points[name]; p.Quality != dodona.Good || p.Value.String() != want[name].value {
			t.Errorf("%s: got %s %s (%s), want %s", name, p.Value, p.Quality, p.Reason, want[name].value)
		}
	}
	if len(readings) > 8 {
		t.Errorf("%d readings for values that stand together", len(readings))
	}
}

// TestAValueThatIsRefusedHidesNoOther in its block, in its data block and beside it.
func TestAValueThatIsRefusedHidesNoOther(t *testing.T) {
	t.Parallel()
	c := startController(t)
	c.set(t, "DB2", 12, []byte{0, 7, 0, 8})
	s := c.settings(map[string]Register{
		"good": {At: "DB2.DBW12"}, "also": {At: "DB2.DBW14"}, "beyond": {At: "DB2.DBW16"}, "absent": {At: "DB9.DBW0"}, "flag": {At: "MB0"},
	})
	opened, err := Kind.Open(t.Context(), s, source.Env{Source: "mixer"})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	for range 2 {
		points, _ := observe(t, s, opened)
		for name, value := range map[string]string{"good": "7", "also": "8", "flag": "0"} {
			if p := points[name]; p.Quality != dodona.Good || p.Value.String() != value {
				t.Errorf("%s: %+v", name, p)
			}
		}
		for name, reason := range map[string]string{"beyond": "beyond the end", "absent": "no such data block"} {
			if p := points[name]; p.Quality != dodona.Bad || !strings.Contains(p.Reason, reason) {
				t.Errorf("%s: %+v, want %s", name, p, reason)
			}
		}
	}
}

// TestManyValuesTakeManyTelegrams and long ones as well, each of its own place.
func TestManyValuesTakeManyTelegrams(t *testing.T) {
	t.Parallel()
	c := startController(t)
	memory := make([]byte, 2048)
	for i := range 1024 {
		memory[2*i], memory[2*i+1] = byte(i>>8), byte(i)
	}
	c.set(t, "DB1", 0, memory)
	registers := map[string]Register{}
	for i := 0; i < 1024; i += 3 {
		registers["w"+strings.Repeat("i", i%7)+string(rune('a'+i%26))+hex.EncodeToString([]byte{byte(i >> 8), byte(i)})] = Register{Area: areaDB, DB: 1, Offset: 2 * i, Type: "word"}
	}
	s := c.settings(registers)
	for _, gap := range []int{0, 4, 222} {
		s.Gap = gap
		points, _ := readOnce(t, s)
		for name, r := range registers {
			if p := points[name]; p.Quality != dodona.Good || p.Value.String() != strconv.Itoa(r.Offset/2) {
				t.Fatalf("gap %d, %s at %d: %+v", gap, name, r.Offset, p)
			}
		}
	}
}
