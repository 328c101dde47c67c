package wasm_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// TestNarrowMachinesCountAlike holds that a machine whose int has 32 bits gives each module the same units, memory, stack and refusal. It runs
// this test's program once more, built for such a machine, which most of 64 bits can run.
func TestNarrowMachinesCountAlike(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles for another processor")
	}
	ours := verdicts(t)
	if strconv.IntSize == 32 {
		fmt.Println(strings.Join(ours, "\n"))
		return
	}
	program := filepath.Join(t.TempDir(), "narrow.test")
	build := exec.Command("go", "test", "-c", "-o", program, ".")
	build.Env = append(os.Environ(), "GOARCH=386", "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	text, err := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$").Output()
	if errors.Is(err, syscall.ENOEXEC) {
		t.Skip("NOT TESTED HERE: this machine runs no program of 32 bits")
	}
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for i, theirs := range strings.Split(string(text), "\n")[:len(ours)] {
		if theirs != ours[i] {
			t.Errorf("64 bits: %s\n32 bits: %s", ours[i], theirs)
		}
	}
}

// verdicts says of many modules what they cost, or why they are refused.
func verdicts(t *testing.T) (all []string) {
	t.Helper()
	judge := func(name string, b []byte) {
		m, err := wasm.Check(b, generous)
		if err != nil {
			all = append(all, name+": "+err.Error())
			return
		}
		stack, err := m.Stack(wasm.Rewriting{Fuel: true, Depth: true, NaN: true, MaxDepth: 512, MaxPages: 64})
		all = append(all, fmt.Sprintf("%s: %d units, %d bytes of memory, %d of native code, %d interpreted, %d of stack, %v",
			name, m.Work(), m.Room(), m.Native(), m.Interpreted(), stack, err))
	}
	for _, s := range slices.Concat(shapes, chains) {
		judge(s.name, s.copies(1))
	}
	// All locals are alive in a loop that is nested to the limit: a product of their number twice and of that is more than 2³¹.
	deep := func(n, locals int) []byte {
		reads := repeated(locals, func(i int) []byte { return code(get, i, wasm.OpDrop) })
		inner := repeated(n-1, func(int) []byte { return code(wasm.OpLoop, empty) })
		ends := repeated(n-1, func(int) []byte { return code(wasm.OpEnd) })
		return code(wasm.OpLoop, empty, reads, sets(locals), inner, ends, wasm.OpEnd)
	}
	for _, n := range []int{1, 31, 32, 62, 63} {
		for _, locals := range []int{1000, 2900, 4096} {
			judge(fmt.Sprintf("%d loops around %d values", n, locals), shape{n: n, locals: locals, code: deep}.copies(1))
		}
	}
	return all
}
