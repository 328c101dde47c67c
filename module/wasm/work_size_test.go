package wasm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// truncs, divides, chases and greatest are straight code of what becomes large: pairs of conversions, divisions, loads whose addresses are not known,
// and arithmetic whose NaN is made canonical. Their locals 0 to 3 are one of each type of number.
func truncs(n int) []byte {
	pair := code(wasm.OpI64TruncF64U, wasm.OpF64ConvertI64U)
	return code(get, 3, repeated(n, func(int) []byte { return pair }), wasm.OpDrop)
}

func divides(n int) []byte {
	return code(get, 1, repeated(n, func(int) []byte { return code(get, 1, wasm.OpI64DivS) }), wasm.OpDrop)
}

func chases(n int) []byte {
	return code(get, 0, repeated(n, func(int) []byte { return code(wasm.OpI32Load, 2, 0) }), wasm.OpDrop)
}

func greatest(n int) []byte {
	return code(get, 3, repeated(n, func(int) []byte { return code(get, 3, wasm.OpF64Max, wasm.OpF64Abs) }), wasm.OpGlobalSet, 3)
}

// numbers is a module of functions of a parameter of each type of number.
func numbers(codes ...[]byte) []byte {
	types := []wasm.ValueType{wasm.I32, wasm.I64, wasm.F32, wasm.F64}
	m := source{memory: true, table: []int{0}, globals: types}
	for _, c := range codes {
		m.functions = append(m.functions, function{params: types, code: c})
	}
	return m.assemble()
}

// copies returns n times the same code, behind others.
func copies(n int, c []byte, first ...[]byte) [][]byte {
	for range n {
		first = append(first, c)
	}
	return first
}

// TestWhatBecomesLargeIsRefused is for modules that are quick to compile for their size, and took up to 594 MB or became 87 MB of native code, so that
// they loaded where guests are interpreted and nowhere else; and for one whose first function filled the memory that the collector of
// the compiler's garbage is content with, so that the others compiled for 13 s.
func TestWhatBecomesLargeIsRefused(t *testing.T) {
	sparse := repeated(2000, func(int) []byte { return code(get, 0, wasm.OpIf, empty, wasm.OpEnd) }) // blocks, and little in them
	if _, err := wasm.Check(numbers(divides(9_000), divides(9_000), divides(9_000)), generous); err != nil {
		t.Error(err) // memory is used again
	}
	for _, test := range []struct {
		name     string
		codes    [][]byte
		function int
		want     string
	}{
		{"conversions", [][]byte{truncs(65_000)}, 0, "takes 774845323 bytes of memory, at most 67108864, and this one takes most of all, 774845323; split the function"},
		{"divisions", [][]byte{divides(43_000)}, 0, "takes 284705323 bytes of memory, at most 67108864"},
		{"loads", [][]byte{greatest(10), chases(39_000)}, 1, "takes 210099323 bytes of memory, at most 67108864"},
		{"small functions", copies(637, truncs(600)), 0, "become 46273788 bytes of native code, at most 46137344, and this one becomes most of all, 155804"},
		{"a large one first", copies(2066, greatest(200), divides(35_000)), 0, "takes 231745323 bytes of memory, at most 67108864"},
		{"large ones of two sorts", [][]byte{divides(8_000), sparse}, 0, "compiling the functions up to function 1 takes 69944078 bytes of memory, at most 67108864, and this one takes most of all, 53005323"},
	} {
		_, err := wasm.Check(numbers(test.codes...), generous)
		where := fmt.Sprintf("code section, function %d: ", test.function)
		if err == nil || !strings.HasPrefix(err.Error(), where) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s … %s", test.name, err, where, test.want)
		}
	}
}

// TestManyValuesOfABranchAreNativeCode is for 47 MB of native code at an estimate of 33: what is more than the registers hold moves from one place
// of the stack to another.
func TestManyValuesOfABranchAreNativeCode(t *testing.T) {
	const n, locals = 20, 100
	shift := repeated(locals-1, func(i int) []byte { return code(get, i, set, i+1) })
	piece := code(get, 0, wasm.OpIf, empty, shift, wasm.OpEnd)
	m, err := wasm.Check(shape{locals: locals, code: func(int, int) []byte {
		return code(repeated(n, func(int) []byte { return piece }), uses(locals))
	}}.copies(1), generous)
	if err != nil {
		t.Fatal(err)
	}
	if want := uint64(n * 2 * locals * 24); m.Native() < want {
		t.Errorf("%d bytes of native code for %d values on each of %d ways, want at least %d", m.Native(), locals, 2*n, want)
	}
}

// TestWaysOutOfAFunctionAreNativeCode is for what calls the host where events are traced: not only a return leaves a function.
func TestWaysOutOfAFunctionAreNativeCode(t *testing.T) {
	const n = 100
	native := func(label int, piece func(label int) []byte) uint64 {
		m, err := wasm.Check(numbers(code(wasm.OpBlock, empty, repeated(n, func(int) []byte { return piece(label) }), wasm.OpEnd)), generous)
		if err != nil {
			t.Fatal(err)
		}
		return m.Native()
	}
	for name, piece := range map[string]func(label int) []byte{
		"br":    func(label int) []byte { return code(get, 0, wasm.OpIf, empty, wasm.OpBr, label+1, wasm.OpEnd) },
		"br_if": func(label int) []byte { return code(get, 0, wasm.OpBrIf, label) },
		"br_table": func(label int) []byte {
			return code(get, 0, wasm.OpIf, empty, get, 0, wasm.OpBrTable, 0, label+1, wasm.OpEnd)
		},
	} {
		if within, out := native(0, piece), native(1, piece); out < within+n*60 {
			t.Errorf("%s: %d bytes of native code for %d ways out, and %d for as many to the end of a block", name, out, n, within)
		}
	}
}
