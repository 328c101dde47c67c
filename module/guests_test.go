package module

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/module/manifest"
)

var (
	guestFolder   = flag.String("guests", filepath.Join("testdata", "guests"), "folder of the guests whose answers are checked")
	onlyCompiled  = flag.Bool("only-compiled", false, "do not ask the guests interpreted as well")
	recordAnswers = flag.Bool("record-answers", false, "write the guests' answers.json instead of comparing with it")
)

// A guestEvent is what a guest is asked, and the only right answer: a point a line, or the failure.
type guestEvent struct {
	name   string
	params map[string]string
	event  Event
	want   string
}

var measured = time.Unix(1_750_000_000, 0).UTC()

// extracted is an event with points that were extracted as a, b, c, …: an empty text is a missing one, "bad" a bad one.
func extracted(values ...string) Event {
	e := Event{
		Feed: dodona.FeedID{7}, Round: 42,
		Readings: []dodona.Reading{{
			Source: "press", Body: []byte(`{}`), Received: measured.Add(time.Second), SourceTime: measured.Add(-time.Second),
		}},
	}
	for i, value := range values {
		p := dodona.Point{ID: string(rune('a' + i)), Unit: "K", Time: measured.Add(time.Duration(i) * time.Minute)}
		e.From = append(e.From, p.ID)
		switch value {
		case "":
			continue
		case "bad":
			p.Quality, p.Reason = dodona.Bad, "the source said so"
		case "uncertain":
			p.Quality, value = dodona.Uncertain, "1"
			fallthrough
		default:
			p.Value = decimal(value)
		}
		e.Points = append(e.Points, p)
	}
	return e
}

func decimal(text string) dodona.Decimal {
	d, err := dodona.ParseDecimal(text)
	if err != nil {
		panic(err) // a mistake in this file
	}
	return d
}

// plausibleEvents are the events of sdk/LANG/example in every language.
var plausibleEvents = []guestEvent{
	{"nothing asked", nil, extracted(), ``},
	{"as it is", nil, extracted("21.5", "-0.001", "0"), "a 21.5 0s good\nb -0.001 60s good\nc 0 120s good"},
	{"missing and bad", nil, extracted("", "bad", "uncertain"), "b 0 -1s bad: the value is bad already\nc 1 120s uncertain"},
	{
		"kelvin to degrees",
		map[string]string{"offset": "-273.15", "min": "-40", "max": "1.8e2", "unit": "Cel"},
		extracted("293.15", "454.15", "233.15", "233.149", "453.15"),
		"a 20 Cel 0s good\nb 0 Cel 60s bad: 181 is above max 180\nc -40 Cel 120s good\nd 0 Cel 180s bad: -40.001 is below min -40\ne 180 Cel 240s good",
	},
	{
		"factor",
		map[string]string{"factor": "-0.0010", "offset": "+100", "max": "99.5"},
		extracted("500", "499.99", "1e6"),
		"a 99.5 0s good\nb 0 60s bad: 99.50001 is above max 99.5\nc -900 120s good",
	},
	{
		"edges of 64 bits",
		map[string]string{"factor": "1"},
		extracted("9223372036854775807", "-9223372036854775807", "9223372036854775808", "92233720368547758070", "0."+strings.Repeat("0", 38)+"9223372036854775807", "-9223372036854775808"),
		"a 9223372036854775807 0s good\nb -9223372036854775807 60s good\nc 0 -1s bad: the value does not fit in 64 bits\nd 92233720368547758070 180s good\n" +
			"e 0.000000000000000000000000000000000000009223372036854775807 240s good\n" +
			"f 0 300s bad: -9223372036854775808 does not fit in 64 bits after conversion",
	},
	{
		"overflow",
		map[string]string{"factor": "3", "offset": "1"},
		extracted("3074457345618258602", "3074457345618258603", "-3074457345618258602", "1e25"),
		"a 9223372036854775807 0s good\nb 0 60s bad: 3074457345618258603 does not fit in 64 bits after conversion\n" +
			"c -9223372036854775805 120s good\nd 0 180s bad: 10000000000000000000000000 does not fit in 64 bits after conversion",
	},
	{
		"far exponents",
		map[string]string{"factor": "1e-50", "min": "1e-55", "max": "1e37"},
		extracted("1e-7", "1e-8", "1e40"),
		"a 0 0s bad: 0.000000000000000000000000000000000000000000000000000000001 is below min " +
			"0.0000000000000000000000000000000000000000000000000000001\nb 0 60s bad: 0.00000001 does not fit in 64 bits after conversion\n" +
			"c 0.0000000001 120s good",
	},
	{"zeros", map[string]string{"factor": "0", "offset": "0.000", "min": "-0", "max": "00"}, extracted("17"), "a 0 0s good"},
	{"zeros that do not count", map[string]string{"max": "1.50000000000000000000000000000000000000000"}, extracted("1.5"), "a 1.5 0s good"},
	{"no decimal", map[string]string{"min": "12,5"}, extracted("1"), "guest 1: param min: want a decimal such as -12.5"},
	{"empty", map[string]string{"offset": ""}, extracted("1"), "guest 1: param offset: want a decimal such as -12.5"},
	{"no digits after the point", map[string]string{"factor": "1."}, extracted("1"), "guest 1: param factor: want a decimal such as -12.5"},
	{"no digits before the point", map[string]string{"max": ".5"}, extracted("1"), "guest 1: param max: want a decimal such as -12.5"},
	{"exponent without digits", map[string]string{"max": "1e"}, extracted("1"), "guest 1: param max: want a decimal such as -12.5"},
	{"exponent out of range", map[string]string{"max": "1e58"}, extracted("1"), "guest 1: param max: want a decimal such as -12.5"},
	{"too many digits", map[string]string{"max": "9223372036854775808"}, extracted("1"), "guest 1: param max: want a decimal such as -12.5"},
	{"too long", map[string]string{"max": strings.Repeat("0", 257)}, extracted("1"), "guest 1: param max: want a decimal such as -12.5"},
	{"longest", map[string]string{"max": strings.Repeat("0", 255) + "2"}, extracted("1"), "a 1 0s good"},
	{"unit too long", map[string]string{"unit": strings.Repeat("m", 65)}, extracted("1"), "guest 1: param unit: want at most 64 bytes"},
	{"unit refused", map[string]string{"unit": "\n"}, extracted("1"), "guest 2: point a: error 22"},
}

// jsonEvents are the events of the JSON guests.
var jsonEvents = []guestEvent{
	{"all", nil, document(`{"sensor":"t-17","value":123.45,"unit":"Cel","ts":1750000060}`), "t-17 123.45 Cel 60s good"},
	{"value only", nil, document("{\"value\": -1.50e1 }\n"), "value -15 1s good"},
	{"nested", nil, document(`{"x":{"value":1,"y":["}",[]]},"sensor":"p","value":2,"z":[{"value":3}]}`), "p 2 1s good"},
	{"no value", nil, document(`{"sensor":"t-17"}`), "guest 1: the reading is no object with a number value"},
	{"no object", nil, document(`[1]`), "guest 1: the reading is no object with a number value"},
	{"cut", nil, document(`{"value":1`), "guest 1: the reading is no object with a number value"},
	{"text", nil, document(`high`), "guest 1: the reading is no object with a number value"},
	{"nothing", nil, document(``), "guest 1: the reading is no object with a number value"},
	{"name", nil, document(`{"sensor":"T 17","value":1}`), "guest 2: the host refuses the point"},
}

func document(body string) Event {
	e := extracted()
	e.Readings[0].Body, e.Readings[0].SourceTime = []byte(body), time.Time{}
	return e
}

// An answer is what a guest said to an event, in words, and the fuel it took.
type answer struct {
	Event string `json:"event"`
	Said  string `json:"said"`
	Fuel  uint64 `json:"fuel"`
}

func said(out Outcome, err error) string {
	if err != nil {
		if failed, ok := err.(*Error); ok {
			return fmt.Sprintf("%s %d: %s", failed.Cause, failed.Code, failed.Detail)
		}
		return err.Error()
	}
	var lines []string
	for _, p := range out.Points {
		line := fmt.Sprintf("%s %s", p.ID, p.Value)
		if p.Unit != "" {
			line += " " + p.Unit
		}
		line += fmt.Sprintf(" %ds %s", p.Time.Unix()-measured.Unix(), p.Quality)
		if p.Reason != "" {
			line += ": " + p.Reason
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// answersOf returns what the guests of a folder say, by file.
func answersOf(t *testing.T, folder string, o Options) map[string][]answer {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.wasm"))
	if err != nil || len(files) == 0 {
		t.Fatalf("guests in %s: %v, %v; run make guests", folder, files, err)
	}
	answers := map[string][]answer{}
	for _, file := range files {
		name := filepath.Base(file)
		answers[name] = answersTo(t, file, eventsFor(name), o)
	}
	return answers
}

// eventsFor returns what the guest of a file is asked. Std Go takes long to load, so it is not asked all.
func eventsFor(name string) []guestEvent {
	switch {
	case strings.HasPrefix(name, "json-"):
		return jsonEvents
	case !isStdGo(name):
		return plausibleEvents
	}
	var events []guestEvent
	for _, ev := range plausibleEvents {
		if ev.params == nil || ev.name == "kelvin to degrees" || ev.name == "edges of 64 bits" || ev.name == "no decimal" {
			events = append(events, ev)
		}
	}
	return events
}

func isStdGo(file string) bool { return strings.HasSuffix(file, "-go.wasm") }

func answersTo(t *testing.T, file string, events []guestEvent, o Options) (answers []answer) {
	t.Helper()
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o.Dir, o.Key, o.Memory = t.TempDir(), make([]byte, 32), 128<<20 // an interpreter keeps 77 MiB of standard Go
	e := newTestEngine(t, o)
	var m *Module
	for i, ev := range events {
		if i == 0 || !maps.Equal(ev.params, events[i-1].params) {
			if m != nil {
				unload(t, m)
			}
			s := Spec{Name: "guest", Version: "1.0.0", Wasm: code, Params: ev.params}
			if isStdGo(file) {
				s.Limits = manifest.Limits{Pages: 64, Fuel: 100_000_000} // the run-time of std Go is not small
			}
			m = load(t, e, s)
		}
		out, err := m.Run(t.Context(), ev.event)
		answers = append(answers, answer{ev.name, said(out, err), out.Fuel})
	}
	unload(t, m)
	return answers
}

func unload(t *testing.T, m *Module) {
	t.Helper()
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestGuestsOfAllLanguagesGiveTheSameAnswers runs every guest with the compiler and the interpreter. Their answers are
// those of the table; and answers and fuel are those of the folder's answers.json, whatever machine this is.
func TestGuestsOfAllLanguagesGiveTheSameAnswers(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	compiled := answersOf(t, *guestFolder, Options{})
	for _, name := range slices.Sorted(maps.Keys(compiled)) {
		events := eventsFor(name)
		for i, got := range compiled[name] {
			if want := events[i].want; got.Said != want {
				t.Errorf("%s, %s: it says\n%s\nwant\n%s", name, got.Event, got.Said, want)
			}
		}
	}
	text, err := json.MarshalIndent(compiled, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join(*guestFolder, "answers.json")
	if *recordAnswers {
		if err := os.WriteFile(golden, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	recorded, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]answer{}
	if err := json.Unmarshal(recorded, &want); err != nil {
		t.Fatal(err)
	}
	sameAnswers(t, "compiled", compiled, want)
	if runtime.GOARCH != "arm" && !*onlyCompiled { // where there is no compiler, the first time was interpreted
		sameAnswers(t, "interpreted", answersOf(t, *guestFolder, Options{Interpreter: true}), want)
	}
}

func sameAnswers(t *testing.T, how string, got, want map[string][]answer) {
	t.Helper()
	if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
		t.Errorf("%s: guests are %v, answers.json has %v", how, g, w)
	}
	for name, answers := range got {
		if len(answers) != len(want[name]) {
			t.Errorf("%s %s: %d answers, answers.json has %d", how, name, len(answers), len(want[name]))
			continue
		}
		for i, a := range answers {
			if a.Fuel == 0 || a != want[name][i] {
				t.Errorf("%s %s: %+v, answers.json has %+v", how, name, a, want[name][i])
			}
		}
	}
}

// A builtGuest is an entry of guests.json.
type builtGuest struct {
	File     string   `json:"file"`
	SHA256   string   `json:"sha256"`
	Compiler string   `json:"compiler"`
	Sources  []string `json:"sources"`
	Digest   string   `json:"sourcesSHA256"`
}

func builtGuests(t *testing.T) (guests []builtGuest) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "guests", "guests.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &guests); err != nil {
		t.Fatal(err)
	}
	return guests
}

// TestGuestsAreBuiltFromTheirSources: whoever changes an SDK or an example also builds the guests that are kept.
func TestGuestsAreBuiltFromTheirSources(t *testing.T) {
	guests := builtGuests(t)
	files, err := filepath.Glob(filepath.Join("testdata", "guests", "*.wasm"))
	if err != nil || len(files) != len(guests) {
		t.Fatalf("%d guests in guests.json, want one for each of %v (%v)", len(guests), files, err)
	}
	for _, kept := range []string{
		"plausible-c", "plausible-rust", "plausible-assemblyscript", "plausible-tinygo", "json-assemblyscript", "json-tinygo",
	} {
		if !slices.ContainsFunc(guests, func(g builtGuest) bool { return g.File == kept+".wasm" }) {
			t.Errorf("guests.json has no %s.wasm", kept)
		}
	}
	for _, g := range guests {
		if got := digestOf(t, filepath.Join("testdata", "guests", g.File)); got != g.SHA256 {
			t.Errorf("%s has the digest %s, guests.json says %s", g.File, got, g.SHA256)
		}
		lines := ""
		for _, source := range g.Sources {
			lines += fmt.Sprintf("%s  %s\n", digestOf(t, filepath.Join("..", filepath.FromSlash(source))), source)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256([]byte(lines))); got != g.Digest {
			t.Errorf("%s was built from other sources than there are: run make guests, or make guests-tinygo", g.File)
		}
	}
}

func digestOf(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(content))
}
