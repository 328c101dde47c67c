package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/logtest"
)

// These tests run the program itself, because some promises are about processes.

// binary builds the program once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	built.Store(true)
	dir, err := os.MkdirTemp("", "dodona-binary-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "dodona")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=test", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

func removeBinary() {
	if built.Load() {
		path, _ := binary()
		_ = os.RemoveAll(filepath.Dir(path))
	}
}

// built says whether any test wanted the program.
var built atomic.Bool

// A process is a running dodona.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	stderr *logtest.Text
	url    string
}

const twoLineKey = "0x4646464646464646464646464646464646464646464646464646464646464646"

// twoLines writes the shortest configuration and a listener at a free port.
func twoLines(t testing.TB, dir, endpoint string) string {
	t.Helper()
	path := filepath.Join(dir, "two.yaml")
	text := fmt.Sprintf("endpoint: %s\nsignature_key: %s\n", endpoint, twoLineKey)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// launch starts the program in dir.
func launch(t testing.TB, dir string, args ...string) *process {
	t.Helper()
	return launchIn(t, dir, nil, args...)
}

// launchIn starts the program with more in its environment.
func launchIn(t testing.TB, dir string, environment []string, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(path, args...), stderr: new(logtest.Text)}
	p.cmd.Dir, p.cmd.Env = dir, append(os.Environ(), environment...)
	p.cmd.Stderr = p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	return p
}

// piped starts a program that talks with the test, and ends when that does.
func piped(t testing.TB, cmd *exec.Cmd) (in io.WriteCloser, out io.Reader) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if out, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return in, out
}

var served = regexp.MustCompile(`page and API at (\S+)`)

// awaitURL waits until the process serves and returns where.
func (p *process) awaitURL() string {
	p.t.Helper()
	eventually(p.t, patience, func() error {
		if m := served.FindStringSubmatch(p.stderr.String()); m != nil {
			p.url = m[1]
			return nil
		}
		return fmt.Errorf("it does not serve; it said:\n%s", p.stderr)
	})
	return p.url
}

// stop sends SIGTERM and returns the exit code.
func (p *process) stop() int {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	err := p.cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// rss returns the resident memory of the process in bytes.
func (p *process) rss() int64 {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10
		}
	}
	p.t.Fatal("no VmRSS")
	return 0
}

// patience is how long tests wait for another process: it costs nothing where all is well, and the machine may be slow.
const patience = 2 * time.Minute

// eventually tries f until it returns nil, and fails with its last error after limit.
func eventually(t testing.TB, limit time.Duration, f func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond) // another process has no clock that could be faked
	}
}

// get returns a body, or an error unless the status is 200.
func get(url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return body, err
}

// price serves one number.
func price(t testing.TB, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
