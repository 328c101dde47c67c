package wasm

import (
	"encoding/binary"
	"strings"
)

// The bits of a NaN that arithmetic yields differ between processors, and can be seen: by storing or reinterpreting
// it, or by the sign that a program prints. So each such NaN is made the canonical one before anything can see it.
// Arithmetic whose result makes its own NaN canonical, comparisons, conversions to integers and drop do not see it.

// The canonical NaNs.
const (
	canonicalF32 = 0x7fc00000
	canonicalF64 = 0x7ff8000000000000
)

// yieldsNaN reports whether an instruction can yield a NaN whose bits are open.
func yieldsNaN(op Op) bool {
	switch {
	case op >= OpF32Ceil && op <= OpF32Max, op >= OpF64Ceil && op <= OpF64Max:
		return true
	}
	return op == OpF32DemoteF64 || op == OpF64PromoteF32
}

// ignoresNaN reports whether an instruction does the same for a NaN of any bits.
func ignoresNaN(op Op) bool {
	switch {
	case yieldsNaN(op), op >= OpF32Eq && op <= OpF64Ge, op >= OpI32TruncF32S && op <= OpI32TruncF64U,
		op >= OpI64TruncF32S && op <= OpI64TruncF64U, op >= OpI32TruncSatF32S && op <= OpI64TruncSatF64U:
		return true
	}
	return op == OpDrop
}

// follow looks at the operands of the last instruction. It marks those whose NaN it would see, where they came from,
// and keeps track of the stack; at what branches or calls it gives up and marks all that are on it.
func (s *scan) follow(in Instr) {
	pops, pushes := 0, 0
	types := opcodes[in.Op].types
	switch in.Op {
	case OpLocalGet, OpGlobalGet:
		pushes = 1
	case OpLocalSet, OpGlobalSet, OpDrop:
		pops = 1
	case OpLocalTee:
		pops, pushes = 1, 1
	case OpSelect, OpSelectT:
		pops, pushes = 3, 1
	case OpNop:
	default:
		if types == "" {
			pops = len(s.operands)
		} else {
			pops = strings.IndexByte(types, ':')
			pushes = len(types) - pops - 1
		}
	}
	left := max(len(s.operands)-pops, 0)
	if !ignoresNaN(in.Op) {
		for _, k := range s.operands[left:] {
			s.mark(k)
		}
	}
	s.operands = s.operands[:left]
	if pushes > 0 {
		k := -1
		if yieldsNaN(in.Op) {
			k = len(s.code) - 1
		}
		s.operands = append(s.operands, k)
	}
}

// mark notes that the result of an instruction is made canonical.
func (s *scan) mark(k int) {
	if k < 0 {
		return
	}
	s.canonical[k] = true
	if resultF32(s.code[k].Op) {
		s.hasF32 = true
	} else {
		s.hasF64 = true
	}
}

// resultF32 reports whether an instruction that yields a NaN yields an f32.
func resultF32(op Op) bool { return strings.HasSuffix(opcodes[op].types, ":f") }

// canonicalize appends what makes the result of op, on top of the stack, canonical: if it is not equal to itself, it
// is replaced.
func (w *rewriter) canonicalize(b []byte, op Op) []byte {
	local, eq := w.scan.f64, OpF64Eq
	if resultF32(op) {
		local, eq = w.scan.f32, OpF32Eq
	}
	b = appendIndexed(b, OpLocalTee, local)
	if resultF32(op) {
		b = binary.LittleEndian.AppendUint32(append(b, byte(OpF32Const)), canonicalF32)
	} else {
		b = binary.LittleEndian.AppendUint64(append(b, byte(OpF64Const)), canonicalF64)
	}
	b = appendIndexed(b, OpLocalGet, local)
	b = appendIndexed(b, OpLocalGet, local)
	return append(b, byte(eq), byte(OpSelect))
}
