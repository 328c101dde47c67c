//go:build integration && linux

package module

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/memtest"
	"github.com/dodona-oracle/dodona/module/manifest"
)

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
