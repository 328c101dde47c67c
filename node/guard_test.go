package node

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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
