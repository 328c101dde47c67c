//go:build integration && linux

package module

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/memtest"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// TestThousandLoadsLeaveNothing loads and closes modules a thousand times, and compares what the process holds after the
// first hundred with what it holds at the end.
func TestThousandLoadsLeaveNothing(t *testing.T) {
	for name, o := range map[string]Options{
		"compiled":    {Dir: t.TempDir(), Key: make([]byte, 32), Sample: 1},
		"interpreted": {Interpreter: true, Sample: 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := newTestEngine(t, o)
			specs := []Spec{guest(t, "count"), guest(t, "count-large"), guest(t, "trap"), sdkGuest(t, "json-assemblyscript")}
			cycle := func(i int) {
				m := load(t, e, specs[i%len(specs)])
				for range 3 {
					_, _ = m.Run(t.Context(), reading(`{"sensor":"a","value":1,"ts":1}`)) // trap fails, and is to
				}
				if i%len(specs) == 0 {
					ready(t, m)
				}
				if err := m.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			var before holding
			for i := range 1000 {
				if i == 100 {
					before = held(t)
				}
				cycle(i)
			}
			after := held(t)
			t.Logf("after 100 loads %v, after 1,000 %v", before, after)
			if after.memory > before.memory+4<<20 || after.routines > before.routines || after.files > before.files ||
				after.maps > before.maps+16 {
				t.Errorf("after 100 loads the process held %v, after 1,000 it holds %v", before, after)
			}
		})
	}
}

// A holding is what a process has of what can leak.
type holding struct {
	memory                int64
	routines, files, maps int
}

func (h holding) String() string {
	return fmt.Sprintf("%d KiB, %d goroutines, %d files, %d maps", h.memory>>10, h.routines, h.files, h.maps)
}

func held(t *testing.T) holding {
	t.Helper()
	for range 3 {
		runtime.GC() // native code is freed by finalizers
	}
	memory := memtest.Reset(t)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return holding{memory, runtime.NumGoroutine(), len(files), bytes.Count(maps, []byte("\n"))}
}

// TestSixteenInstancesFitInto64MiB runs this test's binary in a memory cgroup of 64 MiB, swap included, in which the
// kernel kills what takes more. Inside, a child compiles too.
func TestSixteenInstancesFitInto64MiB(t *testing.T) {
	if os.Getenv(insideCgroup) != "" {
		sixteenInstances(t)
		return
	}
	group := memoryCgroup(t, 64<<20)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The shell enters the group before it becomes the test, so that all of the test's memory is in it.
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `echo $$ > "$0/cgroup.procs" && exec "$@"`, group,
		program, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideCgroup+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Fatalf("inside 64 MiB: %v\n%s", err, out)
	}
	peak, err := os.ReadFile(filepath.Join(group, "memory.max_usage_in_bytes"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(peak)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("most memory that the group had, the page cache and the compiler's child included: %d KiB", n>>10)
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "resident") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// insideCgroup is set in the environment of the test that runs in the cgroup.
const insideCgroup = "DODONA_TEST_INSIDE_CGROUP"

// memoryCgroup makes a cgroup (version 1) with a memory limit, and removes it with the test. It skips the test where there
// is no such thing or this user may not make one.
func memoryCgroup(t *testing.T, limit int64) string {
	t.Helper()
	group := filepath.Join("/sys/fs/cgroup/memory", fmt.Sprintf("dodona-module-test-%d", os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skipf("NOT TESTED whether sixteen instances fit into 64 MiB: this needs a memory controller of cgroup version 1 "+
			"in /sys/fs/cgroup/memory, and leave to make a group there (root, and no container without it): %v", err)
	}
	t.Cleanup(func() {
		if err := os.Remove(group); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(group, "memory.limit_in_bytes"), []byte(strconv.FormatInt(limit, 10)), 0); err != nil {
		t.Fatal(err)
	}
	return group
}

// sixteenInstances runs sixteen instances of 1 MiB that write to all of their memory, at once.
func sixteenInstances(t *testing.T) {
	e := newTestEngine(t, inChild(t, Options{Dir: t.TempDir(), Key: make([]byte, 32)}))
	s := withLimits(guest(t, "full"), manifest.Limits{Pages: 16})
	s.Instances = 16
	m := load(t, e, s)
	var taken []*instance
	for range 16 {
		in, failed := m.plain.take(t.Context())
		if failed != nil {
			t.Fatal(failed)
		}
		taken = append(taken, in)
		if out, failed := in.answer(t.Context(), reading(`{}`)); failed != nil || out.PeakBytes != 1<<20 {
			t.Fatalf("%v, %d bytes", failed, out.PeakBytes)
		}
	}
	t.Logf("resident with sixteen instances of 1 MiB, all written to: %d KiB", memtest.Resident(t)>>10)
	for _, in := range taken {
		m.giveBack(t.Context(), in, nil)
		m.plain.free()
	}
	if got := m.Status().Instances; got != 16 {
		t.Errorf("%d instances are left, want 16", got)
	}
	t.Logf("resident after they were set back: %d KiB", memtest.Resident(t)>>10)
	for range 200 {
		answers(t, m)
	}
}
