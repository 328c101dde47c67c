//go:build integration

package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// busyPlant is a node with six feeds in all conditions and an hour of history.
func busyPlant() (*plant, dodona.Round) {
	p := newPlant(time.Now)
	seed := rand.New(rand.NewPCG(1, 2))
	now := dodona.RoundAt(time.Now()) / 10000 * 10000
	feeds := []struct {
		feed  dodona.Feed
		value int64
		step  int64
	}{
		{dodona.Feed{Name: "boiler-3.temperature", Kind: dodona.Number, Unit: "Cel", Decimals: 2}, 6412, 40},
		{dodona.Feed{Name: "btc.usd", Kind: dodona.Number, Unit: "USD", Decimals: 8}, 4321855000000, 900000000},
		{dodona.Feed{Name: "line-2.state", Kind: dodona.Enum, Labels: []string{"stopped", "running", "fault"}}, 1, 0},
		{dodona.Feed{Name: "pump.on", Kind: dodona.Bool}, 1, 0},
		{dodona.Feed{Name: "reserve.total", Kind: dodona.Number, Unit: "USD", Decimals: 18}, 9123456789012345678, 1e14},
		{dodona.Feed{Name: "tank-1.level", Kind: dodona.Number, Unit: "m3", Decimals: 3}, -1250, 30},
	}
	for _, f := range feeds {
		p.add(f.feed, 10*time.Second)
		if f.feed.Name != "tank-1.level" {
			p.find(f.feed.Name).StaleMS = time.Hour.Milliseconds() // whatever a slow machine takes for the test
		}
		for i := range dodona.Round(360) {
			round := now - (359-i)*10000
			if f.feed.Name == "tank-1.level" {
				round -= 90000
			}
			if f.step > 0 {
				f.value += (seed.Int64N(2*f.step+1) - f.step) / 1000 * 1000
				if f.feed.Decimals <= 3 {
					f.value += seed.Int64N(2*f.step+1) - f.step
				}
			}
			if f.feed.Name == "btc.usd" {
				f.value = f.value / 1000000 * 1000000
			}
			if i == 331 && f.feed.Name == "btc.usd" {
				p.miss(f.feed.Name, round, "1 of 3 answers arrived, need 2", used("kraken", "43218.1"),
					refused("binance", dodona.InputLate, "no answer within 3 s", ""), refused("coingecko", dodona.InputFailed, "connection refused", ""))
				continue
			}
			inputs := []dodona.Input{used("boiler", "64.1")}
			if f.feed.Name == "btc.usd" {
				inputs = []dodona.Input{used("binance", "43218.55"), refused("coingecko", dodona.InputOutlier, "900 % from the median", "432190"), used("kraken", "43218.1")}
			}
			p.answer(f.feed.Name, round, f.value, inputs...)
		}
	}
	p.status.Sinks = []api.SinkStatus{
		{
			Name: "main", Kind: "evm", State: "ok", Policy: "latest", Feeds: []string{"btc.usd"}, LastTopic: "data", LastFeed: "btc.usd", Delivered: 118, Superseded: 240,
			Detail: map[string]any{
				"chain": 31337, "slots": map[string]any{"btc.usd": map[string]any{"round": now - 20000, "value": "4321010000000"}},
				"contracts": map[string]any{"btc.usd": "0x5b38da6a701c568545dcfcb03fcb875f56beddc4"},
			},
		},
		{
			Name: "plant-bus", Kind: "webhook", State: "retrying", Quality: dodona.Uncertain, Policy: "every", Feeds: []string{"btc.usd", "tank-1.level"},
			Queue: 12, Delivered: 4021, Failures: 3, Attempt: 3, LastError: "POST bus.plant: 503 Service Unavailable. Trying again in 8 s (attempt 4).",
		},
	}
	p.status.Modules = []api.ModuleStatus{{Feed: "boiler-3.temperature", Name: "plausible", Version: "1.2.0", Running: true, Events: 8123}}
	p.add(dodona.Feed{Name: "wind.speed", Kind: dodona.Number, Unit: "m/s", Decimals: 1}, time.Second)
	last := time.Now().Add(-3 * time.Second)
	p.sources = []api.SourceStatus{
		{Name: "binance", Kind: "http", State: "ok", LastReading: last, Exchanges: 1204, Readings: 1204},
		{Name: "boiler", Kind: "file", State: "ok", LastReading: last, Exchanges: 88, Readings: 9120},
		{Name: "coingecko", Kind: "http", State: "ok", LastReading: last, Exchanges: 1204, Failures: 11, Readings: 1193},
		{Name: "kraken", Kind: "http", State: "ok", LastReading: last, Exchanges: 1204, Readings: 1204},
		{
			Name: "tank", Kind: "http", State: "retrying", Quality: dodona.Bad, LastReading: last.Add(-90 * time.Second), Exchanges: 640, Failures: 9, Attempt: 9,
			LastError: "no data for 9 intervals (90 s). Last error: dial tcp 10.0.0.9:80: connect: no route to host. Trying again in 24 s (attempt 9); other sources go on.",
		},
		{Name: "wind", Kind: "http", State: "starting", Quality: dodona.Uncertain},
	}
	return p, now
}

func serve(t *testing.T, p *plant, c api.Config) (*httptest.Server, *api.Stream) {
	t.Helper()
	c.State, c.Stream, c.Log = p, api.NewStream(api.StreamConfig{}), slog.New(slog.DiscardHandler)
	h := api.New(c)
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		h.EndStreams()
		server.Close()
	})
	return server, c.Stream
}

func TestPageShowsValuesAsTheyCome(t *testing.T) {
	p, now := busyPlant()
	server, stream := serve(t, p, api.Config{})
	b := browse(t, server.URL, "")
	b.until(`document.querySelectorAll("#feeds tbody tr").length === 7 && document.querySelectorAll("svg.line").length === 6`)
	b.until(`document.querySelector("#node").textContent === "gw-demo" && document.querySelector("#h-stream dd").textContent === "live"`)
	b.until(`document.querySelector("#sources").innerText.includes("no route to host")`)
	b.until(`[...document.querySelectorAll(".onchain")].map(n => n.textContent).filter(Boolean).join() === "on chain 43,210.10000000"`)
	b.until(`document.getElementById("sink/plant-bus").innerText.includes("retrying") && document.getElementById("sink/plant-bus").innerText.includes("503 Service Unavailable")`)
	b.until(`[...document.querySelectorAll("tr.stale .open")].map(b => b.textContent).join() === "tank-1.level"`)
	b.shoot("light")
	b.scheme("dark")
	b.shoot("dark")

	answer, feed := p.answer("btc.usd", now+10000, 4400012000000, used("kraken", "44000.12"))
	stream.Answer(answer)
	stream.Feed(feed)
	const row = `[...document.querySelectorAll("#feeds tbody tr")].find(r => r.innerText.includes("btc.usd"))`
	b.until(row + `.querySelector(".answer").textContent === "44,000.12000000"`)
	stream.Feed(p.miss("btc.usd", now+20000, "0 of 1 answers arrived", refused("kraken", dodona.InputFailed, "connection refused", "")))
	b.until(row + `.querySelector(".cause").textContent === "0 of 1 answers arrived"`)
	p.mu.Lock()
	p.problems = []api.Problem{{Part: "clock", Message: "is 40 s behind the last round", Until: time.Now().Add(40 * time.Second)}}
	p.mu.Unlock()
	b.until(`document.querySelector("#headline").textContent.startsWith("clock: is 40 s behind") && document.querySelector("#level").textContent === "failing: "`)
	b.shoot("trouble")
	if b.holds(`document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight`) {
		t.Error("the page scrolls at 1280×800")
	}
	b.size(390, 844, true)
	b.shoot("phone")
	if b.holds(`document.documentElement.scrollWidth > innerWidth`) {
		t.Error("the page scrolls sideways on a telephone")
	}
}

func TestSealsVerifyInTheBrowser(t *testing.T) {
	p, now := busyPlant()
	forged := *p.outcomes["pump.on"][len(p.outcomes["pump.on"])-1].Answer
	forged.Attestation.Report.Value = dodona.NewInt192(0)
	p.outcomes["pump.on"] = append(p.outcomes["pump.on"], api.Outcome{Answer: &forged})
	server, stream := serve(t, p, api.Config{})
	b := browse(t, server.URL, "")
	seal := func(feed string) string {
		return fmt.Sprintf(`[...document.querySelectorAll("#feeds tbody tr")].find(r => r.innerText.includes(%q)).querySelector("button.stamp")`, feed)
	}
	b.until(`document.querySelectorAll("svg.line").length === 6 && document.getElementById("module/boiler-3.temperature").innerText.includes("running")`)
	if b.holds(`performance.getEntriesByType("resource").some(r => r.name.includes("verifier"))`) {
		t.Error("the verifier is loaded before anybody asked")
	}
	b.until(seal("btc.usd") + `.click() || true`)
	b.until(seal("btc.usd") + `.innerText.includes("verified") && ` + seal("btc.usd") + `.title.includes("the only member of network")`)
	b.until(seal("pump.on") + `.click() || true`)
	b.until(seal("pump.on") + `.className === "stamp bad" && ` + seal("pump.on") + `.innerText.includes("signature")`)
	verdicts := b.count("/pump.on/latest")
	b.shoot("seals")
	answer, feed := p.answer("btc.usd", now+10000, 4400012000000, used("kraken", "44000.12"))
	stream.Answer(answer)
	stream.Feed(feed)
	b.until(seal("btc.usd") + `.title.includes("verified") === false && [...document.querySelectorAll(".answer")].some(a => a.textContent === "44,000.12000000")`)
	b.until(seal("btc.usd") + `.className === "stamp verified"`)
	if again := b.count("/pump.on/latest"); again != verdicts {
		t.Errorf("an answer that is not valid was asked for %d times, and then %d times more, though there is no newer one", verdicts, again-verdicts)
	}
	b.do(chromedp.Focus(`#feeds a[href="#feed/btc.usd"]`), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowUp), chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelector("#drawer .check")`)
	b.until(`document.querySelector("#drawer .check").click() || true`)
	b.until(`document.querySelector("#drawer .checks p").innerText.startsWith("verified here: signed by")`)
	b.until(`document.querySelector("#drawer .checks a").getAttribute("href").startsWith("verify?url=v1%2Ffeeds%2Fbtc.usd%2Frounds%2F")`)
}

func TestAValueAndItsSourcesAreShownWithUnitAndQuality(t *testing.T) {
	p, now := busyPlant()
	server, stream := serve(t, p, api.Config{})
	b := browse(t, server.URL, "")
	row := rowOf("boiler-3.temperature")
	b.until(`document.querySelectorAll("svg.line").length === 6`)
	b.until(row + `.querySelector(".age small").textContent === "good" && ` + row + `.querySelector(".age .mark.good") !== null`)
	b.until(row + `.querySelector(".unit").textContent === "Cel" && ` + row + `.querySelector(".dots li").title === "boiler: used, 64.10\u00a0Cel, good"`)
	b.until(rowOf("tank-1.level") + `.querySelector(".age small").textContent === "stale"`)
	b.until(rowOf("btc.usd") + `.querySelectorAll(".dots li")[1].title === "coingecko: outlier, 432,190.00000000\u00a0USD, good, 900 % from the median"`)
	b.shoot("units-light")
	b.until(row + `.querySelector(".open").click() || true`)
	b.until(`document.querySelector("#drawer .value")?.innerText.includes("Cel") && document.querySelector("#drawer .value .quality")?.textContent === "good"`)
	b.until(`document.querySelector("#drawer .inputs .said")?.innerText.includes("64.10 Cel") && document.querySelector("#drawer .inputs small").textContent.startsWith("good · GET ")`)
	b.shoot("units-drawer-light")
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(`!document.querySelector("#drawer").open`)

	doubt := used("boiler", "64.2") // usable, but in doubt
	doubt.Reason = "its clock is 40 s behind"
	answer, feed := p.answer("boiler-3.temperature", now+10000, 6420, doubt)
	feed.Quality, feed.Reason, feed.Points[0].Quality = dodona.Uncertain, "boiler: its clock is 40 s behind", dodona.Uncertain
	stream.Answer(answer)
	stream.Feed(feed)
	b.until(row + `.querySelector(".age small").textContent === "uncertain" && ` + row + `.querySelector(".cause").textContent === "boiler: its clock is 40 s behind"`)
	b.until(row + `.querySelector(".dots li").title === "boiler: used, 64.20\u00a0Cel, uncertain, its clock is 40 s behind"`)
	for _, w := range []int64{1280, 390} {
		b.size(w, 844, w < 500)
		b.scheme("dark")
		b.shoot(fmt.Sprintf("units-dark-%d", w))
	}
}

func TestDrawerOpensByKeyboardAndGivesTheFocusBack(t *testing.T) {
	p, now := busyPlant()
	server, _ := serve(t, p, api.Config{})
	b := browse(t, server.URL, "")
	b.until(`document.querySelectorAll("svg.line").length === 6`)
	b.do(chromedp.Focus(`#feeds a[href="#feed/btc.usd"]`), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowUp), chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelector("#drawer").open && document.querySelector("#drawer-body").innerText.includes("900 % from the median")`)
	b.until(`document.querySelector("#drawer").contains(document.activeElement) && document.querySelector("#drawer-title").textContent === "btc.usd"`)
	b.until(`document.querySelector("#drawer-body").innerText.includes("chain 31337: the slot holds 43,210.10000000 USD of")`)
	b.until(fmt.Sprintf(`document.querySelector("#drawer-body").innerText.includes("dodona verify %s/v1/feeds/btc.usd/rounds/%d")`, server.URL, now))
	b.shoot("drawer-light")
	b.scheme("dark")
	b.shoot("drawer-dark")
	for range 28 {
		b.do(chromedp.KeyEvent(kb.ArrowLeft))
	}
	b.until(`document.querySelector("#drawer-body").innerText.includes("1 of 3 answers arrived, need 2")`)
	b.shoot("drawer-missed")
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(`!document.querySelector("#drawer").open && document.activeElement.textContent === "btc.usd"`)
}

func TestPageSaysWhenTheNodeIsGoneAndComesBack(t *testing.T) {
	p, _ := busyPlant()
	stream := api.NewStream(api.StreamConfig{})
	config := api.Config{State: p, Stream: stream, Log: slog.New(slog.DiscardHandler)}
	first := api.New(config)
	server := httptest.NewUnstartedServer(first)
	server.Start()
	address := server.Listener.Addr().String()
	b := browse(t, server.URL, "net::ERR_")
	b.until(`document.querySelector("#h-stream dd").textContent === "live"`)
	first.EndStreams()
	server.Close()
	b.until(`!document.querySelector("#lost").hidden && document.querySelector("#lost").textContent.startsWith("No connection to the node since")`)
	b.until(`document.body.classList.contains("gone") && /^as of \d\d:\d\d:\d\d UTC: $/.test(document.querySelector("#as-of").textContent) && / since \d\d:\d\d:\d\d UTC\./.test(document.querySelector("#lost").textContent)`)
	if b.holds(`getComputedStyle(document.querySelector("#level b")).color !== getComputedStyle(document.querySelector("#headline")).color`) {
		t.Error("what the node said last looks as if it said so now")
	}
	b.shoot("gone")
	again, err := api.Listen(t.Context(), address, config)
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- again.Run(running) }()
	b.until(`document.querySelector("#lost").hidden && document.querySelector("#headline").textContent.includes("feeds answer") && document.querySelector("#h-stream dd").textContent === "live"`)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestPageAsksForATokenAndKeepsIt(t *testing.T) {
	p, _ := busyPlant()
	server, _ := serve(t, p, api.Config{Tokens: []secret.String{secret.New("0123456789abcdef")}})
	b := browse(t, server.URL, "401 (Unauthorized)")
	b.until(`document.querySelector("#gate").open`)
	b.do(chromedp.SendKeys("#token", "wrong"+kb.Enter))
	b.until(`document.querySelector("#gate-error").textContent === "The node refused this token."`)
	b.shoot("gate")
	b.do(chromedp.SendKeys("#token", "0123456789abcdef"+kb.Enter))
	b.until(`!document.querySelector("#gate").open && document.querySelectorAll("#feeds tbody tr").length === 7`)
}
