//go:build integration

package node

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/dodona-oracle/dodona/internal/peertest"
)

// TestThePageExplainsARealAnswer opens the page of a running node in a real browser and asks where an answer came from.
func TestThePageExplainsARealAnswer(t *testing.T) {
	seen := newOutcomes()
	// Slow rounds: the browser takes the cores, and the newest round must not be one that was missed for it.
	text := strings.Replace(three(t, t.TempDir()), "every: 200ms", "every: 4s", 1)
	n := openNode(t, text, Options{OnRound: seen.add})
	run(t, n)
	seen.await(t, "an answer", func(o Outcome) bool { return o.Answer != nil })

	const chromium = "/usr/bin/chromium"
	if _, err := os.Stat(chromium); err != nil {
		t.Fatalf("%s is missing; run: make deps", chromium)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox,
		chromedp.UserDataDir(t.TempDir()), chromedp.Env(peertest.Temporary(t)), chromedp.WindowSize(1280, 800), chromedp.DisableGPU, chromedp.WSURLReadTimeout(time.Minute))
	limited, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	allocator, cancel := chromedp.NewExecAllocator(limited, options...)
	defer cancel()
	browser, cancel := chromedp.NewContext(allocator)
	defer cancel()
	until := func(expression string) {
		t.Helper()
		every, limit := chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(time.Minute)
		if _, err := chromedp.Run(browser, chromedp.Poll[chromedp.Void](expression, every, limit)); err != nil {
			text, _ := chromedp.Run(browser, chromedp.Evaluate[string]("document.body.innerText"))
			t.Fatalf("never became true: %s: %v; the page says:\n%s", expression, err, text)
		}
	}
	do := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(browser, steps...); err != nil {
			t.Fatal(err)
		}
	}
	do(chromedp.Navigate(n.URL()))
	until(`document.querySelector("#feeds .open") && document.querySelector("#feeds tbody").innerText.includes("43,218")`)
	do(chromedp.Focus("#feeds .open"), chromedp.KeyEvent(kb.Enter))
	until(`document.querySelector("#drawer").open`)
	for _, text := range []string{"900 %", "liar", "GET 127.0.0.1", "attested"} {
		until(`document.querySelector("#drawer-body").innerText.toLowerCase().includes("` + strings.ToLower(text) + `")`)
	}
	if dir := os.Getenv("DODONA_SHOTS"); dir != "" {
		picture, err := chromedp.Run(browser, chromedp.CaptureScreenshot())
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "real-drawer.png"), picture, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
