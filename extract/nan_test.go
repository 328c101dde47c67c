package extract

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

func TestANaNSpoilsItsOwnPointAlone(t *testing.T) {
	for _, word := range []string{"NaN", "-NaN", "nan", "-nan", "NAN", "Infinity", "-Infinity", "+Infinity", "inf", "-inf", "Inf", "INFINITY"} {
		for _, body := range []string{
			`{"t": 21.5, "h": ` + word + `}`, `{"h":` + word + `,"t":21.5}`, "{\"h\":\n" + word + "\t,\"list\":[" + word + "],\"t\":21.5}",
		} {
			r := reading(body)
			if got := apply(t, Rule{Pointer: "/t"}, r)[0]; got.Quality != dodona.Good || got.Value != decimal(t, "21.5") {
				t.Errorf("%s: the neighbour is %+v", body, got)
			}
			if got := apply(t, Rule{Pointer: "/h"}, r)[0]; got.Quality != dodona.Bad || got.Reason != word+" stands at /h, which is no number" {
				t.Errorf("%s: %+v", body, got)
			}
			if got := apply(t, Rule{Pointer: "/t", Time: "/h"}, r)[0]; got.Quality != dodona.Bad || !strings.Contains(got.Reason, "find time: "+word+" stands at /h") {
				t.Errorf("%s as a time: %+v", body, got)
			}
			if got := apply(t, Rule{}, r)[0]; got.Quality != dodona.Bad || !strings.Contains(got.Reason, "only number, 21.5 at /t, as a value: it has "+word+" at /h too; if it does, write value: /t") {
				t.Errorf("%s is not ambiguous without a pointer: %+v", body, got)
			}
			if got := apply(t, Rule{Pointer: "/x"}, r)[0]; !strings.HasSuffix(got.Reason, "the only number stands at /t") {
				t.Errorf("%s: a NaN is listed: %s", body, got.Reason)
			}
			if n, err := Number(r, "/t"); err != nil || n != decimal(t, "21.5") {
				t.Errorf("%s: a module is given %v, %v", body, n, err)
			}
		}
	}
	if got := apply(t, Rule{Pointer: "/h", Enum: map[string]int64{"NaN": 1}}, reading(`{"h":NaN}`))[0]; got.Quality != dodona.Bad {
		t.Errorf("a NaN is a label: %+v", got)
	}
	if got := apply(t, Rule{}, reading(`[NaN,-Infinity]`))[0]; !strings.Contains(got.Reason, "the document has NaN at /0 where a number would be, and the rule has no pointer") {
		t.Errorf("two that are none: %+v", got)
	}
	if got := apply(t, Rule{}, reading("NaN"))[0]; got.Reason != "NaN stands at the top, which is no number" {
		t.Errorf("a NaN alone: %+v", got)
	}
}

func TestWhatElseIsNoJSONStaysRefused(t *testing.T) {
	for _, body := range []string{
		`{"t":1,"h":NaN,}`, `{"t":1,"h":NaN} // broken`, `{"t":1,'h':NaN}`, `{"t":1,h:NaN}`, `{"t":1,NaN:2}`, `{"t":1,"h":1NaN}`, `{"t":1,"h":NaN1}`,
		`{"t":1,"h":- Infinity}`, `{"t":1,"h":--Infinity}`, `{"t":1,"h":NaN NaN}`, `{"t":1,"h":nanny}`, `{"t":1,"h":None}`, `{"t":1,"h":undefined}`,
		`{"t":1,"h":True}`, `{"t":1,"h":NULL}`, `{"t":1,"h":infinit}`, `{"t":1,"h":.5}`, `{"t":1,"h":1.#INF}`, `{"t":1,"h":"a"NaN}`, `{"t":1} NaN`,
		`{"t":1,"h":nan(0x1)}`, `{"t":1,"h":n\u0061n}`, `{"t":1,"h":NaN`, `{"t":1,"h":Na`, `{"t":1,"h":+1}`, `{"t":1,"h":ＮａＮ}`,
	} {
		if got := apply(t, Rule{Pointer: "/t"}, reading(body))[0]; got.Quality != dodona.Bad || !strings.Contains(got.Reason, "the document is") {
			t.Errorf("%s gave %+v", body, got)
		}
	}
	if got := apply(t, Rule{Pointer: "/t"}, reading(`{"h":NaN,"t":1,}`))[0]; !strings.Contains(got.Reason, "invalid character '}'") || !strings.Contains(got.Reason, "at byte 16") {
		t.Errorf("the comma is not what is told: %s", got.Reason)
	}
	if got := apply(t, Rule{Pointer: "/s"}, reading(`{"s":"NaN, Infinity","t":NaN}`))[0]; !strings.Contains(got.Reason, `"NaN, Infinity"`) {
		t.Errorf("a text is changed: %s", got.Reason)
	}
}

func FuzzNaNIsTheOnlyWordBeyondJSON(f *testing.F) {
	for _, seed := range []string{`{"a":NaN}`, `[1,-Infinity,"NaN"]`, `{"a\"NaN":inf}`, `[NaN`, `"NaN`, `1NaN`, `[nan,+inf]`, `NaN`} {
		f.Add([]byte(seed))
	}
	fuzztest.Run(f, func(t *testing.T, body []byte) {
		if check(body) != nil {
			if json.Valid(body) && utf8.Valid(body) {
				t.Fatalf("JSON %q is refused", body)
			}
			return
		}
		if json.Valid(body) {
			if strict := withoutNaN(body); string(strict) != string(body) {
				t.Fatalf("JSON %q became %q", body, strict)
			}
			return
		}
		found := false
		if err := walk(body, false, func(v visit) { found = found || v.shape == nan && isNaN(v.text) }); err != nil {
			return // too deep
		}
		if !found {
			t.Fatalf("%q is neither JSON nor has it a NaN", body)
		}
		if strict := withoutNaN(body); len(strict) != len(body) || !json.Valid(strict) {
			t.Fatalf("%q became %q", body, strict)
		}
	})
}
