package wasm

import "strings"

// The work of compiling is estimated from the text of a module alone, so that every machine refuses the same modules. A unit is about
// half a nanosecond of wazero's compiler on one quiet core of an AMD EPYC, and less for most. The code that the rewriter adds is
// compiled too, so entries, loops and bulk instructions are counted with what it adds to them.
//
// What is counted is what the passes of the compiler go through, so that no shape of code costs much more than it is estimated to:
// where blocks lead (work_branch.go), how far the compiler walks to find a value (work_trail.go), which addresses it knows
// (work_access.go), which names a value has (work_alias.go), and what is alive where (work_live.go). docs/decisions/058 has the measurements.
const (
	// maxWork bounds the work of a module. Guests: 3,120 million (std Go with encoding/json, regexp and fmt, 3.8 MB), 190 (TinyGo).
	maxWork = 4_100_000_000

	workType        = 20_000 // each has an entry of its own
	workTypeValue   = 600    // of its parameters and results
	workTyped       = 90     // each type, for each function: where events are traced, that declares three
	workDeclared    = 15     // each global, for each function
	workFunction    = 15_000
	workByte        = 20 // reached or not
	workTaken       = 25 // each operand of a call or a branch, reached or not: it is proven valid twice
	workInstruction = 60
	workConstant    = 250
	workSize        = 2_400 // memory.size
	workComputed    = 700   // a number out of others
	workAccess      = 700   // of memory, at an address that has been checked
	workChecked     = 4_500 // at another
	workTrap        = 3_200 // division: it looks for what traps
	workCall        = 1_500
	workIndirect    = 14_000 // for a call_indirect
	workReference   = 6_000  // table.get looks for what traps, ref.func calls the engine
	workMoved       = 250    // each value that a call takes or gives, beyond two
	workGlobal      = 280    // each mutable global, for each call: all are read again
	workKept        = 400    // global.set
	workBulk        = 20_000
	workTarget      = 2_000 // of br_table
	workBefore      = 3     // for each function, each block of the largest one before: the compiler keeps a table of them

	// A function that is larger than a processor's cache costs more than its parts: so many squared units cost one more.
	workCached = 12_000_000

	workBlock    = 3_000
	workPlain    = 400 // each that is not a loop or if
	workClimb    = 5   // for each way between blocks, each block that dominates it
	workCompared = 12  // each two ways that meet
	workWalked   = 14  // each block that the compiler walks back to find a value
	workMissed   = 60  // the same, where its table is in no cache
	workCleared  = 2   // each place in the tables of a function's blocks
	workFound    = 60  // each value that it looks for on one way
	workAlive    = 120 // each value, for each block that it is alive in
	workBound    = 30  // each address that has been checked, for each block
	workLost     = 5   // the same for each call, after which the memory may lie elsewhere
	workAlias    = 3   // each name of a value that the compiler goes along to find the value
	workPair     = 2   // each two values that a branch may give
	workPassed   = 200 // each value that a branch gives

	// The list of checked addresses of all blocks is kept until the function's end, so a long one is also a matter of memory.
	boundSquared = 20_000
)

// A work is what a function costs, as far as it has been read.
type work struct {
	globals  uint64 // that can change, with those of the rewriter
	spent    uint64 // units of what does not depend on how blocks meet
	taken    uint64 // operands that calls and branches take
	blocks   uint64
	largest  uint64 // the most blocks that a function before had
	made     size   // of instructions
	plain    uint64 // blocks that are no loops or ifs
	reloaded uint64 // globals, after calls

	operations uint64 // of an interpreter
	beside     uint64 // bytes that an interpreter keeps beside them

	trail
	flow
}

// begin makes ready for a function.
func (w *work) begin(locals, params, size int) {
	w.spent, w.taken, w.blocks = workFunction+workByte*uint64(size), 0, 0
	w.made, w.plain, w.reloaded = sizeFunction, 0, 0
	w.operations, w.beside = operationsFunction+uint64(locals-params), bytesLocal*uint64(locals-params)
	w.trail.begin(locals, w.globals)
	w.flow.begin(locals)
	w.look(params)
	w.look(params) // one for the fuel and one for the depth
}

// total returns the units of the function.
func (w *work) total() uint64 {
	w.flow.finish()
	linear := w.straight()
	linear += min(linear*linear/workCached, 5*linear/2)
	w.settle()
	w.swollen += w.noted
	return linear + (w.trail.walked+w.flow.walked)*w.walk() + min(w.swollen, (w.clock-w.start)*w.names)*workCleared + w.climbed*workClimb +
		(w.compared+w.met*uint64(2+w.highest)/3)*workCompared + w.bound*(workBound+w.bound/boundSquared) + w.lost*workLost + w.renamed*workAlias + (w.alive+w.held)*workAlive + w.found*workFound + w.pairs*workPair +
		w.passed*workPassed
}

// walk returns the units of a block that is walked. Large tables of what blocks define do not fit the processor's caches.
func (w *work) walk() uint64 { return workWalked + min(w.swollen/1000, workMissed) }

// straight returns the units of what grows with the text alone.
func (w *work) straight() uint64 { return w.spent + w.taken*workTaken + w.blocks*workBlock }

// least returns units that the function costs whatever follows.
func (w *work) least() uint64 {
	return w.straight() + w.trail.walked*workWalked + w.climbed*workClimb + w.lost*workLost + w.renamed*workAlias
}

// look counts a look at the fuel: a block that is hardly ever come to, with a call in it.
func (w *work) look(operands int) {
	w.call(0)
	w.blocks += 3
	before := w.deep
	w.climbed += 3 * far(before)
	w.note(event{kind: evHere, joint: w.joint(joint{blocks: 2, operands: operands})})
	w.step()
	w.note(event{kind: evHere, joint: w.joint(joint{blocks: 1, operands: operands, ways: 2, walked: 2})})
	w.meet(before, w.bounds)
}

// call counts a call that moves so many values. It may change the memory and all globals.
func (w *work) call(moved int) {
	w.spent += workCall + workMoved*uint64(max(moved-2, 0)) + workGlobal*w.globals
	w.make(sizeCall, 1)
	w.make(sizeMoved, uint64(moved))
	w.reloaded += w.globals
	w.lost += w.bounds
	w.defined += w.globals
	w.called = w.place
}

// effort counts an instruction that is reached and has been validated. Blocks that end are counted by [validator.merge].
func (v *validator) effort() {
	w, op := &v.work, v.in.Op
	fresh := 1 // operands on top that do not come from a local
	w.spent += workInstruction
	w.make(sizeInstruction, 1)
	v.aliases()
	switch op {
	case OpBlock, OpIf, OpLoop:
		v.opened(op)
		fresh = len(v.operands)
	case OpElse, OpEnd:
		fresh = len(v.operands)
	case OpBr, OpBrIf, OpReturn, OpBrTable, OpUnreachable:
		v.left(op)
	case OpLocalGet:
		w.note(event{kind: evGet, index: v.in.Index})
		w.read(&w.locals[v.in.Index])
		w.put(len(v.operands), v.in.Index)
		return
	case OpLocalSet, OpLocalTee:
		w.note(event{kind: evSet, index: v.in.Index})
		w.set(v.in.Index)
		fresh = 0
	case OpGlobalGet:
		w.reread(w.global(v.in.Index))
		w.make(sizeGlobal, 1)
	case OpGlobalSet:
		*w.global(v.in.Index) = kept{w.place, w.at}
		w.defined++
		w.spent += workKept
		w.make(sizeGlobal, 1)
	case OpCall:
		fresh = w.callOf(v.m.FunctionType(v.in.Index))
	case OpCallIndirect:
		w.spent += workIndirect
		w.make(sizeIndirect, 1)
		fresh = w.callOf(v.m.Types[v.in.Index])
	case OpMemoryGrow, OpMemoryCopy:
		v.bulkWork(2)
	case OpMemoryFill: // which the compiler makes a loop
		v.bulkWork(4)
	case OpDrop:
		fresh = 0
	default:
		v.plainWork(op)
	}
	w.forget(len(v.operands) - fresh)
}

// bulkWork counts an instruction with a length, as so many looks at the fuel.
func (v *validator) bulkWork(looks int) {
	v.work.cost(workBulk, sizeBulk)
	for range looks {
		v.work.look(len(v.operands))
	}
}

// callOf counts a call of a function of a type, and returns how many values it gives.
func (w *work) callOf(t FuncType) int {
	w.call(len(t.Params) + len(t.Results))
	return len(t.Results)
}

// plainWork counts what an instruction costs that goes nowhere.
func (v *validator) plainWork(op Op) {
	w, o := &v.work, &opcodes[op]
	switch {
	case o.imm == immMemory:
		if n := len(v.operands); o.types[len(o.types)-1] == ':' {
			w.access(n, &v.in)
		} else {
			w.access(n-1, &v.in)
		}
	case op >= OpI32DivS && op <= OpI32RemU, op >= OpI64DivS && op <= OpI64RemU:
		w.cost(workTrap, sizeDivided)
	case op == OpTableGet || op == OpRefFunc:
		w.cost(workReference, sizeReference)
	case op == OpMemorySize:
		w.cost(workSize, sizeMemory)
	case op == OpF32Const || op == OpF64Const:
		w.cost(workConstant, sizeLiteral)
	case o.types != "" && o.types[0] == ':':
		w.cost(workConstant, sizeConstant)
	case strings.ContainsAny(o.types, "fF"):
		w.cost(floatWork(op))
	case o.types != "" || op == OpSelect || op == OpSelectT || op == OpRefIsNull:
		w.cost(workComputed, sizeComputed)
	}
}

// doWork is what to do about a function that costs too much.
const doWork = "split the function, give it fewer locals and branches (several small functions for one large one), or build for size (-Os)"

// baseWork returns what a module costs before its first function.
func (m *Module) baseWork() uint64 {
	spent, types := uint64(workType), uint64(len(m.Types)+1) // one without parameters and results, for what the rewriter calls
	for _, t := range m.Types {
		spent += workType + workTypeValue*uint64(len(t.Params)+len(t.Results))
	}
	blocks := map[string]bool{} // types that the rewriter gives to blocks around functions
	var key []byte
	for _, t := range m.Functions {
		results := m.Types[t].Results
		if len(results) < 2 {
			continue
		}
		if key = appendFuncType(key[:0], FuncType{Results: results}); !blocks[string(key)] {
			blocks[string(key)] = true
			spent += workType + workTypeValue*uint64(len(results))
		}
	}
	types += uint64(len(blocks))
	return spent + uint64(len(m.Functions))*(workTyped*types+workDeclared*uint64(len(m.globals)))
}

// mutable returns how many globals can change.
func mutable(globals []GlobalType) uint64 {
	n := uint64(0)
	for _, g := range globals {
		if g.Mutable {
			n++
		}
	}
	return n
}

// early refuses a function that costs too much already, since what has been noted of it takes memory.
func (v *validator) early() {
	if cost := v.work.least(); v.spent+cost > maxWork {
		v.spend(cost)
	}
}

// spend adds the function to the module's work, and refuses what goes beyond.
func (v *validator) spend(cost uint64) {
	if cost > v.most {
		v.most, v.mostIn = cost, v.index()
	}
	v.spent += cost + v.work.largest*workBefore
	v.work.largest = max(v.work.largest, v.work.clock-v.work.start)
	if v.spent <= maxWork || v.err != nil {
		return
	}
	if v.base > maxWork/2 {
		v.refuse(doSmaller, "compiling costs more than %d units of work, and %d of them for %d functions that each go through %d types and %d globals",
			uint64(maxWork), v.base, len(v.m.Functions), len(v.m.Types), len(v.m.globals))
		v.err.Where = Where{Section: SectionType, Function: -1, Offset: -1}
		return
	}
	v.refuse(doWork, "compiling the functions up to function %d costs %d units of work, at most %d, and this one costs most of all, %d",
		v.index(), v.spent, uint64(maxWork), v.most)
	v.err.Where.Function, v.err.Where.Offset = v.mostIn, -1
}
