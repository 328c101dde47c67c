package sparkplug

import (
	"encoding/hex"
	"math"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

func decimal(t *testing.T, text string) dodona.Decimal {
	t.Helper()
	d, err := dodona.ParseDecimal(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAPayloadIsReadAsItStandsOnTheWire(t *testing.T) {
	// By hand from the numbers of the specification: timestamp 1, metric {name "t", alias 7, timestamp 2, datatype 9, is_null 0, float 1.5}, seq 3.
	raw, err := hex.DecodeString("0801" + "120f" + "0a0174" + "1007" + "1802" + "2009" + "3800" + "65" + "0000c03f" + "1803")
	if err != nil {
		t.Fatal(err)
	}
	raw[3] = byte(len(raw) - 4 - 2)
	p, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if p.Timestamp != 1 || !p.HasSeq || p.Seq != 3 || len(p.Metrics) != 1 {
		t.Fatalf("read %+v", p)
	}
	m := p.Metrics[0]
	if m.Err != nil || m.Name != "t" || !m.HasAlias || m.Alias != 7 || m.Timestamp != 2 || m.Type != Float || m.Null {
		t.Errorf("metric %+v", m)
	}
	if d, err := m.Value.Decimal(m.Type); err != nil || d.String() != "1.5" {
		t.Errorf("value %s, %v; want 1.5", d, err)
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	want := Payload{Timestamp: 1_700_000_000_123, Seq: 0, HasSeq: true, UUID: "u", Body: []byte{1}, Metrics: []Metric{
		{Name: BdSeq, Type: Int64, Value: LongOf(4)},
		{Name: "a/b", Alias: 0, HasAlias: true, Timestamp: 5, Type: Double, Value: Value{Kind: InDouble, Bits: math.Float64bits(0.1)}, Historical: true, Transient: true},
		{Name: "s", Type: String, Value: TextOf("grün"), Properties: []Property{
			{Key: Quality, Type: Int32, Value: IntOf(QualityStale)}, {Key: EngUnit, Type: String, Value: TextOf("Cel")}, {Key: "none", Type: Boolean, Null: true},
		}},
		{Name: "b", Type: Bytes, Value: Value{Kind: InBytes, Raw: []byte{0, 255}}},
		{Name: "f", Type: Boolean, Value: FlagOf(true)},
		{Name: "g", Type: Boolean, Value: FlagOf(false)},
		{Name: "n", Type: Int8, Null: true},
	}}
	got, err := Decode(want.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.Metrics {
		got.Metrics[i].Raw = nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v\nwant %+v", got, want)
	}
}

func TestANumberIsExactAndOfItsType(t *testing.T) {
	double := func(f float64) Value { return Value{Kind: InDouble, Bits: math.Float64bits(f)} }
	float := func(f float32) Value { return Value{Kind: InFloat, Bits: uint64(math.Float32bits(f))} }
	for _, c := range []struct {
		value Value
		of    Type
		want  string // of an error, what it says
	}{
		{IntOf(-1), Int8, "-1"},
		{Value{Kind: InInt, Bits: 255}, Int8, "-1"}, // the bits of the type alone
		{Value{Kind: InInt, Bits: 256}, Int8, "is 256, which is no Int8"},
		{IntOf(-129), Int8, "no Int8"},
		{IntOf(-300), Int16, "-300"},
		{IntOf(math.MinInt32), Int32, "-2147483648"},
		{LongOf(math.MaxUint64), Int32, "-1"}, // sign-extended into a long
		{LongOf(math.MaxUint64), Int64, "-1"},
		{LongOf(math.MaxUint64), UInt64, "18446744073709551615"},
		{LongOf(4_294_967_295), UInt32, "4294967295"},
		{Value{Kind: InInt, Bits: 4_294_967_295}, UInt32, "4294967295"},
		{LongOf(4_294_967_296), UInt32, "no UInt32"},
		{LongOf(1_700_000_000_000), DateTime, "1700000000000"},
		{IntOf(300), UInt8, "no UInt8"},
		{FlagOf(true), Boolean, "1"},
		{FlagOf(false), Boolean, "0"},
		{FlagOf(true), Int8, "is a boolean, and its type is Int8"},
		{IntOf(1), Boolean, "is an int, and its type is Boolean"},
		{float(0.1), Float, "0.1"},
		{float(16777216), Float, "16777216"},
		{float(0.1), Double, "is a float, and its type is Double"},
		{double(0.1), Double, "0.1"},
		{double(1e300), Double, "range"},
		{double(math.NaN()), Double, "is NaN, no number"},
		{float(float32(math.NaN())), Float, "NaN"},
		{double(math.Inf(-1)), Double, "infinite"},
		{TextOf(" 43.20 "), String, "43.2"},
		{TextOf("NaN"), String, "is no number"},
		{TextOf("open"), Text, "is no number"},
		{TextOf("12"), UUID, "a UUID"},
		{TextOf("12"), Int8, "is a text, and its type is Int8"},
		{Value{Kind: InBytes, Raw: []byte{1}}, Bytes, "is no number: bytes"},
		{Value{Kind: InDataSet}, DataSet, "a data set"},
		{Value{Kind: InTemplate}, Template, "a template"},
		{Value{}, Int8, "has no value"},
		{IntOf(7), Unknown, "7"},
		{IntOf(7), 99, "its type is type 99"},
	} {
		d, err := c.value.Decimal(c.of)
		if got := d.String(); err == nil && got != c.want {
			t.Errorf("%s as %s is %s, want %s", c.value.Kind, c.of, got, c.want)
		}
		if err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s as %s: %v, want %s", c.value.Kind, c.of, err, c.want)
		}
	}
}

func TestANumberIsWrittenAsItsTypeHasIt(t *testing.T) {
	for _, c := range []struct {
		of         Type
		text, want string
	}{
		{Int8, "-128", "-128"},
		{Int8, "128", "128 is no Int8"},
		{Int16, "-300", "-300"},
		{Int32, "-2147483648", "-2147483648"},
		{Int32, "2147483648", "no Int32"},
		{Int64, "-9223372036854775808", "-9223372036854775808"},
		{Int64, "1.5", "1.5 is no Int64"},
		{UInt8, "255", "255"},
		{UInt8, "-1", "no UInt8"},
		{UInt16, "65536", "no UInt16"},
		{UInt32, "4294967295", "4294967295"},
		{UInt64, "18446744073709551615", "18446744073709551615"},
		{UInt64, "18446744073709551616", "no UInt64"},
		{Double, "43218.55", "43218.55"},
		{Float, "0.1", "0.1"},
		{Float, "1e40", "too large for a Float"},
		{Boolean, "1", "1"},
		{Boolean, "0", "0"},
		{Boolean, "2", "no Boolean"},
		{String, "1.25", "1.25"},
		{Bytes, "1", "no Bytes"},
	} {
		v, err := Of(c.of, decimal(t, c.text))
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s as %s: %v, want %s", c.text, c.of, err, c.want)
			}
			continue
		}
		p := Payload{Metrics: []Metric{{Name: "n", Type: c.of, Value: v}}}
		read, err := Decode(p.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if d, err := read.Metrics[0].Value.Decimal(c.of); err != nil || d.String() != c.want {
			t.Errorf("%s as %s is read as %s, %v", c.text, c.of, d, err)
		}
	}
}

func TestAMetricThatCannotBeReadHidesNoOther(t *testing.T) {
	p := Payload{Metrics: []Metric{{Name: "good", Type: Int8, Value: IntOf(1)}}}
	raw := appendBytes(p.Append(nil), 2, append(appendBytes(nil, 1, []byte("broken")), 0x65, 0)) // a float of one byte
	raw = p.Append(raw)
	got, err := Decode(raw)
	if err != nil || len(got.Metrics) != 3 {
		t.Fatalf("read %+v, %v", got, err)
	}
	if got.Metrics[1].Err == nil || got.Metrics[1].Name != "broken" || got.Metrics[0].Err != nil || got.Metrics[2].Err != nil {
		t.Errorf("read %+v, want the second broken alone", got.Metrics)
	}
}

func TestWhatIsTooLargeIsRefusedByName(t *testing.T) {
	many := func(n int) []byte {
		var b []byte
		for range n {
			b = appendBytes(b, 2, nil)
		}
		return b
	}
	properties := func(n int) []byte {
		var b []byte
		for range n {
			b = appendBytes(b, 1, []byte("k"))
			b = appendBytes(b, 2, nil)
		}
		return appendBytes(nil, 9, b)
	}
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"a payload":       {make([]byte, MaxPayload+1), "more than 1048576"},
		"metrics":         {many(MaxMetrics + 1), "more than 10000 metrics"},
		"a name":          {appendBytes(nil, 2, appendBytes(nil, 1, make([]byte, MaxName+1))), "name: 1025 bytes"},
		"properties":      {appendBytes(nil, 2, properties(MaxProperties+2)), "properties: more than 64"},
		"keys alone":      {appendBytes(nil, 2, appendBytes(nil, 9, appendBytes(nil, 1, []byte("k")))), "1 keys and 0 values"},
		"a cut length":    {[]byte{0x12, 0x05, 0x00}, "no protobuf message"},
		"a group":         {[]byte{0x13}, "no protobuf message"},
		"field 0":         {[]byte{0x00, 0x00}, "no protobuf message"},
		"another wire":    {protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), 1), "timestamp: wire type 1"},
		"a datatype":      {appendBytes(nil, 2, appendVarint(nil, 4, 1<<40)), "datatype: 1099511627776 is none"},
		"a seq of a text": {appendBytes(nil, 3, []byte("x")), "seq: wire type 2"},
	} {
		p, err := Decode(c.raw)
		if err == nil && len(p.Metrics) > 0 {
			err = p.Metrics[0].Err
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	whole := Payload{Timestamp: 1, Seq: 255, HasSeq: true, Metrics: []Metric{{
		Name: "n", HasAlias: true, Type: Double, Value: Value{Kind: InDouble, Bits: math.Float64bits(1.5)},
		Properties: []Property{{Key: Quality, Type: Int32, Value: IntOf(0)}},
	}}}
	f.Add(whole.Append(nil))
	f.Add([]byte{0x12, 0x02, 0x52, 0x00})
	f.Add([]byte{0x13, 0x14})
	fuzztest.Run(f, func(t *testing.T, raw []byte) {
		p, err := Decode(raw)
		if err != nil {
			return
		}
		for i := range p.Metrics {
			m := &p.Metrics[i]
			if d, err := m.Value.Decimal(m.Type); err == nil {
				if _, err := dodona.ParseDecimal(d.String()); err != nil {
					t.Fatalf("%+v is %s, which is no decimal: %v", m, d, err)
				}
			}
		}
		again, err := Decode(p.Append(nil))
		if err != nil {
			t.Fatalf("what was read is not read again: %v", err)
		}
		if again.Timestamp != p.Timestamp || again.Seq != p.Seq || len(again.Metrics) != len(p.Metrics) {
			t.Fatalf("read again: %+v, was %+v", again, p)
		}
	})
}
