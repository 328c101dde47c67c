//go:build integration

package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// pastPlant is a node whose feed btc.usd answered for twenty minutes five hours ago, and for twenty until now but for five in their
// middle; reserve.total changes by less than a float can tell.
func pastPlant(t *testing.T) (p *plant, old, now dodona.Round) {
	t.Helper()
	p = newPlant(time.Now)
	now = dodona.RoundAt(time.Now()) / 10000 * 10000
	old = now - 5*3600*1000
	p.add(dodona.Feed{Name: "btc.usd", Kind: dodona.Number, Unit: "USD", Decimals: 2}, 10*time.Second)
	p.add(dodona.Feed{Name: "reserve.total", Kind: dodona.Number, Unit: "wei", Decimals: 18}, 10*time.Second)
	for i := range dodona.Round(120) {
		p.answer("btc.usd", old-(119-i)*10000, 4300000+int64(i), used("kraken", "43000.01"))
	}
	for i := range dodona.Round(120) {
		if i < 45 || i >= 75 {
			p.answer("btc.usd", now-(119-i)*10000, 4400000+int64(i), used("kraken", "44000.01"))
		}
	}
	for i := range dodona.Round(30) {
		value, err := dodona.ParseInt192(fmt.Sprintf("123456789012345678123456789012345%03d", i%2))
		if err != nil {
			t.Fatal(err)
		}
		p.answerExact("reserve.total", now-(29-i)*10000, value)
	}
	for _, name := range []string{"btc.usd", "reserve.total"} {
		p.find(name).StaleMS = time.Hour.Milliseconds()
	}
	return p, old, now
}

func TestFeedsAndRoundsHaveLinks(t *testing.T) {
	p, old, now := pastPlant(t)
	server, _ := serve(t, p, api.Config{})
	b := browse(t, server.URL, "the server responded with a status of 4")
	title := `document.querySelector("#drawer-title").textContent`
	body := func(words string) string {
		return fmt.Sprintf(`document.querySelector("#drawer").open && document.querySelector("#drawer-body").innerText.includes(%q)`, words)
	}
	b.until(`document.querySelectorAll("svg.line").length === 2`)
	b.do(chromedp.Click("#feeds .open"))
	b.until(`location.hash === "#feed/btc.usd" && document.title.startsWith("btc.usd") && ` + title + ` === "btc.usd"`)
	b.until(body("44,001.19"))
	b.do(chromedp.KeyEvent(kb.ArrowLeft))
	b.until(fmt.Sprintf(`location.hash === "#feed/btc.usd/%d"`, now-10000))
	b.until(body("44,001.18"))
	b.until(`history.back() || true`)
	b.until(`!document.querySelector("#drawer").open && location.hash === ""`)
	b.until(`history.forward() || true`)
	b.until(fmt.Sprintf(`location.hash === "#feed/btc.usd/%d"`, now-10000))
	b.until(body("44,001.18"))
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(`!document.querySelector("#drawer").open && location.hash === ""`)
	before := b.text(`String(history.length)`)
	for range 3 {
		b.do(chromedp.Click("#feeds .open"))
		b.until(body("44,001.19"))
		b.do(chromedp.KeyEvent(kb.Escape))
		b.until(`!document.querySelector("#drawer").open && location.hash === ""`)
	}
	if after := b.text(`String(history.length)`); after != before {
		t.Errorf("looking at a feed three times makes the history %s long, it was %s", after, before)
	}

	// Links as others send them.
	b.do(chromedp.Navigate(fmt.Sprintf("%s/#feed/btc.usd/%d", server.URL, now-50000)), chromedp.Reload())
	b.until(body("44,001.14"))
	b.until(`document.querySelector("#drawer .itself").getAttribute("href") === location.hash`)
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(`!document.querySelector("#drawer").open && location.hash === "" && location.pathname === "/"`)
	hash := func(h string) { b.until(fmt.Sprintf(`(location.hash = %q) || true`, h)) }
	hash(fmt.Sprintf("#feed/btc.usd/%d", old))
	b.until(body("43,001.19"))
	b.until(fmt.Sprintf(`document.querySelector("#drawer .between").innerText.includes(%q)`, old.Time().UTC().Format("15:04:05")+" UTC"))
	b.do(chromedp.Click("#older"))
	b.until(body("43,001.18"))
	b.until(fmt.Sprintf(`location.hash === "#feed/btc.usd/%d"`, old-10000))
	hash(fmt.Sprintf("#feed/btc.usd/%d", old))
	b.until(body("43,001.19"))
	b.do(chromedp.Click("#newer"))
	b.until(fmt.Sprintf(`location.hash === "#feed/btc.usd/%d"`, now-119*10000)) // nothing lies between
	b.until(body("44,000.00"))
	hash("#feed/btc.usd/" + strings.ReplaceAll(old.Time().UTC().Add(-100*time.Second).Format(time.RFC3339), ":", "%3A"))
	b.until(body("43,001.09"))
	for h, words := range map[string]string{
		"#feed/btc.us":                         `no feed is named "btc.us"; there are btc.usd, reserve.total`,
		"#feed/btc.us/1795349070000":           `no feed is named "btc.us"`,
		"#feed/%3Cimg%20src%3Dx%3E":            `no feed is named "<img src=x>"`,
		fmt.Sprintf("#feed/btc.usd/%d", old+1): "btc.usd has one every 10s, around it at",
		"#feed/btc.usd/1700000000000":          "the journal holds no round 1700000000000",
		"#feed/btc.usd/yesterday":              "want latest, Unix milliseconds or a time in RFC 3339",
		"#feed/btc.usd/4102444800000":          "lies ahead",
	} {
		hash(h)
		b.until(body(words))
		b.until(`!document.querySelector("#drawer-body").innerText.includes("Attested") && !document.querySelector("#drawer-body img")`)
	}
	b.shoot("unknown-round")
	b.until(`[...document.querySelectorAll("#drawer-body a")].find(a => a.innerText === "All feeds").click() || true`)
	b.until(`!document.querySelector("#drawer").open`)
	for _, h := range []string{"#feed/btc.usd", "#feed/btc.usd/", "#feed/btc.usd/latest"} {
		hash(h)
		b.until(body("44,001.19"))
	}
	for _, h := range []string{"#", "#feed", "#feed/", "#x/y", "#%", "#feed/%"} {
		hash(h)
		b.until(`!document.querySelector("#drawer").open`)
		hash("#feed/btc.usd")
		b.until(`document.querySelector("#drawer").open`)
	}
}

func TestChartsTellTheTimeTheyShowAndTheirGaps(t *testing.T) {
	p, _, now := pastPlant(t)
	server, stream := serve(t, p, api.Config{})
	b := browse(t, server.URL, "")
	b.until(`document.querySelectorAll("svg.line").length === 2`)
	row := rowOf("btc.usd")
	clock := func(r dodona.Round) string { return r.Time().UTC().Format("15:04:05") }
	between := func(first, last dodona.Round) string {
		if f, l := first.Time().UTC(), last.Time().UTC(); f.YearDay() != l.YearDay() {
			return f.Format("01-02 15:04") + " " + l.Format("01-02 15:04")
		}
		return clock(first) + " " + clock(last)
	}
	shown := row + `.querySelector(".between").innerText.trim().split(/\s*\n\s*/).join(" ")`
	b.until(shown + ` === "` + between(now-119*10000, now) + `"`)
	b.until(row + `.querySelectorAll(".line path:not(.under)").length === 2`)
	b.shoot("gap")
	answer, feed := p.answer("btc.usd", now+10000, 4400500, used("kraken", "44005"))
	stream.Answer(answer)
	stream.Feed(feed)
	b.until(shown + ` === "` + between(now-119*10000, now+10000) + `"`)
	stream.Feed(p.miss("btc.usd", now+20000, "0 of 1 answers arrived"))
	answer, feed = p.answer("btc.usd", now+30000, 4400500, used("kraken", "44005"))
	stream.Answer(answer)
	stream.Feed(feed)
	b.until(row + `.querySelectorAll(".line path:not(.under)").length === 3 && ` + row + `.querySelectorAll(".line rect").length === 1`)

	// What differs in its last digit alone is no flat line.
	large := rowOf("reserve.total") + `.querySelector(".line")`
	b.until(`new Set(` + large + `.querySelector("path:not(.under)").getAttribute("d").match(/[\d.]+(?=[LM]|$)/g)).size === 2`)
	b.until(large + `.querySelector("title").textContent.includes("123,456,789,012,345,678.123456789012345000 to 123,456,789,012,345,678.123456789012345001 wei")`)
}

func TestCommandsOfThePageAskItsNode(t *testing.T) {
	p, _, now := pastPlant(t)
	const token = "0123456789abcdef"
	for name, tokens := range map[string][]secret.String{"open": nil, "with a token": {secret.New(token)}} {
		t.Run(name, func(t *testing.T) {
			server, _ := serve(t, p, api.Config{Tokens: tokens})
			round := fmt.Sprintf("%s/v1/feeds/btc.usd/rounds/%d", server.URL, now)
			expected, flag, verifies := "", "", "dodona verify "+round
			if tokens != nil {
				expected, flag, verifies = "401 (Unauthorized)", " --token FILE", `curl -sH "Authorization: Bearer $(cat FILE)" `+round+" | dodona verify -"
			}
			b := browse(t, server.URL, expected)
			if tokens != nil {
				b.until(`document.querySelector("#gate").open`)
				b.do(chromedp.SendKeys("#token", token+kb.Enter))
			}
			b.until(`document.querySelectorAll("svg.line").length === 2`)
			b.until(`(location.hash = "#feed/btc.usd") && document.querySelectorAll("#drawer .command").length === 3`)
			got := b.text(`[...document.querySelectorAll("#drawer .command code")].map(c => c.textContent).join("\n")`)
			want := fmt.Sprintf("%s\ndodona bundle export btc.usd %[2]d --api %[3]s%[4]s | dodona replay -\ndodona explain btc.usd %[2]d --api %[3]s%[4]s", verifies, now, server.URL, flag)
			if got != want {
				t.Errorf("got the commands\n%s\nwant\n%s", got, want)
			}
			if b.holds(`document.querySelector("#drawer .tree").textContent.includes("bundle export")`) {
				t.Error("the explanation offers a command that asks another node")
			}
		})
	}
}
