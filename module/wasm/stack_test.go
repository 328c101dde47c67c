package wasm_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// TestTheStackIsThatOfTheLongestChainOfCalls: only what can call itself, by whatever way, takes as much as the depth allows.
func TestTheStackIsThatOfTheLongestChainOfCalls(t *testing.T) {
	call := func(targets ...int) function {
		var b []byte
		for _, f := range targets {
			b = code(b, wasm.OpCall, f)
		}
		return function{code: b}
	}
	indirect := function{code: code(wasm.OpI32Const, 0, wasm.OpCallIndirect, 0, 0)} // the type of function 0: () -> ()
	other := function{results: i32s(1), code: code(wasm.OpI32Const, 0, wasm.OpCallIndirect, 0, 0, wasm.OpI32Const, 1)}
	var chain []function
	for i := range 200 {
		chain = append(chain, call(i+1))
	}
	for name, test := range map[string]struct {
		source
		least, most int64 // for a depth of 100, and of 1,000 if it grows
		grows       bool
	}{
		"alone":                               {source{functions: []function{{}}}, 10 << 10, 11 << 10, false},
		"a few":                               {source{functions: []function{call(1, 2), call(2), {}}}, 10 << 10, 12 << 10, false},
		"a long chain":                        {source{functions: append(chain, function{})}, 30 << 10, 100 << 10, true}, // of which the depth allows a half
		"itself":                              {source{functions: []function{call(0)}}, 20 << 10, 100 << 10, true},
		"each other":                          {source{functions: []function{call(1), call(2), call(0)}}, 20 << 10, 100 << 10, true},
		"itself, where nothing comes":         {source{functions: []function{{code: code(wasm.OpUnreachable, wasm.OpCall, 0)}}}, 10 << 10, 12 << 10, false},
		"by the table, where nothing comes":   {source{functions: []function{{code: code(wasm.OpUnreachable, wasm.OpI32Const, 0, wasm.OpCallIndirect, 0, 0)}}, table: []int{0}}, 10 << 10, 12 << 10, false},
		"by the table":                        {source{functions: []function{indirect}, table: []int{0}}, 20 << 10, 100 << 10, true},
		"by the table, of another type":       {source{functions: []function{{}, other}, table: []int{1}}, 10 << 10, 12 << 10, false},
		"by the table, where it does not lie": {source{functions: []function{{}, other}, table: []int{0}}, 10 << 10, 12 << 10, false},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range test.functions {
				test.functions[i].name = fmt.Sprint("f", i)
			}
			m, err := wasm.Parse(test.assemble())
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Validate(); err != nil {
				t.Fatal(err)
			}
			low, err := m.Stack(wasm.Rewriting{Fuel: true, Depth: true, MaxDepth: 100})
			if err != nil || low < test.least || low > test.most {
				t.Errorf("depth 100: %d bytes, %v; want %d to %d", low, err, test.least, test.most)
			}
			high, err := m.Stack(wasm.Rewriting{Fuel: true, Depth: true, MaxDepth: 1000})
			if err != nil || (high > low) != test.grows {
				t.Errorf("depth 1,000: %d bytes, %v, after %d; want that it grows: %v", high, err, low, test.grows)
			}
		})
	}
}

// TestTheStackIsCountedOnTheWay is for 4 MB of instructions that touch nothing, behind 4,000 locals and beside 2,000 globals: the sets
// of what is alive were gone through for each.
func TestTheStackIsCountedOnTheWay(t *testing.T) {
	const locals = 4000
	for name, piece := range map[string][]byte{
		"nop":        code(byte(1)),
		"local.get":  code(get, 7, wasm.OpDrop),
		"local.set":  code(get, 7, set, 8),
		"global.get": code(wasm.OpGlobalGet, 7, wasm.OpDrop),
		"load":       code(get, 7, wasm.OpI32Load, 2, 0, wasm.OpDrop),
	} {
		f := function{name: "f", locals: i32s(locals), code: code(sets(locals), bytes.Repeat(piece, 40_000/len(piece)), uses(locals))}
		m, err := wasm.Parse(source{memory: true, globals: i32s(2000), functions: []function{f}}.assemble())
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Recounts(); got > 10 {
			t.Errorf("%s: all that is alive is counted anew %d times, want at most 10", name, got)
		}
	}
}
