//go:build integration

package fieldtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/logtest"
)

// patience is how long a test waits for one thing that costs nothing where all is well.
const patience = 2 * time.Minute

// built returns the program, built for this machine or, with an environment, for another one.
func built(dir, name string, environment ...string) (string, error) {
	path := filepath.Join(dir, name)
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=test", "-o", path, "..")
	build.Env = append(append(os.Environ(), "CGO_ENABLED=0"), environment...)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
}

// configuration writes that of a node that reads every source, each for a feed of its own, and returns its path.
func configuration(t *testing.T, dir string, sources []source) string {
	t.Helper()
	var of, feeds strings.Builder
	for _, s := range sources {
		fmt.Fprintf(&of, "  %s: {%s}\n", s.name, s.settings)
		fmt.Fprintf(&feeds, "  %s: {decimals: 2, every: 1s, stale: 4s, from: [%s]}\n", feedOf(s), strings.Join(s.points, ", "))
	}
	// Both streams are full within two minutes, and windows are short: what grows afterwards is neither a journal, whose records and blocks cost
	// memory, nor a window's leaves.
	text := "node: {data: ./data}\napi: {listen: \"127.0.0.1:0\"}\njournal: {raw: {bytes: 16MiB}, proof: {bytes: 16MiB}}\nanchor: {every: 1m}\nsources:\n" + of.String() + "feeds:\n" + feeds.String()
	path := filepath.Join(dir, "field.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func feedOf(s source) string { return "of." + s.name }

// A node is the program, running.
type node struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	stderr *logtest.Text
	rounds rounds

	mu      sync.Mutex
	seen    snapshot
	next    chan struct{} // closed with the next snapshot
	samples []sample
}

// A snapshot is what the node says of itself at one moment.
type snapshot struct {
	at      time.Time
	sources map[string]api.SourceStatus
	feeds   map[string]api.FeedStatus
}

// A sample is what the node takes of the machine; heap is what lives.
type sample struct {
	at                               time.Time
	resident, heap, goroutines, open float64
}

var served = regexp.MustCompile(`page and API at (\S+)`)

// runNode starts the program and waits until it serves.
func runNode(t *testing.T, program, configuration string) *node {
	t.Helper()
	n := &node{t: t, cmd: exec.Command(program, "run", configuration), stderr: new(logtest.Text), next: make(chan struct{})}
	n.cmd.Dir, n.cmd.Stderr = filepath.Dir(configuration), n.stderr
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = n.cmd.Wait() // how it ends is seen by what it says
	}()
	t.Cleanup(func() {
		_ = n.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Errorf("it does not end")
			_ = n.cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("it said:\n%s", n.stderr)
		}
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if m := served.FindStringSubmatch(n.stderr.String()); m != nil {
			n.url = m[1]
			return n
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not serve")
		}
	}
}

// get asks the API.
func (n *node) get(path string, into any) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+path, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, answer.Status, body)
	}
	if text, is := into.(*string); is {
		*text = string(body)
		return nil
	}
	return json.Unmarshal(body, into)
}

// watch looks at the node each second until ctx ends.
func (n *node) watch(ctx context.Context) {
	for ctx.Err() == nil {
		if err := n.look(); err != nil && ctx.Err() == nil {
			n.t.Errorf("look at the node: %v", err)
			return
		}
		pause(ctx, 400*time.Millisecond+rand.N(600*time.Millisecond)) // never in step with the rounds, in which exchanges are under way
	}
}

func (n *node) look() error {
	s := snapshot{at: time.Now(), sources: map[string]api.SourceStatus{}, feeds: map[string]api.FeedStatus{}}
	var sources struct{ Sources []api.SourceStatus }
	var feeds struct{ Feeds []api.FeedStatus }
	if err := n.get("/v1/sources", &sources); err != nil {
		return err
	}
	if err := n.get("/v1/feeds", &feeds); err != nil {
		return err
	}
	for _, one := range sources.Sources {
		s.sources[one.Name] = one
	}
	for _, one := range feeds.Feeds {
		s.feeds[one.Name] = one
	}
	took, err := n.takes()
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen, n.samples = s, append(n.samples, took)
	close(n.next)
	n.next = make(chan struct{})
	return nil
}

// takes measures by /proc, and asks for what is only known within.
func (n *node) takes() (sample, error) {
	s := sample{at: time.Now()}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	if err != nil {
		return s, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64) // digits
			s.resident = kib / 1024
		}
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.cmd.Process.Pid))
	if err != nil {
		return s, err
	}
	s.open = float64(len(open))
	var metrics string
	if err := n.get("/metrics", &metrics); err != nil {
		return s, err
	}
	for line := range strings.Lines(metrics) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		number, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
		case name == "go_goroutines":
			s.goroutines = number
		case name == "go_gc_heap_live_bytes":
			s.heap = number / (1 << 20)
		}
	}
	return s, nil
}

// await waits until a snapshot pleases, and returns false if none does within the limit or before ctx ends.
func (n *node) await(ctx context.Context, limit time.Duration, pleases func(snapshot) bool) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		n.mu.Lock()
		seen, next := n.seen, n.next
		n.mu.Unlock()
		if pleases(seen) {
			return true
		}
		select {
		case <-next:
		case <-timer.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// ill says what is wrong with those sources that are not well now.
func (n *node) ill(all []source, after time.Time) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen.ill(all, after)
}

// well reports whether a source brings data and its feed answered a round after an instant; a later round may be late, on a busy machine.
func (s snapshot) well(of source, after time.Time) bool {
	status, feed := s.sources[of.name], s.feeds[feedOf(of)]
	return status.State == "ok" && status.LastReading.After(after) && feed.Latest != nil && feed.Latest.Time.After(after)
}

// ill says what is wrong with those sources that are not well.
func (s snapshot) ill(all []source, after time.Time) string {
	var list []string
	for _, of := range all {
		if s.well(of, after) {
			continue
		}
		status, feed := s.sources[of.name], s.feeds[feedOf(of)]
		why := ""
		if feed.Missed != nil {
			why = feed.Missed.Reason
		}
		list = append(list, fmt.Sprintf("%s is %s, last reading %s, attempt %d: %s; its feed: %s", of.name, status.State, status.LastReading.Format("15:04:05"), status.Attempt, status.LastError, why))
	}
	return strings.Join(list, "\n")
}
