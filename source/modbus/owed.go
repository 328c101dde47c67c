package modbus

// A shape is what can be told of an answer on a line without transactions: its function and its length.
type shape struct {
	table table
	size  int
}

// owed are the shapes of answers that a unit may still give, the oldest first: those of requests that had none. Which request a late
// one is of cannot be told by anything else.
type owed []shape

func shapeOf(r request) shape { return shape{r.table, r.table.size(r.n)} }

// with returns o with the answer of one more request.
func (o owed) with(r request) owed {
	return append(o.without(shapeOf(r)), shapeOf(r))
}

func (o owed) without(s shape) (rest owed) {
	for _, other := range o {
		if other != s {
			rest = append(rest, other)
		}
	}
	return rest
}

// has reports whether an answer of a table is owed, which may be an exception.
func (o owed) has(t table) bool {
	for _, s := range o {
		if s.table == t {
			return true
		}
	}
	return false
}

// tellable returns a request whose answer cannot be taken for one that is owed: for less of r if that will do, because the unit surely
// has it, or else for another table, or for more of r. If all shapes are owed it is the oldest: over a hundred requests were made since.
func (o owed) tellable(r request) request {
	const most = 250 // bytes
	step := 2
	if r.table.bits() {
		step = 1
	}
	last := r.table.size(r.n)
	for size := step; size < last; size += step {
		if other, free := o.ofSize(r, size); free {
			return other
		}
	}
	for _, t := range []table{input, holding, coil, discrete} {
		if !o.has(t) {
			return request{t, r.at, 1}
		}
	}
	for size := last + step; size <= most; size += step {
		if other, free := o.ofSize(r, size); free {
			return other
		}
	}
	oldest := o[0]
	return request{oldest.table, r.at, 1}.ofSize(oldest.size)
}

// ofSize returns the request for so many bytes from where r begins, and whether no such answer is owed.
func (o owed) ofSize(r request, size int) (other request, free bool) {
	other = r.ofSize(size)
	for _, s := range o {
		if s == shapeOf(other) {
			return other, false
		}
	}
	return other, true
}

// ofSize returns the request for so many bytes of the table, from where r begins if there are so many.
func (r request) ofSize(size int) request {
	n := size / 2
	if r.table.bits() {
		n = 8 * size
	}
	return request{r.table, uint16(min(int(r.at), 65536-n)), n}
}
