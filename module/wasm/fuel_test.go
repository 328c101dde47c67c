package wasm_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// countdown loops as often as its parameter says: 2 + 9 for each beginning of the loop.
var countdown = function{
	name: "countdown", params: i32s(1),
	code: code(
		wasm.OpBlock, empty, wasm.OpLoop, empty,
		wasm.OpLocalGet, 0, wasm.OpI32Eqz, wasm.OpBrIf, 1,
		wasm.OpLocalGet, 0, wasm.OpI32Const, 1, wasm.OpI32Sub, wasm.OpLocalSet, 0,
		wasm.OpBr, 0, wasm.OpEnd, wasm.OpEnd,
	),
}

func i32s(n int) []wasm.ValueType {
	list := make([]wasm.ValueType, n)
	for i := range list {
		list[i] = wasm.I32
	}
	return list
}

// ofThree returns a function with an instruction that takes three numbers.
func ofThree(third int, op ...any) function {
	return function{name: "f", code: code(wasm.OpI32Const, 0, wasm.OpI32Const, 0, wasm.OpI32Const, third, code(op...))}
}

func TestFuelIsThePriceOfTheText(t *testing.T) {
	one := func(items ...any) source {
		return source{memory: true, functions: []function{{name: "f", params: i32s(1), code: code(items...)}}}
	}
	get := code(wasm.OpLocalGet, 0)
	null := code(wasm.OpRefNull, wasm.FuncRef)
	tests := []struct {
		name string
		source
		arg  uint64
		fuel int64
	}{
		{"an empty function", one(), 0, 1},
		{"two instructions", one(get, wasm.OpDrop), 0, 3},
		{"nop", one(wasm.OpNop), 0, 2},
		{"ends are free", one(wasm.OpBlock, empty, wasm.OpBlock, empty, wasm.OpEnd, wasm.OpEnd), 0, 3},
		{"the first arm of an if, both count", one(get, wasm.OpIf, empty, wasm.OpNop, wasm.OpElse, wasm.OpNop, wasm.OpNop, wasm.OpEnd), 1, 6},
		{"the second arm of an if, both count", one(get, wasm.OpIf, empty, wasm.OpNop, wasm.OpElse, wasm.OpNop, wasm.OpNop, wasm.OpEnd), 0, 6},
		{"what a branch skips", one(wasm.OpBlock, empty, wasm.OpBr, 0, wasm.OpNop, wasm.OpNop, wasm.OpEnd), 0, 5},
		{"what a return skips", one(wasm.OpReturn, wasm.OpNop, wasm.OpNop), 0, 4},
		{"a loop that does not repeat", one(wasm.OpNop, wasm.OpLoop, empty, wasm.OpNop, wasm.OpEnd, wasm.OpNop), 0, 3 + 2},
		{"a loop that is skipped", one(wasm.OpBlock, empty, wasm.OpBr, 0, wasm.OpLoop, empty, wasm.OpNop, wasm.OpEnd, wasm.OpEnd), 0, 3},
		{"a loop, 0 times", source{functions: []function{{
			name: "f", params: i32s(1), code: countdown.code,
		}}}, 0, 2 + 9},
		{"a loop, 10 times", source{functions: []function{{
			name: "f", params: i32s(1), code: countdown.code,
		}}}, 10, 2 + 9*11},
		{"a loop in a loop counts by itself", one(
			wasm.OpLoop, empty, wasm.OpLoop, empty, wasm.OpNop, wasm.OpEnd,
			get, wasm.OpI32Const, 1, wasm.OpI32Sub, wasm.OpLocalTee, 0, wasm.OpBrIf, 0, wasm.OpEnd,
		), 3, 1 + 3*(6+2)},
		{"a call", source{functions: []function{
			{name: "f", params: i32s(1), code: code(wasm.OpCall, 1, wasm.OpCall, 1)},
			{name: "g", code: code(wasm.OpNop)},
		}}, 0, 3 + 2*2},
		{"an indirect call", source{table: []int{1}, functions: []function{
			{name: "f", params: i32s(1), code: code(wasm.OpI32Const, 0, wasm.OpCallIndirect, 1, 0)},
			{name: "g"},
		}}, 0, 3 + 1},
		{"memory.grow that succeeds", one(get, wasm.OpMemoryGrow, 0, wasm.OpDrop), 2, 4 + 2*8192},
		{"memory.grow that fails", one(get, wasm.OpMemoryGrow, 0, wasm.OpDrop), 1000, 4 + (3+1)*8192},
		{"memory.grow of all pages", one(get, wasm.OpMemoryGrow, 0, wasm.OpDrop), math.MaxUint32, 4 + (3+1)*8192},
		{"memory.grow without room", one(wasm.OpI32Const, 3, wasm.OpMemoryGrow, 0, wasm.OpDrop, get, wasm.OpMemoryGrow, 0, wasm.OpDrop), 1, 7 + 3*8192 + 8192},
		{"memory.fill", one(ofThree(807, wasm.OpMemoryFill, 0).code), 0, 5 + 807/8},
		{"memory.copy", one(ofThree(64, wasm.OpMemoryCopy, 0, 0).code), 0, 5 + 64/8},
		{"memory.init", source{memory: true, data: "sixteen bytes xx", functions: []function{
			with(ofThree(16, wasm.OpMemoryInit, 0, 0), i32s(1)),
		}}, 0, 5 + 16/8},
		{"table.copy", source{table: []int{0, 0, 0}, functions: []function{
			with(ofThree(3, wasm.OpTableCopy, 0, 0), i32s(1)),
		}}, 0, 5 + 3},
		{"table.init", source{table: []int{0, 0, 0}, functions: []function{
			with(ofThree(0, wasm.OpTableInit, 0, 0), i32s(1)), // the segment is active: used up
		}}, 0, 5},
		{"table.grow", source{table: []int{0}, functions: []function{
			{name: "f", params: i32s(1), code: code(null, get, wasm.OpTableGrow, 0, wasm.OpDrop)},
		}}, 20, 5 + 20},
		{"table.fill", source{table: []int{0, 0, 0, 0}, functions: []function{
			{name: "f", params: i32s(1), code: code(wasm.OpI32Const, 0, null, get, wasm.OpTableFill, 0)},
		}}, 4, 5 + 4},
		{"arithmetic is not dearer for its NaNs", one(
			wasm.OpF64Const, 1.0, wasm.OpF64Const, 2.0, wasm.OpF64Div, wasm.OpI64ReinterpretF64, wasm.OpDrop,
		), 0, 6},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, r := range []wasm.Rewriting{{Fuel: true}, {Fuel: true, Depth: true, NaN: true, Globals: true}} {
				r.Budget, r.MaxDepth = math.MaxInt64, 100
				onEngines(t, rewritten(t, test.assemble(), r), noFuel, func(t *testing.T, m api.Module) {
					_, fuel, err := call(t, m, "f", test.arg)
					if err != nil {
						t.Fatal(err)
					}
					if fuel != test.fuel {
						t.Errorf("with depth %t: %d of fuel used, want %d", r.Depth, fuel, test.fuel)
					}
				})
			}
		})
	}
}

func with(f function, params []wasm.ValueType) function {
	f.params = params
	return f
}

// TestNothingRunsForEver runs what has no end. What stops a guest is the same on all engines, and so is the fuel
// that is left then.
func TestNothingRunsForEver(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	loop := func(items ...any) []byte {
		return code(wasm.OpLoop, empty, code(items...), wasm.OpBr, 0, wasm.OpEnd)
	}
	self := func(items ...any) source {
		return source{memory: true, table: []int{0}, functions: []function{{name: "f", code: code(items...)}}}
	}
	tests := []struct {
		name string
		source
		want error
	}{
		{"a loop", self(loop()), errFuel},
		{"a loop in a branch", self(wasm.OpI32Const, 1, wasm.OpIf, empty, loop(), wasm.OpEnd), errFuel},
		{"a loop by br_table", self(wasm.OpLoop, empty, wasm.OpI32Const, 0, wasm.OpBrTable, 1, 0, 0, wasm.OpEnd), errFuel},
		{"a loop of long fills", self(loop(ofThree(65536, wasm.OpMemoryFill, 0).code)), errFuel},
		{"a loop of long copies", self(loop(ofThree(65536, wasm.OpMemoryCopy, 0, 0).code)), errFuel},
		{"a loop that grows the memory", self(loop(wasm.OpI32Const, 1, wasm.OpMemoryGrow, 0, wasm.OpDrop)), errFuel},
		{"a loop that calls leaves", source{functions: []function{
			{name: "f", code: loop(wasm.OpCall, 1, wasm.OpCall, 1)}, {name: "g", code: code(wasm.OpNop)},
		}}, errFuel},
		{"recursion", self(wasm.OpCall, 0), errDepth},
		{"recursion through the table", self(wasm.OpI32Const, 0, wasm.OpCallIndirect, 0, 0), errDepth},
		{"recursion of two", source{functions: []function{
			{name: "f", code: code(wasm.OpCall, 1)}, {name: "g", code: code(wasm.OpCall, 0)},
		}}, errDepth},
		{"binary recursion", source{functions: []function{
			{name: "f", code: code(wasm.OpI32Const, 400, wasm.OpCall, 1)},
			{name: "g", params: i32s(1), code: code(
				wasm.OpLocalGet, 0, wasm.OpI32Eqz, wasm.OpIf, empty, wasm.OpReturn, wasm.OpEnd,
				wasm.OpLocalGet, 0, wasm.OpI32Const, 1, wasm.OpI32Sub, wasm.OpCall, 1,
				wasm.OpLocalGet, 0, wasm.OpI32Const, 1, wasm.OpI32Sub, wasm.OpCall, 1,
			)},
		}}, errFuel},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := wasm.Rewriting{Fuel: true, Depth: true, NaN: true, MaxDepth: 512, MaxPages: 4, Budget: 10_000_000}
			left := map[uint64]bool{}
			onEngines(t, rewritten(t, test.assemble(), r), noFuel, func(t *testing.T, m api.Module) {
				_, _, err := call(t, m, "f")
				if !errors.Is(err, test.want) {
					t.Errorf("got %v, want %v", err, test.want)
				}
				left[m.ExportedGlobal(wasm.FuelGlobal).Get()] = true
			})
			if len(left) != 1 {
				t.Errorf("engines leave different fuel: %v", left)
			}
		})
	}
}

func TestRefuelLetsTheGuestGoOn(t *testing.T) {
	const slice, rounds = 1000, 5000
	module := rewritten(t, source{functions: []function{countdown}}.assemble(), wasm.Rewriting{Fuel: true})
	given := int64(0)
	refuel := func(m api.Module) {
		fuel := m.ExportedGlobal(wasm.FuelGlobal).(api.MutableGlobal)
		if int64(fuel.Get()) >= 0 {
			t.Error("asked for fuel while there is some")
		}
		given += slice
		fuel.Set(fuel.Get() + slice)
	}
	onEngines(t, module, refuel, func(t *testing.T, m api.Module) {
		given = 0
		if _, err := m.ExportedFunction("countdown").Call(t.Context(), rounds); err != nil {
			t.Fatal(err)
		}
		used := given - int64(m.ExportedGlobal(wasm.FuelGlobal).Get())
		if want := int64(2 + 9*(rounds+1)); used != want {
			t.Errorf("%d of fuel used in slices, want %d", used, want)
		}
	})
}

func TestCallsAreCountedByTheirFrames(t *testing.T) {
	// f(n) calls itself n times, has l more locals and some code that is never run.
	recursive := func(locals, dead int) source {
		body := code(wasm.OpLocalGet, 0, wasm.OpIf, empty, wasm.OpLocalGet, 0, wasm.OpI32Const, 1, wasm.OpI32Sub, wasm.OpCall, 0, wasm.OpEnd, wasm.OpReturn)
		for range dead {
			body = append(body, byte(wasm.OpNop))
		}
		return source{functions: []function{{name: "f", params: i32s(1), locals: i32s(locals), code: body}}}
	}
	for name, test := range map[string]struct {
		source
		weight uint64
	}{
		"small": {recursive(0, 0), 1}, "31 locals": {recursive(30, 0), 1}, "32 locals": {recursive(31, 0), 2},
		"200 locals": {recursive(200, 0), 7}, "6 KiB of code": {recursive(0, 6*1024), 4},
	} {
		t.Run(name, func(t *testing.T) {
			const most = 100
			fits := most/test.weight - 1 // the first call is one too
			module := rewritten(t, test.assemble(), wasm.Rewriting{Depth: true, MaxDepth: most})
			onEngines(t, module, noFuel, func(t *testing.T, m api.Module) {
				f := m.ExportedFunction("f")
				if _, err := f.Call(t.Context(), fits); err != nil {
					t.Errorf("%d calls: %v", fits, err)
				}
				if depth := m.ExportedGlobal(wasm.DepthGlobal).Get(); depth != 0 {
					t.Errorf("depth %d after return", depth)
				}
				if _, err := f.Call(t.Context(), fits+1); !errors.Is(err, errDepth) {
					t.Errorf("%d calls: got %v, want %v", fits+1, err, errDepth)
				}
			})
		})
	}
}

func TestLeavesAreNotCounted(t *testing.T) {
	module := rewritten(t, source{functions: []function{countdown}}.assemble(), wasm.Rewriting{Depth: true, MaxDepth: 0})
	onEngines(t, module, noFuel, func(t *testing.T, m api.Module) {
		if _, err := m.ExportedFunction("countdown").Call(t.Context(), 3); err != nil {
			t.Error(err)
		}
	})
}

func TestDepthIsLeftByEveryWayOut(t *testing.T) {
	two := []wasm.ValueType{wasm.I32, wasm.I64}
	results := code(wasm.OpI32Const, 7, wasm.OpI64Const, 8)
	ways := map[string][]byte{
		"the end":            results,
		"return":             code(results, wasm.OpReturn),
		"return in a block":  code(wasm.OpBlock, empty, wasm.OpLoop, empty, results, wasm.OpReturn, wasm.OpEnd, wasm.OpEnd, wasm.OpUnreachable),
		"br":                 code(results, wasm.OpBr, 0),
		"br out of a block":  code(wasm.OpBlock, empty, results, wasm.OpBr, 1, wasm.OpEnd, wasm.OpUnreachable),
		"br_if":              code(results, wasm.OpI32Const, 1, wasm.OpBrIf, 0, wasm.OpUnreachable),
		"br_table":           code(wasm.OpBlock, empty, results, wasm.OpI32Const, 5, wasm.OpBrTable, 1, 1, 1, wasm.OpEnd, wasm.OpUnreachable),
		"if":                 code(wasm.OpI32Const, 1, wasm.OpIf, 2, results, wasm.OpReturn, wasm.OpElse, results, wasm.OpEnd),
		"else":               code(wasm.OpI32Const, 0, wasm.OpIf, 2, results, wasm.OpElse, results, wasm.OpReturn, wasm.OpEnd),
		"a block of results": code(wasm.OpBlock, 2, results, wasm.OpBr, 0, wasm.OpEnd, wasm.OpBr, 0),
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			s := source{types: []wasm.FuncType{{Results: two}}, functions: []function{
				{name: "f", results: two, code: code(wasm.OpCall, 1, way)}, {name: "g"},
			}}
			module := rewritten(t, s.assemble(), wasm.Rewriting{Fuel: true, Depth: true, MaxDepth: 10, Budget: 1000})
			onEngines(t, module, noFuel, func(t *testing.T, m api.Module) {
				got, _, err := call(t, m, "f")
				if err != nil || len(got) != 2 || got[0] != 7 || got[1] != 8 {
					t.Fatalf("got %v, %v, want 7 and 8", got, err)
				}
				if depth := m.ExportedGlobal(wasm.DepthGlobal).Get(); depth != 0 {
					t.Errorf("depth %d after return", depth)
				}
			})
		})
	}
}

// TestOldPricesStay holds the first version of the prices, at which old rounds are replayed.
func TestOldPricesStay(t *testing.T) {
	get := code(wasm.OpLocalGet, 0)
	for _, test := range []struct {
		name string
		code []byte
		arg  uint64
		fuel int64
	}{
		{"memory.grow that succeeds", code(get, wasm.OpMemoryGrow, 0, wasm.OpDrop), 2, 4 + 2*8192},
		{"memory.grow that fails", code(get, wasm.OpMemoryGrow, 0, wasm.OpDrop), 1000, 4 + 1000*8192},
		{"memory.grow of all pages", code(get, wasm.OpMemoryGrow, 0, wasm.OpDrop), math.MaxUint32, 4 + math.MaxUint32*8192},
		{"memory.fill", ofThree(807, wasm.OpMemoryFill, 0).code, 0, 5 + 807/8},
	} {
		s := source{memory: true, functions: []function{{name: "f", params: i32s(1), code: test.code}}}
		r := wasm.Rewriting{Fuel: true, Metering: 1, Budget: math.MaxInt64}
		onEngines(t, rewritten(t, s.assemble(), r), noFuel, func(t *testing.T, m api.Module) {
			if _, fuel, err := call(t, m, "f", test.arg); err != nil || fuel != test.fuel {
				t.Errorf("%s: %d of fuel used (%v), want %d", test.name, fuel, err, test.fuel)
			}
		})
	}
}

// TestWhatMustTrapCostsWhatItCouldDo runs bulk instructions that reach outside, with the fuel that the memory is worth.
func TestWhatMustTrapCostsWhatItCouldDo(t *testing.T) {
	for name, f := range map[string]function{
		"fill":                      ofThree(-1, wasm.OpMemoryFill, 0),
		"copy":                      ofThree(-1, wasm.OpMemoryCopy, 0, 0),
		"fill of one byte too much": ofThree(65537, wasm.OpMemoryFill, 0),
	} {
		s := source{memory: true, functions: []function{f}}
		r := wasm.Rewriting{Fuel: true, Budget: 5 + 65536/8}
		onEngines(t, rewritten(t, s.assemble(), r), noFuel, func(t *testing.T, m api.Module) {
			_, fuel, err := call(t, m, "f")
			if err == nil || !strings.Contains(err.Error(), "out of bounds memory access") {
				t.Errorf("%s: got %v, want the standard's trap", name, err)
			}
			if left := int64(m.ExportedGlobal(wasm.FuelGlobal).Get()); left != 0 {
				t.Errorf("%s: %d of fuel are left (%d used), want 0", name, left, fuel)
			}
		})
	}
}
