package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
)

// TestALogThatSpeaksOfManyThingsAnswersForEach: each point is that of the latest line which has it, before and after a restart, and
// what is kept of the round is the lines that it was made of.
func TestALogThatSpeaksOfManyThingsAnswersForEach(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "plant.log")
	lines := "{\"a\":1}\n{\"b\":2}\nService restarted at 08:20\n   \n{\"a\":null}\n{\"event\":\"door open\"}\n"
	if err := os.WriteFile(log, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
node: {data: %q}
api: {listen: "127.0.0.1:0"}
sources: {s: {file: {path: %q, format: lines, every: 20ms}, points: {a: /a, b: /b}}}
feeds:
  a: {decimals: 0, every: 200ms, stale: 1h, from: [s.a]}
  both: {decimals: 0, every: 200ms, stale: 1h, from: [s.a, s.b], need: 2, combine: max}
`, filepath.Join(dir, "data"), log)
	for life := range 2 {
		seen := newOutcomes()
		n := openNode(t, text, Options{OnRound: seen.add})
		stop := run(t, n)
		for feed, want := range map[string]struct {
			value string
			lines int
		}{"a": {"1", 1}, "both": {"2", 2}} {
			out := seen.await(t, fmt.Sprintf("life %d: an answer of %s", life, feed), func(o Outcome) bool {
				return o.Bundle != nil && o.Bundle.Feed.Name == feed && o.Bundle.Value != nil && o.Answer != nil
			})
			if got := out.Bundle.Value.Decimal(0).String(); got != want.value || out.Bundle.Quality != dodona.Good {
				t.Errorf("life %d: %s is %s (%s), want %s", life, feed, got, out.Bundle.Quality, want.value)
			}
			bundle, err := explain.Export(t.Context(), n.journal, n.id.salt, feed, out.Round)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(bundle.Readings); got != want.lines {
				t.Errorf("life %d: the bundle of %s holds %d readings, want the %d that made it", life, feed, got, want.lines)
			}
			if replayed, err := explain.Replay(t.Context(), bundle, nil, nil); err != nil || !replayed.Same {
				t.Errorf("life %d: replay of %s: %v, %v", life, feed, replayed, err)
			}
		}
		stop()
	}
}

// TestARestartWithNothingNewIsNoSilence: a line of before counts until it is stale, and then the reason is its age.
func TestARestartWithNothingNewIsNoSilence(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "meter.jsonl")
	if err := os.WriteFile(log, []byte("{\"t\":21}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
node: {data: %q}
api: {listen: "127.0.0.1:0"}
sources: {s: {file: {path: %q, format: lines, every: 20ms}, value: /t}}
feeds: {f: {decimals: 0, every: 200ms, stale: 10m, from: [s]}}
`, filepath.Join(dir, "data"), log)
	seen := newOutcomes()
	n := openNode(t, text, Options{OnRound: seen.add})
	stop := run(t, n)
	seen.await(t, "an answer", func(o Outcome) bool { return o.Answer != nil })
	stop()
	seen = newOutcomes()
	stale := func() time.Time { return time.Now().Add(11 * time.Minute) } // when the line is
	n = openNode(t, text, Options{OnRound: seen.add, Now: stale})
	stop = run(t, n)
	defer stop()
	seen.await(t, "a round that names the line's age", func(o Outcome) bool {
		return o.Bundle != nil && len(o.Bundle.Inputs) == 1 && o.Bundle.Inputs[0].Status == dodona.InputStale
	})
	pump, _ := n.observer.pumps.get("s")
	if got := pump.Status(); got.LastReading.IsZero() || got.LastError != "" {
		t.Errorf("the source is %+v, want that it was read before and has no error", got)
	}
}

// TestWhatALogLosesIsToldByAnEvent: a hole, with the line that it tore.
func TestWhatALogLosesIsToldByAnEvent(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "meter.jsonl")
	if err := os.WriteFile(log, []byte("{\"t\":1}\n{\"t\":2\x00\x00\x00{\"t\":3}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := openNode(t, fmt.Sprintf(`
node: {data: %q}
api: {listen: "127.0.0.1:0"}
sources: {s: {file: {path: %q, format: lines, every: 20ms}, value: /t}}
feeds: {f: {decimals: 0, every: 200ms, stale: 1h, from: [s]}}
`, filepath.Join(dir, "data"), log), Options{})
	defer run(t, n)()
	for until := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		rec, err := n.journal.Own().Last(t.Context(), dodona.TopicEvent, dodona.EventDropped)
		if err == nil {
			if body := string(rec.Body); !strings.Contains(body, `"what":"readings of a source"`) || !strings.Contains(body, "hole of 3 NUL bytes") {
				t.Errorf("the event is %s", body)
			}
			return
		}
		if time.Now().After(until) {
			t.Fatalf("no event tells of the hole: %v", err)
		}
	}
}
