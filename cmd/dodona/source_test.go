package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
)

// documentServer serves documents by path, and whatever hangs until the test ends.
func documentServer(t *testing.T, documents map[string]string) (url string) {
	t.Helper()
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			select {
			case <-ended:
			case <-r.Context().Done():
			}
			return
		}
		body, found := documents[r.URL.Path]
		switch {
		case !found:
			http.Error(w, "nothing", http.StatusNotFound)
		case strings.HasPrefix(body, "<"):
			w.Header().Set("Content-Type", "text/html")
			fallthrough
		default:
			fmt.Fprint(w, body)
		}
	}))
	t.Cleanup(func() { close(ended); server.Close() })
	return server.URL
}

// plant is a folder with a configuration of sources that are well and sources that are not.
func plant(t *testing.T) (dir string) {
	t.Helper()
	url := documentServer(t, map[string]string{
		"/price": `{"symbol":"BTCUSDT","price":"43218.55000000"}`,
		"/other": `{"price":43200}`,
		"/liar":  `{"price":"432185.5"}`,
		"/many":  `{"bitcoin":{"usd":43200.5,"eur":40000.25},"at":1796019250}`,
		"/html":  "<!DOCTYPE html><html>log in</html>",
		"/steer": "{\"x\":\"\x1b]0;owned\x07\x1b[31m\xe2\x80\xae\"}",
	})
	dir = t.TempDir()
	t.Chdir(dir)
	text := strings.ReplaceAll(`
sources:
  alpha: {http: {url: "$U/price"}, value: /price}
  other: {http: {url: "$U/other"}}
  liar: {http: {url: "$U/liar"}}
  many: {http: {url: "$U/many"}, points: {usd: {pointer: /bitcoin/usd, unit: USD, time: /at}, euro: /bitcoin/euro}}
  html: {http: {url: "$U/html"}}
  steer: {http: {url: "$U/steer"}, value: /x}
  gone: {http: {url: "http://127.0.0.1:1/"}}
  hang: {http: {url: "$U/hang", timeout: 1m}}
  log: {file: {path: log.jsonl, format: lines}, points: {t: /t, p: /p}}
feeds:
  btc.usd: {unit: USD, decimals: 2, from: [alpha, other, many.usd, liar, gone], need: 2, outliers: 10%}
  pair: {unit: USD, decimals: 2, from: [alpha, many.euro], need: 1}
  missed: {every: 400ms, from: [html, hang]}
  level: {decimals: 1, from: [log.t]}
  torn: {unit: USD, decimals: 2, from: [alpha, liar], need: 1, outliers: 10%}
`, "$U", url)
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("plant.yaml", text)
	write("log.jsonl", strings.Repeat("{\"t\":1}\n", 2000)+"{\"t\":21.5}\n{\"p\":7}\nrestarted\n")
	return dir
}

// TestASourceIsReadByItsRules: what they take and why not, and the pointers that would work, the nearest first.
func TestASourceIsReadByItsRules(t *testing.T) {
	plant(t)
	for line, want := range map[string]struct {
		code int
		says []string
	}{
		"alpha":                 {0, []string{"alpha  http  GET 127.0.0.1:", "43218.55", "good", "/price   43218.55000000  alpha"}},
		"--source alpha":        {0, []string{"43218.55"}},
		"alpha alpha liar":      {0, []string{"43218.55", "432185.5"}},
		"many":                  {1, []string{"many.euro         –", "bad\n    nothing stands at /bitcoin/euro", "2026-11-30T06:14:10Z", "many.usd (time)", "/bitcoin/eur    40000.25\n  /bitcoin/usd"}},
		"many.usd":              {1, []string{"many.usd"}},
		"many.gbp":              {2, []string{`source many in plant.yaml has no point "gbp"; it has many.euro and many.usd`}},
		"html":                  {1, []string{"not JSON", "this is a web page"}},
		"gone":                  {1, []string{"read source gone: GET 127.0.0.1:1", "connection refused"}},
		"hang --wait 300ms":     {1, []string{"read source hang: no answer within 300ms from 127.0.0.1:"}},
		"alhpa":                 {2, []string{"did you mean alpha? there are alpha, other, liar, many, html, steer, gone, hang and log"}},
		"btc.usd":               {2, []string{"btc.usd is a feed; dodona feed try plant.yaml btc.usd makes a round of it (sources: alpha,"}},
		"log":                   {0, []string{"log.p      7", "log.t   21.5"}},
		"alpha --wait 0s":       {2, []string{"--wait 0s"}},
		"alpha gone html alpha": {1, []string{"43218.55", "connection refused", "web page"}},
	} {
		code, out, talk := said(t, append([]string{"source", "read", "plant.yaml"}, strings.Fields(line)...)...)
		for _, text := range want.says {
			if !strings.Contains(out+talk, text) {
				t.Errorf("source read %s does not say %q:\n%s%s", line, text, out, talk)
			}
		}
		if code != want.code || strings.Contains(out+talk, "context deadline") {
			t.Errorf("source read %s: exit %d, want %d, in words:\n%s%s", line, code, want.code, out, talk)
		}
	}
	if code, out, _ := said(t, "source", "read", "--config", "plant.yaml", "alpha"); code != 0 || !strings.Contains(out, "43218.55") {
		t.Errorf("a configuration that is named by a flag: exit %d, %s", code, out)
	}
}

// TestRawBytesAreThoseThatCame, and cannot steer a terminal.
func TestRawBytesAreThoseThatCame(t *testing.T) {
	plant(t)
	const body = "{\"x\":\"\x1b]0;owned\x07\x1b[31m\xe2\x80\xae\"}"
	for watched, want := range map[bool]string{false: body, true: "{\"x\":\"·]0;owned··[31m·\"}\n"} {
		for _, flags := range []string{"--raw", ""} {
			var out, talk bytes.Buffer
			args := append(strings.Fields("source read plant.yaml steer"), strings.Fields(flags)...)
			code := execute(t.Context(), args, terminal{out: &out, err: &talk, watched: watched})
			if flags == "--raw" && out.String() != want || code != exitFailed {
				t.Errorf("watched %t: exit %d, %q, want %q", watched, code, out.String(), want)
			}
			if said := out.String() + talk.String(); strings.ContainsAny(said, "\x1b\a") && (watched || flags == "") {
				t.Errorf("watched %t, %s: it steers: %q", watched, flags, said)
			}
		}
	}
	code, out, _ := said(t, strings.Fields("source read plant.yaml alpha liar --raw")...)
	if want := "{\"symbol\":\"BTCUSDT\",\"price\":\"43218.55000000\"}\n{\"price\":\"432185.5\"}\n"; code != 0 || out != want {
		t.Errorf("two sources: exit %d, %q", code, out)
	}
}

// TestWhatIsReadAsJSONIsReadingsStill, which tests of modules take, beside what was made of them.
func TestWhatIsReadAsJSONIsReadingsStill(t *testing.T) {
	plant(t)
	code, out, _ := said(t, strings.Fields("source read plant.yaml alpha gone --json")...)
	var readings []dodona.Reading
	var made []struct {
		Points  []dodona.Point
		Numbers []struct{ Pointer, Text string }
		Count   int
		Error   string
	}
	if err := json.Unmarshal([]byte(out), &readings); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	if code != exitFailed || len(readings) != 2 || !strings.Contains(string(readings[0].Body), "43218.55") || readings[1].Source != "gone" ||
		made[0].Points[0].Value.String() != "43218.55" || made[0].Numbers[0].Pointer != "/price" || made[0].Count != 1 || made[1].Error == "" {
		t.Errorf("exit %d, %s", code, out)
	}
}

// TestARoundIsTriedStepByStep, as a node would make it, and leaves nothing behind.
func TestARoundIsTriedStepByStep(t *testing.T) {
	dir := plant(t)
	before, _ := os.ReadDir(dir)
	for line, want := range map[string]struct {
		code int
		says []string
	}{
		"btc.usd": {0, []string{
			"btc.usd: 5 sources asked, at most 5s", "GET 127.0.0.1:", "✗ failed", "connection refused", "what their rules take", "432,185.5",
			"what counts: measured within 1m of the round, at most 10 % from the median, need 2 of 5; then the median",
			"43,218.55 USD  ✓ used", "✗ stale", "measured ",
			"✗ outlier", "% from the median 43,218.55, at most 10 % is allowed", "btc.usd = 43,209.28 USD (uncertain), after ", "nothing was signed or kept",
		}},
		"pair":   {0, []string{"nothing stands at /bitcoin/euro", "pair = 43,218.55 USD (uncertain)"}},
		"missed": {1, []string{"no answer within 200ms", "✗ late", "✗ bad", "missed after"}},
		"level":  {0, []string{"level = 21.5,"}},
		"torn":   {1, []string{"two values are equally far from their median", "a third source decides", "missed after"}},
		"":       {2, []string{"which feed? plant.yaml has btc.usd, pair, missed, level and torn"}},
		"btc":    {2, []string{`no feed "btc" in plant.yaml`}},
		"alpha":  {2, []string{"alpha is a source; dodona source read plant.yaml alpha reads it (feeds: btc.usd"}},
	} {
		code, out, talk := said(t, append([]string{"feed", "try", "plant.yaml"}, strings.Fields(line)...)...)
		for _, text := range want.says {
			if !strings.Contains(out+talk, text) {
				t.Errorf("feed try %s does not say %q:\n%s%s", line, text, out, talk)
			}
		}
		if code != want.code {
			t.Errorf("feed try %s: exit %d, want %d:\n%s%s", line, code, want.code, out, talk)
		}
	}
	code, out, _ := said(t, strings.Fields("feed try --config plant.yaml level --json")...)
	var got struct {
		Text   string
		Points []dodona.Point
		Rules  struct{ Need int }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || got.Text != "21.5" || len(got.Points) != 1 || got.Rules.Need != 1 {
		t.Errorf("exit %d, %v, %s", code, err, out)
	}
	if after, _ := os.ReadDir(dir); len(after) != len(before) {
		t.Errorf("there are %d files, %d before: %v", len(after), len(before), after)
	}
}

// TestATriedModuleIsToldWithItsFuelAndItsPoints.
func TestATriedModuleIsToldWithItsFuelAndItsPoints(t *testing.T) {
	wasm, err := os.ReadFile("../../node/testdata/counter.wasm")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	const text = `
modules: {dir: ., unsigned: true}
sources: {meter: {sim: {seed: 1}, value: /walk}}
feeds:
  f: {decimals: 0, every: 1m, from: [meter], points: [counted], module: {name: counter, version: 1.0.0, allow: {state: true, read_sensor: [meter]}}}
  none: {decimals: 0, every: 1m, from: [meter], points: [counted], module: {name: counter, version: 2.0.0}}
`
	for name, content := range map[string]string{"counter-1.0.0.wasm": string(wasm), "c.yaml": text} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, out, talk := said(t, "feed", "try", "c.yaml", "f")
	for _, text := range []string{"module counter 1.0.0, unsigned: fuel ", " of 10,000,000, 2 points", "→ given to the module", "✓ used", "f = 1, after"} {
		if code != 0 || !strings.Contains(out, text) {
			t.Errorf("exit %d, it does not say %q:\n%s%s", code, text, out, talk)
		}
	}
	if code, out, _ := said(t, "feed", "try", "c.yaml", "none"); code != exitFailed || !strings.Contains(out, "✗ module counter 2.0.0") || !strings.Contains(out, "missed after") {
		t.Errorf("a module that is not there: exit %d, %s", code, out)
	}
}

// TestAReasonOfATriedRoundIsToldOnce, where it arises; what follows from it fits the terminal.
func TestAReasonOfATriedRoundIsToldOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"price": "soon"}`) }))
	t.Cleanup(page.Close)
	write(t, ".", map[string]string{"gw.yaml": fmt.Sprintf("sources:\n  away: {http: {url: \"http://127.0.0.1:1/x\"}, value: /price}\n  soon: {http: {url: %q}, value: /price}\n"+
		"feeds: {f: {every: 10s, decimals: 2, from: [away, soon], need: 2}}\n", page.URL)})
	var out bytes.Buffer
	code := execute(t.Context(), []string{"feed", "try", "gw.yaml"}, terminal{in: strings.NewReader(""), out: &out, err: &out, columns: func() int { return 80 }})
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, reason := range []string{"connection refused", `"soon"`} {
		if n := strings.Count(text, reason); n != 1 {
			t.Errorf("%s is told %d times", reason, n)
		}
	}
	if code != exitFailed || !strings.Contains(text, "✗ failed, as above") || !strings.Contains(text, "✗ bad, as above") || !strings.Contains(text, "need 2 values, 0 remain, for the reasons above") {
		t.Errorf("exit code %d", code)
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

// TestAFailedSourceIsToldInItsPlace, between those before it and those behind.
func TestAFailedSourceIsToldInItsPlace(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, ".", map[string]string{"gw.yaml": "sources: {first: {sim: {seed: 1}}, gone: {http: {url: \"http://127.0.0.1:1/x\"}, value: /a}, last: {sim: {seed: 2}}}\nfeeds: {f: {every: 1s, from: [first]}}\n"})
	var both bytes.Buffer
	code := execute(t.Context(), []string{"source", "read", "gw.yaml"}, terminal{in: strings.NewReader(""), out: &both, err: &both})
	text := both.String()
	first, gone, last := strings.Index(text, "first  sim"), strings.Index(text, "read source gone:"), strings.Index(text, "last  sim")
	if code != exitFailed || first < 0 || gone < first || last < gone || strings.Count(text, "connection refused") != 1 {
		t.Errorf("exit code %d:\n%s", code, text)
	}
}

// TestSourcesThatHangTakeNoTimeOfThoseBehindThem: more hang than are asked at once.
func TestSourcesThatHangTakeNoTimeOfThoseBehindThem(t *testing.T) {
	t.Chdir(t.TempDir())
	silent, err := net.Listen("tcp", "127.0.0.1:0") // who connects waits
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	var text strings.Builder
	for i := range triedAtOnce {
		fmt.Fprintf(&text, "  s%d: {http: {url: \"http://%s/\"}, value: /a}\n", i, silent.Addr())
	}
	write(t, ".", map[string]string{"gw.yaml": "sources:\n" + text.String() + "  well: {sim: {seed: 1}}\nfeeds: {f: {every: 1s, from: [well]}}\n"})
	code, out, talk := said(t, "source", "read", "gw.yaml", "--wait", "3s")
	if code != exitFailed || !strings.Contains(out, "well  sim") || strings.Count(talk, "no answer within 3s from") != triedAtOnce {
		t.Errorf("exit code %d, want that all but the last are silent:\n%s%s", code, out, talk)
	}
}

// TestWhoSpeaksNoTLSIsToldToBeAskedWithoutIt, by everything that asks.
func TestWhoSpeaksNoTLSIsToldToBeAskedWithoutIt(t *testing.T) {
	t.Chdir(t.TempDir())
	open := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(open.Close)
	url := strings.Replace(open.URL, "http:", "https:", 1)
	write(t, ".", map[string]string{"gw.yaml": fmt.Sprintf("sources: {s: {http: {url: %q}, value: /a}}\nfeeds: {f: {every: 1s, from: [s]}}\n", url)})
	for _, command := range []string{"source read gw.yaml", "feed try gw.yaml", "status --api " + url, "verify " + url, "replay " + url} {
		if code, out, talk := said(t, strings.Fields(command)...); code != exitFailed || strings.Count(out+talk, "speaks http, not https: write http://") != 1 {
			t.Errorf("%s: exit code %d, %s%s", command, code, out, talk)
		}
	}
}

// TestALineWithoutAnEndIsToldAsThat while it is waited for, and when it never came.
func TestALineWithoutAnEndIsToldAsThat(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("one.log", []byte(`{"v":2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("c.yaml", []byte("sources: {s: {file: {path: one.log, format: lines}, value: /v}}\nfeeds: {f: {from: [s]}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, talk := said(t, "source", "read", "c.yaml", "--wait", "2s")
	if code != exitFailed || out != "" || !strings.HasPrefix(talk, "waiting for s, at most 2s: the last line of one.log has no end yet") || strings.Count(talk, "has no end yet") != 2 {
		t.Errorf("exit code %d, %s%s", code, out, talk)
	}
}
