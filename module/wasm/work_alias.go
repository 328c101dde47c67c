package wasm

// Some values are other names of others: what a local has where ways meet that do not set it, and what is shifted by a constant zero.
// The compiler goes from name to name, each time that a value is used, until it finds the first one.

// aliases counts the names that an instruction may have to be gone along.
func (v *validator) aliases() {
	w, op := &v.work, v.in.Op
	w.renamed += w.zeros
	switch {
	case op == OpLocalGet:
		w.renamed += w.chain - w.first // at most: where it was set may not lead here
	case op >= OpI32Shl && op <= OpI32ShrU && w.last.mayGiveZero(31), op >= OpI64Shl && op <= OpI64ShrU && w.last.mayGiveZero(63):
		w.zeros++
	}
	w.last = v.in
}

// mayGiveZero reports whether what lies on top after an instruction may be a constant that is zero under a mask.
func (in *Instr) mayGiveZero(mask uint64) bool {
	if in.Op == OpI32Const || in.Op == OpI64Const {
		return in.Value&mask == 0
	}
	types := opcodes[in.Op].types
	return types == "" || types[0] == ':' || types[len(types)-1] == ':'
}
