package explain_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// TestABundleHasOneForm: what spec/bundle.md does not have is refused, with its place, though encoding/json would read it.
func TestABundleHasOneForm(t *testing.T) {
	p, b := three(t)
	raw, err := json.Marshal(exported(t, p, b.Round))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, from, to, says string }{
		{"as it is", "$", "", ""},
		{"blanks", `,"round":`, ",\n \"round\" :", ""},
		{"a name twice", "^{", `{"node":"x",`, `field "node" stands twice`},
		{"a name twice in the rules", `"rules":{`, `"rules":{"format":1,`, `field "format" stands twice`},
		{"capitals", `"feed":`, `"FEED":`, `unknown field "FEED"`},
		{"a capital", `,"value":`, `,"Value":`, `unknown field "Value"`},
		{"another letter that folds to k", `"tookMs":`, `"too\u212aMs":`, "unknown field"},
		{"an unknown field", "^{", `{"more":1,`, `unknown field "more"`},
		{"an unknown field inside", `"received":`, `"more":1,"received":`, `unknown field "more"`},
		{"null for a text", `"node":"[^"]*"`, `"node":null`, "node: want a string"},
		{"no node", `"node":"[^"]*",`, "", `field "node" is missing`},
		{"no unit", `"unit":"USD",`, "", `field "unit" is missing`},
		{"no module's bytes", "}$", `,"module":null}`, "module: want a string"},
		{"an empty module", "}$", `,"module":""}`, "module: want bytes"},
		{"an empty transcript", "}$", `,"transcript":""}`, "transcript: want bytes"},
		{"less than nothing", `"size":[0-9]+`, `"size":-0`, "inputs[0].readings[0].size: want a size, not \"-0\""},
		{"less than nothing of time", `"tookMs":-?[0-9]+`, `"tookMs":-0`, `tookMs: want a whole number, not "-0"`},
		{"a time with a comma", `"received":"([^".]*)\.`, `"received":"$1,`, "received: want a time of RFC 3339"},
		{"a time of another day's zone", `"received":"([^"]*)Z"`, `"received":"$1+24:00"`, "received"},
		{"a time to the tenth digit", `"received":"([^".]*)[^"]*Z"`, `"received":"$1.0123456789Z"`, "received: want a time of RFC 3339"},
		{"an hour of one digit", `"received":"([^"T]*)T[^"]*"`, `"received":"${1}T5:04:40Z"`, "received: want a time of RFC 3339"},
		{"a line in bytes", `"body":"(....)`, `"body":"$1\n`, "readings[0].body: want base64"},
		{"a mark in front", "^{", "\ufeff{", "not JSON at byte 0"},
		{"something behind", "}$", "}{}", "something follows"},
		{"the salt of no transcript", "}$", `,"transcriptSalt":"0x` + strings.Repeat("11", 32) + `"}`, "transcriptSalt: a transcript and its salt"},
		{"a missed round with a value", "}$", `,"missed":"x"}`, "missed: there is a value"},
		{"another name signed", `"name":"btc.usd","round"`, `"name":"eth.usd","round"`, "observation: name"},
		{"half a character", `"node":"`, `"node":"\ud800`, "half a character"},
		{"the other half", `"node":"`, `"node":"\\\ud83d\ude00\udc00`, "half a character"},
		{"a whole character", `"node":"`, `"node":"\ud83d\ude00\\ud800`, ""},
		{"a state that is null", "}$", `,"state":null}`, "state: want an object"},
		{"deep", "}$", `,"more":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}", "more than 64 deep"},
		{"no round", `"round":[0-9]+`, `"round":0`, "round: there is no round 0"},
		{"a round of a year with five digits", `"round":[0-9]+`, `"round":253402300800000`, "round: there is no round"},
		{"cut", "}$", "", "cut short"},
		{"nothing", "(?s).*", "", "cut short"},
	} {
		changed := replaceFirst(raw, c.from, c.to)
		if bytes.Equal(changed, raw) && c.from != "$" {
			t.Errorf("%s: nothing was changed", c.name)
		}
		_, err := explain.ReadBundle(changed)
		if (c.says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.says)
		}
	}
}

func replaceFirst(raw []byte, from, to string) []byte {
	pattern := regexp.MustCompile(from)
	at := pattern.FindSubmatchIndex(raw)
	if at == nil {
		return raw
	}
	return bytes.Join([][]byte{raw[:at[0]], pattern.Expand(nil, []byte(to), raw, at), raw[at[1]:]}, nil)
}

// TestRulesAreDigestedAsTheyAreWritten: escapes that need not be there change nothing, as spec/bundle.md has it.
func TestRulesAreDigestedAsTheyAreWritten(t *testing.T) {
	p, b := three(t)
	e := exported(t, p, b.Round)
	for name, change := range map[string]func([]byte) []byte{
		"a solidus":      func(r []byte) []byte { return bytes.ReplaceAll(r, []byte(`"/`), []byte(`"\/`)) },
		"another letter": func(r []byte) []byte { return bytes.Replace(r, []byte(`"format"`), []byte(`"f\u006frmat"`), 1) },
	} {
		was := compacted(t, e.Rules)
		changed := change(was)
		if bytes.Equal(was, changed) {
			t.Errorf("%s: nothing was changed in %s", name, was)
		}
		again := e
		again.Rules = changed
		if r := replayed(t, again); !r.Same {
			t.Errorf("%s: %s", name, r)
		}
	}
}

func compacted(t *testing.T, raw json.RawMessage) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzReadBundle: no bytes make it panic, and what it reads is read again when it is written.
func FuzzReadBundle(f *testing.F) {
	p, b := three(f)
	raw, err := json.Marshal(exported(f, p, b.Round))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	fuzztest.Run(f, func(t *testing.T, raw []byte) {
		b, err := explain.ReadBundle(raw)
		if err != nil {
			return
		}
		again, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		var back dodona.Bundle
		if back, err = explain.ReadBundle(again); err != nil || back.Round != b.Round {
			t.Errorf("%s became %s: %v", raw, again, err)
		}
	})
}
