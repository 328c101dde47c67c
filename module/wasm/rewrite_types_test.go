package wasm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// manyResults has n different lists of results, each of which two functions have, and one function without results behind them.
func manyResults(n int) source {
	var m source
	for i := range 2 * n {
		results := slices.Repeat([]wasm.ValueType{wasm.I32}, 16)
		for bit := range 12 {
			if (i/2)>>bit&1 == 1 {
				results[bit] = wasm.I64
			}
		}
		f := function{results: results, params: i32s(i % 2)}
		for _, t := range results {
			if t == wasm.I32 {
				f.code = append(f.code, code(wasm.OpI32Const, 1)...)
			} else {
				f.code = append(f.code, code(wasm.OpI64Const, 1)...)
			}
		}
		m.functions = append(m.functions, f)
	}
	m.functions = append(m.functions, function{})
	return m
}

// TestBlocksAroundFunctionsShareTypes holds that a list of results gets one type, whichever functions have it, and that it is the right one.
func TestBlocksAroundFunctionsShareTypes(t *testing.T) {
	const n = 2000
	m := manyResults(n)
	for i := range m.functions[:2*n] { // all call the last one, so the rewriter puts all in a block
		m.functions[i].code = append(code(wasm.OpCall, 2*n), m.functions[i].code...)
	}
	checked, err := wasm.Check(m.assemble(), generous)
	if err != nil {
		t.Fatal(err)
	}
	r := wasm.Rewriting{Fuel: true, Depth: true, NaN: true, MaxDepth: 512, MaxPages: 64}
	rewritten, err := checked.Rewrite(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := wasm.Parse(rewritten)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(again.Types), len(checked.Types)+1+n; got != want {
		t.Errorf("%d types for %d and %d lists of results, want %d", got, len(checked.Types), n, want)
	}
	rt := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer rt.Close(t.Context())
	if _, err := rt.CompileModule(t.Context(), rewritten); err != nil {
		t.Errorf("the blocks have other types than their functions: %v", err)
	}
}

// TestTypesOfBlocksAreWork is for a module that had twice as many types to compile as were counted.
func TestTypesOfBlocksAreWork(t *testing.T) {
	const n = 1000
	many, err := wasm.Check(manyResults(n).assemble(), generous)
	if err != nil {
		t.Fatal(err)
	}
	one := manyResults(n)
	for i := range one.functions[:2*n] {
		one.functions[i].results, one.functions[i].code = one.functions[0].results, one.functions[0].code
	}
	few, err := wasm.Check(one.assemble(), generous)
	if err != nil {
		t.Fatal(err)
	}
	if want := few.Work() + (n-1)*(20_000+2*n*85); many.Work() < want {
		t.Errorf("%d functions with %d lists of results cost %d units, and %d with one; want at least %d", 2*n, n, many.Work(), few.Work(), want)
	}
}

// TestManyTypesForManyFunctionsAreRefused is for what no function is at fault for, so none is named.
func TestManyTypesForManyFunctionsAreRefused(t *testing.T) {
	module := func(functions int) []byte {
		many := strings.Repeat
		return binaryOf(section(1, wasm.MaxTypes, many("\x60\x00\x00", wasm.MaxTypes)), section(3, functions, many("\x00", functions)),
			section(6, wasm.MaxGlobals, many("\x7f\x00\x41\x00\x0b", wasm.MaxGlobals)), section(10, functions, many("\x02\x00\x0b", functions)))
	}
	if _, err := wasm.Check(module(wasm.MaxFunctions*9/10), generous); err != nil {
		t.Error(err)
	}
	_, err := wasm.Check(module(wasm.MaxFunctions), generous)
	want := "type section: compiling costs more than 4100000000 units of work, and 4076"
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "for 10000 functions that each go through 4096 types and 2048 globals; build a smaller module") {
		t.Errorf("got %v, want %s", err, want)
	}
}
