package wasm

import "math/bits"

// A local is alive where its value may still be read. The text is gone through backwards for that, with a set of locals; branches
// take over what is alive at their label. What is alive at the head of a loop is known only when its head has been come to, so
// loops are gone through again until nothing changes, and never more than mostPasses times.

// An event is what the liveness of locals depends on.
type event struct {
	kind  eventKind
	index uint32 // of a local or label
	joint int32  // 0: none
}

type eventKind uint8

const (
	evGet eventKind = iota
	evSet
	evOpen // a block begins
	evIf   // an if begins, and ways part
	evElse
	evEnd  // a block or if ends, and ways may meet
	evLoop // the head of a loop, where ways meet
	evLoopEnd
	evBr // or return
	evBrIf
	evTarget // one of a br_table
	evStop   // no way leads on from here
	evHere   // a joint of what the rewriter adds
)

// A joint is where ways part or meet.
type joint struct {
	blocks   int // that are made
	operands int
	params   int    // operands that are given to it
	ways     uint64 // that meet
	walked   uint64 // blocks of the chains that lead to it
	height   int    // rounds of the compiler until it knows which of its values are one
	changed  int    // where the set of locals begins that may have several values; -1: none
}

// mostPasses bounds how often a function is gone through. Loops that are nested deeper count what is alive around them as alive in them.
const mostPasses = 5

// A flow is what leads where in a function.
type flow struct {
	events  []event
	joints  []joint
	words   int      // of a set of locals
	several []uint64 // sets of locals that may have two values
	highest int      // the most rounds
	walked  uint64   // blocks that are walked to find what is alive where ways meet

	live  []uint64
	heads []uint64 // sets of locals, of all loops
	loops int      // so far
	open  []opened
	saved []uint64 // two sets for each open block

	alive   uint64 // values, for all blocks
	found   uint64 // values that are looked for, for all ways
	pairs   uint64 // of values that branches may give
	passed  uint64 // values that branches give
	crowded uint64 // the same, beyond what the processor's registers hold

	noted uint64 // as swollen of trail, where ways meet: the compiler notes there what it has looked for
}

// An opened is a block whose end has been gone through.
type opened struct {
	loop   int // its number; -1: none
	parted bool
}

func (w *flow) begin(locals int) {
	*w = flow{
		events: append(w.events[:0], event{kind: evOpen}), joints: append(w.joints[:0], joint{}), words: (locals + 63) / 64,
		several: w.several[:0], live: w.live, heads: w.heads, open: w.open, saved: w.saved,
	}
}

func (w *flow) note(e event) { w.events = append(w.events, e) }

func (w *flow) joint(j joint) int32 {
	j.changed = -1
	w.joints = append(w.joints, j)
	return int32(len(w.joints) - 1)
}

// changed notes the locals that were set after so many sets.
func (w *work) changed(j int32, before uint64) {
	w.joints[j].changed = len(w.several)
	for i := range w.words {
		set := uint64(0)
		for k, last := range w.lastSet[i*64 : min(i*64+64, len(w.lastSet))] {
			if last > before {
				set |= 1 << k
			}
		}
		w.several = append(w.several, set)
	}
}

// finish finds out what is alive, and counts it.
func (w *flow) finish() {
	w.live, w.heads = cleared(w.live, w.words), cleared(w.heads, w.loops*w.words)
	done := w.loops == 0
	for i := 0; i < mostPasses && !done; i++ {
		done = w.pass(false, false)
	}
	w.pass(!done, true)
}

// cleared returns n words of zero, in the memory of b if that is enough.
func cleared(b []uint64, n int) []uint64 {
	if cap(b) < n {
		return make([]uint64, n)
	}
	clear(b[:n])
	return b[:n]
}

// pass goes through the function once, from its end, and reports whether it has found nothing new. Wide takes what is alive at the
// head of a loop for alive at the heads of all loops in it.
func (w *flow) pass(wide, count bool) bool {
	clear(w.live)
	w.open = w.open[:0]
	same := true
	for i := len(w.events) - 1; i >= 0; i-- {
		e := &w.events[i]
		switch e.kind {
		case evGet:
			w.live[e.index/64] |= 1 << (e.index % 64)
		case evSet:
			w.live[e.index/64] &^= 1 << (e.index % 64)
		case evEnd:
			w.count(e, w.live, count)
			copy(w.push(-1), w.live)
		case evLoopEnd:
			w.around(int(e.index), wide)
		case evLoop:
			w.count(e, w.live, count)
			same = w.head() && same
			w.pop()
		case evElse:
			copy(w.other(), w.live)
			copy(w.live, w.label(0))
			w.open[len(w.open)-1].parted = true
		case evIf:
			w.unite(w.live, w.past())
			w.count(e, w.live, count)
			w.pop()
		case evOpen:
			w.pop()
		case evBr:
			copy(w.live, w.label(e.index))
		case evBrIf:
			w.unite(w.live, w.label(e.index))
			w.count(e, w.live, count)
		case evTarget:
			w.unite(w.live, w.label(e.index))
			w.count(e, w.label(e.index), count)
		case evStop:
			clear(w.live)
		case evHere:
			w.count(e, w.live, count)
		}
	}
	return same
}

// push begins a block, and returns the set of what is alive at its label.
func (w *flow) push(loop int) []uint64 {
	w.open = append(w.open, opened{loop: loop})
	for len(w.saved) < 2*w.words*len(w.open) {
		w.saved = append(w.saved, 0)
	}
	return w.label(0)
}

func (w *flow) pop() { w.open = w.open[:len(w.open)-1] }

// label returns what is alive at the label of a block that is open.
func (w *flow) label(label uint32) []uint64 {
	i := len(w.open) - 1 - int(label)
	if loop := w.open[i].loop; loop >= 0 {
		return w.heads[loop*w.words:][:w.words]
	}
	return w.saved[2*i*w.words:][:w.words]
}

// other returns the set of what is alive at the else of the innermost block.
func (w *flow) other() []uint64 { return w.saved[(2*len(w.open)-1)*w.words:][:w.words] }

// past returns what is alive where an if leads to if not to what follows it.
func (w *flow) past() []uint64 {
	if w.open[len(w.open)-1].parted {
		return w.other()
	}
	return w.label(0)
}

// around begins a loop at its end.
func (w *flow) around(loop int, wide bool) {
	outer := []uint64(nil)
	for i := len(w.open) - 1; i >= 0 && wide && outer == nil; i-- {
		if w.open[i].loop >= 0 {
			outer = w.label(uint32(len(w.open) - 1 - i))
		}
	}
	head := w.push(loop)
	w.unite(head, outer)
}

// head takes what is alive at the head of the innermost block, a loop, and reports whether that was known.
func (w *flow) head() bool {
	head, same := w.label(0), true
	for i, set := range w.live {
		same = same && set&^head[i] == 0
		head[i] |= set
	}
	return same
}

func (w *flow) unite(a, b []uint64) {
	for i := range b {
		a[i] |= b[i]
	}
}

// few is how many values a branch has to give before going through them costs more than beginning to.
const few = 24

// count counts a joint where these locals are alive.
func (w *flow) count(e *event, live []uint64, really bool) {
	if !really || e.joint == 0 {
		return
	}
	j := &w.joints[e.joint]
	all, several, params, height := uint64(0), uint64(0), uint64(j.params), uint64(j.height)
	for i, set := range live {
		all += uint64(bits.OnesCount64(set))
		if j.changed >= 0 {
			several += uint64(bits.OnesCount64(set & w.several[j.changed+i]))
		}
	}
	w.alive += uint64(j.blocks) * (all + uint64(j.operands))
	if j.ways == 0 {
		return
	}
	all, several = all+params, several+params
	w.walked += (all + several - params) * j.walked
	w.found += all * j.ways
	w.pairs += j.ways * (all*(all+few)*(1+height) + several*(several+few)*(2+uint64(w.highest)))
	w.passed += j.ways * several
	w.crowded += j.ways * (max(several, registers) - registers)
	w.noted += max(all, usual) - usual
}
