package config_test

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/internal/strict"
)

func mustLoad(t *testing.T, src string) *config.Config {
	t.Helper()
	c, err := config.Load(strings.NewReader(src), "f.yaml", kinds())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const twoLines = "endpoint: https://prices.example/btc\nsignature_key: 0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318\n"

func TestTwoLinesAreAWholeConfiguration(t *testing.T) {
	c := mustLoad(t, twoLines)
	key, err := c.Node.Key.Hex.Reveal()
	if err != nil || !strings.HasPrefix(key, "0x4c08") || !c.TwoLine {
		t.Errorf("the key was not taken: %v", err)
	}
	want := dodona.Feed{Name: "answer", Kind: dodona.Number, Decimals: 18}
	f, found := c.Feed("answer")
	if !found || !reflect.DeepEqual(f.Feed, want) || f.Settings.Every != 10*time.Second {
		t.Errorf("got feed %+v, want %+v every 10s", f, want)
	}
	s, found := c.Source("endpoint")
	if !found || s.Kind != "http" || s.Settings.(*httpSettings).URL != "https://prices.example/btc" {
		t.Errorf("got source %+v", s)
	}
	if !reflect.DeepEqual(s.Rules, map[string]extract.Rule{"": {}}) {
		t.Errorf("got rules %+v, want the one number", s.Rules)
	}
	if c.API.Listen != "127.0.0.1:8080" || len(c.Warnings) != 1 { // the key in clear
		t.Errorf("got api %+v, warnings %v", c.API, c.Warnings)
	}

	long, err := c.Expand(kinds())
	if err != nil {
		t.Fatal(err)
	}
	inFile := strings.Replace(string(long), "•••", "{file: keys/key}", 1)
	if again := mustLoad(t, inFile); again.Feeds[0].Feed.ID() != c.Feeds[0].Feed.ID() || again.TwoLine {
		t.Errorf("the long form has another id:\n%s", long)
	}
}

func TestTheThirdLineNamesTheValue(t *testing.T) {
	c := mustLoad(t, twoLines+"value: /bitcoin/usd\n")
	if got := c.Sources[0].Rules[""].Pointer; got != "/bitcoin/usd" {
		t.Errorf("got pointer %q", got)
	}
}

const plant = `sources:
  boiler: {file: {path: b}, points: {temperature: /t, pressure: /p}}
  tank: {file: {path: t}}
feeds:
  a: {every: 10s, from: [boiler.temperature]}
  b: {every: 10s, from: [boiler.pressure, tank]}
`

func TestDiffSaysWhatAReloadMustDo(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		want           string
	}{
		{"nothing", "", "", "nothing changed"},
		{"a source's address", "path: t}", "path: t2}", "sources: tank changed"},
		{"a point's pointer", "temperature: /t", "temperature: /t2", "feeds: a changed"},
		{"a point nobody asks for", "pressure: /p}", "pressure: /p, flow: /f}", "nothing changed"},
		{"a feed", "a: {every: 10s", "a: {every: 20s", "feeds: a changed"},
		{"a feed's unit", "a: {every: 10s", "a: {every: 10s, unit: Cel", "feeds: a changed; a is another feed now (unit none → Cel)"},
		{"a feed's decimals", "b: {every: 10s", "b: {every: 5s, decimals: 4", "feeds: b changed; b is another feed now (decimals 18 → 4)"},
		{"a feed's kind", "a: {every: 10s", "a: {every: 10s, kind: enum, labels: [off, on]", "feeds: a changed; a is another feed now (kind number → enum, decimals 18 → 0, labels none → off, on)"},
		{"a feed's name", "  a: {", "  c: {", "feeds: c added, a removed"},
		{"a new source", "feeds:", "  new: {file: {path: n}}\nfeeds:", "sources: new added"},
		{"the log", "sources:", "log: {level: debug}\nsources:", "applied: log.level"},
		{"the memory", "sources:", "node: {memory: 200MiB}\nsources:", "applied: node.memory"}, // an eighth of it
		{"the memory, that of modules being said", "sources:", "node: {memory: 200MiB}\nmodules: {memory: 16MiB}\nsources:", "applied: node.memory"},
		{"the memory of modules", "sources:", "modules: {memory: 20MiB}\nsources:", "restart needed for modules.memory"},
		{"all that is live", "sources:", "node: {memory: 200MiB}\nlog: {level: debug}\nsources:", "applied: log.level, node.memory"},
		{"the listener", "sources:", "api: {listen: \"127.0.0.1:1\"}\nsources:", "restart needed for api.listen"},
		{"the journal", "sources:", "journal: {durability: strict, raw: {age: 1d}}\nsources:", "restart needed for journal.durability, journal.raw.age"},
		{"the data folder", "sources:", "node: {data: other}\nsources:", "restart needed for node.data"},
		{"the folder of modules", "sources:", "modules: {dir: other}\nsources:", "restart needed for modules.dir"},
		{"the key", "sources:", "node: {key: {file: k}, name: x}\nsources:", "restart needed for node.key.file, node.name"},
		{"the network", "sources:", "network: {name: x}\nroles: [observe]\nsources:", "restart needed for network.name, roles"},
		{"a token", "sources:", "api: {tokens: [{file: t}]}\nsources:", "restart needed for api.tokens"},
	} {
		changes := config.Diff(mustLoad(t, plant), mustLoad(t, strings.Replace(plant, c.old, c.new, 1)))
		if got := changes.String(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestDiffSeesAChangedSecret(t *testing.T) {
	src := func(secret string) string {
		return "sources: {a: {http: {url: \"https://a.example\", bearer: " + secret + "}}}\nfeeds: {x: {from: [a]}}\n"
	}
	for _, other := range []string{"other-inline", "{file: one}", "{env: ONE}"} {
		if got := config.Diff(mustLoad(t, src("one-inline")), mustLoad(t, src(other))); len(got.Sources.Changed) != 1 {
			t.Errorf("%s: got %+v", other, got)
		}
	}
}

func TestReaderErrorsAreNotMistakes(t *testing.T) {
	broken := errors.New("disk on fire")
	_, err := config.Load(iotest.ErrReader(broken), "f.yaml", kinds())
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml"} {
		for _, name := range files(f, pattern) {
			src, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Add([]byte(leaky))
	f.Add([]byte(plant))
	fuzztest.Run(f, func(t *testing.T, src []byte) {
		c, err := config.Load(bytes.NewReader(src), "f.yaml", kinds())
		if err != nil {
			var mistakes *strict.MistakesError
			if c != nil || !errors.As(err, &mistakes) || len(mistakes.Mistakes) == 0 {
				t.Fatalf("got %v, %v; want mistakes", c, err)
			}
			return
		}
		long, err := c.Expand(kinds())
		if err != nil {
			t.Fatal(err)
		}
		again, err := config.Load(bytes.NewReader(long), "f.yaml", kinds())
		if err != nil {
			if strings.Contains(string(long), "•••") {
				return
			}
			t.Fatalf("expanded to what does not load: %v\n%s", err, long)
		}
		same(t, string(long), c, again)
	})
}
