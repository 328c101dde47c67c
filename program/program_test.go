package program_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/program"
)

var rules = extract.Rules{
	"a":      {"": {Pointer: "/value"}},
	"boiler": {"temperature": {Pointer: "/t"}, "pressure": {Pointer: "/p"}},
}

// call is a round with a reading of a and of boiler.
func call() dodona.Call {
	at := time.UnixMilli(1_700_000_000_000).UTC()
	return dodona.Call{Round: dodona.RoundAt(at), Readings: []dodona.Reading{
		{Source: "a", Body: []byte(`{"value": 1.50}`), Received: at},
		{Source: "boiler", Body: []byte(`{"t": 90, "p": 2}`), Received: at},
	}}
}

func made(t testing.TB, from []string, m *module.Rules) *program.Program {
	t.Helper()
	p, err := program.New(program.Rules{From: from, Extract: rules, Module: m}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAProgramWithoutAModuleIsTheExtractionOfItsPoints(t *testing.T) {
	p := made(t, []string{"boiler.temperature", "a"}, nil)
	x, err := extract.New(rules.For("a", "boiler.temperature"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(p.JSON()), string(x.JSON()); got != want {
		t.Errorf("rules %s, want %s", got, want)
	}
	want, err := x.Apply(t.Context(), call())
	if err != nil {
		t.Fatal(err)
	}
	for name, transform := range map[string]dodona.Transform{"running": p.Running(nil), "replaying": p.Replaying(nil, nil)} {
		got, err := transform.Apply(t.Context(), call())
		if err != nil || got.Version != want.Version || !slices.Equal(got.Points, want.Points) || len(got.Points) != 2 {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
}

// counter returns the rules of a module that counts rounds and reads the sensor "meter", and its Wasm.
func counter(t testing.TB) (module.Rules, []byte) {
	t.Helper()
	wasm, err := os.ReadFile("../node/testdata/counter.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return module.Rules{
		Module:       dodona.Module{Name: "counter", Version: "1.0.0", Digest: sha256.Sum256(wasm)},
		Capabilities: manifest.Capabilities{State: true, ReadSensor: []string{"meter"}},
	}, wasm
}

func loaded(t testing.TB, spec module.Spec) *module.Module {
	t.Helper()
	engine, err := module.New(t.Context(), module.Options{Interpreter: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close(t.Context()) })
	m, err := engine.Load(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWhatAModuleMadeIsMadeAgainOfItsRulesAndItsTranscript(t *testing.T) {
	ask, wasm := counter(t)
	ask.Extraction = json.RawMessage(`"of somebody else"`)
	p := made(t, []string{"a"}, &ask)
	if got, found := p.Module(); !found || got.Module != ask.Module || string(got.Extraction) != string(made(t, []string{"a"}, nil).JSON()) {
		t.Fatalf("module %+v, %v", got, found)
	}
	spec := p.Spec(wasm)
	spec.Replay = false
	spec.Host.State = func(dodona.FeedID) map[string][]byte { return map[string][]byte{"n": {41}} }
	spec.Host.Reading = func(context.Context, string) (dodona.Reading, error) {
		return dodona.Reading{Source: "meter", Body: []byte("7")}, nil
	}
	first, err := p.Running(loaded(t, spec)).Apply(t.Context(), call())
	if err != nil || len(first.Points) != 2 || first.Points[0].Value.String() != "42" || first.Version != ask.Module.Digest {
		t.Fatalf("%+v, %v", first, err)
	}
	parsed, err := program.Parse([]string{"a"}, p.JSON(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, found := parsed.Module(); !found || string(parsed.JSON()) != string(p.JSON()) {
		t.Fatalf("rules %s, want %s", parsed.JSON(), p.JSON())
	}
	again, err := parsed.Replaying(loaded(t, parsed.Spec(wasm)), first.Transcript).Apply(t.Context(), call())
	if err != nil || !slices.Equal(again.Points, first.Points) || again.Fuel != first.Fuel || again.Version != first.Version {
		t.Errorf("%+v, %v; want %+v", again, err, first)
	}
}

// Most modules read numbers out of their readings themselves.
func TestANumberThatAModuleReadsIsReadAgain(t *testing.T) {
	wasm, err := os.ReadFile("../module/testdata/attacks/honest.wasm")
	if err != nil {
		t.Fatal(err)
	}
	ask := module.Rules{Module: dodona.Module{Name: "honest", Version: "1.0.0", Digest: sha256.Sum256(wasm)}}
	p := made(t, []string{"a"}, &ask)
	got, err := p.Replaying(loaded(t, p.Spec(wasm)), nil).Apply(t.Context(), call())
	if err != nil || len(got.Points) != 1 || got.Points[0].Value.String() != "3" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestASpecOfAReplayReachesNothing(t *testing.T) {
	ask, wasm := counter(t)
	p := made(t, []string{"a"}, &ask)
	if got, err := p.Running(loaded(t, p.Spec(wasm))).Apply(t.Context(), call()); err == nil || !strings.Contains(err.Error(), "which the transcript does not have") {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestASpecHasAllThatItsRulesSay, among it the prices of the day: an old round costs what it did.
func TestASpecHasAllThatItsRulesSay(t *testing.T) {
	ask := module.Rules{
		Module:       dodona.Module{Name: "counter", Version: "1.0.0"},
		Limits:       manifest.Limits{Fuel: 7_000_000, Pages: 32, Depth: 99},
		Params:       map[string]string{"unit": "bar"},
		Capabilities: manifest.Capabilities{State: true, Files: true},
		Metering:     1,
	}
	parsed, err := program.Parse([]string{"a"}, made(t, []string{"a"}, &ask).JSON(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*program.Program{"new": made(t, []string{"a"}, &ask), "parsed": parsed} {
		got := p.Spec([]byte("code"))
		if got.Host.Number == nil {
			t.Errorf("%s: no module reads numbers", name)
		}
		got.Host.Number = nil // of functions nothing else is equal
		want := module.Spec{
			Name: "counter", Version: "1.0.0", Wasm: []byte("code"), Limits: ask.Limits.WithDefaults(), Params: ask.Params, Capabilities: ask.Capabilities,
			Dir: os.DevNull, Metering: 1, Replay: true,
		}
		if got.Limits = got.Limits.WithDefaults(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: loaded is\n%+v\nwant\n%+v", name, got, want)
		}
	}
	ask.Capabilities.Files = false
	if got := made(t, []string{"a"}, &ask).Spec(nil).Dir; got != "" {
		t.Errorf("a module that reads no files has the directory %s", got)
	}
}

func TestAnEventHoldsWhatTheModuleIsGiven(t *testing.T) {
	ask, _ := counter(t)
	c := call()
	ev, err := made(t, []string{"boiler.temperature", "a"}, &ask).Event(t.Context(), c)
	if err != nil || ev.Round != c.Round || len(ev.Readings) != 2 || !slices.Equal(ev.From, []string{"boiler.temperature", "a"}) ||
		len(ev.Points) != 2 || ev.Points[0].ID != "a" || ev.Points[1].Value.String() != "90" {
		t.Errorf("%+v, %v", ev, err)
	}
	bare, err := program.Parse([]string{"a"}, ask.JSON(), nil) // rules of a module that sees readings alone
	if err != nil {
		t.Fatal(err)
	}
	if ev, err := bare.Event(t.Context(), c); err != nil || len(ev.Readings) != 2 || len(ev.Points) != 0 {
		t.Errorf("without an extraction: %+v, %v", ev, err)
	}
}

func TestRulesThatNoBuildWroteAreErrors(t *testing.T) {
	ask, _ := counter(t)
	ask.Extraction = json.RawMessage(`{"extract":99}`)
	for name, raw := range map[string]string{
		"nothing":                        "",
		"no rules":                       "null",
		"an extraction of another build": `{"extract":99,"sources":{}}`,
		"the same before a module":       string(ask.JSON()),
		"an unknown key beside a module": strings.Replace(string(ask.JSON()), `"abi"`, `"x":1,"abi"`, 1),
	} {
		if p, err := program.Parse([]string{"a"}, json.RawMessage(raw), nil); err == nil {
			t.Errorf("%s is parsed: %s", name, p.JSON())
		}
	}
	if _, err := program.New(program.Rules{From: []string{"a"}, Extract: extract.Rules{"a": {"": {Pointer: "no slash"}}}}, nil); err == nil {
		t.Error("a pointer that is none makes a program")
	}
}

func TestGuardsAreInTheRulesBeforeAModuleToo(t *testing.T) {
	ask, wasm := counter(t)
	guarded := extract.Rules{"a": {"": {Pointer: "/*/v", Where: map[string]extract.Match{"/*/s": extract.MatchText("x"), "/*/e": extract.MatchNull()}}}}
	p, err := program.New(program.Rules{From: []string{"a"}, Extract: guarded, Module: &ask}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const want = `"extraction":{"extract":1,"sources":{"a":{"":{"pointer":"/*/v","where":{"/*/e":null,"/*/s":"x"}}}}}`
	if !strings.Contains(string(p.JSON()), want) {
		t.Errorf("rules %s, want %s in them", p.JSON(), want)
	}
	again, err := program.Parse([]string{"a"}, p.JSON(), nil)
	if err != nil || string(again.JSON()) != string(p.JSON()) {
		t.Fatalf("read back: %v", err)
	}
	const body = "\xef\xbb\xbf" + `[{"s":"y","e":null,"v":1},{"s":"x","e":null,"v":2}]`
	ev, err := again.Event(t.Context(), dodona.Call{Readings: []dodona.Reading{{Source: "a", Body: []byte(body)}}})
	if err != nil || len(ev.Points) != 1 || ev.Points[0].Value.String() != "2" || string(ev.Readings[0].Body) != body {
		t.Errorf("the module is given %+v, %v: want the chosen point and the body as it came", ev, err)
	}
	if spec := again.Spec(wasm); spec.Host.Number == nil {
		t.Error("a replay reads no numbers")
	}
}
