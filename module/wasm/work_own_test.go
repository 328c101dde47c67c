package wasm_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// What Check itself takes, in the node's process and before anything is admitted, is small whatever the module is.

// TestCheckNotesLittleOfWhatItRefuses is for a function of 130 KB of which 48 MB were noted before it was refused.
func TestCheckNotesLittleOfWhatItRefuses(t *testing.T) {
	for name, piece := range map[string][]byte{
		"memory.grow": code(get, 0, wasm.OpMemoryGrow, 0, wasm.OpDrop),
		"memory.copy": code(get, 0, get, 0, get, 0, wasm.OpMemoryCopy, 0, 0),
		"memory.fill": code(get, 0, get, 0, get, 0, wasm.OpMemoryFill, 0),
	} {
		b := source{memory: true, functions: []function{{name: "f", params: i32s(1), code: bytes.Repeat(piece, 130_000/len(piece))}}}.assemble()
		var err error
		used := allocated(func() { _, err = wasm.Check(b, generous) })
		if err == nil || !strings.Contains(err.Error(), "units of work") {
			t.Errorf("%s: got %v", name, err)
		}
		if used > 8<<20 {
			t.Errorf("%s: Check of %d bytes allocates %d", name, len(b), used)
		}
	}
}

// TestDeadCodeThatMovesMuchIsWork is for 6 MB of calls that are never come to, which took 5 s to prove valid: once here and once by the
// compiler, at 4 hundredths of the budget.
func TestDeadCodeThatMovesMuchIsWork(t *testing.T) {
	wide := i32s(128)
	loop := code(wasm.OpLoop, 0, wasm.OpUnreachable, wasm.OpEnd) // of type 0
	targets := code(wasm.OpI32Const, 0, wasm.OpBrTable, 1000, make([]byte, 1000), 0)
	for name, body := range map[string][]byte{
		"calls":     bytes.Repeat(code(wasm.OpCall, 0), 60_000),
		"indirect":  bytes.Repeat(code(wasm.OpCallIndirect, 0, 0), 40_000),
		"loops":     bytes.Repeat(loop, 500),
		"br_tables": code(wasm.OpLoop, 0, targets, wasm.OpEnd),
	} {
		n := map[string]uint64{"calls": 60_000, "indirect": 40_000, "loops": 500, "br_tables": 1000}[name]
		m := source{memory: true, table: []int{0}, functions: []function{{name: "f", params: wide, code: code(wasm.OpUnreachable, body)}}}
		checked, err := wasm.Check(m.assemble(), generous)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := n * 128 * 20; checked.Work() < want {
			t.Errorf("%s: %d units, want at least %d", name, checked.Work(), want)
		}
	}
}
