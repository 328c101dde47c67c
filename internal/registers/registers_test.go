package registers

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

func dec(t testing.TB, s string) dodona.Decimal {
	t.Helper()
	d, err := dodona.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func raw(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBytesBecomeTheirNumber(t *testing.T) {
	scale, offset := dec(t, "0.1"), dec(t, "-273.15")
	for _, c := range []struct {
		format Format
		bytes  string
		want   string
	}{
		{Format{}, "ff fe", "65534"},
		{Format{Type: Bool}, "00", "0"},
		{Format{Type: Bool}, "ff", "1"},
		{Format{Type: Bool, Bits: BitsOf(3, 3)}, "08", "1"},
		{Format{Type: Bool, Bits: BitsOf(3, 3)}, "f7", "0"},
		{Format{Type: Int8}, "80", "-128"},
		{Format{Type: Uint8}, "80", "128"},
		{Format{Type: Int8High}, "80 01", "-128"},
		{Format{Type: Int8Low}, "80 01", "1"},
		{Format{Type: Uint8High}, "80 01", "128"},
		{Format{Type: Uint8Low, Order: "BA"}, "80 01", "1"},
		{Format{Type: Int16}, "ff fe", "-2"},
		{Format{Type: Int16, Order: "BA"}, "fe ff", "-2"},
		{Format{Type: Int16, Order: "CDAB"}, "ff fe", "-2"},
		{Format{Type: Int16, Order: "DCBA"}, "fe ff", "-2"},
		{Format{Type: Uint32}, "01 02 03 04", "16909060"},
		{Format{Type: Uint32, Order: "DCBA"}, "04 03 02 01", "16909060"},
		{Format{Type: Uint32, Order: "BADC"}, "02 01 04 03", "16909060"},
		{Format{Type: Uint32, Order: "CDAB"}, "03 04 01 02", "16909060"},
		{Format{Type: Int32}, "80 00 00 00", "-2147483648"},
		{Format{Type: Uint64}, "ff ff ff ff ff ff ff ff", "18446744073709551615"},
		{Format{Type: Uint64}, "80 00 00 00 00 00 00 00", "9223372036854775808"},
		{Format{Type: Int16, Scale: dec(t, "-0.1")}, "00 d7", "-21.5"},
		{Format{Type: Int64}, "ff ff ff ff ff ff ff ff", "-1"},
		{Format{Type: Int64}, "80 00 00 00 00 00 00 00", "-9223372036854775808"},
		{Format{Type: Uint64, Order: "ABCD"}, "01 02 03 04 05 06 07 08", "72623859790382856"},
		{Format{Type: Uint64, Order: "HGFEDCBA"}, "08 07 06 05 04 03 02 01", "72623859790382856"},
		{Format{Type: Uint64, Order: "DCBA"}, "08 07 06 05 04 03 02 01", "72623859790382856"},
		{Format{Type: Uint64, Order: "BADC"}, "02 01 04 03 06 05 08 07", "72623859790382856"},
		{Format{Type: Uint64, Order: "BADCFEHG"}, "02 01 04 03 06 05 08 07", "72623859790382856"},
		{Format{Type: Uint64, Order: "CDAB"}, "07 08 05 06 03 04 01 02", "72623859790382856"},
		{Format{Type: Uint64, Order: "GHEFCDAB"}, "07 08 05 06 03 04 01 02", "72623859790382856"},
		{Format{Type: Uint64, Order: "CDABGHEF"}, "03 04 01 02 07 08 05 06", "72623859790382856"},
		{Format{Type: Uint64, Order: "DCBAHGFE"}, "04 03 02 01 08 07 06 05", "72623859790382856"},
		{Format{Type: Uint64, Order: "EFGHABCD"}, "05 06 07 08 01 02 03 04", "72623859790382856"},
		{Format{Type: Uint64, Order: "FEHGBADC"}, "06 05 08 07 02 01 04 03", "72623859790382856"},
		{Format{Type: Float32}, "3d cc cc cd", "0.1"},
		{Format{Type: Float32}, "41 48 00 00", "12.5"},
		{Format{Type: Float32, Order: "BADC"}, "48 41 00 00", "12.5"},
		{Format{Type: Float32}, "80 00 00 00", "0"},
		{Format{Type: Float32}, "00 00 00 01", "0.000000000000000000000000000000000000000000001"},
		{Format{Type: Float32}, "4f 00 00 00", "2147483600"},
		{Format{Type: Float64}, "3f b9 99 99 99 99 99 9a", "0.1"},
		{Format{Type: Float64, Order: "CDAB"}, "99 9a 99 99 99 99 3f b9", "0.1"},
		{Format{Type: Float16}, "2e 66", "0.1"},
		{Format{Type: Float16}, "7b ff", "65500"},
		{Format{Type: Float16}, "c0 00", "-2"},
		{Format{Type: Float16}, "00 01", "0.00000006"},
		{Format{Type: Float16}, "80 00", "0"},
		{Format{Type: BCD16}, "12 34", "1234"},
		{Format{Type: BCD32, Order: "CDAB"}, "56 78 12 34", "12345678"},
		{Format{Type: BCD64}, "99 99 99 99 99 99 99 99", "9999999999999999"},
		{Format{Type: Uint16, Bits: BitsOf(15, 15)}, "80 00", "1"},
		{Format{Type: Uint16, Bits: BitsOf(4, 7)}, "00 a0", "10"},
		{Format{Type: Int16, Bits: BitsOf(4, 7)}, "00 a0", "-6"},
		{Format{Type: Int16, Bits: BitsOf(0, 0)}, "00 01", "1"},
		{Format{Type: Uint32, Bits: BitsOf(12, 19)}, "00 0a b0 00", "171"},
		{Format{Type: Uint32, Order: "CDAB", Bits: BitsOf(12, 19)}, "b0 00 00 0a", "171"},
		{Format{Type: Uint64, Bits: BitsOf(0, 63)}, "ff ff ff ff ff ff ff ff", "18446744073709551615"},
		{Format{Type: Int16, Scale: scale}, "00 d7", "21.5"},
		{Format{Type: Uint16, Scale: scale, Offset: offset}, "0b 80", "21.25"},
		{Format{Type: Uint16, Enum: map[string]int64{"0": 0, "3": 7}}, "00 03", "7"},
		{Format{Type: Uint16, Bits: BitsOf(8, 9), Enum: map[string]int64{"2": -1}}, "02 ff", "-1"},
		{Format{Type: String, Length: 5}, "32 31 2e 35 20", "21.5"},
		{Format{Type: String, Length: 5}, "32 31 00 ff ff", "21"},
		{Format{Type: String, Length: 3, Order: "BADC"}, "31 32 ff 33", "213"},
		{Format{Type: String, Length: 3, Order: "BA"}, "31 32 33 00", "21"},
		{Format{Type: String, Length: 3, Order: "DCBA", Scale: scale}, "31 32 33 00", "2.1"},
		{Format{Type: String, Length: 4, Order: "CDAB"}, "31 32 33 34", "1234"},
		{Format{Type: StringHigh, Length: 3}, "34 00 32 00 31 00", "421"},
		{Format{Type: StringLow, Length: 3}, "00 34 00 32 00 31", "421"},
		{Format{Type: String, Length: 6, Enum: map[string]int64{"größe": 2}}, "67 72 f6 df 65 00", "2"},
		{Format{Type: String, Length: 3, Enum: map[string]int64{"RUN": 1}}, "52 55 4e", "1"},
		{Format{Type: Int16, Missing: []dodona.Decimal{dec(t, "-32768")}}, "80 01", "-32767"},
	} {
		got, err := c.format.Decode(raw(t, c.bytes))
		if err != nil || got != dec(t, c.want) {
			t.Errorf("%+v of %s: got %s, %v, want %s", c.format, c.bytes, got, err, c.want)
		}
		if err := c.format.Check(); err != nil {
			t.Errorf("%+v is refused: %v", c.format, err)
		}
		if again, err := c.format.Normal().Decode(raw(t, c.bytes)); err != nil || again != got {
			t.Errorf("%+v, which %+v is too, of %s: got %s, %v, want %s", c.format.Normal(), c.format, c.bytes, again, err, got)
		}
	}
}

func TestWhatIsNoValueSaysWhy(t *testing.T) {
	for _, c := range []struct {
		format      Format
		bytes, want string
	}{
		{Format{}, "01", "1 bytes came, uint16 has 2"},
		{Format{Type: Uint32}, "01 02 03 04 05", "5 bytes came, uint32 has 4"},
		{Format{Type: "int24"}, "01 02 03", "is not known"},
		{Format{Type: Float32}, "7f c0 00 00", "NaN"},
		{Format{Type: Float32}, "ff 80 00 00", "infinity"},
		{Format{Type: Float64}, "7f f0 00 00 00 00 00 00", "infinity"},
		{Format{Type: Float64}, "7f ef ff ff ff ff ff ff", "out of the range"},
		{Format{Type: Float64}, "00 00 00 00 00 00 00 01", "out of the range"},
		{Format{Type: Float16}, "7c 01", "NaN"},
		{Format{Type: Float16}, "fc 00", "infinity"},
		{Format{Type: BCD16}, "12 3a", "123A is not BCD: A is no digit"},
		{Format{Type: Uint16, Enum: map[string]int64{"0": 0, "3": 7}}, "00 04", "not in the enum table, which has 0, 3"},
		{Format{Type: String, Length: 2}, "52 4e", `the text "RN" is no number`},
		{Format{Type: String, Length: 2}, "00 4e", `the text "" is no number`},
		{Format{Type: String, Length: 2}, "1b 5b", "no number"},
		{Format{Type: String}, "", "0 bytes"},
		{Format{Type: Int16, Missing: []dodona.Decimal{dec(t, "-32768")}}, "80 00", "-32768 that it has no value"},
		{Format{Type: String, Length: 2, Missing: []dodona.Decimal{dec(t, "99")}}, "39 39", "has no value"},
		{Format{Type: Uint8, Bits: BitsOf(8, 8)}, "80", "has the bits 0 to 7"},
		{Format{Type: Uint16, Scale: dec(t, "1e57")}, "ff ff", "out of the range"},
		{Format{Type: Uint16, Scale: dec(t, "0.5"), Offset: dec(t, "3e57")}, "ff ff", "out of the range"},
	} {
		got, err := c.format.Decode(raw(t, c.bytes))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v of %s: got %s, %v, want %q", c.format, c.bytes, got, err, c.want)
		}
	}
}

func TestMistakesBeginWithTheirSetting(t *testing.T) {
	for want, f := range map[string]Format{
		`type: "int24": want one of bool, int8`:      {Type: "int24"},
		`order: "ABDC": want one of AB, BA, ABCD`:    {Type: Uint32, Order: "ABDC"},
		`type: "INT16": write int16`:                 {Type: "INT16"},
		`type: "Real": write float32`:                {Type: "Real"},
		`type: "UINT8-high": write uint8_high`:       {Type: "UINT8-high"},
		"order: HGFEDCBA is of eight bytes, uint32":  {Type: Uint32, Order: "HGFEDCBA"},
		"order: BA is of two bytes, float32 has 4":   {Type: Float32, Order: "BA"},
		"bits: 4-16: uint16 has the bits 0 to 15":    {Bits: BitsOf(4, 16)},
		"bits: 8: int8_high has the bits 0 to 7":     {Type: Int8High, Bits: BitsOf(8, 8)},
		"bits: float32 has none to choose from":      {Type: Float32, Bits: BitsOf(1, 2)},
		"length: 0: want the characters":             {Type: String},
		"length: 255: want the characters":           {Type: StringLow, Length: 255},
		"length: int16 has the length that it has":   {Type: Int16, Length: 2},
		"enum: goes with neither scale nor offset":   {Enum: map[string]int64{"1": 1}, Scale: dec(t, "2")},
		`enum: "on" is not how a value of type uint`: {Enum: map[string]int64{"on": 1}},
		`enum: "1.0" is not how`:                     {Type: Float32, Enum: map[string]int64{"1.0": 1}},
	} {
		if err := f.Check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", f, err, want)
		}
	}
}

func TestEqualMeaningHasEqualJSON(t *testing.T) {
	for _, c := range [][]Format{
		{{}, {Type: Uint16}, {Type: Uint16, Order: "AB", Scale: dec(t, "1.0"), Enum: map[string]int64{}}, {Order: "CDAB"}, {Bits: BitsOf(0, 15)}},
		{{Order: "BA"}, {Order: "DCBA"}, {Order: "BADC"}},
		{{Type: Uint64, Order: "CDAB"}, {Type: Uint64, Order: "GHEFCDAB"}},
		{{Type: Uint64}, {Type: Uint64, Order: "ABCD"}, {Type: Uint64, Order: "ABCDEFGH"}},
		{{Type: Uint32}, {Type: Uint32, Order: "ABCD"}},
		{{Type: String, Length: 3, Order: "CDAB"}, {Type: String, Length: 3}},
		{{Type: Int16, Missing: []dodona.Decimal{dec(t, "1"), dec(t, "-5")}}, {Type: Int16, Missing: []dodona.Decimal{dec(t, "-5"), dec(t, "1.0"), dec(t, "1")}}},
	} {
		want := ""
		for _, f := range c {
			got, err := json.Marshal(f.Normal())
			if err != nil {
				t.Fatal(err)
			}
			if want == "" {
				want = string(got)
			}
			if string(got) != want {
				t.Errorf("%+v is %s, want %s", f, got, want)
			}
			var back Format
			if err := json.Unmarshal(got, &back); err != nil {
				t.Errorf("%s cannot be read: %v", got, err)
			}
			if again, _ := json.Marshal(back.Normal()); string(again) != want {
				t.Errorf("%s became %s", got, again)
			}
		}
	}
	got, err := json.Marshal(Format{Type: Uint32, Order: "CDAB", Bits: BitsOf(3, 9), Scale: dec(t, "0.1")}.Normal())
	if want := `{"type":"uint32","order":"CDAB","bits":"3-9","scale":"0.1"}`; string(got) != want || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestBitsAreReadAsTheyAreWritten(t *testing.T) {
	for _, text := range []string{"0", "3", "63", "4-7", "0-63"} {
		var b Bits
		if err := b.UnmarshalText([]byte(text)); err != nil || b.String() != text {
			t.Errorf("%q became %q, %v", text, b, err)
		}
	}
	for _, text := range []string{"", "-1", "64", "7-4", "4-", "4-7-9", "a", "4..7", "1-64", "+3"} {
		if err := new(Bits).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestEveryHalfFloatIsTheShortestThatReadsBack looks at all 65,536.
func TestEveryHalfFloatIsTheShortestThatReadsBack(t *testing.T) {
	seen := map[string]int{}
	for i := range 1 << 16 {
		v, text := floatOf(uint64(i), 2)
		if math.IsNaN(v) || math.IsInf(v, 0) || v == 0 {
			continue
		}
		if before, found := seen[text]; found {
			t.Fatalf("%04x and %04x are both %s", before, i, text)
		}
		seen[text] = i
		w, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range []int{i - 1, i + 1} {
			if o := half(uint16(other)); other&0x7FFF != 0 && other >= 0 && !math.IsNaN(o) && math.Abs(w-o) < math.Abs(w-v) {
				t.Fatalf("%04x is %v, written %s, which is nearer to %v", i, v, text, o)
			}
		}
		if !readsBack(i, w) {
			t.Fatalf("%04x is %v, written %s, which is half way to another one that is even", i, v, text)
		}
		mantissa, _, _ := strings.Cut(strings.TrimPrefix(text, "-"), "e")
		if n := len(strings.ReplaceAll(mantissa, ".", "")); n > 1 {
			shorter := strconv.FormatFloat(v, 'e', n-2, 64)
			if w, _ := strconv.ParseFloat(shorter, 64); readsBack(i, w) { // what FormatFloat wrote
				t.Fatalf("%04x is %v, written %s, and %s reads back too", i, v, text, shorter)
			}
		}
	}
}

// readsBack reports whether IEEE 754 rounds w to the half float i: to the nearest, halves to the even one. Beyond the largest the next one
// would be 2^16.
func readsBack(i int, w float64) bool {
	far := math.Abs(w - half(uint16(i)))
	for _, next := range []int{i - 1, i + 1} {
		other := half(uint16(next))
		switch {
		case i&0x7FFF == 0x7BFF && next > i:
			other = math.Copysign(1<<16, half(uint16(i)))
		case next&0x7FFF == 0x7FFF: // below the least is nothing
			other = 0
		}
		if d := math.Abs(w - other); d < far || d == far && i%2 != 0 {
			return false
		}
	}
	return true
}

func FuzzDecode(f *testing.F) {
	words := Type("").Words()
	for i := range words {
		f.Add([]byte{0x80, 0x01, 0x7f, 0xc0, 0, 0, 0x12, 0x34}, uint8(i), uint8(i), uint16(i), uint8(3), uint8(4))
	}
	orders := append(Order("").Words(), "")
	fuzztest.Run(f, func(t *testing.T, b []byte, which, order uint8, length uint16, low, high uint8) {
		format := Format{Type: Type(words[int(which)%len(words)]), Order: Order(orders[int(order)%len(orders)])}
		if low <= high {
			format.Bits = BitsOf(low, high)
		}
		if format.Type.IsText() {
			format.Length = int(length)
		}
		v, err := format.Decode(b)
		if err == nil && format.Check() == nil {
			if again, err := format.Normal().Decode(b); err != nil || again != v {
				t.Fatalf("%+v of %x is %s, and %+v gives %s, %v", format, b, v, format.Normal(), again, err)
			}
		}
		if err == nil && len(b) != format.Size() {
			t.Fatalf("%+v of %d bytes: %s", format, len(b), v)
		}
		if err != nil && (len(err.Error()) > 500 || strings.ContainsAny(err.Error(), "\n\r\x1b")) {
			t.Fatalf("a reason that cannot be shown: %q", err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for name, f := range map[string]Format{
		"int16 scaled": {Type: Int16, Scale: dec(b, "0.1")},
		"float32":      {Type: Float32, Order: "CDAB"},
		"uint64":       {Type: Uint64},
	} {
		b.Run(name, func(b *testing.B) {
			body := binary.BigEndian.AppendUint64(nil, 0x4148_1234_0000_0001)[:f.Size()]
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Decode(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
