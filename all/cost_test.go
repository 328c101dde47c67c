package all

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/racetest"
)

// asksForCost is set in a process that only tells what runs in it once everything is initialised.
const asksForCost = "DODONA_COST_OF_KINDS"

func TestMain(m *testing.M) {
	if os.Getenv(asksForCost) == "" {
		os.Exit(m.Run())
	}
	stacks := make([]byte, 1<<20)
	os.Stdout.Write(stacks[:runtime.Stack(stacks, true)])
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	fmt.Printf("heap %d\n", memory.HeapAlloc)
}

const (
	mostOfKind    = 128 << 10 // bytes that a kind's package may allocate before anybody configures it: tables, patterns
	mostOfLibrary = 512 << 10 // and any other package
	mostOfAll     = 3 << 20   // and all together
)

// TestAKindThatIsNotConfiguredCostsNothing starts a process with every kind that there is and configures none: nothing runs in it but
// its main goroutine, and what was initialised is small. The runtime itself counts, so that neither clock nor load matters.
func TestAKindThatIsNotConfiguredCostsNothing(t *testing.T) {
	racetest.Spare(t) // the race detector allocates too
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), asksForCost+"=1", "GODEBUG=inittrace=1")
	var trace bytes.Buffer
	cmd.Stderr = &trace
	said, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, trace.String())
	}
	if n := bytes.Count(said, []byte("goroutine ")); n != 1 {
		t.Errorf("%d goroutines run before anything is configured, want 1:\n%s", n, said)
	}
	kinds, all := 0, 0
	for line := range strings.Lines(trace.String()) {
		fields := strings.Fields(line) // init PACKAGE @0.1 ms, 0.2 ms clock, 300 bytes, 4 allocs
		if len(fields) != 11 || fields[0] != "init" {
			continue
		}
		bytes, err := strconv.Atoi(fields[7])
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all += bytes
		most := mostOfLibrary
		if _, kind, found := strings.Cut(fields[1], "dodona/source/"); found {
			most, kinds = mostOfKind, kinds+1
			t.Logf("source/%s: %d bytes", kind, bytes)
		}
		if bytes > most {
			t.Errorf("%s allocates %d bytes before anything is configured, at most %d", fields[1], bytes, most)
		}
	}
	if kinds == 0 || all > mostOfAll {
		t.Errorf("%d bytes are allocated by %d kinds and what they need before anything is configured, at most %d", all, kinds, mostOfAll)
	}
	t.Logf("%d bytes are allocated in all; %s", all, said[max(0, bytes.LastIndex(said, []byte("heap "))):])
}
