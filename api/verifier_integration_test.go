//go:build integration

package api_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
)

// chainNode answers what the verifier asks of a chain: its id, and one word of storage, from other origins too.
func chainNode(t *testing.T, word func() string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
		var call struct {
			Method string
		}
		if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&call) != nil {
			return
		}
		result := map[string]string{"eth_chainId": "0x7a69", "eth_call": "0x" + fmt.Sprintf("%064x", 600_000)}[call.Method]
		if call.Method == "eth_getStorageAt" {
			result = word()
		}
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":%q}`, result)
	}))
	t.Cleanup(s.Close)
	return s
}

// feedWord is the slot of a DodonaFeed: the round, then the value in two's complement.
func feedWord(round dodona.Round, value int64) string {
	v := new(big.Int).And(big.NewInt(value), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 192), big.NewInt(1)))
	return fmt.Sprintf("0x%016x%048x", uint64(round), v)
}

func TestTheVerifierTellsGoodFromTampered(t *testing.T) {
	p, now := busyPlant()
	answer, _ := p.answer("tank-1.level", now+10000, -1250, used("boiler", "-1.25"))
	raw, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	server, _ := serve(t, p, api.Config{})
	word := feedWord(now+10000, -1250)
	var asked atomic.Int64
	chain := chainNode(t, func() string { asked.Add(1); return word })
	b := browse(t, server.URL, "a request to "+chain.URL)
	visit := func(document string, more ...string) {
		t.Helper()
		values := url.Values{"answer": {base64.RawURLEncoding.EncodeToString([]byte(document))}}
		for i := 0; i < len(more); i += 2 {
			values.Set(more[i], more[i+1])
		}
		b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(server.URL+"/verify#"+values.Encode()))
	}
	until := func(outcome string) {
		t.Helper()
		b.until(fmt.Sprintf(`document.querySelector("#outcome").textContent === %q`, outcome))
	}
	step := func(title, look, text string) {
		t.Helper()
		b.until(fmt.Sprintf(`(s => s.className === %q && s.textContent.includes(%q))(document.querySelector('[data-step=%q]'))`, look, text, title))
	}
	id := p.status.Network.ID().String()
	contract := "0x" + strings.Repeat("ab", 20)

	b.do(chromedp.Navigate(server.URL + "/verify?url=/v1/feeds/tank-1.level/latest"))
	until("Valid")
	b.until(`document.querySelector("#result").dataset.state === "uncertain" && document.querySelector("#sentence").textContent.includes("You named neither")`)
	b.until(`document.querySelector("#facts").innerText.includes("-1.250 m3")`)
	// Another address in the same tab is another answer: what came from the first one is forgotten.
	b.do(chromedp.Evaluate[chromedp.Void](`location.hash = "url=/v1/feeds/btc.usd/latest"`))
	b.until(`document.querySelector("#facts").innerText.includes("btc.usd") && document.querySelector("#document").value.includes("btc.usd")`)

	// Whoever makes a link chooses what it names: nobody's chain is asked before the reader says so.
	visit(string(raw), "network", id, "rpc", chain.URL, "contract", contract)
	until("Not confirmed")
	b.until(`document.querySelector("#result").dataset.state === "uncertain" && document.querySelector("#sentence").textContent.includes("RPC server and contract come from the link")`)
	step("Chain", "none", "not asked: RPC server and contract come from the link")
	if asked.Load() != 0 {
		t.Error("the chain of a link was asked before the reader confirmed it")
	}
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		b.size(390, 844, true)
		if b.holds(`document.documentElement.scrollWidth > innerWidth`) {
			t.Error("the verifier's page scrolls sideways at 390 pixels")
		}
		b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#outcome").scrollIntoView()`))
		b.shoot("verify-unconfirmed-narrow-" + scheme)
		b.size(1280, 800, false)
		b.shoot("verify-unconfirmed-" + scheme)
	}
	b.scheme("light")
	b.do(chromedp.Click("#confirm"))
	until("Valid")
	b.until(`document.querySelector("#result").dataset.state === "good" && document.querySelector("#unconfirmed").hidden && !document.querySelector("[data-linked]")`)
	step("Chain", "good", "the slot holds this round and this value (chain 31337)")
	b.shoot("verify-light")
	b.scheme("dark")
	b.shoot("verify-dark")
	b.scheme("light")
	if b.holds(`document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight`) {
		t.Error("the verifier's page scrolls at 1280×800")
	}

	word = feedWord(now+10000, -1251)
	b.do(chromedp.Click("#question .primary"))
	until("Not on the chain: differs")
	step("Chain", "bad", "-1251 for this very round")
	word = feedWord(now+20000, 5)
	b.do(chromedp.Click("#question .primary"))
	until("Valid")
	step("Chain", "none", "gone on to round")
	word = "0x0"
	b.do(chromedp.Click("#question .primary"))
	until("Not on the chain: empty")

	visit(strings.Replace(string(raw), `"value":"-1250"`, `"value":"-1251"`, 1), "network", id)
	until("Not valid: signature")
	step("Form", "good", "strict JSON")
	step("Signatures", "bad", "not a member of network")
	step("Chain", "none", "not reached")
	b.shoot("verify-tampered")
	b.scheme("dark")
	b.shoot("verify-tampered-dark")
	visit(string(raw), "network", "0x"+strings.Repeat("00", 32))
	until("Not valid: network")
	step("Feed and network", "bad", "expected 0x0000")
	visit(string(raw)[:200], "network", id)
	until("Not valid: malformed")
	step("Form", "bad", "cut short")
	visit(string(raw), "network", "0x12")
	until("Not valid: malformed")
}

func TestTheVerifierFollowsAProofToTheChain(t *testing.T) {
	p, now := busyPlant()
	server, _ := serve(t, p, api.Config{})
	evidence, err := p.Proof(t.Context(), "btc.usd", now)
	if err != nil {
		t.Fatal(err)
	}
	anchor := evidence.Anchored.Anchor
	ring := fmt.Sprintf("0x%016x%x", uint64(anchor.To), anchor.Root[:24])
	word := ring
	chain := chainNode(t, func() string { return word })
	b := browse(t, server.URL, "a request to "+chain.URL)
	until := func(outcome, step, look, text string) {
		t.Helper()
		b.until(fmt.Sprintf(`document.querySelector("#outcome").textContent === %q`, outcome))
		b.until(fmt.Sprintf(`(s => s.className === %q && s.textContent.includes(%q))(document.querySelector('[data-step=%q]'))`, look, text, step))
	}
	visit := func(e dodona.Evidence) {
		t.Helper()
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		values := url.Values{
			"answer": {base64.RawURLEncoding.EncodeToString(raw)}, "network": {p.status.Network.ID().String()},
			"rpc": {chain.URL}, "contract": {"0x" + strings.Repeat("cd", 20)},
		}
		b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(server.URL+"/verify#"+values.Encode()))
	}
	confirmed := func(e dodona.Evidence) {
		t.Helper()
		visit(e)
		b.until(`document.querySelector("#outcome").textContent === "Not confirmed"`)
		b.do(chromedp.Click("#confirm"))
	}
	confirmed(evidence)
	until("Valid", "Chain", "good", "the contract's ring holds this root (chain 31337)")
	b.until(`document.querySelectorAll("#steps li.good").length === 6 && document.querySelector("#facts").innerText.includes("2 leaves")`)
	b.shoot("verify-proof")
	again := func() { b.do(chromedp.Click("#question .primary")) }
	word = ring[:len(ring)-1] + "0"
	if word == ring {
		word = ring[:len(ring)-1] + "1"
	}
	again()
	until("Not on the chain: differs", "Chain", "bad", "for this very window")
	word = "0x0"
	again()
	until("Not on the chain: empty", "Chain", "bad", "no root of this window")
	word = fmt.Sprintf("0x%016x%x", uint64(anchor.To)+4096*600_000, anchor.Root[:24])
	again()
	until("Valid", "Chain", "none", "gone on to a later window")

	word = ring
	tampered := evidence
	tampered.Proof.Path = []dodona.Digest{dodona.Keccak256([]byte("another sibling"))}
	visit(tampered)
	until("Not valid: path", "Path", "bad", "path")
	tampered = evidence
	tampered.Proof.Leaf.Value = dodona.NewInt192(1)
	visit(tampered)
	until("Not valid: leaf", "Path", "bad", "leaf")
	tampered = evidence
	tampered.Anchored.Anchor.Count++
	visit(tampered)
	until("Not valid: signature", "Root", "bad", "signature")
	b.shoot("verify-proof-tampered")
}

// TestALinkDoesNotVouchForAStrangersNetwork: a link to an honest node's page may carry a stranger's answer with the
// stranger's network and members beside it.
func TestALinkDoesNotVouchForAStrangersNetwork(t *testing.T) {
	honest, _ := busyPlant()
	server, _ := serve(t, honest, api.Config{})
	stranger, now := busyPlant()
	stranger.status.Network.Name = "stranger"
	b := browse(t, server.URL, "")
	state := func(title, state, sentence string, confirm bool) {
		t.Helper()
		b.until(fmt.Sprintf(`document.querySelector("#outcome").textContent === %q && document.querySelector("#result").dataset.state === %q`, title, state))
		b.until(fmt.Sprintf(`document.querySelector("#sentence").textContent.includes(%q) && document.querySelector("#unconfirmed").hidden === %t`, sentence, !confirm))
	}
	follow := func(p *plant, names ...string) {
		t.Helper()
		answer, _ := p.answer("tank-1.level", now+10000, -1250, used("boiler", "-1.25"))
		raw, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		values := url.Values{"answer": {base64.RawURLEncoding.EncodeToString(raw)}}
		for _, name := range names {
			values.Set(name, map[string]string{"network": p.status.Network.ID().String(), "members": p.key.Address().String()}[name])
		}
		b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(server.URL+"/verify#"+values.Encode()))
	}
	follow(honest, "network") // what the node itself is
	state("Valid", "good", "", false)
	follow(honest, "members") // whose they are no link can say
	state("Not confirmed", "uncertain", "members come from the link", true)
	follow(stranger, "network")
	state("Not confirmed", "uncertain", "network id comes from the link", true)
	follow(stranger, "network", "members")
	state("Not confirmed", "uncertain", "network id and members come from the link", true)
	b.until(`document.querySelectorAll(".row[data-linked]").length === 2`)
	b.do(chromedp.Click("#question .primary")) // asking again confirms nothing
	state("Not confirmed", "uncertain", "network id and members come from the link", true)
	b.do(chromedp.Click("#confirm"))
	state("Valid", "good", "", false)
	follow(stranger, "network")
	state("Not confirmed", "uncertain", "network id comes from the link", true)
	b.do(chromedp.Evaluate[chromedp.Void](`(i => { i.value += " "; i.dispatchEvent(new Event("input")) })(document.querySelector("#network"))`))
	b.do(chromedp.Click("#question .primary")) // what the reader writes is the reader's
	state("Valid", "good", "", false)
}

// TestChromiumJudgesEveryVectorAsGoDoes gives the page's own verifier every vector with a verdict.
func TestChromiumJudgesEveryVectorAsGoDoes(t *testing.T) {
	p, _ := busyPlant()
	server, _ := serve(t, p, api.Config{})
	b := browse(t, server.URL, "")
	b.do(chromedp.Navigate(server.URL + "/verify"))
	files, err := filepath.Glob("../spec/vectors/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []json.RawMessage
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(filepath.Base(file), "wycheproof") {
			continue // signatures without answers
		}
		if bytes.HasPrefix(raw, []byte("[")) {
			continue // a list of something that has no verdict
		}
		var v struct{ Answers, Evidence, Chain []json.RawMessage }
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, slices.Concat(v.Answers, v.Evidence, v.Chain)...)
	}
	again, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	b.until(`document.querySelector("#outcome").textContent === "No answer yet"`)
	script := `(async () => {
		const { judge } = await import("/verifier.js");
		const wrong = [];
		for (const c of ` + string(again) + `) {
			const expected = {};
			for (const [name, of] of [["networkId", "expectNetworkId"], ["members", "expectMembers"], ["root", "expectRoot"], ["slot", "expectSlot"]]) {
				if (c[of]) expected[name] = c[of];
			}
			const verdict = await judge(c.raw, expected);
			if (verdict.reason !== c.reason) wrong.push(c.name + ": " + verdict.reason + " for " + c.reason);
		}
		document.title = wrong.length ? wrong.join("; ") : "all alike";
	})()`
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[chromedp.Void](script)); err != nil {
		t.Fatal(err)
	}
	b.until(`document.title !== "Verify an answer · Dodona"`)
	b.until(`document.title === "all alike"`)
	if len(cases) < 180 {
		t.Errorf("%d vectors", len(cases))
	}
}
