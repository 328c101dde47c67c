package wasm_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// merging returns a module whose function calls itself as often as its parameter says, after blocks in each other that set
// many locals. Each end of a block is five bytes away from the next, and gives a new value to every local.
func merging(blocks, locals int) source {
	var b []byte
	for range blocks {
		b = append(b, code(wasm.OpLocalGet, 0, wasm.OpIf, empty)...)
	}
	for l := range locals {
		b = append(b, code(wasm.OpI64Const, byte(l), wasm.OpLocalSet, byte(1+l))...)
	}
	for range blocks {
		b = append(b, byte(wasm.OpEnd))
	}
	b = append(b, code(wasm.OpLocalGet, 0, wasm.OpIf, empty, wasm.OpLocalGet, 0, wasm.OpI32Const, 1, wasm.OpI32Sub, wasm.OpCall, 0,
		wasm.OpDrop, wasm.OpEnd, wasm.OpLocalGet, 1)...)
	for l := 1; l < locals; l++ {
		b = append(b, code(wasm.OpLocalGet, byte(1+l), wasm.OpI64Add)...)
	}
	i64 := []wasm.ValueType{wasm.I64}
	return source{functions: []function{{name: "f", params: i32s(1), results: i64, locals: slices.Repeat(i64, locals), code: b}}}
}

// TestLocalsSetInBlocksWeigh is for a frame of 55 KB made of two kilobytes of code without multi-value: compiled code
// overflowed the engine's stack at 1,300 calls, where the interpreter answered.
func TestLocalsSetInBlocksWeigh(t *testing.T) {
	const most = 1500
	for name, test := range map[string]struct {
		source
		weight   uint64
		metering int
	}{
		"few":                {merging(100, 10), 1, 0},
		"some":               {merging(110, 10), 2, 0},
		"many":               {merging(340, 28), 10, 0},
		"some, as of before": {merging(110, 10), 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			module := rewritten(t, test.assemble(), wasm.Rewriting{Fuel: true, Metering: test.metering, Depth: true, MaxDepth: most, Budget: math.MaxInt64})
			onEngines(t, module, noFuel, func(t *testing.T, m api.Module) {
				f, fits := m.ExportedFunction("f"), most/test.weight-1 // the first call is one too
				if _, err := f.Call(t.Context(), fits); err != nil {
					t.Errorf("%d calls: %v", fits, err)
				}
				if _, err := f.Call(t.Context(), fits+1); !errors.Is(err, errDepth) {
					t.Errorf("%d calls: got %v, want %v", fits+1, err, errDepth)
				}
			})
		})
	}
}
