package feed

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/google/go-cmp/cmp"
)

// golden is the canonical form of one document. Its digest is signed with every answer: if it must change,
// so must format.
const golden = `{"format":1,"feed":{"name":"btc.usd","kind":"number","unit":"USD","decimals":8},"everyMs":10000,` +
	`"from":["coingecko","kraken","binance"],"take":"latest","extraction":{"extract":1,"sources":{"kraken":{"":{"pointer":"/a\u003cb"}}}},` +
	`"staleMs":60000,"outliers":"10%","combine":"median","need":2}`

func bitcoin(t testing.TB) Document {
	t.Helper()
	places := uint8(8)
	doc, err := NewDocument("btc.usd", Settings{
		Unit: "USD", Decimals: &places, Every: 10 * time.Second, From: []string{"coingecko", "kraken", "binance"},
		Need: 2, Outliers: percent(t, "10%"),
	}, json.RawMessage(`{ "extract": 1, "sources": {"kraken": {"": {"pointer": "/a<b"}}} }`))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestRulesHaveOneForm(t *testing.T) {
	doc := bitcoin(t)
	raw, err := doc.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(golden, string(raw)); diff != "" {
		t.Errorf("the canonical form changed (−want +got):\n%s", diff)
	}
	digest, err := doc.Digest()
	if err != nil || digest != dodona.Keccak256([]byte(golden)) {
		t.Errorf("digest %v, %v", digest, err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, raw, "", "\t"); err != nil {
		t.Fatal(err)
	}
	again, err := ParseDocument(indented.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if d, err := again.Digest(); err != nil || d != digest {
		t.Errorf("indented: digest %v, %v, want %v", d, err, digest)
	}
	if again.Every() != 10*time.Second || again.Stale() != time.Minute {
		t.Errorf("every %v, stale %v", again.Every(), again.Stale())
	}
}

func TestDeadlineIsNotARule(t *testing.T) {
	short, err := NewDocument("x", Settings{From: []string{"a"}, Deadline: time.Second}, nil)
	if err != nil {
		t.Fatal(err)
	}
	long, err := NewDocument("x", Settings{From: []string{"a"}, Deadline: 2 * time.Second}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(short, long, cmp.Comparer(func(a, b Percent) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestDocumentsThatNoFeedHasAreRefused(t *testing.T) {
	for _, change := range []struct{ old, new string }{
		{`"format":1`, `"format":0`},
		{`"format":1`, `"format":2`}, // there is nothing to round
		{`"format":1`, `"format":3`},
		{`"format":1`, `"format":1,"more":1`},
		{`"need":2}`, `"need":2}{}`},
		{`"need":2}`, `"need":2}}`},
		{`"need":2`, `"need":2,"need":2`},
		{`"need":2`, `"Need":2`},
		{`"unit":"USD"`, `"unit":"USD","\u0075nit":"USD"`},
		{`"kraken",`, `null,`},
		{`"need":2`, `"need":4`},
		{`"everyMs":10000`, `"everyMs":0`},
		{`"everyMs":10000`, `"everyMs":-9223372036854775808`},
		{`"everyMs":10000`, `"everyMs":9223372036854775807`},
		{`"everyMs":10000`, `"everyMs":1.5`},
		{`"staleMs":60000`, `"staleMs":9223372036854775807`},
		{`"outliers":"10%"`, `"outliers":10`},
		{`"combine":"median"`, `"combine":"majority"`},
		{`"take":"latest"`, `"take":""`},
		{`"kind":"number"`, `"kind":""`},
		{`"name":"btc.usd"`, `"name":"BTC/USD"`},
		{`"decimals":8`, `"decimals":256`},
	} {
		raw := strings.Replace(golden, change.old, change.new, 1)
		if doc, err := ParseDocument(json.RawMessage(raw)); err == nil {
			t.Errorf("%s → %s gave %+v", change.old, change.new, doc)
		}
	}
	for length, want := range map[int]string{64: `"` + strings.Repeat("A", 64) + `"`, 65: `"` + strings.Repeat("A", 64) + `…"`} {
		raw := strings.Replace(golden, "btc.usd", strings.Repeat("A", length), 1)
		if _, err := ParseDocument(json.RawMessage(raw)); err == nil || !strings.Contains(err.Error(), "read rules of feed "+want+": ") {
			t.Errorf("a name of %d letters: %v", length, err)
		}
	}
	if _, err := NewDocument("x", Settings{From: []string{"a"}}, json.RawMessage(`{`)); err == nil {
		t.Error("extraction that is not JSON gave no error")
	}
	for name, want := range map[string]bool{"a.b.c.d": true, "a.b.c.d.e": false} {
		if _, err := NewDocument(name, Settings{From: []string{"a"}}, nil); (err == nil) != want {
			t.Errorf("a feed named %s: %v", name, err)
		}
	}
	if _, err := NewDocument("X Y", Settings{From: []string{"a"}}, nil); err == nil {
		t.Error("a name that no subject can have gave no error")
	}
}

func FuzzDocumentSurvivesPrinting(f *testing.F) {
	f.Add([]byte(golden))
	f.Add([]byte(strings.Replace(golden, `"kind":"number"`, `"kind":"enum","labels":["a","b"]`, 1)))
	f.Add([]byte(`{}`))
	fuzztest.Run(f, func(t *testing.T, raw []byte) {
		doc, err := ParseDocument(raw)
		if err != nil {
			return
		}
		digest, err := doc.Digest()
		if err != nil {
			t.Fatalf("%s was read and cannot be written: %v", raw, err)
		}
		canonical, err := doc.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseDocument(canonical)
		if err != nil {
			t.Fatalf("%s became %s, which is refused: %v", raw, canonical, err)
		}
		if d, err := again.Digest(); err != nil || d != digest {
			t.Fatalf("%s: digest %v became %v (%v)", raw, digest, d, err)
		}
		// Whatever the rules are, they can be evaluated.
		Evaluate(doc, 1_795_349_070_000, []dodona.Point{{ID: doc.From[0]}}, nil)
	})
}
