package wasm

import "math"

// A scan is what the rewriter has to know of a function before it writes it. It is used again for the next function.
type scan struct {
	code   []Instr
	locals uint32   // parameters included
	costs  []uint32 // fuel of the function without its loops, then of each loop without the loops in it
	many   uint64   // values that calls and blocks give beyond the first of each
	merged uint64   // values that locals have where the ways through blocks meet
	calls  bool     // it calls other functions: it is no leaf
	bulk   bool     // some instruction takes as long as a number on the stack says

	canonical      []bool // by instruction: its result is made canonical
	hasF32, hasF64 bool   // some result of this type is made canonical

	i32, f32, f64 uint32 // locals of the added code

	blocks   []block
	operands []int // what lies on the stack as far as known: the instruction whose NaN it may be; -1: its bits are certain
}

// A block is one that is open.
type block struct {
	op     Op
	region int    // of what follows its end: index into costs
	sets   uint64 // how often locals are set in it; what is in it counts at most once for each local
	back   uint64 // of a loop: how many branches go to its head
	takes  uint64 // of a loop: its parameters
}

// read decodes the i-th function of the code section, and refuses what would mean something else after rewriting:
// indices and labels that do not exist now but might then, and code after the last end.
func (s *scan) read(w *rewriter, i int) {
	m, body := w.m, w.m.Code[i]
	*s = scan{
		code: s.code[:0], costs: append(s.costs[:0], 1), canonical: s.canonical[:0], blocks: s.blocks[:0],
		operands: s.operands[:0],
	}
	locals := uint64(len(m.Types[m.Functions[i]].Params)) + body.LocalCount
	if locals > math.MaxUint32-3 {
		w.refuseCode(i, body.Start, "it has too many locals")
		return
	}
	s.locals = uint32(locals)
	region := 0
	s.blocks = append(s.blocks, block{op: OpBlock})
	d := m.Decode(body.Code)
	for len(s.blocks) > 0 {
		in, err := d.Next()
		if err != nil {
			w.refuseCode(i, in.Start, "%s", err.(*Refusal).What)
			return
		}
		if what := s.check(m, in, d.Targets); what != "" {
			w.refuseCode(i, in.Start, "%s: %s", in.Op, what)
			return
		}
		region = s.step(in, region)
		s.turn(m, in, d.Targets)
		s.many += beyondOne(m, in)
		s.code = append(s.code, in)
		s.canonical = append(s.canonical, false)
		if w.NaN {
			s.follow(in)
		}
	}
	if !d.Done() {
		w.refuseCode(i, s.code[len(s.code)-1].End, "there is code after the function's end")
	}
}

// beyondOne returns how many values an instruction gives beyond one, which is what all others give at most: the results of a call,
// and what a block, loop or if takes and leaves.
func beyondOne(m *Module, in Instr) uint64 {
	values := 0
	switch in.Op {
	case OpCall:
		values = len(m.FunctionType(in.Index).Results)
	case OpCallIndirect:
		values = len(m.Types[in.Index].Results)
	case OpBlock, OpLoop, OpIf:
		if in.Block >= 0 {
			t := m.Types[in.Block]
			values = len(t.Params) + len(t.Results)
		}
	}
	return uint64(max(values-1, 0))
}

// step counts an instruction and returns the region of the next one.
func (s *scan) step(in Instr, region int) int {
	switch in.Op {
	case OpEnd:
		return s.shut() // it does nothing
	case OpElse:
		return region // nor does this
	case OpBlock, OpIf:
		s.blocks = append(s.blocks, block{op: in.Op, region: region})
	case OpLoop:
		s.blocks = append(s.blocks, block{op: in.Op, region: region})
		s.costs = append(s.costs, 0)
		region = len(s.costs) - 1
	case OpLocalSet, OpLocalTee:
		s.blocks[len(s.blocks)-1].sets++
	case OpCall, OpCallIndirect:
		s.calls = true
	case OpMemoryGrow, OpMemoryFill, OpMemoryCopy, OpMemoryInit, OpTableInit, OpTableCopy, OpTableGrow, OpTableFill:
		s.bulk = true
	}
	s.costs[region]++
	return region
}

// turn counts branches to the heads of loops, and what they take beside locals.
func (s *scan) turn(m *Module, in Instr, targets []uint32) {
	aim := func(label uint32) {
		if b := &s.blocks[len(s.blocks)-1-int(label)]; b.op == OpLoop {
			b.back++
		}
	}
	switch in.Op {
	case OpLoop:
		if in.Block >= 0 {
			s.blocks[len(s.blocks)-1].takes = uint64(len(m.Types[in.Block].Params))
		}
	case OpBrTable:
		for _, label := range targets {
			aim(label)
		}
		fallthrough
	case OpBr, OpBrIf:
		aim(in.Index)
	}
}

// shut ends the innermost block and returns the region of what follows. A local that is set in a block may have one value
// on one way through it and another on the next, so a compiler makes a third where they meet, which may need a slot. A branch to the
// head of a loop gives it a value of each of them, by way of one more if some are as they were, and each of these has a slot: they count twice.
func (s *scan) shut() int {
	last := s.blocks[len(s.blocks)-1]
	s.blocks = s.blocks[:len(s.blocks)-1]
	if n := len(s.blocks); n > 0 {
		sets := min(last.sets, uint64(s.locals))
		s.merged += sets + 2*last.back*(sets+last.takes)
		s.blocks[n-1].sets += sets
	}
	return last.region
}

// check says what is wrong with the indices of an instruction, or "".
func (s *scan) check(m *Module, in Instr, targets []uint32) string {
	none := func(index uint32, count int) string {
		if uint64(index) < uint64(count) {
			return ""
		}
		return "there is no such index"
	}
	switch in.Op {
	case OpLocalGet, OpLocalSet, OpLocalTee:
		return none(in.Index, int(s.locals))
	case OpGlobalGet, OpGlobalSet:
		return none(in.Index, len(m.globals))
	case OpCall, OpRefFunc:
		return none(in.Index, len(m.functions))
	case OpCallIndirect:
		return none(in.Index, len(m.Types))
	case OpBlock, OpLoop, OpIf:
		if in.Block >= 0 {
			return none(uint32(in.Block), len(m.Types))
		}
	case OpBr, OpBrIf:
		return none(in.Index, len(s.blocks))
	case OpBrTable:
		for _, label := range targets {
			if what := none(label, len(s.blocks)); what != "" {
				return what
			}
		}
		return none(in.Index, len(s.blocks))
	case OpElse:
		if last := &s.blocks[len(s.blocks)-1]; last.op != OpIf {
			return "there is no if before it"
		} else {
			last.op = OpElse
		}
	}
	return ""
}
