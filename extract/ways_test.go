package extract

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

func unhex(t testing.TB, s string) string {
	t.Helper()
	raw, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestCBORIsADocumentAsJSONIs(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"integers", "84 00 17 18ff 3903e7", `[0,23,255,-1000]`},
		{"the largest integers", "82 1bffffffffffffffff 3bffffffffffffffff", `[18446744073709551615,-18446744073709551616]`},
		{"bignums", "82 c249010000000000000000 c349010000000000000000", `[18446744073709551616,-18446744073709551617]`},
		{"a decimal fraction", "c4 82 21 196ab3", `27315e-2`},
		{"a decimal fraction of a bignum", "c4 82 01 c249010000000000000000", `18446744073709551616e1`},
		{"a binary fraction", "c5 82 20 03", `1.5`},
		{"a binary fraction that is whole", "c5 82 03 03", `24`},
		{"a double", "fb3ff199999999999a", `1.1`},
		{"a float of 32 bits is the shortest decimal of 32 bits", "fa3dcccccd", `0.1`},
		{"a float of 16 bits is the shortest decimal of 16 bits", "f94d6d", `21.7`},
		{"a whole float of 16 bits", "f94d60", `21.5`},
		{"the largest of 16 bits", "f97bff", `6.55e+04`},
		{"the smallest of 16 bits", "f90001", `6e-08`},
		{"minus zero", "f98000", `-0`},
		{"numbers that are none", "83 f97e00 f97c00 f9fc00", `[NaN,Infinity,-Infinity]`},
		{"true, false, null, undefined, another simple value", "85 f5 f4 f6 f7 f8ff", `[true,false,null,null,null]`},
		{"names that are integers", "a2 01 02 20 03", `{"1":2,"-1":3}`},
		{"a text with a quote and a line", "63 220a5c", `"\"\u000a\\"`},
		{"bytes", "43 010203", `"AQID"`},
		{"lengths that are not said", "bf 6161 9f 01 7f 6162 6163 ff ff ff", `{"a":[1,"bc"]}`},
		{"tags of times and others", "83 c11a514b67b0 c074323031332d30332d32315432303a30343a30305a d9d9f7 01", `[1363896240,"2013-03-21T20:04:00Z",1]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := fromCBOR([]byte(unhex(t, c.body)))
			if err != nil || string(got) != c.want {
				t.Fatalf("got %s, %v; want %s", got, err, c.want)
			}
			if err := check(got); err != nil {
				t.Errorf("%s is no document: %v", got, err)
			}
		})
	}
}

func TestWhatIsNotOneItemOfCBORIsRefused(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"nothing", "", "the document is empty"},
		{"cut off", "a1 6174", "it is cut off after 3 bytes"},
		{"a length beyond the document", "7b7fffffffffffffff 61", "it is cut off"},
		{"an array of more than there is", "9bffffffffffffffff 01", "it is cut off"},
		{"more behind it", "01 02", "1 bytes follow it"},
		{"a text that is not UTF-8", "61 ff", "a text that is not UTF-8"},
		{"a name that is an array", "a1 80 01", "a name in a map that is neither a text nor an integer"},
		{"a length without a meaning", "1c", "a length that has no meaning"},
		{"a break alone", "ff", "a break where nothing is open"},
		{"a fraction of one part", "c4 81 01", "a fraction that is not an exponent and a mantissa"},
		{"a fraction of texts", "c4 82 6131 01", "a fraction of what is no integer"},
		{"a fraction with a huge exponent", "c4 82 1a7fffffff 01", "a fraction with an exponent to the base 10 beyond 1000"},
		{"an integer that is huge", "c2 5901f4" + strings.Repeat("ff", 500), "an integer of 500 bytes, at most 128 are read"},
		{"deep arrays", strings.Repeat("81", 70) + "01", "nested deeper than 64"},
		{"deep tags", strings.Repeat("c6", 5000) + "01", "nested deeper than 64"},
		{"JSON", hex.EncodeToString([]byte(`{"t":21.5}`)), "the document is not CBOR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := fromCBOR([]byte(unhex(t, c.body)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %s, %v; want %q", got, err, c.want)
			}
		})
	}
}

const pack1 = `[
 {"bn":"urn:dev:ow:10e2073a01080063:","bt":1.320067464e+09,"bu":"%RH","v":20.0,"n":"humidity"},
 {"u":"Cel","v":21.5,"n":"temp"},{"u":"Cel","v":20.1,"t":-60,"n":"temp"},
 {"vb":true,"n":"open"},{"vs":"run","n":"state"},{"vd":"aGkg","n":"raw"},{"s":5,"n":"total"}]`

func TestASenMLRecordIsTakenByItsName(t *testing.T) {
	const prefix = "urn:dev:ow:10e2073a01080063:"
	then := time.Unix(1320067464, 0).UTC()
	for _, c := range []struct {
		name, body string
		rule       Rule
		value      string
		unit       string
		at         time.Time
		reason     string
	}{
		{name: "the newest of its name", body: pack1, rule: Rule{SenML: prefix + "temp"}, value: "21.5", unit: "Cel", at: then},
		{name: "the unit of the base", body: pack1, rule: Rule{SenML: prefix + "humidity"}, value: "20", unit: "%RH", at: then},
		{name: "converted", body: pack1, rule: Rule{SenML: prefix + "temp", Offset: decimal(t, "273.15"), Unit: "K"}, value: "294.65", unit: "K", at: then},
		{name: "true", body: pack1, rule: Rule{SenML: prefix + "open"}, value: "1", unit: "%RH", at: then},
		{name: "a text by a table", body: pack1, rule: Rule{SenML: prefix + "state", Enum: map[string]int64{"run": 7}}, value: "7", unit: "%RH", at: then},
		{name: "a base value", body: `[{"bn":"a","bv":20,"v":1.5},{"n":"b","v":0.25}]`, rule: Rule{SenML: "ab"}, value: "20.25", at: arrival.Truncate(time.Millisecond)},
		{name: "relative to when it came", body: `[{"n":"a","t":-1.5,"v":1}]`, rule: Rule{SenML: "a"}, value: "1", at: arrival.Add(-1500 * time.Millisecond).Truncate(time.Millisecond)},
		{name: "data", body: pack1, rule: Rule{SenML: prefix + "raw"}, reason: "has data (vd), which is no number"},
		{name: "a sum", body: pack1, rule: Rule{SenML: prefix + "total"}, reason: "has a sum and no value"},
		{name: "another unit", body: pack1, rule: Rule{SenML: prefix + "temp", Unit: "K"}, reason: "the record is in Cel, and the rule says K"},
		{name: "no such name", body: pack1, rule: Rule{SenML: "temp"}, reason: "it has urn:dev:ow:10e2073a01080063:humidity, urn:dev:ow:10e2073a01080063:temp"},
		{name: "twice at one time", body: `[{"n":"a","v":1},{"n":"a","v":2}]`, rule: Rule{SenML: "a"}, reason: "several records"},
		{name: "a field twice", body: `[{"n":"a","v":1,"v":2}]`, rule: Rule{SenML: "a"}, reason: "ambiguous"},
		{name: "two values", body: `[{"n":"a","v":1,"vb":true}]`, rule: Rule{SenML: "a"}, reason: "it may have one value"},
		{name: "a value that is a text", body: `[{"n":"a","v":"1"}]`, rule: Rule{SenML: "a"}, reason: "a text stands at /0/v, want a number"},
		{name: "a field that must be understood", body: `[{"n":"a","v":1,"x_":1}]`, rule: Rule{SenML: "a"}, reason: "/0/x_ must be understood"},
		{name: "a version to come", body: `[{"bver":11,"n":"a","v":1}]`, rule: Rule{SenML: "a"}, reason: "of version 11, and 10 is known"},
		{name: "no array", body: `{"n":"a","v":1}`, rule: Rule{SenML: "a"}, reason: "it is an object, want an array of records"},
		{name: "a value that is none", body: `[{"n":"a","v":NaN}]`, rule: Rule{SenML: "a"}, reason: "want a number"},
		{name: "a time that none has", body: `[{"n":"a","v":1,"t":1e15}]`, rule: Rule{SenML: "a"}, reason: "is not between the years"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantPoint(t, apply(t, c.rule, reading(c.body))[0], c.value, c.unit, c.at, c.reason)
		})
	}
}

func TestASenMLPackInCBORIsTheSame(t *testing.T) {
	for _, body := range []string{
		"82 a4 21 626173 22 fb41d3aba9f2000000 23 6343656c 24 c4822005 a2 00 6174 02 f94d60", // labels
		"d9d9f7 82 a4 21 626173 22 fb41d3aba9f2000000 23 6343656c 24 c4822005 a2 00 6174 02 f94d60",
	} {
		p := apply(t, Rule{SenML: "ast"}, reading(unhex(t, body)))[0]
		wantPoint(t, p, "22", "Cel", time.Unix(1320069064, 0).UTC(), "")
	}
}

// wantPoint compares a point. A reason makes it bad; a zero time is not compared.
func wantPoint(t *testing.T, p dodona.Point, value, unit string, at time.Time, reason string) {
	t.Helper()
	if reason != "" {
		if p.Quality != dodona.Bad || !strings.Contains(p.Reason, reason) {
			t.Errorf("got %+v, want it bad for %q", p, reason)
		}
		return
	}
	if p.Quality != dodona.Good || p.Value != decimal(t, value) || p.Unit != unit || (!at.IsZero() && !p.Time.Equal(at)) {
		t.Errorf("got %+v, want %s %s at %v", p, value, unit, at)
	}
}

func TestAColumnOfARowIsTaken(t *testing.T) {
	const table = "time,station,temp\r\n2026-11-22T12:00:00Z,17,21.5\r\n2026-11-22T12:01:00Z,18,\"22.25\"\r\n"
	names := []string{"time", "temp"}
	for _, c := range []struct {
		name, body string
		rule       Rule
		value      string
		at         time.Time
		reason     string
	}{
		{name: "by name, the last row", body: table, rule: Rule{Column: "temp", Time: "time"}, value: "22.25", at: time.Date(2026, 11, 22, 12, 1, 0, 0, time.UTC)},
		{name: "by number", body: table, rule: Rule{Column: "3", Time: "1"}, value: "22.25", at: time.Date(2026, 11, 22, 12, 1, 0, 0, time.UTC)},
		{name: "the row that is meant", body: table, rule: Rule{Column: "temp", Where: map[string]Match{"station": MatchText("17")}}, value: "21.5"},
		{name: "the row that is meant, by numbers", body: "17;21.5\n18;22\n", rule: Rule{Column: "2", Delimiter: ";", Where: map[string]Match{"1": MatchText("17")}}, value: "21.5"},
		{name: "tabs and blanks", body: "t\tv\n1\t 4 \n", rule: Rule{Column: "v", Delimiter: "\t"}, value: "4"},
		{name: "a header that is given", body: "1795349070,4.5\n", rule: Rule{Column: "temp", Time: "time", Header: names}, value: "4.5", at: time.Unix(1795349070, 0)},
		{name: "a line that repeats it", body: "time,temp\n", rule: Rule{Column: "temp", Header: names}, reason: "no row of the CSV document follows its header"},
		{name: "a table of codes", body: "a,b\n1,on\n", rule: Rule{Column: "b", Enum: map[string]int64{"on": 1}}, value: "1"},
		{name: "another delimiter", body: "time;kWh;temp\n1;2;3\n", rule: Rule{Column: "kWh"}, reason: `no column is called kWh, and ";" parts the header so that one is: write delimiter: ";"`},
		{name: "another delimiter, tabs", body: "time\t kWh\n1\t2\n", rule: Rule{Column: "kWh", Delimiter: ";"}, reason: `no column is called kWh, and "\t" parts the header so that one is: write delimiter: "\t"`},
		{name: "no delimiter helps", body: "time;kWh\n1;2\n", rule: Rule{Column: "kW"}, reason: "no column is called kW; the header has time;kWh"},
		{name: "a column that is not there", body: table, rule: Rule{Column: "tmp"}, reason: "no column is called tmp; the header has time, station and temp"},
		{name: "a name that stands twice", body: "a,a\n1,2\n", rule: Rule{Column: "a"}, reason: "the header has a twice"},
		{name: "a row that is short", body: "a,b\n1\n", rule: Rule{Column: "b"}, reason: "the row has 1 columns, and column 2 is looked for"},
		{name: "a decimal comma", body: "a;b\n1;2,5\n", rule: Rule{Column: "b", Delimiter: ";"}, reason: "commas are not read"},
		{name: "nothing", body: "a,b\n1,\n", rule: Rule{Column: "b"}, reason: "nothing stands in column b"},
		{name: "only a header", body: "a,b\n", rule: Rule{Column: "b"}, reason: "no row of the CSV document follows its header"},
		{name: "no such row", body: table, rule: Rule{Column: "temp", Where: map[string]Match{"station": MatchText("19")}}, reason: "no row of the CSV document has station 19"},
		{name: "a quote that is not closed", body: "a\n\"1", rule: Rule{Column: "a"}, reason: "the document is not CSV"},
		{name: "a row of very many columns", body: "a\n" + strings.Repeat(",", 5000), rule: Rule{Column: "1"}, reason: "more than 4096 columns"},
		{name: "empty", body: " \n", rule: Rule{Column: "1"}, reason: "the document is empty"},
		{name: "a last row that is half written", body: "a,b\n1,21.5\n2,2", rule: Rule{Column: "b"}, value: "21.5"},
		{name: "a last row that is half written before its column", body: "a,b\n1,21.5\n2", rule: Rule{Column: "b"}, value: "21.5"},
		{name: "a last row of which the column is whole", body: "a,b\n1,21.5\n22,2", rule: Rule{Column: "a"}, value: "22"},
		{name: "a first row that is half written", body: "a,b\n1,21", rule: Rule{Column: "b"}, reason: "the last one has no end of line"},
		{name: "a last row of which a guard may go on", body: "v,a\n1,1\n2,1", rule: Rule{Column: "v", Where: map[string]Match{"a": MatchText("1")}}, value: "1"},
		{name: "a last row that is half written, by number", body: "1,21.5\n2,2", rule: Rule{Column: "2"}, value: "21.5"},
		{name: "a last row whose time is half written", body: "v,time\n1,1795349070\n2,179534", rule: Rule{Column: "v", Time: "time"}, value: "1", at: time.Unix(1795349070, 0)},
		{name: "a guard by name alone", body: table, rule: Rule{Column: "3", Where: map[string]Match{"station": MatchText("17")}}, value: "21.5"},
		{name: "delimiters within quotes", body: "a,b\n1,\"" + strings.Repeat(",", 5000) + "\"\n", rule: Rule{Column: "a"}, value: "1"},
		{name: "as many columns as may be", body: "a\n1" + strings.Repeat(",", 4095) + "\n", rule: Rule{Column: "a"}, value: "1"},
		{name: "one column too many", body: "a\n1" + strings.Repeat(",", 4096) + "\n", rule: Rule{Column: "a"}, reason: "more than 4096 columns"},
		{name: "a line alone", body: "1,21.5", rule: Rule{Column: "2"}, value: "21.5"},
	} {
		t.Run(c.name, func(t *testing.T) { wantPoint(t, apply(t, c.rule, reading(c.body))[0], c.value, "", c.at, c.reason) })
	}
}

func TestARegularExpressionFindsTheValue(t *testing.T) {
	for _, c := range []struct {
		name, body, regex, value string
		at                       time.Time
		reason                   string
	}{
		{name: "the first group", body: "21.5 °C", regex: `^(-?[0-9.]+) °C$`, value: "21.5"},
		{name: "all of it", body: "T 21.5", regex: `[0-9.]+`, value: "21.5"},
		{name: "the group called value", body: "a 1 b 2", regex: `a ([0-9]) b (?P<value>[0-9])`, value: "2"},
		{name: "with a time", body: "2026-11-22T12:00:00Z 4", regex: `^(?P<time>\S+) ([0-9]+)`, value: "4", at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)},
		{name: "a sign", body: "+21.5\r\n", regex: `^\s*([+-]?[0-9.]+)\s*$`, value: "21.5"},
		{name: "no match", body: "offline", regex: `([0-9]+)`, reason: `does not match the text, which begins "offline"`},
		{name: "two matches", body: "1 2", regex: `([0-9]+)`, reason: "matches more than once, at first 1, then 2"},
		{name: "a group that takes no part", body: "x", regex: `x|([0-9])`, reason: "takes no part"},
		{name: "a match that is no number", body: "T=on", regex: `T=(.*)`, reason: "read a text at"},
		{name: "empty", body: "", regex: `.*`, reason: "the text is empty"},
		{name: "a long text for a long expression", body: strings.Repeat("a", 1<<20), regex: `(a{400})`, reason: "this regular expression reads at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantPoint(t, apply(t, Rule{Regex: c.regex}, reading(c.body))[0], c.value, "", c.at, c.reason)
		})
	}
}

func TestMistakesOfWaysAreTold(t *testing.T) {
	for _, c := range []struct {
		rule Rule
		want string
	}{
		{Rule{Pointer: "/a", Regex: "a"}, "regex: the rule has pointer too"},
		{Rule{SenML: "a", Column: "b"}, "column: the rule has senml too"},
		{Rule{SenML: "a", Time: "/t"}, "time: leave it out: a SenML record has its own time"},
		{Rule{SenML: "a", Encoding: "cbor"}, "encoding: leave it out"},
		{Rule{Regex: "a", Encoding: "cbor"}, "encoding: is of a document with a pointer, and the rule has regex"},
		{Rule{Encoding: "xml"}, "encoding: xml: want json or cbor"},
		{Rule{Delimiter: ";"}, "delimiter: is for a CSV document, and the rule has no column"},
		{Rule{Header: []string{"a"}}, "header: is for a CSV document"},
		{Rule{Column: "a", Delimiter: ";;"}, `delimiter: ";;": want one character`},
		{Rule{Column: "0"}, "column: 0: want a name, or a number from 1"},
		{Rule{Column: "01"}, "column: 01: want a name, or a number from 1"},
		{Rule{Column: "a", Header: []string{"b", "c"}}, "column: a is not in header, which has b and c"},
		{Rule{Column: "a", Time: "a"}, "time: is the column of the value itself"},
		{Rule{Column: "a", Where: map[string]Match{"b": MatchNull()}}, "where: b: a column holds a text"},
		{Rule{Regex: "("}, "regex: missing closing )"},
		{Rule{Regex: `(?<=T)\d+`}, "RE2 looks neither ahead nor behind"},
		{Rule{Regex: `((a{100}){100}){100}`}, "regex: "},
		{Rule{Regex: `(a{1000}){3}`}, "regex: "},
		{Rule{Regex: `(?P<time>a)`}, "regex: has a group for the time and none for the value"},
		{Rule{Regex: "a", Where: map[string]Match{"/b": MatchText("1")}}, "where: leave it out"},
	} {
		err := c.rule.Validate()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.rule, err, c.want)
		}
		var field *FieldError
		if !errors.As(err, &field) {
			t.Errorf("%+v: %v names no setting", c.rule, err)
		}
	}
}

func TestRulesOfOtherWaysAreCanonical(t *testing.T) {
	rules := Rules{"s": {
		"a": {SenML: "n"}, "b": {Column: "temp", Delimiter: ";", Header: []string{"temp", "time"}}, "c": {Regex: "([0-9]+)"},
		"d": {Pointer: "/t", Encoding: "cbor"}, "e": {Pointer: "/t", Encoding: "json"},
	}}
	x, err := New(rules)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"extract":1,"sources":{"s":{"a":{"senml":"n"},"b":{"column":"temp","delimiter":";","header":["temp","time"]},"c":{"regex":"([0-9]+)"},"d":{"pointer":"/t","encoding":"cbor"},"e":{"pointer":"/t"}}}}`
	if string(x.JSON()) != want {
		t.Fatalf("got %s, want %s", x.JSON(), want)
	}
	again, err := Parse(json.RawMessage(want))
	if err != nil || again.Version() != x.Version() {
		t.Errorf("parsed again: %v, %v", again, err)
	}
}

func TestAReadingWithoutTheRecordRowOrMatchHasNoSuchPoint(t *testing.T) {
	for name, c := range map[string]struct {
		rule        Rule
		with, other string
	}{
		"senml":  {Rule{SenML: "a"}, `[{"n":"a","v":1}]`, `[{"n":"b","v":1}]`},
		"column": {Rule{Column: "2", Where: map[string]Match{"1": MatchText("a")}}, "a,1", "b,1"},
		"regex":  {Rule{Regex: "^a=(.*)$"}, "a=1", "b=1"},
		"cbor":   {Rule{Pointer: "/a", Encoding: "cbor"}, "\xa1\x61a\x01", "\xa0"},
	} {
		x, err := New(Rules{"s": {"": c.rule}})
		if err != nil {
			t.Fatal(err)
		}
		if !x.Has(reading(c.with), "s") || x.Has(reading(c.other), "s") {
			t.Errorf("%s: has with %v, has other %v", name, x.Has(reading(c.with), "s"), x.Has(reading(c.other), "s"))
		}
	}
}

func TestADocumentThatIsNoJSONSaysWhichRuleWouldReadIt(t *testing.T) {
	for _, c := range []struct{ body, media, want string }{
		{"21.5 °C", "text/plain", "regex: '(-?[0-9.]+)'"},
		{"\xa1\x61t\x01", "application/cbor", "encoding: cbor"},
		{"\x81\xa2\x00\x61t\x02\x01", "application/senml+cbor", "senml: "},
	} {
		r := reading(c.body)
		r.ContentType = c.media
		wantPoint(t, apply(t, Rule{}, r)[0], "", "", time.Time{}, c.want)
	}
	if p := apply(t, Rule{}, reading("21.5"))[0]; p.Value != decimal(t, "21.5") {
		t.Errorf("got %+v of a text that is a number", p)
	}
}

func TestADecimalCharacterIsOfATextAlone(t *testing.T) {
	for want, rule := range map[string]Rule{
		"":                                    {Column: "b", Decimal: ","},
		"decimal: x: want \",\" or":           {Column: "b", Decimal: "x"},
		"has neither column nor regex":        {Pointer: "/t", Decimal: ","},
		"with enum the text is no number":     {Regex: "(.*)", Decimal: ",", Enum: map[string]int64{"on": 1}},
		"decimal: is for a number in a text,": {SenML: "t", Decimal: "."},
	} {
		if err := rule.Validate(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", rule, err, want)
		}
	}
	for rule, want := range map[string]string{"1.204,5": "no point is read", "1,2,3": "at most one comma", "x": "at most one comma"} {
		if got := apply(t, Rule{Regex: "(.*)", Decimal: ","}, reading(rule))[0]; got.Quality != dodona.Bad || !strings.Contains(got.Reason, want) {
			t.Errorf("%s: got %+v, want %q", rule, got, want)
		}
	}
	if got := apply(t, Rule{Regex: "(.*)"}, reading("12,5"))[0]; !strings.Contains(got.Reason, `say decimal: ","`) {
		t.Errorf("got %q, which names no way out", got.Reason)
	}
}
