package wasm_test

import (
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// row returns n times a piece of code.
func row(n int, items ...any) []byte {
	piece := code(items...)
	return repeated(n, func(int) []byte { return piece })
}

// unitsOf returns what functions of so many locals cost.
func unitsOf(t *testing.T, locals int, codes ...[]byte) int {
	t.Helper()
	m := source{memory: true}
	for _, c := range codes {
		m.functions = append(m.functions, function{params: i32s(1), locals: i32s(locals - 1), code: c})
	}
	got, err := wasm.Check(m.assemble(), generous)
	if err != nil {
		t.Fatal(err)
	}
	return int(got.Work())
}

// costsMore demands that one function costs so many units more than another.
func costsMore(t *testing.T, what string, locals int, dear, cheap []byte, least int) {
	t.Helper()
	got := int(work(t, locals, dear)) - int(work(t, locals, cheap))
	if got < least {
		t.Errorf("%s cost %d units, want at least %d", what, got, least)
	}
}

// A function that does not fit the processor's cache costs more than its parts.
func TestLargeFunctionsAreWork(t *testing.T) {
	one, ten := units(t, divides(8000)), units(t, copies(10, divides(800))...)
	if one < 5*ten/2 {
		t.Errorf("%d units for a function with 8000 divisions, and %d for ten with 800; want two and a half times as many", one, ten)
	}
}

// The list of addresses that have been checked is copied at each block, and a long one fits no cache.
func TestCheckedAddressesAreWork(t *testing.T) {
	const addresses, blocks = 500, 500
	loads := row(addresses, wasm.OpI32Const, 0, wasm.OpI32Load, 2, 0, wasm.OpDrop)
	ifs := row(blocks, get, 0, wasm.OpIf, empty, wasm.OpEnd)
	calls := row(blocks, get, 0, wasm.OpCall, 0)
	const bound = addresses * blocks * 3
	costsMore(t, "addresses past blocks", 1, code(loads, ifs), code(ifs, loads), bound*(30+bound/20_000))
	costsMore(t, "addresses past calls", 1, code(loads, calls), code(calls, loads), addresses*blocks*5)
}

// Each function after one with many blocks has the table of them to go through.
func TestBlocksOfAFunctionBeforeAreWork(t *testing.T) {
	const blocks, functions = 4000, 1000
	large, small := row(blocks/3, get, 0, wasm.OpIf, empty, wasm.OpEnd), code(get, 0, wasm.OpDrop)
	got := units(t, copies(functions, small, large)...) - units(t, append(copies(functions, small), large)...)
	if want := functions * (blocks - 50) * 3; got < want {
		t.Errorf("%d functions behind one with %d blocks cost %d units more than before it, want at least %d", functions, blocks, got, want)
	}
}

// A value that is kept is alive in all blocks between; a call makes the globals new, so they are not looked for beyond it.
func TestKeptValuesAreWork(t *testing.T) {
	const exits, reads = 1000, 1000
	leave := row(exits, get, 0, wasm.OpBrIf, 0)
	load := code(get, 0, wasm.OpI32Load, 2, 0, wasm.OpDrop)
	costsMore(t, "kept values", 1, code(load, leave, load), code(leave, load, load), exits*120)
	call := code(get, 0, wasm.OpCall, 0)
	costsMore(t, "reads far from a call", 1, code(load, call, leave, row(reads, load)), code(load, leave, call, row(reads, load)), reads*exits*2*14)
}

// What is alive where ways meet is noted there, and the tables that grow by it are slow for all functions after.
func TestManyValuesWhereWaysMeetAreWork(t *testing.T) {
	const locals = 500
	meet := code(row(200, get, 0, wasm.OpIf, empty, wasm.OpEnd), uses(locals))
	read := code(row(60, get, 0, wasm.OpBrIf, 0), repeated(9000, func(i int) []byte { return code(get, i%locals, wasm.OpDrop) }))
	before := unitsOf(t, locals, meet)
	alone, after := unitsOf(t, locals, read), unitsOf(t, locals, meet, read)-before
	if after < 2*alone {
		t.Errorf("%d units behind a function where many values meet, and %d alone; want at least twice as many", after, alone)
	}
	blocks := row(300, wasm.OpI32Const, 0, wasm.OpBrIf, 0) // in which nothing is looked for
	after = unitsOf(t, locals, meet, blocks) - unitsOf(t, locals, blocks, meet)
	if want := 200 * (locals - 256) * 2; after < want {
		t.Errorf("a function with many blocks costs %d units more behind it than before it, want at least %d", after, want)
	}
}

// Each value that is alive costs for each block that it is alive in, and for each way where it is looked for; what may have two values
// costs for each way that gives it one; and each two values of a way cost.
func TestValuesWhereWaysMeetAreWork(t *testing.T) {
	const n = 100
	alive := func(locals int) int {
		return unitsOf(t, 200, code(row(n, get, 0, wasm.OpIf, empty, wasm.OpEnd), uses(locals)))
	}
	if got, want := (alive(2)-alive(1))/n, 700; got < want {
		t.Errorf("a value costs %d units at each if, want at least %d", got, want)
	}
	if got, want := (alive(200)-2*alive(100)+alive(1))/n/100/100, 2*2*2; got < want {
		t.Errorf("two values cost %d units at each if, want at least %d", got, want)
	}
	given := func(op wasm.Op, operand ...any) int {
		piece := code(get, 0, wasm.OpIf, empty, wasm.OpI32Const, 1, op, code(operand...), wasm.OpEnd)
		return unitsOf(t, 200, code(row(n, piece), uses(2)))
	}
	if got, want := (given(set, 1)-given(wasm.OpDrop))/n, 2*200+2*25*2*2; got < want {
		t.Errorf("a value that an if gives costs %d units, want at least %d", got, want)
	}
}

// What is compiled for each function, each type, and for each function once more for each type and global.
func TestWhatLiesAroundCodeIsWork(t *testing.T) {
	const n = 1000
	many := strings.Repeat
	check := func(sections ...[]byte) int {
		m, err := wasm.Check(binaryOf(sections...), generous)
		if err != nil {
			t.Fatal(err)
		}
		return int(m.Work())
	}
	types := func(n int) []byte { return section(1, n, many("\x60\x00\x00", n)) }
	functions, bodies := section(3, n, many("\x00", n)), section(10, n, many("\x02\x00\x0b", n))
	if got := (check(types(n)) - check(types(0))) / n; got < 20_000 {
		t.Errorf("a type costs %d units, want at least 20000", got)
	}
	if got := (check(types(1), functions, bodies) - check(types(1))) / n; got < 37_000 { // with the looks at the fuel and the depth
		t.Errorf("a function costs %d units, want at least 37000", got)
	}
	globals := section(6, n, many("\x7f\x00\x41\x00\x0b", n)) // which do not change
	if got := (check(types(1), functions, globals, bodies) - check(types(1), functions, bodies)) / n / n; got < 15 {
		t.Errorf("a global costs %d units for each function, want at least 15", got)
	}
}

// The compiler looks for a way among all that lead to the same place, so their number costs by its square: twelve units to find
// one, beside what the chain costs that the ways leave.
func TestWaysToOnePlaceAreWork(t *testing.T) {
	const n = 50
	ways := func(n int) int { return int(work(t, 1, row(n, get, 0, wasm.OpBrIf, 0))) }
	got := (ways(2*n) - 2*ways(n) + ways(0)) / (n * n)
	if want := 82; got < want {
		t.Errorf("the square of the number of ways costs %d units, want at least %d", got, want)
	}
}

func TestParametersAreAmongAllLocals(t *testing.T) {
	m := func(n int) []byte {
		many := strings.Repeat
		return binaryOf(section(1, 1, "\x60", wasm.MaxParams, many("\x7f", wasm.MaxParams), "\x00"), section(3, n, many("\x00", n)), section(10, n, many("\x02\x00\x0b", n)))
	}
	const most = wasm.MaxAllLocals / wasm.MaxParams
	if _, err := wasm.Check(m(most), generous); err != nil {
		t.Errorf("%d functions of %d parameters are refused: %v", most, wasm.MaxParams, err)
	}
	if _, err := wasm.Check(m(most+1), generous); err == nil || !strings.Contains(err.Error(), "have more than 1048576 locals") {
		t.Errorf("%d functions of %d parameters: got %v", most+1, wasm.MaxParams, err)
	}
}
