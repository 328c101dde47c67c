package wasm

// A walk is the state of going through the text.
type walk struct {
	*framer
	open   []int32 // spans
	height int32
	dead   bool
}

// walk goes through the text once: the height of the operands, the blocks, and what is set in each.
func (f *framer) walk(t FuncType) {
	code := f.s.code
	f.infos, f.spans = append(f.infos[:0], make([]info, len(code))...), f.spans[:0]
	f.sets, f.late, f.heads = f.sets[:0], f.late[:0], f.heads[:0]
	w := walk{framer: f}
	w.begin(OpBlock, FuncType{Results: t.Results})
	for k := range code {
		in, i := &code[k], &f.infos[k]
		i.dead, i.bottom, i.address = w.dead, w.height, -1
		switch in.Op {
		case OpBlock, OpLoop, OpIf, OpElse, OpEnd:
			w.block(in, i)
		default:
			w.step(in, i)
		}
		if i.after = w.height; w.dead {
			continue
		}
		f.origin(in, i)
		switch in.Op {
		case OpBr, OpBrTable, OpReturn, OpUnreachable:
			w.height, w.dead = f.spans[w.open[len(w.open)-1]].height, true
		}
	}
}

// begin opens a span.
func (w *walk) begin(op Op, give FuncType) int32 {
	f, n := w.framer, int32(len(w.spans))
	s := span{op: op, height: w.height, give: give, loop: -1, around: -1, dead: w.dead}
	if len(w.open) > 0 {
		s.around = f.spans[w.open[len(w.open)-1]].loop
		s.loop = s.around
	}
	var head locals
	if op == OpLoop {
		s.loop, head = n, f.none()
	}
	f.spans, f.sets, f.late, f.heads = append(f.spans, s), append(f.sets, f.none()), append(f.late, f.none()), append(f.heads, head)
	w.open = append(w.open, n)
	return n
}

// block opens, divides or ends a span.
func (w *walk) block(in *Instr, i *info) {
	top := w.open[len(w.open)-1]
	s := &w.spans[top]
	switch in.Op {
	case OpElse:
		i.span, i.bottom = top, s.height
		w.height, w.dead = s.height+int32(len(s.give.Params)), s.dead
		s.op = OpElse
	case OpEnd:
		i.span, i.bottom = top, s.height
		w.height, w.dead = s.height+int32(len(s.give.Results)), s.dead
		if w.open = w.open[:len(w.open)-1]; len(w.open) > 0 {
			around := w.open[len(w.open)-1]
			w.sets[around].join(w.sets[top])
			if w.spans[around].aimed {
				w.late[around].join(w.sets[top])
			}
		}
	default:
		if in.Op == OpIf {
			w.height--
		}
		give := w.blockType(in.Block)
		i.bottom = w.height
		w.height -= int32(len(give.Params))
		if in.Op == OpLoop { // makes its parameters anew
			i.bottom = w.height
		}
		i.span = w.begin(in.Op, give)
		w.height += int32(len(give.Params))
	}
}

// step follows any other instruction.
func (w *walk) step(in *Instr, i *info) {
	top := w.open[len(w.open)-1]
	s := &w.spans[top]
	if pops, pushes := w.moves(in); !w.dead {
		i.bottom = max(w.height-pops, s.height)
		w.height = i.bottom + pushes
	}
	if in.Op == OpLocalSet || in.Op == OpLocalTee {
		if w.sets[top].add(in.Index); s.aimed {
			w.late[top].add(in.Index)
		}
	}
	for label := range w.labels(in) {
		w.spans[w.open[len(w.open)-1-int(label)]].aimed = true
	}
}

// origin notes where the address of an access of memory comes from, and where what an instruction gives comes from.
func (f *framer) origin(in *Instr, i *info) {
	for len(f.from) <= int(i.after) {
		f.from = append(f.from, -1)
	}
	if opcodes[in.Op].imm == immMemory {
		i.address = f.from[i.bottom]
	}
	for h := i.bottom; h < i.after; h++ {
		f.from[h] = -1
	}
	switch in.Op {
	case OpLocalGet, OpLocalTee:
		f.from[i.bottom] = int32(in.Index)
	case OpGlobalGet:
		f.from[i.bottom] = int32(f.s.locals + in.Index)
	}
}

// blockType returns what a block takes and gives.
func (f *framer) blockType(t BlockType) FuncType {
	if t == EmptyBlock {
		return FuncType{}
	}
	if value, short := t.Value(); short {
		return FuncType{Results: alone[value]}
	}
	return f.m.Types[t]
}

// labels yields those that an instruction may branch to.
func (f *framer) labels(in *Instr) func(yield func(uint32) bool) {
	return func(yield func(uint32) bool) {
		switch in.Op {
		case OpBr, OpBrIf:
			yield(in.Index)
		case OpBrTable:
			d := f.m.Decode(Range{Start: in.Start, End: in.End})
			if _, err := d.Next(); err != nil {
				return
			}
			for _, label := range d.Targets {
				if !yield(label) {
					return
				}
			}
			yield(in.Index)
		}
	}
}

// callee returns the type of what a call calls.
func (f *framer) callee(in *Instr) FuncType {
	if in.Op == OpCall {
		return f.m.FunctionType(in.Index)
	}
	return f.m.Types[in.Index]
}

// moves returns how many operands an instruction takes and gives.
func (f *framer) moves(in *Instr) (pops, pushes int32) {
	types := opcodes[in.Op].types
	switch in.Op {
	case OpCall, OpCallIndirect:
		t := f.callee(in)
		if pops = int32(len(t.Params)); in.Op == OpCallIndirect {
			pops++
		}
		return pops, int32(len(t.Results))
	case OpDrop, OpLocalSet, OpGlobalSet, OpBrIf, OpBrTable:
		return 1, 0
	case OpSelect, OpSelectT:
		return 3, 1
	case OpLocalGet, OpGlobalGet, OpRefNull, OpRefFunc, OpTableSize:
		return 0, 1
	case OpLocalTee, OpRefIsNull, OpTableGet:
		return 1, 1
	case OpTableSet:
		return 2, 0
	case OpTableGrow:
		return 2, 1
	case OpTableFill:
		return 3, 0
	}
	side := &pops
	for _, c := range types {
		if c == ':' {
			side = &pushes
		} else {
			*side++
		}
	}
	return pops, pushes
}
