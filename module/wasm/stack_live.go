package wasm

import "slices"

// back goes through the text from its end to its start and finds out which locals are alive where. The first time, for functions with
// loops, it learns what is alive at their heads; the second time it counts.
func (f *framer) back(count bool) {
	f.live, f.over, f.ends = f.none(), f.none(), f.ends[:0]
	clear(f.kept)
	clear(f.hot)
	f.out, f.keptOut, f.floor = f.none(), make(locals, len(f.kept)), 0
	f.moved()
	code := f.s.code
	for k := len(code) - 1; k >= 0; k-- {
		in, i := &code[k], &f.infos[k]
		switch in.Op {
		case OpEnd:
			f.end(k, count)
			f.moved()
			continue
		case OpBlock, OpLoop, OpIf, OpElse:
			if f.open(in.Op, i, count); count && in.Op != OpBlock && !i.dead {
				f.part(k)
			}
			f.moved()
			continue
		}
		if i.dead {
			continue
		}
		f.local(in, count)
		f.branch(in, count)
		if callLike(in.Op) {
			f.alive.join(f.over, f.live)
		}
		if !count {
			continue
		}
		f.keep(in, i)
		f.slots += int64(f.driven(k))
		switch in.Op {
		case OpBr, OpBrIf, OpBrTable, OpReturn, OpUnreachable:
			f.part(k)
		default:
			f.press(k)
		}
	}
}

// callLike reports whether values that are alive over an instruction lose their registers.
func callLike(op Op) bool {
	switch op {
	case OpCall, OpCallIndirect, OpMemoryGrow, OpMemoryFill, OpMemoryCopy, OpMemoryInit,
		OpTableInit, OpTableCopy, OpTableGrow, OpTableFill, OpTableGet, OpTableSet, OpRefFunc:
		return true
	}
	return false
}

// driven returns how many values an instruction drives out of their registers because it wants just these, as a division and a shift by what
// is not constant do on amd64, or how many it makes itself that are alive over a call: to fill memory is a loop.
func (f *framer) driven(k int) int {
	switch op := f.s.code[k].Op; {
	case op >= OpI32DivS && op <= OpI32RemU, op >= OpI64DivS && op <= OpI64RemU:
		return 2
	case op >= OpI32Shl && op <= OpI32Rotr, op >= OpI64Shl && op <= OpI64Rotr:
		if before := f.s.code[k-1].Op; before == OpI32Const || before == OpI64Const {
			return 0
		}
		return 2
	case op == OpMemoryFill:
		return 5
	case op == OpMemoryCopy || op == OpMemoryInit:
		return 2
	case op == OpMemoryGrow:
		return 1
	}
	return 0
}

// press notes whether more is alive at an instruction than registers hold. Then those values get slots that are alive for long: the
// compiler puts away first what is used in another stretch of straight code, and what is used last in this one.
func (f *framer) press(k int) {
	i := &f.infos[k]
	f.floor = min(f.floor, i.bottom)
	height := max(i.bottom, i.after)
	f.alive.count(f.live, f.out)
	f.held.count(f.kept, f.keptOut)
	alive := f.alive.n + f.held.n + int(height)
	f.peak = max(f.peak, alive)
	if alive <= registers {
		return
	}
	here := alive - int(f.floor) - f.alive.out - f.held.out
	i.slots = f.floor
	if here > registers {
		i.slots = max(i.slots, i.after-near)
	}
	switch {
	case k%near != 0:
	case here > registers:
		f.alive.join(f.over, f.live)
		f.held.join(f.hot, f.kept)
	default:
		f.alive.joinSome(f.over, f.live, f.out)
		f.held.joinSome(f.hot, f.kept, f.keptOut)
	}
}

// part begins a stretch of straight code, from behind.
func (f *framer) part(k int) {
	i := &f.infos[k]
	f.floor = max(i.bottom, i.after)
	f.moved()
	copy(f.out, f.live)
	copy(f.keptOut, f.kept)
	alive := f.live.count() + f.kept.count() + int(f.floor)
	if f.peak = max(f.peak, alive); alive > registers {
		f.over.join(f.live)
		f.hot.join(f.kept)
		i.slots = i.after
	}
}

// local follows what instructions do with locals.
func (f *framer) local(in *Instr, count bool) {
	switch in.Op {
	case OpLocalGet:
		f.use(in.Index)
	case OpLocalSet, OpLocalTee:
		if count && f.over.has(in.Index) {
			f.slots++
		}
		f.unuse(in.Index)
	}
}

// branch follows instructions that go elsewhere.
func (f *framer) branch(in *Instr, count bool) {
	switch in.Op {
	case OpBr, OpBrTable, OpReturn, OpUnreachable:
		clear(f.live)
		clear(f.over)
	case OpBrIf:
	default:
		return
	}
	f.moved()
	for label := range f.labels(in) {
		at := &f.ends[len(f.ends)-1-int(label)]
		f.live.join(at.live)
		f.over.join(at.over)
		if s := &f.spans[at.span]; s.op == OpLoop && count { // all that the head takes goes by way of other values, if some are as they were
			given := f.sets[at.span].both(at.live) + len(s.give.Params)
			f.slots += int64(max(given-inRegisters, (given+1)/2))
		}
	}
}

// end comes into a block from behind. Where ways meet, each local that was set on one of them has a value of its own.
func (f *framer) end(k int, count bool) {
	n := f.infos[k].span
	s := &f.spans[n]
	meet := s.op == OpIf || s.op == OpElse || s.aimed && s.op == OpBlock
	if n == 0 {
		clear(f.live)
		clear(f.over)
	}
	if meet && n > 0 {
		set := f.sets[n]
		if s.op == OpBlock {
			set = f.late[n]
		}
		f.meet(set, int(f.infos[k].after), count)
	}
	at := state{span: n, live: f.copy(f.live), over: f.copy(f.over)}
	if s.op == OpLoop { // its label is its head
		at.live = f.copy(f.heads[n])
		at.over = f.copy(f.heads[n])
		at.over.without(f.sets[n])
	}
	if s.op == OpIf { // an if without else goes to its end
		at.elseLive, at.elseOver = f.copy(f.live), f.copy(f.over)
	}
	f.ends = append(f.ends, at)
	if f.infos[k].dead {
		clear(f.live)
		clear(f.over)
	} else if count {
		f.part(k)
	}
}

// meet makes the values of locals that are set on the ways that meet. What is set on none of them, or before they part, keeps its value.
// If registers do not hold all, each gets a slot; else those that are alive over a call, and some because their registers were taken.
func (f *framer) meet(set locals, height int, count bool) {
	if fresh := set.both(f.live); count && f.live.count()+height > registers {
		f.slots += int64(fresh)
	} else if count {
		f.slots += int64(max(set.both(f.over), fresh/2))
	}
	f.over.join(f.live)
	f.over.without(set)
	f.forget()
}

// open comes out of a block, or of its else, at its start.
func (f *framer) open(op Op, i *info, count bool) {
	at := &f.ends[len(f.ends)-1]
	switch op {
	case OpElse:
		at.elseLive, at.elseOver = f.copy(f.live), f.copy(f.over)
		at.elseKept, at.elseHot = slices.Clone(f.kept), slices.Clone(f.hot)
		clear(f.kept)
		clear(f.hot)
		f.live, f.over = f.copy(at.live), f.copy(at.over)
		if i.dead {
			clear(f.live)
			clear(f.over)
		}
		return
	case OpIf:
		f.live.join(at.elseLive)
		f.over.join(at.elseOver)
		f.kept.join(at.elseKept)
		f.hot.join(at.elseHot)
	case OpLoop:
		if f.heads[i.span].join(f.live); count {
			f.live.join(f.heads[i.span])
		}
		f.over.join(f.live) // the head looks at the fuel
		f.meet(f.sets[i.span], int(i.after), count)
	}
	f.ends = f.ends[:len(f.ends)-1]
	if i.dead {
		clear(f.live)
		clear(f.over)
	}
}

// operands counts those that are alive over calls, or that lie deep where more is alive than registers hold.
func (f *framer) operands() {
	low := int32(0) // so many have been counted and lie there still
	keep := func(height int32) {
		if height > low {
			f.slots += int64(height - low)
			low = height
		}
	}
	for k := range f.s.code {
		in, i := &f.s.code[k], &f.infos[k]
		low, f.tall = min(low, i.bottom), max(f.tall, int(i.after))
		if i.dead {
			continue
		}
		switch {
		case callLike(in.Op):
			keep(i.bottom)
		case in.Op == OpLoop:
			keep(i.after)
		}
		keep(i.slots)
	}
}
