package websocket

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

type matches = map[string]Match

func TestAMatchHoldsForWhatStandsThere(t *testing.T) {
	const message = `{"op":"subscribe","ok":true,"none":null,"id":1.50,"text":"1.5","list":[{"s":"A"},{"s":"B"}],"a/b":{"~":"x"},"twice":1,"twice":2,"object":{}}`
	for _, c := range []struct {
		m    matches
		want bool
	}{
		{matches{"/op": "subscribe"}, true},
		{matches{"/op": "Subscribe"}, false},
		{matches{"/op": "subscribe", "/ok": "true"}, true},
		{matches{"/op": "subscribe", "/ok": "false"}, false},
		{matches{"/none": "null"}, true},
		{matches{"/gone": "null"}, false},
		{matches{"/id": "1.5"}, true},
		{matches{"/id": "15e-1"}, true},
		{matches{"/text": "1.50"}, false},
		{matches{"/text": "1.5"}, true},
		{matches{"/list/1/s": "B"}, true},
		{matches{"/list/2/s": "B"}, false},
		{matches{"/list/01/s": "B"}, false},
		{matches{"/a~1b/~0": "x"}, true},
		{matches{"/twice": "2"}, true},
		{matches{"/object": "*"}, true},
		{matches{"/object": ""}, false},
		{matches{"/gone": "*"}, false},
		{matches{"op": "subscribe"}, false},
		{matches{}, false},
	} {
		if got := hold(c.m, []byte(message)); got != c.want {
			t.Errorf("%v holds: %t, want %t", c.m, got, c.want)
		}
	}
}

func TestAMessageIsFilledOnce(t *testing.T) {
	values := map[string]string{"token": "a{{other}}b", "other": "OTHER", "/id": `"x"`}
	for text, want := range map[string]string{
		`{"t":"{{token}}"}`:                   `{"t":"a{{other}}b"}`,
		`{"id":{{/id}},"t":"{{other}}"}`:      `{"id":"x","t":"OTHER"}`,
		`{"a":{"b":{}}}`:                      `{"a":{"b":{}}}`,
		`{"q":"query{{a b}}"}`:                `{"q":"query{{a b}}"}`,
		`{{{other}}}`:                         `{OTHER}`,
		`{{`:                                  `{{`,
		`{{other`:                             `{{other`,
		`no names`:                            `no names`,
		`{{other}}{{other}}`:                  `OTHEROTHER`,
		`{"query":"subscription{t{{other}}}"`: `{"query":"subscription{tOTHER}"`,
	} {
		got, err := fill(text, func(name string) (string, error) { return values[name], nil })
		if err != nil || got != want {
			t.Errorf("%s becomes %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestASecretIsTextOfJSON(t *testing.T) {
	const secret = "a\"b\\c\n<&>é\u2028"
	var got string
	if err := json.Unmarshal([]byte(`"`+inText(secret)+`"`), &got); err != nil || got != secret {
		t.Errorf("%q becomes %s, which reads %q, %v", secret, inText(secret), got, err)
	}
}

func FuzzMatches(f *testing.F) {
	f.Add([]byte(`{"op":"ping","list":[1,{"a":null}]}`), "/list/1/a", "null")
	f.Add([]byte(`[[[`), "/0/0/0", "*")
	f.Add([]byte("{\"a\":1e9999999999}"), "/a", "1")
	fuzztest.Run(f, func(t *testing.T, message []byte, place, want string) {
		held := hold(matches{place: Match(want)}, message)
		if path, err := parsePointer(place); err == nil && json.Valid(message) && want == "*" {
			if _, found := valueAt(message, path); found != held {
				t.Errorf("%q holds %q: %t", message, place, held)
			}
		}
		if item := itemOf(message, place); strings.ContainsAny(item, "\n\r") || len(item) > 2*longestItem {
			t.Errorf("item %q", item)
		}
		_, _ = fill(want, func(string) (string, error) { return place, nil })
	})
}
