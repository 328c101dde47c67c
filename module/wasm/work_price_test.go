package wasm_test

import (
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// units returns what a module of functions costs, each with a parameter of each type of number.
func units(t *testing.T, codes ...[]byte) int {
	t.Helper()
	m, err := wasm.Check(numbers(codes...), generous)
	if err != nil {
		t.Fatal(err)
	}
	return int(m.Work())
}

// priceOf returns what a piece of code costs, one of a few between others.
func priceOf(t *testing.T, before, piece, after []byte) int {
	t.Helper()
	const n = 10
	row := func(n int) []byte { return code(before, repeated(n, func(int) []byte { return piece }), after) }
	return (units(t, row(2*n)) - units(t, row(n))) / n
}

// measured is the least that an instruction without immediates may cost, by what compiling it was measured to take.
func measured(op string) int {
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(op, part) {
				return true
			}
		}
		return false
	}
	float := strings.HasPrefix(op, "f")
	switch {
	case !float && has(".div", ".rem"):
		return 3200
	case !float && has(".trunc"):
		return 4700
	case float && has(".min", ".max"):
		return 6200
	case float && has(".ceil", ".floor", ".trunc", ".nearest", ".sqrt", ".add", ".sub", ".mul", ".div"):
		return 4200
	case has(".copysign", ".demote", ".promote") || float && has("convert_i64_u"):
		return 2800
	case float && has(".eq", ".ne") && !has(".neg"):
		return 2000
	case float && has(".lt", ".gt", ".le", ".ge", ".abs", ".neg"):
		return 1200
	case float || has("reinterpret"):
		return 600
	}
	return 700
}

func TestEachOperationHasItsPrice(t *testing.T) {
	operands := map[rune][]byte{'i': code(get, 0), 'I': code(get, 1), 'f': code(get, 2), 'F': code(get, 3)}
	seen := map[int]int{}
	for _, op := range wasm.Plain() {
		takes, _ := wasm.Types(op)
		var before, drops []byte
		for _, c := range takes {
			before, drops = append(before, operands[c]...), append(drops, byte(wasm.OpDrop))
		}
		got := priceOf(t, nil, code(before, op, wasm.OpDrop), nil) - priceOf(t, nil, code(before, drops), nil)
		want := measured(op.String())
		if seen[want]++; got < want {
			t.Errorf("%s costs %d units, want at least %d", op, got, want)
		}
	}
	for price, least := range map[int]int{3200: 8, 4700: 16, 6200: 4, 4200: 18, 2800: 6, 2000: 4, 1200: 12, 600: 10, 700: 20} {
		if seen[price] < least {
			t.Errorf("%d operations cost %d units or more, want %d or more", seen[price], price, least)
		}
	}
}

func TestEachInstructionHasItsPrice(t *testing.T) {
	drop := wasm.OpDrop
	block := code(wasm.OpBlock, empty, wasm.OpEnd)
	table := func(n int) []byte {
		return code(wasm.OpBlock, empty, get, 0, wasm.OpBrTable, n, make([]byte, n+1), wasm.OpEnd)
	}
	for _, test := range []struct {
		name                        string
		before, piece, other, after []byte
		least                       int // what the piece costs more than the other
	}{
		{name: "nop", piece: code(wasm.OpNop), least: 80},
		{name: "a byte that nothing comes to", before: code(wasm.OpUnreachable), piece: code(wasm.OpNop), least: 20},
		{name: "i32.const", piece: code(wasm.OpI32Const, 1, drop), other: code(get, 0, drop), least: 240},
		{name: "f64.const", piece: code(wasm.OpF64Const, 1.5, drop), other: code(get, 0, drop), least: 380},
		{name: "memory.size", piece: code(wasm.OpMemorySize, 0, drop), other: code(get, 0, drop), least: 2400},
		{name: "select", piece: code(get, 0, get, 0, get, 0, wasm.OpSelect, drop), other: code(get, 0, get, 0, get, 0, drop, drop, drop), least: 620},
		{name: "i32.load of an address that is checked", before: code(get, 0, wasm.OpI32Load, 2, 0, drop), piece: code(get, 0, wasm.OpI32Load, 2, 0, drop), other: code(get, 0, drop), least: 820},
		{name: "i32.load", before: code(get, 0), piece: code(wasm.OpI32Load, 2, 0), after: code(drop), least: 4700},
		{name: "i64.store", piece: code(wasm.OpI32Const, 0, get, 1, wasm.OpI64Store, 3, 0), other: code(wasm.OpI32Const, 0, get, 1, drop, drop), least: 4550},
		{name: "global.set", piece: code(get, 0, wasm.OpGlobalSet, 0), other: code(get, 0, drop), least: 420},
		{name: "call", piece: code(get, 0, get, 1, get, 2, get, 3, wasm.OpCall, 0), other: code(get, 0, drop), least: 4150},
		{name: "call_indirect", piece: code(get, 0, get, 1, get, 2, get, 3, get, 0, wasm.OpCallIndirect, 0, 0), other: code(get, 0, drop), least: 19_000},
		{name: "table.get", piece: code(get, 0, wasm.OpTableGet, 0, drop), other: code(get, 0, drop), least: 6200},
		{name: "ref.func", piece: code(wasm.OpRefFunc, 0, drop), other: code(get, 0, drop), least: 6100},
		{name: "memory.grow", piece: code(get, 0, wasm.OpMemoryGrow, 0, drop), other: code(get, 0, drop), least: 53_000},
		{name: "memory.copy", piece: code(get, 0, get, 0, get, 0, wasm.OpMemoryCopy, 0, 0), other: code(get, 0, drop), least: 53_000},
		{name: "memory.fill", piece: code(get, 0, get, 0, get, 0, wasm.OpMemoryFill, 0), other: code(get, 0, drop), least: 94_000},
		{name: "ten targets", piece: table(10), other: table(0), least: 69_000},
		{name: "block", piece: block, least: 780},
		{name: "if", piece: code(get, 0, wasm.OpIf, empty, wasm.OpEnd), other: code(get, 0, drop), least: 10_500},
		{name: "br_if", before: code(wasm.OpBlock, empty), piece: code(get, 0, wasm.OpBrIf, 0), other: code(get, 0, drop), after: code(wasm.OpEnd), least: 7100},
		{name: "loop", piece: code(wasm.OpLoop, empty, wasm.OpEnd), other: block, least: 18_000},
	} {
		got := priceOf(t, test.before, test.piece, test.after) - priceOf(t, test.before, test.other, test.after)
		if got < test.least {
			t.Errorf("%s costs %d units, want at least %d", test.name, got, test.least)
		}
	}
}
