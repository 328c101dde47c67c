package trial

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// plc is a source of a kind that makes points itself: level and flow.
const plc = `
sources:
  plc:
    registers:
      address: 10.0.0.7:502
      password: {file: /nowhere}
      registers: {level: {at: 0, decimals: 1, unit: m}, flow: {at: 1}}
`

// plausibleIn puts a module that makes a point of every one that the feed asks for into a folder.
func plausibleIn(t *testing.T, dir string) {
	t.Helper()
	code, err := os.ReadFile("../../module/testdata/guests/plausible-c.wasm")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "plausible.wasm", string(code))
	write(t, dir, "frame", "\x00\x19\x00\x07")
}

func TestAModuleIsTriedOnPointsThatAKindMakes(t *testing.T) {
	dir := t.TempDir()
	plausibleIn(t, dir)
	got, err := tested(t, dir, "module: plausible.wasm"+plc+`
cases:
- name: all of them, and the only number of another source
  inputs: [{source: plc, file: frame}, {source: a, body: "1.5"}]
  points: [{id: a, value: 1.5}, {id: plc.flow, value: 7}, {id: plc.level, value: 2.5}]
- name: what the feed asks for
  from: {plc.level: , a: /x}
  inputs: [{source: plc, file: frame}, {source: a, body: '{"x": 3}'}]
  points: [{id: a, value: 3}, {id: plc.level, value: 2.5}]
- name: a rule goes before what the kind makes
  from: {plc.level: {pointer: /l}}
  inputs: [{source: plc, body: '{"l": 8}'}]
  points: [{id: plc.level, value: 8}]
- name: a frame that is too short
  inputs: [{source: plc, body: ""}]
  points: [{id: plc.flow, quality: bad}, {id: plc.level, quality: bad}]
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range got.Cases {
		if !k.Pass {
			t.Errorf("%s: %q, %v", k.Name, k.Diff, k.Logs)
		}
	}
}

func TestAPointThatAKindDoesNotMakeIsToldByName(t *testing.T) {
	dir := t.TempDir()
	plausibleIn(t, dir)
	_, err := tested(t, dir, "module: plausible.wasm"+plc+"from: {plc.other: }\ncases: [{inputs: [{source: plc, file: frame}]}]")
	if err == nil || !strings.Contains(err.Error(), `source "plc" makes no point "plc.other"; there are plc.flow and plc.level`) {
		t.Errorf("got %v", err)
	}
}

func TestSourcesOfATestAreCheckedAsThoseOfAConfiguration(t *testing.T) {
	for sources, want := range map[string]string{
		"x":                                    "sources: want a map of names, got a single value",
		"{PLC: {registers: {address: 'a:1'}}}": "1 to 63 of a-z",
		"{plc: {http: {url: https://a}}}":      `source "plc": unknown key "http"`,
		"{plc: }":                              "want its kind",
		"{plc: {registers: {addres: 'a:1'}}}":  `did you mean "address"?`,
		"{plc: {registers: {}}}":               `source "plc": registers: address: want host:port`,
		"{plc: {registers: {address: 'a:1', registers: {b: {at: 125}}}}}": "registers.b.at: 125: want 0 to 124",
	} {
		_, err := tested(t, t.TempDir(), "sources: "+sources+"\ncases: [{inputs: [{body: 1}]}]")
		if list := (*strict.MistakesError)(nil); !errors.As(err, &list) || !strings.Contains(list.Text(""), want) {
			t.Errorf("sources: %s: %v, want %q", sources, err, want)
		}
	}
	path := write(t, t.TempDir(), "counter_test.yaml", plc+"cases: [{inputs: [{body: 1}]}]")
	if _, err := readTest(path, nil); err == nil || !strings.Contains(err.Error(), "no kind of this build makes points of its readings itself") {
		t.Errorf("got %v", err)
	}
	test, err := readTest(write(t, t.TempDir(), "counter_test.yaml", "sources:\ncases: [{inputs: [{body: 1}]}]"), nil)
	if err != nil || len(test.Sources.decoded) > 0 {
		t.Errorf("no sources: %+v, %v", test, err)
	}
}
