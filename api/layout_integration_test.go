//go:build integration

package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
)

// causes are why nine feeds do not answer: short, long, of one word without end, and in two scripts.
var causes = []string{
	"need 1 value, 0 remain: a late: no answer within 1s",
	"need 1 value, 0 remain: a failed: GET 127.0.0.1:39911 500 Internal Server Error; trying again at 2026-11-27T07:44:32Z (attempt 16)",
	"need 1 value, 0 remain: a bad: nothing stands at /pric; the only number stands at /price",
	`need 1 value, 0 remain: a bad: the document is not JSON: invalid character '<' looking for beginning of value at byte 1; it begins "<!doctype html><html><bo"…`,
	"need 1 value, 0 remain: a bad: the document has several numbers and the rule has no pointer: numbers stand at /a, /b and /c; say which one, such as value: /a",
	"need 2 values, 0 remain: a failed: dial tcp 127.0.0.1:1: connect: connection refused; trying again at 2026-11-27T07:44:31Z (attempt 13); b failed: open file: stat ./nothing/there.json: no such file or directory; c late: no answer within 1s",
	`need 1 value, 0 remain: a bad: parse decimal "שלום مرحبا not a number": want digits with at most one point, such as -12.5 or 3e2`,
	"need 1 value, 0 remain: a failed: GET prices.example 404 Not Found: " + strings.Repeat("w", 120),
	"\u202eneed 1 value, 0 remain: a bad: null stands at /v",
}

// aBadNight is a node on which as much as possible is wrong, long, or written from right to left.
func aBadNight(t *testing.T) *plant {
	t.Helper()
	p := newPlant(time.Now)
	now := dodona.RoundAt(time.Now()) / 10000 * 10000
	p.status.Node = "gw-7-of-the-north-eastern-pumping-station"
	p.status.Started = time.Now().Add(-30 * 24 * time.Hour)
	for i, cause := range causes {
		name := fmt.Sprintf("bad-%d.value", i)
		p.add(dodona.Feed{Name: name, Kind: dodona.Number, Unit: "USD", Decimals: 2}, 10*time.Second)
		p.miss(name, now, cause, refused("a", dodona.InputFailed, cause, ""))
		p.find(name).Quality = dodona.Bad
	}
	answers := []struct {
		feed  dodona.Feed
		value string // scaled
	}{
		{dodona.Feed{Name: "cash.total", Kind: dodona.Number, Unit: "wei per share of common stock, undiluted", Decimals: 18}, "123456789012345678123456789012345678"},
		{dodona.Feed{Name: "dust.left", Kind: dodona.Number, Unit: "كيلوواط ساعة", Decimals: 18}, "-1"},
		{dodona.Feed{Name: "in.shekels", Kind: dodona.Number, Unit: "ש״ח", Decimals: 2}, "-4321855"},
		{dodona.Feed{Name: "largest." + strings.Repeat("of-all-", 8) + "them", Kind: dodona.Number, Unit: strings.Repeat("u", 60), Decimals: 18}, "-" + strings.Repeat("9", 57)},
		{dodona.Feed{Name: "line-2.state", Kind: dodona.Enum, Labels: []string{"the machine runs at its full nominal speed", "עוצר עכשיו"}}, "1"},
		{dodona.Feed{Name: "line-3.state", Kind: dodona.Enum, Labels: []string{"the machine runs at its full nominal speed", "עוצר עכשיו"}}, "0"},
		{dodona.Feed{Name: "plain.price", Kind: dodona.Number, Unit: "USD", Decimals: 8}, "4321855000000"},
	}
	for _, a := range answers {
		p.add(a.feed, 10*time.Second)
		p.find(a.feed.Name).StaleMS = time.Hour.Milliseconds()
		var value dodona.Int192
		if err := value.UnmarshalText([]byte(a.value)); err != nil {
			t.Fatal(err)
		}
		for i := range dodona.Round(30) {
			p.answerExact(a.feed.Name, now-(29-i)*10000, value, used("kraken", "43218.55"), refused("coingecko", dodona.InputOutlier, "900 % from the median", "432190"))
		}
	}
	f := p.find("plain.price")
	f.Quality, f.Reason = dodona.Uncertain, "coingecko: 899.5 % from the median 43,239.79, at most 10 % is allowed"
	long := "POST bus.plant: HTTP status 422: {\"no\":\"such desk\"} " + strings.Repeat("x", 90)
	p.status.Sinks = []api.SinkStatus{
		{
			Name: "chain", Kind: "evm", State: "stuck", Quality: dodona.Bad, Feeds: []string{"plain.price"}, Queue: 1, Waiting: 560, Oldest: time.Now().Add(-18*time.Minute - 30*time.Second),
			LastError: "the contract refuses round 1796036522000 of plain.price: it belongs to another network: deploy one for this network", Delivered: 12,
			LastTopic: "data", LastFeed: "plain.price", LastRecord: (now - 20000).ID(), LastAt: time.Now().Add(-20 * time.Minute),
			Detail: map[string]any{
				"sender": "0x5b38da6a701c568545dcfcb03fcb875f56beddc4", "chain": 31337, "balance": "0.499968 ether", "planned": 1, "flying": 0, "mined": 2,
				"slots":     map[string]any{"plain.price": map[string]any{"round": now - 20000, "value": "4321010000000"}},
				"contracts": map[string]any{"plain.price": "0x5b38da6a701c568545dcfcb03fcb875f56beddc4"},
			},
		},
		{
			Name: "desk", Kind: "webhook", State: "starting", Feeds: []string{"plain.price"}, Dead: 94,
			DeadLetters: []api.DeadLetter{
				{Topic: "data", Key: "plain.price", Record: (now - 30000).ID(), At: (now - 30000).Time(), Detail: "refused 1 times: " + long},
				{Topic: "data", Key: "plain.price", Record: (now - 10000).ID(), At: (now - 10000).Time(), Detail: "refused 1 times: " + long},
			},
		},
		{Name: "well", Kind: "stdout", State: "ok", Delivered: 1188, LastTopic: "data", LastFeed: "plain.price", LastRecord: now.ID(), LastAt: time.Now()},
	}
	p.status.Modules = []api.ModuleStatus{
		{Feed: "plain.price", Name: "plausible", Version: "1.2.0", Running: true, Events: 8123, Failed: 3, MeanUS: 41.3, Digest: dodona.Keccak256([]byte("module")), LastError: "out of fuel after 1,000,000 of 1,000,000"},
		{Feed: "bad-1.value", Name: "refused", Version: "0.9.0-" + strings.Repeat("beta", 10), LastError: "nobody who is trusted signed it"},
	}
	last := time.Now().Add(-3 * time.Second)
	p.sources = []api.SourceStatus{
		{Name: "a", Kind: "http", State: "unusable", Quality: dodona.Bad, LastReading: last, Exchanges: 11, LastError: "delivers, but nothing usable: " + causes[3]},
		{Name: "b-" + strings.Repeat("long-name-", 5), Kind: "file", State: "retrying", Quality: dodona.Uncertain, Failures: 12, NextTry: time.Now().Add(time.Hour), LastError: "open file: stat ./" + strings.Repeat("deep/", 30) + "there.json: no such file or directory"},
		{Name: "kraken", Kind: "http", State: "ok", LastReading: last, Exchanges: 1204, Readings: 1204},
	}
	return p
}

// faults returns what is wrong with how the page is laid out, in words: text that is cut, that lies outside of the window, or over other text.
const faults = `(() => {
  const found = [];
  const name = (e) => (e.closest("tr, li, p, summary, header")?.innerText ?? "").slice(0, 40).replaceAll("\n", " ") + " <" + e.className + ">";
  const boxes = [];
  for (const root of document.querySelectorAll("body > header, #standing > summary, main")) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode, parent = text.parentElement;
      if (!text.data.trim() || parent.closest(".sr, title, thead") || (parent.closest("details:not([open])") && !parent.closest("summary"))) continue;
      const range = document.createRange();
      range.selectNodeContents(text);
      for (const r of range.getClientRects()) {
        if (r.width < 1 || r.height < 1) continue;
        if (r.left < -0.5 || r.right > innerWidth + 0.5) found.push("outside: " + name(parent));
        boxes.push({ r, owner: parent });
      }
      for (let e = parent; e && e !== root; e = e.parentElement) {
        const style = getComputedStyle(e);
        if (style.display.startsWith("inline")) continue;
        if (e.scrollWidth > e.clientWidth + 1) found.push("cut: " + name(e) + " " + e.scrollWidth + " in " + e.clientWidth);
        if (style.textOverflow === "ellipsis" || style.webkitLineClamp !== "none") found.push("may be cut: " + name(e));
      }
    }
  }
  const inside = (b) => { const s = b.owner.closest(".scroll, #parts"); if (!s) return true; const v = s.getBoundingClientRect(); return b.r.top < v.bottom && b.r.bottom > v.top; };
  const seen = boxes.filter(inside);
  for (let i = 0; i < seen.length; i++) {
    for (let j = i + 1; j < seen.length; j++) {
      const [a, b] = [seen[i], seen[j]];
      if (a.owner === b.owner || a.owner.contains(b.owner) || b.owner.contains(a.owner)) continue;
      const w = Math.min(a.r.right, b.r.right) - Math.max(a.r.left, b.r.left), h = Math.min(a.r.bottom, b.r.bottom) - Math.max(a.r.top, b.r.top);
      if (w > 1.5 && h > 5) found.push("overlap: " + name(a.owner) + " and " + name(b.owner));
    }
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page scrolls sideways");
  return JSON.stringify([...new Set(found)]);
})()`

var widths = []struct {
	width, height int64
	mobile        bool
}{{1280, 800, false}, {1024, 768, false}, {768, 1024, false}, {390, 844, true}, {320, 640, true}}

func TestNothingOnThePageIsCutAtAnyWidth(t *testing.T) {
	p := aBadNight(t)
	server, _ := serve(t, p, api.Config{})
	headline := headlineOf(t, server.URL)
	b := browse(t, server.URL, "")
	b.until(`document.querySelectorAll("#feeds svg.line").length === 7 && !document.querySelector("#standing").hidden`)
	for _, w := range widths {
		b.size(w.width, w.height, w.mobile)
		b.shoot(fmt.Sprintf("night-%d", w.width))
		var found []string
		if err := json.Unmarshal([]byte(b.text(faults)), &found); err != nil {
			t.Fatal(err)
		}
		for _, fault := range found {
			t.Errorf("at %d: %s", w.width, fault)
		}
		if got := b.text(`document.querySelector("#level").textContent + document.querySelector("#headline").textContent`); got != "degraded: "+headline {
			t.Errorf("at %d: the page says %q, the status %q", w.width, got, "degraded: "+headline)
		}
		for _, f := range p.Feeds() {
			row := rowOf(f.Name)
			if f.Latest == nil {
				if got := b.text(row + `.querySelector(".cause").innerText`); got != f.Reason {
					t.Errorf("at %d: %s shows the cause %q, want %q", w.width, f.Name, got, f.Reason)
				}
				if !b.holds(fmt.Sprintf(`(() => { const r = %[1]s, c = r.querySelector(".cause").getBoundingClientRect(), all = r.getBoundingClientRect(), name = r.querySelector(".open").getBoundingClientRect();
					return all.right - c.right < 20 && (c.left - name.right < 150) && c.width > all.width * .7; })()`, row)) {
					t.Errorf("at %d: the cause of %s does not take the whole row", w.width, f.Name)
				}
				continue
			}
			want := f.Format(f.Latest.Value)
			if got := b.text(row + `.querySelector(".answer").textContent + " " + ` + row + `.querySelector(".unit").innerText`); strings.TrimSpace(got) != want {
				t.Errorf("at %d: %s shows %q, want %q", w.width, f.Name, got, want)
			}
		}
	}
}

// parted lists where lines of numbers end but not between two groups of three digits, and how many end anywhere.
const parted = `(root => {
  const found = [];
  let ends = 0;
  for (const figure of document.querySelectorAll(root + " :is(.answer, .value, .said) bdi")) {
    const walker = document.createTreeWalker(figure, NodeFilter.SHOW_TEXT), text = figure.textContent, point = text.indexOf(".");
    let at = 0, top;
    if (!/^-?[0-9,]+(\.[0-9]+)?$/.test(text)) continue;
    while (walker.nextNode()) {
      for (let i = 0; i < walker.currentNode.length; i++, at++) {
        const range = document.createRange();
        range.setStart(walker.currentNode, i); range.setEnd(walker.currentNode, i + 1);
        const now = range.getBoundingClientRect().top;
        if (top !== undefined && now > top + 3) {
          ends++;
          const between = point < 0 || at <= point ? text[at - 1] === "," : at > point + 1 && (at - point - 1) %% 3 === 0;
          if (!between) found.push(text.slice(0, at) + "|" + text.slice(at));
        }
        top = now;
      }
    }
  }
  return JSON.stringify({ found, ends });
})(%q)`

// TestANumberGoesOnInTheNextLineBetweenTwoGroups, and only where it does not fit.
func TestANumberGoesOnInTheNextLineBetweenTwoGroups(t *testing.T) {
	p := aBadNight(t)
	now := dodona.RoundAt(time.Now()) / 10000 * 10000
	var value dodona.Int192
	if err := value.UnmarshalText([]byte("3101560000000000000000")); err != nil {
		t.Fatal(err)
	}
	p.add(dodona.Feed{Name: "eighteen.decimals", Kind: dodona.Number, Unit: "USD", Decimals: 18}, 10*time.Second)
	p.answerExact("eighteen.decimals", now, value, used("kraken", "3101.56"), used("binance", "3101.56"))
	p.add(dodona.Feed{Name: "one.decimal", Kind: dodona.Number, Decimals: 1}, 10*time.Second)
	p.answer("one.decimal", now, 15, used("kraken", "1.5"))
	server, _ := serve(t, p, api.Config{})
	b := browse(t, server.URL, "")
	b.until(`document.querySelectorAll("#feeds svg.line").length === 7`)
	look := func(root string, width int64) (ends int) {
		t.Helper()
		var got struct {
			Found []string
			Ends  int
		}
		if err := json.Unmarshal([]byte(b.text(fmt.Sprintf(parted, root))), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Found) > 0 {
			t.Errorf("in %s at %d lines end at %q", root, width, got.Found)
		}
		return got.Ends
	}
	for _, w := range widths {
		b.size(w.width, w.height, w.mobile)
		if look("main", w.width) == 0 && w.width < 400 {
			t.Errorf("at %d no number takes two lines", w.width)
		}
	}
	b.until(`(location.hash = "#feed/eighteen.decimals") && document.querySelectorAll("#drawer .said bdi:not(.unit)").length === 2 && document.querySelector("#drawer .facts")`)
	for _, w := range widths {
		b.size(w.width, w.height, w.mobile)
		b.shoot(fmt.Sprintf("eighteen-%d", w.width))
		if look("#drawer", w.width) > 0 && w.width > 320 {
			t.Errorf("at %d a number of the drawer takes two lines, which has room for it in one", w.width)
		}
	}
	if got := b.text(`document.querySelector("#drawer .facts").innerText`); !strings.Contains(got, "3101560000000000000000 (18 decimals)") {
		t.Errorf("the facts are %s", got)
	}
	b.until(`(location.hash = "#feed/one.decimal") && document.querySelector("#drawer .facts")?.innerText.includes("15 (1 decimal)")`)
}

// pale lists texts whose colour is too near to the one behind them (WCAG 2.2, 1.4.3).
const pale = `(() => {
  const parts = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
  const light = ([r, g, b]) => { const f = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
  const behind = e => { for (; e; e = e.parentElement) { const c = parts(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255]; };
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !e.checkVisibility() || e.closest(".sr, svg, :disabled")) continue;
    const style = getComputedStyle(e), [a, b] = [light(parts(style.color)), light(behind(e))], size = parseFloat(style.fontSize);
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (contrast < (size >= 24 || (size >= 18.6 && style.fontWeight >= 700) ? 3 : 4.5)) found.add(e.className + " " + e.parentElement.className + ": " + walker.currentNode.data.slice(0, 30) + " " + contrast.toFixed(2));
  }
  return [...found].join("\n");
})()`

func TestThePageCanBeReadInLightAndDark(t *testing.T) {
	p := aBadNight(t)
	p.find("plain.price").StaleMS = 1
	server, _ := serve(t, p, api.Config{})
	b := browse(t, server.URL, "")
	b.until(`document.querySelectorAll("#feeds svg.line").length === 7 && document.querySelector("tr.stale") && !document.querySelector("#standing").hidden`)
	b.do(chromedp.Click("#standing summary"), chromedp.Click(`[id="sink/desk"] summary`))
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		if found := b.text(pale); found != "" {
			t.Errorf("in %s: %s", scheme, found)
		}
		b.until(`(location.hash = "#feed/plain.price") && document.querySelectorAll("#drawer .command").length === 3`)
		if found := b.text(pale); found != "" {
			t.Errorf("in %s, in the drawer: %s", scheme, found)
		}
		b.shoot("read-" + scheme)
		b.until(`(location.hash = "#") && !document.querySelector("#drawer").open`)
	}
}

func TestTextFromRightToLeftDisturbsNothingBesideIt(t *testing.T) {
	server, _ := serve(t, aBadNight(t), api.Config{})
	b := browse(t, server.URL, "")
	b.until(`document.querySelectorAll("#feeds svg.line").length === 7 && !document.querySelector("#standing").hidden`)
	for _, width := range []int64{1280, 390} {
		b.size(width, 800, width < 500)
		loose := b.text(`(() => {
			const isolating = e => ["isolate", "plaintext", "isolate-override"].includes(getComputedStyle(e).unicodeBidi);
			const alone = e => { let a = e; while (!isolating(a)) a = a.parentElement; return a.textContent.trim() === e.textContent.trim(); };
			return [...document.querySelectorAll("main *, #standing *")].filter(e => [...e.childNodes].some(n => n.nodeType === 3 && /[\u0590-\u06ff\u202e]/.test(n.data)) &&
				!e.closest(".sr, svg") && !alone(e)).map(e => e.outerHTML.slice(0, 80)).join("\n"); })()`)
		if loose != "" {
			t.Errorf("at %d: not isolated: %s", width, loose)
		}
		for feed, unit := range map[string]string{"in.shekels": "beside", "dust.left": "below"} {
			place := b.text(fmt.Sprintf(`(() => {
				const row = %s, value = row.querySelector(".answer bdi"), unit = row.querySelector(".unit").getBoundingClientRect(), text = document.createTreeWalker(value, NodeFilter.SHOW_TEXT).nextNode();
				const minus = document.createRange(), digit = document.createRange();
				minus.setStart(text, 0); minus.setEnd(text, 1); digit.setStart(text, 1); digit.setEnd(text, 2);
				if (minus.getBoundingClientRect().right > digit.getBoundingClientRect().left + 1) return "the minus is on the right";
				const v = value.getBoundingClientRect();
				return unit.left >= v.right - 1 ? "beside" : unit.top >= v.bottom - 6 ? "below" : "over";
			})()`, rowOf(feed)))
			if place != unit {
				t.Errorf("at %d: the unit of %s is %s its value, want %s", width, feed, place, unit)
			}
		}
	}
}

func TestSinksAndModulesSayHowTheyFare(t *testing.T) {
	p := aBadNight(t)
	server, _ := serve(t, p, api.Config{})
	b := browse(t, server.URL, "")
	b.until(`document.getElementById("sink/desk") && document.getElementById("module/plain.price")`)
	letters := p.Status().Sinks[1].DeadLetters
	for id, wants := range map[string][]string{
		"sink/chain": {"chain evm", "stuck", "12 delivered · last plain.price 20 min ago", "560 waiting, the oldest for 18 min", "0x5b38…ddc4 has 0.499968 ether", "1 planned", "2 not deep enough", "it belongs to another network: deploy one"},
		"sink/desk": {
			"94 dead letters: refused for good; the newest 2", letters[0].Detail,
			"dodona sink resend desk --api " + server.URL, fmt.Sprintf("dodona sink resend desk plain.price %s --api %s", letters[0].Record, server.URL),
		},
		"sink/well":          {"1,188 delivered", "ok"},
		"module/plain.price": {"plausible 1.2.0", "feed plain.price", "8,123 events, 3 faults", "41 µs each", dodona.Keccak256([]byte("module")).String(), "out of fuel after 1,000,000"},
		"module/bad-1.value": {"not running", "nobody who is trusted signed it"},
		"source/a":           {"unusable", "the document is not JSON"},
	} {
		got := strings.ReplaceAll(b.text(fmt.Sprintf(`document.getElementById(%q).textContent`, id)), "\u00a0", " ")
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s says %q, want %q in it", id, got, want)
			}
		}
	}
	if b.holds(`document.getElementById("sink/well").querySelector(".dead").checkVisibility()`) {
		t.Error("a sink without dead letters shows some")
	}
	b.do(chromedp.Click(`[id="sink/desk"] summary`))
	b.until(`document.getElementById("sink/desk").querySelector("li a").getAttribute("href") === "#feed/plain.price/` + letters[1].Record + `"`) // the newest first
	b.shoot("dead-letters")
	b.do(chromedp.Click("#standing summary"))
	b.until(`[...document.querySelectorAll("#problems a")].some(a => a.getAttribute("href") === "#sink/chain")`)
	b.shoot("problems")
	b.until(`[...document.querySelectorAll("#problems a")].find(a => a.getAttribute("href") === "#sink/chain").click() || true`)
	b.until(`document.activeElement.id === "sink/chain"`)
}

func TestAScreenReaderFindsATableOfFeeds(t *testing.T) {
	server, _ := serve(t, aBadNight(t), api.Config{})
	b := browse(t, server.URL, "")
	b.until(`document.querySelectorAll("#feeds svg.line").length === 7`)
	for _, w := range []int64{1280, 390} {
		b.size(w, 844, w < 500)
		tree, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		if err != nil {
			t.Fatal(err)
		}
		roles := make(map[string][]string)
		for _, n := range tree.Nodes {
			if n.Ignored || n.Role == nil {
				continue
			}
			var role, name string
			_ = json.Unmarshal(n.Role.Value, &role)
			if n.Name != nil {
				_ = json.Unmarshal(n.Name.Value, &name)
			}
			roles[role] = append(roles[role], name)
		}
		if got := len(roles["row"]); got != 17 {
			t.Errorf("at %d: %d rows, want 16 and their head", w, got)
		}
		if got := roles["columnheader"]; !slices.Contains(got, "Answer") || len(got) != map[int64]int{1280: 6, 390: 5}[w] {
			t.Errorf("at %d: the columns are %q", w, got)
		}
		if got := roles["rowheader"]; len(got) != 16 || !strings.HasPrefix(got[0], "bad-0.value") {
			t.Errorf("at %d: the rows are %q", w, got)
		}
		if got := strings.Join(roles["cell"], "\n"); !strings.Contains(got, "43,218.55000000 USD") || !strings.Contains(got, causes[1]) {
			t.Errorf("at %d: the cells are %s", w, got)
		}
	}
}

func rowOf(feed string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#feeds tbody tr")].find(r => r.querySelector(".open").textContent === %q)`, feed)
}

func headlineOf(t *testing.T, server string) string {
	t.Helper()
	response, err := http.Get(server + "/v1/status")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var s api.Status
	if err := json.NewDecoder(response.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s.Headline
}
