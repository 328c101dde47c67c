//go:build integration

package api_test

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

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/dodona-oracle/dodona/internal/peertest"
)

// A tab is one page in Debian's chromium.
type tab struct {
	*testing.T
	ctx context.Context
}

// browse opens server's page without a profile and without a wish to call home. It fails the test if there is no
// chromium, and at its end for every message in the console that does not hold expected and for every request to
// another host.
func browse(t *testing.T, server, expected string) tab {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: run make deps")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.Env(peertest.Temporary(t)),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("no-proxy-server", true), chromedp.WindowSize(1280, 800), chromedp.WSURLReadTimeout(time.Minute),
	)
	root, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	allocated, release := chromedp.NewExecAllocator(root, options...)
	ctx, closeTab := chromedp.NewContext(allocated)
	var mu sync.Mutex
	var complaints []string
	t.Cleanup(func() {
		closeTab()
		release()
		stop()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range complaints {
			if expected == "" || !strings.Contains(c, expected) {
				t.Error(c)
			}
		}
	})
	complain := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		complaints = append(complaints, fmt.Sprintf(format, args...))
	}
	err = chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, server) {
				complain("a request to %s", e.Request.URL)
			}
		case *runtime.EventConsoleAPICalled:
			complain("console: %s", e.Type)
		case *runtime.EventExceptionThrown:
			complain("exception: %s %s", e.ExceptionDetails.Text, e.ExceptionDetails.Exception.Description)
		case *log.EventEntryAdded:
			complain("log: %s %s", e.Entry.Text, e.Entry.URL)
		}
	})
	if err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	call(t, ctx, network.Enable, network.EnableParams{})
	call(t, ctx, log.Enable, cdp.Empty{})
	b := tab{t, ctx}
	b.size(1280, 800, false)
	b.scheme("light")
	b.do(chromedp.Navigate(server))
	return b
}

func call[P, R any](t *testing.T, ctx context.Context, command cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		t.Fatal(err)
	}
}

func (b tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

// holds evaluates an expression of JavaScript.
func (b tab) holds(expression string) bool {
	b.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression))
	if err != nil {
		b.Fatalf("evaluate %s: %v", expression, err)
	}
	return value
}

// text evaluates an expression of JavaScript to a text.
func (b tab) text(expression string) string {
	b.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		b.Fatalf("evaluate %s: %v", expression, err)
	}
	return value
}

// until waits for an expression of JavaScript to become true.
func (b tab) until(expression string) {
	b.Helper()
	limit, every := chromedp.WithPollingTimeout(time.Minute), chromedp.WithPollingInterval(50*time.Millisecond)
	_, err := chromedp.Run(b.ctx, chromedp.Poll[chromedp.Void](expression, limit, every))
	for err != nil && b.ctx.Err() == nil && strings.Contains(err.Error(), "Cannot find context") { // the page went on to another document
		_, err = chromedp.Run(b.ctx, chromedp.Poll[chromedp.Void](expression, limit, every))
	}
	if err != nil {
		text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		b.Fatalf("never became true: %s: %v\n%s", expression, err, text)
	}
}

// count returns how many requests the page made to addresses that end so.
func (b tab) count(ending string) int {
	b.Helper()
	script := fmt.Sprintf(`performance.getEntriesByType("resource").filter(r => r.name.endsWith(%q)).length`, ending)
	n, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](script))
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func (b tab) scheme(name string) {
	b.Helper()
	call(b.T, b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
}

func (b tab) size(width, height int64, mobile bool) {
	b.Helper()
	call(b.T, b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: mobile,
	})
}

// shoot leaves a picture in the folder that DODONA_SHOTS names, for people to look at.
func (b tab) shoot(name string) {
	b.Helper()
	folder := os.Getenv("DODONA_SHOTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
}
