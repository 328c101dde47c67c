package module

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/module/abi"
)

// TestMain makes the test binary the child that compiles, if an engine has started it as that.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == workerCommand {
		syscall.Exit(CompileWorker(os.Stdin, os.Args[2:])) // not os.Exit, which waits for a second with -race
	}
	os.Exit(m.Run())
}

// workerCommand is the first argument of the test binary as the child that compiles.
const workerCommand = "compile-worker"

// cached are the options of an engine with a cache.
func cached(t *testing.T, dir string, key byte, c *telemetrytest.Tally) Options {
	return inChild(t, Options{Dir: dir, Key: bytes.Repeat([]byte{key}, 32), Recorder: c})
}

// answers makes sure that a module runs.
func answers(t *testing.T, m *Module) {
	t.Helper()
	if _, err := m.Run(t.Context(), reading(`{}`)); err != nil {
		t.Error(err)
	}
}

func TestAModuleIsCompiledOnceForAllEnginesWithACache(t *testing.T) {
	for name, o := range map[string]Options{"child": inChild(t, Options{}), "process": {}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first, second := new(telemetrytest.Tally), new(telemetrytest.Tally)
			o.Dir, o.Key, o.Recorder = dir, bytes.Repeat([]byte{7}, 32), first
			answers(t, load(t, newTestEngine(t, o), guest(t, "count")))
			first.Want(t, "empty cache", fates, 1, 0, 0)
			o.Recorder = second
			answers(t, load(t, newTestEngine(t, o), guest(t, "count")))
			second.Want(t, "warm cache", fates, 0, 1, 0)
		})
	}
}

func TestCacheDoesNotSpareTheHost(t *testing.T) {
	o := cached(t, t.TempDir(), 1, new(telemetrytest.Tally))
	s := capable(t, fullHost())
	load(t, newTestEngine(t, o), s)
	for what, take := range map[string]func(*abi.Host){
		"no journaled readings": func(h *abi.Host) { h.Reading = nil },
		"no state":              func(h *abi.Host) { h.State = nil },
	} {
		s.Host = fullHost()
		take(&s.Host)
		if _, err := newTestEngine(t, o).Load(t.Context(), s); err == nil || !strings.Contains(err.Error(), "this node has "+what) {
			t.Errorf("from the cache on a host with %s: got %v", what, err)
		}
	}
}

func TestChildThatIsAnotherProgramIsNotBelieved(t *testing.T) {
	for name, worker := range map[string][]string{
		"does nothing": {"/bin/true"},
		"fails":        {"/bin/false"},
		"is not there": {"/nowhere/dodona"},
		"leaves a file": {"/bin/sh", "-c", `mkdir wazero-v0.0.0-amd64-linux && echo native > wazero-v0.0.0-amd64-linux/` +
			strings.Repeat("0", 64)},
	} {
		t.Run(name, func(t *testing.T) {
			c := new(telemetrytest.Tally)
			e := newTestEngine(t, Options{Worker: worker, Recorder: c})
			if _, err := e.Load(t.Context(), guest(t, "count")); err == nil || !Local(err) {
				t.Errorf("got %v, want an error of this machine", err)
			}
			if e.admitted.promised != 0 {
				t.Errorf("%d bytes are still promised", e.admitted.promised)
			}
		})
	}
}
