package wasm

import (
	"math/bits"
	"slices"
)

// A framer counts what the frame of a function holds on the engine's stack: the values that need a slot. wazero's compiler gives one
// to each value that is alive over a call, and to values that find no register. A value is what a local has between two of its
// settings, what it has where ways meet that set it differently, and what lies on the stack of operands. All else, such as constants
// and what is used at once, stays in registers.
type framer struct {
	m     *Module
	s     *scan
	infos []info
	spans []span   // blocks in the order in which they open; the body is the first
	words int      // of a set of locals
	sets  []locals // by span: what is set in it
	late  []locals // by span: what is set in it after the first branch to its label, or in a block inside that has it
	heads []locals // by span: what is alive at the head of a loop

	from       []int32 // by height: the local, or after them the global, that an operand is; −1: none
	live, over locals  // of the way back through the text: alive here; and used only behind a call
	kept, hot  locals  // the same of what is loaded once and used until a call: see keep
	fixed      locals  // of those, what calls do not change
	calm       bool    // nothing has been kept since the last call, on the way back
	alive      tally   // of live
	held       tally   // of kept
	out        locals  // alive where this stretch of straight code ends
	keptOut    locals
	floor      int32 // the operands that are
	ends       []state
	free       locals // for sets
	slots      int64  // int has 32 bits on some machines
	peak       int    // of what is alive at once
	tall       int    // the most operands
}

// registers is how many values surely stay in registers between calls. amd64 has 14 for numbers, of which the engine keeps up to
// two for itself, and an instruction takes up to three.
const registers = 9

// near is how many operands, and for how many instructions a value, the compiler keeps in registers whatever else is alive: what is
// used soonest leaves last.
const near = 4

// An info is what is known of an instruction.
type info struct {
	bottom, after int32 // height of the operands when it has taken its own, and when it has given its results
	span          int32 // that it opens, divides or ends
	address       int32 // the local, or after them the global, that it accesses memory at; −1: another value
	dead          bool  // the way never comes here
	slots         int32 // how many operands may have slots when it has run
}

// A span is a block.
type span struct {
	op     Op
	height int32 // of the operands under it
	give   FuncType
	aimed  bool  // some branch goes to its label
	loop   int32 // the innermost loop that it is in, which may be itself; −1: none
	around int32 // the same without itself
	dead   bool  // its opening is never reached
}

// A state is what is alive at a label, and at the start of an else.
type state struct {
	span                           int32
	live, over, elseLive, elseOver locals
	elseKept, elseHot              locals
}

// locals is a set of them.
type locals []uint64

func (l locals) has(i uint32) bool { return l[i/64]>>(i%64)&1 != 0 }
func (l locals) add(i uint32)      { l[i/64] |= 1 << (i % 64) }
func (l locals) drop(i uint32)     { l[i/64] &^= 1 << (i % 64) }

func (l locals) join(o locals) {
	for i := range o {
		l[i] |= o[i]
	}
}

// joinBoth adds what is in both others.
func (l locals) joinBoth(a, b locals) {
	for i := range a {
		l[i] |= a[i] & b[i]
	}
}

func (l locals) count() (n int) {
	for _, w := range l {
		n += bits.OnesCount64(w)
	}
	return n
}

// both counts what is in l and o.
func (l locals) both(o locals) (n int) {
	for i := range o {
		n += bits.OnesCount64(l[i] & o[i])
	}
	return n
}

// without takes what is in o out of l.
func (l locals) without(o locals) {
	for i := range o {
		l[i] &^= o[i]
	}
}

// none returns an empty set.
func (f *framer) none() locals {
	if len(f.free) < f.words {
		f.free = make(locals, max(1024, f.words))
	}
	l := f.free[:f.words:f.words]
	f.free = f.free[f.words:]
	return l
}

func (f *framer) copy(l locals) locals {
	c := f.none()
	copy(c, l)
	return c
}

// slotsOf returns how many slots the function that has been scanned needs.
func (f *framer) slotsOf(s *scan, t FuncType) int64 {
	f.s, f.words, f.slots, f.peak, f.tall = s, int(s.locals+63)/64, 0, 0, 0
	f.keepers()
	f.walk(t)
	if slices.ContainsFunc(f.spans, func(s span) bool { return s.op == OpLoop }) {
		f.back(false)
		for i := range f.spans { // what is alive at the head of a loop is alive in all of it
			if s := &f.spans[i]; s.op == OpLoop && s.around >= 0 {
				f.heads[i].join(f.heads[s.around])
			}
		}
	}
	f.back(true)
	f.over.join(f.live) // the entry looks at the fuel, which may be a call
	params := f.none()
	for i := range t.Params {
		params.add(uint32(i))
	}
	f.slots += int64(f.live.both(params) + f.hot.count())
	f.operands()
	return f.slots
}
