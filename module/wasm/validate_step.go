package wasm

// step validates the instruction v.in.
func (v *validator) step() {
	op := v.in.Op
	if v.bounded && forbidden[op] != "" {
		v.refuse(forbidden[op], "%s is not run", op)
		return
	}
	if t := opcodes[op].types; t != "" {
		v.apply(t)
		if imm := opcodes[op].imm; imm == immMemory || imm == immZero || imm == immZeros || imm == immData {
			v.needMemory()
		}
	}
	switch op {
	case OpBlock, OpLoop, OpIf, OpElse, OpEnd:
		v.block(op)
	case OpUnreachable:
		v.never()
	case OpBr, OpBrIf, OpBrTable, OpReturn:
		v.branch(op)
	case OpCall, OpCallIndirect:
		v.call(op)
	case OpDrop:
		v.pop(unknown)
	case OpSelect:
		v.pick()
	case OpSelectT:
		t := ValueType(v.in.Index)
		v.pop(I32)
		v.pop(t)
		v.pop(t)
		v.push(t)
	case OpLocalGet, OpLocalSet, OpLocalTee:
		v.local(op)
	case OpGlobalGet, OpGlobalSet:
		v.global(op)
	case OpRefNull:
		v.push(ValueType(v.in.Index))
	case OpRefIsNull:
		if t := v.pop(unknown); t != unknown && !t.reference() {
			v.fail("ref.is_null needs a reference, not %s", t)
		}
		v.push(I32)
	case OpRefFunc:
		if n := v.m.Count(KindFunction); v.in.Index >= n {
			v.fail("there is no function %d", v.in.Index)
		} else if !v.declared[v.in.Index] {
			v.fail("ref.func names function %d, which no element segment, export or global does", v.in.Index)
		}
		v.push(FuncRef)
	default:
		v.bulk(op)
	}
}

func (t ValueType) reference() bool { return t == FuncRef || t == ExternRef }

// letters are the types in [opcode.types].
var letters = [...]ValueType{'i': I32, 'I': I64, 'f': F32, 'F': F64}

// apply takes and leaves operands as a signature of [opcode] says.
func (v *validator) apply(types string) {
	colon := 0
	for types[colon] != ':' {
		colon++
	}
	for i := colon - 1; i >= 0; i-- {
		v.pop(letters[types[i]])
	}
	for _, c := range types[colon+1:] {
		v.push(letters[c])
	}
}

func (v *validator) needMemory() {
	if len(v.m.memories) == 0 {
		v.fail("%s needs a memory, and there is none", v.in.Op)
	}
}

// block validates the instructions that open and shut blocks.
func (v *validator) block(op Op) {
	switch op {
	case OpIf:
		v.pop(I32)
		fallthrough
	case OpBlock, OpLoop:
		start, end := v.blockType()
		v.popAll(start)
		v.open(op, start, end)
	case OpElse:
		f := v.shut()
		if f.op != OpIf {
			v.fail("else stands outside of an if")
		}
		v.open(OpElse, f.start, f.end)
		last := &v.frames[len(v.frames)-1]
		last.course = f.course
		last.stopped = false
	case OpEnd:
		f := v.shut()
		if f.op == OpIf && !(FuncType{Params: f.start, Results: f.end}).same() {
			v.fail("an if without else must leave what it takes")
		}
		v.push(f.end...)
	}
}

// same reports whether parameters and results are the same.
func (t FuncType) same() bool { return FuncType{Params: t.Params}.Equal(FuncType{Params: t.Results}) }

// branch validates the instructions that leave blocks.
func (v *validator) branch(op Op) {
	if v.bounded && (op == OpBr || op == OpBrIf) {
		v.branchLimits()
	}
	switch op {
	case OpBr:
		v.popAll(v.target(v.in.Index))
		v.never()
	case OpBrIf:
		v.pop(I32)
		types := v.target(v.in.Index)
		v.popAll(types)
		v.push(types...)
	case OpReturn:
		v.popAll(v.frames[0].end)
		v.never()
	case OpBrTable:
		v.table()
	}
}

// table validates br_table.
func (v *validator) table() {
	if v.bounded {
		v.targetLimits(len(v.d.Targets) + 1)
	}
	v.pop(I32)
	last := v.target(v.in.Index)
	for _, label := range v.d.Targets {
		types := v.target(label)
		if len(types) != len(last) {
			v.fail("the labels of br_table take different numbers of operands")
		}
		if v.err != nil {
			return
		}
		// What a label takes must lie there, and stays for the next one.
		at := len(v.operands)
		v.popAll(types)
		v.operands = v.operands[:at]
	}
	v.popAll(last)
	v.never()
}

// call validates calls.
func (v *validator) call(op Op) {
	if op == OpCall {
		if v.in.Index >= v.m.Count(KindFunction) {
			v.fail("there is no function %d", v.in.Index)
			return
		}
		t := v.m.FunctionType(v.in.Index)
		v.popAll(t.Params)
		v.push(t.Results...)
		return
	}
	if v.in.Index >= uint32(len(v.m.Types)) {
		v.fail("there is no type %d", v.in.Index)
		return
	}
	if v.tableType(v.in.Second) != FuncRef {
		v.fail("call_indirect needs a table of functions")
	}
	t := v.m.Types[v.in.Index]
	v.pop(I32)
	v.popAll(t.Params)
	v.push(t.Results...)
}

// pick validates select without a type, which is for numbers.
func (v *validator) pick() {
	v.pop(I32)
	a := v.pop(unknown)
	b := v.pop(unknown)
	switch {
	case a.reference() || b.reference():
		v.fail("select of references must name the type")
	case a != b && a != unknown && b != unknown:
		v.fail("select chooses between two types, %s and %s", b, a)
	}
	if a == unknown {
		a = b
	}
	v.push(a)
}

func (v *validator) local(op Op) {
	if int64(v.in.Index) >= int64(len(v.locals)) {
		v.fail("there is no local %d", v.in.Index)
		return
	}
	t := v.locals[v.in.Index]
	if op != OpLocalGet {
		v.pop(t)
	}
	if op != OpLocalSet {
		v.push(t)
	}
}

func (v *validator) global(op Op) {
	if int64(v.in.Index) >= int64(len(v.m.globals)) {
		v.fail("there is no global %d", v.in.Index)
		return
	}
	g := v.m.globals[v.in.Index]
	if op == OpGlobalGet {
		v.push(g.Type)
		return
	}
	if !g.Mutable {
		v.fail("global %d cannot be changed", v.in.Index)
	}
	v.pop(g.Type)
}

// tableType returns the type of a table's elements.
func (v *validator) tableType(i uint32) ValueType {
	if int64(i) >= int64(len(v.m.tables)) {
		v.fail("there is no table %d", i)
		return unknown
	}
	return v.m.tables[i].Type
}

// elementType returns the type of an element segment.
func (v *validator) elementType(i uint32) ValueType {
	if int64(i) >= int64(len(v.m.Elements)) {
		v.fail("there is no element segment %d", i)
		return unknown
	}
	return v.m.Elements[i].Type
}

// bulk validates the instructions on tables and segments.
func (v *validator) bulk(op Op) {
	switch op {
	case OpTableGet:
		t := v.tableType(v.in.Index)
		v.pop(I32)
		v.push(t)
	case OpTableSet:
		v.pop(v.tableType(v.in.Index))
		v.pop(I32)
	case OpTableGrow:
		v.pop(I32)
		v.pop(v.tableType(v.in.Index))
		v.push(I32)
	case OpTableSize:
		v.tableType(v.in.Index)
	case OpTableFill:
		v.pop(I32)
		v.pop(v.tableType(v.in.Index))
		v.pop(I32)
	case OpTableCopy:
		if v.tableType(v.in.Index) != v.tableType(v.in.Second) {
			v.fail("table.copy is between tables of different types")
		}
	case OpTableInit:
		if v.tableType(v.in.Second) != v.elementType(v.in.Index) {
			v.fail("table.init is between different types")
		}
	case OpElemDrop:
		v.elementType(v.in.Index)
	case OpMemoryInit, OpDataDrop:
		if !v.m.HasCount {
			v.fail("%s needs a data count section", op)
		} else if v.in.Index >= v.m.DataCount {
			v.fail("there is no data segment %d", v.in.Index)
		}
	}
}
