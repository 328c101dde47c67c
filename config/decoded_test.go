package config_test

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/source/sourcetest/registertest"
)

func registers() config.Kinds { return append(kinds(), config.KindsOf(registertest.Kind)...) }

// registered has a source whose kind makes its points itself: one of them has a rule of the file all the same.
const registered = `
sources:
  plc:
    registers: {address: "10.0.0.7:502", password: {file: keys/plc}, registers: {level: {at: 3, decimals: 1}, flow: {at: 4}, raw: {at: 5}}}
    points: {raw: /raw}
  web: {http: {url: https://prices.example/a}}
feeds:
  level: {every: 1s, from: [plc.level]}
  flow: {every: 1s, from: [plc.flow, web]}
  raw: {every: 1s, from: [plc.raw]}
`

func loadRegistered(t *testing.T, replace ...string) *config.Config {
	t.Helper()
	text := strings.NewReplacer(replace...).Replace(registered)
	if len(replace) > 0 && text == registered {
		t.Fatalf("nothing is replaced by %q", replace)
	}
	c, err := config.Load(strings.NewReader(text), "f.yaml", registers())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAKindSaysItsPointsItself(t *testing.T) {
	c := loadRegistered(t)
	s, _ := c.Source("plc")
	if got, want := s.Points(), []string{"plc.flow", "plc.level", "plc.raw"}; !slices.Equal(got, want) {
		t.Errorf("points %q, want %q", got, want)
	}
	if got := slices.Sorted(maps.Keys(s.Decoded)); !slices.Equal(got, []string{"flow", "level"}) || string(s.Decoded["level"]) != `{"at":3,"decimals":1}` {
		t.Errorf("decoded %q, want flow and level, and nothing but their registers", s.Decoded)
	}
	if web, _ := c.Source("web"); web.Decoded != nil {
		t.Errorf("another kind decodes %q", web.Decoded)
	}

	long, err := c.Expand(registers())
	if err != nil {
		t.Fatal(err)
	}
	again, err := config.Load(strings.NewReader(string(long)), "long.yaml", registers())
	if err != nil {
		t.Fatalf("%v\n%s", err, long)
	}
	again.Name, again.SHA256, again.Warnings = c.Name, c.SHA256, c.Warnings
	if !reflect.DeepEqual(again, c) {
		t.Errorf("the long form is another configuration:\n%s", long)
	}
}

func TestAKindThatIsToldNoPointsLeavesThemToTheFile(t *testing.T) {
	c, err := config.Load(strings.NewReader(`
sources: {plc: {registers: {address: "10.0.0.7:502"}}}
feeds: {level: {every: 1s, from: [plc]}}
`), "f.yaml", registers())
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := c.Source("plc"); len(s.Rules) != 1 || len(s.Decoded) != 0 {
		t.Errorf("rules %v, decoded %q, want the one number of the document", s.Rules, s.Decoded)
	}
}

func TestMistakesInWhatAKindDecodesAreToldWhereTheyStand(t *testing.T) {
	for name, c := range map[string]struct{ of, to, want string }{
		"a register that there is not":    {"at: 3", "at: 300", "f.yaml:4:94: source \"plc\": registers.level.at: 300: want 0 to 124"},
		"a name that no point has":        {"{level:", "{Le.vel:", "points: name"},
		"a mistake in the settings alone": {`"10.0.0.7:502"`, `""`, "address: want host:port"},
		"a point that there is not":       {"[plc.level]", "[plc.levl]", `did you mean "plc.level"?`},
		"several points":                  {"[plc.level]", "[plc]", `source "plc" has several points`},
	} {
		_, err := config.Load(strings.NewReader(strings.Replace(registered, c.of, c.to, 1)), "f.yaml", registers())
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "1 mistake;") {
			t.Errorf("%s: want one mistake, %q, got:\n%v", name, c.want, err)
		}
	}
}

func TestAKindsPointsStandInAFile(t *testing.T) {
	t.Chdir(t.TempDir())
	of := "registers: {level: {at: 3, decimals: 1}, flow: {at: 4}, raw: {at: 5}}"
	write := func(csv string) {
		t.Helper()
		if err := os.WriteFile("tags.csv", []byte(csv), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("name,at,decimals\nlevel,3,1\nflow,4,\nraw,5,\n")
	typed, read := loadRegistered(t), loadRegistered(t, of, "registers: {file: tags.csv}")
	if !reflect.DeepEqual(read.Sources, typed.Sources) {
		t.Errorf("from a file come %v, want %v", read.Sources, typed.Sources)
	}
	write("name,at,decimals\nlevel,3,2\nflow,4,\nraw,5,\n")
	if changes := config.Diff(read, loadRegistered(t, of, "registers: {file: tags.csv}")); !slices.Equal(changes.Feeds.Changed, []string{"level"}) {
		t.Errorf("feeds %q changed with the file, want level", changes.Feeds.Changed)
	}
	for csv, wants := range map[string][]string{
		"name,at\nlevel,300\nflow,4\nraw,5\n": {`tags.csv:2:7: source "plc": registers.level.at: 300: want 0 to 124`, "    2 | level,300\n      |       ^^^"},
		"name,at\nlevel,3\nflow,4\nra.w,5\n":  {`tags.csv:4:1: source "plc": name "ra.w": want 1 to 63 of a-z`, "    4 | ra.w,5\n      | ^^^^", "1 mistake;"},
		"name,at\nRaw Level,x\n":              {`tags.csv:2:1: source "plc": name "`, "tags.csv:2:11: ", "2 mistakes;"},
	} {
		write(csv)
		_, err := config.Load(strings.NewReader(strings.Replace(registered, of, "registers: {file: tags.csv}", 1)), "f.yaml", registers())
		for _, want := range wants {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("want %q, got:\n%v", want, err)
			}
		}
	}
}

func TestAFeedChangesWithWhatItsRegistersMean(t *testing.T) {
	for name, c := range map[string]struct {
		of, to  string
		changed []string // feeds
	}{
		"an address":               {"10.0.0.7", "10.0.0.8", nil},
		"a register":               {"at: 3", "at: 7", []string{"level"}},
		"one that nobody asks for": {"raw: {at: 5}", "raw: {at: 6}", nil},
		"one that was overruled":   {"    points: {raw: /raw}\n", "", []string{"raw"}},
	} {
		changes := config.Diff(loadRegistered(t), loadRegistered(t, c.of, c.to))
		if !slices.Equal(changes.Feeds.Changed, c.changed) {
			t.Errorf("%s: feeds %q changed, want %q", name, changes.Feeds.Changed, c.changed)
		}
	}
}

func TestAPointsUnitIsItsFeeds(t *testing.T) {
	for unit, want := range map[string]string{
		"Cel":    "",
		"C":      "from: plc.level is in C, but the feed in Cel",
		`"°C"`:   `from: plc.level is in "°C", but the feed in Cel`,
		`"a\nb"`: `from: plc.level is in "a\nb", but the feed in Cel`,
	} {
		text := strings.NewReplacer("{at: 3, decimals: 1}", "{at: 3, unit: "+unit+"}", "level: {every: 1s,", "level: {unit: Cel, every: 1s,").Replace(registered)
		_, err := config.Load(strings.NewReader(text), "f.yaml", registers())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("unit %s: %v; want %q", unit, err, want)
		}
	}
}
