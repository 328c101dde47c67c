package wasm

// A meeting is the place behind a block, or at the head of a loop, where ways meet.
type meeting struct {
	ways       uint64
	parted     bool   // of an if: the ways have parted before the first of them
	jumped     bool   // a way goes on beside one of them: the compiler comes to the meeting before it comes to that
	setsBefore uint64 // how often locals were set before they parted
	walked     uint64 // blocks of the chains that lead there, far ones as several
	left       uint64 // how many of them end before an else
	deep       uint64 // the fewest blocks that dominate one of them
	deepAll    uint64 // the blocks that dominate each, together
	bounds     uint64 // the fewest addresses that are known to be good on one of them
	last       point  // of the last one
}

// A course is what the work of a block that is open depends on.
type course struct {
	dead    bool   // no way leads to it
	stopped bool   // no way leads to the rest of it
	head    point  // before it
	joint   int32  // of a loop's head
	loop    uint32 // the number of a loop in the function
	nested  int    // how deep loops are nested in it, and meetings that the compiler comes to too early
	after   int    // the same of what follows the first jump to its end
	meeting
}

// reached reports whether a way leads to the next instruction.
func (v *validator) reached() bool {
	f := &v.frames[len(v.frames)-1]
	return !f.dead && !f.stopped
}

// way counts that the point in question leads to a meeting.
func (w *work) way(m *meeting) {
	if m.ways++; m.ways == 1 {
		m.deep, m.bounds = w.deep, w.bounds
		if !m.parted {
			m.setsBefore = w.sets
		}
	}
	m.walked += far(w.at + 1)
	m.deep, m.bounds = min(m.deep, w.deep), min(m.bounds, w.bounds)
	m.last = w.point
	m.deepAll += w.deep
	w.climbed += far(w.deep)
}

// opened counts a block that has been opened.
func (v *validator) opened(op Op) {
	w, f := &v.work, &v.frames[len(v.frames)-1]
	f.head = w.point
	switch op {
	case OpBlock:
		w.spent += workPlain
		w.plain++
		w.note(event{kind: evOpen})
	case OpIf:
		w.blocks += 2
		f.parted, f.setsBefore = true, w.sets
		w.note(event{kind: evIf, joint: w.joint(joint{blocks: 2, operands: len(v.operands)})})
		w.step()
	case OpLoop:
		w.blocks++
		w.way(&f.meeting)
		f.loop = uint32(w.loops)
		w.loops++
		f.joint = w.joint(joint{blocks: 1, operands: len(v.operands), params: len(f.start)})
		w.note(event{kind: evLoop, index: f.loop, joint: f.joint})
		w.meet(w.deep, w.bounds)
		w.look(len(v.operands))
	}
}

// left counts an instruction that leads to other blocks, or nowhere.
func (v *validator) left(op Op) {
	w, f := &v.work, &v.frames[len(v.frames)-1]
	switch op {
	case OpBrIf:
		w.blocks += 2
		v.home(v.in.Index)
		w.note(event{kind: evBrIf, index: v.in.Index, joint: w.joint(joint{blocks: 2, operands: len(v.operands)})})
		m := v.meeting(v.in.Index)
		w.compared += m.ways // the compiler looks for the way among all that it has
		m.jumped = true
		w.way(m)
		w.step()
		return
	case OpBr:
		v.home(v.in.Index)
		w.note(event{kind: evBr, index: v.in.Index})
		w.way(v.meeting(v.in.Index))
	case OpReturn:
		label := uint32(len(v.frames) - 1)
		v.home(label)
		w.note(event{kind: evBr, index: label})
		w.way(v.meeting(label))
	case OpUnreachable:
		w.make(sizeStop, 1)
		w.note(event{kind: evStop})
	case OpBrTable:
		w.climbed += 3 * far(w.deep) * uint64(len(v.d.Targets)+1)
		w.blocks += uint64(len(v.d.Targets)) + 2
		w.spent += workTarget * uint64(len(v.d.Targets)+1)
		for _, label := range append(v.d.Targets, v.in.Index) {
			v.home(label)
			w.note(event{kind: evTarget, index: label, joint: w.joint(joint{blocks: 1, operands: len(v.operands)})})
			w.way(v.meeting(label))
		}
		w.note(event{kind: evStop})
	}
	f.stopped = true
}

// home counts a branch that may leave the function: where events are traced, it calls the host.
func (v *validator) home(label uint32) {
	if int(label) == len(v.frames)-1 {
		v.work.make(sizeCall, 1)
	}
}

// meeting returns where the ways to a label meet.
func (v *validator) meeting(label uint32) *meeting {
	return &v.frames[len(v.frames)-1-int(label)].meeting
}

// merge counts the end of a block that has been shut, and where the ways meet that lead out of it.
func (v *validator) merge(f *frame) {
	if f.dead || !v.bounded || v.err != nil {
		return
	}
	w := &v.work
	switch {
	case f.op == OpLoop:
		v.around(f)
		return
	case !f.stopped:
		w.way(&f.meeting)
	}
	if v.in.Op == OpElse {
		w.note(event{kind: evElse})
		f.left = f.ways
		w.resume(f.head)
		return
	}
	if f.op == OpIf { // the other way goes past it
		end := w.point
		w.resume(f.head)
		w.way(&f.meeting)
		if f.ways == 1 {
			f.stopped = false
		} else {
			w.point = end
		}
	}
	if f.op == OpIf && f.ways > 1 || f.left > 0 && f.ways > f.left { // ways part before it that meet here
		f.deep = min(f.deep, f.head.deep)
	}
	v.meet(f)
	v.nests(f.nested)
}

// nests counts for the block around one how deep it is nested.
func (v *validator) nests(deep int) {
	v.work.highest = max(v.work.highest, deep)
	if len(v.frames) > 0 {
		up := &v.frames[len(v.frames)-1]
		up.nested = max(up.nested, deep)
		if up.jumped {
			up.after = max(up.after, deep)
		}
	}
}

// meet goes on after a block to whose end all ways have been counted.
func (v *validator) meet(f *frame) {
	w := &v.work
	e := event{kind: evEnd}
	switch {
	case f.ways == 0:
		if len(v.frames) > 0 {
			v.frames[len(v.frames)-1].stopped = true
		}
	case f.ways == 1 && !f.stopped:
		w.step()
	case f.ways == 1:
		w.resume(f.last)
	default:
		w.blocks++
		e.joint = w.joint(joint{blocks: 1, operands: len(v.operands), params: len(f.end), ways: f.ways, walked: f.walked, height: f.after})
		if f.jumped {
			f.nested = max(f.nested, f.after+1)
		}
		w.changed(e.joint, f.setsBefore)
		w.met += f.ways * far(f.deepAll/f.ways-f.deep)
		w.meet(f.deep, f.bounds)
	}
	w.note(e)
}

// around counts the end of a loop. Only now it is known what leads to its head.
func (v *validator) around(f *frame) {
	w := &v.work
	j := &w.joints[f.joint]
	f.nested++
	j.ways, j.walked, j.height = f.ways, f.walked, f.nested
	w.changed(f.joint, f.setsBefore)
	if f.ways == 1 { // nothing leads back: the chain goes on through it
		w.at += f.head.at
	}
	v.nests(f.nested)
	if f.stopped && len(v.frames) > 0 {
		v.frames[len(v.frames)-1].stopped = true
	}
	w.step()
	w.note(event{kind: evLoopEnd, index: f.loop})
}
