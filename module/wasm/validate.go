package wasm

import "fmt"

// A validator proves that a module obeys the type system, by the algorithm of the specification's appendix. It keeps
// its memory from function to function.
type validator struct {
	m         *Module
	bounded   bool   // hold the code to Dodona's limits too
	declared  []bool // functions that ref.func may name
	targets   int    // of all br_tables, so far
	allLocals uint64 // of all functions, so far

	function int // index among the defined functions
	d        Decoder
	in       Instr
	locals   []ValueType // with parameters
	operands []ValueType
	frames   []frame
	err      *Refusal

	branches, loops, bodyTargets int // of the function, so far

	work   work   // of compiling the function, so far
	base   uint64 // units before the first function
	spent  uint64 // units, with those of all functions before
	most   uint64 // of one of them
	mostIn int64  // the index of that one

	kept     room    // by the compiler, of all functions before
	roomiest largest // of them
	native   uint64  // bytes of native code, of all functions before
	longest  largest // of them

	interpreted uint64  // bytes that an interpreter keeps, of all functions before
	widest      largest // of them
}

// unknown is the type of an operand that code never reached would leave.
const unknown ValueType = 0

// A frame is a block that is open.
type frame struct {
	op          Op // OpBlock, OpLoop, OpIf, OpElse; OpBlock for the body
	start, end  []ValueType
	height      int  // of the operand stack at its start
	unreachable bool // the rest of it
	loops       int  // that are open, itself included
	course
}

// label returns what a branch to the frame takes.
func (f *frame) label() []ValueType {
	if f.op == OpLoop {
		return f.start
	}
	return f.end
}

// code validates all function bodies.
func (v *validator) code() error {
	for i := range v.m.Code {
		v.function = i
		if v.body(&v.m.Code[i]); v.err != nil {
			return v.err.in(v.m.Bytes)
		}
	}
	return nil
}

// body validates one function.
func (v *validator) body(b *Body) {
	t := v.m.Types[v.m.Functions[v.function]]
	v.in = Instr{Start: b.Start}
	if v.bounded {
		v.bodyLimits(b, t)
	}
	if v.err != nil {
		return
	}
	v.locals = append(v.locals[:0], t.Params...)
	for _, g := range b.Locals {
		for range g.Count {
			v.locals = append(v.locals, g.Type)
		}
	}
	v.operands, v.frames = v.operands[:0], v.frames[:0]
	targets := v.d.Targets
	v.d = *v.m.Decode(b.Code)
	v.d.Targets = targets
	v.open(OpBlock, nil, t.Results)
	v.work.begin(len(v.locals), len(t.Params), int(b.End-b.Range.Start))
	for len(v.frames) > 0 {
		in, err := v.d.Next()
		if err != nil {
			v.err = v.d.r.err
			v.err.Where.Function = v.index()
			return
		}
		v.in = in
		reached := v.reached()
		v.step()
		if v.err != nil {
			return
		}
		if v.bounded && reached && len(v.frames) > 0 {
			v.effort()
		}
		if v.bounded {
			v.operate()
			v.early()
		}
		if v.err != nil {
			return
		}
	}
	if !v.d.Done() {
		v.fail("there is code after the function's end")
	}
	if v.bounded {
		v.spend(v.work.total())
		v.hold()
		v.keep()
	}
}

// index returns the index of the function in question.
func (v *validator) index() int64 { return int64(v.m.Imported(KindFunction)) + int64(v.function) }

// fail keeps the first mistake.
func (v *validator) fail(format string, args ...any) {
	v.refuse(doValid, format, args...)
}

// refuse keeps the first mistake and what to do about it.
func (v *validator) refuse(do, format string, args ...any) {
	if v.err == nil {
		v.err = &Refusal{
			What:  fmt.Sprintf(format, args...),
			Where: Where{Section: SectionCode, Function: v.index(), Offset: int64(v.in.Start)},
			Do:    do,
		}
	}
}

// doValid is what to do about code that breaks the rules of the type system.
const doValid = "the compiler or a tool after it made an invalid module: build it again, and check it with wasm-validate"

func (v *validator) push(types ...ValueType) {
	v.operands = append(v.operands, types...)
	if v.bounded && len(v.operands) > maxOperands {
		v.refuse("split the expression", "more than %d operands are on the stack", maxOperands)
	}
}

// pop takes an operand of a type, or of any if want is unknown.
func (v *validator) pop(want ValueType) ValueType {
	if v.err != nil {
		return unknown
	}
	f := &v.frames[len(v.frames)-1]
	if len(v.operands) == f.height {
		if !f.unreachable {
			v.fail("%s needs an operand, and the stack is empty", v.in.Op)
		}
		return want
	}
	got := v.operands[len(v.operands)-1]
	v.operands = v.operands[:len(v.operands)-1]
	if got != want && got != unknown && want != unknown {
		v.fail("%s needs an operand of type %s, not %s", v.in.Op, want, got)
	}
	if got == unknown {
		return want
	}
	return got
}

// popAll takes operands of the types, the last one first.
func (v *validator) popAll(types []ValueType) {
	v.work.taken += uint64(len(types))
	if f := &v.frames[len(v.frames)-1]; f.unreachable && len(v.operands) == f.height {
		return // what is missing where nothing comes is of any type
	}
	for i := len(types) - 1; i >= 0; i-- {
		v.pop(types[i])
	}
}

// open begins a block.
func (v *validator) open(op Op, start, end []ValueType) {
	f := frame{op: op, start: start, end: end, height: len(v.operands)}
	if len(v.frames) > 0 {
		f.loops = v.frames[len(v.frames)-1].loops
		f.dead = !v.reached()
	}
	if op == OpLoop {
		f.loops++
	}
	v.frames = append(v.frames, f)
	if v.bounded {
		v.nestingLimits(op)
	}
	v.push(start...)
}

// shut ends the innermost block and returns it.
func (v *validator) shut() frame {
	f := v.frames[len(v.frames)-1]
	v.popAll(f.end)
	if v.err == nil && len(v.operands) != f.height {
		v.fail("%s leaves more operands than its type has results", f.op)
	}
	v.frames = v.frames[:len(v.frames)-1]
	v.merge(&f)
	return f
}

// never marks the rest of the block as not reached.
func (v *validator) never() {
	f := &v.frames[len(v.frames)-1]
	v.operands = v.operands[:f.height]
	f.unreachable = true
}

// target returns the operands that a branch to a label takes.
func (v *validator) target(label uint32) []ValueType {
	if int64(label) >= int64(len(v.frames)) {
		v.fail("%s goes %d blocks out, and there are %d", v.in.Op, label, len(v.frames))
		return nil
	}
	return v.frames[len(v.frames)-1-int(label)].label()
}

// blockType returns what a block takes and leaves.
func (v *validator) blockType() (start, end []ValueType) {
	t := v.in.Block
	if t == EmptyBlock {
		return nil, nil
	}
	if value, short := t.Value(); short {
		return nil, alone[value]
	}
	if t >= BlockType(len(v.m.Types)) {
		v.fail("there is no type %d", t)
		return nil, nil
	}
	return v.m.Types[t].Params, v.m.Types[t].Results
}

// alone has for every value type the list of it alone.
var alone = [...][]ValueType{
	I32: {I32}, I64: {I64}, F32: {F32}, F64: {F64}, FuncRef: {FuncRef}, ExternRef: {ExternRef},
}
