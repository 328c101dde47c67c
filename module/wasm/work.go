package wasm

// The work of compiling is estimated from the text of a module alone, so that every machine refuses the same modules. A unit was a
// nanosecond of wazero's compiler on one core of a busy AMD EPYC, and half of one on a quiet core. The prices are from generated
// functions of many shapes, most of which cost more here than was measured: docs/decisions/058 has the table.
//
// Straight code costs its instructions. What grows faster than the text is how blocks meet: the compiler goes through the blocks of
// a function once for each of them, through what is alive in each, and again for each value that has to be made anew where ways
// meet. The code that the rewriter adds has blocks too, so loops, memory.grow, memory.fill and memory.copy count as several.
const (
	// maxWork bounds the work of a module. Guests: 4.7 (std Go with encoding/json, regexp and fmt, 3.8 MB),
	// 0.4 (TinyGo) thousand millions.
	maxWork = 6_000_000_000

	workFunction    = 25_000 // its entry looks at the fuel, and at the depth
	workInstruction = 300
	workComputed    = 700   // a number out of others
	workAccess      = 5_000 // of memory
	workTrap        = 5_000 // division and truncation: they look for what traps
	workFloat       = 2_000 // its NaN is made canonical
	workCall        = 2_000
	workMoved       = 3_000  // each value that a call takes or gives, beyond two
	workTarget      = 5_000  // of br_table
	workLoop        = 60_000 // it looks at the fuel
	workNested      = 500    // each loop, for each local and each loop around it
	workBulk        = 100_000
	straightSquared = 30_000_000 // so many squared units of straight code cost one more: its values are allocated together

	// Of a function with j joints: j × j of workJoint, j × the locals of workLocal, j × the values made anew of workMerged;
	// workAlive for each value at each joint that it is alive at, workPassed for each that a branch gives for one made anew.
	workJoint  = 26
	workLocal  = 300
	workAlive  = 1_200
	workMerged = 7
	workPassed = 900
)

// A work is what a function has of each kind.
type work struct {
	straight uint64 // units of code without joints
	apart    uint64 // units of what has joints of its own
	joints   uint64 // where ways part or meet, with those that the rewriter adds
	alive    uint64 // operands that lie on the stack at all joints together
	merged   uint64 // values that blocks and loops make anew where ways meet
	passed   uint64 // values that branches give for those
	locals   uint64 // that are named at all
	sets     uint64 // how often locals were set
	lives    []life
}

// A life is where a local is alive, in the order of the text. Joints are counted from 1 on.
type life struct {
	first, last uint64 // joints when it was named; 0: never
	alive       uint64 // how many joints it is alive at; more than there are is all of them
}

// begin makes ready for a function of that many locals.
func (w *work) begin(locals int) {
	lives := w.lives[:0]
	if cap(lives) < locals {
		lives = make([]life, 0, locals)
	}
	lives = lives[:locals]
	clear(lives)
	*w = work{apart: workFunction, joints: 1, lives: lives}
}

// total returns the units of the function.
func (w *work) total() uint64 {
	alive := w.alive
	for i := range w.lives {
		alive += min(w.lives[i].alive, w.joints)
	}
	return w.apart + w.straight + w.straight*w.straight/straightSquared + w.joints*w.joints*workJoint +
		w.joints*w.locals*workLocal + alive*workAlive + w.joints*w.merged*workMerged + w.passed*workPassed
}

// get counts where a local was alive before it is read. One that was not set is alive from the function's start on.
func (w *work) get(local uint32) {
	l := &w.lives[local]
	if l.first == 0 {
		w.locals++
		l.first, l.last = 1, 1
	}
	l.alive += w.joints - l.last
	l.last = w.joints
}

// set notes that a local begins a new life.
func (w *work) set(local uint32) {
	l := &w.lives[local]
	if l.first == 0 {
		w.locals++
		l.first = w.joints
	}
	l.last = w.joints
	w.sets++
}

// around counts the locals that have been named before a loop and in it, which may be alive everywhere in it.
func (w *work) around(start uint64) {
	for i := range w.lives {
		if l := &w.lives[i]; l.first > 0 && l.first <= start && l.last > start {
			l.alive += w.joints - start
		}
	}
}

// join counts n joints, with that many operands on the stack.
func (w *work) join(n uint64, operands int) {
	w.joints += n
	w.alive += n * uint64(operands)
}

// effort counts the instruction that has been validated.
func (v *validator) effort() {
	w, op := &v.work, v.in.Op
	w.straight += workInstruction
	switch op {
	case OpIf:
		w.join(1, len(v.operands))
		v.aim(0)
	case OpBr, OpBrIf:
		w.join(1, len(v.operands))
		v.aim(v.in.Index)
	case OpLoop:
		w.apart += workLoop
		v.frames[len(v.frames)-1].joints = w.joints
		w.join(2, len(v.operands))
	case OpBrTable:
		w.apart += workTarget * uint64(len(v.d.Targets)+1)
		fresh := v.aim(v.in.Index)
		for _, label := range v.d.Targets {
			fresh += v.aim(label)
		}
		w.join(1+fresh, len(v.operands))
	case OpLocalGet:
		w.get(v.in.Index)
	case OpLocalSet, OpLocalTee:
		w.set(v.in.Index)
	case OpCall:
		w.call(v.m.FunctionType(v.in.Index))
	case OpCallIndirect:
		w.straight += workAccess
		w.call(v.m.Types[v.in.Index])
	case OpMemoryGrow:
		w.apart += workBulk
		w.join(2, len(v.operands))
	case OpMemoryCopy:
		w.apart += workBulk
		w.join(2, len(v.operands))
	case OpMemoryFill:
		w.apart += workBulk
		w.join(3, len(v.operands))
	default:
		w.straight += v.numeric(op)
	}
}

// call counts the values that a call moves.
func (w *work) call(t FuncType) {
	moved := len(t.Params) + len(t.Results)
	w.straight += workCall + workMoved*uint64(max(moved-2, 0))
}

// numeric returns what an instruction costs beyond what every one does.
func (v *validator) numeric(op Op) uint64 {
	o := &opcodes[op]
	switch {
	case o.imm == immMemory:
		return workAccess
	case op >= OpI32DivS && op <= OpI32RemU, op >= OpI64DivS && op <= OpI64RemU,
		op >= OpI32TruncF32S && op <= OpI32TruncF64U, op >= OpI64TruncF32S && op <= OpI64TruncF64U,
		op >= OpI32TruncSatF32S && op <= OpI64TruncSatF64U:
		return workTrap
	case o.types != "" && o.types[0] == ':': // constants, and the size of memory
		return 0
	case o.types != "" && (o.types[len(o.types)-1] == 'f' || o.types[len(o.types)-1] == 'F'):
		return workFloat
	case o.types != "" || op == OpSelect || op == OpSelectT:
		return workComputed
	}
	return 0
}

// aim notes a branch to a label, and returns 1 if it is the first one to it: a local that is set after that one has two values
// where the ways meet.
func (v *validator) aim(label uint32) uint64 {
	f := &v.frames[len(v.frames)-1-int(label)]
	if f.aims++; f.aims > 1 {
		return 0
	}
	f.setsBefore = v.work.sets
	return 1
}

// merge counts what a block that has been shut makes anew: its results, and each local that was set after the first branch to its
// end. A loop is come to from behind, so the compiler takes all locals for changed.
func (v *validator) merge(f *frame) {
	w := &v.work
	merged := uint64(0)
	switch {
	case f.op == OpLoop:
		merged = uint64(len(f.start)) + w.locals
		w.around(f.joints)
		w.apart += uint64(f.loops) * w.locals * workNested
	case f.aims > 0:
		merged = min(w.sets-f.setsBefore, w.locals) + uint64(len(f.end))
	}
	w.merged += merged
	w.passed += merged * f.aims
}

// doWork is what to do about a function that costs too much.
const doWork = "split the function, give it fewer locals and branches (several small functions for one large one), or build for size (-Os)"

// spend adds the function to the module's work, and refuses what goes beyond.
func (v *validator) spend() {
	cost := v.work.total()
	if v.spent += cost; cost > v.most {
		v.most, v.mostIn = cost, v.index()
	}
	if !v.bounded || v.spent <= maxWork || v.err != nil {
		return
	}
	v.refuse(doWork, "compiling the functions up to function %d costs %d units of work, at most %d, and this one costs most of all, %d",
		v.index(), v.spent, uint64(maxWork), v.most)
	v.err.Where.Function, v.err.Where.Offset = v.mostIn, -1
}
