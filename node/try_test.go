package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
)

// TestATrialRunsTheModuleAsANodeDoes: found, verified, bounded and given its sensors, with nothing kept from before and nothing
// left behind.
func TestATrialRunsTheModuleAsANodeDoes(t *testing.T) {
	modules, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	writeFile(t, modules, "counter-1.0.0.wasm", counterWasm(t))
	for _, c := range []struct {
		trust, allow string
		missed       string
	}{
		{"unsigned: true", "{state: true, read_sensor: [meter]}", ""},
		{"trust: nowhere.json", "{state: true, read_sensor: [meter]}", "modules.trust"},
		{"unsigned: true", "{state: true}", "read_sensor"},
	} {
		text := fmt.Sprintf(`
node: {data: %q}
modules: {dir: %q, %s}
sources: {meter: {sim: {seed: 1}, value: /walk}}
feeds: {f: {decimals: 0, every: 1m, from: [meter], points: [counted], module: {name: counter, version: 1.0.0, allow: %s}}}
`, data, modules, c.trust, c.allow)
		for range 2 { // nothing is counted on
			got, err := Try(t.Context(), Options{Config: load(t, text), Kinds: all.Sources()}, "f")
			switch {
			case err != nil || got.Module == nil || len(got.Exchanges) != 1 || len(got.Points) != 1:
				t.Fatalf("%s: %v, %+v", c.allow, err, got)
			case c.missed == "" && (got.Text != "1" || got.Module.Fuel == 0 || got.Module.Limit == 0 || len(got.Module.Points) < 1 || got.Module.Error != "" || got.Missed != ""):
				t.Errorf("got %+v of %+v", got, got.Module)
			case c.missed != "" && (got.Value != nil || !strings.Contains(got.Module.Error, c.missed) || !strings.Contains(got.Missed, c.missed)):
				t.Errorf("got %q and %q, want %q", got.Missed, got.Module.Error, c.missed)
			}
		}
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("the data folder was made: %v", err)
	}
	if left, _ := os.ReadDir(modules); len(left) != 1 {
		t.Errorf("beside the module there is %v", left)
	}
}

// TestATrialOfNoFeedIsAnError, and one whose source is not there is a missed round.
func TestATrialOfNoFeedIsAnError(t *testing.T) {
	c := load(t, "sources: {s: {file: {path: nowhere.json}}}\nfeeds: {f: {every: 1m, from: [s]}}")
	if _, err := Try(t.Context(), Options{Config: c, Kinds: all.Sources()}, "g"); err == nil {
		t.Error("there is a trial of a feed that is not there")
	}
	got, err := Try(t.Context(), Options{Config: c, Kinds: all.Sources()}, "f")
	if err != nil || got.Value != nil || !strings.Contains(got.Missed, "nowhere.json") || !strings.Contains(got.Exchanges[0].Error, "nowhere.json") {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestAPointIsShownWithTheReadingThatHasIt, and with the last one if none does.
func TestAPointIsShownWithTheReadingThatHasIt(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	trial := SourceTrial{
		Readings: []dodona.Reading{{Item: "a", Received: now}, {Item: "b", Received: now}, {Item: "a", Received: now.Add(time.Second)}},
		Points:   []dodona.Point{{ID: "a", Time: now}, {ID: "a", Time: now.Add(time.Second)}, {ID: "b", Time: now}, {ID: "none"}},
		has:      func(r dodona.Reading, id string) bool { return r.Item == id },
	}
	for i, want := range []string{"a", "b", "a none"} {
		var got []string
		for _, p := range trial.PointsOf(i) {
			got = append(got, p.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("reading %d has %q, want %s", i, got, want)
		}
	}
}
