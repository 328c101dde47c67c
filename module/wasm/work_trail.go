package wasm

// The compiler finds the value of a local by walking back, block by block, to where it was set. Blocks that are come to in one way
// only make chains; where ways meet it notes what it has found, and a new chain begins.

// A place is one in the text, as blocks see it. The zero place is in no chain.
type place struct {
	chain uint64 // its number; chains of all functions are counted, from 1 on
	at    uint64 // blocks of the chain before
	time  uint64 // blocks before, of all functions
}

// A kept is where a value was read that is not a local: a global, or the base of memory.
type kept struct {
	place
	used uint64 // the last block of the chain that uses it
}

// A point is a place, with what the compiler knows there.
type point struct {
	place
	deep   uint64 // blocks that dominate it
	bounds uint64 // addresses of memory that have been found good
	since  uint64 // a time: what was set before may lie on a way that does not lead here
}

// A trail is the point in question, and what has been gone through before it.
type trail struct {
	point
	locals  []place  // where each was set last
	lastSet []uint64 // the number of the last time
	known   []checked
	origins []origin // of operands
	sets    uint64   // how often locals of all functions were set
	values  []kept   // globals
	memory  kept
	called  place // the last call

	chains, clock uint64 // so far
	first         uint64 // the chain that the function begins with
	zeros         uint64 // shifts of the function by what may be zero
	last          Instr  // the last instruction that is reached

	walked   uint64 // blocks, to find values, far ones as several
	climbed  uint64 // blocks that dominate others, for all ways between blocks, far ones as several
	compared uint64 // ways to one place
	met      uint64 // blocks, far ones as several, from the ways that meet up to one that dominates all
	bound    uint64 // addresses that have been found good, for all blocks
	lost     uint64 // the same for all calls
	renamed  uint64 // names of values, for all that use them
	held     uint64 // blocks in which a kept value is alive

	start   uint64 // the time at which the function begins
	names   uint64 // locals and globals that can change
	defined uint64 // of them, in this block; one that is set twice twice
	swollen uint64 // of them, in blocks of all functions, beyond what a block mostly has
}

// usual is how many locals a block sets that swells no table.
const usual = 256

// settle counts what the block has defined that ends here. The compiler has a table of it for each block, and never gives one back: one
// that was large is slow to clear and to look into for all functions after it.
func (w *trail) settle() {
	w.swollen += max(min(w.defined, w.names), usual) - usual
	w.defined = 0
}

// far returns how many blocks of a short chain cost as much to go along as n of one that long. The compiler goes along chains again
// and again, and what it has seen of a long one has left the processor's caches when it comes there anew: the first of them after some
// 250 blocks, the second after some 6,000.
func far(n uint64) uint64 { return n + n*min(n, 256)/128 + n*min(n, 6000)/600 }

func (w *trail) begin(locals int, globals uint64) {
	w.start, w.names, w.defined = w.clock, uint64(locals)+globals, 0
	for len(w.locals) < locals {
		w.locals, w.lastSet, w.known = append(w.locals, place{}), append(w.lastSet, 0), append(w.known, checked{})
	}
	w.walked, w.climbed, w.compared, w.met, w.bound, w.lost, w.renamed, w.held = 0, 0, 0, 0, 0, 0, 0, 0
	w.origins = w.origins[:0]
	w.point = point{}
	w.meet(0, 0)
	w.first, w.zeros, w.last = w.chain, 0, Instr{}
}

// step goes on to the next block of the chain.
func (w *trail) step() {
	w.settle()
	w.clock++
	w.at, w.time = w.at+1, w.clock
	w.deep++
	w.bound += w.bounds
	w.climbed += far(w.deep)
}

// meet begins a chain, where that is known on all ways.
func (w *trail) meet(deep, bounds uint64) {
	w.settle()
	w.chains++
	w.clock++
	w.point = point{place: place{chain: w.chains, time: w.clock}, deep: deep + 1, bounds: bounds}
	w.bound += w.bounds
	w.climbed += far(w.deep)
}

// resume goes on from a point before, to which what has been set since is not known.
func (w *trail) resume(p point) {
	w.point = p
	w.since = w.clock + 1
	w.step()
}

// back returns how many blocks the compiler walks to find what was set at p, and whether that is on this chain.
func (w *trail) back(p *place) (uint64, bool) {
	if p.chain == w.chain && p.time >= w.since {
		return w.at - p.at, true
	}
	return w.at, false
}

// read counts a walk.
func (w *trail) read(p *place) {
	n, _ := w.back(p)
	w.walked += far(n)
}

// set notes that a local has another value.
func (w *trail) set(i uint32) {
	w.sets++
	w.defined++
	w.lastSet[i] = w.sets
	w.locals[i] = w.place
}

// reread counts a walk to a kept value, which is read anew if it is not on this chain.
func (w *trail) reread(k *kept) {
	if w.called.time > k.time {
		*k = kept{w.called, w.called.at}
	}
	n, there := w.back(&k.place)
	w.walked += far(n)
	if there {
		w.held += w.at - min(k.used, w.at)
		k.used = w.at
		return
	}
	*k = kept{w.place, w.at}
}

func (w *trail) global(i uint32) *kept {
	for len(w.values) <= int(i) {
		w.values = append(w.values, kept{})
	}
	return &w.values[i]
}
