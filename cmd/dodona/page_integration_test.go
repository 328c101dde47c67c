//go:build integration

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/dodona-oracle/dodona/internal/peertest"
)

// TestCommandsOfThePageWorkWhenPasted runs all that the page of a node offers to copy in a shell whose DODONA_API names another one.
func TestCommandsOfThePageWorkWhenPasted(t *testing.T) {
	t.Parallel()
	var mended atomic.Bool
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !mended.Load() {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
	}))
	defer desk.Close()
	dir := t.TempDir()
	text := fmt.Sprintf("node: {name: gw, data: ./data}\napi: {listen: \"127.0.0.1:0\"}\nsources: {walk: {sim: {every: 1s}}}\n"+
		"feeds: {walk.value: {unit: Cel, decimals: 2, every: 2s, from: [walk]}}\nsinks: {hook: {webhook: {url: %q}, feeds: [walk.value], give_up: 1}}\n", desk.URL)
	if err := os.WriteFile(filepath.Join(dir, "node.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	url := launch(t, dir, "run", "node.yaml").awaitURL()
	page := open(t, url)
	page.until(`document.getElementById("sink/hook")?.querySelectorAll("li .command").length > 1`)
	mended.Store(true)
	page.until(`(location.hash = "#feed/walk.value") && document.querySelectorAll("#drawer .command").length === 3`)
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(program, filepath.Join(bin, "dodona")); err != nil {
		t.Fatal(err)
	}
	wants := map[string]string{"verify": "valid: signed by", "bundle": "the same", "explain": "walk.value = ", "sink": ": delivered, POST "}
	commands := strings.Split(page.text(`[...document.querySelectorAll("#drawer .command code, #sinks .command code")].map(c => c.textContent).join("\n")`), "\n")
	ran := make(map[string]bool)
	for _, text := range commands {
		shell := exec.Command("bash", "-c", text)
		shell.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "DODONA_API=http://127.0.0.1:1")
		out, err := shell.CombinedOutput()
		word := strings.Fields(text)[1]
		if ran[word] = true; err != nil || !strings.Contains(string(out), wants[word]) {
			t.Errorf("%s: %v\n%s", text, err, out)
		}
	}
	if len(ran) != len(wants) {
		t.Errorf("the page offers %q", commands)
	}
}

// A page is one in Debian's chromium.
type page struct {
	*testing.T
	ctx context.Context
}

func open(t *testing.T, url string) page {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: run make deps")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Env(peertest.Temporary(t)), chromedp.Flag("no-proxy-server", true), chromedp.WSURLReadTimeout(time.Minute))
	limited, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	allocated, release := chromedp.NewExecAllocator(limited, options...)
	ctx, closeTab := chromedp.NewContext(allocated)
	t.Cleanup(func() {
		closeTab()
		release()
		stop()
	})
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	return page{t, ctx}
}

func (p page) until(expression string) {
	p.Helper()
	if _, err := chromedp.Run(p.ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(2*time.Minute), chromedp.WithPollingInterval(50*time.Millisecond))); err != nil {
		p.Fatal(errors.Join(fmt.Errorf("never became true: %s", expression), err, errors.New(p.text("document.body.innerText"))))
	}
}

func (p page) text(expression string) string {
	p.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		p.Fatal(err)
	}
	return value
}
