//go:build integration

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/dodona-oracle/dodona/internal/peertest"
)

// A page is the demo's, in Debian's chromium.
type page struct {
	*testing.T
	ctx context.Context
}

// look opens a URL, and fails the test at its end for every exception there.
func look(t *testing.T, url string) page {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: run make deps")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.Env(peertest.Temporary(t)), chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("disable-background-networking", true), chromedp.WindowSize(1280, 800), chromedp.WSURLReadTimeout(time.Minute),
	)
	root, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	allocated, release := chromedp.NewExecAllocator(root, options...)
	ctx, closeTab := chromedp.NewContext(allocated)
	var mu sync.Mutex
	var thrown []string
	t.Cleanup(func() {
		closeTab()
		release()
		stop()
		mu.Lock()
		defer mu.Unlock()
		for _, text := range thrown {
			t.Error(text)
		}
	})
	err = chromedp.Listen(ctx, func(event any) {
		if e, is := event.(*runtime.EventExceptionThrown); is {
			mu.Lock()
			defer mu.Unlock()
			thrown = append(thrown, fmt.Sprintf("exception: %s %s", e.ExceptionDetails.Text, e.ExceptionDetails.Exception.Description))
		}
	})
	if err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	p := page{t, ctx}
	p.do(chromedp.Navigate(url))
	return p
}

func (p page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.Fatal(err)
	}
}

// until waits for an expression of JavaScript to become true.
func (p page) until(expression string) {
	p.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(2*time.Minute), chromedp.WithPollingInterval(50*time.Millisecond)))
	if err != nil {
		text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		p.Fatalf("never became true: %s: %v\n%s", expression, err, text)
	}
}

// shoot leaves a picture in the folder that DODONA_SHOTS names, for people to look at.
func (p page) shoot(name string, width, height int64, scheme string) {
	p.Helper()
	folder := os.Getenv("DODONA_SHOTS")
	if folder == "" {
		return
	}
	size := emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 500}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	_, err := chromedp.Call(p.ctx, emulation.SetDeviceMetricsOverride, size)
	if err == nil {
		_, err = chromedp.Call(p.ctx, emulation.SetEmulatedMedia, media)
	}
	var picture []byte
	if err == nil {
		picture, err = chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600)
	}
	if err != nil {
		p.Fatal(err)
	}
}

func TestAButtonOfThePagePullsAPlugAndPutsItInAgain(t *testing.T) {
	ctx, end := context.WithTimeout(t.Context(), 10*time.Minute) // of a slow machine
	defer end()
	url, done := make(chan string, 1), make(chan error, 1)
	go func() {
		_, err := run(ctx, flags{json: true, listen: "127.0.0.1:0", seed: 1, started: func(at string) { url <- at }})
		done <- err
	}()
	defer func() {
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	var p page
	select {
	case at := <-url:
		p = look(t, at)
	case err := <-done:
		done <- nil
		t.Fatalf("the demo ended: %v", err)
	}
	row := `[...document.querySelectorAll("#feeds tbody tr")].find(r => r.querySelector(".open").textContent === "boiler.temperature")`
	button := func(words string) string {
		return fmt.Sprintf(`document.querySelector('#plant button[aria-label=%q]:enabled')`, words)
	}
	for _, feed := range []struct{ name, unit string }{{"boiler.temperature", "Cel"}, {"flow.rate", "l/s"}, {"power.total", "W"}, {"btc.usd", "USD"}} {
		p.until(fmt.Sprintf(`[...document.querySelectorAll("#feeds tbody tr")].some(r => r.querySelector(".open").textContent === %q && r.querySelector(".unit").textContent === %q && ["good", "uncertain"].includes(r.querySelector(".age small").textContent))`, feed.name, feed.unit))
	}
	p.until(row + `?.querySelector(".age small").textContent === "good" && ` + row + `.querySelector(".dots li").title.includes("Cel, good")`)
	p.until(`document.querySelectorAll("#plant li").length === 4`)
	p.shoot("demo-light", 1280, 800, "light")
	p.shoot("demo-dark", 1280, 800, "dark")
	p.until(`(` + button("Unplug boiler") + `?.click(), true)`)
	p.until(button("Plug in boiler") + ` !== null && document.getElementById("device/boiler").textContent.includes("unplugged")`)
	p.until(row + `.querySelector(".cause").textContent.includes("boiler.temperature failed: ") && ` + row + `.querySelector(".age small").textContent !== "good"`)
	p.shoot("demo-unplugged", 1280, 800, "light")
	p.shoot("demo-unplugged-phone", 390, 844, "dark")
	p.until(`(` + button("Plug in boiler") + `?.click(), true)`)
	p.until(button("Unplug boiler") + ` !== null`)
	p.until(row + `.querySelector(".age small").textContent === "good" && !` + row + `.classList.contains("troubled")`)
}

// TestTheNodeBehindTheDemoHasNoButton: what the demo adds is the demo's alone.
func TestTheNodeBehindTheDemoHasNoButton(t *testing.T) {
	files, err := filepath.Glob("../../web/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if lower := strings.ToLower(string(text)); strings.Contains(lower, "unplug") || strings.Contains(lower, "demo.js") {
			t.Errorf("%s tells of the demo", file)
		}
	}
}
