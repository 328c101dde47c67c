package wasm_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// kept returns the memory that an interpreter keeps of a module's code, rewritten, and how long that code is.
func kept(t *testing.T, m *wasm.Module) (bytes, length uint64) {
	t.Helper()
	rewritten, err := m.Rewrite(wasm.Rewriting{Fuel: true, Depth: true, NaN: true, Globals: true, Start: true, MaxDepth: 512, MaxPages: 64})
	if err != nil {
		t.Fatal(err)
	}
	rt := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer rt.Close(t.Context())
	alive := func() uint64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.GC() // what was pooled goes with the second one
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := alive()
	compiled, err := rt.CompileModule(t.Context(), rewritten)
	if err != nil {
		t.Fatal(err)
	}
	after := alive()
	runtime.KeepAlive(compiled)
	runtime.KeepAlive(rewritten)
	return max(after, before) - before, uint64(len(rewritten))
}

// interpretable are pieces of code that become many operations for their length, or for what they take to compile. Their locals 0 to 3 are one of
// each type of number.
var interpretable = map[string]struct {
	n      int
	begin  []byte
	piece  []byte
	locals int
}{
	"reads":               {n: 1000, piece: code(get, 0, wasm.OpDrop)},
	"tees":                {n: 1000, begin: code(get, 0), piece: code(wasm.OpLocalTee, 0)},
	"one byte":            {n: 1000, begin: code(get, 0), piece: code(wasm.OpI32Eqz)},
	"canonical, 64 bits":  {n: 1000, begin: code(get, 3), piece: code(wasm.OpF64Sqrt, wasm.OpF64Abs)},
	"canonical, 32 bits":  {n: 1000, begin: code(get, 2), piece: code(wasm.OpF32Ceil, wasm.OpLocalTee, 2)},
	"promoted":            {n: 1000, begin: code(get, 3), piece: code(wasm.OpF32DemoteF64, wasm.OpF32Abs, wasm.OpF64PromoteF32, wasm.OpF64Abs)},
	"ifs":                 {n: 300, piece: code(get, 0, wasm.OpIf, empty, wasm.OpEnd)},
	"ifs and elses":       {n: 300, piece: code(get, 0, wasm.OpIf, empty, wasm.OpElse, wasm.OpEnd)},
	"blocks":              {n: 300, piece: code(wasm.OpBlock, empty, wasm.OpBr, 0, wasm.OpEnd)},
	"exits":               {n: 300, piece: code(get, 0, wasm.OpBrIf, 0)},
	"past what is left":   {n: 300, piece: code(wasm.OpBlock, empty, get, 0, wasm.OpIf, empty, wasm.OpReturn, wasm.OpElse, wasm.OpReturn, wasm.OpEnd, wasm.OpEnd)},
	"loops":               {n: 300, piece: code(wasm.OpLoop, empty, wasm.OpEnd)},
	"memory.grow":         {n: 300, piece: code(get, 0, wasm.OpMemoryGrow, 0, wasm.OpDrop)},
	"memory.fill":         {n: 100, piece: code(get, 0, get, 0, get, 0, wasm.OpMemoryFill, 0)},
	"memory.copy":         {n: 300, piece: code(get, 0, get, 0, get, 0, wasm.OpMemoryCopy, 0, 0)},
	"calls":               {n: 300, piece: code(get, 0, get, 1, get, 2, get, 3, wasm.OpCall, 0)},
	"selects":             {n: 300, piece: code(get, 0, get, 0, get, 0, wasm.OpSelect, wasm.OpDrop)},
	"switches":            {n: 300, piece: code(wasm.OpBlock, empty, get, 0, wasm.OpBrTable, 2, 0, 0, 0, wasm.OpEnd)},
	"wide switches":       {n: 5, piece: code(wasm.OpBlock, empty, get, 0, wasm.OpBrTable, 1000, make([]byte, 1001), wasm.OpEnd)},
	"locals":              {n: 1, piece: code(get, 0, wasm.OpDrop), locals: 4000},
	"little":              {n: 1, piece: code(get, 0, get, 1, get, 2, get, 3, wasm.OpCall, 0)},
	"a page and a little": {n: 271, piece: code(get, 0, wasm.OpDrop)},
	"a page less little":  {n: 269, piece: code(get, 0, wasm.OpDrop)},
}

// TestWhatIsInterpretedIsCounted holds that the interpreter keeps no more than is counted of it, beside the code itself and some bytes
// for each function, and that all is counted that it keeps.
func TestWhatIsInterpretedIsCounted(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const functions, each = 20, 1000
	types := []wasm.ValueType{wasm.I32, wasm.I64, wasm.F32, wasm.F64}
	for name, s := range interpretable {
		m := source{memory: true, table: []int{0}, globals: types}
		c := code(s.begin, repeated(s.n, func(int) []byte { return s.piece }))
		if s.begin != nil {
			c = append(c, byte(wasm.OpDrop))
		}
		for range functions {
			m.functions = append(m.functions, function{params: types, locals: i32s(s.locals), code: c})
		}
		checked, err := wasm.Check(m.assemble(), generous)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		bytes, length := kept(t, checked)
		t.Logf("%s: %d are kept, %d of them code, and %d are counted", name, bytes, length, checked.Interpreted())
		if most := checked.Interpreted() + length*5/4 + functions*each; bytes > most {
			t.Errorf("%s: the interpreter keeps %d bytes, and %d are counted", name, bytes, most)
		}
		if bytes*3 < checked.Interpreted() {
			t.Errorf("%s: the interpreter keeps %d bytes, and %d are counted: three times as many", name, bytes, checked.Interpreted())
		}
	}
}

// TestGuestsAreInterpretedInWhatIsCounted holds that real code is counted for what it is.
func TestGuestsAreInterpretedInWhatIsCounted(t *testing.T) {
	for file, m := range checkedGuests(t) {
		bytes, length := kept(t, m)
		if most := m.Interpreted() + 2*length + 1<<20; bytes > most {
			t.Errorf("%s: the interpreter keeps %d bytes, and %d are counted", file, bytes, most)
		}
	}
}

// TestManyInstructionsAreRefused is for modules that compile with 24 MB and took more than 256 where they are interpreted, so that they loaded on some
// machines and not on others; and for one whose canonical NaNs make most of the instructions.
func TestManyInstructionsAreRefused(t *testing.T) {
	reads := code(repeated(300, func(int) []byte { return code(get, 0, wasm.OpDrop) }))
	roots := code(get, 3, repeated(586, func(int) []byte { return code(wasm.OpF64Sqrt, wasm.OpF64Abs) }), wasm.OpDrop)
	counted := func(c []byte) uint64 {
		m, err := wasm.Check(numbers(c), generous)
		if err != nil {
			t.Fatal(err)
		}
		return m.Interpreted()
	}
	for name, body := range map[string][]byte{"reads": reads, "canonical numbers": roots} {
		larger := code(body, reads)
		fits := int((wasm.MaxInterpreted - counted(larger)) / counted(body))
		codes := append(copies(7, body), larger)
		codes = copies(fits-7, body, codes...)
		if _, err := wasm.Check(numbers(codes...), generous); err != nil {
			t.Errorf("%s: %d are refused: %v", name, fits+1, err)
		}
		_, err := wasm.Check(numbers(append(codes, body)...), generous)
		want := fmt.Sprintf("code section, function 7: interpreting the functions up to function %d takes ", fits+1)
		if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "of memory, at most 150994944, and this one takes most of all") ||
			!strings.Contains(err.Error(), "; build for size") {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}
