package trial

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/egress"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/source/sourcetest/registertest"
)

func write(t testing.TB, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// counterIn puts a module that counts rounds in its state and reads the sensor "meter" into a folder.
func counterIn(t testing.TB, dir string) (wasm string) {
	t.Helper()
	code, err := os.ReadFile("../../node/testdata/counter.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return write(t, dir, "counter.wasm", string(code))
}

// tested runs a file of tests of that module.
func tested(t testing.TB, dir, cases string) (Tested, error) {
	t.Helper()
	path := write(t, dir, "counter_test.yaml", cases)
	bench, err := NewBench(t.Context(), func(ctx context.Context, _ module.Options) (*module.Engine, error) {
		return module.New(ctx, module.Options{Interpreter: true})
	}, registertest.Kind)
	if err != nil {
		t.Fatal(err)
	}
	defer bench.Close(t.Context())
	return bench.Test(t.Context(), path)
}

func TestABenchTellsCasesThatAreNotWhatTheyShouldBe(t *testing.T) {
	dir := t.TempDir()
	counterIn(t, dir)
	write(t, dir, "meter.json", "7")
	got, err := tested(t, dir, `
grants: [state, "read_sensor=meter:meter.json"]
cases:
- name: as it should
  inputs: [{body: "1"}]
  points: [{id: counted, value: 1}, {id: meter, value: 7}]
- inputs: [{body: "1"}]
  points: [{id: counted, value: 2}]
- name: a failure that does not come
  inputs: [{body: "1"}]
  cause: trap
`)
	if err != nil {
		t.Fatal(err)
	}
	if got.Module != "counter.wasm" || got.Limits.Fuel == 0 || len(got.Cases) != 3 {
		t.Fatalf("%+v", got)
	}
	for i, want := range []struct {
		name string
		diff []string
	}{
		{"as it should", nil},
		{"case 2", []string{"- counted = 2", "+ counted = 1", "+ meter = 7"}},
		{"a failure that does not come", []string{"- a failure with cause trap", "+ an answer", "+ counted = 1", "+ meter = 7"}},
	} {
		k := got.Cases[i]
		if k.Name != want.name || k.Pass != (want.diff == nil) || !slices.Equal(k.Diff, want.diff) || k.Fuel == 0 || len(k.State["n"]) != 8 {
			t.Errorf("%q passes: %v, diff %q, fuel %d, state %q; want %q", k.Name, k.Pass, k.Diff, k.Fuel, k.State, want.diff)
		}
	}
}

func TestAModuleIsNotTriedWithoutWhatItNeeds(t *testing.T) {
	dir := t.TempDir()
	counterIn(t, dir)
	if _, err := tested(t, dir, `cases: [{inputs: [{body: "1"}]}]`); err == nil || !strings.Contains(err.Error(), "read_sensor=NAME:FILE") || !strings.Contains(err.Error(), "grant it: state") {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "counter.wasm")); err != nil {
		t.Fatal(err)
	}
	if _, err := tested(t, dir, `cases: [{inputs: [{body: "1"}]}]`); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "build the module first") {
		t.Errorf("got %v", err)
	}
}

func TestGrantsAreReadAsTheyAreWritten(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "meter.json", "7")
	at := func(file string) string { return filepath.Join(dir, file) }
	g, err := ParseGrants([]string{"state", "now_ms", "http_get=a.example", "read_sensor=meter:meter.json", "files=."}, at)
	if err != nil {
		t.Fatal(err)
	}
	want := manifest.Capabilities{
		State: true, NowMS: true, Files: true, ReadSensor: []string{"meter"}, HTTPGet: &manifest.HTTPGet{Hosts: []string{"a.example"}},
	}
	gotJSON, _ := json.Marshal(g.Capabilities)
	if wantJSON, _ := json.Marshal(want); string(gotJSON) != string(wantJSON) {
		t.Errorf("granted %s, want %s", gotJSON, wantJSON)
	}
	r, err := g.host().Reading(t.Context(), "meter")
	if err != nil || string(r.Body) != "7" || r.ContentType != "application/json" {
		t.Errorf("the sensor says %+v, %v", r, err)
	}
	if _, err := g.host().Reading(t.Context(), "other"); !errors.Is(err, dodona.ErrNotFound) {
		t.Errorf("another sensor: %v", err)
	}
	for _, text := range []string{"", "stat", "http_get", "http_get=", "read_sensor=meter", "read_sensor=:meter.json", "read_sensor=m:none.json", "files", "files=meter.json", "serial=x", "http_get.hosts=x", "http_get.bytes=1", "state=x", "now_ms=", "now_ms=1"} {
		if _, err := ParseGrants([]string{text}, at); err == nil {
			t.Errorf("%q is granted", text)
		}
	}
}

func TestEveryCapabilityCanBeGranted(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "FILE", "7")
	for _, text := range grantTexts(manifest.Everything()) {
		name, _, _ := strings.Cut(text, "=")
		form := granting(text)
		if name == "serial" {
			if !strings.Contains(form, "configuration alone") {
				t.Errorf("%s is granted with %s", text, form)
			}
			continue
		}
		g, err := ParseGrants([]string{strings.Replace(form, "DIR", ".", 1)}, func(file string) string { return filepath.Join(dir, file) })
		if err != nil || !g.allow(name) || !g.allow(text) {
			t.Errorf("%s gives %+v, %v; want %s", form, g, err, text)
		}
		if got := (Grants{}).lacking([]string{name}); len(got) != 1 || !strings.HasPrefix(got[0], name) || !slices.Contains(GrantForms(), got[0]) {
			t.Errorf("without %s it lacks %q", name, got)
		}
	}
	if got := strings.Join(GrantForms(), ", "); got != "http_get=HOST, read_sensor=NAME:FILE, files=DIR, state, now_ms, random, verify" {
		t.Errorf("got %s", got)
	}
	for text, want := range map[string]string{
		"http_get": "http_get=HOST", "http_get=a.example": "http_get=a.example", "read_sensor": "read_sensor=NAME:FILE",
		"read_sensor=b": "read_sensor=b:FILE", "files": "files=DIR", "state": "state", "serial=s": "serial (which a node's configuration alone can grant)",
	} {
		if got := granting(text); got != want {
			t.Errorf("%s is granted with %s, want %s", text, got, want)
		}
	}
}

// TestARecordedFetchIsWhatANodeWouldFetch: with one rule for which URLs are fetched, and which are one.
func TestARecordedFetchIsWhatANodeWouldFetch(t *testing.T) {
	m := suite{Grants: []string{"http_get=a.example,b.example:8443"}, Fetches: map[string]fetch{
		"https://A.example:443/x?q=1": {Body: "x"}, "https://b.example:8443": {Body: "root", Status: 201}, "https://c.example/": {Body: "c"},
	}}
	g, err := m.granted(testCase{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url    string
		status int
		body   string
		is     error
	}{
		{"https://a.example/x?q=1", 200, "x", nil},
		{"https://a.example:443/x?q=1", 200, "x", nil},
		{"HTTPS://A.EXAMPLE/x?q=1", 200, "x", nil},
		{"https://b.example:8443/", 201, "root", nil},
		{"https://a.example/X?q=1", 404, "", nil},
		{"https://a.example:8443/x?q=1", 0, "", egress.ErrNotGranted},
		{"https://c.example/", 0, "", egress.ErrNotGranted},
		{"http://a.example/x?q=1", 0, "", egress.ErrURL},
		{"https://user@a.example/x?q=1", 0, "", egress.ErrURL},
		{"https://a.example/x?q=1#a", 0, "", egress.ErrURL},
	} {
		status, body, err := g.host().Get(t.Context(), c.url, 0)
		if status != c.status || string(body) != c.body || !errors.Is(err, c.is) {
			t.Errorf("%s: got %d, %q, %v; want %d, %q, %v", c.url, status, body, err, c.status, c.body, c.is)
		}
	}
	for want, fetches := range map[string]map[string]fetch{
		"fetch of http://a.example/: not a URL for http_get: want https": {"http://a.example/": {}},
		"fetch of https://a.example:443: it is there twice":              {"https://a.example/": {}, "https://a.example:443": {}},
	} {
		m.Fetches = fetches
		if _, err := m.granted(testCase{}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestEveryCapabilityHasAPlace: one that a manifest can ask for, and no other.
func TestEveryCapabilityHasAPlace(t *testing.T) {
	var names []string
	for _, p := range places {
		names = append(names, p.name)
		if slices.Index(names, p.name) != len(names)-1 || !manifest.Everything().Has(p.name) {
			t.Errorf("%s is no capability, or has two places", p.name)
		}
	}
	for _, text := range grantTexts(manifest.Everything()) {
		if indexOf(text) < 0 {
			t.Errorf("%s has no place", text)
		}
	}
}

func TestAnEventTakesTheOnlyNumberWhereNoRuleIsGiven(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000).UTC()
	readings := []dodona.Reading{{Source: "b", Body: []byte(`{"x": 2}`), Received: at}, {Source: "a", Body: []byte("1.50"), Received: at}}
	ev, err := Event(t.Context(), dodona.RoundAt(at), readings, nil, Own{})
	if err != nil || !slices.Equal(ev.From, []string{"a", "b"}) || len(ev.Points) != 2 || PointText(ev.Points[0]) != "a = 1.5" || ev.Readings[0].Source != "a" {
		t.Errorf("%+v, %v", ev, err)
	}
	ev, err = Event(t.Context(), dodona.RoundAt(at), readings, map[string]extract.Rule{"b.y": {Pointer: "/y"}}, Own{})
	if err != nil || len(ev.Points) != 1 || !strings.HasPrefix(PointText(ev.Points[0]), "b.y is bad: ") {
		t.Errorf("%+v, %v", ev, err)
	}
}

// TestAnEventHasWhatARoundWouldSee: readings of one instant in the order of their bytes, and each once.
func TestAnEventHasWhatARoundWouldSee(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	two, one := dodona.Reading{Source: "a", Body: []byte("2"), Received: at}, dodona.Reading{Source: "a", Body: []byte("1"), Received: at}
	given := []dodona.Reading{two, one, two}
	ev, err := Event(t.Context(), dodona.RoundAt(at), given, nil, Own{})
	if err != nil || len(ev.Readings) != 2 || string(ev.Readings[0].Body) != "1" || string(ev.Readings[1].Body) != "2" || ev.Readings[0].Received.Location() != time.UTC {
		t.Errorf("%+v, %v", ev.Readings, err)
	}
	if string(given[0].Body) != "2" {
		t.Error("what was given is sorted")
	}
}

func TestAModuleThatIsNotSignedIsTriedOnlyIfThatIsSaid(t *testing.T) {
	file := counterIn(t, t.TempDir())
	if _, err := Signed(file, nil); err == nil || !strings.Contains(err.Error(), "there is no counter.json beside it") {
		t.Errorf("got %v", err)
	}
	write(t, filepath.Dir(file), "counter.json", "{}")
	if _, err := Signed(file, nil); err == nil || !strings.Contains(err.Error(), "name a trust file") {
		t.Errorf("got %v", err)
	}
	if _, err := Signed(file, new(manifest.Trust)); err == nil {
		t.Error("an empty envelope and no keys are enough")
	}
	if _, err := Unsigned(file, Limits{Pages: 1 << 30}, manifest.Capabilities{}); err == nil {
		t.Error("any limits are taken")
	}
}

// TestATriedModuleFetchesAsANodeWouldLetIt, as often and as much as its manifest asks: hosts alone are granted.
func TestATriedModuleFetchesAsANodeWouldLetIt(t *testing.T) {
	asks := manifest.Capabilities{HTTPGet: &manifest.HTTPGet{Hosts: []string{"a.example"}, PerSecond: 5, Bytes: 1000}}
	g, err := ParseGrants([]string{"http_get=b.example,a.example", "state"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := Module{manifest: manifest.Manifest{Name: "m", Capabilities: asks}, signed: true}.Spec(g, nil)
	if err != nil || !reflect.DeepEqual(spec.Capabilities, asks) {
		t.Errorf("granted is %+v, %v; want %+v", spec.Capabilities.HTTPGet, err, asks.HTTPGet)
	}
}
