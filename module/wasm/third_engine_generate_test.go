package wasm_test

import (
	"math/rand/v2"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// A generator writes valid code of a function (i32, f64) -> i32 with an i32 local, a memory and globals of both types.
type generator struct {
	*rand.Rand
	left int // how many instructions may still be begun
}

func (g *generator) body() []byte {
	var b []byte
	for range 1 + g.IntN(5) {
		b = g.statement(b)
	}
	return g.number(b)
}

// one returns whether there is room for another instruction with operands.
func (g *generator) one() bool {
	g.left--
	return g.left > 0
}

// address appends an address that is mostly inside of the memory.
func (g *generator) address(b []byte) []byte {
	if b = g.number(b); g.IntN(12) > 0 {
		b = code(b, wasm.OpI32Const, 0x7fff, wasm.OpI32And)
	}
	return b
}

func (g *generator) statement(b []byte) []byte {
	switch g.IntN(7) {
	case 0:
		return code(g.number(g.address(b)), wasm.OpI32Store, 0, 0)
	case 1:
		return code(g.real(g.address(b)), wasm.OpF64Store, 0, 0)
	case 2:
		return code(g.number(b), wasm.OpGlobalSet, 0)
	case 3:
		return code(g.real(b), wasm.OpGlobalSet, 1)
	case 4:
		return code(g.address(g.number(g.address(b))), wasm.OpMemoryFill, 0)
	case 5:
		return code(g.address(g.address(g.address(b))), wasm.OpMemoryCopy, 0, 0)
	}
	if !g.one() {
		return b
	}
	b = code(b, wasm.OpI32Const, g.IntN(60), wasm.OpLocalSet, 2, wasm.OpLoop, empty)
	b = g.statement(b)
	return code(b, wasm.OpLocalGet, 2, wasm.OpI32Const, 1, wasm.OpI32Sub, wasm.OpLocalTee, 2,
		wasm.OpI32Const, 0, byte(0x4a), wasm.OpBrIf, 0, wasm.OpEnd) // i32.gt_s
}

// number appends what leaves an i32.
func (g *generator) number(b []byte) []byte {
	if !g.one() {
		return code(b, wasm.OpLocalGet, 0)
	}
	switch g.IntN(12) {
	case 0:
		return code(b, wasm.OpI32Const, int(int32(g.Uint32())))
	case 1:
		return code(b, wasm.OpGlobalGet, 0)
	case 2:
		return code(b, wasm.OpLocalGet, 2)
	case 3:
		return code(g.address(b), wasm.OpI32Load, 0, 0)
	case 4:
		return code(g.real(b), byte(0xfc), byte(2+g.IntN(2))) // i32.trunc_sat_f64_s and _u
	case 5:
		return code(g.real(g.real(b)), byte(0x61+g.IntN(6))) // compares
	case 6:
		return code(g.number(b), wasm.OpMemoryGrow, 0)
	case 7:
		return code(g.real(g.number(b)), wasm.OpCall, 0)
	case 8:
		b = code(g.number(b), wasm.OpIf, wasm.I32)
		b = code(g.number(b), wasm.OpElse)
		return code(g.number(b), wasm.OpEnd)
	}
	return code(g.number(g.number(b)), byte(0x6a+g.IntN(15))) // i32.add to i32.rotr
}

// real appends what leaves an f64.
func (g *generator) real(b []byte) []byte {
	if !g.one() {
		return code(b, wasm.OpLocalGet, 1)
	}
	switch g.IntN(6) {
	case 0:
		return code(b, wasm.OpF64Const, g.NormFloat64()*1e10)
	case 1:
		return code(g.number(b), byte(0xb7)) // f64.convert_i32_s
	case 2:
		return code(g.address(b), wasm.OpF64Load, 0, 0)
	case 3:
		return code(g.real(b), byte(0x99+g.IntN(7))) // f64.abs to f64.sqrt
	}
	return code(g.real(g.real(b)), byte(0xa0+g.IntN(7))) // f64.add to f64.copysign
}
