package wasm

import "fmt"

// String returns the name of the text format.
func (op Op) String() string {
	if int(op) < len(opcodes) && opcodes[op].name != "" {
		return opcodes[op].name
	}
	return fmt.Sprintf("instruction 0x%02x", uint16(op))
}

// An Instr is one instruction.
type Instr struct {
	Op         Op
	Start, End uint32 // offsets in the file
	// Index is the label of br and br_if; the index of a local, global, function, table, data or element segment; the
	// type of call_indirect; log2 of the alignment of a load or store; the default label of br_table; the type's byte of
	// ref.null and of select with a type.
	Index uint32
	// Second is the table of call_indirect and table.init, the source table of table.copy, the offset of a load or store.
	Second uint32
	Block  BlockType // of block, loop and if
	Value  uint64    // of a constant: the bits; an i32 is not sign-extended
}

// A BlockType is the type of a block: [EmptyBlock], a value type as [ValueType] minus 0x80, or the index of a type.
type BlockType int64

// EmptyBlock is the type of a block that takes and leaves nothing.
const EmptyBlock BlockType = 0x40 - 0x80

// Value returns the type of the only result, if the block has the short form of one.
func (t BlockType) Value() (ValueType, bool) { return ValueType(t + 0x80), t < 0 && t != EmptyBlock }

// A Decoder goes through instructions. It allocates only for the labels of br_table.
type Decoder struct {
	// Targets are the labels of the br_table that was read last, without the default. They are good until the next one.
	Targets []uint32
	r       reader
}

// Decode returns a decoder of the code in a range, such as [Body.Code].
func (m *Module) Decode(code Range) *Decoder {
	return &Decoder{r: reader{b: m.Bytes, off: code.Start, end: code.End, section: SectionCode}}
}

// Done reports whether nothing is left.
func (d *Decoder) Done() bool { return d.r.off >= d.r.end }

// Next reads an instruction, with all that the binary format demands of it and nothing else: indices and labels may be
// out of range. Errors are [*Refusal].
func (d *Decoder) Next() (Instr, error) {
	r := &d.r
	in := Instr{Start: r.off}
	in.Op = Op(r.byte())
	if in.Op == 0xfc {
		n := r.u32()
		in.Op = 0x100 + Op(min(n, 0xff))
	}
	if r.err == nil && (int(in.Op) >= len(opcodes) || opcodes[in.Op].name == "") {
		r.off = in.Start
		r.unknown(in.Op)
	}
	if r.err != nil {
		return in, r.err
	}
	switch opcodes[in.Op].imm {
	case immIndex:
		in.Index = r.u32()
	case immMemory:
		in.Index = r.alignment(opcodes[in.Op])
		in.Second = r.u32()
	case immI32:
		in.Value = r.s32()
	case immBlock:
		in.Block = r.blockType()
	case immNone:
	default:
		d.rare(&in)
	}
	if r.err != nil {
		return in, r.err
	}
	in.End = r.off
	return in, nil
}

// rare reads the immediates that few instructions have.
func (d *Decoder) rare(in *Instr) {
	r := &d.r
	switch opcodes[in.Op].imm {
	case immTwo:
		in.Index, in.Second = r.u32(), r.u32()
	case immTargets:
		n := r.count(1)
		d.Targets = d.Targets[:0]
		for range n {
			d.Targets = append(d.Targets, r.u32())
		}
		in.Index = r.u32()
	case immTypes:
		if n := r.u32(); n != 1 && r.err == nil {
			r.fail("select names one type")
		}
		in.Index = uint32(r.valueType())
	case immZero:
		r.zero()
	case immZeros:
		r.zero()
		r.zero()
	case immData:
		in.Index = r.u32()
		r.zero()
	case immI64:
		in.Value = r.s64()
	case immF32:
		in.Value = r.f32()
	case immF64:
		in.Value = r.f64()
	case immRef:
		in.Index = uint32(r.refType())
	}
}

// alignment reads how a load or store is aligned.
func (r *reader) alignment(op opcode) uint32 {
	at := r.off
	align := r.u32()
	if r.err == nil && align > uint32(op.align) {
		r.off = at
		if align >= 64 && align < 128 {
			r.fail("it names one of several memories, and Dodona runs modules with one")
			r.err.Do = doOneMemory
			return 0
		}
		r.fail(op.name + " is aligned to more than its size")
	}
	return align
}

// zero reads the byte that stands for the only memory.
func (r *reader) zero() {
	if r.byte() != 0 && r.err == nil {
		r.off--
		r.fail("a zero byte is needed here: there is one memory")
	}
}

// blockType reads an integer of 33 bits.
func (r *reader) blockType() BlockType {
	at := r.off
	t := BlockType(r.leb(33, true))
	if r.err != nil || t >= 0 || t == EmptyBlock {
		return t
	}
	// A short form is one byte; the same number in more bytes is not one.
	v, _ := t.Value()
	switch {
	case r.off-at != 1 || t < EmptyBlock:
		r.off = at
		r.fail("there is no block type with this number")
	case v != I32 && v != I64 && v != F32 && v != F64 && v != FuncRef && v != ExternRef:
		r.badType(byte(v))
	}
	return t
}

// unknown refuses an opcode and says which extension has it.
func (r *reader) unknown(op Op) {
	what, do := "there is no instruction with this number: "+op.String(), doBinary
	switch {
	case op == 0xfd:
		what, do = "it uses SIMD, which Dodona does not run: its results differ between processors", doSIMD
	case op == 0xfe:
		what, do = "it uses threads, which Dodona does not run: their results depend on time", doThreads
	case op == 0x12 || op == 0x13:
		what, do = "it uses tail calls, which Dodona does not run", "build without tail calls (clang and rustc: -mno-tail-call, -C target-feature=-tail-call)"
	case op >= 0x06 && op <= 0x0a || op == 0x18 || op == 0x19 || op == 0x1f:
		what, do = "it uses exceptions, which Dodona does not run", doExceptions
	case op == 0x14 || op == 0x15 || op >= 0xd3 && op <= 0xd6 || op == 0xfb:
		what, do = "it uses typed references or garbage collection, which Dodona does not run", "build for WebAssembly 2.0"
	}
	r.fail(what)
	r.err.Do = do
}
