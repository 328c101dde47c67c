//go:build integration

package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/internal/patience"
)

// TestAModuleRunsOnceTheMachineIsWell: the compiler's child is killed, as the system does where memory is short. The feed says so, and answers
// later without anybody's help; one that ends meanwhile waits for nothing.
func TestAModuleRunsOnceTheMachineIsWell(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	modules, well := t.TempDir(), filepath.Join(t.TempDir(), "well")
	child := childThatIsWell(self, well)
	writeFile(t, modules, "counter-1.0.0.wasm", counterWasm(t))
	for _, recovers := range []bool{true, false} {
		seen := newOutcomes()
		text := counting(t, t.TempDir(), fmt.Sprintf("{dir: %q, unsigned: true}", modules), allowed)
		n := openNode(t, text, Options{OnRound: seen.add, Compile: child})
		stop := run(t, n)
		seen.await(t, "the reason", missedFor("the child ended"))
		if recovers {
			writeFile(t, filepath.Dir(well), "well", nil)
			seen.await(t, "an answer", func(o Outcome) bool { return counted(o) > 0 })
			if status := n.state.Status().Modules; len(status) != 1 || !status[0].Running {
				t.Errorf("status %+v", status)
			}
			if err := os.Remove(well); err != nil {
				t.Fatal(err)
			}
		}
		stop()
	}
}

func childThatIsWell(self, well string) []string {
	return []string{"/bin/sh", "-c", fmt.Sprintf(`[ -e %q ] && exec %q %s "$@"; kill -9 $$`, well, self, compileWorker), "sh"}
}

// awaitModule waits for what the status says of the only module.
func awaitModule(t *testing.T, n *Node, what string, wanted func(api.ModuleStatus) bool) {
	t.Helper()
	var last []api.ModuleStatus
	for range 1000 {
		if last = n.state.Status().Modules; len(last) == 1 && wanted(last[0]) {
			return
		}
		waitFor(t, 20*time.Millisecond)
	}
	t.Fatalf("%s: the status says %+v", what, last)
}

// TestTheStatusTellsOfAModuleBetweenRounds: a feed with a round an hour says why its module does not run, and that it does, when that is so.
func TestTheStatusTellsOfAModuleBetweenRounds(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	modules, well := t.TempDir(), filepath.Join(t.TempDir(), "well")
	writeFile(t, modules, "counter-1.0.0.wasm", counterWasm(t))
	text := counting(t, t.TempDir(), fmt.Sprintf("{dir: %q, unsigned: true}", modules), allowed)
	text = strings.Replace(text, "every: 200ms\n    decimals", "every: 1h\n    decimals", 1)
	n := openNode(t, text, Options{Compile: childThatIsWell(self, well)})
	stop := run(t, n)
	defer stop()
	awaitModule(t, n, "the reason", func(s api.ModuleStatus) bool { return !s.Running && strings.Contains(s.LastError, "the child ended") })
	right := counterWasm(t)
	writeFile(t, modules, "counter-1.0.0.wasm", append(right, 0)) // read again for each attempt, which must find what was found
	awaitModule(t, n, "that it is another file", func(s api.ModuleStatus) bool { return !s.Running && strings.Contains(s.LastError, "was found with") })
	writeFile(t, modules, "counter-1.0.0.wasm", right)
	writeFile(t, filepath.Dir(well), "well", nil)
	awaitModule(t, n, "that it runs", func(s api.ModuleStatus) bool { return s.Running && s.LastError == "" })
}

// TestAReloadThatChangesNothingLetsAModuleBeLoaded: compiling takes longer than the time between two reloads, again and again.
func TestAReloadThatChangesNothingLetsAModuleBeLoaded(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	begun, going := filepath.Join(dir, "begun"), filepath.Join(dir, "going")
	child := []string{"/bin/sh", "-c", fmt.Sprintf(`echo >> %q; while ! [ -e %q ]; do sleep 0.1; done; exec %q %s "$@"`, begun, going, self, compileWorker), "sh"}
	modules := t.TempDir()
	writeFile(t, modules, "counter-1.0.0.wasm", counterWasm(t))
	text := counting(t, t.TempDir(), fmt.Sprintf("{dir: %q, unsigned: true}", modules), allowed)
	n := changing(t, &text, Options{Compile: child})
	stop := run(t, n)
	defer stop()
	for range 5 {
		for range 1000 {
			if _, err := os.Stat(begun); err == nil {
				break
			}
			waitFor(t, 20*time.Millisecond)
		}
		if _, err := n.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, dir, "going", nil)
	awaitModule(t, n, "that it runs", func(s api.ModuleStatus) bool { return s.Running })
	if started, err := os.ReadFile(begun); err != nil || len(started) != 1 {
		t.Errorf("the compiler was started %d times (%v), want once", len(started), err)
	}
}

// TestAReloadEndsBesideAModuleThatWaits for a disk that hangs: its feed may be taken out, and others begin.
func TestAReloadEndsBesideAModuleThatWaits(t *testing.T) {
	modules := t.TempDir()
	writeFile(t, modules, "counter-1.0.0.wasm", counterWasm(t))
	text := counting(t, t.TempDir(), fmt.Sprintf("{dir: %q, unsigned: true}", modules), allowed)
	seen := newOutcomes()
	n := changing(t, &text, Options{OnRound: seen.add})
	n.modules.making <- struct{}{} // as who makes the sandbox, and does not get on
	run(t, n)
	awaitModule(t, n, "that it is being loaded", func(s api.ModuleStatus) bool { return s.Loading && !s.Running })
	text = text[:strings.Index(text, "feeds:")] + "feeds: {other: {decimals: 0, every: 200ms, from: [meter]}}\n"
	if _, err := n.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen.await(t, "an answer of the new feed", func(o Outcome) bool { return o.Answer != nil && o.Answer.Feed.Name == "other" })
	<-n.modules.making
}

// TestALoadWaitsForTheOneBeforeIt of the same feed, which a disk may have held: two at once would take twice the memory.
func TestALoadWaitsForTheOneBeforeIt(t *testing.T) {
	modules := t.TempDir()
	writeFile(t, modules, "counter-1.0.0.wasm", counterWasm(t))
	text := counting(t, t.TempDir(), fmt.Sprintf("{dir: %q, unsigned: true}", modules), allowed)
	seen := newOutcomes()
	n := changing(t, &text, Options{OnRound: seen.add})
	release := hold(&n.modules.loads, "counted")
	run(t, n)
	awaitModule(t, n, "that it is being loaded", func(s api.ModuleStatus) bool { return s.Loading && !s.Running })
	text = strings.Replace(text, "decimals: 0", "decimals: 1", 1)
	if _, err := n.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		seen.await(t, "an answer of the other feed", func(o Outcome) bool { return o.Answer != nil && o.Answer.Feed.Name == "read" })
	}
	awaitModule(t, n, "that it waits", func(s api.ModuleStatus) bool { return s.Loading && !s.Running })
	release()
	awaitModule(t, n, "that it runs", func(s api.ModuleStatus) bool { return s.Running })
}

// hold has something under way of a name, as if it hung, until it is released.
func hold(turns *patience.Turns, name string) (release func()) {
	begun, held := make(chan struct{}), make(chan struct{})
	go func() {
		_, _ = patience.Await(context.Background(), turns, patience.Task[int]{Name: name, Do: func() (int, error) {
			close(begun)
			<-held
			return 0, nil
		}})
	}()
	<-begun
	return func() { close(held) }
}

// TestAnEndLeavesWhatHangs: a share and a disk do not answer, and the node ends all the same, soon, and says what it leaves. However often a
// reload looks for what hangs, one look is under way.
func TestAnEndLeavesWhatHangs(t *testing.T) {
	modules := t.TempDir()
	writeFile(t, modules, "counter-1.0.0.wasm", counterWasm(t))
	pipe := filepath.Join(modules, "trust.json")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	text := counting(t, t.TempDir(), fmt.Sprintf("{dir: %q, trust: %q}", modules, pipe), allowed)
	var log logtest.Text
	n := changing(t, &text, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	defer hold(&n.modules.loads, "another")()
	stop := run(t, n)
	awaitModule(t, n, "that it is looked for", func(s api.ModuleStatus) bool { return s.Loading && !s.Running })
	for decimals := range 4 {
		text = strings.Replace(text, fmt.Sprintf("decimals: %d", decimals), fmt.Sprintf("decimals: %d", decimals+1), 1)
		if _, err := n.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if looks := n.modules.looks.Wait(ended); len(looks) != 1 {
		t.Errorf("%q are under way, want one look", looks)
	}
	begun := time.Now()
	stop()
	if took := time.Since(begun); took > endsWithin+3*time.Second {
		t.Errorf("the end took %s", took)
	}
	if said := log.String(); !strings.Contains(said, "counter 1.0.0 in "+modules) || !strings.Contains(said, "another") {
		t.Errorf("the log does not name what is left: %s", said)
	}
	if err := os.WriteFile(pipe, []byte("{}"), 0o600); err != nil { // ends the look
		t.Fatal(err)
	}
	n.modules.looks.Wait(t.Context())
}

// TestAShareThatDoesNotAnswerHoldsUpNobodyElse: the trust file is a pipe that nobody writes to, which answers as little.
func TestAShareThatDoesNotAnswerHoldsUpNobodyElse(t *testing.T) {
	trust, wasm, envelope := signedCounter(t)
	modules := t.TempDir()
	writeFile(t, modules, "counter-1.0.0.wasm", wasm)
	writeFile(t, modules, "counter-1.0.0.json", envelope)
	pipe := filepath.Join(modules, "trust.json")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	text := counting(t, t.TempDir(), fmt.Sprintf("{dir: %q, trust: %q}", modules, pipe), allowed)
	seen := newOutcomes()
	n := changing(t, &text, Options{OnRound: seen.add})
	run(t, n)
	awaitModule(t, n, "that it is looked for", func(s api.ModuleStatus) bool { return s.Loading && !s.Running })
	text = strings.Replace(text, "read: {every: 200ms", "other: {every: 200ms", 1)
	if _, err := n.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen.await(t, "an answer of the new feed", func(o Outcome) bool { return o.Answer != nil && o.Answer.Feed.Name == "other" })
	if err := os.WriteFile(pipe, trust, 0o600); err != nil { // both ends are open now, or it would wait
		t.Fatal(err)
	}
	seen.await(t, "a count", func(o Outcome) bool { return counted(o) > 0 })
	text = strings.Replace(text, "allow: {state: true", "allow: {random: true, state: true", 1)
	if err := errors.Join(os.Remove(pipe), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitModule(t, n, "that it is looked for", func(s api.ModuleStatus) bool { return s.Loading && !s.Running })
	passed := dodona.RoundAt(time.Now().Add(time.Second))
	seen.await(t, "rounds of the other feed", func(o Outcome) bool {
		return o.Answer != nil && o.Answer.Feed.Name == "other" && o.Round > passed
	})
	if err := os.WriteFile(pipe, trust, 0o600); err != nil {
		t.Fatal(err)
	}
	seen.await(t, "why rounds passed", missedFor("or its module was looked for"))
}

// TestAModuleThatCouldNotBeReadIsReadLater, without a reload: reading the memory of a process from its beginning is an input/output
// error, as of a share that is gone.
func TestAModuleThatCouldNotBeReadIsReadLater(t *testing.T) {
	trust, wasm, envelope := signedCounter(t)
	modules := t.TempDir()
	writeFile(t, modules, "counter-1.0.0.wasm", wasm)
	writeFile(t, modules, "counter-1.0.0.json", envelope)
	writeFile(t, modules, "kept.json", trust)
	file := filepath.Join(modules, "trust.json")
	if err := os.Symlink("/proc/self/mem", file); err != nil {
		t.Fatal(err)
	}
	text := counting(t, t.TempDir(), fmt.Sprintf("{dir: %q, trust: %q}", modules, file), allowed)
	seen := newOutcomes()
	n := changing(t, &text, Options{OnRound: seen.add})
	run(t, n)
	seen.await(t, "the reason", missedFor("input/output error"))
	if err := os.Rename(filepath.Join(modules, "kept.json"), file); err != nil {
		t.Fatal(err)
	}
	seen.await(t, "a count", func(o Outcome) bool { return counted(o) > 0 })
}

// TestAShareThatIsMountedLaterIsRead, without a reload: an ordinary order of a start.
func TestAShareThatIsMountedLaterIsRead(t *testing.T) {
	modules := filepath.Join(t.TempDir(), "mounted")
	text := counting(t, t.TempDir(), fmt.Sprintf("{dir: %q, unsigned: true}", modules), allowed)
	seen := newOutcomes()
	n := changing(t, &text, Options{OnRound: seen.add})
	run(t, n)
	seen.await(t, "the reason", missedFor("no such file"))
	if err := os.Mkdir(modules, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, modules, "counter-1.0.0.wasm", counterWasm(t))
	seen.await(t, "a count", func(o Outcome) bool { return counted(o) > 0 })
}

// TestAReleaseNobodyWaitsForIsNotRemembered: a look at a share that hangs was given up, and what it finds at last must not make the
// release that runs one of the past.
func TestAReleaseNobodyWaitsForIsNotRemembered(t *testing.T) {
	trust, wasm, envelope := signedCounter(t)
	modules, data := t.TempDir(), t.TempDir()
	writeFile(t, modules, "counter-1.0.0.wasm", wasm)
	writeFile(t, modules, "counter-1.0.0.json", envelope)
	pipe := filepath.Join(modules, "trust.json")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	text := counting(t, data, fmt.Sprintf("{dir: %q, trust: %q}", modules, pipe), allowed)
	n := changing(t, &text, Options{})
	stop := run(t, n)
	awaitModule(t, n, "that it is looked for", func(s api.ModuleStatus) bool { return s.Loading && !s.Running })
	text = text[:strings.Index(text, "feeds:")] + "feeds: {other: {decimals: 0, every: 200ms, from: [meter]}}\n"
	if _, err := n.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pipe, trust, 0o600); err != nil {
		t.Fatal(err)
	}
	n.modules.looks.Wait(t.Context())
	stop()
	if raw, err := os.ReadFile(filepath.Join(data, sequencesFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is remembered, %v", raw, err)
	}
}
