package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/internal/peertest"
)

// A manager is a service manager's end of the protocol of sd_notify(3): it keeps what it is told.
type manager struct {
	t       testing.TB
	address string

	mu   sync.Mutex
	told []string // lines
}

func newManager(t testing.TB) *manager {
	t.Helper()
	m := &manager{t: t, address: filepath.Join(peertest.ShortFolder(t), "notify")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	var reads sync.WaitGroup
	t.Cleanup(func() { _ = conn.Close(); reads.Wait() })
	reads.Go(func() {
		packet := make([]byte, 4096)
		for {
			n, err := conn.Read(packet)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.told = append(m.told, strings.Split(string(packet[:n]), "\n")...)
			m.mu.Unlock()
		}
	})
	return m
}

// await waits until the states were told in this order, perhaps with others between.
func (m *manager) await(states ...string) {
	m.t.Helper()
	eventually(m.t, patience, func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		rest := m.told
		for _, state := range states {
			i := slices.Index(rest, state)
			if i < 0 {
				return fmt.Errorf("told %q, want %q in this order", m.told, states)
			}
			rest = rest[i+1:]
		}
		return nil
	})
}

func TestAServiceManagerHearsOfStartReloadAndEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a node")
	}
	t.Parallel()
	m, dir := newManager(t), t.TempDir()
	config := twoLines(t, dir, price(t, `{"p":1}`))
	p := launchIn(t, dir, []string{"NOTIFY_SOCKET=" + m.address, "WATCHDOG_USEC=60000"}, "run", config, "--listen", "127.0.0.1:0")
	m.await("EXTEND_TIMEOUT_USEC=60000000", "READY=1", "WATCHDOG=1", "WATCHDOG=1")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	m.await("READY=1", "RELOADING=1", "READY=1", "WATCHDOG=1")
	if err := os.WriteFile(config, []byte("endpoint: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	m.await("READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "WATCHDOG=1") // one that failed is over too
	if code := p.stop(); code != exitDone {
		t.Errorf("it ended with %d; it said:\n%s", code, p.stderr)
	}
	m.await("READY=1", "RELOADING=1", "READY=1", "STOPPING=1")
}

// TestTheWatchdogStarvesWhileRoundsStand: the service manager then restarts the process.
func TestTheWatchdogStarvesWhileRoundsStand(t *testing.T) {
	m := newManager(t)
	t.Setenv("NOTIFY_SOCKET", m.address)
	t.Setenv("WATCHDOG_USEC", "3000")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	said, looks := new(logtest.Text), 0
	supervisor{slog.New(slog.NewTextHandler(said, nil))}.watch(ctx, func() []string {
		if looks++; looks == 20 {
			cancel()
		}
		return []string{"btc.usd for 2m0s"}
	})
	supervisor{slog.New(slog.DiscardHandler)}.stopping() // what was told before is there once this is
	m.await("STOPPING=1")
	if slices.Contains(m.told, "WATCHDOG=1") {
		t.Errorf("told %q while no round moved", m.told)
	}
	if !strings.Contains(said.String(), "btc.usd for 2m0s") {
		t.Errorf("it said %q, want which feed stands", said)
	}
}

// TestTheWatchdogIsFedThreeTimesWithinItsLimit: one that comes late costs no restart.
func TestTheWatchdogIsFedThreeTimesWithinItsLimit(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "3000000")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var looks []time.Duration
		begun := time.Now()
		supervisor{slog.New(slog.DiscardHandler)}.watch(ctx, func() []string {
			if looks = append(looks, time.Since(begun)); len(looks) == 4 {
				cancel()
			}
			return nil
		})
		if want := []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}; !slices.Equal(looks, want) {
			t.Errorf("fed after %v, want %v", looks, want)
		}
	})
}

// TestReloadPrintsWhatChanged, and what keeps it from changing anything.
func TestReloadPrintsWhatChanged(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a node")
	}
	t.Parallel()
	dir := t.TempDir()
	config := filepath.Join(dir, "node.yaml")
	text := "node: {data: ./data}\napi: {listen: \"127.0.0.1:0\"}\nsources: {s: {sim: {seed: 1}}}\nfeeds:\n  f: {every: 1h, from: [s]}\n"
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	url := launch(t, dir, "run", config).awaitURL()
	for _, c := range []struct {
		name, text string
		code       int
		want       string
	}{
		{"nothing", text, exitDone, "nothing changed; 2 sources, feeds and sinks as before\n"},
		{"a feed", text + "  g: {every: 1h, from: [s]}\n", exitDone, "started   feed g\nas before 2 sources, feeds and sinks\n"},
		{"the level", "log: {level: debug}\n" + text, exitDone, "stopped   feed g\nchanged   log.level\nas before 2 sources, feeds and sinks\n"},
		{"a restart", "anchor: {every: 1h}\n" + text + "  h: {every: 1h, from: [s]}\n", exitFailed, "a restart is needed for anchor.every"},
		{"a mistake", "nod: {}\n" + text, exitUsage, `unknown key "nod"`},
		{"nothing of it stayed", "log: {level: debug}\n" + text, exitDone, "nothing changed; 2 sources, feeds and sinks as before\n"},
	} {
		write(c.text)
		var out, talk bytes.Buffer
		code := execute(t.Context(), []string{"reload", "--api", url, "--config", config}, terminal{in: strings.NewReader(""), out: &out, err: &talk})
		said := out.String()
		if code != exitDone {
			said = talk.String()
		}
		if code != c.code || !strings.Contains(said, c.want) {
			t.Errorf("%s: exit code %d, want %d; said\n%s, want\n%s", c.name, code, c.code, said, c.want)
		}
	}
	write(strings.Replace(text, "seed: 1", "sed: 1", 1))
	var last string
	for _, args := range [][]string{{"reload", "--api", url}, {"reload", "--api", url, "--config", config}} {
		code, out, talk := said(t, args...)
		if code != exitUsage || out != "" || !strings.Contains(talk, "sed: 1") || !strings.HasSuffix(talk, "\n1 mistake; nothing was changed\n") || strings.Contains(talk, "·") {
			t.Errorf("%q with a mistake: exit code %d, said %s%s", args, code, out, talk)
		}
		if last != "" && talk != last {
			t.Errorf("a mistake that the node found is told so:\n%s\nand one that was found here so:\n%s", last, talk)
		}
		last = talk
	}
}

// TestOneThingIsNotManyThings in what a reload says.
func TestOneThingIsNotManyThings(t *testing.T) {
	var out bytes.Buffer
	renewed := []api.Renewed{{Name: "f", What: "unit Cel → K"}}
	for _, done := range []api.Reloaded{{Kept: 1}, {Kept: 1, Stopped: []string{"feed g"}}, {Kept: 1, Replaced: []string{"feed f"}, Renewed: renewed}} {
		if err := printReloaded(terminal{out: &out}, done); err != nil {
			t.Fatal(err)
		}
	}
	want := "nothing changed; 1 source, feed or sink as before\nstopped   feed g\nas before 1 source, feed or sink\n" +
		"replaced  feed f\nf is another feed now (unit Cel → K): who has the old one gets nothing of it\nas before 1 source, feed or sink\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}

// TestAReloadEndsByWhatTheNodeSaysOfIt, and not by its words.
func TestAReloadEndsByWhatTheNodeSaysOfIt(t *testing.T) {
	for unchanged, want := range map[bool]int{true: exitUsage, false: exitFailed} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = fmt.Fprintf(w, `{"title":"Unprocessable","detail":"1 mistake; nothing was changed. Rien","unchanged":%v}`, unchanged)
		}))
		if code, _, talk := said(t, "reload", "--api", server.URL); code != want || !strings.Contains(talk, "nothing was changed. Rien") {
			t.Errorf("unchanged %v: exit code %d, want %d; it said %s", unchanged, code, want, talk)
		}
		server.Close()
	}
}

// TestReloadAsksWhereTheConfigurationSays, with its token.
func TestReloadAsksWhereTheConfigurationSays(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a node")
	}
	t.Parallel()
	dir := t.TempDir()
	free := freeAddress(t)
	config := filepath.Join(dir, "node.yaml")
	token := filepath.Join(dir, "token")
	text := fmt.Sprintf("node: {data: ./data}\napi: {listen: %q, tokens: [{file: %s}]}\nsources: {s: {sim: {seed: 1}}}\nfeeds: {f: {every: 1h, from: [s]}}\n", free, token)
	if err := errors.Join(os.WriteFile(config, []byte(text), 0o600), os.WriteFile(token, []byte("0123456789abcdef0123"), 0o600)); err != nil {
		t.Fatal(err)
	}
	launch(t, dir, "run", config).awaitURL()
	var out, talk bytes.Buffer
	code := execute(t.Context(), []string{"reload", "--config", config}, terminal{in: strings.NewReader(""), out: &out, err: &talk})
	if code != exitDone || !strings.HasPrefix(out.String(), "nothing changed") {
		t.Errorf("exit code %d: %s%s", code, &out, &talk)
	}
}

func TestANodeThatListensEverywhereIsAskedOnThisMachine(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:1": "http://127.0.0.1:1", ":80": "http://127.0.0.1:80", "0.0.0.0:80": "http://127.0.0.1:80",
		"[::]:80": "http://[::1]:80", "gw-7.example:80": "http://gw-7.example:80",
	} {
		if got := urlOf(listen); got != want {
			t.Errorf("%s: asked at %s, want %s", listen, got, want)
		}
	}
}

// TestAListenerThatMovedInTheFileIsToldAsThat, with the process that runs by it and where that answers still.
func TestAListenerThatMovedInTheFileIsToldAsThat(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a node")
	}
	t.Parallel()
	dir := t.TempDir()
	free := freeAddress(t)
	config := filepath.Join(dir, "node.yaml")
	write := func(listen string) {
		text := fmt.Sprintf("node: {data: ./data}\napi: {listen: %q}\nsources: {s: {sim: {seed: 1}}}\nfeeds: {f: {every: 1h, from: [s]}}\n", listen)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("127.0.0.1:0")
	url := launch(t, dir, "run", config).awaitURL()
	write(free) // nobody listens there
	code, _, talk := said(t, "reload", "--config", config)
	if code != exitFailed || !strings.Contains(talk, " runs by "+config) || !strings.Contains(talk, "only a restart takes up another api.listen; it answers at --api "+url) {
		t.Errorf("exit code %d: %s, want that it answers at %s", code, talk, url)
	}
}
