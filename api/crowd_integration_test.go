//go:build integration

package api_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
)

// aCrowd is a node of 43 feeds, of which two servers that are down leave six.
func aCrowd() *plant {
	p := newPlant(time.Now)
	p.status.Started = time.Now().Add(-24 * time.Hour)
	now := dodona.RoundAt(time.Now()) / 10000 * 10000
	for i := range 43 {
		name, source := fmt.Sprintf("f%02d.price", i), fmt.Sprintf("s%02d", i)
		p.add(dodona.Feed{Name: name, Kind: dodona.Number, Unit: "USD", Decimals: 2}, 10*time.Second)
		s := api.SourceStatus{Name: source, Kind: "http", State: "ok", LastReading: time.Now(), Exchanges: 90, Feeds: []string{name}}
		if i%7 == 3 {
			for k := range dodona.Round(60) {
				p.answer(name, now-(59-k)*10000, 4321855+int64(k), used(source, "43218.55"))
			}
			f := p.find(name)
			f.StaleMS, f.Quality = time.Hour.Milliseconds(), dodona.Good
		} else {
			s.State, s.Quality, s.Attempt, s.LastError = "retrying", dodona.Uncertain, 8, "GET 10.0.0.7:80 501 Not Implemented"
			if i > 30 {
				s.LastError = "GET 10.0.0.8:80: dial tcp 10.0.0.8:80: connect: connection refused"
			}
			p.miss(name, now, "need 1 value, 0 remain: "+source+" failed: "+s.LastError, refused(source, dodona.InputFailed, s.LastError, ""))
			p.find(name).Quality = dodona.Bad
		}
		p.sources = append(p.sources, s)
	}
	p.status.Sinks = []api.SinkStatus{
		{Name: "chain", Kind: "webhook", State: "ok", Delivered: 12, Feeds: []string{"f03.price"}, LastTopic: "anchor", LastFeed: "series", LastRecord: now.ID(), LastAt: time.Now()},
		{Name: "desk", Kind: "webhook", State: "refused", Quality: dodona.Uncertain, Dead: 4, LastError: "refused 1 time: POST desk.example: HTTP status 400", Feeds: []string{"f03.price"}},
	}
	return p
}

const namesOfRows = `[...document.querySelectorAll("#feeds tbody tr:not([hidden]) .open")].map(a => a.textContent).join(" ")`

// TestAPageOfManyFeedsShowsWhatFailsFirst, each cause once, and finds what is looked for by name, from the keyboard and from a link.
func TestAPageOfManyFeedsShowsWhatFailsFirst(t *testing.T) {
	p := aCrowd()
	var mu sync.Mutex
	asked := make(map[string]bool) // pasts of feeds
	h := api.New(api.Config{State: p, Stream: api.NewStream(api.StreamConfig{}), Log: slog.New(slog.DiscardHandler)})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/rounds") {
			mu.Lock()
			asked[r.URL.Path] = true
			mu.Unlock()
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		h.EndStreams()
		server.Close()
	})
	b := browse(t, server.URL, "")
	b.until(`document.querySelectorAll("#feeds tbody tr").length === 43 && document.getElementById("sink/desk")`)
	b.until(`(` + namesOfRows + `).startsWith("f00.price f01.price f02.price f04.price") && (` + namesOfRows + `).endsWith("f31.price f38.price")`)
	b.until(`document.querySelector("#sinks li").id === "sink/desk" && document.querySelector("#sources li").id === "source/s00"`)
	if b.holds(`[...document.querySelectorAll("#sinks a[href]")].some(a => a.getAttribute("href").includes("series"))`) {
		t.Error("a sink leads to a feed named as the series of anchors")
	}
	mu.Lock()
	n := len(asked)
	mu.Unlock()
	if n > 30 {
		t.Errorf("the page has asked for the past of %d of 43 feeds, want that of those in sight", n)
	}
	b.do(chromedp.Click("#standing summary"))
	b.until(`document.querySelectorAll("#problems li").length === 3 && document.querySelector("#problems").innerText.includes("27 feeds f00.price, f01.price, f02.price and 24 more by 27 sources")`)
	b.shoot("crowd-problems")
	b.do(chromedp.Click("#standing summary"))
	for _, w := range []struct{ width, height int64 }{{1280, 800}, {1024, 768}, {390, 844}} {
		b.size(w.width, w.height, w.width < 500)
		b.shoot(fmt.Sprintf("crowd-%d", w.width))
		if b.holds(`document.documentElement.scrollWidth > innerWidth`) {
			t.Errorf("at %d the page scrolls sideways", w.width)
		}
	}
	b.until(`[...document.querySelectorAll("#places a")].map(a => a.textContent).join("; ") === "43 feeds, 37 in trouble; 2 sinks, 1 in trouble; 43 sources, 37 in trouble"`)
	b.do(chromedp.Click(`#places a[href="#sinks"]`))
	b.until(`document.activeElement.id === "sinks" && document.getElementById("sink/desk").getBoundingClientRect().top < innerHeight`)
	b.shoot("crowd-sinks-390")
	b.size(1280, 800, false)

	b.do(chromedp.KeyEvent("/"))
	b.until(`document.activeElement.id === "filter" && ((document.activeElement.value = "") || true)`) // a key that is only simulated is written, too
	b.do(chromedp.KeyEvent("refused 4"))
	b.until(`(` + namesOfRows + `) === "f34.price f40.price f41.price f42.price" && new URLSearchParams(location.search).get("q") === "refused 4"`)
	b.shoot("crowd-filter")
	b.do(chromedp.Reload())
	b.until(`document.querySelector("#filter").value === "refused 4" && (` + namesOfRows + `) === "f34.price f40.price f41.price f42.price"`)
	b.do(chromedp.Focus("#filter"), chromedp.KeyEvent(kb.Escape))
	b.until(`document.querySelectorAll("#feeds tbody tr:not([hidden])").length === 43 && location.search === ""`)

	b.until(`(document.querySelector("#feeds tbody tr:last-child").scrollIntoView() ?? true) && document.querySelectorAll("#feeds svg.line").length > 0`)
}

// TestThePageWorksBelowAPath, as a proxy serves it beside others: each address that it asks and shows is below it.
func TestThePageWorksBelowAPath(t *testing.T) {
	p, now := busyPlant()
	node, _ := serve(t, p, api.Config{})
	target, err := url.Parse(node.URL)
	if err != nil {
		t.Fatal(err)
	}
	behind := http.StripPrefix("/dodona", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, FlushInterval: -1})
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/dodona/") {
			t.Errorf("a request to %s", r.URL)
			http.NotFound(w, r)
			return
		}
		behind.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	b := browse(t, proxy.URL+"/dodona/", "")
	b.until(`document.querySelector("#h-stream dd").textContent === "live" && document.querySelectorAll("svg.line").length === 6`)
	b.until(`(location.hash = "#feed/btc.usd") && document.querySelector("#drawer-body").innerText.includes("900 % from the median")`)
	b.until(fmt.Sprintf(`document.querySelector("#drawer-body").innerText.includes("dodona verify %s/dodona/v1/feeds/btc.usd/rounds/%d")`, proxy.URL, now))
	b.until(`document.querySelector("#drawer .check").click() || true`)
	b.until(`document.querySelector("#drawer .checks p").innerText.startsWith("verified here: signed by")`)
	b.do(chromedp.Navigate(b.text(`document.querySelector("#drawer .checks a").href`)))
	b.until(`location.pathname === "/dodona/verify" && document.querySelector("#result h2")?.innerText.trim() === "Valid"`)
	if home := b.text(`document.querySelector("h1 a").href`); home != proxy.URL+"/dodona/" {
		t.Errorf("the verifier leads home to %s", home)
	}
}
