package extract

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// cborOracle is another reader of CBOR, for what fromCBOR says.
func cborOracle(t testing.TB) cbor.DecMode {
	t.Helper()
	mode, err := cbor.DecOptions{MaxNestedLevels: 64, IntDec: cbor.IntDecConvertNone, DupMapKey: cbor.DupMapKeyQuiet}.DecMode()
	if err != nil {
		t.Fatal(err)
	}
	return mode
}

func FuzzCBORAgreesWithAnotherReader(f *testing.F) {
	for _, seed := range []string{
		"\xa1\x61t\xf9\x4d\x60", "\x83\x01\x20\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a", "\xc4\x82\x21\x19\x6a\xb3", "\xbf\x61a\x9f\x01\xff\xff",
		"\x7f\x61a\x61b\xff", "\x1b\xff\xff\xff\xff\xff\xff\xff\xff", "\xc2\x42\x01\x00", "\xc5\x82\x20\x03", "\xf8\xff", "\xd9\xd9\xf7\x01", "\xa2\x01\x02\x20\x03",
	} {
		f.Add([]byte(seed))
	}
	mode := cborOracle(f)
	fuzztest.Run(f, func(t *testing.T, body []byte) {
		out, err := fromCBOR(body)
		if err != nil {
			return
		}
		if err := check(out); err != nil {
			t.Fatalf("%q is no document: %v", out, err)
		}
		if err := mode.Wellformed(body); err != nil {
			t.Fatalf("%x is read as %s, and is not well formed: %v", body, out, err)
		}
		again, err := fromCBOR(body)
		if err != nil || !bytes.Equal(out, again) {
			t.Fatalf("read as %s, then as %s", out, again)
		}
		compareScalar(t, mode, body, out)
	})
}

// compareScalar compares an item that is one number or text with what the other reader says.
func compareScalar(t *testing.T, mode cbor.DecMode, body, out []byte) {
	var v any
	if mode.Unmarshal(body, &v) != nil {
		return
	}
	switch v := v.(type) {
	case uint64, int64:
		if want := new(big.Int); reflect.ValueOf(v).CanInt() && string(out) != want.SetInt64(reflect.ValueOf(v).Int()).String() {
			t.Fatalf("%x is %s, want %d", body, out, v)
		}
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		bits := map[byte]int{0xfa: 32, 0xfb: 64}[body[0]]
		if bits == 0 {
			return
		}
		if got, err := strconv.ParseFloat(string(out), bits); err != nil || got != v {
			t.Fatalf("%x is %s, want %v", body, out, v)
		}
	case string:
		var got string
		if err := json.Unmarshal(out, &got); err != nil || got != v && utf8.ValidString(v) && body[0]>>5 == cborText {
			t.Fatalf("%x is %s, want %q", body, out, v)
		}
	}
}

func TestEveryFloatOf16BitsIsReadBack(t *testing.T) {
	for bits := 0; bits < 1<<16; bits++ {
		f := half(uint16(bits))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			continue
		}
		text := shortestHalf(uint16(bits))
		d, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		// No other half is nearer to the decimal.
		for _, other := range []uint16{uint16(bits) - 1, uint16(bits) + 1} {
			if o := half(other); !math.IsNaN(o) && !math.IsInf(o, 0) && math.Abs(o-d) < math.Abs(f-d) {
				t.Fatalf("%#04x is %v, written %s, which is nearer to %v", bits, f, text, o)
			}
		}
		if len(text) > len("-0.000061035")+4 {
			t.Errorf("%#04x is written %s", bits, text)
		}
	}
}

func FuzzWaysNeverPanicAndSayTheSameTwice(f *testing.F) {
	for _, seed := range []struct{ body, a, b string }{
		{pack1, "urn:dev:ow:10e2073a01080063:temp", ""},
		{"\x82\xa2\x21\x61a\x22\x01\xa2\x00\x61t\x02\xf9\x4d\x60", "at", ""},
		{"time,temp\n1,2\n", "temp", "time"},
		{"a;b\n\"1\";\"2\n3\"", "2", "1"},
		{"T=21.5 °C", "T=([0-9.]+)", "x"},
		{`[{"bn":"a","bt":1e9,"v":1e-3,"t":-0.0005}]`, "a", ""},
	} {
		f.Add([]byte(seed.body), seed.a, seed.b)
	}
	fuzztest.Run(f, func(t *testing.T, body []byte, a, b string) {
		for _, rule := range []Rule{
			{SenML: a},
			{Column: a, Time: b},
			{Column: a, Where: map[string]Match{b: MatchText(a)}},
			{Column: a, Delimiter: b},
			{Regex: a},
			{Pointer: a, Time: b, Encoding: inCBOR},
		} {
			x, err := New(Rules{"s": {"": rule}})
			if err != nil {
				continue
			}
			r := reading(string(body))
			once, twice := pointsOf(t, x, r), pointsOf(t, x, r)
			if !reflect.DeepEqual(once, twice) || len(once) != 1 {
				t.Fatalf("%+v says %+v, then %+v", rule, once, twice)
			}
			if p := once[0]; p.Quality == dodona.Bad && p.Reason == "" || !utf8.ValidString(p.Reason) {
				t.Fatalf("%+v says %+v", rule, p)
			}
			x.Has(r, "s")
			again, err := Parse(x.JSON())
			if err != nil || again.Version() != x.Version() {
				t.Fatalf("rules %s are not read back: %v", x.JSON(), err)
			}
		}
	})
}
