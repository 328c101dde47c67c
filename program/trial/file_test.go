package trial

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/source/sourcetest/registertest"
)

// FuzzModuleTest: whatever stands in a file of tests, it is refused or makes events; and a result that is just what a case
// expects does not differ from it.
func FuzzModuleTest(f *testing.F) {
	for _, seed := range []string{
		"cases: [{inputs: [{body: 1}], points: [{id: input, value: 1.50, unit: Cel, time: 2026-01-01T00:00:00Z}]}]",
		"params: {max: 1}\nfrom: {a: /t, b.c: {pointer: /t, scale: 0.1}}\ncases: [{inputs: [{source: a, body: '{\"t\": 2}', quality: bad}], cause: fuel, error: x, output: y}]",
		"grants: [state, http_get=a.example, 'read_sensor=b:c.json', files=.]\nfetches: {'https://a.example/': {status: 500, body: x, file: y}}\ncases: [{readings: r.json, state: {k: v}}]",
		"limits: {pages: 3, fuel: 4, depth: 5}\nmodule: ../x.wasm\ncases: [{}]",
		"sources: {plc: {registers: {address: 'a:1', registers: {level: {at: 0}}}}}\ncases: [{inputs: [{source: plc, body: ab}], from: {plc.level: , plc.b: /b}}]",
		"cases: {a: b}", "- x", "cases: [{points: [{value: 1e60}]}]",
	} {
		f.Add([]byte(seed))
	}
	dir, kinds := f.TempDir(), []Kind{registertest.Kind}
	fuzztest.Run(f, func(t *testing.T, text []byte) {
		if bytes.Contains(text, []byte("/dev")) || bytes.Contains(text, []byte("/proc")) {
			return // it may name a file without end
		}
		m := suite{path: filepath.Join(dir, "fuzz_test.yaml"), Sources: sources{kinds: kinds}}
		if strict.Decode(bytes.NewReader(text), m.path, &m) != nil || m.complete() != nil {
			return
		}
		for _, k := range m.Cases {
			if g, err := m.granted(k); err == nil {
				_ = g.host()
				if lacking := g.lacking(grantTexts(g.Capabilities)); len(lacking) > 0 {
					t.Errorf("what is granted lacks %q", lacking)
				}
			}
			if readings, round, err := m.readings(k); err == nil {
				_, _ = Event(t.Context(), round, readings, merged(m.From, k.From), Own{m.Sources.decoded, program.DecodersOf(kinds...)})
			}
			if diff := k.compare(k.fulfilled()); len(diff) > 0 {
				t.Errorf("what fulfils %+v differs from it: %q", k, diff)
			}
		}
	})
}

// fulfilled is a result that is just what the case expects.
func (k testCase) fulfilled() Result {
	r := Result{Output: []byte(k.Output)}
	if k.Cause != "" || k.Error != "" {
		r.Error, r.Cause = &k.Error, module.Cause(k.Cause)
		return r
	}
	for _, e := range k.Points {
		r.Points = append(r.Points, dodona.Point{ID: e.ID, Value: e.Value, Unit: e.Unit, Quality: e.Quality, Reason: e.Reason, Time: e.Time})
	}
	return r
}
