package extract

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"pgregory.net/rapid"
)

// lookup finds a pointer the way encoding/json and RFC 6901 would, as an oracle for what find says.
func lookup(body []byte, p pointer) (any, bool) {
	var v any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil, false
	}
	for _, token := range p {
		switch at := v.(type) {
		case map[string]any:
			inner, found := at[token.key]
			if !found {
				return nil, false
			}
			v = inner
		case []any:
			i, err := strconv.Atoi(token.key)
			if err != nil || i < 0 || i >= len(at) || strconv.Itoa(i) != token.key {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// pointsOf returns the points that an extraction takes from one reading.
func pointsOf(t interface{ Fatal(...any) }, x *Extraction, r dodona.Reading) []dodona.Point {
	result, err := x.Apply(context.Background(), dodona.Call{Readings: []dodona.Reading{r}})
	if err != nil {
		t.Fatal(err)
	}
	return result.Points
}

func FuzzApplyAgreesWithEncodingJSON(f *testing.F) {
	for _, seed := range []struct{ body, pointer, time string }{
		{`{"a":{"b":[1,"2.50",true]}}`, "/a/b/1", ""},
		{`{"result":{"XXBTZUSD":{"c":["43218.55","1"]}}}`, "/result/XXBTZUSD/c/0", ""},
		{`{"v":1e-3,"t":1795349070.5}`, "/v", "/t"},
		{`[[[[1]]]]`, "/0/0/0/0", ""},
		{`{"a":1,"a":{"a":2}}`, "/a/a", "/a"},
		{`{"~/":{"":-0}}`, "/~0~1/", ""},
		{"\"\\ud800\"", "", ""},
		{`{"\u0000\"\\":1e400}`, "/x", ""},
		{`NaN`, "", ""},
		{`{"a":1.`, "/a", ""},
		{strings.Repeat("[", 70), "", ""},
		{"\xef\xbb\xbf{}", "", ""},
	} {
		f.Add([]byte(seed.body), seed.pointer, seed.time)
	}
	fuzztest.Run(f, func(t *testing.T, body []byte, place, time string) {
		x, err := New(Rules{"s": {"": {Pointer: place, Time: time}}})
		if err != nil {
			return
		}
		r := reading("")
		r.Body = body
		points := pointsOf(t, x, r)
		if len(points) != 1 {
			t.Fatalf("%d points", len(points))
		}
		got := points[0]
		if got.Quality == dodona.Bad {
			checkReason(t, got.Reason)
			return
		}
		read, err := Text(body, "")
		if err != nil {
			t.Fatalf("%q is no text and gave %+v", body, got)
		}
		if body = read; !json.Valid(body) {
			if body = withoutNaN(body); !json.Valid(body) {
				t.Fatalf("%q is not JSON and gave %+v", body, got)
			}
		}
		if place == "" {
			return
		}
		p, err := parsePointer(place)
		if err != nil {
			t.Fatal(err)
		}
		value, found := lookup(body, p)
		text := map[any]string{true: "1", false: "0"}[value]
		switch v := value.(type) {
		case json.Number:
			text = v.String()
		case string:
			text = v
		}
		want, err := dodona.ParseDecimal(text)
		if !found || err != nil || want != got.Value {
			t.Fatalf("%q at %s gave %v, encoding/json finds %v", body, place, got.Value, value)
		}
	})
}

func FuzzPointerSurvivesWalking(f *testing.F) {
	for _, seed := range []string{"/a", "/a~1b/~0/0", "", "/", "//", "/01", "/a~2", "a"} {
		f.Add(seed)
	}
	fuzztest.Run(f, func(t *testing.T, s string) {
		p, err := parsePointer(s)
		if err != nil {
			return
		}
		var path []frame
		for _, token := range p {
			path = append(path, frame{key: []byte(token.key)})
		}
		if got := pointerOf(path); got != s {
			t.Fatalf("%q became %q", s, got)
		}
		checkReason(t, printable(s)+".")
	})
}

func FuzzInstant(f *testing.F) {
	for _, seed := range []string{"1795349070.5", "2026-11-22T12:04:30Z", "1e11", "-1", "9999-12-31T23:59:59.999Z"} {
		f.Add(seed)
	}
	fuzztest.Run(f, func(t *testing.T, s string) {
		at, err := parseInstant(s)
		if err != nil {
			checkReason(t, printable(err.Error()))
			return
		}
		if ms := at.UnixMilli(); ms < 0 || ms > maxInstant || at.Nanosecond()%1e6 != 0 {
			t.Fatalf("%q became %v", s, at)
		}
	})
}

// number draws the text of a JSON number that fits.
var numbers = rapid.StringMatching(`-?(0|[1-9][0-9]{0,27})(\.[0-9]{1,20})?([eE][+-]?[0-8])?`)

func fits(number string) bool {
	_, err := dodona.ParseDecimal(number)
	return err == nil
}

func TestEqualTextIsEqualValueWhereverItStands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := numbers.Filter(fits).Draw(t, "number")
		want, err := dodona.ParseDecimal(s)
		if err != nil {
			t.Fatal(err)
		}
		key := rapid.String().Draw(t, "key")
		quoted, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		// As JSON reads it back: invalid UTF-8 became a replacement character.
		if err := json.Unmarshal(quoted, &key); err != nil {
			t.Fatal(err)
		}
		blank := rapid.StringMatching(`[ \t\n\r]{0,2}`).Draw(t, "blank")
		for _, body := range []string{
			blank + "{" + string(quoted) + blank + ":" + blank + s + blank + "}" + blank,
			"{" + string(quoted) + `:"` + s + `"}`,
			`{"other":{"more":[]},` + string(quoted) + `:"` + s + `"}`,
		} {
			pointer := "/" + escape(key)
			for _, rule := range []Rule{{}, {Pointer: pointer}} {
				if key == "other" || rule.Pointer == "" && (isCalledError([]byte(key)) || strings.Contains(body, "[]")) {
					continue
				}
				x, err := New(Rules{"s": {"": rule}})
				if err != nil {
					t.Fatal(err)
				}
				if got := pointsOf(t, x, reading(body))[0]; got.Value != want || got.Quality != dodona.Good {
					t.Fatalf("%s by %+v gave %+v, want %s", body, rule, got, want)
				}
			}
		}
	})
}

func TestListedPointersLeadToNumbers(t *testing.T) {
	var document func(depth int) *rapid.Generator[string]
	document = func(depth int) *rapid.Generator[string] {
		scalar := rapid.OneOf(numbers, rapid.Just("null"), rapid.Just("true"), rapid.Just(`"x"`), rapid.Just(`"1.5"`))
		if depth == 0 {
			return scalar
		}
		return rapid.Custom(func(t *rapid.T) string {
			inner := rapid.SliceOfN(document(depth-1), 0, 3).Draw(t, "inner")
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				return "[" + strings.Join(inner, ",") + "]"
			case 1:
				members := make([]string, len(inner))
				for i, v := range inner {
					members[i] = strconv.Quote([]string{"a", "b/c", "d~"}[i]) + ":" + v
				}
				return "{" + strings.Join(members, ",") + "}"
			}
			return scalar.Draw(t, "scalar")
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		body := document(3).Draw(t, "document")
		err := walk([]byte(body), true, func(v visit) {
			if !v.isNumeric() {
				return
			}
			p, err := parsePointer(pointerOf(v.path))
			if err != nil {
				t.Fatal(err)
			}
			value, found := lookup([]byte(body), p)
			var got string
			switch value := value.(type) {
			case json.Number:
				got = value.String()
			case string:
				got = value
			}
			if !found || got != string(v.text) {
				t.Fatalf("%s at %s: walked to %s, encoding/json finds %v", body, pointerOf(v.path), v.text, value)
			}
		})
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
	})
}
