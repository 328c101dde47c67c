package wasm

// codeSection writes the section, which had size bytes.
func (w *rewriter) codeSection(size int) {
	b := appendU32(make([]byte, 0, size+size/4+64), uint32(len(w.m.Code)))
	var code []byte
	for i := range w.m.Code {
		if w.scan.read(w, i); w.err != nil {
			return
		}
		code = w.function(code[:0], i)
		b = appendSized(b, code)
	}
	w.out = appendSized(append(w.out, SectionCode), b)
}

// function appends the body of the i-th function of the code section, which scan has read.
func (w *rewriter) function(b []byte, i int) []byte {
	s := &w.scan
	counted := w.Depth && s.calls
	b = w.localSection(b, w.m.Code[i])
	if w.Fuel {
		b = w.chargeEntry(b)
	}
	var weight int64
	if counted {
		weight = w.weight(i)
		b = w.enter(b, weight, w.m.Types[w.m.Functions[i]].Results)
	}
	b = w.instructions(b, i, counted)
	if counted {
		b = w.leave(b, weight)
	}
	return append(b, byte(OpEnd))
}

// localSection appends the locals of a body, and those that the added code needs: an i32, an f32 and an f64, in this
// order, each if it is used.
func (w *rewriter) localSection(b []byte, body Body) []byte {
	s := &w.scan
	groups := body.Locals
	next := s.locals
	for _, extra := range []struct {
		used  bool
		t     ValueType
		index *uint32
	}{{s.bulk && w.Fuel, I32, &s.i32}, {s.hasF32, F32, &s.f32}, {s.hasF64, F64, &s.f64}} {
		if extra.used {
			groups = append(groups[:len(groups):len(groups)], LocalGroup{1, extra.t})
			*extra.index = next
			next++
		}
	}
	b = appendU32(b, uint32(len(groups)))
	for _, g := range groups {
		b = append(appendU32(b, g.Count), byte(g.Type))
	}
	return b
}

// instructions appends those of the i-th function without its last end. What does not change is copied in runs.
// If the body is in a block, because the depth is counted, labels of the function are labels of that block, so that
// branches stay as they are; a return becomes such a branch.
func (w *rewriter) instructions(b []byte, i int, counted bool) []byte {
	s := &w.scan
	code := w.m.Code[i].Code
	copied, nesting, loop := code.Start, uint32(0), 0
	for k := range s.code {
		in := &s.code[k]
		switch in.Op {
		case OpBlock, OpIf:
			nesting++
		case OpEnd:
			nesting-- // the last one is the last instruction
		case OpLoop:
			nesting++
			if loop++; w.Fuel {
				b = append(b, w.m.Bytes[copied:in.End]...)
				copied = in.End
				b = w.charge(b, s.costs[loop])
			}
		case OpReturn:
			if counted {
				b = append(b, w.m.Bytes[copied:in.Start]...)
				copied = in.End
				b = appendIndexed(b, OpBr, nesting)
			}
		case OpCall, OpRefFunc:
			if in.Index >= w.m.Imported(KindFunction) && w.functions > 0 {
				b = append(b, w.m.Bytes[copied:in.Start]...)
				copied = in.End
				b = appendIndexed(b, in.Op, in.Index+w.functions)
			}
		case OpMemoryGrow, OpMemoryFill, OpMemoryCopy, OpMemoryInit, OpTableInit, OpTableCopy, OpTableGrow, OpTableFill:
			if w.Fuel {
				b = append(b, w.m.Bytes[copied:in.Start]...)
				copied = in.Start
				b = w.chargeLength(b, in.Op)
			}
		default:
			if s.canonical[k] {
				b = append(b, w.m.Bytes[copied:in.End]...)
				copied = in.End
				b = w.canonicalize(b, in.Op)
			}
		}
	}
	return append(b, w.m.Bytes[copied:code.End-1]...)
}
