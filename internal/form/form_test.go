package form

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// ship has a field of every form.
var ship = Form{
	Fields: Fields{
		"signature": Text, "k": Number, "sound": Bool, "crew": {Items: &Text}, "hull": {Fields: Fields{"planks": Number}},
		"holds": {Values: &Form{Items: &Number}}, "log": Any,
	},
	Optional: []string{"sound", "crew", "hull", "holds", "log"},
}

func TestOnlyTheOneFormIsAccepted(t *testing.T) {
	const must = `"signature":"s","k":1`
	inside := func(more string) string { return "{" + must + "," + more + "}" }
	for _, row := range []struct{ name, raw, says string }{
		{"the least", "{" + must + "}", ""},
		{"everything", inside(`"sound":true,"crew":["a","b"],"hull":{"planks":2},"holds":{"a":[1],"b":[]},"log":[{"x":null}]`), ""},
		{"another order and blanks", " {\r\n\t\"k\" : -0.5e3 , \"signature\":\"\"} \n", ""},
		{"a name in escapes", `{"\u0073ignature":"s","k":1}`, ""},

		{"nothing", "", "cut short after 0 bytes"},
		{"blanks", " \n", "cut short"},
		{"null", "null", "the ship: want an object"},
		{"a list", "[]", "the ship: want an object"},
		{"a text", `"x"`, "the ship: want an object"},
		{"a bracket that closes", "]", "not JSON"},
		{"a byte order mark", "\xef\xbb\xbf{" + must + "}", "not JSON at byte 0"},
		{"UTF-16", "{\x00\"\x00k\x00", "not JSON"},

		{"a field that is missing", `{"k":1}`, `the ship: field "signature" is missing`},
		{"an unknown field", inside(`"mast":1`), `the ship: unknown field "mast"`},
		{"an unknown field inside", inside(`"hull":{"planks":1,"mast":[[[]]]}`), `hull: unknown field "mast"`},
		{"a long unknown field", inside(`"` + strings.Repeat("m", 1000) + `":1`), `unknown field "` + strings.Repeat("m", 40) + `…"`},
		{"an unknown field that steers a terminal", inside(`"\u001b[2J\u202e":1`), `unknown field "\x1b[2J\u202e"`},
		{"capitals", strings.Replace("{"+must+"}", "signature", "Signature", 1), `unknown field "Signature"`},
		{"a letter that folds to s", strings.Replace("{"+must+"}", "signature", "\u017fignature", 1), "unknown field"},
		{"a letter that folds to k", strings.Replace("{"+must+"}", `"k"`, "\"\u212a\"", 1), "unknown field"},
		{"an empty name", inside(`"":1`), `unknown field ""`},
		{"a name with a zero byte", inside(`"k\u0000":1`), `unknown field "k\x00"`},
		{"half a surrogate in a name", inside(`"k\ud800":1`), "unknown field"},
		{"a field twice", inside(`"k":1`), `the ship: field "k" stands twice`},
		{"a field twice, once in escapes", inside(`"\u006b":1`), `the ship: field "k" stands twice`},
		{"a free name twice", inside(`"holds":{"a":[],"\u0061":[]}`), `holds: field "a" stands twice`},
		{"two free names that are one without their surrogates", inside(`"holds":{"\ud800":[],"\udfff":[]}`), "stands twice"},

		{"null for a text", `{"signature":null,"k":1}`, "signature: want a string"},
		{"null for a number", `{"signature":"","k":null}`, "k: want a number"},
		{"null for a truth", inside(`"sound":null`), "sound: want true or false"},
		{"null for a list", inside(`"crew":null`), "crew: want an array"},
		{"null for an object", inside(`"hull":null`), "hull: want an object"},
		{"null for free names", inside(`"holds":null`), "holds: want an object"},
		{"null in a list", inside(`"crew":["a",null]`), "crew[1]: want a string"},
		{"null in a list of free names", inside(`"holds":{"a":[1,null]}`), `"a"[1]: want a number`},
		{"a number for a text", `{"signature":1,"k":1}`, "signature: want a string"},
		{"a text for a number", `{"signature":"","k":"1"}`, "k: want a number"},
		{"a number for a truth", inside(`"sound":1`), "sound: want true or false"},
		{"a number without end", `{"signature":"","k":` + strings.Repeat("9", 1<<20) + "}", "k: a number of 1048576 characters"},
		{"a long number", `{"signature":"","k":1` + strings.Repeat("0", 63) + "}", ""},
		{"a list for an object", inside(`"hull":[]`), "hull: want an object"},
		{"an object for a list", inside(`"crew":{}`), "crew: want an array"},

		{"something after", "{" + must + "}{}", "something follows the ship"},
		{"a bracket after", "{" + must + "}}", "something follows the ship"},
		{"a comma after", "{" + must + "},", "something follows the ship"},
		{"a zero byte after", "{" + must + "}\x00", "something follows the ship"},
		{"a comma too many", "{" + must + ",}", "not JSON"},
		{"a comma too many in a list", inside(`"crew":["a",]`), "not JSON"},
		{"no comma", inside(`"crew":["a" "b"]`), "not JSON"},
		{"no colon", `{"signature" "s"}`, "not JSON"},
		{"the other bracket", inside(`"crew":["a"}`), "not JSON"},
		{"a name without quotes", `{k:1}`, "not JSON"},
		{"a comment", "{" + must + "/**/}", "not JSON"},
		{"NaN", `{"signature":"","k":NaN}`, "not JSON"},
		{"a zero in front", `{"signature":"","k":01}`, "not JSON"},
		{"a plus", `{"signature":"","k":+1}`, "not JSON"},
		{"a line break in a text", "{\"signature\":\"a\nb\",\"k\":1}", "not JSON"},
		{"an unknown escape", `{"signature":"\x41","k":1}`, "not JSON"},
		{"broken UTF-8 in a text", "{\"signature\":\"\xff\",\"k\":1}", "not UTF-8"},
		{"broken UTF-8 in a name", "{\"k\xc0\":1}", "not UTF-8"},
		{"half a surrogate in UTF-8", "{\"signature\":\"\xed\xa0\x80\",\"k\":1}", "not UTF-8"},
		{"broken UTF-8 in what nothing looks into", inside("\"log\":\"\xff\""), "not UTF-8"},
		{"what nothing looks into is cut", "{" + must + `,"log":[`, "cut short"},
		{"what nothing looks into is no JSON", inside(`"log":[,]`), "not JSON"},
		{"cut in a text", `{"signature":"s`, "cut short"},
		{"cut after a name", `{"signature"`, "cut short"},
		{"cut after a value", "{" + must, "cut short"},

		{"deep brackets", strings.Repeat("[", 1<<20), "the ship: want an object"},
		{"deep brackets inside", inside(`"crew":` + strings.Repeat("[", 1<<20)), "crew[0]: want a string"},
		{"deep brackets that nothing looks into", inside(`"log":` + strings.Repeat("[", 1<<20)), "exceeded max depth"},
		{"deep objects that nothing looks into", inside(`"log":` + strings.Repeat(`{"":`, 1<<18)), "exceeded max depth"},
	} {
		err := ship.Check([]byte(row.raw), "the ship")
		if (row.says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: got %v, want %q: %.200s", row.name, err, row.says, row.raw)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("%s: a message of %d bytes", row.name, len(err.Error()))
		}
	}
}

func TestTheZeroFormIsNothing(t *testing.T) {
	for _, raw := range []string{`{}`, `[]`, `""`, `0`, `true`, `null`} {
		if err := (Form{}).Check([]byte(raw), "it"); err == nil {
			t.Errorf("%s is accepted", raw)
		}
	}
}

// TestTheWorkGrowsWithTheDocument compares what a document and one of twice its size take of memory: a walker whose work
// grew with the square would take four times as much.
func TestTheWorkGrowsWithTheDocument(t *testing.T) {
	names := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"%07d":[],`, i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	for name, raw := range map[string]func(n int) string{
		"items":  func(n int) string { return `{"crew":[""` + strings.Repeat(`,""`, n) + `]}` },
		"names":  func(n int) string { return `{"holds":{` + names(n/8) + `}}` },
		"a text": func(n int) string { return `{"signature":"` + strings.Repeat("s", n) + `"}` },
		"digits": func(n int) string { return `{"k":` + strings.Repeat("9", n) + `}` },
		"blanks": func(n int) string { return `{` + strings.Repeat(" ", n) + `}` },
		"any":    func(n int) string { return `{"log":[0` + strings.Repeat(",0", n) + `]}` },
	} {
		one, two := allocated(t, raw(100_000)), allocated(t, raw(200_000))
		if two > 3*one {
			t.Errorf("%s: %d bytes of memory, and %d for twice as many", name, one, two)
		}
		if one > 400*100_000 {
			t.Errorf("%s: %d bytes of memory", name, one)
		}
	}
}

func allocated(t *testing.T, raw string) uint64 {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_ = ship.Check([]byte(raw), "the ship")
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

type voyage struct {
	Name    string          `json:"name"`
	Days    uint8           `json:"days,omitempty"`
	Home    bool            `json:"home"`
	Sailed  time.Time       `json:"sailed,omitzero"`
	Cargo   []byte          `json:"cargo,omitempty"`
	Crew    *crew           `json:"crew,omitempty"`
	Ports   []crew          `json:"ports,omitempty"`
	Prices  map[string]int  `json:"prices,omitempty"`
	Letters json.RawMessage `json:"letters,omitempty"`
	Plain   string
	Hidden  string `json:"-"`
	own     string
}

type crew struct {
	Hands int `json:"hands"`
}

func TestTheFormOfATypeIsWhatItsJSONHas(t *testing.T) {
	full := voyage{
		Name: "ithaca", Days: 10, Home: true, Sailed: time.Unix(1, 0).UTC(), Cargo: []byte("x"), Crew: &crew{3}, Ports: []crew{{1}, {2}},
		Prices: map[string]int{"wine": 4}, Letters: json.RawMessage(`{"a":null}`), Plain: "p",
	}
	for _, v := range []voyage{full, {Letters: json.RawMessage("null")}} {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var got voyage
		if err := Of[voyage]().Read(raw, "the voyage", &got); err != nil {
			t.Fatal(err)
		}
		if again, err := json.Marshal(got); err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%s became %s, %v", raw, again, err)
		}
	}
	for raw, says := range map[string]string{
		`{"Name":"x"}`:             `the voyage: unknown field "Name"`,
		`{"own":"x"}`:              "unknown field",
		`{"Hidden":"x"}`:           "unknown field",
		`{"-":"x"}`:                "unknown field",
		`{"plain":"x"}`:            "unknown field",
		`{"days":256}`:             "read the voyage: json: cannot unmarshal number 256",
		`{"days":-1}`:              "cannot unmarshal number -1",
		`{"days":1.5}`:             "cannot unmarshal number 1.5",
		`{"days":1e99999999999}`:   "cannot unmarshal number 1e99999999999",
		`{"days":null}`:            "days: want a number",
		`{"crew":null}`:            "crew: want an object",
		`{"crew":{"hands":"x"}}`:   "hands: want a number",
		`{"ports":[{"hands":true}`: "hands: want a number",
		`{"sailed":5}`:             "sailed: want a string",
		`{"sailed":"soon"}`:        "read the voyage",
		`{"cargo":[1]}`:            "cargo: want a string",
		`{"prices":{"wine":null}}`: `"wine": want a number`,
		`{"prices":[]}`:            "prices: want an object",
	} {
		var got voyage
		if err := Of[voyage]().Read([]byte(raw), "the voyage", &got); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", raw, err, says)
		}
	}
	if (voyage{own: "x"}).own == "" {
		t.Error("unused")
	}
}

func TestWhatNoFormDescribesPanics(t *testing.T) {
	for name, of := range map[string]func() Form{
		"a float":     Of[float64],
		"anything":    Of[any],
		"an embedded": Of[struct{ crew }],
		"a channel":   Of[struct{ C chan int }],
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s has a form", name)
				}
			}()
			of()
		}()
	}
}

func TestExactTakesOneEncoding(t *testing.T) {
	const one = `{"hands":3}`
	for raw, want := range map[string]bool{
		one: true, `{"hands":3} `: false, ` {"hands":3}`: false, `{"hands": 3}`: false, `{"Hands":3}`: false, `{"hands":2,"hands":3}`: false,
		`{"hands":3,"x":1}`: false, `{"h\u0061nds":3}`: false, `{}`: false, `null`: false, `{"hands":3.0}`: false,
	} {
		var c crew
		if got, _ := Exact([]byte(raw), &c, json.Marshal); got != want {
			t.Errorf("%s: got %v", raw, got)
		}
	}
	var c crew
	if _, err := Exact([]byte(one+"{}"), &c, json.Marshal); err == nil {
		t.Error("what follows is taken for JSON")
	}
	broken := errors.New("no ink")
	if _, err := Exact([]byte(one), &c, func(any) ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// FuzzRead: what a form takes has one meaning: written again, it is read as the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"name":"ithaca","days":10,"home":true,"sailed":"1970-01-01T00:00:01Z","cargo":"eA==","crew":{"hands":3},"ports":[{"hands":1}],"prices":{"wine":4},"letters":{"a":[null]},"Plain":"p"}`))
	f.Add([]byte(`{"\u006eame":"\ud800","days":1e0}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var v voyage
		if err := Of[voyage]().Read(raw, "the voyage", &v); err != nil {
			return
		}
		var loose map[string]json.RawMessage
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&voyage{}); err != nil {
			t.Fatalf("%q is read, but not by encoding/json: %v", raw, err)
		}
		if err := json.Unmarshal(raw, &loose); err != nil {
			t.Fatal(err)
		}
		fields := Of[voyage]().Fields
		for name, value := range loose {
			if _, known := fields[name]; !known {
				t.Errorf("%q: the field %q is taken", raw, name)
			}
			if bytes.Equal(value, []byte("null")) && name != "letters" {
				t.Errorf("%q: %q may be null", raw, name)
			}
		}
		again, err := json.Marshal(v)
		if err != nil {
			return // a year beyond RFC 3339
		}
		var w voyage
		if err := Of[voyage]().Read(again, "the voyage", &w); err != nil {
			t.Errorf("%q became %s, which is refused: %v", raw, again, err)
		}
	})
}
