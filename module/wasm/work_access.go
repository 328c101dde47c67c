package wasm

// An access of memory is checked against its size, but for one at an address that has been checked on the way that leads to it, with
// an offset at least as large. What lies on the operand stack is followed as far as it was read from a local.

// An origin is where an operand comes from.
type origin struct {
	local uint32
	sets  uint64 // the number of the set that gave the local its value; 0: the operand comes from somewhere else
}

// A checked is what is known of an address in a local.
type checked struct {
	place
	sets  uint64 // as in origin
	bound uint64 // up to where
}

// put notes that the operand on top comes from a local.
func (w *work) put(operands int, local uint32) {
	for len(w.origins) < operands {
		w.origins = append(w.origins, origin{})
	}
	w.origins[operands-1] = origin{local, w.lastSet[local] + 1}
}

// forget notes that the operands from n on come from somewhere else.
func (w *work) forget(n int) {
	if n < len(w.origins) {
		clear(w.origins[max(n, 0):])
		w.origins = w.origins[:max(n, 0)]
	}
}

// access counts an access of memory at the address that lay at the n-th place of the operand stack.
func (w *work) access(n int, in *Instr) {
	w.reread(&w.memory)
	w.reread(&w.memory) // its base and its size
	end := uint64(in.Second) + 8
	from := origin{}
	if n < len(w.origins) {
		from = w.origins[n]
	}
	if from.sets == 0 {
		w.cost(workChecked, sizeChecked)
		w.bounds++
		return
	}
	c := &w.known[from.local]
	_, there := w.back(&c.place)
	switch there = there && c.sets == from.sets; {
	case there && end <= c.bound:
		w.cost(workAccess, sizeAccess)
	case there:
		w.cost(workChecked, sizeChecked)
		c.bound = end
	default:
		w.cost(workChecked, sizeChecked)
		w.bounds++
		*c = checked{w.place, from.sets, end}
	}
}
