package node

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
)

// TestTheWrongInstrumentIsNeverAnswered: an array comes in another order each time, in a charset that its source declares. The
// element that is meant is answered wherever it stands, what a guard refuses is missed with its words, and a replay agrees.
func TestTheWrongInstrumentIsNeverAnswered(t *testing.T) {
	const btc, eth = `{"symbol":"BTC€","price":"43218.55"}`, `{"symbol":"ETH€","price":"2301.10"}`
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		document := "[" + btc + "," + eth + "]"
		if asked.Add(1)%2 == 0 {
			document = "[" + eth + "," + btc + "]"
		}
		w.Header().Set("Content-Type", "application/json; charset=windows-1252")
		fmt.Fprint(w, strings.ReplaceAll(document, "€", "\x80"))
	}))
	defer server.Close()
	seen := newOutcomes()
	n := openNode(t, fmt.Sprintf(`
node: {data: %q}
api: {listen: "127.0.0.1:0"}
sources:
  s:
    http: {url: %q}
    points:
      chosen: {pointer: /*/price, where: {/*/symbol: BTC€}}
      first: {pointer: /0/price, where: {/0/symbol: BTC€}}
feeds:
  chosen: {decimals: 2, every: 200ms, from: [s.chosen]}
  first: {decimals: 2, every: 200ms, from: [s.first]}
`, filepath.Join(t.TempDir(), "data"), server.URL), Options{OnRound: seen.add})
	stop := run(t, n)
	defer stop()
	reading := func(o Outcome) dodona.Digest { return o.Bundle.Inputs[0].Readings[0].Digest }
	of := func(o Outcome, feed string) bool {
		return o.Bundle != nil && o.Bundle.Feed.Name == feed && len(o.Bundle.Inputs[0].Readings) == 1
	}
	missed := seen.await(t, "another instrument first", func(o Outcome) bool { return of(o, "first") && o.Bundle.Value == nil })
	if reason := missed.Bundle.Missed; !strings.Contains(reason, `guard /0/symbol is ETH€, want BTC€`) {
		t.Errorf("missed for %q", reason)
	}
	// Both feeds ask in the same instant, so now and then they are given one reading.
	refused := map[dodona.Digest]bool{}
	chosen := seen.await(t, "an element chosen where a position is wrong", func(o Outcome) bool {
		if of(o, "first") && o.Bundle.Value == nil {
			refused[reading(o)] = true
		}
		return of(o, "chosen") && o.Answer != nil && refused[reading(o)]
	})
	first := seen.await(t, "the instrument that is meant first", func(o Outcome) bool { return of(o, "first") && o.Answer != nil })
	for _, out := range []Outcome{missed, chosen, first} {
		bundle, err := explain.Export(t.Context(), n.journal, n.id.salt, out.Bundle.Feed.Name, out.Round)
		if err != nil {
			t.Fatal(err)
		}
		if replayed, err := explain.Replay(t.Context(), bundle, nil, nil); err != nil || !replayed.Same {
			t.Errorf("%s: replay: %+v, %v", out.Bundle.Feed.Name, replayed, err)
		}
	}
	for _, o := range seen.all() {
		if o.Bundle != nil && o.Bundle.Value != nil && *o.Bundle.Value != dodona.NewInt192(4_321_855) {
			t.Errorf("%s answered %s", o.Bundle.Feed.Name, o.Bundle.Value)
		}
	}
}

// TestTwoSensorsOfOneLogAreToldApart: each feed answers with the lines of its own sensor, be they the latest or all since the
// round before, whoever wrote last.
func TestTwoSensorsOfOneLogAreToldApart(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "meter.jsonl")
	lines := `{"sensor":"a","t":10}` + "\n" + `{"sensor":"a","t":20}` + "\n" + `{"sensor":"b","t":990}` + "\n" + `{"sensor":"c","t":5}` + "\n"
	if err := os.WriteFile(log, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := newOutcomes()
	n := openNode(t, fmt.Sprintf(`
node: {data: %q}
api: {listen: "127.0.0.1:0"}
sources:
  s:
    file: {path: %q, format: lines, every: 20ms}
    points:
      a: {pointer: /t, where: {/sensor: a}}
      b: {pointer: /t, where: {/sensor: b}}
      d: {pointer: /t, where: {/sensor: d}}
feeds:
  a: {decimals: 0, every: 200ms, stale: 1h, from: [s.a]}
  b: {decimals: 0, every: 200ms, stale: 1h, from: [s.b]}
  d: {decimals: 0, every: 200ms, stale: 1h, from: [s.d]}
  all: {decimals: 0, every: 200ms, stale: 1h, from: [s.a], take: all, combine: mean}
`, filepath.Join(dir, "data"), log), Options{OnRound: seen.add})
	stop := run(t, n)
	defer stop()
	for feed, want := range map[string]int64{"a": 20, "b": 990, "all": 15} {
		out := seen.await(t, fmt.Sprintf("%s = %d", feed, want), func(o Outcome) bool {
			return o.Bundle != nil && o.Bundle.Feed.Name == feed && o.Answer != nil && *o.Bundle.Value == dodona.NewInt192(want)
		})
		bundle, err := explain.Export(t.Context(), n.journal, n.id.salt, feed, out.Round)
		if err != nil {
			t.Fatal(err)
		}
		if replayed, err := explain.Replay(t.Context(), bundle, nil, nil); err != nil || !replayed.Same {
			t.Errorf("%s: replay: %+v, %v", feed, replayed, err)
		}
	}
	missed := seen.await(t, "a missed round of d", func(o Outcome) bool {
		return o.Bundle != nil && o.Bundle.Feed.Name == "d" && strings.Contains(o.Bundle.Missed, "guard")
	})
	if !strings.Contains(missed.Bundle.Missed, "guard /sensor is c, want d") {
		t.Errorf("missed for %q", missed.Bundle.Missed)
	}
}
