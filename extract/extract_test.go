package extract

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/google/go-cmp/cmp"
)

var arrival = time.Date(2026, 11, 22, 12, 4, 30, 123_456_789, time.UTC)

func decimal(t testing.TB, s string) dodona.Decimal {
	t.Helper()
	d, err := dodona.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func reading(body string) dodona.Reading {
	return dodona.Reading{Source: "s", Body: []byte(body), Received: arrival}
}

// apply returns the points that one rule takes from the readings.
func apply(t testing.TB, rule Rule, readings ...dodona.Reading) []dodona.Point {
	t.Helper()
	x, err := New(Rules{"s": {"": rule}})
	if err != nil {
		t.Fatalf("New(%+v): %v", rule, err)
	}
	result, err := x.Apply(context.Background(), dodona.Call{Readings: readings})
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	if result.Version != x.Version() {
		t.Errorf("version %v, want %v", result.Version, x.Version())
	}
	return result.Points
}

func TestValuesAreExact(t *testing.T) {
	for _, c := range []struct {
		name, body string
		rule       Rule
		want       string
	}{
		{"the only number", `{"a":{"b":[1.50]}}`, Rule{}, "1.5"},
		{"a number alone", " 42\n", Rule{}, "42"},
		{"a text alone", `"-0.25"`, Rule{}, "-0.25"},
		{"the only numeric text", `{"symbol":"BTCUSDT","price":"43218.55000000"}`, Rule{}, "43218.55"},
		{"beside the time", `{"t":1795349070,"v":5}`, Rule{Time: "/t"}, "5"},
		{"kraken", `{"error":[],"result":{"XXBTZUSD":{"a":["1","2"],"c":["43218.10000","0.1"]}}}`, Rule{Pointer: "/result/XXBTZUSD/c/0"}, "43218.1"},
		{"30 digits", `{"v":123456789012.345678901234567891}`, Rule{Pointer: "/v"}, "123456789012.345678901234567891"},
		{"what a float would lose", `{"v":9007199254740993}`, Rule{}, "9007199254740993"},
		{"an exponent", `{"v":1.25e-3}`, Rule{}, "0.00125"},
		{"minus nothing", `{"v":-0}`, Rule{}, "0"},
		{"scale and offset", `{"t":2957}`, Rule{Pointer: "/t", Scale: decimal(t, "0.1"), Offset: decimal(t, "-273.15")}, "22.55"},
		{"offset alone", `{"t":"1"}`, Rule{Pointer: "/t", Offset: decimal(t, "0.5")}, "1.5"},
		{"true", `{"on":true}`, Rule{Pointer: "/on"}, "1"},
		{"false", `{"on":false}`, Rule{Pointer: "/on"}, "0"},
		{"a label", `{"state":"open"}`, Rule{Pointer: "/state", Enum: map[string]int64{"closed": 0, "open": 1}}, "1"},
		{"a negative code", `{"state":"?"}`, Rule{Pointer: "/state", Enum: map[string]int64{"?": -7}}, "-7"},
		{"a table for true", `{"on":true}`, Rule{Pointer: "/on", Enum: map[string]int64{"true": 5}}, "5"},
		{"a table for numbers", `{"on":3}`, Rule{Pointer: "/on", Enum: map[string]int64{"3": 8}}, "8"},
		{"escapes", `{"a/b":{"m~n":{"":[7]}}}`, Rule{Pointer: "/a~1b/m~0n//0"}, "7"},
		{"an escaped key", `{"\u0061":1,"b":2}`, Rule{Pointer: "/a"}, "1"},
		{"an index that is a key", `{"0":1,"1":2}`, Rule{Pointer: "/1"}, "2"},
		{"repeated keys elsewhere", `{"x":{"k":1,"k":2},"v":3}`, Rule{Pointer: "/v"}, "3"},
		{"equal keys of different objects", `[{"v":1},{"v":2}]`, Rule{Pointer: "/1/v"}, "2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := apply(t, c.rule, reading(c.body))
			if len(got) != 1 || got[0].Quality != dodona.Good || got[0].Value != decimal(t, c.want) {
				t.Errorf("%s by %+v gave %+v, want %s", c.body, c.rule, got, c.want)
			}
		})
	}
}

func TestBadInputSaysWhatStandsThere(t *testing.T) {
	deep := strings.Repeat("[", maxDepth+1) + "1" + strings.Repeat("]", maxDepth+1)
	at := func(p string) Rule { return Rule{Pointer: p} }
	for _, c := range []struct {
		name, body string
		rule       Rule
		want       string
	}{
		{"missing", `{"a":{"b":1},"c":["2"]}`, at("/price"), "nothing stands at /price; numbers stand at /a/b and /c/0"},
		{"missing below", `{"a":{"b":1}}`, at("/a/x"), "nothing stands at /a/x; the only number stands at /a/b"},
		{"through a scalar", `{"a":1}`, at("/a/b"), "nothing stands at /a/b; the only number stands at /a"},
		{"beyond the end", `[1,2]`, at("/2"), "nothing stands at /2; numbers stand at /0 and /1"},
		{"the element after the last", `[1,2]`, at("/-"), "nothing stands at /-; numbers"},
		{"an index with a leading zero", `[1,2]`, at("/01"), "nothing stands at /01"},
		{"an index in brackets", `{"a":[1]}`, at("/a[0]"), "nothing stands at /a[0], where [ is part of a name: an element is /data/0, or chosen by where; the only number stands at /a/0"},
		{"nothing numeric", `{"a":"x"}`, at("/b"), "nothing stands at /b; the document has no number"},
		{"an object", `{"a":{"b":1,"c":2}}`, at("/a"), "an object stands at /a; numbers stand at /a/b and /a/c"},
		{"an array", `{"a":[1]}`, at("/a"), "an array stands at /a; the only number stands at /a/0"},
		{"null", `{"a":null}`, at("/a"), "null stands at /a"},
		{"several", `{"a":1,"b":"2","c":{"d":[3]}}`, Rule{}, "several numbers and the rule has no pointer: numbers stand at /a, /b and /c/d/0; say which one, such as value: /a"},
		{"none", `{"a":"x"}`, Rule{}, `the document has no number; it begins "{\"a\":\"x\"}"`},
		{"only a time", `{"t":1795349070}`, Rule{Time: "/t"}, "no number is left for the value: the only number stands at /t"},
		{"NaN", `{"a":NaN}`, at("/a"), "NaN stands at /a, which is no number"},
		{"NaN as text", `{"a":"NaN"}`, at("/a"), `read a text at /a: "NaN" is not a number`},
		{"infinity as text", `{"a":"-Infinity"}`, at("/a"), `"-Infinity" is not a number`},
		{"1e400", `{"a":1e400}`, at("/a"), "out of the range"},
		{"1e-400", `{"a":1e-400}`, at("/a"), "out of the range"},
		{"1e400 as the only number", `{"a":1e400}`, Rule{}, "read a number at /a: "},
		{"an absurd exponent", `{"a":1e99999999999999999999}`, at("/a"), "out of the range"},
		{"58 decimals", `{"a":0.` + strings.Repeat("1", 58) + `}`, at("/a"), "out of the range"},
		{"a thousand digits", `{"a":` + strings.Repeat("1", 1000) + `}`, at("/a"), "1000 characters"},
		{"a decimal comma", `{"a":"1,5"}`, at("/a"), "commas are not read"},
		{"a thousands comma", `{"a":"1,234.5"}`, at("/a"), "commas are not read"},
		{"a number with a unit", `{"a":"21.5 C"}`, at("/a"), `"21.5 C"`},
		{"an empty text", `{"a":""}`, at("/a"), "want digits"},
		{"hexadecimal", `{"a":"0x10"}`, at("/a"), "want digits"},
		{"not in the table", `{"a":"on"}`, Rule{Pointer: "/a", Enum: map[string]int64{"open": 1, "shut up": 0}}, `look up on at /a: not in the enum table, which has open, "shut up"`},
		{"scaled out of range", `{"a":1e50}`, Rule{Pointer: "/a", Scale: decimal(t, "1e50")}, "scale 1e50 by"},
		{"moved out of range", `{"a":3e57}`, Rule{Pointer: "/a", Offset: decimal(t, "3e57")}, "add 3000"},
		{"a repeated key", `{"a":1,"a":1}`, at("/a"), "ambiguous: it has a key of /a twice"},
		{"a repeated key above", `{"a":{"b":1},"a":{"c":2}}`, at("/a/b"), "ambiguous: it has a key of /a/b twice"},
		{"a repeated key above nothing", `{"a":{"b":1},"a":null}`, at("/a/b"), "ambiguous"},
		{"a repeated key without pointer", `{"a":{"x":1},"b":{"k":"y","k":"z"}}`, Rule{}, "ambiguous: it has /b/k twice"},
		{"a repeated key in other letters", `{"a":1,"\u0061":2}`, at("/a"), "ambiguous"},
		{"empty", ``, Rule{}, "the document is empty"},
		{"blank", " \n\t", Rule{}, "the document is empty"},
		{"cut off", `{"a":[1,2`, at("/a/0"), "cut off after 9 bytes"},
		{"cut off in a key", `{"a":1,"b`, at("/a"), "cut off"},
		{"cut off in a number", `{"a":1.`, at("/a"), "cut off"},
		{"cut off after a colon", `{"a":`, at("/a"), "cut off"},
		{"cut off in a literal", `{"a":1,"b":tru`, at("/a"), "cut off"},
		{"two documents", `{"a":1}{"a":2}`, at("/a"), "after top-level value at byte 8"},
		{"trailing text", `{"a":1} x`, at("/a"), "not JSON"},
		{"a trailing comma", `{"a":1,}`, at("/a"), "not JSON"},
		{"no comma", `[1 2]`, at("/0"), "not JSON"},
		{"a leading zero", `{"a":01}`, at("/a"), "not JSON"},
		{"a plus sign", `{"a":+1}`, at("/a"), "not JSON"},
		{"a web page", `<!doctype html><p>502</p>`, at("/a"), `it begins "<!doctype html>`},
		{"two byte order marks", "\xef\xbb\xbf\xef\xbb\xbf" + `{"a":1}`, at("/a"), "two byte order marks"},
		{"a byte order mark inside", "{\xef\xbb\xbf" + `"a":1}`, at("/a"), "not JSON"},
		{"a byte order mark alone", "\xef\xbb\xbf", Rule{}, "the document is empty"},
		{"invalid UTF-8", "{\"a\":1,\"b\":\"\xff\"}", at("/a"), "not UTF-8"},
		{"UTF-16", "{\x00\"\x00a\x00", at("/a"), "looks like utf-16le, but has no byte order mark, and no charset is declared"},
		{"too deep", deep, at("/0"), "nested deeper than 64"},
		{"too large", `"` + strings.Repeat("x", maxBody) + `"`, Rule{}, "at most"},
		{"a control character", "{\"a\\u001b[31m\":1,\"b\":2}", at("/x"), `"/a\x1b[31m"`},
		{"a direction override", `{"a\u202e":1,"b":2}`, at("/x"), `"/a\u202e"`},
		{"no time", `{"a":1}`, Rule{Pointer: "/a", Time: "/t"}, "find time: nothing stands at /t"},
		{"a time of no kind", `{"a":1,"t":[]}`, Rule{Pointer: "/a", Time: "/t"}, "find time: an array stands at /t"},
		{"a local time", `{"a":1,"t":"2026-11-22 12:04:30"}`, Rule{Pointer: "/a", Time: "/t"}, "read time at /t:"},
		{"a time twice", `{"a":1,"t":1,"t":2}`, Rule{Pointer: "/a", Time: "/t"}, "find time: the document is ambiguous"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := apply(t, c.rule, reading(c.body))
			if len(got) != 1 || got[0].Quality != dodona.Bad || !strings.Contains(got[0].Reason, c.want) {
				t.Fatalf("%.200s by %+v\n got %+v\nwant bad: %s", c.body, c.rule, got, c.want)
			}
			checkReason(t, got[0].Reason)
		})
	}
}

// checkReason fails unless a reason can be printed anywhere.
func checkReason(t testing.TB, reason string) {
	t.Helper()
	if reason == "" || len(reason) > 4096 || !utf8.ValidString(reason) {
		t.Errorf("reason of %d bytes is not for people: %q", len(reason), reason)
	}
	for _, r := range reason {
		if !unicode.IsPrint(r) {
			t.Errorf("reason has %q: %q", r, reason)
		}
	}
}

func TestHugeArraysListFewPointers(t *testing.T) {
	body := "[" + strings.Repeat("1,", 99_999) + "1]"
	got := apply(t, Rule{Pointer: "/x"}, reading(body))[0].Reason
	if !strings.HasSuffix(got, "/10, /11 and 99988 more") {
		t.Errorf("got %q", got)
	}
	if v := apply(t, Rule{Pointer: "/99999"}, reading(body))[0]; v.Quality != dodona.Good {
		t.Errorf("the last element gave %+v", v)
	}
}

func TestLongPointersAreCut(t *testing.T) {
	body := `{"` + strings.Repeat("k", 100_000) + `":1,"b":2}`
	if got := apply(t, Rule{Pointer: "/x"}, reading(body))[0].Reason; len(got) > 300 {
		t.Errorf("reason has %d bytes", len(got))
	}
}

func TestTimesTellTheirUnit(t *testing.T) {
	for s, want := range map[string]string{
		`"2026-11-22T12:04:30Z"`:            "2026-11-22T12:04:30Z",
		`"2026-11-22T13:04:30.5+01:00"`:     "2026-11-22T12:04:30.5Z",
		`"2026-11-22T12:04:30.123456789Z"`:  "2026-11-22T12:04:30.123Z",
		`1795349070`:                        "2026-11-22T12:04:30Z",
		`1795349070.25`:                     "2026-11-22T12:04:30.25Z",
		`"1795349070.25"`:                   "2026-11-22T12:04:30.25Z",
		`1795349070250`:                     "2026-11-22T12:04:30.25Z",
		`1795349070250000`:                  "2026-11-22T12:04:30.25Z",
		`1795349070250000000`:               "2026-11-22T12:04:30.25Z",
		`1.795349070e9`:                     "2026-11-22T12:04:30Z",
		`0`:                                 "1970-01-01T00:00:00Z",
		`"1969-12-31T23:59:59Z"`:            "",
		`-1`:                                "",
		`1e30`:                              "",
		`100000000000000000000`:             "",
		`"yesterday"`:                       "",
		`"` + strings.Repeat("1", 65) + `"`: "",
	} {
		got := apply(t, Rule{Pointer: "/v", Time: "/t"}, reading(`{"v":1,"t":`+s+`}`))[0]
		if want == "" {
			if got.Quality != dodona.Bad || !strings.HasPrefix(got.Reason, "read time at /t: ") {
				t.Errorf("time %s gave %+v, want bad", s, got)
			}
			continue
		}
		if text := got.Time.Format(time.RFC3339Nano); got.Quality != dodona.Good || text != want {
			t.Errorf("time %s gave %s (%s), want %s", s, text, got.Reason, want)
		}
	}
}

func TestWithoutTimeTheReadingSaysWhen(t *testing.T) {
	r := reading("1")
	if got := apply(t, Rule{}, r)[0].Time; !got.Equal(arrival.Truncate(time.Millisecond)) {
		t.Errorf("got %v, want the arrival in milliseconds", got)
	}
	r.SourceTime = arrival.Add(-time.Hour)
	if got := apply(t, Rule{}, r)[0].Time; !got.Equal(r.SourceTime.Truncate(time.Millisecond)) {
		t.Errorf("got %v, want the source's time", got)
	}
	r.SourceTime, r.Received = time.Time{}, time.Time{}
	if got := apply(t, Rule{}, r)[0].Time; !got.IsZero() {
		t.Errorf("got %v, want none", got)
	}
}

func TestQualityOfTheReadingIsKept(t *testing.T) {
	r := reading("1")
	r.Quality, r.Detail = dodona.Uncertain, "last usable value"
	if got := apply(t, Rule{}, r)[0]; got.Quality != dodona.Uncertain || got.Reason != "last usable value" || got.Value.Sign() == 0 {
		t.Errorf("uncertain reading gave %+v", got)
	}
	r.Quality, r.Detail = dodona.Bad, ""
	if got := apply(t, Rule{}, r)[0]; got.Quality != dodona.Bad || got.Reason == "" || got.Value.Sign() != 0 {
		t.Errorf("bad reading gave %+v", got)
	}
}

func TestPointsAreThoseOfTheRules(t *testing.T) {
	x, err := New(Rules{
		"boiler": {"temperature": {Pointer: "/t", Unit: "Cel"}, "pressure": {Pointer: "/p", Item: "b"}},
		"absent": {"": {}},
	})
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"t":20,"p":3}`)
	result, err := x.Apply(context.Background(), dodona.Call{Readings: []dodona.Reading{
		{Source: "boiler", Item: "a", Body: body, Received: arrival},
		{Source: "boiler", Item: "b", Body: body, Received: arrival},
		{Source: "unknown", Body: body, Received: arrival},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, p := range result.Points {
		ids = append(ids, p.ID+" "+p.Value.String()+p.Unit)
	}
	want := []string{"boiler.pressure 3", "boiler.temperature 20Cel", "boiler.temperature 20Cel"}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Error(diff)
	}
}

func TestApplyEndsWithItsContext(t *testing.T) {
	x, err := New(Rules{"s": {"": {}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := x.Apply(ctx, dodona.Call{Readings: []dodona.Reading{reading("1")}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestRulesHaveOneForm(t *testing.T) {
	rule := Rule{Pointer: "/a<b", Scale: decimal(t, "1.0"), Enum: nil, Unit: "Cel"}
	x, err := New(Rules{"s": {"p": rule, "a": {}}, "r": {"": {Pointer: "/x", Enum: map[string]int64{"b": 1, "a": 0}}}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"extract":1,"sources":{"r":{"":{"pointer":"/x","enum":{"a":0,"b":1}}},"s":{"a":{},"p":{"pointer":"/a\u003cb","unit":"Cel"}}}}`
	if string(x.JSON()) != want {
		t.Errorf("got  %s\nwant %s", x.JSON(), want)
	}
	var indented strings.Builder
	encoder := json.NewEncoder(&indented)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(x.JSON()); err != nil {
		t.Fatal(err)
	}
	again, err := Parse(json.RawMessage(indented.String()))
	if err != nil {
		t.Fatal(err)
	}
	if again.Version() != x.Version() || x.Version() != dodona.Keccak256([]byte(want)) {
		t.Errorf("version %v became %v", x.Version(), again.Version())
	}
}

func TestParseRefusesOtherRules(t *testing.T) {
	for _, raw := range []string{
		``, `null`, `{}`, `[]`, `{"extract":2,"sources":{}}`, `{"extract":1,"sources":{},"x":1}`, `{"extract":1,"sources":{}} {}`,
		`{"extract":1,"sources":{"s":{"":{"pointer":"x"}}}}`, `{"extract":1,"sources":{"s":{"":{"scale":1e400}}}}`,
		`{"extract":1,"sources":{"S":{}}}`, `{"extract":1,"sources":{}}}`, `{"extract":1,"Sources":{}}`, `{"extract":1,"extract":1,"sources":{}}`,
		`{"extract":1,"sources":{"s":{"":{}},"s":{"":{}}}}`, `{"extract":1,"sources":{"s":{"":{"enum":{"on":1,"on":2}}}}}`, `{"extract":1,"sources":null}`,
	} {
		if _, err := Parse(json.RawMessage(raw)); err == nil {
			t.Errorf("Parse(%s) gave no error", raw)
		}
	}
}

func TestMistakesNameTheirField(t *testing.T) {
	for _, c := range []struct {
		rule  Rule
		field string
	}{
		{Rule{Pointer: "price"}, "pointer"},
		{Rule{Pointer: "/a~2"}, "pointer"},
		{Rule{Pointer: "/a~"}, "pointer"},
		{Rule{Pointer: "/" + strings.Repeat("a", maxPointer)}, "pointer"},
		{Rule{Pointer: "/" + strings.Repeat("a", maxPointer-1), Time: "t"}, "time"}, // as long as may be
		{Rule{Pointer: "/\xff"}, "pointer"},
		{Rule{Pointer: "/a", Time: "t"}, "time"},
		{Rule{Pointer: "/a", Time: "/a"}, "time"},
		{Rule{Enum: map[string]int64{"a": 1}}, "enum"},
		{Rule{Pointer: "/a", Enum: map[string]int64{"a": 1}, Scale: decimal(t, "2")}, "enum"},
	} {
		var mistake *FieldError
		if err := c.rule.Validate(); !errors.As(err, &mistake) || mistake.Field != c.field {
			t.Errorf("%.100v: got %v, want a mistake in %s", c.rule, err, c.field)
		}
	}
	if err := (Rules{"a.b": {"": {}}, "s": {"P": {}}}).Validate(); err == nil || !strings.Contains(err.Error(), `point "P"`) {
		t.Errorf("got %v", err)
	}
}

func TestForKeepsTheNamedPoints(t *testing.T) {
	all := Rules{"a": {"": {Unit: "x"}}, "b": {"p": {}, "q": {}}, "c": {"": {}}}
	want := Rules{"a": {"": {Unit: "x"}}, "b": {"q": {}}}
	if diff := cmp.Diff(want, all.For("a", "b.q", "b.none", "none"), cmp.Comparer(func(a, b dodona.Decimal) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}
