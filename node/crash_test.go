//go:build integration

package node

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/module"
)

// executable builds dodona once for all tests: what is killed is what users run, without the race detector, which makes a
// start ten times as slow.
var executable = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programDir, "dodona")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "../cmd/dodona")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

var programDir string

// compileWorker is the first argument of the test binary as the child that compiles modules.
const compileWorker = "compile-worker"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == compileWorker {
		os.Exit(module.CompileWorker(os.Stdin, os.Args[2:]))
	}
	dir, err := os.MkdirTemp("", "dodona-node-")
	if err != nil {
		panic(err)
	}
	programDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// A kid is a node in a process of its own.
type kid struct {
	cmd *exec.Cmd
	log *logtest.Text
}

func spawn(t *testing.T, text string) *kid {
	t.Helper()
	path := filepath.Join(t.TempDir(), "node.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	dodona, err := executable()
	if err != nil {
		t.Fatal(err)
	}
	k := &kid{cmd: exec.Command(dodona, "run", path), log: new(logtest.Text)}
	k.cmd.Stderr = k.log
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.kill)
	return k
}

func (k *kid) kill() {
	_ = k.cmd.Process.Kill()
	_ = k.cmd.Wait()
}

var startedAt = regexp.MustCompile(`page and API at (http\S+)`)

// url waits until the node serves.
func (k *kid) url(t *testing.T) string {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if m := startedAt.FindStringSubmatch(k.log.String()); m != nil {
			return m[1]
		}
	}
	t.Fatalf("the node does not start; it said:\n%s", k.log)
	return ""
}

// listen collects the answers that a node acknowledges over its stream, until the connection breaks.
func listen(url string, got func(dodona.Answer)) {
	response, err := http.Get(url + "/v1/stream?events=answer")
	if err != nil {
		return
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var a dodona.Answer
		if data, found := bytes.CutPrefix(lines.Bytes(), []byte("data:")); found && json.Unmarshal(data, &a) == nil && a.Feed.Name != "" {
			got(a)
		}
	}
}

// TestKilledAHundredTimesItLosesNothingAndSignsNothingTwice kills a node under load at random moments, and then
// looks for every answer that anybody was shown, and for two of anything there may be only one of.
func TestKilledAHundredTimesItLosesNothingAndSignsNothingTwice(t *testing.T) {
	t.Parallel()
	const kills = 100
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var text strings.Builder
	fmt.Fprintf(&text, "node: {name: victim, data: %q}\napi: {listen: \"127.0.0.1:0\"}\nsources:\n", t.TempDir())
	for i := range 8 {
		fmt.Fprintf(&text, "  s%d: {sim: {seed: %d, every: 50ms}}\n", i, i+1)
	}
	text.WriteString("feeds:\n")
	for i := range 8 {
		fmt.Fprintf(&text, "  f%d: {decimals: 4, every: 100ms, from: [s%d, s%d]}\n", i, i, (i+1)%8)
	}
	type shown struct {
		feed  string
		round dodona.Round
	}
	seen := make(map[shown]dodona.Answer)
	for life := range kills {
		k := spawn(t, text.String())
		url := k.url(t)
		var listener sync.WaitGroup
		answered := make(chan struct{})
		listener.Go(func() {
			first := sync.OnceFunc(func() { close(answered) })
			listen(url, func(a dodona.Answer) {
				seen[shown{a.Feed.Name, a.Attestation.Report.Round}] = a
				first()
			})
		})
		if life%2 == 0 { // every other life is killed while it starts, the others at work
			select {
			case <-answered:
			case <-time.After(2 * time.Minute):
				t.Fatalf("life %d shows no answer; it said:\n%s", life, k.log)
			}
		}
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond) // a process that is killed has no fake clock
		k.kill()
		listener.Wait()
	}
	t.Logf("%d answers were shown before the kills", len(seen))
	if len(seen) < kills/2 {
		t.Errorf("only %d answers in %d lives: the test shows nothing", len(seen), kills)
	}
	answers := auditNode(t, text.String())
	for s, a := range seen {
		kept, found := answers[s.feed][s.round]
		if !found {
			t.Errorf("%s round %d was shown and is lost", s.feed, s.round)
		} else if kept.Attestation.Report != a.Attestation.Report || kept.Attestation.Observed != a.Attestation.Observed {
			t.Errorf("%s round %d was shown as %v and is kept as %v", s.feed, s.round, a.Attestation, kept.Attestation)
		}
	}
}

// TestTheValidatorMayRunInAnotherProcess: one process asks and signs, another one joins its journal, validates and serves.
func TestTheValidatorMayRunInAnotherProcess(t *testing.T) {
	t.Parallel()
	bus := freeAddress(t)
	const key = "0x4646464646464646464646464646464646464646464646464646464646464646"
	feeds := "sources: {s: {sim: {seed: 3, every: 50ms}}}\nfeeds: {f: {decimals: 4, every: 100ms, from: [s]}}\n"
	field, office := t.TempDir(), t.TempDir()
	observer := spawn(t, fmt.Sprintf("node: {name: field, data: %q, key: {hex: %s}}\nroles: [observe]\njournal: {listen: %q}\n%s", field, key, bus, feeds))
	second := fmt.Sprintf("node: {name: office, data: %q, key: {hex: %s}}\nroles: [validate, serve]\njournal: {url: \"nats://%s\"}\napi: {listen: \"127.0.0.1:0\"}\n%s", office, key, bus, feeds)
	awaitPort(t, bus, observer)
	rounds := make(chan dodona.Round, 1000)
	follow := func(k *kid) {
		listen(k.url(t), func(a dodona.Answer) { rounds <- a.Attestation.Report.Round })
	}
	last := dodona.Round(0)
	for life := range 3 { // the validator is killed and comes back: it goes on where it stopped
		k := spawn(t, second)
		var listener sync.WaitGroup
		listener.Go(func() { follow(k) })
		for range 5 {
			select {
			case r := <-rounds:
				if r <= last {
					t.Errorf("life %d: round %d after round %d", life, r, last)
				}
				last = r
			case <-time.After(2 * time.Minute):
				t.Fatalf("life %d: no answer; the validator said:\n%s\nthe observer said:\n%s", life, k.log, observer.log)
			}
		}
		bundle := fmt.Sprintf("%s/v1/feeds/f/rounds/%d/bundle", k.url(t), last)
		if life == 0 {
			refusesTheBundle(t, bundle)
			salts, err := os.ReadFile(filepath.Join(field, saltFile))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(office, saltFile), salts, 0o600); err != nil {
				t.Fatal(err)
			}
		} else {
			replaysTheBundle(t, bundle)
		}
		k.kill()
		listener.Wait()
		for len(rounds) > 0 {
			last = max(last, <-rounds)
		}
	}
}

// refusesTheBundle: the process has another secret than the one that salted the readings, and says where the right one is.
func refusesTheBundle(t *testing.T, url string) {
	t.Helper()
	status, body := get(t, url)
	if status != http.StatusNotFound || !strings.Contains(string(body), "#problem-no-bundle") || !strings.Contains(string(body), `\"field\"`) {
		t.Errorf("%s: %d %s", url, status, body)
	}
}

func replaysTheBundle(t *testing.T, url string) {
	t.Helper()
	status, body := get(t, url)
	var b dodona.Bundle
	if err := json.Unmarshal(body, &b); err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d %s: %v", url, status, body, err)
	}
	if r, err := explain.Replay(t.Context(), b, nil, nil); err != nil || !r.Same {
		t.Errorf("replay: %v, %s", err, r)
	}
}

func awaitPort(t *testing.T, address string, k *kid) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return
		}
	}
	t.Fatalf("nobody listens on %s; the node said:\n%s", address, k.log)
}
